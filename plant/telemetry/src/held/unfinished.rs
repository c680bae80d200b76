//! [`Unfinished`]: a kept trace that has ended, while a trace that it adopted goes on.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::finished::{FinishedSpan, FinishedTrace};
use crate::context::SpanId;

/// A kept trace that waits for what it adopted, so that it is handed over whole.
///
/// It is locked within the lock of an adopted trace, and never the other way round.
#[derive(Debug)]
pub(crate) struct Unfinished(Mutex<Parts>);

#[derive(Debug)]
struct Parts {
    /// The trace; `None` after it was handed over.
    trace: Option<FinishedTrace>,
    /// How many parts are still to come. The first is the work that makes this value.
    left: usize,
}

impl Unfinished {
    /// A trace that waits for [`one_less`](Self::one_less).
    pub(crate) const fn new(trace: FinishedTrace) -> Self {
        Self(Mutex::new(Parts { trace: Some(trace), left: 1 }))
    }

    fn parts(&self) -> MutexGuard<'_, Parts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The id of the span at a place.
    pub(crate) fn span_at(&self, place: usize) -> Option<SpanId> {
        Some(self.parts().trace.as_ref()?.spans.get(place)?.id)
    }

    /// Waits for one part more.
    pub(crate) fn one_more(&self) {
        self.parts().left += 1;
    }

    /// Adds the spans of another trace, which has `total` of them and has dropped `dropped`. The
    /// spans are made when it is known for how many of them there is room.
    pub(crate) fn add(&self, most: usize, total: usize, dropped: u32, spans: impl FnOnce(usize) -> Vec<FinishedSpan>) {
        let mut parts = self.parts();
        let Some(trace) = &mut parts.trace else { return };
        let room = most.saturating_sub(trace.spans.len());
        let beyond = u32::try_from(total.saturating_sub(room)).unwrap_or(u32::MAX);
        trace.spans.append(&mut spans(room));
        trace.dropped = trace.dropped.saturating_add(dropped).saturating_add(beyond);
    }

    /// Waits for one part less. Returns the trace if nothing else is to come.
    pub(crate) fn one_less(&self) -> Option<FinishedTrace> {
        let mut parts = self.parts();
        parts.left = parts.left.saturating_sub(1);
        if parts.left == 0 { parts.trace.take() } else { None }
    }
}
