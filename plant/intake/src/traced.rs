//! [`Judging`]: the span in which a frame is judged, and the trace that the frame's device has
//! named.
//!
//! ```text
//! frame     of the carrier (WebSocket, batch); begins or belongs to the device's trace
//! ├─ judge  a link to the device's trace if the frame is old, or is replayed
//! └─ store  until the sample is durable
//! ```

use std::time::Duration;

use sqal_core::Timestamp;
use sqal_telemetry::{TraceContext, context_of};
use tracing::{Span, field, trace_span};

/// A frame that was measured longer ago was kept by its device. Its trace has ended, so the frame
/// is linked to it and does not belong to it. The documented limit of clocks that differ has the
/// same length.
const FRESH: Duration = Duration::from_mins(5);

/// The judging of one frame. Its functions are called within the span of the frame, which the
/// carrier has made.
pub(crate) struct Judging(Span);

impl Judging {
    /// Begins within the span of the frame.
    pub(crate) fn begin() -> Self {
        Self(trace_span!("judge", traceparent = field::Empty))
    }

    /// Whether anything follows the spans of frames.
    pub(crate) fn is_followed(&self) -> bool {
        context_of(&self.0).is_some()
    }

    /// Judges within the span.
    pub(crate) fn in_scope<T>(&self, judge: impl FnOnce() -> T) -> T {
        self.0.in_scope(judge)
    }

    /// Makes the frame part of the trace of its device, or links it to that trace if the frame was
    /// not measured lately. `measured` is `None` if the frame has no time that can be read.
    pub(crate) fn belongs_to(&self, device: TraceContext, measured: Option<Timestamp>, now: Timestamp) {
        if measured.is_none_or(|measured| is_fresh(measured, now)) {
            Span::current().record("traceparent", field::display(device));
        } else {
            self.links_to(device);
        }
    }

    /// Links the judging to the trace of the device, which has ended. Without a span around it, the
    /// judging would become a part of that trace, so it has no link then.
    pub(crate) fn links_to(&self, device: TraceContext) {
        if !Span::current().is_none() {
            self.0.record("traceparent", field::display(device));
        }
    }
}

fn is_fresh(measured: Timestamp, now: Timestamp) -> bool {
    now.micros().abs_diff(measured.micros()) <= u64::try_from(FRESH.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_frame_is_fresh_for_five_minutes_on_both_sides_of_the_servers_clock(
            now in 1_600_000_000_000_000..1_900_000_000_000_000_i64,
            away in -1_000_000_000..1_000_000_000_i64,
        ) {
            let at = |micros| Timestamp::from_micros(micros).unwrap();
            prop_assert_eq!(is_fresh(at(now + away), at(now)), (-300_000_000..=300_000_000).contains(&away));
        }
    }
}
