//! [`Counts`]: the queries of one scope, counted while its work runs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::limits::QueryLimits;
use super::report::{QueryReport, StatementUse};

/// The counts of a scope; clones share them.
#[derive(Clone, Debug)]
pub(super) struct Counts(Arc<Mutex<Counted>>);

#[derive(Debug)]
struct Counted {
    limits: QueryLimits,
    statements: HashMap<String, Sums>,
}

/// The sums of one statement.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    executions: u32,
    time: Duration,
    longest: Duration,
    slow: u32,
}

impl Counts {
    /// No query yet.
    pub(super) fn new(limits: QueryLimits) -> Self {
        Self(Arc::new(Mutex::new(Counted { limits, statements: HashMap::new() })))
    }

    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a query, and returns whether it was slow.
    pub(super) fn add(&self, statement: &str, time: Duration) -> bool {
        let mut counted = self.counted();
        let is_slow = time > counted.limits.slow;
        let sums = counted.statements.entry(statement.to_owned()).or_default();
        sums.executions = sums.executions.saturating_add(1);
        sums.time = sums.time.saturating_add(time);
        sums.longest = sums.longest.max(time);
        sums.slow = sums.slow.saturating_add(u32::from(is_slow));
        is_slow
    }

    /// The counts so far.
    pub(super) fn report(&self) -> QueryReport {
        let counted = self.counted();
        let limit = counted.limits.repeated;
        let used = |(statement, sums): (&String, &Sums)| {
            let Sums { executions, time, longest, slow } = *sums;
            StatementUse {
                statement: statement.clone(),
                executions,
                time,
                longest,
                slow,
                is_repeated: executions >= limit,
            }
        };
        QueryReport::of(counted.statements.iter().map(used).collect())
    }
}
