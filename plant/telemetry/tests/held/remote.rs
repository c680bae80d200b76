//! `traceparent`: a trace that continues a remote one, also if that is known late; texts that are
//! refused are ignored, counted and told.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use sqal_telemetry::held::{HeadSampling, SpanStatus};
use sqal_telemetry::{SpanId, TraceContext, TraceId, context_of};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber, debug_span, field};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::harness::{choose, kept, names, only, span, value};

fn remote(sampled: bool) -> TraceContext {
    TraceContext::new(TraceId::new(0xabc).unwrap(), SpanId::new(0x123).unwrap(), sampled)
}

#[test]
fn the_flag_of_the_remote_parent_decides() {
    for sampling in [HeadSampling::Always, HeadSampling::Never] {
        for sampled in [false, true] {
            let taken = kept(sampling, |_| drop(debug_span!("root", traceparent = %remote(sampled))));
            assert_eq!(taken.len(), usize::from(sampled), "{sampling:?}");
            for trace in taken {
                assert_eq!((trace.id, trace.remote_parent), (remote(true).trace, Some(remote(true).span)));
                assert_eq!(trace.spans[0].parent, trace.remote_parent);
                assert_eq!(value(&trace.spans[0], "sqal.kept"), None);
                assert_eq!(trace.spans[0].attributes, []);
            }
        }
    }
}

#[test]
fn an_error_keeps_a_trace_that_its_caller_does_not_keep() {
    let taken = kept(HeadSampling::Always, |_| {
        drop(debug_span!("root", traceparent = remote(false).to_string(), otel.status_code = "ERROR"));
    });
    assert_eq!((taken[0].id, taken[0].remote_parent), (remote(false).trace, Some(remote(false).span)));
    assert_eq!(taken[0].spans[0].status, SpanStatus::Error(String::new()));
    assert!(value(&taken[0].spans[0], "sqal.kept").is_some());
}

#[test]
fn a_parent_that_is_known_late_is_that_of_the_whole_trace() {
    let taken = kept(HeadSampling::Never, |_| {
        let root = debug_span!("frame", traceparent = field::Empty);
        let read = debug_span!(parent: &root, "read");
        let own = context_of(&read).unwrap();
        assert_ne!(own.trace, remote(true).trace);
        assert!(!own.sampled);
        drop(debug_span!(parent: &read, "within"));
        root.record("traceparent", field::display(remote(true)));
        let joined = context_of(&read).unwrap();
        assert_eq!((joined.trace, joined.span, joined.sampled), (remote(true).trace, own.span, true));
        drop(debug_span!(parent: &root, "judge"));
    });
    assert_eq!(taken.len(), 1);
    let trace = &taken[0];
    assert_eq!((trace.id, trace.remote_parent), (remote(true).trace, Some(remote(true).span)));
    assert_eq!(names(trace), ["frame", "read", "within", "judge"]);
    assert_eq!(span(trace, "frame").parent, Some(remote(true).span));
    assert_eq!(span(trace, "read").parent, Some(span(trace, "frame").id));
    assert_eq!(span(trace, "judge").parent, Some(span(trace, "frame").id));
}

#[test]
fn the_parent_of_a_span_within_a_trace_is_a_link() {
    let trace = only(|_| {
        let root = debug_span!("root");
        drop(debug_span!(parent: &root, "given", traceparent = %remote(true)));
        let late = debug_span!(parent: &root, "late", traceparent = field::Empty);
        late.record("traceparent", field::display(remote(false)));
    });
    assert_ne!(trace.id, remote(true).trace);
    assert_eq!(span(&trace, "given").links, [remote(true)]);
    assert_eq!(span(&trace, "late").links, [remote(false)]);
    assert_eq!(span(&trace, "root").links, []);
}

proptest! {
    #[test]
    fn an_invalid_parent_begins_a_trace_of_its_own(
        text in prop_oneof![".{0,60}", "[0-9A-F]{2}-[0-9A-F]{32}-[0-9A-F]{16}-[0-9A-F]{2}", "[0-9a-f-]{10000,10240}"],
        is_late in any::<bool>(),
    ) {
        prop_assume!(text.parse::<TraceContext>().is_err());
        let trace = only(|_| {
            choose([1, 2, 3]);
            if is_late {
                debug_span!("root", traceparent = field::Empty).record("traceparent", text.as_str());
            } else {
                drop(debug_span!("root", traceparent = text.as_str()));
            }
        });
        prop_assert_eq!(trace.id, TraceId::new((1 << 64) | 2).unwrap());
        prop_assert_eq!(trace.remote_parent, None);
        prop_assert_eq!((trace.spans[0].id, trace.spans[0].parent), (SpanId::new(3).unwrap(), None));
        prop_assert_eq!(trace.spans[0].attributes.len(), 0);
    }
}

/// Keeps the events of the crate as texts.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber> Layer<S> for Told {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        struct Line(String);
        impl Visit for Line {
            fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
                write!(self.0, "{field}={value:?} ").unwrap();
            }
        }
        let mut line = Line(format!("{} {} ", event.metadata().level(), event.metadata().target()));
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }
}

#[test]
fn a_refused_parent_is_told_once_in_few_words() {
    use sqal_telemetry::held::HeldTraces;
    use tracing_subscriber::prelude::*;

    let told = Told::default();
    let sink = Arc::new(crate::harness::Sink::default());
    let held = HeldTraces::new(sink.clone(), HeadSampling::Always, &["held"], || 7);
    let subscriber = tracing_subscriber::registry().with(held.layer()).with(told.clone());
    tracing::subscriber::with_default(subscriber, || {
        let root = debug_span!("root", traceparent = "x".repeat(10_240));
        root.record("traceparent", "another");
        drop(debug_span!(parent: &root, "good"));
    });
    let told = told.0.lock().unwrap();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("DEBUG sqal_telemetry::held"), "{told:?}");
    assert!(
        told[0].contains("traceparent is ignored") && told[0].contains("2 lower-case hexadecimal digits"),
        "{told:?}"
    );
    assert!(told[0].len() < 400, "{told:?}");
    assert_eq!(sink.taken().len(), 1);
}

#[cfg(feature = "metrics")]
#[test]
fn refused_parents_are_counted() {
    use metrics_util::debugging::{DebugValue, DebuggingRecorder};

    let recorder = DebuggingRecorder::new();
    metrics::with_local_recorder(&recorder, || {
        let trace = only(|_| {
            let root = debug_span!("root", traceparent = "");
            root.record("traceparent", "another");
            root.record("traceparent", field::display(remote(true)));
            drop(debug_span!(parent: &root, "within", traceparent = "a third"));
        });
        assert_eq!(trace.id, remote(true).trace);
    });
    let counts = recorder.snapshotter().snapshot().into_vec();
    let [(key, _, _, DebugValue::Counter(3))] = &counts[..] else { panic!("{counts:?}") };
    assert_eq!(key.key().name(), "traceparents_refused_total");
}
