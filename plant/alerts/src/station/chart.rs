//! [`SteadyChart`]: finds a lasting change of a quantity that now and then has an odd value.

use serde::{Deserialize, Serialize};
use sqal_core::Timestamp;
use sqal_fusion::process::drift::Cusum;

use super::level::{Level, median};

/// The most spreads that one value counts. One odd tray, however odd, is no lasting change.
const MOST: f64 = 4.0;

/// The error of a centre that was learned from two hundred values, in spreads: two standard errors
/// of a median.
const CENTER_ERROR: f64 = 0.18;

/// The share of odd values that is expected beyond those that were seen while learning.
const UNSEEN_ODD: f64 = 0.005;

/// The trays between two false alarms of one chart: fifty shifts of 2880 trays with sixteen charts.
const BETWEEN_FALSE_ALARMS: f64 = 50.0 * 2880.0 * 16.0;

/// The change, in spreads, that is to be found soonest.
const SOUGHT: f64 = 2.5;

/// The number of values by which the present state is shown, and by which an end is found.
const RECENT: usize = 9;

/// Cumulative sums of clipped deviations from a [`Level`] (Page 1954).
///
/// The allowance and the decision interval follow from the values that were learned: a sum of
/// clipped deviations passes `h` by chance about once in e^(θh) values, where θ solves E[e^(θ(z −
/// k))] = 1 (Lundberg; Siegmund 1985, 2.6). Of all allowances the chart takes the one that finds a
/// change of two and a half spreads soonest. So a quantity that often has odd values gets wide
/// limits, and a calm one narrow limits.
///
/// A change is found as well when the median of the last nine values lies beyond every value that
/// was learned. By chance five of nine do so about once in a thousand million trays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SteadyChart {
    level: Level,
    sums: Cusum,
    decision: f64,
    /// The lowest and the highest deviation that was learned, with a margin.
    extremes: (f64, f64),
    /// The time of the first of the values that the larger sum counts, and their number.
    above: Run,
    below: Run,
    recent: Vec<f64>,
    /// The number of values since the chart began, or began again.
    fresh: u32,
}

/// The values that a sum counts since it was 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Run {
    pub(super) since: Option<Timestamp>,
    pub(super) trays: u32,
}

impl Run {
    pub(super) fn push(&mut self, sum: f64, at: Timestamp) {
        if sum > 0.0 {
            self.since.get_or_insert(at);
            self.trays = self.trays.saturating_add(1);
        } else {
            *self = Self::default();
        }
    }
}

/// A change that a chart has found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Shift {
    pub(super) since: Timestamp,
    pub(super) trays: u32,
    /// Whether the values lie above the usual.
    pub(super) is_above: bool,
}

impl SteadyChart {
    /// A chart from the values that were learned while all was well; `None` of fewer than twenty
    /// finite ones. `least` is the smallest change that matters.
    #[must_use]
    pub fn learned(values: &[f64], least: f64) -> Option<Self> {
        let finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
        if finite.len() < 20 {
            return None;
        }
        let level = Level::of(finite.iter().copied(), least)?;
        let away: Vec<f64> = finite.iter().map(|value| clipped(level.z(*value))).collect();
        let (allowance, decision) = limits(&away);
        let sums = Cusum::new(0.0, allowance, decision).ok()?;
        let lowest = away.iter().copied().fold(0.0, f64::min) - CENTER_ERROR;
        let highest = away.iter().copied().fold(0.0, f64::max) + CENTER_ERROR;
        let extremes = (lowest, highest);
        Some(Self {
            level,
            sums,
            decision,
            extremes,
            above: Run::default(),
            below: Run::default(),
            recent: Vec::new(),
            fresh: 0,
        })
    }

    /// Takes the next value. One that is not finite changes nothing.
    pub fn push(&mut self, value: f64, at: Timestamp) {
        if !value.is_finite() {
            return;
        }
        let z = clipped(self.level.z(value));
        self.sums.push(z);
        self.above.push(self.sums.above(), at);
        self.below.push(self.sums.below(), at);
        if self.recent.len() == RECENT {
            self.recent.remove(0);
        }
        self.recent.push(value);
        self.fresh = self.fresh.saturating_add(1);
    }

    /// The level that was learned.
    #[must_use]
    pub const fn level(&self) -> Level {
        self.level
    }

    /// The median of the last values; `None` before the first.
    #[must_use]
    pub fn present(&self) -> Option<f64> {
        median(&mut self.recent.clone())
    }

    /// How near the chart is to finding a change: 1 when it finds one.
    #[must_use]
    pub fn suspicion(&self) -> f64 {
        let of_sums = self.sums.above().max(self.sums.below()) / self.decision;
        if self.is_beyond_all() { of_sums.max(1.0 + f64::EPSILON) } else { of_sums }
    }

    /// Whether the median of the last values lies beyond all that was learned.
    fn is_beyond_all(&self) -> bool {
        let is_beyond = |z: f64| z < self.extremes.0 || z > self.extremes.1;
        self.has_nine_fresh() && self.present().is_some_and(|present| is_beyond(self.level.z(present)))
    }

    /// The change that the chart shows now.
    pub(super) fn shift(&self) -> Option<Shift> {
        let is_above = self.sums.above() >= self.sums.below();
        let run = if is_above { self.above } else { self.below };
        let is_found = self.suspicion() > 1.0;
        run.since.filter(|_| is_found).map(|since| Shift { since, trays: run.trays, is_above })
    }

    fn has_nine_fresh(&self) -> bool {
        usize::try_from(self.fresh).is_ok_and(|fresh| fresh >= RECENT)
    }

    /// Whether the last values are usual again: their median lies within a spread and a half.
    pub(super) fn is_calm(&self) -> bool {
        self.has_nine_fresh() && self.present().is_some_and(|present| self.level.z(present).abs() < 1.5)
    }

    /// Forgets the sums, for the time after a change has ended.
    pub(super) fn begin_again(&mut self) {
        self.sums.reset();
        self.fresh = 0;
        (self.above, self.below) = (Run::default(), Run::default());
    }
}

fn clipped(z: f64) -> f64 {
    z.clamp(-MOST, MOST)
}

/// The allowance and the decision interval for deviations like these.
fn limits(away: &[f64]) -> (f64, f64) {
    let of = |allowance: f64| {
        let theta = exponent(away, allowance).min(exponent_of_mirrored(away, allowance));
        (allowance, BETWEEN_FALSE_ALARMS.ln() / theta)
    };
    let delay = |(allowance, decision): (f64, f64)| decision / (SOUGHT - allowance);
    let all = [0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.25].map(of);
    let mut best = all[0];
    for one in all {
        if delay(one) < delay(best) {
            best = one;
        }
    }
    best
}

/// θ > 0 of E[e^(θ(z − k))] = 1, with odd values beyond those that were seen and an error of the
/// centre. Where the mean lies above the allowance there is none, and the result is nearly 0.
fn exponent(away: &[f64], allowance: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "about two hundred")]
    let n = away.len() as f64;
    let mean = |theta: f64| {
        let seen: f64 = away.iter().map(|z| (theta * (z + CENTER_ERROR - allowance)).exp()).sum::<f64>() / n;
        (1.0 - UNSEEN_ODD).mul_add(seen, UNSEEN_ODD * (theta * (MOST + CENTER_ERROR - allowance)).exp())
    };
    let (mut low, mut high) = (1e-3, 8.0);
    if mean(low) >= 1.0 {
        return low;
    }
    for _ in 0..50 {
        let middle = f64::midpoint(low, high);
        if mean(middle) < 1.0 { low = middle } else { high = middle }
    }
    low
}

fn exponent_of_mirrored(away: &[f64], allowance: f64) -> f64 {
    let mirrored: Vec<f64> = away.iter().map(|z| -z).collect();
    exponent(&mirrored, allowance)
}
