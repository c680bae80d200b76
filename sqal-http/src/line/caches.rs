//! [`Caches`]: what the routes have cached, in this process and in an optional shared cache.
//!
//! Each kind of entry is cached for its documented time (CCH-02).

use std::fmt;
use std::sync::Arc;

use sqal_core::DeviceId;
use sqal_resilience::{
    BreakerConfig, Clock,
    breaker::{Event, InvalidBreaker, Observer},
};
use sqal_storage::{
    Cache, ReadThrough,
    cache::{CacheError, CacheKey, CacheKind, CacheScope, CacheStats},
    metered::report_caches,
};

use crate::line::statistics::{DeviceStatistics, HourDocument, Totals};

type Remembered<T> = ReadThrough<T, Arc<dyn Clock>>;

/// One cache for each documented kind.
pub struct Caches {
    /// The newest sample of the line and of each device, as its JSON. An entry is dropped with
    /// every commit of this process, and expires after 10 s for commits of other processes. It is
    /// never put into the shared cache, which would be written for every sample.
    pub(crate) latest: Remembered<String>,
    /// The totals of the line's last day.
    pub(crate) dashboard: Remembered<Totals>,
    /// The statistics of the devices.
    pub(crate) devices: Remembered<Vec<DeviceStatistics>>,
    /// Hours of a span of at most [`LONGEST_OF_MANY`](Self::LONGEST_OF_MANY) hours.
    pub(crate) hours: Remembered<Vec<HourDocument>>,
    /// Hours of longer spans: few entries, and never in the shared cache.
    pub(crate) long_hours: Remembered<Vec<HourDocument>>,
}

impl Caches {
    /// The longest span, in hours, of which many entries are cached: eight days.
    pub(crate) const LONGEST_OF_MANY: i64 = 200;

    /// Caches in this process: 1000 latest samples (16 MB), 200 spans of at most 200 hours (14 MB),
    /// 4 longer spans (at most 14 MB), and 200 entries of devices.
    #[must_use]
    pub fn near(clock: &Arc<dyn Clock>) -> Self {
        let clock = || Arc::clone(clock);
        Self {
            latest: ReadThrough::new(CacheKind::LatestSample, 1000, clock()),
            dashboard: ReadThrough::new(CacheKind::DashboardMetrics, 10, clock()),
            devices: ReadThrough::new(CacheKind::DeviceStats, 200, clock()),
            hours: ReadThrough::new(CacheKind::HourlyAggregates, 200, clock()),
            long_hours: ReadThrough::new(CacheKind::HourlyAggregates, 4, clock()),
        }
    }

    /// Adds a cache that several processes share, behind one breaker for each kind. While the
    /// shared cache is away, reads go to the store.
    ///
    /// # Errors
    ///
    /// [`InvalidBreaker`] if the breaker's configuration is not valid.
    pub fn with_far(self, far: &Arc<dyn Cache>, breaker: BreakerConfig) -> Result<Self, InvalidBreaker> {
        self.with_far_observed(far, breaker, |_| untold)
    }

    /// Adds a shared cache as [`with_far`](Self::with_far) does, with an observer for each breaker,
    /// by its name: `cache_dashboard`, `cache_devices` and `cache_hours` (CBR-03).
    ///
    /// # Errors
    ///
    /// [`InvalidBreaker`] if the breaker's configuration is not valid.
    pub fn with_far_observed<O: Observer + 'static>(
        self,
        far: &Arc<dyn Cache>,
        breaker: BreakerConfig,
        told: impl Fn(&'static str) -> O,
    ) -> Result<Self, InvalidBreaker> {
        let far = || Arc::clone(far);
        Ok(Self {
            latest: self.latest,
            dashboard: self.dashboard.with_far_observed(far(), breaker, told("cache_dashboard"))?,
            devices: self.devices.with_far_observed(far(), breaker, told("cache_devices"))?,
            hours: self.hours.with_far_observed(far(), breaker, told("cache_hours"))?,
            long_hours: self.long_hours,
        })
    }

    /// The key of the newest sample of a device, or of the line.
    pub(crate) fn latest_key(device: Option<DeviceId>) -> CacheKey {
        match device {
            Some(device) => CacheKey::of_device(CacheKind::LatestSample, device, "latest"),
            None => CacheKey::of_line(CacheKind::LatestSample, "latest"),
        }
    }

    /// Drops the latest sample of a device and of the line, because a sample of the device was
    /// stored.
    pub(crate) fn stored(&self, device: DeviceId) {
        for key in [Self::latest_key(Some(device)), Self::latest_key(None)] {
            self.latest.forget(&key);
        }
    }

    /// Clears every cache, here and in the shared cache, for example after an erasure (CCH-03,
    /// CCH-04). The data of a device is also part of the entries of the line.
    ///
    /// # Errors
    ///
    /// [`CacheError`] if the shared cache does not answer. Until it could be cleared, this process
    /// reads no entry of the scope from it.
    pub async fn clear(&self) -> Result<(), CacheError> {
        let all = &CacheScope::All;
        let results = [
            self.latest.clear(all).await,
            self.dashboard.clear(all).await,
            self.devices.clear(all).await,
            self.hours.clear(all).await,
            self.long_hours.clear(all).await,
        ];
        results.into_iter().collect()
    }

    /// The statistics of each cache so far (CCH-05).
    #[must_use]
    pub fn stats(&self) -> [(CacheKind, CacheStats); 4] {
        [
            (self.latest.kind(), self.latest.stats()),
            (self.dashboard.kind(), self.dashboard.stats()),
            (self.devices.kind(), self.devices.stats()),
            (self.hours.kind(), self.hours.stats().and(&self.long_hours.stats())),
        ]
    }

    /// Reports the statistics as metrics (MET-06 to MET-11).
    pub(crate) fn report(&self) {
        report_caches(&self.stats());
    }
}

/// An observer that ignores every event.
fn untold(_: &Event) {}

impl fmt::Debug for Caches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caches").field("stats", &self.stats()).finish()
    }
}
