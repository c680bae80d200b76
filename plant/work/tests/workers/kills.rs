//! Workers are killed at any time: nothing is lost, and no two workers do a job at once within a
//! lease.

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use sqal_storage::Queue;
use sqal_storage::queue::{JobId, JobQuery, JobState};
use sqal_work::{Work, WorkConfig, WorkError};
use tokio::time::{Instant, sleep};

use super::bench::{Bench, Line, Process, Wire, done, seconds};

/// The steps of all runs: of each job, the run that made the newest step, by its number.
#[derive(Clone, Default)]
struct Steps(Arc<Mutex<Noted>>);

#[derive(Default)]
struct Noted {
    runs: u64,
    newest: BTreeMap<JobId, (u64, Instant)>,
    overlaps: Vec<String>,
    ended: BTreeMap<JobId, u32>,
}

impl Steps {
    /// Notes a step of a run. A run that goes on after a later run of its job has begun overlaps
    /// with it.
    fn step(&self, job: JobId, run: u64) {
        let mut noted = self.0.lock().unwrap();
        let newest = noted.newest.get(&job).copied();
        match newest {
            Some((newer, _)) if newer > run => {
                noted.overlaps.push(format!("run {run} of job {job} goes on beside run {newer}"));
            }
            _ => {
                noted.newest.insert(job, (run, Instant::now()));
            }
        }
    }

    /// A work of five to twenty seconds that notes each of its steps. In a process that was killed
    /// it stands still.
    fn work(&self, wire: Wire) -> Arc<dyn Work> {
        let steps = self.clone();
        done(move |job, _| {
            let (steps, wire) = (steps.clone(), wire.clone());
            async move {
                let run = {
                    let mut noted = steps.0.lock().unwrap();
                    noted.runs += 1;
                    noted.runs
                };
                for _ in 0..5 + job.id.number() % 16 {
                    if wire.is_dead() {
                        std::future::pending::<()>().await;
                    }
                    steps.step(job.id, run);
                    sleep(seconds(1)).await;
                }
                *steps.0.lock().unwrap().ended.entry(job.id).or_default() += 1;
                if job.body == "again" && job.attempts == 1 {
                    return Err(WorkError::transient("once more"));
                }
                Ok(String::new())
            }
        })
    }
}

/// What happens to a process.
#[derive(Clone, Copy, Debug)]
enum Blow {
    /// It is killed, and another one takes its place.
    Kill,
    /// It ends in order, and another one takes its place.
    Stop,
    /// The database does not answer it for a while.
    Cut(u64),
}

fn blows() -> impl Strategy<Value = Vec<(u64, usize, Blow)>> {
    let blow = prop_oneof![2 => Just(Blow::Kill), 1 => Just(Blow::Stop), 2 => (1..90_u64).prop_map(Blow::Cut)];
    prop::collection::vec((0..30_000_u64, 0..3_usize, blow), 0..25)
}

async fn strike(bench: &Bench, blows: Vec<(u64, usize, Blow)>) -> (Steps, Vec<JobId>) {
    let (steps, mut jobs) = (Steps::default(), Vec::new());
    let config = WorkConfig { at_once: NonZeroU16::new(2).unwrap(), ..WorkConfig::default() };
    let begin = |number: usize| -> Process {
        let wire = Wire::default();
        bench.worker_on(wire.clone(), &format!("process {number}"), steps.work(wire), config)
    };
    let mut processes: Vec<Process> = (0..3).map(begin).collect();
    for number in 0..12 {
        jobs.push(bench.enqueue(if number % 3 == 0 { "again" } else { "" }, 1_000).await);
    }
    for (number, (millis, of, blow)) in blows.into_iter().enumerate() {
        sleep(Duration::from_millis(millis)).await;
        match blow {
            Blow::Kill => {
                processes[of].wire.set(Line::Dead);
                processes[of] = begin(10 + number);
            }
            Blow::Stop => {
                processes[of].shutdown.begin("stop");
                processes[of] = begin(10 + number);
            }
            Blow::Cut(for_seconds) => {
                let wire = processes[of].wire.clone();
                wire.set(Line::Down);
                tokio::spawn(async move {
                    sleep(seconds(for_seconds)).await;
                    if !wire.is_dead() {
                        wire.set(Line::Up);
                    }
                });
            }
        }
    }
    for job in &jobs {
        bench.ended(*job).await;
    }
    (steps, jobs)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_and_no_two_runs_of_a_job_overlap(blows in blows()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let bench = Bench::new();
            let (steps, jobs) = strike(&bench, blows).await;
            let noted = steps.0.lock().unwrap();
            prop_assert!(noted.overlaps.is_empty(), "{:?}", noted.overlaps);
            for job in &jobs {
                prop_assert!(noted.ended.contains_key(job), "job {job} was not done");
            }
            Ok(())
        })?;
    }
}

#[tokio::test(start_paused = true)]
async fn the_job_of_a_killed_worker_is_done_again_after_its_lease_and_not_before() {
    let bench = Bench::new();
    let steps = Steps::default();
    let wire = Wire::default();
    let killed = bench.worker_on(wire.clone(), "killed", steps.work(wire), WorkConfig::default());
    let id = bench.enqueue("", 2).await;
    sleep(seconds(3)).await;
    killed.wire.set(Line::Dead);
    let wire = Wire::default();
    let _other = bench.worker_on(wire.clone(), "other", steps.work(wire), WorkConfig::default());
    sleep(seconds(26)).await;
    assert_eq!(bench.job(id).await.attempts, 1, "the lease of the killed worker lasts 30 seconds");
    let job = bench.ended(id).await;
    assert_eq!((job.state, job.attempts), (JobState::Succeeded, 2));
    let all = bench.queue.jobs(&JobQuery::newest(NonZeroU16::MAX)).await.unwrap();
    assert_eq!(all.len(), 1);
}
