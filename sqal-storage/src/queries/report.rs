//! [`QueryReport`]: the queries of one scope, by statement.

use std::fmt;
use std::time::Duration;

/// The executions of one statement in a scope.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StatementUse {
    /// The statement, with placeholders and without values, on one line.
    pub statement: String,
    /// The number of executions.
    pub executions: u32,
    /// The duration of all executions together.
    pub time: Duration,
    /// The duration of the longest execution.
    pub longest: Duration,
    /// The number of slow executions.
    pub slow: u32,
    /// Whether the executions reach the limit from which a statement is repeated: most likely a
    /// loop that should be one query.
    pub is_repeated: bool,
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
    /// The statements, that with most executions first.
    pub statements: Vec<StatementUse>,
}

impl QueryReport {
    /// The report of these statements.
    pub(super) fn of(mut statements: Vec<StatementUse>) -> Self {
        statements.sort_by(|a, b| b.executions.cmp(&a.executions).then_with(|| a.statement.cmp(&b.statement)));
        let mut report = Self::default();
        for used in &statements {
            report.queries = report.queries.saturating_add(used.executions);
            report.time = report.time.saturating_add(used.time);
            report.slow = report.slow.saturating_add(used.slow);
        }
        Self { statements, ..report }
    }

    /// The repeated statements, that with most executions first.
    pub fn repeated(&self) -> impl Iterator<Item = &StatementUse> {
        self.statements.iter().filter(|used| used.is_repeated)
    }
}

impl fmt::Display for QueryReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} queries in {:.1?}, {} slow", self.queries, self.time, self.slow)?;
        for StatementUse { statement, executions, .. } in self.repeated() {
            write!(f, "; {executions} times {statement}")?;
        }
        Ok(())
    }
}
