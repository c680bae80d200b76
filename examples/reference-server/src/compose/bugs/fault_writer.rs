//! [`write_faults`]: writes the faults that were taken in, once a second.

use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use sqal_bugs::BugBook;
use sqal_bugs::envelope::FaultIntake;
use sqal_core::Name;
use sqal_storage::bugs::BugPerson;
use tokio::time::{MissedTickBehavior, interval};

use crate::wall_clock::wall_clock;

/// The time between two writings.
const EVERY: Duration = Duration::from_secs(1);

/// Writes the faults that wait, each second, and counts what the intake has taken.
pub(super) async fn write_faults(intake: Arc<FaultIntake>, book: BugBook) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        write_once(&intake, &book).await;
    }
}

/// Writes the faults that wait now. Returns how many groups of them still wait, because the
/// database is away.
pub(super) async fn write_once(intake: &FaultIntake, book: &BugBook) -> usize {
    let waiting = intake.write(book, itself(), wall_clock()).await.waiting;
    report(intake);
    waiting
}

/// Reports what the intake has taken and dropped since its start.
fn report(intake: &FaultIntake) {
    for (kind, count) in intake.items() {
        counter!("fault_items_total", "kind" => kind.as_str()).absolute(count);
    }
    for (reason, count) in intake.dropped() {
        counter!("fault_items_dropped_total", "reason" => reason.as_str()).absolute(count);
    }
}

/// The author of what the server does with bugs by itself.
fn itself() -> BugPerson {
    Name::new("sqal-server").unwrap_or_else(|_| unreachable!("a name"))
}
