//! The cache of the routes: in this process, and shared through a Redis if one is configured.
//!
//! Without Redis, or while it is unavailable, all requests are still answered (ARC-13).

use std::sync::Arc;
use std::time::Duration;

use sqal_http::{Caches, Services};
use sqal_resilience::{
    BreakerConfig, Clock, Shutdown, SystemClock, breaker::OpenFor, health::CheckConfig, log::LogChanges,
    metered::StateGauge, shutdown::Stage,
};
use sqal_storage::{Cache, Redis, RedisCache, metered::MeteredCache};
use tracing::{info, warn};

use crate::config::SecretUrl;
use crate::server_error::ServerError;

/// Adds the shared cache to the services if a URL is configured: checked, measured, and closed
/// last.
pub(crate) fn share(services: &mut Services, url: Option<&SecretUrl>, shutdown: &Shutdown) -> Result<(), ServerError> {
    let Some(url) = url else {
        info!("no REDIS_URL: values are remembered in this process only");
        return Ok(());
    };
    let redis = Redis::connect(&url.0)?;
    let cache: Arc<dyn Cache> =
        Arc::new(MeteredCache::new(RedisCache::new(&redis, RedisCache::USUAL_PREFIX), SystemClock));
    // A probe takes a quarter of a second at most, and delays one reader every five seconds.
    let breaker = BreakerConfig { open_for: OpenFor::always(Duration::from_secs(5)), ..BreakerConfig::default() };
    let told = |name: &'static str| (StateGauge::new(name), LogChanges(name));
    let near = Caches::near(&(Arc::new(SystemClock) as Arc<dyn Clock>));
    services.caches = Arc::new(near.with_far_observed(&cache, breaker, told)?);
    let asked = redis.clone();
    let answers = move || {
        let redis = asked.clone();
        async move { redis.ping().await }
    };
    if let Err(twice) = services.health.register("cache", CheckConfig::optional(), answers) {
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
