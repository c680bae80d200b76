//! [`LongReads`]: reads over long spans of hours run one at a time, so that reports never take
//! every connection of the readers.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use crate::{StorageError, StorageErrorKind, samples::HourlyQuery};

/// The longest span of a query for all devices that needs no place, in hours: eight days.
const SHORT_HOURS: i64 = 200;

/// The time after which a caller without a place may try again.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// The one place for long reads of a store.
#[derive(Debug)]
pub(crate) struct LongReads {
    place: Semaphore,
    backend: &'static str,
}

impl LongReads {
    pub(crate) fn new(backend: &'static str) -> Self {
        Self { place: Semaphore::new(1), backend }
    }

    /// Whether a query is long: only one long query runs at a time.
    ///
    /// One device has at most one row per hour, so a query for one device is never long.
    pub(crate) fn is_long(query: &HourlyQuery) -> bool {
        query.device_id().is_none() && query.until().number() - query.from().number() > SHORT_HOURS
    }

    /// Waits for the place until the deadline; a short read needs no place.
    ///
    /// # Errors
    ///
    /// [`Busy`](StorageErrorKind::Busy) with a time to try again if the place was not free before
    /// the deadline.
    pub(crate) async fn place(
        &self,
        query: &HourlyQuery,
        end: Instant,
    ) -> Result<Option<SemaphorePermit<'_>>, StorageError> {
        if !Self::is_long(query) {
            return Ok(None);
        }
        // The semaphore is never closed, so the only failure is the deadline.
        if let Ok(Ok(permit)) = timeout_at(end, self.place.acquire()).await {
            return Ok(Some(permit));
        }
        let busy = StorageError::new(self.backend, StorageErrorKind::Busy);
        Err(StorageError { retry_after: Some(TRY_AGAIN), ..busy })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::Hour;
    use sqal_core::{Name, Timestamp};

    fn span(hours: i64) -> HourlyQuery {
        let from = Hour::of(Timestamp::from_micros(0).unwrap());
        HourlyQuery::new(from, from.later(hours)).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn one_long_read_runs_at_a_time_and_short_ones_need_no_place() {
        let reads = LongReads::new("test");
        let end = || Instant::now() + Duration::from_secs(10);
        let long = span(SHORT_HOURS + 1);
        let first = reads.place(&long, end()).await.unwrap();
        assert!(first.is_some());
        for short in [span(SHORT_HOURS), span(10_000).of_device(Name::new("a").unwrap())] {
            assert!(reads.place(&short, end()).await.unwrap().is_none());
        }
        let begun = Instant::now();
        let refused = reads.place(&long, end()).await.unwrap_err();
        let waited = begun.elapsed();
        assert!(
            waited >= Duration::from_secs(10) && waited < Duration::from_millis(10_010),
            "until its deadline: {waited:?}"
        );
        assert_eq!((refused.kind, refused.retry_after), (StorageErrorKind::Busy, Some(TRY_AGAIN)));
        drop(first);
        assert!(reads.place(&long, end()).await.unwrap().is_some(), "the place is free again");
    }
}
