//! [`QueryLimits`]: from when on a statement is repeated, and a query slow.

use std::time::Duration;

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
