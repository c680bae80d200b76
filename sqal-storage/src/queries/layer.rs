//! [`QueryLayer`]: the layer of a subscriber that counts the driver's queries in their scopes.

use std::fmt;
use std::time::Duration;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber, warn};
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, filter};

use super::counts::Counts;
use super::limits::QueryLimits;

/// The target of the driver's events.
const TARGET: &str = "sqlx::query";

/// The name of a scope's span.
const SCOPE: &str = "query scope";

/// Counts queries in scopes.
///
/// Add the layer to a subscriber as it is: it enables the driver's events whatever the other layers
/// enable.
///
/// ```
/// use sqal_storage::queries::{QueryLayer, QueryLimits, QueryScope};
/// use tracing_subscriber::prelude::*;
///
/// let subscriber = tracing_subscriber::registry().with(QueryLayer::new(QueryLimits::default()));
/// tracing::subscriber::with_default(subscriber, || {
///     let scope = QueryScope::begin();
///     scope.span().in_scope(|| { /* work */ });
///     assert_eq!(scope.report().queries, 0);
/// });
/// ```
#[derive(Clone, Copy, Debug)]
pub struct QueryLayer {
    limits: QueryLimits,
}

impl QueryLayer {
    /// A layer with these limits.
    #[must_use]
    #[expect(clippy::new_ret_no_self, reason = "what is added to a subscriber is the layer behind its filter")]
    pub fn new<S: Subscriber + for<'a> LookupSpan<'a>>(limits: QueryLimits) -> impl Layer<S> + Send + Sync {
        Self { limits }.with_filter(OnlyQueries)
    }
}

/// Lets through the events that the layer counts, and all spans.
///
/// A span between the query and its scope must be seen: the driver enters only the current span in
/// its thread, and from a span that is filtered out no way leads to its parent.
struct OnlyQueries;

impl<S> Filter<S> for OnlyQueries {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        metadata.is_span() || metadata.target() == TARGET
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        // Never `always`: a site that is not asked leaves the answer of the last one for the next
        // span of its thread.
        if metadata.is_span() || metadata.target() == TARGET { Interest::sometimes() } else { Interest::never() }
    }

    fn max_level_hint(&self) -> Option<filter::LevelFilter> {
        Some(filter::LevelFilter::DEBUG)
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for QueryLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if attributes.metadata().name() == SCOPE
            && let Some(span) = context.span(id)
        {
            span.extensions_mut().insert(Counts::new(self.limits));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if event.metadata().target() != TARGET {
            return;
        }
        let scope = context.event_scope(event).into_iter().flatten();
        let Some(counts) = scope.into_iter().find_map(|span| span.extensions().get::<Counts>().cloned()) else {
            return;
        };
        let mut said = Said::default();
        event.record(&mut said);
        let statement = said.statement.split_whitespace().collect::<Vec<_>>().join(" ");
        if counts.add(&statement, said.time) {
            warn!(seconds = said.time.as_secs_f64(), statement = statement.as_str(), "slow query");
        }
    }
}

/// The content of a driver's event.
#[derive(Default)]
struct Said {
    statement: String,
    time: Duration,
}

impl Visit for Said {
    fn record_f64(&mut self, field: &Field, value: f64) {
        if field.name() == "elapsed_secs" {
            self.time = Duration::try_from_secs_f64(value).unwrap_or_default();
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        // If the summary is the whole statement, the driver leaves the statement empty.
        if field.name() == "db.statement" && !value.is_empty() || field.name() == "summary" && self.statement.is_empty()
        {
            value.clone_into(&mut self.statement);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}
