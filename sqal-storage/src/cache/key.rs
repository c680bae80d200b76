//! [`CacheKey`] and [`CacheScope`]: what a cached value is about, and what is forgotten together.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use sqal_core::{DeviceId, Name};

/// The documented kinds of cached values, each with its time (CCH-02, C-09).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CacheKind {
    /// The latest sample: 10 s.
    LatestSample,
    /// The figures of the dashboard: 5 min.
    DashboardMetrics,
    /// What is known of a device: 15 min.
    DeviceStats,
    /// What hours come to: 10 min.
    HourlyAggregates,
}

impl CacheKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::LatestSample, Self::DashboardMetrics, Self::DeviceStats, Self::HourlyAggregates];

    /// The name in metrics and keys.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LatestSample => "latest_sample",
            Self::DashboardMetrics => "dashboard_metrics",
            Self::DeviceStats => "device_stats",
            Self::HourlyAggregates => "hourly_aggregates",
        }
    }

    /// How long such a value is fresh.
    #[must_use]
    pub const fn time_to_live(self) -> Duration {
        match self {
            Self::LatestSample => Duration::from_secs(10),
            Self::DashboardMetrics => Duration::from_mins(5),
            Self::DeviceStats => Duration::from_mins(15),
            Self::HourlyAggregates => Duration::from_mins(10),
        }
    }
}

/// What a value is about: its kind, a device or the whole line, and whatever else tells it apart.
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

    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> CacheKind {
        self.kind
    }
}

/// What is forgotten together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CacheScope {
    /// Everything.
    All,
    /// Everything of one device.
    Device(DeviceId),
}

/// A text that names no scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a scope: expected * or device:<device>:*")]
pub struct NotAScope;

/// As documented (CCH-03): `device:{device_id}:*`, or `*`.
impl FromStr for CacheScope {
    type Err = NotAScope;

    fn from_str(text: &str) -> Result<Self, NotAScope> {
        if text == "*" {
            return Ok(Self::All);
        }
        let device = text.strip_prefix("device:").and_then(|rest| rest.strip_suffix(":*")).ok_or(NotAScope)?;
        Name::stored(device).map(Self::Device).map_err(|_| NotAScope)
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

    #[test]
    fn the_documented_patterns_are_scopes() {
        let device: CacheScope = "device:ESP32_001:*".parse().unwrap();
        assert_eq!(device, CacheScope::Device(Name::new("ESP32_001").unwrap()));
        for scope in ["*", "device:ESP32_001:*", "device:a:b:*"] {
            assert_eq!(scope.parse::<CacheScope>().unwrap().to_string(), scope);
        }
        for text in ["", "device:*", "device::*", "devices:a:*", "device:a", "**"] {
            assert_eq!(text.parse::<CacheScope>(), Err(NotAScope), "{text}");
        }
    }
}
