//! [`Home`]: the subscriber that a layer belongs to, for spans that the layer's filter hides.

use std::sync::OnceLock;

use tracing::Dispatch;
use tracing::dispatcher::WeakDispatch;
use tracing::span::Id;
use tracing_subscriber::Registry;
use tracing_subscriber::registry::LookupSpan;

use crate::TraceContext;
use crate::current::context_in;

/// The subscriber of a layer, once it is known.
///
/// The filter of the log hides the spans below its level from the layer, and these spans hold the
/// trace. So the span is looked up in the registry, which hides nothing. tracing's own current
/// dispatcher cannot be asked: while an event is dispatched, a scoped one is not there.
#[derive(Debug, Default)]
pub(super) struct Home(OnceLock<WeakDispatch>);

impl Home {
    /// Notes the subscriber.
    pub(super) fn register(&self, dispatch: &Dispatch) {
        // A layer belongs to one subscriber; the first one counts.
        let _ = self.0.set(dispatch.downgrade());
    }

    /// The context of a span; `None` if no layer follows it.
    pub(super) fn trace_of(&self, id: &Id) -> Option<TraceContext> {
        let dispatch = self.0.get()?.upgrade()?;
        context_in(&dispatch.downcast_ref::<Registry>()?.span(id)?)
    }
}
