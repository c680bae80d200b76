//! Layers for [tower](https://docs.rs/tower): one for each primitive, never a second implementation.
//!
//! The state lives in the layer, so that every service it makes shares it. Permits and tokens are taken in `call`, never in `poll_ready`: a clone
//! that is ready and idle keeps nobody waiting. A layer that refuses gives back what the service below had reserved. Futures have names and are
//! not boxed; they are `Send` if the service's are.
//!
//! A layer does not wrap the error of its service but asks that a refusal can be made into one (`S::Error: From<Rejected>`, and `From<TimedOut>` for
//! timeouts). Tower's own `BoxError` can; for a service with any other error put [`CallErrors`] below all the others, and the error is a
//! [`CallError`], whatever stands above.
//!
//! # Order
//!
//! For what a service *calls*, from the outside in:
//!
//! 1. [`LoadShedLayer`]: what cannot be begun now is refused.
//! 2. [`BulkheadLayer`]: not too many at a time.
//! 3. [`RateLimitLayer`]: not too many in a minute.
//! 4. [`TimeoutLayer`]: all tries together.
//! 5. [`RetryLayer`]: inside the total time, outside the breaker: an open breaker ends the trying.
//! 6. [`BreakerLayer`]: sees every try, and every try that times out.
//! 7. [`TimeoutLayer`]: each try.
//!
//! For what *calls* a service: trace, [`ShutdownLayer`], [`LoadShedLayer`], [`RateLimitLayer`], [`BulkheadLayer`], [`TimeoutLayer`], handler.
//!
//! ```
//! use std::num::NonZeroU32;
//! use std::sync::Arc;
//! use std::time::Duration;
//! use sqal_resilience::layer::{BreakerLayer, BulkheadLayer, CallErrors, RetryLayer, TimeoutLayer};
//! use sqal_resilience::{
//!     Again, Backoff, Breaker, BreakerConfig, Bulkhead, BulkheadConfig, CallError, RetryPolicy, TokioClock,
//! };
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let policy = RetryPolicy::new(3, Backoff::new(Duration::from_millis(250), Duration::from_secs(30))?);
//! let client = ServiceBuilder::new()
//!     .layer(BulkheadLayer::new(Arc::new(Bulkhead::new(BulkheadConfig::default(), TokioClock))))
//!     .layer(TimeoutLayer::new(Duration::from_secs(10)))
//!     .layer(RetryLayer::new(policy).when(|result: &Result<u32, CallError<&str>>| match result {
//!         Err(CallError::Inner(_) | CallError::TimedOut(_)) => Again::Yes,
//!         _ => Again::Never, // a refusal is an answer
//!     }))
//!     .layer(BreakerLayer::new(Arc::new(Breaker::new(BreakerConfig::default(), TokioClock)?)))
//!     .layer(TimeoutLayer::new(Duration::from_secs(2)))
//!     .layer(CallErrors)
//!     .service(service_fn(|half: u32| async move { if half % 2 == 0 { Ok(half / 2) } else { Err("odd") } }));
//!
//! assert_eq!(client.clone().oneshot(42).await, Ok(21));
//! assert_eq!(client.oneshot(7).await, Err(CallError::Inner("odd"))); // after four tries
//! # Ok(())
//! # }
//! ```

mod breaker;
mod bulkhead;
mod call_errors;
mod load_shed;
mod rate_limit;
mod refusable;
mod retry;
mod shutdown;
mod single_flight;
mod timeout;

pub use breaker::{BreakerFuture, BreakerLayer, BreakerService};
pub use bulkhead::{AtResponse, BulkheadFuture, BulkheadLayer, BulkheadService, HandOver};
pub use call_errors::{CallErrors, CallErrorsFuture, CallErrorsService};
pub use load_shed::{LoadShedLayer, LoadShedService};
pub use rate_limit::{RateLimitLayer, RateLimitService};
pub use refusable::Refusable;
pub use retry::{EveryError, Replay, ReplayClone, RetryFuture, RetryLayer, RetryService, WorthIt};
pub use shutdown::{ShutdownLayer, ShutdownService};
pub use single_flight::{SingleFlightFuture, SingleFlightLayer, SingleFlightService};
pub use timeout::{TimeoutFuture, TimeoutLayer, TimeoutService};

/// Takes the service that is ready out of its place and drops it, so that what it had reserved is free; a clone that has reserved nothing stays.
fn release<S: Clone>(inner: &mut S) {
    drop(take_ready(inner));
}

/// Takes the service that is ready out of its place and leaves a clone, which is not.
fn take_ready<S: Clone>(inner: &mut S) -> S {
    let clone = inner.clone();
    std::mem::replace(inner, clone)
}
