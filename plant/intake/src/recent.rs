//! [`Recent`]: statistics of the samples of the last five minutes, for gauges (MET-21 to MET-24).

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use sqal_core::{Grade, Verdict};

const SLOTS: usize = 30;
const SLOT_SECS: u64 = 10;

/// Samples that were stored in the last five minutes, in steps of ten seconds.
#[derive(Debug)]
pub struct Recent {
    began: Instant,
    slots: Mutex<[Slot; SLOTS]>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Slot {
    /// The number of these ten seconds, counted from the beginning, plus one; 0 for a slot that was
    /// never used.
    number: u64,
    samples: u32,
    rejected: u32,
    scored: u32,
    scores: f64,
}

/// The statistics of the line over the last five minutes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RecentFigures {
    /// Samples per second over the five minutes, or over the time since the beginning.
    pub per_second: f64,
    /// The percentage that was graded C or better; `None` without samples.
    pub conforming_percent: Option<f64>,
    /// The percentage that was rejected; `None` without samples.
    pub rejected_percent: Option<f64>,
    /// The mean fused score; `None` without scored samples.
    pub mean_score: Option<f64>,
}

impl Recent {
    /// Statistics that begin now.
    #[must_use]
    pub fn new(began: Instant) -> Self {
        Self { began, slots: Mutex::new([Slot::default(); SLOTS]) }
    }

    fn number(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.began).as_secs() / SLOT_SECS + 1
    }

    /// Counts the verdict of a stored product.
    pub fn add(&self, verdict: &Verdict, now: Instant) {
        let number = self.number(now);
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = &mut slots[usize::try_from(number % SLOTS as u64).unwrap_or(0)];
        if slot.number != number {
            *slot = Slot { number, ..Slot::default() };
        }
        slot.samples += 1;
        slot.rejected += u32::from(verdict.grade == Grade::Reject);
        if let Some(score) = verdict.score {
            slot.scored += 1;
            slot.scores += score.value();
        }
    }

    /// The statistics of the last five minutes.
    #[must_use]
    pub fn figures(&self, now: Instant) -> RecentFigures {
        let newest = self.number(now);
        let slots = *self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = slots.iter().filter(|slot| slot.number > 0 && newest.saturating_sub(slot.number) < SLOTS as u64);
        let sum = recent.fold(Slot::default(), |sum, slot| Slot {
            number: 0,
            samples: sum.samples + slot.samples,
            rejected: sum.rejected + slot.rejected,
            scored: sum.scored + slot.scored,
            scores: sum.scores + slot.scores,
        });
        let whole = f64::from(u32::try_from(SLOTS).unwrap_or(u32::MAX)) * 10.0;
        let seconds = now.saturating_duration_since(self.began).as_secs_f64().clamp(1.0, whole);
        let share = |part: u32| (sum.samples > 0).then(|| f64::from(part) / f64::from(sum.samples) * 100.0);
        RecentFigures {
            per_second: f64::from(sum.samples) / seconds,
            conforming_percent: share(sum.samples - sum.rejected),
            rejected_percent: share(sum.rejected),
            mean_score: (sum.scored > 0).then(|| sum.scores / f64::from(sum.scored)),
        }
    }

    /// Reports the statistics as gauges. An unknown value is reported as NaN.
    pub fn report(&self, now: Instant) {
        for (name, value) in gauges(&self.figures(now)) {
            metrics::gauge!(name).set(value);
        }
    }
}

/// The gauges of the statistics with their values. A percentage has its documented name, and beside
/// it the same share from 0 to 1 as `…_ratio`, which is the canonical one (C-07).
fn gauges(figures: &RecentFigures) -> [(&'static str, f64); 6] {
    let [conforming, rejected, score] = [figures.conforming_percent, figures.rejected_percent, figures.mean_score]
        .map(|known| known.unwrap_or(f64::NAN));
    [
        ("samples_throughput_per_second", figures.per_second),
        ("conformity_rate_percent", conforming),
        ("conformity_rate_ratio", conforming / 100.0),
        ("reject_rate_percent", rejected),
        ("reject_rate_ratio", rejected / 100.0),
        ("average_quality_score", score),
    ]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use proptest::prelude::*;
    use sqal_core::{Defects, Measured};
    use sqal_resilience::{Clock, ManualClock};

    fn verdict(score: Option<f64>, grade: Grade) -> Verdict {
        let mut verdict = Verdict::unmeasured(Defects::new());
        verdict.score = score.map(|score| Measured::new(score, 0.01).unwrap());
        verdict.grade = grade;
        verdict
    }

    proptest! {
        /// C-07: each percentage has a ratio from 0 to 1 beside it. Both are known or both unknown.
        #[test]
        fn every_percentage_has_its_ratio(rejected in 0_u32..50, others in 0_u32..50) {
            let clock = ManualClock::new();
            let recent = Recent::new(clock.now());
            for (count, grade) in [(rejected, Grade::Reject), (others, Grade::B)] {
                (0..count).for_each(|_| recent.add(&verdict(None, grade), clock.now()));
            }
            let gauges = gauges(&recent.figures(clock.now()));
            let of = |name: &str| gauges.iter().find(|(known, _)| *known == name).unwrap().1;
            let all = f64::from(rejected + others);
            for (name, part) in [("conformity_rate", others), ("reject_rate", rejected)] {
                let (percent, ratio) = (of(&format!("{name}_percent")), of(&format!("{name}_ratio")));
                if rejected + others == 0 {
                    prop_assert!(percent.is_nan() && ratio.is_nan());
                } else {
                    prop_assert!((0.0..=1.0).contains(&ratio), "{name}: {ratio}");
                    let share = f64::from(part) / all;
                    prop_assert!((ratio - share).abs() < 1e-12, "{name}: {ratio}");
                    prop_assert!((percent / 100.0 - share).abs() < 1e-12, "{name}: {percent}");
                }
            }
        }
    }

    #[test]
    fn five_minutes_are_five_minutes() {
        let clock = ManualClock::new();
        let recent = Recent::new(clock.now());
        assert_eq!(recent.figures(clock.now()), RecentFigures::default());
        clock.advance(Duration::from_mins(10));
        for (score, grade) in
            [(Some(0.9), Grade::A), (Some(0.5), Grade::Reject), (None, Grade::Reject), (Some(0.7), Grade::C)]
        {
            recent.add(&verdict(score, grade), clock.now());
        }
        let figures = recent.figures(clock.now());
        assert!((figures.per_second - 4.0 / 300.0).abs() < 1e-12, "{figures:?}");
        assert_eq!((figures.conforming_percent, figures.rejected_percent), (Some(50.0), Some(50.0)));
        assert!((figures.mean_score.unwrap() - 0.7).abs() < 1e-12, "{figures:?}");
        clock.advance(Duration::from_secs(289));
        assert_eq!(recent.figures(clock.now()), figures);
        clock.advance(Duration::from_secs(11));
        assert_eq!(recent.figures(clock.now()), RecentFigures::default());
        // A slot that is used again holds nothing of its earlier use.
        recent.add(&verdict(Some(0.8), Grade::A), clock.now());
        assert_eq!(recent.figures(clock.now()).rejected_percent, Some(0.0));
    }
}
