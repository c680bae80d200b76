//! Traces that are held in memory until they end, so that a trace with an error is kept whole
//! although only a share of all traces is.
//!
//! A *local trace* is a root span, which has no followed span above it, and everything under the
//! root in this process. [`HeldTraces`] is the layer that holds its spans. When the root and all
//! spans under it have closed, the layer decides:
//!
//! - If the head sampled the trace, its spans go to the [`TraceSink`]. The flag of the remote
//!   parent decides, and [`HeadSampling`] if there is none.
//! - If a span has the status ERROR, all spans go to the sink, and the root has the attribute
//!   `sqal.kept` = `error` if the head did not sample the trace.
//! - Otherwise the trace is dropped.
//!
//! # Spans
//!
//! Libraries make ordinary spans of `tracing` at the level DEBUG or above. The conventions are
//! those of tracing-opentelemetry, so a service that uses it sees the same spans:
//!
//! | field | meaning |
//! |---|---|
//! | `otel.kind` | `server`, `client`, `producer`, `consumer`; absent for work within the process |
//! | `otel.name` | another name than that of the span |
//! | `otel.status_code` | `ERROR` if the span failed |
//! | `otel.status_description` | why it failed |
//! | `traceparent` | the text of a [`TraceContext`](crate::TraceContext) |
//! | any other | an attribute |
//!
//! A field may be given when the span is made, or declared empty and recorded later. The end of a
//! span is the moment at which it was last left; that of a span that was never entered is its
//! start.
//!
//! `traceparent` of a root makes the whole local trace a part of the remote trace, also if it is
//! recorded after spans under the root were made. `traceparent` of another span is a link. A text
//! that W3C Trace Context forbids is ignored, told at the level DEBUG when the trace ends, and with
//! the feature `metrics` counted in `traceparents_refused_total`.
//!
//! # Work that serves several traces
//!
//! A root without a parent that [follows from](tracing::Span::follows_from) spans of other local
//! traces is adopted: each of those traces that is kept has a copy of the whole adopted trace, with
//! new span ids, under the span that it follows from. An adopted trace is not kept on its own, and
//! its failure is a failure of the traces that adopted it. Adoption has one level: a trace that has
//! adopted another is not adopted itself. In every other case `follows_from` is a link.
//!
//! # Queries
//!
//! The events of the database driver (target `sqlx::query`) become spans under the current span,
//! with the kind `client`, the first word of the statement as their name, and the attributes
//! `db.query.text` (at most 1 KiB) and `db.response.returned_rows`. The driver gives statements
//! with placeholders, so the text holds no values.
//!
//! # Limits
//!
//! A trace has at most 512 spans, 128 links, 64 adopted traces, and 1 MiB of text; a span has at
//! most 64 attributes; a text has at most 4 KiB. Spans beyond are counted in
//! [`FinishedTrace::dropped`]; a failure of such a span keeps its trace.
//!
//! Of the traces that [`HeadSampling`] does not sample, remote parents have at most 100 kept a
//! second, and errors 100 others. More of them are dropped, and with the feature `metrics` counted
//! in `traces_dropped_total` with the reason `rate`. A stranger who sets the flag of `traceparent`,
//! or a store that is away, can therefore not have every trace exported.

mod adoption;
mod clock;
mod ending;
mod fields;
mod finished;
pub(crate) mod followed;
mod forced;
mod layer;
mod query;
mod sampling;
mod texts;
mod trace;
mod unfinished;

use std::fmt;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

pub use finished::{AttributeValue, FinishedSpan, FinishedTrace, SpanKind, SpanStatus, TraceSink};
pub use sampling::{HeadSampling, InvalidSampledShare, SampledShare};

use clock::TraceClock;
use forced::ForcedTraces;
use layer::{HeldLayer, OnlyFollowed};

/// Holds local traces until they end; see the [module](self).
///
/// ```
/// use std::hash::{BuildHasher, Hasher, RandomState};
/// use std::sync::{Arc, Mutex};
/// use sqal_telemetry::held::{FinishedTrace, HeadSampling, HeldTraces, TraceSink};
/// use tracing::{debug_span, field};
/// use tracing_subscriber::prelude::*;
///
/// #[derive(Default)]
/// struct Kept(Mutex<Vec<FinishedTrace>>);
///
/// impl TraceSink for Kept {
///     fn take(&self, trace: FinishedTrace) {
///         self.0.lock().unwrap().push(trace);
///     }
/// }
///
/// let kept = Arc::new(Kept::default());
/// let random = || RandomState::new().build_hasher().finish();
/// let held = HeldTraces::new(kept.clone(), HeadSampling::Never, &["my_service"], random);
/// let subscriber = tracing_subscriber::registry().with(held.layer());
/// tracing::subscriber::with_default(subscriber, || {
///     for fails in [false, true] {
///         let request = debug_span!(target: "my_service", "request", otel.status_code = field::Empty);
///         let _entered = request.enter();
///         debug_span!(target: "my_service", "read").in_scope(|| { /* work */ });
///         if fails {
///             request.record("otel.status_code", "ERROR");
///         }
///     }
/// });
/// // No trace was sampled, and the one with an error is kept whole.
/// let kept = kept.0.lock().unwrap();
/// assert_eq!(kept.len(), 1);
/// assert_eq!(kept[0].spans.iter().map(|span| &*span.name).collect::<Vec<_>>(), ["request", "read"]);
/// ```
#[derive(Clone)]
pub struct HeldTraces {
    sink: Arc<dyn TraceSink>,
    sampling: HeadSampling,
    sources: &'static [&'static str],
    sampled_roots: &'static [&'static str],
    random: fn() -> u64,
    clock: TraceClock,
    forced: Arc<ForcedTraces>,
}

impl HeldTraces {
    /// Follows the spans whose target begins with one of `sources`.
    ///
    /// `random` is called once for each span and twice for each trace. It should therefore be a
    /// generator of the process and not of the operating system.
    #[must_use]
    pub fn new(
        sink: Arc<dyn TraceSink>,
        sampling: HeadSampling,
        sources: &'static [&'static str],
        random: fn() -> u64,
    ) -> Self {
        Self { sink, sampling, sources, sampled_roots: &[], random, clock: TraceClock::Machine, forced: Arc::default() }
    }

    /// The names of spans at level trace that begin a trace if it is sampled at its head.
    ///
    /// A span at level trace costs nothing outside of a trace: it is followed only within one. It
    /// is for work that is done many thousand times a second, where writing down each piece until
    /// its end would cost more than the work may. Such a piece is followed if it is sampled at its
    /// head, and otherwise also an error does not keep it.
    #[must_use]
    pub fn with_sampled_roots(self, names: &'static [&'static str]) -> Self {
        Self { sampled_roots: names, ..self }
    }

    /// Takes the times of spans from this function instead of the clocks of the machine. It gives
    /// the monotonic time and the wall time of one moment.
    #[must_use]
    pub fn with_clock(self, now: fn() -> (Instant, SystemTime)) -> Self {
        Self { clock: TraceClock::Given(now), ..self }
    }

    /// The layer, behind a filter that lets it see only what it follows.
    #[must_use]
    pub fn layer<S>(self) -> impl Layer<S> + Send + Sync
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let Self { sources, sampled_roots, sampling, random, .. } = self;
        let filter = OnlyFollowed { sources, sampled_roots, sampling, random };
        Layer::<S>::with_filter(HeldLayer(self), filter)
    }
}

impl fmt::Debug for HeldTraces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("HeldTraces");
        shown.field("sampling", &self.sampling).field("sources", &self.sources).finish_non_exhaustive()
    }
}
