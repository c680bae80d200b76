//! [`Ages`]: tells a clock that is wrong from readings that were kept and are sent later.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use sqal_core::Timestamp;

/// The readings that are compared.
const COMPARED: usize = 12;

/// A clock that is ahead by less is a matter of rounding and of the way.
const AHEAD_SECONDS: f64 = 2.0;

/// A clock that is behind by less cannot be told from a slow way.
const BEHIND_SECONDS: f64 = 60.0;

/// Readings that were kept are sent faster than they were taken, so their ages differ by more.
const STEADY_SECONDS: f64 = 10.0;

/// The ages of the last readings at their receipt, with their times.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Ages(VecDeque<(f64, Timestamp)>);

impl Ages {
    pub(super) fn push(&mut self, seconds: f64, received_at: Timestamp) {
        if self.0.len() == COMPARED {
            self.0.pop_front();
        }
        self.0.push_back((seconds, received_at));
    }

    /// The error of the clock in seconds, positive if it is behind; `None` if it is right or if it
    /// cannot be told yet.
    pub(super) fn error(&self) -> Option<f64> {
        if self.0.len() < COMPARED {
            return None;
        }
        let (least, most) = self.span();
        let is_ahead = most < -AHEAD_SECONDS;
        let is_behind = least > BEHIND_SECONDS && most - least < STEADY_SECONDS;
        (is_ahead || is_behind).then_some(if is_ahead { most } else { least })
    }

    /// Whether the newest readings show a right clock.
    pub(super) fn is_right(&self) -> bool {
        let newest = self.0.iter().rev().take(3);
        newest.clone().count() == 3
            && newest.clone().all(|(seconds, _)| (-AHEAD_SECONDS..=BEHIND_SECONDS).contains(seconds))
    }

    /// The receipt of the first of the compared readings.
    pub(super) fn since(&self) -> Option<Timestamp> {
        self.0.front().map(|(_, at)| *at)
    }

    fn span(&self) -> (f64, f64) {
        let seconds = self.0.iter().map(|(seconds, _)| *seconds);
        (seconds.clone().fold(f64::INFINITY, f64::min), seconds.fold(f64::NEG_INFINITY, f64::max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(ages: impl IntoIterator<Item = f64>) -> Ages {
        let mut all = Ages::default();
        for (k, age) in (0..).zip(ages) {
            all.push(age, Timestamp::from_micros(k).unwrap());
        }
        all
    }

    #[test]
    fn a_clock_is_told_from_a_backlog() {
        let jitter = |k: u32| f64::from(k % 5) / 10.0;
        assert_eq!(after((0..20).map(jitter)).error(), None);
        assert_eq!(after((0..20).map(|k| jitter(k) - 300.0)).error(), Some(-299.6));
        assert_eq!(after((0..20).map(|k| jitter(k) + 3600.0)).error(), Some(3600.0));
        let backlog = (0..20).map(|k| 4.9f64.mul_add(-f64::from(k), 3600.0));
        assert_eq!(after(backlog).error(), None, "the ages of kept readings fall");
        assert_eq!(after([-300.0; 5]).error(), None, "too few to tell");
    }
}
