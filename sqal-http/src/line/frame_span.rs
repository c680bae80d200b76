//! The span of a frame, from its first byte that is read to its answer.
//!
//! The intake records the trace that the frame names, as the field `traceparent`. A frame of a
//! WebSocket is then a part of that trace. A row of a batch is a part of its request, so it has a
//! link to that trace.

use sqal_protocol::answer::Answer;
#[cfg(feature = "ws")]
use sqal_telemetry::{TraceContext, context_of};
#[cfg(feature = "ws")]
use tracing::{Level, span_enabled, trace_span};
use tracing::{Span, debug_span, field};

/// The span of a frame that a device has sent over its connection. A connection is open for days,
/// so no span of it is the parent.
///
/// A line sends thousands of frames a second. A frame is followed if its trace is sampled at its
/// head, by this process or by the device; the span of any other frame is disabled.
#[cfg(feature = "ws")]
pub(crate) fn of_message(text: &str) -> Span {
    macro_rules! of_message {
        ($span:ident) => {
            $span!(
                parent: None,
                "frame",
                otel.kind = "consumer",
                messaging.system = "websocket",
                traceparent = field::Empty,
                sqal.problem = field::Empty,
                otel.status_code = field::Empty,
            )
        };
    }
    let span = of_message!(trace_span);
    // A span that is not followed may be there all the same, if another layer has a filter.
    if context_of(&span).is_none() && span_enabled!(Level::DEBUG) && names_sampled_trace(text) {
        return of_message!(debug_span);
    }
    span
}

/// Whether a frame names a trace that its device has sampled. The text is searched and not parsed,
/// so a text within another one may be taken for the member; the intake reads it properly.
#[cfg(feature = "ws")]
fn names_sampled_trace(text: &str) -> bool {
    const MEMBER: &str = "\"traceparent\"";
    let Some((_, rest)) = text.split_once(MEMBER) else { return false };
    let value = rest.trim_start_matches([' ', '\t', '\n', '\r', ':']).strip_prefix('"');
    let value = value.and_then(|value| value.split('"').next());
    value.and_then(|value| value.parse::<TraceContext>().ok()).is_some_and(|context| context.sampled)
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

#[cfg(all(test, feature = "ws"))]
mod tests {
    use super::names_sampled_trace;

    #[test]
    fn a_frame_is_known_by_the_trace_that_its_device_has_sampled() {
        const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7";
        for (text, is_sampled) in [
            (format!(r#"{{"traceparent":"00-{TRACE}-01","device_id":"ESP32_1"}}"#), true),
            (format!("{{ \"traceparent\" :\n \"00-{TRACE}-01\" }}"), true),
            (format!(r#"{{"traceparent":"00-{TRACE}-00"}}"#), false),
            (r#"{"traceparent":"00-none-01"}"#.to_owned(), false),
            (r#"{"traceparent":7}"#.to_owned(), false),
            (r#"{"traceparent":"#.to_owned(), false),
            (r#"{"device_id":"ESP32_1"}"#.to_owned(), false),
        ] {
            assert_eq!(names_sampled_trace(&text), is_sampled, "{text}");
        }
    }
}
