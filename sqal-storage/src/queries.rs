//! The number and duration of the queries that a piece of work sends, and the repeated ones (DBP-01
//! to DBP-05).
//!
//! The stores' driver emits an event for each query; a [`QueryLayer`] counts the events within each
//! [`QueryScope`]. Queries outside a scope are not counted, and without the layer no query is
//! counted. A [`QueryProfiler`] sums up the scopes of a whole process by endpoint.

mod counts;
mod layer;
mod limits;
mod profiler;
mod report;
mod scope;
mod spread;
mod statistics;

pub use layer::QueryLayer;
pub use limits::QueryLimits;
pub use profiler::QueryProfiler;
pub use report::{QueryReport, StatementUse};
pub use scope::QueryScope;
pub use statistics::{EndpointQueries, QueryStatistics, StatementQueries};

/// Fails a test whose scope has sent more queries than allowed or repeated one, and names them.
#[macro_export]
macro_rules! assert_query_budget {
    ($scope:expr, $most:expr) => {{
        let report = $crate::queries::QueryScope::report(&$scope);
        assert!(
            report.queries <= $most && report.repeated().next().is_none(),
            "more than {} queries, or repeated ones: {report}",
            $most
        );
    }};
}
