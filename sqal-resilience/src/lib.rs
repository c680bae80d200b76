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

mod address;
#[cfg(feature = "tokio")]
mod alarm;
mod backoff;
#[cfg(feature = "http-body")]
pub mod body;
mod breaker;
mod bucket;
mod budget;
mod bulkhead;
mod call_error;
mod classify;
mod clock;
#[cfg(feature = "tokio")]
mod deadline;
#[cfg(all(feature = "tokio", feature = "http-body", feature = "tower"))]
#[doc = include_str!("guide.md")]
pub mod guide {}
#[cfg(feature = "tokio")]
mod health;
#[cfg(feature = "tokio")]
mod hedge;
mod idempotency;
#[cfg(feature = "tower")]
pub mod layer;
mod limit;
#[cfg(feature = "tracing")]
mod log;
#[cfg(feature = "metrics")]
mod metered;
mod outcome;
mod random;
mod rejected;
#[cfg(feature = "tokio")]
mod retry;
#[cfg(feature = "tokio")]
mod shutdown;
mod single_flight;
mod sync;
#[cfg(feature = "serde")]
mod written;

pub use address::{client_address, forwarded_client, limited_as};
pub use backoff::{Backoff, Delays, InvalidBackoff, Jitter};
pub use breaker::{
    Abandoned, Breaker, BreakerConfig, Breakers, Cause, Counts, Event, InvalidBreaker, Observer, OpenFor, OwnedPermit,
    Permit, Rates, RegistryFullError, SlowCalls, Snapshot, State, Window,
};
pub use bucket::{Answer, ClockedBuckets, Decision, InvalidQuota, KeyedBuckets, Quota, TokenBucket, Usage, take_all};
#[cfg(feature = "tokio")]
pub use bucket::{
    AnsweredBy, BucketBackend, CapacityError, FairBucket, InvalidShared, OnOutage, SharedBuckets, SharedConfig,
};
pub use budget::{Call, InvalidBudget, RetryBudget};
#[cfg(feature = "tokio")]
pub use bulkhead::AcquireOwned;
pub use bulkhead::{
    AdaptiveBulkhead, AdaptivePermit, Bulkhead, BulkheadConfig, BulkheadPermit, InvalidBulkhead, Occupancy,
    OwnedAdaptivePermit, OwnedBulkheadPermit, Shed,
};
pub use call_error::{CallError, TimeoutError};
pub use classify::{Again, ByCallError, ByRequest, Classify, ErrorIsFailure, EveryError, WorthIt};
#[cfg(feature = "tokio")]
pub use clock::TokioClock;
pub use clock::{Clock, ManualClock, SystemClock};
#[cfg(feature = "tokio")]
pub use deadline::{Deadline, Timeout, timeout};
#[cfg(feature = "tokio")]
pub use health::{CheckConfig, Component, HealthRegistry, HealthReport, InvalidComponent, Status};
#[cfg(feature = "tokio")]
pub use hedge::{Hedged, hedge};
pub use idempotency::{Idempotency, Sent};
pub use limit::{Aimd, Gradient, Limit, Observation, Range};
#[cfg(feature = "tracing")]
pub use log::{LogChanges, log_retry};
#[cfg(feature = "metrics")]
pub use metered::{MeteredBreaker, MeteredPermit, StateGauge};
pub use outcome::Outcome;
pub use random::fresh_seed;
pub use rejected::{Reason, Rejected};
#[cfg(feature = "tokio")]
pub use retry::{GaveUp, Plain, Retry, RetryError, RetryPolicy, Retryable};
#[cfg(all(feature = "tokio", unix))]
pub use shutdown::Signals;
#[cfg(feature = "tokio")]
pub use shutdown::{Active, Closed, HowClosed, Kind, Phase, Report, Shutdown, ShutdownConfig, Stage};
pub use single_flight::{Landed, SingleFlight};
