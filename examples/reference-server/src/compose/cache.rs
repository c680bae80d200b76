//! The cache of the routes: in this process, and shared through a Redis if one is configured.
//!
//! Without Redis, or while it is unavailable, all requests are still answered (ARC-13).

use std::sync::Arc;
use std::time::Duration;

use sqal_http::{Caches, Services};
use sqal_resilience::health::CheckConfig;
use sqal_resilience::shutdown::Stage;
use sqal_resilience::{Clock, Shutdown, SystemClock};
use sqal_storage::metered::MeteredCache;
use sqal_storage::{Cache, Redis, RedisCache};
use tracing::{info, warn};

use super::breaker_states::BreakerStates;
use super::breakers::{observers, probed_after};
use crate::server_error::ServerError;
use crate::settings::CacheSettings;

/// Adds the shared cache to the services if a URL is configured: checked, measured, and closed
/// last.
pub(super) fn share(
    services: &mut Services,
    settings: &CacheSettings,
    states: &BreakerStates,
    shutdown: &Shutdown,
) -> Result<(), ServerError> {
    let Some(url) = &settings.url else {
        info!("no REDIS_URL: values are remembered in this process only");
        return Ok(());
    };
    let redis = Redis::connect(url.as_str())?;
    let cache: Arc<dyn Cache> =
        Arc::new(MeteredCache::new(RedisCache::new(&redis, RedisCache::USUAL_PREFIX), SystemClock));
    // A probe takes a quarter of a second at most, and delays one reader every five seconds.
    let breaker = probed_after(Duration::from_secs(5));
    let near = Caches::near(&(Arc::new(SystemClock) as Arc<dyn Clock>));
    services.line.caches = Arc::new(near.with_far_observed(&cache, breaker, |name| observers(name, states))?);
    let asked = redis.clone();
    let answers = move || {
        let redis = asked.clone();
        async move { redis.ping().await }
    };
    if let Err(twice) = services.plant.health.register("cache", CheckConfig::optional(), answers) {
        warn!(%twice, "the cache is not watched");
    }
    let close = move || async move {
        // The cache holds no acknowledged data. If Redis is unavailable now, the shutdown still
        // counts as orderly.
        if let Err(error) = redis.close().await {
            warn!(%error, "the cache did not say goodbye");
        }
        Ok::<_, std::convert::Infallible>(())
    };
    // The shutdown registry accepts closers until it has run all of them.
    let _ = shutdown.on_close(Stage::CACHES, "Redis cache", close);
    Ok(())
}
