//! [`count_open`]: the gauges of open bugs.

use std::time::Duration;

use metrics::gauge;
use sqal_bugs::BugBook;
use sqal_storage::bugs::{BugSeverity, BugSummary};
use tokio::time::{MissedTickBehavior, interval};
use tracing::debug;

use crate::wall_clock::wall_clock;

/// The time between two counts.
const EVERY: Duration = Duration::from_secs(30);

/// Counts the open bugs of all servers at once, and then every 30 seconds, for `bugs_open`. While
/// the database is away, the gauges keep their values.
pub(super) async fn count_open(book: BugBook) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let now = wall_clock();
        match book.summary(now..now).await {
            Ok(summary) => report(&summary),
            Err(error) => debug!(%error, "the open bugs were not counted"),
        }
    }
}

fn report(summary: &BugSummary) {
    for severity in BugSeverity::ALL {
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a floating number")]
        gauge!("bugs_open", "severity" => severity.as_str()).set(open(summary, severity) as f64);
    }
}

/// The bugs of a severity that are neither resolved nor closed.
fn open(summary: &BugSummary, severity: BugSeverity) -> u64 {
    let bugs = summary.bugs.iter().filter(|((status, of), _)| *of == severity && !status.is_ended());
    bugs.map(|(_, count)| count).sum()
}

#[cfg(test)]
mod tests {
    use sqal_storage::bugs::BugStatus;

    use super::*;

    #[test]
    fn a_bug_is_open_until_it_is_resolved_or_closed() {
        let bugs = BugStatus::ALL.into_iter().zip([1, 20, 300, 4_000]);
        let bugs = bugs.map(|(status, count)| ((status, BugSeverity::High), count)).collect();
        let summary = BugSummary { bugs, ..BugSummary::default() };
        assert_eq!((open(&summary, BugSeverity::High), open(&summary, BugSeverity::Low)), (21, 0));
    }
}
