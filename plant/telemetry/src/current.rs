//! Which trace the work of this moment belongs to: of tracing's current span, of a span, and of a
//! span within a layer.
//!
//! The contexts are those of the layer that [`HeldTraces`](crate::held::HeldTraces) makes. A span
//! that it does not follow belongs to the trace of the nearest followed span above it. In each
//! context, `sampled` is the decision of the head so far: a trace that ends in an error is kept
//! although it was not sampled.

use tracing::span::Id;
use tracing::{Dispatch, Span, dispatcher};
use tracing_subscriber::Registry;
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use crate::context::TraceContext;
use crate::held::followed::Followed;

/// The context of tracing's current span; `None` if no layer follows it.
///
/// While a layer is called, tracing shows it no subscriber that is set for a thread only. A layer
/// calls [`context_in`] instead.
///
/// ```
/// // Without a layer that follows spans there is no trace.
/// assert_eq!(sqal_telemetry::current(), None);
/// ```
#[must_use]
pub fn current() -> Option<TraceContext> {
    dispatcher::get_default(|subscriber| context_at(subscriber, subscriber.current_span().id()?))
}

/// The context of this span; `None` if no layer follows it.
#[must_use]
pub fn context_of(span: &Span) -> Option<TraceContext> {
    span.with_subscriber(|(id, subscriber)| context_at(subscriber, id)).flatten()
}

/// The context of a span of the registry, for layers and formatters of logs; `None` if no layer
/// follows it.
///
/// A layer with a filter is shown only the spans that its filter lets through, and finds no context
/// in the others.
#[must_use]
pub fn context_in<'a, S: LookupSpan<'a>>(span: &SpanRef<'a, S>) -> Option<TraceContext> {
    span.scope().find_map(|span| span.extensions().get::<Followed>().map(Followed::context))
}

/// The context of a span of this subscriber.
fn context_at(subscriber: &Dispatch, id: &Id) -> Option<TraceContext> {
    context_in(&subscriber.downcast_ref::<Registry>()?.span(id)?)
}
