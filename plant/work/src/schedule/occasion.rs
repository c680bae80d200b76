//! [`Occasion`]: one due time of a schedule, as the body of its job holds it.

use serde::{Deserialize, Serialize};
use sqal_core::Timestamp;
use sqal_storage::queue::Job;

use super::definition::ScheduleName;
use crate::worker::WorkError;

/// The version of the form that this program writes.
const VERSION: u32 = 1;

/// One due time of a schedule, or a run that a person has asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Occasion {
    /// The name of the schedule.
    pub schedule: ScheduleName,
    /// The due time by the expression, without jitter; the time of the request of a person.
    pub due: Timestamp,
    /// The time from which the run is no longer begun.
    pub expires_at: Timestamp,
    /// What is to be done, as a text that only the kind of the job can interpret.
    pub body: String,
}

/// The stored form. Its names are never changed.
#[derive(Serialize, Deserialize)]
struct Written {
    v: u32,
    schedule: ScheduleName,
    due: Timestamp,
    expires: Timestamp,
    body: String,
}

/// The part of every version.
#[derive(Deserialize)]
struct Versioned {
    v: u32,
}

impl Occasion {
    /// An occasion of a schedule.
    pub(crate) fn new(schedule: ScheduleName, due: Timestamp, expires_at: Timestamp, body: &str) -> Self {
        Self { schedule, due, expires_at, body: body.to_owned() }
    }

    /// The body of the job of an occasion.
    pub(crate) fn to_body(&self) -> String {
        let Self { schedule, due, expires_at, body } = self.clone();
        let written = Written { v: VERSION, schedule, due, expires: expires_at, body };
        // Names, numbers and texts: JSON writes every one of them.
        serde_json::to_string(&written).unwrap_or_default()
    }

    /// The occasion of a job that a schedule has enqueued.
    ///
    /// # Errors
    ///
    /// [`WorkError::Newer`] if a newer program has written the body; [`WorkError::Permanent`] if
    /// the body is not that of a scheduled job.
    pub fn of(job: &Job) -> Result<Self, WorkError> {
        let damaged = |error: &serde_json::Error| {
            WorkError::permanent(format!("the body of the job is not that of a schedule: {error}"))
        };
        let Versioned { v } = serde_json::from_str(&job.body).map_err(|error| damaged(&error))?;
        if v > VERSION {
            return Err(WorkError::Newer { found: v, known: VERSION });
        }
        let Written { schedule, due, expires, body, .. } =
            serde_json::from_str(&job.body).map_err(|error| damaged(&error))?;
        Ok(Self { schedule, due, expires_at: expires, body })
    }
}

#[cfg(test)]
mod tests {
    use sqal_core::Name;
    use sqal_storage::queue::{JobId, NewJob};

    use super::*;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros).unwrap()
    }

    fn job(body: &str) -> Job {
        let new = NewJob::new(Name::new("scan").unwrap(), body.to_owned(), at(0));
        Job::enqueued(JobId::from_number(1), &new)
    }

    fn occasion() -> Occasion {
        Occasion {
            schedule: Name::new("a \"b\"").unwrap(),
            due: at(5),
            expires_at: at(7),
            body: "{\"x\":1}".to_owned(),
        }
    }

    #[test]
    fn an_occasion_is_read_as_it_was_written() {
        assert_eq!(Occasion::of(&job(&occasion().to_body())), Ok(occasion()));
    }

    /// Servers of two versions share a queue: this line never changes.
    #[test]
    fn the_stored_form_is_kept_for_ever() {
        let golden = r#"{"v":1,"schedule":"a \"b\"","due":5,"expires":7,"body":"{\"x\":1}"}"#;
        assert_eq!(occasion().to_body(), golden);
    }

    #[test]
    fn a_body_of_a_newer_program_is_told_from_a_damaged_one() {
        let newer = r#"{"v":2,"schedule":7}"#;
        assert_eq!(Occasion::of(&job(newer)), Err(WorkError::Newer { found: 2, known: 1 }));
        for damaged in
            ["", "7", "{}", r#"{"v":1}"#, r#"{"v":-1}"#, r#"{"v":1,"schedule":"","due":5,"expires":7,"body":""}"#]
        {
            let told = Occasion::of(&job(damaged)).unwrap_err();
            assert!(
                matches!(&told, WorkError::Permanent { why } if why.contains("not that of a schedule")),
                "{told:?}"
            );
        }
    }
}
