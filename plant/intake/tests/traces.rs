//! A frame belongs to the trace that its device has named; an old frame is only linked to it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod parts;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, Mutex};

use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use parts::{MEASURED, Parts};
use serde_json::{Value, json};
use sqal_intake::Sender;
use sqal_intake::reception::answer;
use sqal_telemetry::TraceContext;
use sqal_telemetry::held::{FinishedSpan, FinishedTrace, HeadSampling, HeldTraces, TraceSink};
use tracing::{Instrument, Span, debug_span, field};
use tracing_subscriber::prelude::*;

const SECOND: i64 = 1_000_000;

const DEVICE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// The traces of a test.
#[derive(Default)]
struct Kept(Mutex<Vec<FinishedTrace>>);

impl TraceSink for Kept {
    fn take(&self, trace: FinishedTrace) {
        self.0.lock().unwrap().push(trace);
    }
}

impl Kept {
    /// Keeps every trace of this thread until the guard is dropped.
    fn begin(self: &Arc<Self>) -> impl Sized {
        let random = || RandomState::new().build_hasher().finish();
        let held = HeldTraces::new(self.clone(), HeadSampling::Always, &["sqal", "traces"], random);
        tracing_subscriber::registry().with(held.layer()).set_default()
    }

    /// The only trace.
    fn only(&self) -> FinishedTrace {
        let mut traces = self.0.lock().unwrap().clone();
        assert_eq!(traces.len(), 1, "{traces:?}");
        traces.remove(0)
    }
}

fn named<'a>(trace: &'a FinishedTrace, name: &str) -> &'a FinishedSpan {
    let mut spans = trace.spans.iter().filter(|span| span.name == name);
    let span = spans.next().unwrap_or_else(|| panic!("a span {name:?} in {trace:?}"));
    assert_eq!(spans.next(), None, "one span {name:?}");
    span
}

fn device() -> TraceContext {
    DEVICE.parse().unwrap()
}

impl Parts {
    /// Takes a frame as a carrier does, in a span of its own, and gives its answer.
    async fn take(&self, text: &str) -> Value {
        let reception = self.reception(&());
        let taken = async {
            let accepted = match reception.judge(&Sender::UNAUTHENTICATED, text) {
                Ok(accepted) => accepted,
                Err(problem) => return json!({ "status": "rejected", "problem": { "status": problem.status } }),
            };
            let outcome = reception.hand_in(&accepted.sample, None).await;
            serde_json::from_str(&answer(1, &accepted, outcome).text()).unwrap()
        };
        taken.instrument(debug_span!(parent: None, "frame", traceparent = field::Empty)).await
    }

    /// Replays the newest dead letter.
    async fn replay(&self) -> bool {
        let letter = self.dead_letters.newest(1).remove(0);
        self.reception(&()).replay(&letter, &|_, _| true).await
    }
}

/// The documented frame with this `traceparent` and one change.
fn frame(traceparent: impl Into<Value>, change: impl FnOnce(&mut Value)) -> String {
    let mut frame: Value = serde_json::from_str(fixtures::DOCUMENTED_FRAME).unwrap();
    frame["traceparent"] = traceparent.into();
    change(&mut frame);
    frame.to_string()
}

#[tokio::test]
async fn a_frame_is_a_part_of_its_devices_trace_down_to_its_commit() {
    let kept = Arc::new(Kept::default());
    let tracing = kept.begin();
    let answer = Parts::at(MEASURED).take(&frame(DEVICE, |_| {})).await;
    drop(tracing);
    assert_eq!((&answer["status"], answer.get("notes")), (&json!("persisted"), None));
    let trace = kept.only();
    assert_eq!((trace.id, trace.remote_parent), (device().trace, Some(device().span)));
    assert_eq!(trace.spans[0].name, "frame");
    let (judge, store) = (named(&trace, "judge"), named(&trace, "store"));
    assert_eq!((judge.parent, store.parent), (Some(trace.spans[0].id), Some(trace.spans[0].id)));
    assert_eq!(named(&trace, "commit").parent, Some(store.id));
    assert!(trace.spans.iter().all(|span| span.links.is_empty()), "{trace:?}");
    let id = |name: &str| store.attributes.iter().find(|(known, _)| *known == name).map(|(_, id)| format!("{id:?}"));
    assert_eq!(id("sqal.device_id").as_deref(), Some("Text(\"ESP32_SIM_1234\")"));
    assert_eq!(id("sqal.sample_id").as_deref(), Some("Text(\"SAMPLE-20241026-230000-0001\")"));
}

#[tokio::test]
async fn a_frame_that_was_not_measured_lately_is_linked_to_its_devices_trace() {
    for (later, is_fresh) in [(0, true), (300, true), (301, false), (86_400, false), (-300, true)] {
        let kept = Arc::new(Kept::default());
        let tracing = kept.begin();
        let answer = Parts::at(MEASURED + later * SECOND).take(&frame(DEVICE, |_| {})).await;
        drop(tracing);
        assert_eq!(answer["status"], "persisted", "{later}");
        let trace = kept.only();
        assert_eq!(trace.id == device().trace, is_fresh, "{later}");
        assert_eq!(trace.remote_parent.is_some(), is_fresh, "{later}");
        let linked: &[TraceContext] = if is_fresh { &[] } else { &[device()] };
        assert_eq!(named(&trace, "judge").links, linked, "{later}");
    }
}

#[tokio::test]
async fn a_refused_frame_is_in_its_devices_trace_unless_it_is_sent_again_later() {
    let wrong = frame(DEVICE, |frame| frame["vl53l8ch"]["distance_matrix"] = json!([]));
    let unknown = frame(DEVICE, |frame| frame["meta"]["config_profile"] = json!("mistyped"));
    let right = frame(DEVICE, |_| {});
    for (text, later, status, is_part) in [
        (&wrong, 0, 400, true),
        (&unknown, 0, 503, true),
        (&unknown, 86_400, 503, false),
        // The server's clock is an hour behind.
        (&right, -3_600, 503, false),
    ] {
        let kept = Arc::new(Kept::default());
        let tracing = kept.begin();
        let answer = Parts::at(MEASURED + later * SECOND).take(text).await;
        drop(tracing);
        assert_eq!(answer["problem"]["status"], status, "{later}");
        let trace = kept.only();
        assert_eq!(trace.id == device().trace, is_part, "{status} {later}");
        assert_eq!(named(&trace, "judge").links.is_empty(), is_part, "{status} {later}");
    }
}

#[tokio::test]
async fn an_invalid_traceparent_is_ignored_counted_and_told() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let recording = metrics::set_default_local_recorder(&recorder);
    let invalid = [
        json!(""),
        json!("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"),
        json!(format!("00-{}-{}-01", "0".repeat(32), "1".repeat(16))),
        json!("x".repeat(10 * 1024)),
        json!(17),
        json!({ "trace": 1 }),
    ];
    for (traceparent, number) in invalid.iter().zip(1..) {
        let kept = Arc::new(Kept::default());
        let tracing = kept.begin();
        let answer = Parts::at(MEASURED).take(&frame(traceparent.clone(), |_| {})).await;
        drop(tracing);
        let note = "traceparent ignored: 00-<32 hex>-<16 hex>-<2 hex> is expected";
        assert_eq!((&answer["status"], &answer["notes"]), (&json!("persisted"), &json!([note])), "{number}");
        let trace = kept.only();
        assert_eq!(trace.remote_parent, None);
        assert!(trace.spans.iter().all(|span| span.links.is_empty()), "{trace:?}");
    }
    drop(recording);
    let counted: Vec<_> = snapshotter
        .snapshot()
        .into_vec()
        .into_iter()
        .filter(|(key, ..)| key.key().name() == "traceparents_refused_total")
        .map(|(_, _, _, value)| value)
        .collect();
    assert!(matches!(counted[..], [DebugValue::Counter(count)] if count == 6), "{counted:?}");
}

#[tokio::test]
async fn a_replay_is_a_part_of_its_request_and_linked_to_the_devices_trace() {
    let parts = Parts::at(MEASURED);
    // The frame was refused for its empty matrix; the letter is replayed with a good one.
    let text = frame(DEVICE, |_| {});
    let refused = frame(DEVICE, |frame| frame["vl53l8ch"]["distance_matrix"] = json!([]));
    assert_eq!(parts.take(&refused).await["status"], "rejected");
    let mut letter = parts.dead_letters.newest(1).remove(0);
    text.clone_into(&mut letter.frame);

    let kept = Arc::new(Kept::default());
    let tracing = kept.begin();
    let reception = parts.reception(&());
    let replayed = reception.replay(&letter, &|_, _| true).instrument(debug_span!("request")).await;
    drop(tracing);
    assert!(replayed);
    let trace = kept.only();
    assert_ne!(trace.id, device().trace);
    assert_eq!((&*trace.spans[0].name, trace.remote_parent), ("request", None));
    assert_eq!(named(&trace, "judge").links, [device()]);
    assert_eq!(named(&trace, "commit").parent, Some(named(&trace, "store").id));

    // Outside of a span, the judging is a root: it must not become a part of the old trace.
    let kept = Arc::new(Kept::default());
    let tracing = kept.begin();
    assert!(Span::current().is_none());
    assert!(reception.replay(&letter, &|_, _| true).await);
    drop(tracing);
    assert!(kept.0.lock().unwrap().iter().all(|trace| trace.id != device().trace && trace.remote_parent.is_none()));
    assert!(!parts.replay().await, "the letter itself is still wrong");
}
