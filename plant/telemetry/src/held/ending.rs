//! The end of a local trace: it is handed to the sink, kept for the traces that adopted it, or
//! dropped.

use std::borrow::Cow;
use std::mem;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use super::HeldTraces;
use super::fields::HeldValue;
use super::finished::{AttributeValue, FinishedSpan, FinishedTrace, SpanStatus};
use super::texts::{Texts, folded};
use super::trace::{Adopters, Adoption, Held, HeldName, HeldSpan, LocalTrace, MOST_SPANS, Relation};
use super::unfinished::Unfinished;
use crate::context::SpanId;

/// The attribute of a root that says why its trace was kept although it was not sampled.
const KEPT: &str = "sqal.kept";

/// The longest text of a statement, in bytes.
const MOST_STATEMENT: usize = 1024;

/// Ends a trace whose root has closed. The sink is called while no lock is held.
pub(crate) fn end(trace: &LocalTrace, traces: &HeldTraces) {
    for finished in finished(trace, traces) {
        traces.sink.take(finished);
    }
    #[cfg(feature = "metrics")]
    traces.forced.tell();
}

/// What is handed over when the root of a trace has closed: the trace, or the traces that have
/// waited for it because they adopted it and ended first.
fn finished(trace: &LocalTrace, traces: &HeldTraces) -> Vec<FinishedTrace> {
    let mut held = trace.lock();
    let adopted = match mem::take(&mut held.relation) {
        Relation::Adopted(adopters) if adopters.count > 0 => return held.end_adopted(adopters, traces),
        Relation::Adopts(adopted) => adopted,
        Relation::Single | Relation::Adopted(_) => Vec::new(),
    };
    let own = held.end_own(&adopted, traces);
    drop(held);
    own.and_then(|own| with_adopted(own, &adopted, traces.random)).into_iter().collect()
}

/// A trace with its copies of what it adopted; `None` if one of these goes on. The trace is then
/// handed over when the last of them ends.
fn with_adopted(trace: FinishedTrace, adopted: &[Adoption], random: fn() -> u64) -> Option<FinishedTrace> {
    if adopted.is_empty() {
        return Some(trace);
    }
    let unfinished = Arc::new(Unfinished::new(trace));
    for Adoption { trace: adopted, under } in adopted {
        let Some(under) = unfinished.span_at(*under) else { continue };
        let mut adopted = adopted.lock();
        match &mut adopted.relation {
            Relation::Adopted(adopters) if !adopters.has_ended => {
                unfinished.one_more();
                adopters.waiting.push((Arc::clone(&unfinished), under));
            }
            _ => adopted.copy_into(&unfinished, under, random),
        }
    }
    unfinished.one_less()
}

impl Held {
    /// The trace with its own spans if it is kept; `None` if it is dropped.
    fn end_own(&self, adopted: &[Adoption], traces: &HeldTraces) -> Option<FinishedTrace> {
        let is_kept_by_head = self.is_kept_by_head(traces);
        let mut has_failed = self.has_failed();
        for adoption in adopted {
            has_failed |= adoption.trace.lock().has_failed_for(is_kept_by_head || has_failed);
        }
        let is_kept = is_kept_by_head || (has_failed && traces.forced.by_errors.admits(traces.clock.instant()));
        if !is_kept {
            if self.is_sampled || has_failed {
                traces.forced.drop_one();
            }
            return None;
        }
        let ids: Vec<_> = self.spans.iter().map(|span| span.id).collect();
        let mut spans = self.finished(self.remote_parent, &ids);
        if !is_kept_by_head && let Some(root) = spans.first_mut() {
            root.attributes.push((KEPT, AttributeValue::Text("error".to_owned())));
        }
        Some(FinishedTrace { id: self.id, remote_parent: self.remote_parent, spans, dropped: self.dropped })
    }

    /// Whether the head keeps the trace. If callers have had too many kept, the share of this
    /// process decides.
    fn is_kept_by_head(&self, traces: &HeldTraces) -> bool {
        let decides_itself = self.remote_parent.is_none() || traces.sampling.samples(self.id);
        self.is_sampled && (decides_itself || traces.forced.by_callers.admits(traces.clock.instant()))
    }

    /// Ends a trace that others adopted: gives those that waited for nothing else.
    fn end_adopted(&mut self, mut adopters: Adopters, traces: &HeldTraces) -> Vec<FinishedTrace> {
        adopters.has_ended = true;
        let waiting = mem::take(&mut adopters.waiting);
        let complete = |(unfinished, under): (Arc<Unfinished>, SpanId)| {
            self.copy_into(&unfinished, under, traces.random);
            unfinished.one_less()
        };
        let mut finished: Vec<_> = waiting.into_iter().filter_map(complete).collect();
        if adopters.is_deserted && self.has_failed() {
            finished.extend(self.end_own(&[], traces));
        }
        self.relation = Relation::Adopted(adopters);
        finished
    }

    /// Adds a copy of this trace under a span of another. What has no room there is not copied
    /// first: 64 adopted traces may have 512 spans each.
    fn copy_into(&self, other: &Unfinished, under: SpanId, random: fn() -> u64) {
        other.add(MOST_SPANS, self.spans.len(), self.dropped, |room| self.copies(under, room, random));
    }

    /// At most `most` spans from the first on, with new ids, under a span of another trace.
    fn copies(&self, under: SpanId, most: usize, random: fn() -> u64) -> Vec<FinishedSpan> {
        let ids: Vec<_> = self.spans.iter().take(most).map(|_| SpanId::drawn(random)).collect();
        self.finished(Some(under), &ids)
    }

    /// The spans for which there are ids; the root is under `above`.
    fn finished(&self, above: Option<SpanId>, ids: &[SpanId]) -> Vec<FinishedSpan> {
        let spans = self.spans.iter().zip(ids);
        let mut finished: Vec<_> = spans
            .map(|(span, id)| {
                let parent = span.parent.map_or(above, |parent| ids.get(parent).copied());
                self.finished_span(span, *id, parent)
            })
            .collect();
        for attribute in &self.attributes {
            if let Some(span) = finished.get_mut(attribute.at) {
                span.attributes.push((attribute.name, finished_value(attribute.value, &self.texts)));
            }
        }
        for (at, context) in &self.links {
            if let Some(span) = finished.get_mut(*at) {
                span.links.push(*context);
            }
        }
        finished
    }

    /// A span without its attributes and links.
    fn finished_span(&self, span: &HeldSpan, id: SpanId, parent: Option<SpanId>) -> FinishedSpan {
        let name = match span.name {
            HeldName::Fixed(name) => Cow::Borrowed(name),
            HeldName::Recorded(piece) => Cow::Owned(self.texts.text(piece).to_owned()),
        };
        let description = span.description.map(|piece| self.texts.text(piece)).unwrap_or_default();
        FinishedSpan {
            id,
            parent,
            name,
            kind: span.kind,
            start: wall(self.began, span.start),
            end: wall(self.began, span.end),
            attributes: Vec::new(),
            status: if span.failed { SpanStatus::Error(description.to_owned()) } else { SpanStatus::Unset },
            links: Vec::new(),
        }
    }
}

fn finished_value(value: HeldValue, texts: &Texts) -> AttributeValue {
    match value {
        HeldValue::Text(piece) => AttributeValue::Text(texts.text(piece).to_owned()),
        HeldValue::Statement(piece) => AttributeValue::Text(folded(texts.text(piece), MOST_STATEMENT)),
        HeldValue::Integer(value) => AttributeValue::Integer(value),
        HeldValue::Number(value) => AttributeValue::Number(value),
        HeldValue::Flag(value) => AttributeValue::Flag(value),
    }
}

/// The wall time of a monotonic time, by both times of the moment at which the trace began.
fn wall(began: (Instant, SystemTime), at: Instant) -> SystemTime {
    let (monotonic, wall) = began;
    let time = match at.checked_duration_since(monotonic) {
        Some(after) => wall.checked_add(after),
        None => wall.checked_sub(monotonic.saturating_duration_since(at)),
    };
    time.unwrap_or(wall)
}
