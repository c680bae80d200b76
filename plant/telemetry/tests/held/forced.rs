//! Of the traces that the head does not sample, callers have at most 100 kept a second, and errors
//! 100 others.

use sqal_telemetry::held::{HeadSampling, SampledShare};
use sqal_telemetry::{SpanId, TraceContext, TraceId};
use tracing::debug_span;

use crate::harness::{kept, pass, value};

/// A request whose caller keeps its trace.
fn forced(trace: u128) {
    let caller = TraceContext::new(TraceId::new(trace).unwrap(), SpanId::new(1).unwrap(), true);
    drop(debug_span!("request", traceparent = %caller));
}

/// A request that fails.
fn failing() {
    drop(debug_span!("request", otel.status_code = "ERROR"));
}

#[test]
fn callers_have_at_most_100_traces_kept_a_second() {
    let taken = kept(HeadSampling::Never, |sink| {
        (1..=150).for_each(forced);
        assert_eq!(sink.taken().len(), 100);
        pass(500);
        (1..=150).for_each(forced);
        assert_eq!(sink.taken().len(), 150, "half a second has room for 50");
        pass(60_000);
        (1..=150).for_each(forced);
    });
    assert_eq!(taken.len(), 250, "a long pause has room for no more than a second");
}

#[test]
fn errors_are_kept_although_callers_have_used_up_their_rate() {
    let taken = kept(HeadSampling::Never, |_| {
        for trace in 1..=150 {
            forced(trace);
            failing();
        }
    });
    let by_errors = taken.iter().filter(|trace| value(&trace.spans[0], "sqal.kept").is_some()).count();
    assert_eq!((taken.len(), by_errors), (200, 100));
}

#[test]
fn a_failure_keeps_a_trace_whose_caller_has_used_up_its_rate() {
    let taken = kept(HeadSampling::Never, |_| {
        (1..=100).for_each(forced);
        let caller = TraceContext::new(TraceId::new(101).unwrap(), SpanId::new(1).unwrap(), true);
        drop(debug_span!("request", traceparent = %caller, otel.status_code = "ERROR"));
    });
    assert_eq!(taken.len(), 101);
    assert!(value(&taken[100].spans[0], "sqal.kept").is_some());
}

#[test]
fn what_the_head_samples_is_kept_at_any_rate() {
    let all = kept(HeadSampling::Always, |_| {
        for trace in 1..=300 {
            forced(trace);
            failing();
        }
    });
    assert_eq!(all.len(), 600);
    let half = kept(HeadSampling::Ratio(SampledShare::new(0.5).unwrap()), |_| {
        // The lower half of an id decides: all of its bits, or few.
        (1..=150_u128).for_each(|trace| forced((trace << 64) | u128::from(u64::MAX)));
        (1..=150).for_each(forced);
    });
    assert_eq!(half.len(), 100 + 150);
}

#[cfg(feature = "metrics")]
#[test]
fn what_is_too_much_is_counted() {
    use metrics_util::debugging::{DebugValue, DebuggingRecorder};

    let recorder = DebuggingRecorder::new();
    metrics::with_local_recorder(&recorder, || {
        kept(HeadSampling::Never, |_| {
            (1..=150).for_each(forced);
            (0..130).for_each(|_| failing());
            drop(debug_span!("not sampled"));
        })
    });
    let counts = recorder.snapshotter().snapshot().into_vec();
    let [(key, _, _, DebugValue::Counter(80))] = &counts[..] else { panic!("{counts:?}") };
    assert_eq!(key.key().name(), "traces_dropped_total");
    let labels: Vec<_> = key.key().labels().map(|label| (label.key(), label.value())).collect();
    assert_eq!(labels, [("reason", "rate")]);
}
