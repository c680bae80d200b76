//! Which traces are kept: those that the head samples, and whole those that have an error.

use opentelemetry::trace::{SamplingDecision, SpanKind, TraceId as OtherId};
use opentelemetry_sdk::trace::{Sampler, ShouldSample};
use proptest::prelude::*;
use sqal_telemetry::TraceId;
use sqal_telemetry::held::{AttributeValue, HeadSampling, SampledShare, SpanStatus};
use tracing::{debug_span, field};

use crate::harness::{Sink, choose, kept, names, span, value};

/// What the official sampler of OpenTelemetry decides.
fn official(share: f64, id: u128) -> bool {
    let id = OtherId::from_bytes(id.to_be_bytes());
    let answer = Sampler::TraceIdRatioBased(share).should_sample(None, id, "", &SpanKind::Internal, &[], &[]);
    answer.decision == SamplingDecision::RecordAndSample
}

fn ratio(share: f64) -> HeadSampling {
    HeadSampling::Ratio(SampledShare::new(share).unwrap())
}

/// Lower halves of ids: of all values, and beside the bound of a share.
fn lower_halves(share: f64) -> impl Strategy<Value = u64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::lossy_float_literal,
        reason = "a bound that saturates"
    )]
    let bound = (share * 18_446_744_073_709_551_616.0) as u64;
    prop_oneof![any::<u64>(), (-4_i64..=4).prop_map(move |away| bound.saturating_add_signed(away))]
}

fn shares() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), Just(1.0), Just(0.01), 0.0..=1.0_f64, 0.0..=1e-15_f64]
}

fn shares_with_ids() -> impl Strategy<Value = (f64, Vec<(u64, u64)>)> {
    shares().prop_flat_map(|share| {
        let ids = prop::collection::vec((1..=u64::MAX, lower_halves(share)), 1..30);
        (Just(share), ids)
    })
}

proptest! {
    #[test]
    fn a_share_samples_the_ids_that_the_official_sampler_samples((share, ids) in shares_with_ids()) {
        for (high, low) in ids {
            let id = (u128::from(high) << 64) | u128::from(low);
            prop_assert_eq!(ratio(share).samples(TraceId::new(id).unwrap()), official(share, id), "{:x}", id);
        }
    }

    #[test]
    fn the_layer_keeps_exactly_the_traces_that_the_share_samples((share, ids) in shares_with_ids()) {
        let taken = kept(ratio(share), |_| {
            for (high, low) in &ids {
                choose([*high, *low]);
                drop(debug_span!("root"));
            }
        });
        let taken: Vec<_> = taken.iter().map(|trace| trace.id.get()).collect();
        let ids = ids.iter().map(|(high, low)| (u128::from(*high) << 64) | u128::from(*low));
        prop_assert_eq!(taken, ids.filter(|id| official(share, *id)).collect::<Vec<_>>());
    }

    #[test]
    fn an_error_anywhere_keeps_the_whole_trace_and_no_error_keeps_none(
        above in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        failed in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let taken = kept(HeadSampling::Never, |_| {
            let mut spans = vec![debug_span!("node", otel.status_code = field::Empty)];
            for above in &above {
                let parent = &spans[above.index(spans.len())];
                let span = debug_span!(parent: parent, "node", otel.status_code = field::Empty);
                spans.push(span);
            }
            if let Some(failed) = failed {
                failed.get(&spans).record("otel.status_code", "ERROR");
            }
        });
        prop_assert_eq!(taken.len(), usize::from(failed.is_some()));
        for trace in taken {
            prop_assert_eq!(trace.spans.len(), above.len() + 1);
            let failed = trace.spans.iter().filter(|span| span.status == SpanStatus::Error(String::new()));
            prop_assert_eq!(failed.count(), 1);
        }
    }
}

#[test]
fn a_share_outside_of_0_to_1_is_refused() {
    for wrong in [-0.001, 1.001, f64::NAN, f64::INFINITY] {
        assert!(SampledShare::new(wrong).unwrap_err().to_string().contains("from 0 to 1"), "{wrong}");
    }
}

#[test]
fn the_root_says_that_only_an_error_kept_the_trace() {
    fn failing(_: &Sink) {
        let root = debug_span!("root");
        drop(debug_span!(parent: &root, "inner", otel.status_code = "ERROR", otel.status_description = "full"));
    }
    let kept_by_error = &kept(HeadSampling::Never, failing)[0];
    let error = AttributeValue::Text("error".to_owned());
    assert_eq!(value(span(kept_by_error, "root"), "sqal.kept"), Some(&error));
    assert_eq!(value(span(kept_by_error, "inner"), "sqal.kept"), None);
    assert_eq!(span(kept_by_error, "inner").status, SpanStatus::Error("full".to_owned()));
    assert_eq!(span(kept_by_error, "root").status, SpanStatus::Unset);

    let sampled = &kept(HeadSampling::Always, failing)[0];
    assert_eq!(names(sampled), ["root", "inner"]);
    assert_eq!(value(span(sampled, "root"), "sqal.kept"), None);
}

#[test]
fn an_error_that_was_taken_back_keeps_no_trace() {
    let taken = kept(HeadSampling::Never, |_| {
        let root = debug_span!("root", otel.status_code = "error");
        root.record("otel.status_code", "OK");
    });
    assert_eq!(taken, []);
}

#[test]
fn every_trace_without_a_parent_is_a_trace_of_its_own() {
    let taken = kept(HeadSampling::Always, |_| {
        let outer = debug_span!("outer").entered();
        drop(debug_span!(parent: None, "apart"));
        drop(outer);
        drop(debug_span!("later"));
    });
    assert_eq!(taken.iter().map(|trace| names(trace)[0]).collect::<Vec<_>>(), ["apart", "outer", "later"]);
    assert_ne!(taken[0].id, taken[1].id);
    assert_ne!(taken[1].id, taken[2].id);
}
