//! [`QueryScope`]: a piece of work whose queries are counted.

use tracing::{Span, debug_span};
use tracing_subscriber::registry::LookupSpan;

use super::counts::Counts;
use super::report::QueryReport;

/// A piece of work whose queries are counted: a request, a job, a test.
#[derive(Clone, Debug)]
pub struct QueryScope(Span);

impl QueryScope {
    /// A scope. The work must enter its [span](Self::span), or its future must be instrumented with
    /// the span.
    #[must_use]
    pub fn begin() -> Self {
        // With a target of its own, a layer that follows the spans of these crates does not follow
        // the scope. A request within a scope is then still the root of its trace.
        Self(debug_span!(target: "query_scope", "query scope"))
    }

    /// The span of the work.
    #[must_use]
    pub const fn span(&self) -> &Span {
        &self.0
    }

    /// The counts so far; empty without a [`QueryLayer`](super::QueryLayer).
    #[must_use]
    pub fn report(&self) -> QueryReport {
        let report = self.0.with_subscriber(|(id, dispatch)| {
            let registry = dispatch.downcast_ref::<tracing_subscriber::Registry>()?;
            let counts = registry.span(id)?.extensions().get::<Counts>()?.clone();
            Some(counts.report())
        });
        report.flatten().unwrap_or_default()
    }
}
