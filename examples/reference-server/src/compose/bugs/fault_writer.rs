//! [`FaultWriter`]: writes the faults that were taken in, once a second.

use std::sync::Arc;
use std::time::{Duration, Instant};

use metrics::counter;
use sqal_bugs::BugBook;
use sqal_bugs::envelope::FaultIntake;
use sqal_resilience::log::Causes;
use sqal_resilience::outage::Outage;
use sqal_storage::StorageError;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

use crate::wall_clock::wall_clock;

/// The time between two writings.
const EVERY: Duration = Duration::from_secs(1);

/// Writes the faults that wait, and counts what the intake has taken. Clones write the faults of
/// one intake.
#[derive(Clone, Debug)]
pub(super) struct FaultWriter {
    intake: Arc<FaultIntake>,
    book: BugBook,
    /// Whether the database is away.
    outage: Arc<Outage>,
}

impl FaultWriter {
    /// A writer of the faults of an intake to a book.
    pub(super) fn new(intake: Arc<FaultIntake>, book: BugBook) -> Self {
        Self { intake, book, outage: Arc::new(Outage::calm_after(Outage::CALM)) }
    }

    /// Writes each second, for ever.
    pub(super) async fn run(self) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.write().await;
        }
    }

    /// Writes the faults that wait now. Returns how many groups of them still wait, because the
    /// database is away.
    pub(super) async fn write(&self) -> usize {
        let tally = self.intake.write(&self.book, wall_clock()).await;
        tell_outage(&self.outage, tally.failure.as_ref(), tokio::time::Instant::now().into_std());
        report(&self.intake);
        tally.waiting
    }
}

/// Logs when faults can no longer be written, and when they can again. What could not be written is
/// tried again each second, so a writing without a failure shows that the database answers, also if
/// no fault waited for it.
fn tell_outage(outage: &Outage, failure: Option<&StorageError>, now: Instant) {
    match failure {
        None => {
            if let Some(recovery) = outage.succeeded(now) {
                let (failures, seconds) = (recovery.failures, recovery.seconds());
                info!(failures, seconds, "faults are written again");
            }
        }
        Some(error) => {
            if outage.failed(now) {
                warn!(error = %Causes::of(error), "faults cannot be written; they wait in memory until the database answers");
            }
        }
    }
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

#[cfg(test)]
mod tests {
    use fixtures::logged::LoggedLines;
    use sqal_resilience::{Clock, ManualClock};
    use sqal_storage::StorageErrorKind;
    use tracing_subscriber::util::SubscriberInitExt;

    use super::*;

    #[test]
    fn a_database_that_is_away_is_told_once_when_it_goes_and_once_when_it_is_back() {
        let lines = LoggedLines::default();
        let writer = lines.clone();
        let logging = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        let _logging = logging.set_default();
        let (outage, clock) = (Outage::calm_after(Outage::CALM), ManualClock::new());
        let away = StorageError::new("sqlite", StorageErrorKind::Unavailable);
        let writes = |seconds: u32, failure: Option<&StorageError>| {
            for _ in 0..seconds {
                tell_outage(&outage, failure, clock.now());
                clock.advance(EVERY);
            }
            lines.text()
        };
        assert_eq!(writes(10, None), "");
        let text = writes(60, Some(&away));
        assert!(text.lines().count() == 1 && text.contains("WARN") && text.contains("does not answer"), "{text}");
        assert_eq!(writes(3, None), text, "it may go again at once");
        assert_eq!(writes(2, Some(&away)), text, "that is one outage");
        let text = writes(60, None);
        let last = text.lines().last().unwrap();
        assert!(text.lines().count() == 2 && last.contains("faults are written again"), "{text}");
        assert!(last.contains("INFO") && last.contains("failures=62") && last.contains("seconds=65"), "{text}");
    }
}
