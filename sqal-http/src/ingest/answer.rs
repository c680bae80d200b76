//! What a device is answered: `persisted`, `duplicate` or `rejected` with the problem.

use serde::Serialize;
use sqal_core::{Grade, Sample};
use sqal_storage::{Inserted, NotStored};

use crate::Problem;

/// One answer, as JSON on the wire.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    r#type: &'static str,
    status: &'static str,
    /// Which frame of this connection it answers, from 1.
    sequence: u64,
    sample_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    final_grade: Option<Grade>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Problem>,
}

impl Answer {
    /// The answer to a sample that was handed in.
    pub(super) fn to_sample(sequence: u64, sample: &Sample, outcome: Result<Inserted, NotStored>) -> Self {
        let (status, problem) = match outcome {
            Ok(Inserted::Stored) => ("persisted", None),
            Ok(Inserted::Duplicate) => ("duplicate", None),
            Err(why) => ("rejected", Some(Problem::from(why))),
        };
        let known = problem.is_none();
        Self {
            r#type: "ack",
            status,
            sequence,
            sample_id: Some(sample.key.sample_id.to_string()),
            id: known.then(|| sample.id().to_string()),
            // A duplicate's grade is the one that was stored first, which this sample does not know.
            final_grade: (status == "persisted").then_some(sample.inspection.verdict.grade),
            problem,
        }
    }

    /// The answer to a frame that was refused.
    pub(super) fn refused(sequence: u64, sample_id: Option<String>, problem: Problem) -> Self {
        Self {
            r#type: "ack",
            status: "rejected",
            sequence,
            sample_id,
            id: None,
            final_grade: None,
            problem: Some(problem),
        }
    }

    /// The JSON text.
    pub(super) fn text(&self) -> String {
        // Names and numbers that were checked cannot fail to be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}
