//! The client by which a service calls others, against servers on this machine.
//!
//! The scenarios are retries (RT), limits, addresses that are refused, and trust.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod guard;
mod limits;
mod logged;
mod names;
mod pool;
mod retries;
mod said;
mod server;
mod traced;
mod trust;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use sqal_client::{Destination, DestinationConfig, HttpClient, HttpClientConfig, Trust};
use sqal_resilience::{Backoff, ManualClock, backoff::Jitter};

/// A client that may call this machine. Its clock stands still, so no budget is refilled, and no
/// breaker tries again unless a test advances the clock.
fn config() -> HttpClientConfig {
    let mut config = HttpClientConfig::usual(Trust::none());
    config.allowed = vec!["127.0.0.0/8".parse().unwrap()];
    config.clock = Arc::new(ManualClock::new());
    config
}

/// A client by these settings with one change.
fn client_with(change: impl FnOnce(&mut HttpClientConfig)) -> HttpClient {
    let mut changed = config();
    change(&mut changed);
    HttpClient::new(changed)
}

/// A destination that is tried again without noticeable waits, and that has much time.
fn at(address: SocketAddr) -> DestinationConfig {
    let mut config = DestinationConfig::usual(format!("http://{address}").parse().unwrap());
    config.plain_allowed = true;
    config.attempt = Duration::from_secs(60);
    config.total = Duration::from_secs(120);
    config.retries.backoff = Backoff::new(Duration::from_millis(1), Duration::from_millis(2)).unwrap();
    config.budget.per_second = 100.try_into().unwrap();
    config
}

/// A destination where every wait before a retry has this length.
fn waiting(address: SocketAddr, wait: Duration) -> DestinationConfig {
    let mut config = at(address);
    config.retries.backoff = Backoff::new(wait, wait).unwrap().with_jitter(Jitter::None).unwrap();
    config
}

fn destination(config: DestinationConfig) -> Destination {
    HttpClient::new(self::config()).destination("other", config).unwrap()
}

fn request(method: Method, key: Option<&str>, body: &'static str) -> Request<Bytes> {
    let mut request = Request::builder().method(method).uri("/thing?n=1");
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    request.body(Bytes::from_static(body.as_bytes())).unwrap()
}

fn post(key: Option<&str>) -> Request<Bytes> {
    request(Method::POST, key, "a body")
}
