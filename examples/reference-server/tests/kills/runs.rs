//! [`Runs`]: what the workers have told of their runs, and what must be true of it.

use std::collections::BTreeMap;

use sqal_storage::queue::{Job, JobId, JobState};

/// What a run has told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Begin,
    GoesOn,
    End,
}

/// A line of a worker about a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told {
    /// The number of the process.
    pub(crate) process: u64,
    pub(crate) step: Step,
    pub(crate) job: u64,
    pub(crate) attempt: u16,
    /// The wall time of the step, in microseconds.
    pub(crate) at: i64,
}

impl Told {
    /// The text form: step, job, attempt and time.
    pub(crate) fn line(step: Step, job: &Job, at: i64) -> String {
        let word = match step {
            Step::Begin => "begin",
            Step::GoesOn => "goes_on",
            Step::End => "end",
        };
        format!("{word} {} {} {at}", job.id, job.attempts)
    }

    pub(crate) fn read(process: u64, text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let step = match words.next()? {
            "begin" => Step::Begin,
            "goes_on" => Step::GoesOn,
            "end" => Step::End,
            _ => return None,
        };
        let (job, attempt) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        Some(Self { process, step, job, attempt, at: words.next()?.parse().ok()? })
    }
}

/// One run of a job.
#[derive(Clone, Copy, Debug)]
struct Run {
    process: u64,
    began: i64,
    /// The last step that the run has made.
    last: i64,
    has_ended: bool,
}

/// The runs of each job, by the number of its attempt.
#[derive(Debug, Default)]
pub(crate) struct Runs(BTreeMap<u64, BTreeMap<u16, Run>>);

/// What a run of the test prints.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) jobs: usize,
    pub(crate) failed: usize,
    pub(crate) runs: usize,
    /// Runs after the first of their job.
    pub(crate) repeated: usize,
    /// Runs of jobs whose work had ended before, and whose end was not stored.
    pub(crate) ended_before: usize,
}

impl Runs {
    /// Notes a line.
    ///
    /// # Panics
    ///
    /// If an attempt of a job was given to two runs: two workers have one lease.
    pub(crate) fn note(&mut self, told: Told) {
        let Told { process, step, job, attempt, at } = told;
        let runs = self.0.entry(job).or_default();
        if step == Step::Begin {
            let before = runs.insert(attempt, Run { process, began: at, last: at, has_ended: false });
            assert!(before.is_none(), "attempt {attempt} of job {job} runs twice: {before:?} and {told:?}");
            return;
        }
        let run = runs.get_mut(&attempt).unwrap_or_else(|| panic!("a run that has not begun goes on: {told:?}"));
        assert_eq!(run.process, process, "a run of another process goes on: {told:?}");
        (run.last, run.has_ended) = (at, step == Step::End);
    }

    /// Checks the runs of jobs that have ended, and counts them.
    ///
    /// # Panics
    ///
    /// If a job is open, if two of its runs overlap, if it ran after its end was stored, or if its
    /// end is not that of its last run.
    pub(crate) fn check(&self, jobs: &[Job], may_fail: impl Fn(&Job) -> bool) -> Figures {
        let mut figures = Figures { jobs: jobs.len(), ..Figures::default() };
        for job in jobs {
            let none = BTreeMap::new();
            let runs = self.0.get(&job.id.number()).unwrap_or(&none);
            check_end(job, runs, &may_fail);
            for ((attempt, earlier), (next, later)) in runs.iter().zip(runs.iter().skip(1)) {
                assert!(
                    earlier.last < later.began,
                    "attempts {attempt} and {next} of job {} overlap: {earlier:?}, {later:?}",
                    job.id
                );
            }
            figures.failed += usize::from(job.state == JobState::Failed);
            figures.runs += runs.len();
            figures.repeated += runs.len().saturating_sub(1);
            // The first attempt of these jobs fails, so its end is not the last.
            let has_failed = job.kind.as_str() == "again" && runs.get(&1).is_some_and(|run| run.has_ended);
            let ended = runs.values().filter(|run| run.has_ended).count();
            figures.ended_before += ended.saturating_sub(1 + usize::from(has_failed));
        }
        figures
    }

    /// Panics unless every acknowledged job is there.
    pub(crate) fn check_acknowledged(jobs: &[Job], acknowledged: &BTreeMap<String, JobId>) {
        let there: BTreeMap<_, _> =
            jobs.iter().map(|job| (job.id, format!("{} {}", job.kind, job.key.unwrap()))).collect();
        for (key, id) in acknowledged {
            assert_eq!(there.get(id), Some(key), "an acknowledged job is lost");
        }
        let keys: std::collections::BTreeSet<_> = there.values().collect();
        assert_eq!(keys.len(), jobs.len(), "two jobs have one key");
    }
}

/// How far the time of an end may be from the wall clock, in microseconds. It is the wall time of
/// the lease and the monotonic time since then; the process may pause between the two readings.
const CLOCKS: i64 = 200_000;

/// Panics unless a job has ended as its last run has.
fn check_end(job: &Job, runs: &BTreeMap<u16, Run>, may_fail: &impl Fn(&Job) -> bool) {
    let ended_at = job.ended_at.unwrap_or_else(|| panic!("job {} is {}", job.id, job.state)).micros();
    match job.state {
        JobState::Succeeded => {
            let attempt: u16 = job.result.as_deref().and_then(|result| result.parse().ok()).unwrap();
            assert_eq!(attempt, job.attempts, "job {}: its end is that of an earlier attempt", job.id);
            assert!(runs.get(&attempt).is_some_and(|run| run.has_ended), "job {}: {runs:?}", job.id);
        }
        JobState::Failed => {
            assert!(may_fail(job) && job.failure.is_some(), "{job:?}");
            assert!(job.is_last_attempt(), "{job:?}");
        }
        _ => panic!("{job:?}"),
    }
    for (attempt, run) in runs {
        assert!(*attempt <= job.attempts, "job {} has ended, and attempt {attempt} began", job.id);
        let began = run.began.saturating_sub(CLOCKS);
        assert!(began <= ended_at, "job {} has ended at {ended_at}, and then a run began: {run:?}", job.id);
    }
}
