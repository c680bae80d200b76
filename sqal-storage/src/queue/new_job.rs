//! [`NewJob`]: a job that is handed to a [`Queue`](super::Queue), and the outcome of that.

use std::num::NonZeroU16;

use sqal_core::{Name, Timestamp};

use super::job::{Job, JobId, JobKey, JobKind, JobProgress, JobState};
use crate::{StorageError, StorageErrorKind};

/// The most characters of a `traceparent` that a queue keeps: the length of its version 00.
const LONGEST_TRACEPARENT: usize = 55;

/// Checks a text that a queue keeps; every queue calls it before it writes. `backend` is the name
/// of the queue in the error.
///
/// # Errors
///
/// [`StorageErrorKind::Refused`] if the text has the character U+0000.
pub(crate) fn check_text(text: &str, backend: &'static str) -> Result<(), StorageError> {
    if text.contains('\0') { Err(StorageError::new(backend, StorageErrorKind::Refused)) } else { Ok(()) }
}

/// A job to enqueue.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewJob {
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
    /// The time from which the job may be leased.
    pub due: Timestamp,
    /// The most attempts.
    pub most_attempts: NonZeroU16,
    /// The trace that the job follows, in the form of the header `traceparent` of W3C Trace
    /// Context, at most 55 characters.
    pub traceparent: Option<String>,
}

impl NewJob {
    /// A job without a key that is due at once and has one attempt.
    #[must_use]
    pub const fn new(kind: JobKind, body: String, now: Timestamp) -> Self {
        let most_attempts = NonZeroU16::MIN;
        Self { kind, key: None, body, created_at: now, created_by: None, due: now, most_attempts, traceparent: None }
    }

    /// Sets the key that is unique in the kind.
    #[must_use]
    pub const fn once(mut self, key: JobKey) -> Self {
        self.key = Some(key);
        self
    }

    /// Sets the author of the request.
    #[must_use]
    pub const fn by(mut self, author: Option<Name<64>>) -> Self {
        self.created_by = author;
        self
    }

    /// Sets the time from which the job may be leased.
    #[must_use]
    pub const fn due(mut self, due: Timestamp) -> Self {
        self.due = due;
        self
    }

    /// Sets the most attempts.
    #[must_use]
    pub const fn attempts(mut self, most: NonZeroU16) -> Self {
        self.most_attempts = most;
        self
    }

    /// Sets the trace that the job follows, in the form of the header `traceparent`. A queue
    /// refuses a job whose text is longer than 55 characters.
    #[must_use]
    pub fn followed_from(mut self, traceparent: Option<String>) -> Self {
        self.traceparent = traceparent;
        self
    }

    /// Checks the texts of a job; every queue calls it before it adds the job. `backend` is the
    /// name of the queue in the error.
    pub(crate) fn check(&self, backend: &'static str) -> Result<(), StorageError> {
        check_text(&self.body, backend)?;
        let trace = self.traceparent.as_deref().unwrap_or_default();
        check_text(trace, backend)?;
        if trace.chars().count() > LONGEST_TRACEPARENT {
            return Err(StorageError::new(backend, StorageErrorKind::Refused));
        }
        Ok(())
    }
}

/// The outcome of enqueuing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enqueued {
    /// The job was added.
    Added(JobId),
    /// A job of this kind has the key already; nothing was added.
    Known(JobId),
}

impl Enqueued {
    /// The job that was added or is there already.
    #[must_use]
    pub const fn id(self) -> JobId {
        match self {
            Self::Added(id) | Self::Known(id) => id,
        }
    }
}

impl Job {
    /// A job as it is right after it was enqueued.
    #[must_use]
    pub fn enqueued(id: JobId, job: &NewJob) -> Self {
        let NewJob { kind, key, body, created_at, created_by, due, most_attempts, traceparent } = job.clone();
        Self {
            id,
            kind,
            key,
            body,
            created_at,
            created_by,
            state: JobState::Enqueued,
            due,
            attempts: 0,
            most_attempts,
            worker: None,
            progress: JobProgress::default(),
            result: None,
            failure: None,
            ended_at: None,
            traceparent,
        }
    }
}
