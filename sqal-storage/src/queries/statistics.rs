//! [`QueryStatistics`]: the queries of a process by endpoint and by statement, as values and as a
//! text.

use std::fmt;
use std::time::Duration;

/// The number of statements of an endpoint that a text shows, beside the repeated and the slow
/// ones.
const MOST_SHOWN: usize = 10;

/// The queries of a process, by endpoint.
///
/// Its text is the report for people: each endpoint with its statements, those that take most time
/// first, and repeated and slow ones marked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueryStatistics {
    /// The number of calls of all endpoints.
    pub calls: u64,
    /// The number of their queries.
    pub queries: u64,
    /// The duration of all queries together.
    pub time: Duration,
    /// The number of slow queries.
    pub slow: u64,
    /// The endpoints, that with the longest time first.
    pub endpoints: Vec<EndpointQueries>,
}

/// The queries of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EndpointQueries {
    /// The name of the endpoint, for example `GET /api/v1/samples/{id}`.
    pub endpoint: String,
    /// The number of calls.
    pub calls: u64,
    /// The number of queries of all calls.
    pub queries: u64,
    /// The largest number of queries of one call.
    pub most_queries: u32,
    /// The duration of all queries together.
    pub time: Duration,
    /// The duration of the queries of one call that half of the calls do not exceed: an estimate
    /// that is too long by an eighth at most.
    pub median: Duration,
    /// The duration of the queries of one call that 95 of 100 calls do not exceed, estimated as the
    /// median.
    pub p95: Duration,
    /// The longest duration of the queries of one call.
    pub longest: Duration,
    /// The number of slow queries.
    pub slow: u64,
    /// The number of calls that have repeated a statement.
    pub repeating_calls: u64,
    /// The statements, that with the longest time first.
    pub statements: Vec<StatementQueries>,
    /// The number of queries whose statements are not listed, because there are too many
    /// statements.
    pub other_queries: u64,
}

/// The queries of one statement at an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StatementQueries {
    /// The statement, with placeholders and without values. A text that is cut ends with `…`.
    pub statement: String,
    /// The number of executions.
    pub executions: u64,
    /// The duration of all executions together.
    pub time: Duration,
    /// The duration of the longest execution.
    pub longest: Duration,
    /// The number of slow executions.
    pub slow: u64,
    /// The largest number of executions in one call.
    pub most_in_a_call: u32,
    /// The number of calls that have repeated the statement: most likely a loop that should be one
    /// query.
    pub repeating_calls: u64,
}

impl StatementQueries {
    /// Whether a person should look at the statement: a call has repeated it, or it was slow.
    const fn is_suspect(&self) -> bool {
        self.repeating_calls > 0 || self.slow > 0
    }
}

/// A duration in milliseconds, as a report shows it.
struct Millis(Duration);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} ms", self.0.as_secs_f64() * 1000.0)
    }
}

impl fmt::Display for QueryStatistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { calls, queries, time, slow, endpoints } = self;
        writeln!(f, "Database queries: {calls} calls, {queries} queries in {}, {slow} slow", Millis(*time))?;
        for endpoint in endpoints {
            write!(f, "\n{endpoint}")?;
        }
        Ok(())
    }
}

impl fmt::Display for EndpointQueries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { endpoint, calls, queries, most_queries, slow, .. } = self;
        writeln!(f, "{endpoint}")?;
        let [time, median, p95, longest] = [self.time, self.median, self.p95, self.longest].map(Millis);
        writeln!(f, "  {calls} calls, {queries} queries (at most {most_queries} in a call) in {time}, {slow} slow")?;
        writeln!(f, "  time of a call: p50 {median}, p95 {p95}, at most {longest}")?;
        if self.repeating_calls > 0 {
            writeln!(f, "  REPEATED: {} calls have repeated a statement", self.repeating_calls)?;
        }
        let is_shown = |(at, statement): &(usize, &StatementQueries)| *at < MOST_SHOWN || statement.is_suspect();
        let shown: Vec<_> = self.statements.iter().enumerate().filter(is_shown).collect();
        for (_, statement) in &shown {
            writeln!(f, "    {statement}")?;
        }
        let left = self.statements.len() - shown.len();
        if left > 0 {
            writeln!(f, "    and {left} more statements")?;
        }
        if self.other_queries > 0 {
            writeln!(f, "    and {} queries of further statements, which are not listed", self.other_queries)?;
        }
        Ok(())
    }
}

impl fmt::Display for StatementQueries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { executions, slow, most_in_a_call, repeating_calls, statement, .. } = self;
        write!(f, "{executions} times in {}, at most {}", Millis(self.time), Millis(self.longest))?;
        if *slow > 0 {
            write!(f, "; SLOW {slow} times")?;
        }
        if *repeating_calls > 0 {
            write!(
                f,
                "; REPEATED in {repeating_calls} calls, up to {most_in_a_call} times in one: a loop that should be \
                 one query?"
            )?;
        }
        write!(f, ": {statement}")
    }
}
