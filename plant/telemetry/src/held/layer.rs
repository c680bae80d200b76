//! [`HeldLayer`]: the layer that writes the spans of a subscriber down, and the filter that lets it
//! see no others.

use std::sync::Arc;

use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber, debug};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::registry::LookupSpan;

use super::adoption::adopt;
use super::ending::end;
use super::fields::Fields;
use super::followed::Followed;
use super::query::{self, Query};
use super::trace::{LocalTrace, ROOT};
use super::{HeadSampling, HeldTraces};
use crate::context::{SpanId, TraceId};

/// The layer of [`HeldTraces`].
#[derive(Debug)]
pub(crate) struct HeldLayer(pub(crate) HeldTraces);

impl HeldLayer {
    /// The trace and place of a new span.
    fn open(&self, parent: Option<Followed>, metadata: &Metadata<'_>, fields: &mut Fields) -> Followed {
        let (trace, above, now) = if let Some(Followed { trace, at, .. }) = parent {
            (trace, at, self.0.clock.instant())
        } else {
            // The filter has drawn for a root at level trace already.
            let sampling = if is_inner(metadata) { HeadSampling::Always } else { self.0.sampling };
            let times = self.0.clock.both();
            (Arc::new(LocalTrace::begin(times, sampling, self.0.random)), None, times.0)
        };
        let id = SpanId::drawn(self.0.random);
        let mut held = trace.lock();
        let at = held.open(above, metadata.name(), id, now);
        held.record(at, fields);
        drop(held);
        Followed { trace, at, id }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for HeldLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let parent = span.parent().and_then(|parent| parent.extensions().get::<Followed>().cloned());
        let followed = Fields::with_buffer(|fields| {
            if !attributes.is_empty() {
                attributes.record(fields);
            }
            self.open(parent, attributes.metadata(), fields)
        });
        span.extensions_mut().replace(followed);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(followed) = followed(&context, id) else { return };
        Fields::with_buffer(|fields| {
            values.record(fields);
            followed.trace.lock().record(followed.at, fields);
        });
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, context: Context<'_, S>) {
        let (Some(follower), Some(source)) = (followed(&context, id), followed(&context, follows)) else { return };
        if adopt(&follower, &source) {
            return;
        }
        let linked = source.context();
        if let Some(at) = follower.at {
            follower.trace.lock().link(at, linked);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if event.metadata().target() != query::TARGET {
            return;
        }
        let Some(span) = context.event_span(event) else { return };
        let Some(caller) = span.extensions().get::<Followed>().cloned() else { return };
        let (id, now) = (SpanId::drawn(self.0.random), self.0.clock.instant());
        Fields::with_buffer(|fields| {
            let query = Query::read(event, fields);
            let mut held = caller.trace.lock();
            let at = held.add_ended(caller.at, query.name, id, now, query.took);
            held.record(at, fields);
        });
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let extensions = span.extensions();
        if let Some(Followed { trace, at: Some(at), .. }) = extensions.get::<Followed>() {
            let now = self.0.clock.instant();
            trace.lock().leave(*at, now);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        // The registry closes a span after all spans under it, so a root closes last.
        let root = span.extensions().get::<Followed>().filter(|followed| followed.at == Some(ROOT)).cloned();
        let Some(Followed { trace, .. }) = root else { return };
        let mut held = trace.lock();
        let (id, refused) = (held.id, held.refused.take());
        drop(held);
        if let Some(refused) = refused {
            debug!(parent: None, trace = %id, %refused, "traceparent is ignored: the trace has no remote parent");
        }
        end(&trace, &self.0);
    }
}

/// What the layer knows of a span.
fn followed<S: Subscriber + for<'a> LookupSpan<'a>>(context: &Context<'_, S>, id: &Id) -> Option<Followed> {
    context.span(id)?.extensions().get::<Followed>().cloned()
}

/// Lets through the spans of the given targets, and queries within them.
#[derive(Debug)]
pub(crate) struct OnlyFollowed {
    pub(crate) sources: &'static [&'static str],
    /// The names of spans at level trace that begin a trace if it is sampled.
    pub(crate) sampled_roots: &'static [&'static str],
    pub(crate) sampling: HeadSampling,
    pub(crate) random: fn() -> u64,
}

impl OnlyFollowed {
    fn is_followed(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && self.sources.iter().any(|source| metadata.target().starts_with(source))
    }

    /// Whether a span at level trace, which would be a root, begins a trace.
    fn begins(&self, metadata: &Metadata<'_>) -> bool {
        self.sampled_roots.contains(&metadata.name()) && self.sampling.samples(TraceId::drawn(self.random))
    }
}

/// Whether a span is followed only within a trace, or as the root of one that is sampled.
fn is_inner(metadata: &Metadata<'_>) -> bool {
    *metadata.level() == Level::TRACE
}

/// Whether this is the driver's event of a query, or its question whether such an event is wanted.
fn is_query(metadata: &Metadata<'_>) -> bool {
    metadata.target() == query::TARGET && !metadata.is_span() && *metadata.level() <= Level::DEBUG
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Filter<S> for OnlyFollowed {
    fn enabled(&self, metadata: &Metadata<'_>, context: &Context<'_, S>) -> bool {
        // A query outside of a trace is not wanted.
        if is_query(metadata) {
            return context.lookup_current().is_some();
        }
        self.is_followed(metadata)
            && (!is_inner(metadata) || context.lookup_current().is_some() || self.begins(metadata))
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if is_query(metadata) || self.is_followed(metadata) {
            // Never `always`: tracing then does not ask for each span, and uses the last answer of
            // this thread. A library that asks whether an event is wanted, and emits none, leaves
            // such an answer behind, and the next trace would be lost (tracing issue 2519).
            Interest::sometimes()
        } else {
            Interest::never()
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::TRACE)
    }
}
