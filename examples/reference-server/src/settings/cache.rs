//! [`CacheSettings`]: the cache that servers share.

use sqal_storage::Redis;

use super::row::Setting;
use super::secret_url::SecretUrl;
use super::values::Values;

pub(super) const REDIS_URL: Setting = Setting::secret(
    "REDIS_URL",
    "a URL like redis://cache:6379/0",
    "A Redis to share what is remembered with other servers; the server starts and goes on without it",
);

/// The cache that servers share.
#[derive(Clone, Debug)]
pub struct CacheSettings {
    /// The URL of a Redis for the shared cache; `None` if values are cached in this process only.
    pub url: Option<SecretUrl>,
}

impl CacheSettings {
    pub(super) fn read(values: &mut Values) -> Self {
        let check = |url: &str| {
            if url.starts_with("redis-") {
                return Err("expected one Redis, as redis://cache:6379/0".to_owned());
            }
            Redis::check(url).map_err(|error| error.to_string().trim_start_matches("redis: ").to_owned())
        };
        Self { url: SecretUrl::read(values, &REDIS_URL, check) }
    }
}
