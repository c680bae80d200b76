//! [`ChangeDuration`]: how long a change of the log's filter lasts.

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// How long a change of the log's filter lasts: 1 second to 24 hours, 15 minutes by default.
///
/// ```
/// use std::time::Duration;
/// use sqal_telemetry::log::ChangeDuration;
///
/// assert_eq!(ChangeDuration::default().get(), Duration::from_secs(900));
/// assert!(ChangeDuration::new(Duration::from_secs(86_401)).is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChangeDuration(Duration);

impl ChangeDuration {
    /// The shortest duration.
    pub const SHORTEST: Duration = Duration::from_secs(1);

    /// The longest duration: a change that is forgotten ends within a day.
    pub const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

    /// A duration in its range.
    ///
    /// # Errors
    ///
    /// [`InvalidChangeDuration`] if the duration is shorter than 1 second or longer than 24 hours.
    pub fn new(duration: Duration) -> Result<Self, InvalidChangeDuration> {
        if (Self::SHORTEST..=Self::LONGEST).contains(&duration) {
            Ok(Self(duration))
        } else {
            Err(InvalidChangeDuration(duration))
        }
    }

    /// The duration.
    #[must_use]
    pub const fn get(self) -> Duration {
        self.0
    }
}

impl Default for ChangeDuration {
    fn default() -> Self {
        Self(Duration::from_secs(15 * 60))
    }
}

/// A duration that no change of the log's filter may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidChangeDuration(Duration);

impl fmt::Display for InvalidChangeDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s: expected 1 s to 86400 s (24 hours)", self.0.as_secs_f64())
    }
}

impl Error for InvalidChangeDuration {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_lasts_a_second_to_a_day() {
        for valid in [ChangeDuration::SHORTEST, ChangeDuration::LONGEST] {
            assert_eq!(ChangeDuration::new(valid).map(ChangeDuration::get), Ok(valid));
        }
        for wrong in [Duration::ZERO, Duration::from_millis(999), Duration::from_secs(86_401), Duration::MAX] {
            assert_eq!(ChangeDuration::new(wrong), Err(InvalidChangeDuration(wrong)));
        }
    }
}
