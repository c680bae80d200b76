//! Leases: renewed while a run goes on, and no run outlives its lease.

use std::num::NonZeroU16;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqal_storage::Queue;
use sqal_storage::queue::{JobState, Lease};
use sqal_work::{Work, WorkConfig};
use tokio::time::sleep;

use super::bench::{Bench, Line, Wire, done, kind, seconds};

/// Counts the seconds that a work is under way, and its runs.
#[derive(Clone, Default)]
struct Count {
    seconds: Arc<AtomicU32>,
    runs: Arc<AtomicU32>,
    /// The runs that were dropped before they had ended.
    dropped: Arc<AtomicU32>,
}

impl Count {
    /// A work that takes this many seconds.
    fn work(&self, takes: u32) -> Arc<dyn Work> {
        let count = self.clone();
        done(move |_, running| {
            let count = count.clone();
            count.runs.fetch_add(1, Ordering::Relaxed);
            async move {
                let mut guard = Dropped(Some(Arc::clone(&count.dropped)));
                for _ in 0..takes {
                    sleep(seconds(1)).await;
                    count.seconds.fetch_add(1, Ordering::Relaxed);
                    running.more(1);
                }
                guard.0 = None;
                Ok("done".to_owned())
            }
        })
    }

    fn all(&self) -> (u32, u32, u32) {
        let of = |count: &AtomicU32| count.load(Ordering::Relaxed);
        (of(&self.seconds), of(&self.runs), of(&self.dropped))
    }
}

struct Dropped(Option<Arc<AtomicU32>>);

impl Drop for Dropped {
    fn drop(&mut self) {
        if let Some(count) = &self.0 {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_run_keeps_its_job_and_shows_its_progress() {
    let (bench, count) = (Bench::new(), Count::default());
    let _first = bench.worker("server 1", count.work(600), WorkConfig::default());
    let _second = bench.worker("server 2", count.work(600), WorkConfig::default());
    let id = bench.enqueue("", 3).await;
    sleep(seconds(300)).await;
    let progress = bench.job(id).await.progress.done;
    assert!((290..=300).contains(&progress), "{progress}");
    let job = bench.ended(id).await;
    assert_eq!((job.state, job.attempts, count.all()), (JobState::Succeeded, 1, (600, 1, 0)));
}

#[tokio::test(start_paused = true)]
async fn a_canceled_run_is_dropped_by_the_next_heartbeat_or_at_once_by_a_look() {
    for looks in [false, true] {
        let (bench, count) = (Bench::new(), Count::default());
        let process = bench.worker("server 1", count.work(600), WorkConfig::default());
        let id = bench.enqueue("", 3).await;
        sleep(Duration::from_millis(100_500)).await;
        bench.queue.cancel(id, bench.now()).await.unwrap();
        if looks {
            process.handle.look();
        }
        sleep(if looks { Duration::from_millis(10) } else { seconds(6) }).await;
        let (_, runs, dropped) = count.all();
        assert_eq!((runs, dropped, bench.job(id).await.state), (1, 1, JobState::Canceled));
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_job_has_passed_on_is_dropped_and_ends_nothing() {
    let (bench, count) = (Bench::new(), Count::default());
    let _first = bench.worker("server 1", count.work(600), WorkConfig::default());
    let id = bench.enqueue("", 3).await;
    sleep(seconds(10)).await;
    // A server whose clock is an hour ahead takes the job over.
    let later = Count::default();
    let second = bench.worker("server 2", later.work(5), WorkConfig::default());
    second.offset.store(3_600_000_000, Ordering::Relaxed);
    let job = bench.ended(id).await;
    assert_eq!(job.worker.map(|name| name.to_string()).as_deref(), Some("server 2"));
    sleep(seconds(6)).await;
    assert_eq!((later.all(), count.all().1, count.all().2), ((5, 1, 0), 1, 1));
    assert_eq!(bench.job(id).await, job, "the first run has changed nothing");
}

#[tokio::test(start_paused = true)]
async fn a_run_stands_still_while_its_lease_cannot_be_renewed_and_goes_on_after_that() {
    let (bench, count) = (Bench::new(), Count::default());
    let process = bench.worker("server 1", count.work(100), WorkConfig::default());
    let id = bench.enqueue("", 1).await;
    sleep(seconds(12)).await;
    process.wire.set(Line::Down);
    sleep(Duration::from_mins(20)).await;
    let stood = count.all().0;
    // The last renewal was at 10 seconds, and a lease lasts 30.
    assert!((38..=42).contains(&stood), "{stood} seconds");
    process.wire.set(Line::Up);
    let job = bench.ended(id).await;
    assert_eq!((job.state, job.attempts, count.all()), (JobState::Succeeded, 1, (100, 1, 0)));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_stood_still_is_dropped_if_its_job_has_passed_on() {
    let (bench, count) = (Bench::new(), Count::default());
    let first = bench.worker("server 1", count.work(100), WorkConfig::default());
    let id = bench.enqueue("", 2).await;
    sleep(seconds(12)).await;
    first.wire.set(Line::Down);
    let other = Count::default();
    let _second = bench.worker("server 2", other.work(100), WorkConfig::default());
    let job = bench.ended(id).await;
    assert_eq!((job.state, job.attempts), (JobState::Succeeded, 2));
    first.wire.set(Line::Up);
    sleep(seconds(12)).await;
    let (stood, runs, dropped) = count.all();
    assert!(stood <= 42 && runs == 1 && dropped == 1, "{stood} {runs} {dropped}");
    assert_eq!(other.all(), (100, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_step_of_the_wall_clock_does_not_end_the_lease_of_a_run() {
    for step in [-86_400_000_000, 86_400_000_000] {
        let (bench, count) = (Bench::new(), Count::default());
        let first = bench.worker("server 1", count.work(100), WorkConfig::default());
        let id = bench.enqueue("", 3).await;
        sleep(seconds(10)).await;
        let _second = bench.worker("server 2", count.work(100), WorkConfig::default());
        first.offset.store(step, Ordering::Relaxed);
        let job = bench.ended(id).await;
        assert_eq!((job.state, job.attempts, count.all()), (JobState::Succeeded, 1, (100, 1, 0)), "{step}");
    }
}

/// A machine is suspended for an hour: the clocks of all others go on, and its monotonic clock does
/// not. In the simulation its wall clock and that of the other server step by an hour.
const SUSPENDED: i64 = 3_600_000_000;

#[tokio::test(start_paused = true)]
async fn a_run_of_a_machine_that_was_suspended_makes_no_step_beside_its_successor() {
    let (bench, count, other) = (Bench::new(), Count::default(), Count::default());
    let first = bench.worker("server 1", count.work(600), WorkConfig::default());
    let id = bench.enqueue("", 3).await;
    sleep(Duration::from_millis(11_500)).await;
    let before = count.all().0;
    first.offset.store(SUSPENDED, Ordering::Relaxed);
    let second = bench.worker("server 2", other.work(5), WorkConfig::default());
    second.offset.store(SUSPENDED, Ordering::Relaxed);
    let job = bench.ended(id).await;
    assert_eq!((job.state, job.attempts, other.all()), (JobState::Succeeded, 2, (5, 1, 0)));
    // The next heartbeat is at 15 seconds; until then the first run would have made four steps.
    assert_eq!(count.all(), (before, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_run_of_a_machine_that_was_suspended_renews_its_lease_by_the_wall_clock_and_goes_on() {
    let (bench, count, other) = (Bench::new(), Count::default(), Count::default());
    let first = bench.worker("server 1", count.work(100), WorkConfig::default());
    let id = bench.enqueue("", 3).await;
    sleep(Duration::from_millis(11_500)).await;
    first.offset.store(SUSPENDED, Ordering::Relaxed);
    sleep(seconds(10)).await;
    let second = bench.worker("server 2", other.work(100), WorkConfig::default());
    second.offset.store(SUSPENDED, Ordering::Relaxed);
    let job = bench.ended(id).await;
    assert_eq!((job.state, job.attempts), (JobState::Succeeded, 1));
    assert_eq!((count.all(), other.all()), ((100, 1, 0), (0, 0, 0)));
}

#[tokio::test(start_paused = true)]
async fn a_worker_does_as_many_jobs_at_once_as_it_has_places() {
    let (bench, count) = (Bench::new(), Count::default());
    let config = WorkConfig { at_once: NonZeroU16::new(3).unwrap(), ..WorkConfig::default() };
    let _process = bench.worker("server 1", count.work(50), config);
    for _ in 0..7 {
        bench.enqueue("", 1).await;
    }
    let mut most = 0;
    for _ in 0..150 {
        sleep(seconds(1)).await;
        let counts = bench.queue.count_jobs().await.unwrap();
        let running = counts.iter().find(|count| count.state == JobState::Running).map_or(0, |count| count.jobs);
        most = most.max(running);
    }
    assert_eq!(most, 3);
    // Three rounds of 50 seconds, and a place is filled as soon as it is free.
    sleep(seconds(3)).await;
    assert_eq!(count.all(), (350, 7, 0));
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_a_worker_has_made_up_ends_nothing() {
    let (bench, count) = (Bench::new(), Count::default());
    let _process = bench.worker("server 1", count.work(10), WorkConfig::default());
    let id = bench.enqueue("", 1).await;
    sleep(seconds(5)).await;
    let end = sqal_storage::queue::JobEnd::Succeeded("made up".to_owned());
    for number in [0, 2, u64::MAX] {
        let lease = Lease { job: id, number };
        assert!(!bench.queue.end(&lease, bench.now(), &end).await.unwrap());
    }
    assert_eq!(bench.ended(id).await.result.as_deref(), Some("done"));
}

#[tokio::test(start_paused = true)]
async fn a_worker_waits_for_a_queue_that_does_not_answer() {
    let (bench, count) = (Bench::new(), Count::default());
    let wire = Wire::default();
    wire.set(Line::Down);
    let _process = bench.worker_on(wire.clone(), "server 1", count.work(1), WorkConfig::default());
    let id = bench.enqueue("", 1).await;
    sleep(seconds(600)).await;
    assert_eq!((bench.job(id).await.state, bench.job(id).await.kind), (JobState::Enqueued, kind()));
    wire.set(Line::Up);
    assert_eq!(bench.ended(id).await.state, JobState::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn a_run_sees_a_lease_that_has_time_left() {
    let bench = Bench::new();
    let least = Arc::new(Mutex::new(Duration::MAX));
    let noted = Arc::clone(&least);
    let work = done(move |_, running| {
        let noted = Arc::clone(&noted);
        async move {
            for _ in 0..300 {
                sleep(seconds(1)).await;
                let mut least = noted.lock().unwrap();
                *least = least.min(running.lease_left());
            }
            Ok(String::new())
        }
    });
    let _process = bench.worker("server 1", work, WorkConfig::default());
    let id = bench.enqueue("", 1).await;
    bench.ended(id).await;
    // A lease of 30 seconds is renewed every 5.
    let least = *least.lock().unwrap();
    assert!(least >= seconds(24) && least <= seconds(30), "{least:?}");
}
