//! The values that a [`Queue`](super::Queue) returns: jobs, their states, leases and ends.

use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

use sqal_core::{Name, Timestamp};

/// The kind of a job, for example `dry_run`: it selects the workers and the form of the body.
pub type JobKind = Name<32>;

/// A text that is unique among the jobs of a kind, for example `hourly report 2026-11-29T10`.
pub type JobKey = Name<200>;

/// The name of a worker, for example of a server; it is shown and decides nothing.
pub type WorkerName = Name<100>;

/// The number of a job in its queue; a newer job has a larger number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(u64);

impl JobId {
    /// The id with this number.
    #[must_use]
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// The number of the id.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A text is not the id of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not the id of a job: expected a whole number")]
pub struct InvalidJobId;

impl FromStr for JobId {
    type Err = InvalidJobId;

    /// Reads an id exactly as it is written: no sign and no leading zero, so that one job has one
    /// id.
    fn from_str(text: &str) -> Result<Self, InvalidJobId> {
        let number = text.parse().map_err(|_| InvalidJobId)?;
        if Self(number).to_string() == text { Ok(Self(number)) } else { Err(InvalidJobId) }
    }
}

/// The state of a job.
///
/// A queue stores the state by its word: words are never changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JobState {
    /// The job waits for its due time or for a worker.
    Enqueued,
    /// A worker holds a lease of the job, or its lease has ended and nothing has noticed yet.
    Running,
    /// The job has a result.
    Succeeded,
    /// The job has failed for good.
    Failed,
    /// The job was cancelled.
    Canceled,
}

impl JobState {
    /// Every state, in the order of a job's life.
    pub const ALL: [Self; 5] = [Self::Enqueued, Self::Running, Self::Succeeded, Self::Failed, Self::Canceled];

    /// The word that is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enqueued => "enqueued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }

    /// Whether the job may still be worked on.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Enqueued | Self::Running)
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word is not the state of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not the state of a job: expected enqueued, running, succeeded, failed or canceled")]
pub struct InvalidJobState;

impl FromStr for JobState {
    type Err = InvalidJobState;

    fn from_str(word: &str) -> Result<Self, InvalidJobState> {
        Self::ALL.into_iter().find(|state| state.as_str() == word).ok_or(InvalidJobState)
    }
}

/// How far the work on a job is, in units of its kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JobProgress {
    /// The units that are done.
    pub done: u64,
    /// The units in all, if known.
    pub total: Option<u64>,
}

/// A job of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Job {
    /// The number of the job.
    pub id: JobId,
    /// The kind of the job.
    pub kind: JobKind,
    /// The key that is unique in the kind, if the job has one.
    pub key: Option<JobKey>,
    /// What is to be done, as a text that only the kind can interpret.
    pub body: String,
    /// The time of the request, by the wall clock of the caller.
    pub created_at: Timestamp,
    /// The author of the request, if known.
    pub created_by: Option<Name<64>>,
    /// The state of the job.
    pub state: JobState,
    /// The time from which the job may be leased; while a worker has it, the end of the lease.
    pub due: Timestamp,
    /// The attempts that were begun, without those that returned the job.
    pub attempts: u16,
    /// The most attempts.
    pub most_attempts: NonZeroU16,
    /// The worker of the newest lease.
    pub worker: Option<WorkerName>,
    /// The progress of the newest lease.
    pub progress: JobProgress,
    /// The result of a job that has succeeded, as a text that only the kind can interpret.
    pub result: Option<String>,
    /// Why the last attempt that has failed did so; `None` once the job has succeeded.
    pub failure: Option<String>,
    /// The time of the end, if the job has ended.
    pub ended_at: Option<Timestamp>,
    /// The trace that the job follows, in the form of the header `traceparent`. It was not checked
    /// beyond its length.
    pub traceparent: Option<String>,
}

impl Job {
    /// Whether the last attempt was begun.
    #[must_use]
    pub const fn is_last_attempt(&self) -> bool {
        self.attempts >= self.most_attempts.get()
    }
}

/// The right to work on a job. Its number distinguishes it from every other lease of the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The job.
    pub job: JobId,
    /// The number of the lease, from 1.
    pub number: u64,
}

/// A job with the lease of the worker that took it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leased {
    /// The lease.
    pub lease: Lease,
    /// The job, as it is while the worker has it.
    pub job: Job,
}

/// How the work of a lease ends.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobEnd {
    /// The work is done, with this result.
    Succeeded(String),
    /// The work has failed, and another attempt would fail too.
    Failed(String),
    /// The work has failed and is to be tried again, unless this was the last attempt.
    Again {
        /// Why the attempt has failed.
        failure: String,
        /// The due time of the next attempt.
        due: Timestamp,
    },
    /// The work was not done for a reason of the worker, for example because it ends. The job is
    /// due at once, and the attempt does not count.
    Returned,
}

impl JobEnd {
    /// The text that is kept, if the end has one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Succeeded(text) | Self::Failed(text) | Self::Again { failure: text, .. } => Some(text),
            Self::Returned => None,
        }
    }
}

/// A lease whose work has ended, with the time and the way of its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseEnd {
    /// The lease.
    pub lease: Lease,
    /// The time of the end.
    pub at: Timestamp,
    /// How the work has ended.
    pub end: JobEnd,
}

/// Which jobs are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobQuery {
    /// Only jobs of this kind.
    pub kind: Option<JobKind>,
    /// Only jobs in this state.
    pub state: Option<JobState>,
    /// Only jobs that are older than this job.
    pub before: Option<JobId>,
    /// The most jobs.
    pub limit: NonZeroU16,
    /// Whether jobs are listed with their bodies, which may be large; without, a body is empty.
    pub bodies: bool,
}

impl JobQuery {
    /// The newest jobs of every kind and state.
    #[must_use]
    pub const fn newest(limit: NonZeroU16) -> Self {
        Self { kind: None, state: None, before: None, limit, bodies: true }
    }

    /// Only jobs of a kind.
    #[must_use]
    pub const fn of(mut self, kind: JobKind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// Only jobs in a state.
    #[must_use]
    pub const fn in_state(mut self, state: JobState) -> Self {
        self.state = Some(state);
        self
    }

    /// Only jobs that are older than a job.
    #[must_use]
    pub const fn before(mut self, id: JobId) -> Self {
        self.before = Some(id);
        self
    }

    /// Jobs with empty bodies.
    #[must_use]
    pub const fn without_bodies(mut self) -> Self {
        self.bodies = false;
        self
    }

    /// Whether the query asks for a job, its limit left aside.
    #[must_use]
    pub fn wants(&self, job: &Job) -> bool {
        self.kind.is_none_or(|kind| kind == job.kind)
            && self.state.is_none_or(|state| state == job.state)
            && self.before.is_none_or(|before| job.id < before)
    }
}

/// The number of jobs of a kind in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobCount {
    /// The kind.
    pub kind: JobKind,
    /// The state.
    pub state: JobState,
    /// The number of jobs.
    pub jobs: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_text() {
        assert_eq!("42".parse(), Ok(JobId(42)));
        for text in ["", "+42", "042", " 42", "-1", "18446744073709551616", "0-1", "٤"] {
            assert_eq!(text.parse::<JobId>(), Err(InvalidJobId), "{text}");
        }
    }

    /// A queue stores these words: an existing line never changes.
    #[test]
    fn every_state_has_its_word_for_ever() {
        let words = JobState::ALL.map(JobState::as_str);
        assert_eq!(words, ["enqueued", "running", "succeeded", "failed", "canceled"]);
        for state in JobState::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
        }
        assert_eq!("Enqueued".parse::<JobState>(), Err(InvalidJobState));
    }
}
