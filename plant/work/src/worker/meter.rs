//! The metrics of the jobs of one kind, through the `metrics` facade.

use std::fmt;
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use sqal_storage::queue::{JobCount, JobKind, JobState};

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Succeeded,
    Failed,
    Again,
    Returned,
    Lost,
}

impl Outcome {
    const ALL: [Self; 5] = [Self::Succeeded, Self::Failed, Self::Again, Self::Returned, Self::Lost];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Again => "again",
            Self::Returned => "returned",
            Self::Lost => "lost",
        }
    }
}

/// The series of one kind, which exist from the beginning.
pub(super) struct Meter {
    outcomes: [Counter; Outcome::ALL.len()],
    durations: Histogram,
    running: Gauge,
    states: [Gauge; JobState::ALL.len()],
}

impl Meter {
    pub(super) fn new(kind: &JobKind) -> Self {
        let kind = kind.as_str();
        let outcomes = Outcome::ALL.map(|outcome| {
            let counter = counter!("job_runs_total", "kind" => kind.to_owned(), "outcome" => outcome.as_str());
            counter.increment(0);
            counter
        });
        let states = JobState::ALL.map(|state| gauge!("jobs", "kind" => kind.to_owned(), "state" => state.as_str()));
        let durations = histogram!("job_run_duration_seconds", "kind" => kind.to_owned());
        let running = gauge!("job_runs_under_way", "kind" => kind.to_owned());
        running.increment(0.0);
        Self { outcomes, durations, running, states }
    }

    /// Counts a run as under way until the guard is dropped.
    pub(super) fn under_way(&self) -> UnderWay {
        self.running.increment(1.0);
        UnderWay(self.running.clone())
    }

    pub(super) fn ended(&self, outcome: Outcome, took: Duration) {
        self.durations.record(took.as_secs_f64());
        if let Some(place) = Outcome::ALL.iter().position(|known| *known == outcome) {
            self.outcomes[place].increment(1);
        }
    }

    /// Shows how many jobs of the kind the queue has in each state.
    pub(super) fn counted(&self, counts: &[JobCount], kind: &JobKind) {
        for (state, gauge) in JobState::ALL.iter().zip(&self.states) {
            let of_state = counts.iter().find(|count| count.kind == *kind && count.state == *state);
            let jobs = of_state.map_or(0, |count| count.jobs);
            gauge.set(f64::from(u32::try_from(jobs).unwrap_or(u32::MAX)));
        }
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter").finish_non_exhaustive()
    }
}

/// A run that is counted as under way.
pub(super) struct UnderWay(Gauge);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}
