//! [`RuleState`]: how a condition that holds becomes an alert, and how the alert ends.

use sqal_core::Timestamp;

use crate::Hold;
use crate::times::between;

/// The state of one rule for one label set. It moves with each evaluation as in Prometheus: see
/// `Eval` in `rules/alerting.go` of Prometheus 2.42.
///
/// ```
/// use sqal_alerts::Hold;
/// use sqal_alerts::state::RuleState;
/// use sqal_core::Timestamp;
///
/// let at = |minute: i64| Timestamp::from_micros(1_794_000_000_000_000 + 60_000_000 * minute);
/// let hold = Hold::minutes(5);
/// let pending = RuleState::Inactive.after(true, hold, at(0)?);
/// assert_eq!(pending, RuleState::Pending { since: at(0)? });
/// assert!(!pending.after(true, hold, at(4)?).is_firing());
/// let firing = pending.after(true, hold, at(5)?);
/// assert_eq!((firing.is_firing(), firing.since()), (true, Some(at(0)?)));
/// assert_eq!(firing.after(false, hold, at(6)?), RuleState::Inactive);
/// # Ok::<(), sqal_core::timestamp::InvalidTimestamp>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RuleState {
    /// The condition does not hold.
    #[default]
    Inactive,
    /// The condition holds, and has not yet held for the time that the rule asks for.
    Pending {
        /// The first evaluation at which the condition held.
        since: Timestamp,
    },
    /// There is an alert.
    Firing {
        /// The first evaluation at which the condition held.
        since: Timestamp,
        /// The first evaluation at which the condition no longer held, if the alert fires on
        /// nevertheless.
        unmet_since: Option<Timestamp>,
        /// The earliest end of an alert that was restored after a restart and that the condition
        /// has not yet confirmed.
        kept_until: Option<Timestamp>,
    },
}

impl RuleState {
    /// The state of an alert that fired before the process was started.
    ///
    /// A process that was just started has no history of its metrics, so a rate over 5 minutes has
    /// no value yet. The alert therefore ends at `kept_until` at the earliest, unless the condition
    /// holds meanwhile: then it ends as any other.
    #[must_use]
    pub const fn restored(since: Timestamp, kept_until: Timestamp) -> Self {
        Self::Firing { since, unmet_since: None, kept_until: Some(kept_until) }
    }

    /// The state after an evaluation at `at`, which is not earlier than the evaluations before it.
    #[must_use]
    pub fn after(self, holds: bool, hold: Hold, at: Timestamp) -> Self {
        match (self, holds) {
            (Self::Inactive | Self::Pending { .. }, false) => Self::Inactive,
            (Self::Inactive, true) => Self::held(at, hold, at),
            (Self::Pending { since }, true) => Self::held(since, hold, at),
            (Self::Firing { since, .. }, true) => Self::Firing { since, unmet_since: None, kept_until: None },
            (Self::Firing { since, unmet_since, kept_until }, false) => {
                let unmet = unmet_since.unwrap_or(at);
                if between(unmet, at) < hold.after || kept_until.is_some_and(|end| at < end) {
                    Self::Firing { since, unmet_since: Some(unmet), kept_until }
                } else {
                    Self::Inactive
                }
            }
        }
    }

    /// The state of a condition that has held at every evaluation since `since`.
    fn held(since: Timestamp, hold: Hold, at: Timestamp) -> Self {
        if between(since, at) >= hold.before {
            Self::Firing { since, unmet_since: None, kept_until: None }
        } else {
            Self::Pending { since }
        }
    }

    /// The state with no time after `at`, for a wall clock that was set back: a time of waiting
    /// that began after `at` begins again at `at`.
    pub(super) fn no_later_than(self, at: Timestamp) -> Self {
        match self {
            Self::Inactive => Self::Inactive,
            Self::Pending { since } => Self::Pending { since: since.min(at) },
            Self::Firing { since, unmet_since, kept_until } => Self::Firing {
                since: since.min(at),
                unmet_since: unmet_since.map(|unmet| unmet.min(at)),
                kept_until: kept_until.map(|end| end.min(at)),
            },
        }
    }

    /// Whether there is an alert.
    #[must_use]
    pub const fn is_firing(self) -> bool {
        matches!(self, Self::Firing { .. })
    }

    /// The first evaluation at which the condition held; `None` if there is no alert and none is
    /// pending.
    #[must_use]
    pub const fn since(self) -> Option<Timestamp> {
        match self {
            Self::Inactive => None,
            Self::Pending { since } | Self::Firing { since, .. } => Some(since),
        }
    }
}
