//! A sample is handed in, and its sender is answered: `persisted`, `duplicate` or `rejected` with the problem.

use serde::Serialize;
use sqal_core::{Grade, Sample, Timestamp};
use sqal_storage::{Inserted, NotStored};

use crate::access::Caller;
use crate::wire::rfc3339;
use crate::{Problem, Services};

/// Judges a frame of a caller who may hand in samples of its device, and not too many.
pub(crate) fn judge(services: &Services, caller: &Caller, text: &str) -> Result<Sample, Problem> {
    let keep = |problem: &Problem| services.keep_letter(text, problem, caller.holder());
    let sample = services.intake.accept(text).inspect_err(keep)?;
    let device = sample.key.device_id;
    if !caller.speaks_for(&device) {
        let problem = Problem::not_allowed(format!("this token is not for samples of {device}"));
        keep(&problem);
        return Err(problem);
    }
    let counting = services.quotas.take_messages(device, 1, services.clock.now());
    match counting.filter(|answer| !answer.allowed) {
        None => Ok(sample),
        Some(answer) => Err(Problem::too_many_requests(answer.retry_after_seconds())),
    }
}

/// Hands a sample in, waits until it is durable, and tells whoever watches the line.
pub(crate) async fn hand_in(services: &Services, sample: &Sample) -> Result<Inserted, NotStored> {
    let outcome = match services.writer.submit(Box::new(sample.clone())).await {
        Ok(receipt) => receipt.outcome().await,
        Err(why) => Err(why),
    };
    if let Err(NotStored::Refused(_)) = &outcome {
        // Its device lets it go; as a document it is a frame again.
        let text = serde_json::to_string(&crate::document(sample)).unwrap_or_default();
        services.keep_letter(&text, &Problem::storage_refused(), None);
    }
    if outcome.as_ref().is_ok_and(|inserted| *inserted == Inserted::Stored) {
        let verdict = &sample.inspection.verdict;
        metrics::histogram!("sample_processing_duration_seconds").record(f64::from(sample.processing_micros) / 1e6);
        if let Some(score) = verdict.score {
            metrics::histogram!("sample_quality_score", "grade" => verdict.grade.as_str()).record(score.value());
        }
        services.publish(sample);
    }
    outcome
}

/// One answer, as JSON on the wire.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Answer {
    r#type: &'static str,
    status: &'static str,
    /// Which frame of this connection, or row of this batch, it answers, from 1.
    sequence: u64,
    sample_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::grade))]
    final_grade: Option<Grade>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Problem>,
    /// The server's clock when it answered, in RFC 3339, for a device that has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    server_time: Option<String>,
}

impl Answer {
    /// The answer to a sample that was handed in.
    pub(crate) fn to_sample(sequence: u64, sample: &Sample, outcome: Result<Inserted, NotStored>) -> Self {
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
            server_time: None,
        }
    }

    /// The answer to a frame that was refused.
    pub(crate) fn refused(sequence: u64, sample_id: Option<String>, problem: Problem) -> Self {
        Self {
            r#type: "ack",
            status: "rejected",
            sequence,
            sample_id,
            id: None,
            final_grade: None,
            problem: Some(problem),
            server_time: None,
        }
    }

    /// With the server's clock.
    pub(crate) fn at(self, now: Timestamp) -> Self {
        Self { server_time: Some(rfc3339(now)), ..self }
    }

    /// `persisted`, `duplicate` or `rejected`.
    pub(crate) const fn status(&self) -> &'static str {
        self.status
    }

    /// The JSON text.
    #[cfg(feature = "ws")]
    pub(crate) fn text(&self) -> String {
        // Names and numbers that were checked cannot fail to be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}
