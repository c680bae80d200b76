//! [`BurnRate`]: how fast an error budget may be used up before people are told.
//!
//! The four rates are those of *The Site Reliability Workbook* (Beyer et al., O'Reilly 2018),
//! chapter 5, "Multiwindow, Multi-Burn-Rate Alerts".

use std::time::Duration;

use crate::rule::Severity;
use crate::words::Words;

use super::Target;
use super::target::rounded;

/// The period of every objective.
pub(super) const PERIOD: Duration = Duration::from_hours(30 * 24);

/// A window over which the share of bad events is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RateWindow {
    /// 5 minutes.
    M5,
    /// 30 minutes.
    M30,
    /// 1 hour.
    H1,
    /// 2 hours.
    H2,
    /// 6 hours.
    H6,
    /// 1 day.
    D1,
    /// 3 days.
    D3,
}

impl RateWindow {
    /// Every window, from the shortest on.
    pub const ALL: [Self; 7] = [Self::M5, Self::M30, Self::H1, Self::H2, Self::H6, Self::D1, Self::D3];

    /// The window as Prometheus writes it: `5m`, `1h`, `3d`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::M5 => "5m",
            Self::M30 => "30m",
            Self::H1 => "1h",
            Self::H2 => "2h",
            Self::H6 => "6h",
            Self::D1 => "1d",
            Self::D3 => "3d",
        }
    }

    /// The length.
    #[must_use]
    pub const fn length(self) -> Duration {
        Duration::from_mins(self.minutes())
    }

    pub(super) const fn minutes(self) -> u64 {
        match self {
            Self::M5 => 5,
            Self::M30 => 30,
            Self::H1 => 60,
            Self::H2 => 2 * 60,
            Self::H6 => 6 * 60,
            Self::D1 => 24 * 60,
            Self::D3 => 3 * 24 * 60,
        }
    }

    /// The last window of this length, as a person reads it.
    pub(super) fn last(self) -> Words {
        match self {
            Self::M5 => Words::new("in the last 5 minutes", "sur les 5 dernières minutes"),
            Self::M30 => Words::new("in the last 30 minutes", "sur les 30 dernières minutes"),
            Self::H1 => Words::new("in the last hour", "sur la dernière heure"),
            Self::H2 => Words::new("in the last 2 hours", "sur les 2 dernières heures"),
            Self::H6 => Words::new("in the last 6 hours", "sur les 6 dernières heures"),
            Self::D1 => Words::new("in the last day", "sur le dernier jour"),
            Self::D3 => Words::new("in the last 3 days", "sur les 3 derniers jours"),
        }
    }
}

/// A share of the error budget that must not be used up within a window.
///
/// The long window says that enough of the budget is gone to matter; the short one, a twelfth of
/// it, says that events are bad still, so that the alert ends soon after its cause.
///
/// ```
/// use sqal_alerts::objective::BurnRate;
///
/// let factors = BurnRate::USUAL.map(BurnRate::factor);
/// assert_eq!(factors, [14.4, 6.0, 3.0, 1.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BurnRate {
    budget_share: f64,
    long: RateWindow,
    short: RateWindow,
    severity: Severity,
}

impl BurnRate {
    /// The four burn rates: 2 % of the budget in 1 hour and 5 % in 6 hours call a person, 10 % in
    /// 1 day and 10 % in 3 days are for the shift.
    pub const USUAL: [Self; 4] = [
        Self { budget_share: 0.02, long: RateWindow::H1, short: RateWindow::M5, severity: Severity::Critical },
        Self { budget_share: 0.05, long: RateWindow::H6, short: RateWindow::M30, severity: Severity::Critical },
        Self { budget_share: 0.1, long: RateWindow::D1, short: RateWindow::H2, severity: Severity::Warning },
        Self { budget_share: 0.1, long: RateWindow::D3, short: RateWindow::H6, severity: Severity::Warning },
    ];

    /// The usual burn rate of a long window, by its text: `1h`, `6h`, `1d`, `3d`.
    #[must_use]
    pub fn of_window(long: &str) -> Option<Self> {
        Self::USUAL.into_iter().find(|rate| rate.long.as_str() == long)
    }

    /// The share of the budget of 30 days.
    #[must_use]
    pub const fn budget_share(self) -> f64 {
        self.budget_share
    }

    /// The window in which that share is used up.
    #[must_use]
    pub const fn long(self) -> RateWindow {
        self.long
    }

    /// The window that shows that events are bad still.
    #[must_use]
    pub const fn short(self) -> RateWindow {
        self.short
    }

    /// How urgent it is.
    #[must_use]
    pub const fn severity(self) -> Severity {
        self.severity
    }

    /// How many times faster than evenly over 30 days the budget is used up.
    #[must_use]
    pub fn factor(self) -> f64 {
        rounded(self.budget_share * PERIOD.as_secs_f64() / self.long.length().as_secs_f64())
    }

    /// The share of bad events from which on the budget of a target is used up this fast.
    pub(super) fn threshold(self, target: Target) -> f64 {
        rounded(self.factor() * target.budget())
    }
}

/// A burn rate that an objective can never reach, because more than all events would have to be
/// bad. An alert on it could never fire.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error(
    "objective {objective}: a burn of {factor} would be an error ratio of {ratio}; at most 1 can be. State the burn \
     rates of the objective, such as burn_rates: [1d, 3d]"
)]
pub struct UnreachableBurnError {
    /// The name of the objective.
    pub objective: String,
    /// How many times too fast the budget would be used up.
    pub factor: f64,
    /// The share of bad events that this takes.
    pub ratio: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The workbook's formula, computed apart from the constants above, in minutes.
    #[test]
    fn a_factor_is_the_share_of_the_budget_by_the_share_of_the_period() {
        for (rate, (percent, minutes, factor)) in BurnRate::USUAL.into_iter().zip([
            (2.0, 60.0, 14.4),
            (5.0, 360.0, 6.0),
            (10.0, 1440.0, 3.0),
            (10.0, 4320.0, 1.0),
        ]) {
            let of_the_period: f64 = minutes / 43_200.0;
            assert!((rate.factor() - percent / 100.0 / of_the_period).abs() < 1e-9);
            assert_eq!(rate.factor().to_string(), factor.to_string());
            assert_eq!(rate.long().length(), rate.short().length() * 12);
            assert_eq!(BurnRate::of_window(rate.long().as_str()), Some(rate));
        }
        assert_eq!(BurnRate::of_window("5m"), None, "no long window");
    }

    #[test]
    fn each_window_has_the_length_of_its_text() {
        for window in RateWindow::ALL {
            let (number, unit) = window.as_str().split_at(window.as_str().len() - 1);
            let seconds = match unit {
                "m" => 60,
                "h" => 3600,
                _ => 86_400,
            };
            assert_eq!(window.length(), Duration::from_secs(number.parse::<u64>().unwrap() * seconds));
        }
        assert!(RateWindow::ALL.is_sorted());
    }
}
