//! [`FinishedTrace`]: a trace that is kept, as its [`TraceSink`] receives it.

use std::borrow::Cow;
use std::time::SystemTime;

use crate::context::{SpanId, TraceContext, TraceId};

/// Where kept traces go.
///
/// # Laws
///
/// `take` does not block and does not panic: it is called where the last span of a trace closes,
/// which may be within any piece of work.
pub trait TraceSink: Send + Sync {
    /// Takes a trace that has ended.
    fn take(&self, trace: FinishedTrace);
}

/// The spans that one process adds to a trace: those of a root and everything under it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct FinishedTrace {
    /// The trace.
    pub id: TraceId,
    /// The span of another process under which these spans are.
    pub remote_parent: Option<SpanId>,
    /// The spans. The root is the first of them, and every span is behind its parent.
    pub spans: Vec<FinishedSpan>,
    /// The number of spans that were more than a trace may have.
    pub dropped: u32,
}

/// One span of a trace.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct FinishedSpan {
    /// The id.
    pub id: SpanId,
    /// The span above this one. That of the root is [`FinishedTrace::remote_parent`].
    pub parent: Option<SpanId>,
    /// The name: that of tracing's span, or its field `otel.name`.
    pub name: Cow<'static, str>,
    /// The role of the span.
    pub kind: SpanKind,
    /// When the span was made.
    pub start: SystemTime,
    /// When the span was last left; equal to `start` if it was never entered.
    pub end: SystemTime,
    /// The fields of the span, each name once.
    pub attributes: Vec<(&'static str, AttributeValue)>,
    /// Whether the span failed.
    pub status: SpanStatus,
    /// Spans of other traces that this one is connected with.
    pub links: Vec<TraceContext>,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum AttributeValue {
    /// A text of at most 4 KiB.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// True or false.
    Flag(bool),
}

/// The role of a span in a call, as OpenTelemetry defines it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SpanKind {
    /// Work within the process.
    #[default]
    Internal,
    /// The answer to a request of another process.
    Server,
    /// A request to another process.
    Client,
    /// A message is sent that is worked on later.
    Producer,
    /// Work on a message.
    Consumer,
}

/// Whether a span failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SpanStatus {
    /// No failure was recorded.
    #[default]
    Unset,
    /// The span failed, with a description that may be empty.
    Error(String),
}
