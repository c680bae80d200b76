//! What the layer does not follow costs nothing: with no other layer, its spans are disabled.
//!
//! A file of its own, because interest is a matter of the whole process.

use std::sync::Arc;

use sqal_telemetry::context_of;
use sqal_telemetry::held::{FinishedTrace, HeadSampling, HeldTraces, TraceSink};
use tracing::{debug_span, error_span, event_enabled, trace_span};
use tracing_subscriber::prelude::*;

struct Discard;

impl TraceSink for Discard {
    fn take(&self, _: FinishedTrace) {}
}

#[test]
fn spans_of_other_targets_are_disabled_and_fine_ones_are_followed_within_a_trace() {
    let held = HeldTraces::new(Arc::new(Discard), HeadSampling::Always, &["sqal", "held_interest"], || 1);
    tracing::subscriber::with_default(tracing_subscriber::registry().with(held.layer()), || {
        assert!(!debug_span!("followed").is_disabled());
        assert!(!error_span!(target: "sqal_http::door", "followed").is_disabled());
        assert_eq!(context_of(&trace_span!("fine")), None, "outside of a trace");
        debug_span!("followed").in_scope(|| assert_ne!(context_of(&trace_span!("fine")), None));
        assert!(debug_span!(target: "elsewhere", "other").is_disabled());
        assert!(error_span!(target: "hyper::sqal", "not at the beginning").is_disabled());
        assert!(!event_enabled!(tracing::Level::ERROR), "events are for other layers");
    });
}
