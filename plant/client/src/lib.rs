//! The HTTP client by which an embedding service calls other services, with SSRF protection.
//!
//! It has one pool of connections, time limits for each destination, retries within a budget, and a
//! breaker.
//!
//! An [`HttpClient`] holds the connections of a process. A [`Destination`] is one service that is
//! called, with its own limits, breaker and retries. The configuration decides what is called, and
//! the request cannot change it: a destination has a fixed [`Origin`], requests are paths under it,
//! and redirects are returned as answers and not followed. Addresses that are [not of the
//! Internet](is_public) are refused unless a [`Network`] allows them.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use axum::{Router, routing::get};
//! use sqal_client::{DestinationConfig, HttpClient, HttpClientConfig, Trust};
//!
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let origin = format!("http://{}", listener.local_addr()?);
//! tokio::spawn(async { axum::serve(listener, Router::new().route("/weather", get(|| async { "fog" }))).await });
//!
//! // A service inside our own network: its network is allowed, and plain http for this destination.
//! let mut shared = HttpClientConfig::usual(Trust::none());
//! shared.allowed = vec!["127.0.0.0/8".parse()?];
//! let client = HttpClient::new(shared);
//! let mut config = DestinationConfig::usual(origin.parse()?);
//! config.plain_allowed = true;
//! let weather = client.destination("weather", config.clone())?;
//! assert_eq!(weather.get("/weather").await?.into_body(), "fog");
//!
//! // No network is allowed: refused before anything is sent.
//! let strict = HttpClient::new(HttpClientConfig::usual(Trust::none()));
//! let refused = strict.destination("weather", config).unwrap_err().to_string();
//! assert!(refused.starts_with("host 127.0.0.1 is 127.0.0.1, which is not of the Internet"));
//! # Ok(())
//! # }
//! ```
//!
//! A webhook of a partner, which may be tried again because it has a key:
//!
//! ```no_run
//! # async fn tell() -> Result<(), Box<dyn std::error::Error>> {
//! use bytes::Bytes;
//! use http::Request;
//! use sqal_client::{DestinationConfig, HttpClient, HttpClientConfig, Trust};
//!
//! let client = HttpClient::new(HttpClientConfig::usual(Trust::machine()?));
//! let partner = client.destination("partner", DestinationConfig::usual("https://partner.example".parse()?))?;
//! let event = Request::post("/hooks/quality").header("content-type", "application/json");
//! let event = event.header("idempotency-key", "SAMPLE-20241026-230000-0001").body(Bytes::from(r#"{"grade":"REJECT"}"#))?;
//! match partner.send(event).await {
//!     Ok(answer) if answer.status().is_success() => {}
//!     Ok(answer) => return Err(format!("the partner refuses it: {}", answer.status()).into()),
//!     // Kept, and sent again later: not before `retry_after`, and with the same key.
//!     Err(error) if error.is_transient() => drop(error.retry_after()),
//!     Err(error) => return Err(error.into()),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The layers are in the order that [the guide of `sqal-resilience`](sqal_resilience) explains:
//! total time, retries, breaker, time of an attempt. The client uses no proxy, no cookies and no
//! compression, and adds no header field beyond those that HTTP requires and `traceparent`. HTTP is
//! 1.1, and TLS is 1.2 or 1.3 (rustls with ring).
//!
//! A request with all its attempts is one span of `tracing`. If the span is in a trace
//! ([`sqal_telemetry::current`]), each attempt names the trace to the server (W3C Trace Context).
//!
//! # Metrics
//!
//! By `destination`:
//!
//! - `outgoing_http_requests_total`, also by `outcome`: `2xx` to `5xx`, `address_refused`,
//!   `rejected`, `timed_out`, `not_sent`, `untrusted`, `broken`, `too_large`, `invalid`,
//!   `abandoned`;
//! - `outgoing_http_request_duration_seconds`, with all attempts and waits;
//! - `outgoing_http_retries_total`;
//! - `outgoing_http_retry_budget_exhausted_total`.
//!
//! By `name`: `circuit_breaker_state` and `circuit_breaker_calls_total`.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod address;
mod connect;
mod destination;
mod error;
mod meter;
mod network;
mod origin;
mod patience;
mod resolver;
mod send;
mod traced;
mod trust;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sqal_resilience::{Clock, TokioClock};

pub use address::is_public;
pub use destination::{DestinationConfig, InvalidDestination, RetryShare};
pub use error::{AddressRefusedError, InvalidRequest, Limit, SendError};
pub use network::{InvalidNetwork, Network};
pub use origin::{InvalidOrigin, Origin};
pub use resolver::{Resolver, Resolving, SystemResolver};
pub use send::Destination;
pub use trust::{InvalidTrust, Trust};

use address::Reach;
use connect::{Tasks, Transport, transport};

/// What all destinations of a client share. It begins with [`HttpClientConfig::usual`]; its fields
/// are then set.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HttpClientConfig {
    /// Networks that may be called although they are not of the Internet; none by default. They
    /// apply to the whole client, because its destinations share its connections.
    pub allowed: Vec<Network>,
    /// The certificate authorities that are trusted.
    pub trust: Trust,
    /// The resolver that finds the addresses of names.
    pub resolver: Arc<dyn Resolver>,
    /// The clock of breakers and budgets. Limits and waits use tokio's clock.
    pub clock: Arc<dyn Clock>,
    /// The seed of the waits between attempts: the same seed gives the same waits. If it is `None`,
    /// the default, each request draws its own.
    pub seed: Option<u64>,
    /// How long an idle connection is kept. It should be shorter than the time for which the server
    /// keeps it, which is often 60 seconds. A request on a connection that is just being closed
    /// fails.
    pub idle_for: Duration,
    /// How many idle connections to one origin are kept.
    pub idle_per_origin: usize,
}

impl HttpClientConfig {
    /// Settings that allow the Internet only, with the machine's resolver and tokio's clock. Idle
    /// connections are kept for 30 seconds, 16 to an origin.
    #[must_use]
    pub fn usual(trust: Trust) -> Self {
        Self {
            allowed: Vec::new(),
            trust,
            resolver: Arc::new(SystemResolver),
            clock: Arc::new(TokioClock),
            seed: None,
            idle_for: Duration::from_secs(30),
            idle_per_origin: 16,
        }
    }
}

/// The connections of a process to other services; clones share them. When the last clone and the
/// last destination are dropped, the connections are closed and the tasks that drive them end.
#[derive(Clone)]
pub struct HttpClient(Arc<Shared>);

/// The state that a client shares with its destinations.
struct Shared {
    transport: Transport,
    reach: Reach,
    clock: Arc<dyn Clock>,
    seed: Option<u64>,
    /// Held because the tasks end when it is dropped.
    _tasks: Tasks,
}

impl HttpClient {
    /// A client without open connections.
    #[must_use]
    pub fn new(config: HttpClientConfig) -> Self {
        let (transport, tasks) = transport(&config);
        let HttpClientConfig { allowed, clock, seed, .. } = config;
        Self(Arc::new(Shared { transport, reach: Reach(allowed), clock, seed, _tasks: tasks }))
    }

    /// Makes a destination. Make it once and keep it, because its breaker and its budget hold
    /// state. The name is a label of metrics and logs, one of a few that are known when the process
    /// starts.
    ///
    /// # Errors
    ///
    /// [`InvalidDestination`] if the origin is an address outside the Internet and the allowed
    /// networks, if it is plain without being allowed, if the times contradict each other, or if
    /// the breaker or the budget is not valid. A name that resolves to a refused address is refused
    /// when it is connected to.
    pub fn destination(
        &self,
        name: &'static str,
        config: DestinationConfig,
    ) -> Result<Destination, InvalidDestination> {
        if let Some(address) = config.origin.literal().filter(|address| !self.0.reach.permits(*address)) {
            return Err(AddressRefusedError { host: config.origin.host().to_owned(), address }.into());
        }
        Destination::new(name, config, Arc::clone(&self.0))
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").field("allowed", &self.0.reach.0).finish_non_exhaustive()
    }
}
