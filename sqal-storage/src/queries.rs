//! [`QueryLayer`]: the number and duration of the queries that a piece of work sends, and the
//! repeated ones (DBP-01 to DBP-05).
//!
//! The stores' driver emits an event for each query; this layer counts the events within a scope.
//! Queries outside a scope are not counted, and without the layer no query is counted.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Metadata, Span, Subscriber, debug_span, warn};
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, filter};

/// The target of the driver's events.
const TARGET: &str = "sqlx::query";

/// The name of a scope's span.
const SCOPE: &str = "query scope";

/// The limits from which a statement counts as repeated and a query as slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueryLimits {
    /// The number of executions in one scope from which a statement is repeated: most likely a loop
    /// that should be one query.
    pub repeated: u32,
    /// A query that takes longer is slow and is logged.
    pub slow: Duration,
}

/// The default limits: five executions, and one second (DBP-02).
impl Default for QueryLimits {
    fn default() -> Self {
        Self { repeated: 5, slow: Duration::from_secs(1) }
    }
}

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
    pub fn new<S: Subscriber + for<'a> LookupSpan<'a>>(limits: QueryLimits) -> impl Layer<S> {
        Self { limits }.with_filter(OnlyQueries)
    }
}

/// Lets through only what the layer counts, so that other events cost nothing.
struct OnlyQueries;

impl<S> Filter<S> for OnlyQueries {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        metadata.target() == TARGET || (metadata.is_span() && metadata.name() == SCOPE)
    }

    fn max_level_hint(&self) -> Option<filter::LevelFilter> {
        Some(filter::LevelFilter::DEBUG)
    }
}

/// A piece of work whose queries are counted: a request, a job, a test.
#[derive(Clone, Debug)]
pub struct QueryScope(Span);

impl QueryScope {
    /// A scope. The work must enter its [span](Self::span), or its future must be instrumented with
    /// the span.
    #[must_use]
    pub fn begin() -> Self {
        Self(debug_span!(target: "sqal_storage::queries", "query scope"))
    }

    /// The span of the work.
    #[must_use]
    pub const fn span(&self) -> &Span {
        &self.0
    }

    /// The counts so far; empty without a [`QueryLayer`].
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

/// The counts of the queries of a scope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueryReport {
    /// The number of queries.
    pub queries: u32,
    /// The duration of all queries together.
    pub time: Duration,
    /// The number of slow queries.
    pub slow: u32,
    /// The repeated statements with their number of executions, the largest number first.
    pub repeated: Vec<(String, u32)>,
}

impl fmt::Display for QueryReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} queries in {:.1?}, {} slow", self.queries, self.time, self.slow)?;
        for (statement, count) in &self.repeated {
            write!(f, "; {count} times {statement}")?;
        }
        Ok(())
    }
}

#[derive(Clone, Debug)]
struct Counts(Arc<Mutex<Counted>>);

#[derive(Debug)]
struct Counted {
    limits: QueryLimits,
    statements: HashMap<String, u32>,
    time: Duration,
    slow: u32,
}

impl Counts {
    fn report(&self) -> QueryReport {
        let counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let repeated = counted.statements.iter().filter(|(_, count)| **count >= counted.limits.repeated);
        let mut repeated: Vec<_> = repeated.map(|(statement, count)| (statement.clone(), *count)).collect();
        repeated.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        QueryReport { queries: counted.statements.values().sum(), time: counted.time, slow: counted.slow, repeated }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for QueryLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if attributes.metadata().name() == SCOPE
            && let Some(span) = context.span(id)
        {
            let counted = Counted { limits: self.limits, statements: HashMap::new(), time: Duration::ZERO, slow: 0 };
            span.extensions_mut().insert(Counts(Arc::new(Mutex::new(counted))));
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
        let mut counted = counts.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_slow = said.time > counted.limits.slow;
        counted.time += said.time;
        counted.slow += u32::from(is_slow);
        let statement = said.statement.split_whitespace().collect::<Vec<_>>().join(" ");
        if is_slow {
            // After the lock is released: a log may send queries too.
            let (time, text) = (said.time, statement.clone());
            *counted.statements.entry(statement).or_default() += 1;
            drop(counted);
            warn!(?time, statement = text, "slow query");
        } else {
            *counted.statements.entry(statement).or_default() += 1;
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

/// Fails a test whose scope has sent more queries than allowed or repeated one, and names them.
#[macro_export]
macro_rules! assert_query_budget {
    ($scope:expr, $most:expr) => {{
        let report = $crate::queries::QueryScope::report(&$scope);
        assert!(
            report.queries <= $most && report.repeated.is_empty(),
            "more than {} queries, or repeated ones: {report}",
            $most
        );
    }};
}
