//! [`Caches`]: what the routes remember for the documented times (CCH-02), in this process and, if there is one, in a cache that several share.

use std::fmt;
use std::sync::Arc;

use sqal_core::DeviceId;
use sqal_resilience::{BreakerConfig, Clock, Event, InvalidBreaker, Observer};
use sqal_storage::{Cache, CacheAway, CacheKey, CacheKind, CacheScope, CacheStats, ReadThrough, report_caches};

use crate::wire::{DeviceStatistics, HourDocument, Totals};

type Remembered<T> = ReadThrough<T, Arc<dyn Clock>>;

/// One cache for each documented kind.
pub struct Caches {
    /// The newest sample of the line and of each device, as its JSON. Forgotten with every commit of this process, and after 10 s for what
    /// another one commits; it is never kept far, where it would be written for every sample.
    pub(crate) latest: Remembered<String>,
    /// The last day of the line.
    pub(crate) dashboard: Remembered<Totals>,
    /// What the devices came to.
    pub(crate) devices: Remembered<Vec<DeviceStatistics>>,
    /// Hours of a span of at most [`LONGEST_OF_MANY`](Self::LONGEST_OF_MANY) hours.
    pub(crate) hours: Remembered<Vec<HourDocument>>,
    /// Hours of longer spans: few of them, and never kept far.
    pub(crate) long_hours: Remembered<Vec<HourDocument>>,
}

impl Caches {
    /// The longest span, in hours, of those that many are remembered of: eight days.
    pub(crate) const LONGEST_OF_MANY: i64 = 200;

    /// Caches in this process: a thousand latest samples (16 MB), two hundred spans of at most two hundred hours (14 MB), four longer spans (at
    /// most 14 MB), two hundred devices.
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

    /// The same with a cache that several processes share, behind a breaker for each kind: while it is away, reads go to the store.
    ///
    /// # Errors
    ///
    /// [`InvalidBreaker`] for a breaker that cannot be.
    pub fn with_far(self, far: &Arc<dyn Cache>, breaker: BreakerConfig) -> Result<Self, InvalidBreaker> {
        self.with_far_observed(far, breaker, |_| untold)
    }

    /// Caches shared as [`with_far`](Self::with_far) does, with an observer for each breaker, by its name: `cache_dashboard`, `cache_devices` and `cache_hours` (CBR-03).
    ///
    /// # Errors
    ///
    /// [`InvalidBreaker`] for a breaker that cannot be.
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

    /// A sample of a device was stored: what was the latest may not be any more.
    pub(crate) fn stored(&self, device: DeviceId) {
        for key in [Self::latest_key(Some(device)), Self::latest_key(None)] {
            self.latest.forget(&key);
        }
    }

    /// Forgets everything, here and in the shared cache, for example after an erasure (CCH-03, CCH-04): what is known of a device is also in what
    /// is known of the line.
    ///
    /// # Errors
    ///
    /// [`CacheAway`] if the shared cache does not answer; it gives nothing from the scope to this process until it could be cleared.
    pub async fn clear(&self) -> Result<(), CacheAway> {
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

    /// What each has done so far (CCH-05).
    #[must_use]
    pub fn stats(&self) -> [(CacheKind, CacheStats); 4] {
        [
            (self.latest.kind(), self.latest.stats()),
            (self.dashboard.kind(), self.dashboard.stats()),
            (self.devices.kind(), self.devices.stats()),
            (self.hours.kind(), self.hours.stats().and(&self.long_hours.stats())),
        ]
    }

    /// Shows it (MET-06 to MET-11).
    pub(crate) fn report(&self) {
        report_caches(&self.stats());
    }
}

/// Observes nothing.
fn untold(_: &Event) {}

impl fmt::Debug for Caches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caches").field("stats", &self.stats()).finish()
    }
}
