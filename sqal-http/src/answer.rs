//! Stores a sample and answers its sender: `persisted`, `duplicate` or `rejected`.

use serde::Serialize;
use sqal_core::{Grade, Purpose, Sample, Timestamp};
use sqal_storage::{Inserted, WriteError};

use crate::caller::{Caller, Holder};
use crate::disagreement::{Disagreement, Lasting, Refusal};
use crate::intake::Accepted;
use crate::wire::{frame_of, rfc3339};
use crate::{Problem, Services};

/// Judges a frame. Refuses it if the caller may not hand in samples of the frame's device, or if
/// the device has sent too many.
pub(crate) fn judge(services: &Services, caller: &Caller, text: &str) -> Result<Accepted, Problem> {
    let keep = |problem: &Problem| services.keep_letter(text, problem, caller.holder());
    let accepted = services.intake.judge(text).map_err(|refusal| refused(services, caller, text, *refusal))?;
    let device = accepted.sample.key.device_id;
    if !caller.speaks_for(&device) {
        let problem = Problem::not_allowed(format!("this token is not for samples of {device}"));
        keep(&problem);
        return Err(problem);
    }
    let counting = services.quotas.take_messages(device, 1, services.clock.now());
    match counting.filter(|answer| !answer.allowed) {
        None => {
            services.intake.remember(&accepted);
            Ok(accepted)
        }
        Some(answer) => Err(Problem::too_many_requests(answer.retry_after_seconds())),
    }
}

/// The problem with which a refused frame is answered.
///
/// A frame that is wrong is kept as a dead letter. If the frame's device and this server only
/// disagree, the device keeps the frame, and this server keeps a copy if the disagreement lasts.
fn refused(services: &Services, caller: &Caller, text: &str, refusal: Refusal) -> Problem {
    let Refusal { mut problem, disagreement } = refusal;
    let Some(Disagreement { device_id, measured, fault }) = disagreement else {
        services.keep_letter(text, &problem, caller.holder());
        return problem;
    };
    if !caller.speaks_for(&device_id) {
        let problem = Problem::not_allowed(format!("this token is not for samples of {device_id}"));
        services.keep_letter(text, &problem, caller.holder());
        return problem;
    }
    let (wall, now) = ((services.now)(), services.clock.now());
    if services.presence.disagrees(device_id, fault, measured, wall, now) {
        problem.retry_after = Some(Lasting::LATER);
        problem.kept = services.dead_letters.keep_copy(text, &problem, caller.holder(), wall, now);
    }
    problem
}

/// Stores a sample that a holder handed in, and waits until it is durable. If the sample is refused
/// for good, it is kept as a dead letter.
pub(crate) async fn hand_in(
    services: &Services,
    sample: &Sample,
    holder: Option<Holder>,
) -> Result<Inserted, WriteError> {
    let outcome = store(services, sample).await;
    let problem = match &outcome {
        Err(WriteError::Refused(_)) => Some(Problem::storage_refused()),
        Ok(Inserted::Conflict) => {
            services.conflicts.count(&sample.key, services.clock.now());
            Some(Problem::name_taken())
        }
        _ => None,
    };
    if let Some(problem) = problem {
        // The device forgets the sample. Written as a document, the sample is a frame again.
        let text = serde_json::to_string(&frame_of(sample)).unwrap_or_default();
        services.keep_letter(&text, &problem, holder);
    }
    outcome
}

/// Stores a sample, waits until it is durable, and notifies the watchers of the line. Keeps no dead
/// letter.
pub(crate) async fn store(services: &Services, sample: &Sample) -> Result<Inserted, WriteError> {
    let outcome = match services.writer.submit(Box::new(sample.clone())).await {
        Ok(receipt) => receipt.outcome().await,
        Err(why) => Err(why),
    };
    if outcome.as_ref().is_ok_and(|inserted| *inserted == Inserted::Stored) {
        let verdict = &sample.inspection.verdict;
        metrics::histogram!("sample_processing_duration_seconds").record(f64::from(sample.processing_micros) / 1e6);
        if let Some(score) = verdict.score.filter(|_| sample.purpose == Purpose::Product) {
            metrics::histogram!("sample_quality_score", "grade" => verdict.grade.as_str()).record(score.value());
        }
        services.publish(sample);
    }
    outcome
}

/// The answer to one frame or row, as JSON on the wire.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Answer {
    r#type: &'static str,
    status: &'static str,
    /// The number of the frame on this connection, or of the row in this batch, from 1.
    sequence: u64,
    sample_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::route::grade))]
    final_grade: Option<Grade>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Problem>,
    /// The changes that were made to the frame before it was stored.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    notes: Vec<&'static str>,
    /// The server's clock at the time of the answer, in RFC 3339, for a device without a clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    server_time: Option<String>,
}

impl Answer {
    /// The answer to a sample that was handed in.
    pub(crate) fn to_sample(sequence: u64, accepted: &Accepted, outcome: Result<Inserted, WriteError>) -> Self {
        let Accepted { sample, time_cut, .. } = accepted;
        let (status, problem) = match outcome {
            Ok(Inserted::Stored) => ("persisted", None),
            Ok(Inserted::Duplicate) => ("duplicate", None),
            Ok(Inserted::Conflict) => ("rejected", Some(Problem::name_taken())),
            Err(why) => ("rejected", Some(Problem::from(why))),
        };
        let known = problem.is_none();
        Self {
            r#type: "ack",
            status,
            sequence,
            sample_id: Some(sample.key.sample_id.to_string()),
            id: known.then(|| sample.id().to_string()),
            // The grade of a duplicate is the one that was stored first, which is not known here.
            final_grade: (status == "persisted").then_some(sample.inspection.verdict.grade),
            problem,
            notes: if *time_cut { vec!["timestamp cut to microseconds"] } else { Vec::new() },
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
            notes: Vec::new(),
            server_time: None,
        }
    }

    /// Adds the server's clock to the answer.
    pub(crate) fn at(self, now: Timestamp) -> Self {
        Self { server_time: Some(rfc3339(now)), ..self }
    }

    /// The status: `persisted`, `duplicate` or `rejected`.
    pub(crate) const fn status(&self) -> &'static str {
        self.status
    }

    /// The seconds after which the frame is to be sent again; `None` if it is not to be sent again.
    pub(crate) fn again_after(&self) -> Option<u32> {
        let problem = self.problem.as_ref().filter(|problem| matches!(problem.status, 429 | 503))?;
        Some(problem.retry_after.unwrap_or(1))
    }

    /// Whether the frame was refused for the quota of its device.
    pub(crate) fn is_throttled(&self) -> bool {
        self.problem.as_ref().is_some_and(|problem| problem.status == 429)
    }

    /// The answer as JSON text.
    #[cfg(feature = "ws")]
    pub(crate) fn text(&self) -> String {
        // Checked names and numbers can always be serialized.
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::time::Duration;

    use sqal_core::{Name, Timestamp};
    use sqal_resilience::ManualClock;
    use sqal_storage::{BatchWriter, MemoryStore, WriterConfig};

    use crate::caller::Grant;
    use crate::presence::Agreement;
    use crate::{FrameLimits, Intake, Profile, Profiles};

    /// When the documented frame was measured.
    const MEASURED: i64 = 1_729_983_600_000_000;

    /// An intake with one profile, and a wall clock that shows this time.
    fn intake(profile: &str, now: i64, clock: &ManualClock) -> Arc<Intake> {
        let profiles = Profiles::new([(profile.parse().unwrap(), Profile::example())]).unwrap();
        let now = Timestamp::from_micros(now).unwrap();
        Arc::new(Intake::new(profiles, FrameLimits::default(), Arc::new(move || now), Arc::new(clock.clone())))
    }

    fn services(intake: Arc<Intake>, clock: &ManualClock) -> Services {
        let store = Arc::new(MemoryStore::new());
        let (writer, _task) = BatchWriter::start(store.clone(), WriterConfig::usual());
        let profiles = Profiles::new([("unused".parse().unwrap(), Profile::example())]).unwrap();
        let mut services = Services::new(store, writer, profiles, || Timestamp::from_micros(MEASURED).unwrap());
        services.intake = intake;
        services.clock = Arc::new(clock.clone());
        services
    }

    fn device() -> sqal_core::DeviceId {
        Name::new("ESP32_SIM_1234").unwrap()
    }

    #[tokio::test]
    async fn what_is_refused_for_a_disagreement_is_kept_after_ten_minutes_once_and_taken_when_it_is_mended() {
        let right = "foiegras_standard_barquette";
        for (profile, now, kind, agreement) in [
            (right, MEASURED - 3_600_000_000, "/problems/clock-disagrees", Agreement::ClockDisagrees),
            ("mistyped", MEASURED, "/problems/profile-unknown-here", Agreement::ProfileUnknown),
        ] {
            let clock = ManualClock::new();
            let mut services = services(intake(profile, now, &clock), &clock);
            let refused = |services: &Services| {
                let problem = judge(services, &Caller::Unauthenticated, fixtures::DOCUMENTED_FRAME).unwrap_err();
                assert_eq!((problem.status, &*problem.kind), (503, kind));
                (problem.retry_after, problem.kept, services.dead_letters.newest(9).len())
            };
            assert_eq!(refused(&services), (Some(5), false, 0), "{kind}");
            clock.advance(Duration::from_secs(599));
            assert_eq!(refused(&services), (Some(5), false, 0), "{kind}");
            clock.advance(Duration::from_secs(1));
            assert_eq!(refused(&services), (Some(60), true, 1), "{kind}");
            assert_eq!(refused(&services), (Some(60), true, 1), "{kind}: one copy");
            let present = services.presence.of(&device(), services.clock.now()).unwrap();
            assert_eq!(present.agreement, agreement);
            services.intake = intake(right, MEASURED, &clock);
            assert!(judge(&services, &Caller::Unauthenticated, fixtures::DOCUMENTED_FRAME).is_ok());
        }
    }

    #[tokio::test]
    async fn a_token_of_another_device_says_nothing_of_this_ones_clock() {
        let clock = ManualClock::new();
        let services = services(intake("mistyped", MEASURED, &clock), &clock);
        let other = Caller::Known(Name::new("other").unwrap(), Grant::Device(Name::new("OTHER").unwrap()), None);
        assert_eq!(judge(&services, &other, fixtures::DOCUMENTED_FRAME).unwrap_err().status, 403);
        assert_eq!(services.presence.of(&device(), services.clock.now()), None);
    }
}
