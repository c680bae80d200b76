//! [`ShareChart`]: finds that an event, such as a missing reading, has become frequent.

use serde::{Deserialize, Serialize};
use sqal_core::Timestamp;

use super::chart::{Run, Shift};

/// The natural logarithm of the trays between two false alarms, as for the other charts.
const LN_BETWEEN_FALSE_ALARMS: f64 = 14.65;

/// The share of events that is usual before anything was learned.
const UNLEARNED: f64 = 0.05;

/// The usual share from which an event cannot become frequent.
const UNWATCHED: f64 = 0.5;

/// The trays in a row without the event after which the change is over.
const OVER: u32 = 9;

/// The cumulative sum of log-likelihood ratios of a usual against a frequent event (Reynolds and
/// Stoumbos 1999).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ShareChart {
    usual: f64,
    sum: f64,
    run: Run,
    without: u32,
    seen: f64,
    /// Whether the event waits for its opposite: a reading is missing only after there was one.
    is_waiting: bool,
}

impl ShareChart {
    pub(super) const fn unlearned() -> Self {
        Self {
            usual: UNLEARNED,
            sum: 0.0,
            run: Run { since: None, trays: 0 },
            without: 0,
            seen: 0.0,
            is_waiting: false,
        }
    }

    /// A chart of missing readings. A station that was built without a sensor never has one.
    pub(super) const fn of_readings() -> Self {
        let mut chart = Self::unlearned();
        chart.is_waiting = true;
        chart
    }

    /// A chart after `events` of `trays` that were learned. The usual share is an upper limit of
    /// what was seen, so that a lucky hundred trays make no false alarm.
    ///
    /// A station that has the event on most trays, such as one that was built without a sensor, is
    /// not watched for it.
    pub(super) fn learned(events: u32, trays: u32) -> Self {
        let (events, trays) = (f64::from(events), f64::from(trays.max(1)));
        let usual = ((3.0f64.mul_add(events.sqrt(), events) + 3.0) / trays).max(0.01);
        Self { usual: if usual < UNWATCHED { usual } else { 1.0 }, ..Self::unlearned() }
    }

    pub(super) fn push(&mut self, event: bool, at: Timestamp) {
        self.is_waiting &= event;
        if self.is_waiting || self.usual >= 1.0 {
            return;
        }
        let frequent = f64::midpoint(1.0, self.usual);
        let ratio = if event { frequent / self.usual } else { (1.0 - frequent) / (1.0 - self.usual) };
        self.sum = (self.sum + ratio.ln()).max(0.0);
        self.seen += (f64::from(u8::from(event)) - self.seen) / 10.0;
        self.without = if event { 0 } else { self.without.saturating_add(1) };
        self.run.push(self.sum, at);
    }

    pub(super) fn suspicion(&self) -> f64 {
        self.sum / LN_BETWEEN_FALSE_ALARMS
    }

    pub(super) fn shift(&self) -> Option<Shift> {
        let is_found = self.suspicion() > 1.0;
        self.run.since.filter(|_| is_found).map(|since| Shift { since, trays: self.run.trays, is_above: true })
    }

    /// The usual share of the event.
    pub(super) const fn usual(&self) -> f64 {
        self.usual
    }

    /// The share of the event in about the last ten trays.
    pub(super) const fn seen(&self) -> f64 {
        self.seen
    }

    pub(super) const fn is_calm(&self) -> bool {
        self.is_waiting || self.usual >= 1.0 || self.without >= OVER
    }

    pub(super) fn begin_again(&mut self) {
        (self.sum, self.run) = (0.0, Run::default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(second * 1_000_000).unwrap()
    }

    #[test]
    fn a_reading_that_stays_away_is_found_within_ten_trays_and_one_now_and_then_is_not() {
        let mut chart = ShareChart::learned(2, 100);
        for tray in 0..100_000 {
            chart.push(tray % 40 == 0, at(tray));
            assert!(chart.suspicion() < 1.0, "{tray}");
        }
        let mut found = 0;
        for tray in 0..20 {
            chart.push(true, at(200_000 + tray));
            if chart.shift().is_none() {
                found = tray + 2;
            }
        }
        assert!((2..=10).contains(&found), "{found}");
        assert_eq!(chart.shift().unwrap().since, at(200_000));
    }
}
