//! [`CacheKey`] and [`CacheScope`]: the identity of a cached value, and a set of values that is
//! cleared together.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use sqal_core::{DeviceId, Name};

/// The documented kinds of cached values, each with its time to live (CCH-02, C-09), and the kinds
/// of an embedding service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CacheKind {
    /// The latest sample: 10 s.
    LatestSample,
    /// The figures of the dashboard: 5 min.
    DashboardMetrics,
    /// The statistics of a device: 15 min.
    DeviceStats,
    /// The hourly aggregates: 10 min.
    HourlyAggregates,
    /// A kind of an embedding service: see [`CacheKind::custom`].
    Custom(CustomKind),
}

/// A kind of cached values that an embedding service defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CustomKind {
    name: &'static str,
    time_to_live: Duration,
}

/// Why a name or a time to live is not valid for a kind of cached values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidCacheKind {
    /// The name is not 1 to 64 characters of a to z, 0 to 9 and _.
    #[error("{0:?} is no name of a kind: expected 1 to 64 of a to z, 0 to 9 and _, as metrics have them")]
    Name(&'static str),
    /// The name is that of a documented kind: the values of both kinds would share their keys.
    #[error("{0:?} is the name of a documented kind")]
    Taken(&'static str),
    /// The time to live is 0 or above 30 days.
    #[error("values of a kind cannot be fresh for {0:?}: expected more than 0 and at most 30 days")]
    TimeToLive(Duration),
}

/// The longest time for which a value of a custom kind is fresh.
pub(crate) const LONGEST: Duration = Duration::from_hours(30 * 24);

impl CacheKind {
    /// A kind of an embedding service: its name is the label of its metrics and part of its keys in
    /// a shared cache.
    ///
    /// ```
    /// use std::time::Duration;
    /// use sqal_resilience::SystemClock;
    /// use sqal_storage::{cache::{CacheKey, CacheKind}, ReadThrough};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let forecasts = CacheKind::custom("forecasts", Duration::from_secs(3600))?;
    /// let cache: ReadThrough<String, _> = ReadThrough::new(forecasts, 100, SystemClock);
    /// let key = CacheKey::of_line(forecasts, "tomorrow");
    /// let asked = cache.get(&key, async || Ok::<_, std::io::Error>("400 loaves".to_owned())).await?;
    /// assert_eq!(*asked, "400 loaves");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidCacheKind`] if the name is not valid or is that of a documented kind, or if the
    /// time is 0 or above 30 days.
    pub fn custom(name: &'static str, time_to_live: Duration) -> Result<Self, InvalidCacheKind> {
        let is_named = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_';
        if !(1..=64).contains(&name.len()) || !name.bytes().all(is_named) {
            return Err(InvalidCacheKind::Name(name));
        }
        if Self::ALL.iter().any(|kind| kind.as_str() == name) {
            return Err(InvalidCacheKind::Taken(name));
        }
        if time_to_live.is_zero() || time_to_live > LONGEST {
            return Err(InvalidCacheKind::TimeToLive(time_to_live));
        }
        Ok(Self::Custom(CustomKind { name, time_to_live }))
    }

    /// All documented kinds.
    pub const ALL: [Self; 4] = [Self::LatestSample, Self::DashboardMetrics, Self::DeviceStats, Self::HourlyAggregates];

    /// The name in metrics and keys.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LatestSample => "latest_sample",
            Self::DashboardMetrics => "dashboard_metrics",
            Self::DeviceStats => "device_stats",
            Self::HourlyAggregates => "hourly_aggregates",
            Self::Custom(kind) => kind.name,
        }
    }

    /// The duration for which a value of this kind is fresh.
    #[must_use]
    pub const fn time_to_live(self) -> Duration {
        match self {
            Self::LatestSample => Duration::from_secs(10),
            Self::DashboardMetrics => Duration::from_mins(5),
            Self::DeviceStats => Duration::from_mins(15),
            Self::HourlyAggregates => Duration::from_mins(10),
            Self::Custom(kind) => kind.time_to_live,
        }
    }
}

/// The identity of a cached value: its kind, a device or the whole line, and a name that tells it
/// apart from others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CacheKey {
    pub(crate) kind: CacheKind,
    pub(crate) device: Option<DeviceId>,
    pub(crate) name: String,
}

impl CacheKey {
    /// A value of the whole line.
    #[must_use]
    pub fn of_line(kind: CacheKind, name: impl Into<String>) -> Self {
        Self { kind, device: None, name: name.into() }
    }

    /// A value of one device.
    #[must_use]
    pub fn of_device(kind: CacheKind, device: DeviceId, name: impl Into<String>) -> Self {
        Self { kind, device: Some(device), name: name.into() }
    }

    /// The kind of the value.
    #[must_use]
    pub const fn kind(&self) -> CacheKind {
        self.kind
    }

    /// The device of the value; `None` for a value of the whole line.
    #[must_use]
    pub const fn device(&self) -> Option<DeviceId> {
        self.device
    }

    /// The name of the value, unique within its kind and device.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// A set of cached values that is cleared together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CacheScope {
    /// All values.
    All,
    /// All values of one device.
    Device(DeviceId),
}

/// The text is not a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a scope: expected * or device:<device>:*")]
pub struct InvalidScope;

/// Parses the documented form (CCH-03): `device:{device_id}:*`, or `*`.
impl FromStr for CacheScope {
    type Err = InvalidScope;

    fn from_str(text: &str) -> Result<Self, InvalidScope> {
        if text == "*" {
            return Ok(Self::All);
        }
        let device = text.strip_prefix("device:").and_then(|rest| rest.strip_suffix(":*")).ok_or(InvalidScope)?;
        Name::stored(device).map(Self::Device).map_err(|_| InvalidScope)
    }
}

impl fmt::Display for CacheScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Device(device) => write!(f, "device:{device}:*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of the documented kinds are parts of keys: a changed name would lose the values in
    /// shared caches.
    #[test]
    fn the_documented_kinds_keep_their_names_and_times() {
        let known = CacheKind::ALL.map(|kind| (kind.as_str(), kind.time_to_live().as_secs()));
        let documented =
            [("latest_sample", 10), ("dashboard_metrics", 300), ("device_stats", 900), ("hourly_aggregates", 600)];
        assert_eq!(known, documented);
    }

    #[test]
    fn a_kind_of_another_service_has_a_name_of_its_own_and_a_time() {
        let minute = Duration::from_mins(1);
        let forecasts = CacheKind::custom("forecasts_2", minute).unwrap();
        assert_eq!((forecasts.as_str(), forecasts.time_to_live()), ("forecasts_2", minute));
        assert_eq!(CacheKind::custom("forecasts_2", minute), Ok(forecasts));
        assert_ne!(CacheKind::custom("prices", minute), Ok(forecasts));
        for name in ["", "Forecasts", "fore:casts", "prévisions", " a", "a b"] {
            assert_eq!(CacheKind::custom(name, minute), Err(InvalidCacheKind::Name(name)));
        }
        for kind in CacheKind::ALL {
            assert_eq!(CacheKind::custom(kind.as_str(), minute), Err(InvalidCacheKind::Taken(kind.as_str())));
        }
        for time in [Duration::ZERO, LONGEST + Duration::from_nanos(1), Duration::MAX] {
            assert_eq!(CacheKind::custom("a", time), Err(InvalidCacheKind::TimeToLive(time)));
        }
    }

    #[test]
    fn the_documented_patterns_are_scopes() {
        let device: CacheScope = "device:ESP32_001:*".parse().unwrap();
        assert_eq!(device, CacheScope::Device(Name::new("ESP32_001").unwrap()));
        for scope in ["*", "device:ESP32_001:*", "device:a:b:*"] {
            assert_eq!(scope.parse::<CacheScope>().unwrap().to_string(), scope);
        }
        for text in ["", "device:*", "device::*", "devices:a:*", "device:a", "**"] {
            assert_eq!(text.parse::<CacheScope>(), Err(InvalidScope), "{text}");
        }
    }
}
