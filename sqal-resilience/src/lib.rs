//! Fault handling for services: breakers, retries, rate limits, bulkheads, health and shutdown.
//!
//! The primitives are synchronous state machines that take the time as an argument or from an
//! injected [`Clock`]. Those that wait (retries, timeouts, queues) wait by tokio's clock, which
//! tests can pause. Nothing here knows of a tray, a database or a web framework. The `guide` says
//! which primitive to use when, in which order and why.
//!
//! ```
//! use std::time::Duration;
//! use sqal_resilience::{Breaker, BreakerConfig, ManualClock, Outcome};
//!
//! let clock = ManualClock::new();
//! let breaker = Breaker::new(BreakerConfig::default(), clock.clone())?;
//! for _ in 0..5 {
//!     breaker.acquire()?.report(Outcome::Failure);
//! }
//! let refused = breaker.acquire().unwrap_err(); // open: fail fast, and say when to come back
//! assert_eq!(refused.retry_after, Some(Duration::from_secs(60)));
//!
//! clock.advance(Duration::from_secs(60));
//! breaker.acquire()?.report(Outcome::Success); // half-open: a probe
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! Without any feature: breaker, bucket, bulkhead, backoff, budget, single-flight; no runtime.
//!
//! - `tokio`: all that waits: retry, `timeout`, `Deadline`, `hedge`, queues before buckets and
//!   bulkheads, limits shared by processes, `Shutdown`, `HealthRegistry`. It enables `tracing`.
//! - `tower`: the layers. (Together with `http-body`, as in the documentation, also the `guide`.)
//! - `http-body`: bodies that can be sent again, and bodies with a time limit.
//! - `serde`: settings in a readable form (`"60s"`).
//! - `metrics`: a breaker that counts its calls and shows its state.
//! - `tracing`: the documented log lines.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod address;
#[cfg(feature = "tokio")]
mod alarm;
pub mod backoff;
#[cfg(feature = "http-body")]
pub mod body;
pub mod breaker;
pub mod bucket;
pub mod budget;
pub mod bulkhead;
mod call_error;
pub mod classify;
mod clock;
#[cfg(feature = "tokio")]
pub mod deadline;
#[cfg(all(feature = "tokio", feature = "http-body", feature = "tower"))]
#[doc = include_str!("guide.md")]
pub mod guide {}
#[cfg(feature = "tokio")]
pub mod health;
#[cfg(feature = "tokio")]
pub mod hedge;
pub mod idempotency;
#[cfg(feature = "tower")]
pub mod layer;
pub mod limit;
#[cfg(feature = "tracing")]
pub mod log;
#[cfg(feature = "metrics")]
pub mod metered;
pub mod outage;
mod outcome;
mod random;
pub mod rejected;
#[cfg(feature = "tokio")]
pub mod retry;
#[cfg(feature = "tokio")]
pub mod shutdown;
pub mod single_flight;
mod sync;
#[cfg(feature = "serde")]
mod written;

#[doc(inline)]
pub use backoff::Backoff;
#[doc(inline)]
pub use breaker::{Breaker, BreakerConfig};
#[cfg(feature = "tokio")]
#[doc(inline)]
pub use bucket::SharedBuckets;
#[doc(inline)]
pub use bucket::{KeyedBuckets, Quota, TokenBucket};
#[doc(inline)]
pub use budget::RetryBudget;
#[doc(inline)]
pub use bulkhead::{AdaptiveBulkhead, Bulkhead, BulkheadConfig};
#[doc(inline)]
pub use call_error::{CallError, TimeoutError};
#[cfg(feature = "tokio")]
#[doc(inline)]
pub use clock::TokioClock;
#[doc(inline)]
pub use clock::{Clock, ManualClock, SystemClock};
#[cfg(feature = "tokio")]
#[doc(inline)]
pub use deadline::{Deadline, timeout};
#[cfg(feature = "tokio")]
#[doc(inline)]
pub use health::HealthRegistry;
#[cfg(feature = "tokio")]
#[doc(inline)]
pub use hedge::hedge;
#[doc(inline)]
pub use idempotency::Idempotency;
#[doc(inline)]
pub use outcome::Outcome;
#[doc(inline)]
pub use random::fresh_seed;
#[doc(inline)]
pub use rejected::Rejected;
#[cfg(feature = "tokio")]
#[doc(inline)]
pub use retry::{Retry, RetryPolicy};
#[cfg(feature = "tokio")]
#[doc(inline)]
pub use shutdown::{Shutdown, ShutdownConfig};
#[doc(inline)]
pub use single_flight::SingleFlight;
