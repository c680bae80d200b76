//! [`LocalTrace`]: the spans of one root, held until the root closes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::fields::{Fields, HeldValue, MOST_ATTRIBUTES};
use super::finished::SpanKind;
use super::sampling::HeadSampling;
use super::texts::{Piece, Texts};
use super::unfinished::Unfinished;
use crate::context::{InvalidTraceContext, SpanId, TraceContext, TraceId};

/// The most spans of a trace.
pub(crate) const MOST_SPANS: usize = 512;

/// The most links of all spans of a trace together.
const MOST_LINKS: usize = 128;

/// The place of the root among the spans.
pub(crate) const ROOT: usize = 0;

/// A trace that its spans share.
#[derive(Debug)]
pub(crate) struct LocalTrace(Mutex<Held>);

impl LocalTrace {
    /// A trace that begins now, without spans.
    pub(crate) fn begin(times: (Instant, SystemTime), sampling: HeadSampling, random: fn() -> u64) -> Self {
        let id = TraceId::drawn(random);
        Self(Mutex::new(Held {
            id,
            is_sampled: sampling.samples(id),
            remote_parent: None,
            began: times,
            // Room for what most traces have.
            spans: Vec::with_capacity(4),
            attributes: Vec::with_capacity(8),
            links: Vec::new(),
            texts: Texts::with_room(256),
            dropped: 0,
            has_dropped_failure: false,
            refused: None,
            relation: Relation::default(),
        }))
    }

    /// The trace. A lock that a panic poisoned is taken all the same: each change is complete at
    /// any moment.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is held of a trace.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) id: TraceId,
    /// Whether the head sampled the trace.
    pub(crate) is_sampled: bool,
    /// The remote span that the root has as its parent.
    pub(crate) remote_parent: Option<SpanId>,
    /// Both times of the moment at which the root was made.
    pub(crate) began: (Instant, SystemTime),
    /// The spans, each behind its parent.
    pub(crate) spans: Vec<HeldSpan>,
    /// The attributes of all spans.
    pub(crate) attributes: Vec<HeldAttribute>,
    /// The links of all spans, by the place of the span.
    pub(crate) links: Vec<(usize, TraceContext)>,
    /// The texts of the spans and attributes.
    pub(crate) texts: Texts,
    /// The number of spans beyond [`MOST_SPANS`].
    pub(crate) dropped: u32,
    /// Whether a span beyond [`MOST_SPANS`] failed.
    has_dropped_failure: bool,
    /// The first `traceparent` that was refused.
    pub(crate) refused: Option<Box<InvalidTraceContext>>,
    /// How the trace is connected with other local traces.
    pub(crate) relation: Relation,
}

/// One span of a trace.
#[derive(Debug)]
pub(crate) struct HeldSpan {
    pub(crate) id: SpanId,
    /// The place of the span above; `None` for the root.
    pub(crate) parent: Option<usize>,
    pub(crate) name: HeldName,
    pub(crate) kind: SpanKind,
    pub(crate) start: Instant,
    pub(crate) end: Instant,
    pub(crate) failed: bool,
    pub(crate) description: Option<Piece>,
    /// The number of attributes.
    attributes: usize,
}

/// The name of a span.
#[derive(Clone, Copy, Debug)]
pub(crate) enum HeldName {
    Fixed(&'static str),
    Recorded(Piece),
}

/// One attribute of a span.
#[derive(Debug)]
pub(crate) struct HeldAttribute {
    /// The place of the span.
    pub(crate) at: usize,
    pub(crate) name: &'static str,
    pub(crate) value: HeldValue,
}

/// How a local trace is connected with others. A trace that adopts is never adopted itself, so no
/// traces hold each other in a circle.
#[derive(Debug, Default)]
pub(crate) enum Relation {
    /// With none.
    #[default]
    Single,
    /// The trace has others under its spans.
    Adopts(Vec<Adoption>),
    /// The trace stands under spans of others.
    Adopted(Adopters),
}

/// A trace under a span of another.
#[derive(Debug)]
pub(crate) struct Adoption {
    pub(crate) trace: Arc<LocalTrace>,
    /// The place of the span that adopted it.
    pub(crate) under: usize,
}

/// Which spans have adopted a trace.
#[derive(Debug, Default)]
pub(crate) struct Adopters {
    /// The number of spans.
    pub(crate) count: usize,
    /// Whether the root of the adopted trace has closed.
    pub(crate) has_ended: bool,
    /// Kept traces that ended first, with the spans under which they are given their copies when
    /// the adopted trace ends.
    pub(crate) waiting: Vec<(Arc<Unfinished>, SpanId)>,
    /// Whether a trace that was not kept ended first, and would not show a later failure.
    pub(crate) is_deserted: bool,
}

impl Held {
    /// Adds a span and gives its place; `None` if the trace has as many as it may have.
    pub(crate) fn open(
        &mut self,
        parent: Option<usize>,
        name: &'static str,
        id: SpanId,
        start: Instant,
    ) -> Option<usize> {
        let at = self.spans.len();
        if at >= MOST_SPANS {
            self.dropped = self.dropped.saturating_add(1);
            return None;
        }
        self.spans.push(HeldSpan {
            id,
            parent,
            name: HeldName::Fixed(name),
            kind: SpanKind::Internal,
            start,
            end: start,
            failed: false,
            description: None,
            attributes: 0,
        });
        Some(at)
    }

    /// Records fields of the span at a place, or of one that was dropped.
    pub(crate) fn record(&mut self, at: Option<usize>, fields: &mut Fields) {
        let remote = fields.remote.take();
        let Some(at) = at else {
            self.has_dropped_failure |= fields.failed == Some(true);
            return;
        };
        match remote {
            Some(Ok(context)) if at == ROOT => self.continue_remote(context),
            Some(Ok(context)) => self.link(at, context),
            Some(Err(refused)) if self.refused.is_none() => self.refused = Some(Box::new(refused)),
            Some(Err(_)) | None => {}
        }
        let Self { spans, attributes, texts, .. } = self;
        let Some(span) = spans.get_mut(at) else { return };
        if let Some(name) = fields.name {
            span.name = HeldName::Recorded(texts.keep(fields.texts.text(name)));
        }
        if let Some(description) = fields.description {
            span.description = Some(texts.keep(fields.texts.text(description)));
        }
        span.kind = fields.kind.unwrap_or(span.kind);
        span.failed = fields.failed.unwrap_or(span.failed);
        // The fields of a new span have different names, and need no search.
        let searched = if span.attributes > 0 { usize::MAX } else { 0 };
        for &(name, value) in &fields.attributes {
            let value = value.moved(&fields.texts, texts);
            let mut latest = attributes.iter_mut().rev().take(searched);
            let earlier = latest.find(|held| held.at == at && held.name == name);
            if let Some(earlier) = earlier {
                earlier.value = value;
            } else if span.attributes < MOST_ATTRIBUTES {
                attributes.push(HeldAttribute { at, name, value });
                span.attributes += 1;
            }
        }
    }

    /// Makes the trace a part of a remote one. Its spans keep their ids.
    fn continue_remote(&mut self, context: TraceContext) {
        self.id = context.trace;
        self.remote_parent = Some(context.span);
        self.is_sampled = context.sampled;
    }

    /// Connects the span at a place with a span of another trace.
    pub(crate) fn link(&mut self, at: usize, context: TraceContext) {
        if self.links.len() < MOST_LINKS {
            self.links.push((at, context));
        }
    }

    /// Notes that the span at a place was left.
    pub(crate) fn leave(&mut self, at: usize, now: Instant) {
        if let Some(span) = self.spans.get_mut(at) {
            span.end = span.end.max(now);
        }
    }

    /// Adds a span that ends now and took this long.
    pub(crate) fn add_ended(
        &mut self,
        parent: Option<usize>,
        name: &'static str,
        id: SpanId,
        now: Instant,
        took: Duration,
    ) -> Option<usize> {
        let start = now.checked_sub(took).unwrap_or(now);
        let at = self.open(parent, name, id, start)?;
        self.leave(at, now);
        Some(at)
    }

    /// Whether a span of the trace has failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.has_dropped_failure || self.spans.iter().any(|span| span.failed)
    }
}
