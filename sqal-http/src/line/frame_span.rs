//! The span of a frame, from its first byte that is read to its answer.
//!
//! The intake records the trace that the frame names, as the field `traceparent`. A frame of a
//! WebSocket is then a part of that trace. A row of a batch is a part of its request, so it has a
//! link to that trace.

use sqal_protocol::answer::Answer;
use tracing::{Span, debug_span, field};

/// The span of a frame that a device has sent over its connection. A connection is open for days,
/// so no span of it is the parent.
#[cfg(feature = "ws")]
pub(crate) fn of_message() -> Span {
    debug_span!(
        parent: None,
        "frame",
        otel.kind = "consumer",
        messaging.system = "websocket",
        traceparent = field::Empty,
        sqal.problem = field::Empty,
        otel.status_code = field::Empty,
    )
}

/// The span of a row of a batch, within the current span, which is that of the request.
pub(crate) fn of_row() -> Span {
    debug_span!(
        "frame",
        otel.kind = "consumer",
        messaging.system = "http",
        traceparent = field::Empty,
        sqal.problem = field::Empty,
        otel.status_code = field::Empty,
    )
}

/// Records in the current span how its frame was answered. Only a fault of the server is an error.
pub(crate) fn answered(answer: &Answer) {
    if let Some(problem) = answer.problem() {
        let span = Span::current();
        span.record("sqal.problem", &*problem.kind);
        if problem.status >= 500 {
            span.record("otel.status_code", "ERROR");
        }
    }
}
