//! [`OtlpBatches`]: how many spans wait for the collector, and how they are put together.

use std::time::Duration;

/// The most spans that a queue can be set to: half a gigabyte of spans of half a kilobyte.
pub(super) const MOST_WAITING: usize = 1_000_000;

/// The longest time that can be set.
pub(super) const LONGEST: Duration = Duration::from_secs(600);

/// The limits of what waits for a collector. The default is that of the specification: 2048 spans
/// wait at most, for at most 5 seconds, 512 go into one request, and a batch is tried for 30
/// seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtlpBatches {
    waiting: usize,
    delay: Duration,
    batch: usize,
    patience: Duration,
}

/// Limits that contradict each other or are out of their range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidOtlpBatches {
    /// The number of spans that wait is out of its range.
    #[error("spans that wait: expected 1 to {}", MOST_WAITING)]
    Waiting,
    /// The number of spans of a request is out of its range.
    #[error("spans of a request: expected 1 to the number of spans that wait")]
    Batch,
    /// A time is out of its range.
    #[error("expected a time from 1 ms to 10 minutes")]
    Time,
}

impl OtlpBatches {
    /// At most `waiting` spans wait, each for at most `delay`. A request holds at most `batch`
    /// spans, and is given up after `patience`.
    ///
    /// # Errors
    ///
    /// [`InvalidOtlpBatches`] if a number is 0, if `waiting` is above a million, if `batch` is
    /// above `waiting`, or if a time is below 1 ms or above 10 minutes.
    pub fn new(waiting: usize, delay: Duration, batch: usize, patience: Duration) -> Result<Self, InvalidOtlpBatches> {
        let is_time = |time: Duration| (Duration::from_millis(1)..=LONGEST).contains(&time);
        if !(1..=MOST_WAITING).contains(&waiting) {
            Err(InvalidOtlpBatches::Waiting)
        } else if !(1..=waiting).contains(&batch) {
            Err(InvalidOtlpBatches::Batch)
        } else if is_time(delay) && is_time(patience) {
            Ok(Self { waiting, delay, batch, patience })
        } else {
            Err(InvalidOtlpBatches::Time)
        }
    }

    /// The most spans that wait.
    #[must_use]
    pub const fn waiting(&self) -> usize {
        self.waiting
    }

    /// The most time for which a span waits for others.
    #[must_use]
    pub const fn delay(&self) -> Duration {
        self.delay
    }

    /// The most spans of a request.
    #[must_use]
    pub const fn batch(&self) -> usize {
        self.batch
    }

    /// The most time for one batch, with all its attempts and the waits between them.
    #[must_use]
    pub const fn patience(&self) -> Duration {
        self.patience
    }
}

impl Default for OtlpBatches {
    fn default() -> Self {
        Self { waiting: 2048, delay: Duration::from_secs(5), batch: 512, patience: Duration::from_secs(30) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_outside_of_their_range_are_refused() {
        let usual = OtlpBatches::default();
        let new = |waiting, batch, patience| OtlpBatches::new(waiting, usual.delay(), batch, patience);
        assert_eq!(new(usual.waiting(), usual.batch(), usual.patience()), Ok(usual));
        assert_eq!(new(0, 1, usual.patience()), Err(InvalidOtlpBatches::Waiting));
        assert_eq!(new(MOST_WAITING + 1, 1, usual.patience()), Err(InvalidOtlpBatches::Waiting));
        assert_eq!(new(10, 11, usual.patience()), Err(InvalidOtlpBatches::Batch));
        assert_eq!(new(10, 0, usual.patience()), Err(InvalidOtlpBatches::Batch));
        assert_eq!(new(10, 10, Duration::ZERO), Err(InvalidOtlpBatches::Time));
        assert_eq!(new(10, 10, LONGEST + Duration::from_millis(1)), Err(InvalidOtlpBatches::Time));
    }
}
