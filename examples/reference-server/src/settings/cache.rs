//! [`CacheSettings`]: the cache that servers share, and the share of hits that caches must reach.

use std::str::FromStr;

use sqal_storage::Redis;

use super::row::Setting;
use super::secret_url::SecretUrl;
use super::values::Values;

pub(super) const REDIS_URL: Setting = Setting::secret(
    "REDIS_URL",
    "a URL like redis://cache:6379/0",
    "A Redis to share what is remembered with other servers; the server starts and goes on without it",
);

pub(super) const HIT_RATE_THRESHOLD: Setting = Setting::plain(
    "HIT_RATE_THRESHOLD",
    Some("0.70"),
    "a number from 0 to 1; 0 never warns",
    "The share of reads that the caches must answer: below it, over five minutes with 1000 reads or more, the log warns",
);

/// The cache that servers share, and the share of hits that caches must reach.
#[derive(Clone, Debug)]
pub struct CacheSettings {
    /// The URL of a Redis for the shared cache; `None` if values are cached in this process only.
    pub url: Option<SecretUrl>,
    /// The share of hits below which the log warns.
    pub hit_rate_threshold: HitRateThreshold,
}

/// The share of hits of the caches below which the log warns: from 0, for never, to 1 (CCH-10).
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct HitRateThreshold(f64);

/// The error for a text that is no share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a number from 0 to 1")]
pub struct InvalidHitRateThreshold;

impl HitRateThreshold {
    /// The share, from 0 to 1.
    #[must_use]
    pub const fn share(self) -> f64 {
        self.0
    }
}

/// Parses a number from 0 to 1.
impl FromStr for HitRateThreshold {
    type Err = InvalidHitRateThreshold;

    fn from_str(text: &str) -> Result<Self, InvalidHitRateThreshold> {
        let share: f64 = text.parse().map_err(|_| InvalidHitRateThreshold)?;
        if (0.0..=1.0).contains(&share) { Ok(Self(share)) } else { Err(InvalidHitRateThreshold) }
    }
}

impl CacheSettings {
    pub(super) fn read(values: &mut Values) -> Option<Self> {
        let check = |url: &str| {
            if url.starts_with("redis-") {
                return Err("expected one Redis, as redis://cache:6379/0".to_owned());
            }
            Redis::check(url).map_err(|error| error.to_string().trim_start_matches("redis: ").to_owned())
        };
        let url = SecretUrl::read(values, &REDIS_URL, check);
        let hit_rate_threshold = values.parsed(&HIT_RATE_THRESHOLD)?;
        Some(Self { url, hit_rate_threshold })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{mistakes, settings};
    use super::*;

    #[test]
    fn cch_10_the_share_of_hits_is_from_0_to_1_and_0_70_by_default() {
        let share = |variables: &[(&str, &str)]| settings(&[], variables).cache.hit_rate_threshold;
        assert_eq!(share(&[]), HitRateThreshold(0.70));
        for (text, expected) in [("0", 0.0), ("1", 1.0), ("0.5", 0.5), (".75", 0.75)] {
            assert_eq!(share(&[("HIT_RATE_THRESHOLD", text)]), HitRateThreshold(expected), "{text}");
        }
        for text in ["-0.1", "1.01", "70", "0,70", "70%", "NaN", "inf", "high"] {
            let told = mistakes(&[], &[("HIT_RATE_THRESHOLD", text)]);
            assert!(told.len() == 1 && told[0].contains("expected a number from 0 to 1"), "{text}: {told:?}");
        }
    }
}
