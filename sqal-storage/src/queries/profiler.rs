//! [`QueryProfiler`]: sums up the queries of a whole process, by endpoint (DBP-04).

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::Instrument as _;

use super::report::{QueryReport, StatementUse};
use super::scope::QueryScope;
use super::spread::Spread;
use super::statistics::{EndpointQueries, QueryStatistics, StatementQueries};

/// The most endpoints; further ones count together as [`OTHER`].
const MOST_ENDPOINTS: usize = 500;

/// The name of the endpoint as which further endpoints count.
const OTHER: &str = "other";

/// The most statements of an endpoint; the queries of further ones are counted without their text.
const MOST_STATEMENTS: usize = 200;

/// The longest text of a statement, in characters. Statements that are equal up to here count as
/// one: the text of a statement that stores rows grows with the number of its rows.
const LONGEST_STATEMENT: usize = 1000;

/// Sums up the queries of a whole process by endpoint: which take the time, which are slow, and
/// which are most likely loops that should be one query (DBP-04).
///
/// Its memory is bounded: 500 endpoints with 200 statements of 1000 characters each. Further ones
/// are counted together.
///
/// ```
/// use sqal_storage::queries::{QueryLayer, QueryLimits, QueryProfiler, QueryScope};
/// use tracing_subscriber::prelude::*;
///
/// let subscriber = tracing_subscriber::registry().with(QueryLayer::new(QueryLimits::default()));
/// tracing::subscriber::with_default(subscriber, || {
///     let (profiler, scope) = (QueryProfiler::default(), QueryScope::begin());
///     scope.span().in_scope(|| { /* a request */ });
///     profiler.record("GET /samples/{id}", &scope.report());
///
///     assert_eq!(profiler.stats().endpoints[0].calls, 1);
///     assert!(profiler.report().contains("GET /samples/{id}\n  1 calls, 0 queries"));
/// });
/// ```
#[derive(Default)]
pub struct QueryProfiler(Mutex<BTreeMap<String, EndpointCounts>>);

impl QueryProfiler {
    fn endpoints(&self) -> MutexGuard<'_, BTreeMap<String, EndpointCounts>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds the queries of one call of an endpoint. The name of an endpoint is one of a known set,
    /// for example a method and the template of a path, and nothing that a client can invent.
    pub fn record(&self, endpoint: &str, report: &QueryReport) {
        let mut endpoints = self.endpoints();
        let has_place = endpoints.len() < MOST_ENDPOINTS || endpoints.contains_key(endpoint);
        let name = if has_place { endpoint } else { OTHER };
        endpoints.entry(name.to_owned()).or_default().add(report);
    }

    /// Does a piece of work in a scope of its own, and adds its queries under a name: a function, a
    /// job.
    pub async fn profile<F: Future>(&self, name: &str, work: F) -> F::Output {
        let scope = QueryScope::begin();
        let output = work.instrument(scope.span().clone()).await;
        self.record(name, &scope.report());
        output
    }

    /// The sums so far.
    #[must_use]
    pub fn stats(&self) -> QueryStatistics {
        let mut endpoints: Vec<_> = self.endpoints().iter().map(|(name, counts)| counts.to_values(name)).collect();
        // The endpoints come in the order of their names, which stays among equal times.
        endpoints.sort_by_key(|endpoint| Reverse(endpoint.time));
        let mut all = QueryStatistics::default();
        for EndpointQueries { calls, queries, time, slow, .. } in &endpoints {
            all.calls += calls;
            all.queries += queries;
            all.time = all.time.saturating_add(*time);
            all.slow += slow;
        }
        QueryStatistics { endpoints, ..all }
    }

    /// The sums so far, as a text for people: that of the [statistics](Self::stats).
    #[must_use]
    pub fn report(&self) -> String {
        self.stats().to_string()
    }
}

impl fmt::Debug for QueryProfiler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryProfiler").field("endpoints", &self.endpoints().len()).finish()
    }
}

/// The sums of an endpoint.
#[derive(Debug, Default)]
struct EndpointCounts {
    calls: u64,
    queries: u64,
    most_queries: u32,
    time: Duration,
    /// The durations of the queries of each call.
    spread: Spread,
    slow: u64,
    repeating_calls: u64,
    statements: HashMap<String, StatementCounts>,
    other_queries: u64,
}

/// The sums of a statement at an endpoint.
#[derive(Clone, Copy, Debug, Default)]
struct StatementCounts {
    executions: u64,
    time: Duration,
    longest: Duration,
    slow: u64,
    most_in_a_call: u32,
    repeating_calls: u64,
}

impl EndpointCounts {
    fn add(&mut self, report: &QueryReport) {
        self.calls += 1;
        self.queries += u64::from(report.queries);
        self.most_queries = self.most_queries.max(report.queries);
        self.time = self.time.saturating_add(report.time);
        self.spread.add(report.time);
        self.slow += u64::from(report.slow);
        self.repeating_calls += u64::from(report.repeated().next().is_some());
        for used in &report.statements {
            let text = cut(&used.statement);
            if let Some(counts) = self.statements.get_mut(&*text) {
                counts.add(used);
            } else if self.statements.len() < MOST_STATEMENTS {
                self.statements.entry(text.into_owned()).or_default().add(used);
            } else {
                self.other_queries += u64::from(used.executions);
            }
        }
    }

    fn to_values(&self, endpoint: &str) -> EndpointQueries {
        let mut statements: Vec<_> =
            self.statements.iter().map(|(statement, counts)| counts.to_values(statement)).collect();
        statements.sort_by(|a, b| b.time.cmp(&a.time).then_with(|| a.statement.cmp(&b.statement)));
        EndpointQueries {
            endpoint: endpoint.to_owned(),
            calls: self.calls,
            queries: self.queries,
            most_queries: self.most_queries,
            time: self.time,
            median: self.spread.percentile(50),
            p95: self.spread.percentile(95),
            longest: self.spread.longest(),
            slow: self.slow,
            repeating_calls: self.repeating_calls,
            statements,
            other_queries: self.other_queries,
        }
    }
}

impl StatementCounts {
    fn add(&mut self, used: &StatementUse) {
        self.executions += u64::from(used.executions);
        self.time = self.time.saturating_add(used.time);
        self.longest = self.longest.max(used.longest);
        self.slow += u64::from(used.slow);
        self.most_in_a_call = self.most_in_a_call.max(used.executions);
        self.repeating_calls += u64::from(used.is_repeated);
    }

    fn to_values(self, statement: &str) -> StatementQueries {
        let Self { executions, time, longest, slow, most_in_a_call, repeating_calls } = self;
        let statement = statement.to_owned();
        StatementQueries { statement, executions, time, longest, slow, most_in_a_call, repeating_calls }
    }
}

/// The text of a statement, cut to its longest length.
fn cut(statement: &str) -> Cow<'_, str> {
    match statement.char_indices().nth(LONGEST_STATEMENT) {
        Some((end, _)) => Cow::Owned(format!("{}…", &statement[..end])),
        None => Cow::Borrowed(statement),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A report of statements with these numbers of executions, each of which takes a millisecond;
    /// from five on a statement is repeated, and a query of `slow` is slow.
    fn report(used: &[(&str, u32)]) -> QueryReport {
        let one = |(statement, executions): &(&str, u32)| StatementUse {
            statement: (*statement).to_owned(),
            executions: *executions,
            time: Duration::from_millis(1) * *executions,
            longest: Duration::from_millis(1),
            slow: if *statement == "slow" { *executions } else { 0 },
            is_repeated: *executions >= 5,
        };
        QueryReport::of(used.iter().map(one).collect())
    }

    fn reports() -> impl Strategy<Value = Vec<(usize, Vec<(&'static str, u32)>)>> {
        let statement = prop::sample::select(vec!["one", "two", "slow"]);
        let used = prop::collection::btree_map(statement, 1..9_u32, 0..4);
        prop::collection::vec((0..3_usize, used.prop_map(|used| used.into_iter().collect())), 0..30)
    }

    proptest! {
        /// What is reported is the sum of what was recorded, whatever the order of the calls.
        #[test]
        fn the_statistics_are_the_sums_of_the_calls(calls in reports()) {
            let (profiler, reversed) = (QueryProfiler::default(), QueryProfiler::default());
            let names = ["GET /a", "GET /b", "PUT /a"];
            for (at, used) in &calls {
                profiler.record(names[*at], &report(used));
            }
            for (at, used) in calls.iter().rev() {
                reversed.record(names[*at], &report(used));
            }
            let stats = profiler.stats();
            prop_assert_eq!(&stats, &reversed.stats());
            let all = |used: &[(&str, u32)]| used.iter().map(|(_, count)| u64::from(*count)).sum::<u64>();
            prop_assert_eq!(stats.calls, calls.len() as u64);
            prop_assert_eq!(stats.queries, calls.iter().map(|(_, used)| all(used)).sum::<u64>());
            prop_assert_eq!(stats.time, Duration::from_millis(stats.queries));
            for endpoint in &stats.endpoints {
                let own: Vec<_> = calls.iter().filter(|(at, _)| names[*at] == endpoint.endpoint).collect();
                prop_assert_eq!(endpoint.calls, own.len() as u64);
                let most = own.iter().map(|(_, used)| all(used)).max().unwrap_or(0);
                prop_assert_eq!(u64::from(endpoint.most_queries), most);
                let repeating = own.iter().filter(|(_, used)| used.iter().any(|(_, count)| *count >= 5)).count();
                prop_assert_eq!(endpoint.repeating_calls, repeating as u64);
                let executions: u64 = endpoint.statements.iter().map(|statement| statement.executions).sum();
                prop_assert_eq!((executions, endpoint.other_queries), (endpoint.queries, 0));
                let slow: u64 = endpoint.statements.iter().map(|statement| statement.slow).sum();
                prop_assert_eq!(slow, endpoint.slow);
                prop_assert!(endpoint.median <= endpoint.p95 && endpoint.p95 <= endpoint.longest);
            }
            prop_assert!(stats.endpoints.is_sorted_by(|one, next| one.time >= next.time));
        }
    }

    #[test]
    fn a_report_names_the_loop_and_the_slow_query() {
        let profiler = QueryProfiler::default();
        profiler.record("GET /devices", &report(&[("SELECT a", 1), ("SELECT b WHERE id = ?", 7)]));
        profiler.record("GET /devices", &report(&[("SELECT a", 1)]));
        profiler.record("GET /reports", &report(&[("slow", 2)]));
        let wanted = "\
Database queries: 3 calls, 11 queries in 11.0 ms, 2 slow

GET /devices
  2 calls, 9 queries (at most 8 in a call) in 9.0 ms, 0 slow
  time of a call: p50 1.0 ms, p95 8.0 ms, at most 8.0 ms
  REPEATED: 1 calls have repeated a statement
    7 times in 7.0 ms, at most 1.0 ms; REPEATED in 1 calls, up to 7 times in one: a loop that should be one query?: SELECT b WHERE id = ?
    2 times in 2.0 ms, at most 1.0 ms: SELECT a

GET /reports
  1 calls, 2 queries (at most 2 in a call) in 2.0 ms, 2 slow
  time of a call: p50 2.0 ms, p95 2.0 ms, at most 2.0 ms
    2 times in 2.0 ms, at most 1.0 ms; SLOW 2 times: slow
";
        assert_eq!(profiler.report(), wanted);
    }

    #[test]
    fn the_memory_of_a_process_is_bounded() {
        let profiler = QueryProfiler::default();
        for number in 0..MOST_ENDPOINTS + 100 {
            profiler.record(&format!("GET /{number}"), &report(&[("SELECT 1", 1)]));
        }
        let stats = profiler.stats();
        assert_eq!(stats.endpoints.len(), MOST_ENDPOINTS + 1);
        let other = stats.endpoints.iter().find(|endpoint| endpoint.endpoint == OTHER).unwrap();
        assert_eq!((other.calls, stats.calls), (100, MOST_ENDPOINTS as u64 + 100));

        let profiler = QueryProfiler::default();
        for number in 0..MOST_STATEMENTS + 50 {
            profiler.record("GET /", &report(&[(&format!("SELECT {number}"), 2), ("SELECT 0", 1)]));
        }
        let endpoint = profiler.stats().endpoints.remove(0);
        assert_eq!((endpoint.statements.len(), endpoint.other_queries), (MOST_STATEMENTS, 100));

        // The text of a batch grows with its rows; batches of all sizes count as one statement.
        let profiler = QueryProfiler::default();
        for rows in 1000..1010 {
            profiler.record("GET /", &report(&[(&"é, ".repeat(rows), 1)]));
        }
        let endpoint = profiler.stats().endpoints.remove(0);
        assert_eq!((endpoint.statements.len(), endpoint.statements[0].executions), (1, 10));
        assert_eq!(endpoint.statements[0].statement.chars().count(), LONGEST_STATEMENT + 1);
    }

    #[test]
    fn a_report_says_what_it_does_not_show() {
        let profiler = QueryProfiler::default();
        let statements: Vec<_> = (0..30).map(|number| format!("SELECT {number:02}")).collect();
        let mut used: Vec<_> = statements.iter().map(|statement| (statement.as_str(), 1)).collect();
        used[29].1 = 5;
        profiler.record("GET /", &report(&used));
        profiler.record("GET /", &report(&[("slow", 1)]));
        let text = profiler.report();
        // The ten of the longest time, the first of which is the repeated one, and the slow one.
        let shown = text.lines().filter(|line| line.starts_with("    ") && !line.contains("more statements"));
        assert_eq!(shown.count(), 11, "{text}");
        assert!(text.contains("SELECT 29") && text.contains(": slow\n") && text.contains("and 20 more statements"));
    }
}
