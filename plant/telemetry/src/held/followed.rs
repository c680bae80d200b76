//! [`Followed`]: what a span of tracing's registry knows of its trace.

use std::sync::Arc;

use super::trace::{LocalTrace, Relation};
use crate::context::{SpanId, TraceContext};

/// The trace of a span and its place in it.
#[derive(Clone, Debug)]
pub(crate) struct Followed {
    pub(crate) trace: Arc<LocalTrace>,
    /// The place of the span; `None` if the trace had as many spans as it may have.
    pub(crate) at: Option<usize>,
    pub(crate) id: SpanId,
}

impl Followed {
    /// The context of the span, as it is so far.
    pub(crate) fn context(&self) -> TraceContext {
        let held = self.trace.lock();
        // An adopted trace leaves only as a copy under other ids: its own lead nowhere.
        let is_adopted = matches!(held.relation, Relation::Adopted(_));
        TraceContext::new(held.id, self.id, held.is_sampled && !is_adopted)
    }
}
