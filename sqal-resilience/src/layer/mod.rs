//! Layers for [tower](https://docs.rs/tower): one for each primitive, which it uses as it is.
//!
//! The state lives in the layer, so all services that the layer makes share it. Permits and tokens
//! are taken in `call`, never in `poll_ready`, so a clone that is ready and idle blocks no other
//! caller.
//!
//! If a layer refuses a call, it gives back what the service below had reserved, by putting a clone
//! in its place. Services must therefore be `Clone` (put `tower::buffer` around one that is not).
//! Futures have names and are not boxed, except single-flight's. They are `Send` if the service's
//! are.
//!
//! A layer does not wrap the error of its service. It requires that a refusal can be made into one
//! (`S::Error: From<Rejected>`, see [`FromRefusal`]), and a timeout too (`From<TimeoutError>`) for
//! the layer that limits time. Tower's own `BoxError` can be made of both. For a service with any
//! other error, put [`CallErrors`] below all the others: the error is then a
//! [`CallError`](crate::CallError), whatever stands above.
//!
//! # Order
//!
//! For a service that this process *calls*, from the outside in:
//!
//! 1. [`LoadShedLayer`]: refuses a call if the client is not ready. (A full bulkhead refuses by
//!    itself.)
//! 2. [`BulkheadLayer`], or [`AdaptiveBulkheadLayer`]: limits the calls at a time.
//! 3. [`RateLimitLayer`]: limits the calls in a period. Inside the retries it would count tries.
//! 4. [`TimeoutLayer`]: limits the time of all tries together.
//! 5. [`HedgeLayer`], only for requests that may be made twice, and [`RetryLayer`], judged by
//!    [`ByCallError`](crate::classify::ByCallError). They stand inside the total time and outside
//!    the breaker, so that an open breaker ends the retries.
//! 6. [`BreakerLayer`], also judged by [`ByCallError`](crate::classify::ByCallError): it sees every
//!    try, and every try that times out, and no refusal from below.
//! 7. [`TimeoutLayer`]: limits the time of each try.
//!
//! For a service that *is called*, from the outside in: trace, [`ShutdownLayer`],
//! [`LoadShedLayer`], `KeyedRateLimitLayer` (feature `http-body`; a limit per client that answers
//! by itself), [`RateLimitLayer`], [`BulkheadLayer`], [`TimeoutLayer`], handler. With
//! `handing_over(HeldBody::of_response)` (feature `http-body`), a place is held until the body of
//! the response has ended.
//!
//! ```
//! use std::num::NonZeroU32;
//! use std::sync::Arc;
//! use std::time::Duration;
//! use sqal_resilience::layer::{BreakerLayer, BulkheadLayer, CallErrors, RetryLayer, TimeoutLayer};
//! use sqal_resilience::{Backoff, Breaker, BreakerConfig, Bulkhead, BulkheadConfig, classify::ByCallError, CallError, RetryPolicy, TokioClock};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let policy = RetryPolicy::new(3, Backoff::new(Duration::from_millis(250), Duration::from_secs(30))?);
//! let client = ServiceBuilder::new()
//!     .layer(BulkheadLayer::new(Arc::new(Bulkhead::new(BulkheadConfig::default(), TokioClock)?)))
//!     .layer(TimeoutLayer::new(Duration::from_secs(10)))
//!     .layer(RetryLayer::new(policy).judged_by(ByCallError)) // a refusal is an answer: it is not tried again
//!     .layer(BreakerLayer::new(Arc::new(Breaker::new(BreakerConfig::default(), TokioClock)?)).judged_by(ByCallError))
//!     .layer(TimeoutLayer::new(Duration::from_secs(2)))
//!     .layer(CallErrors)
//!     .service(service_fn(|half: u32| async move { if half % 2 == 0 { Ok(half / 2) } else { Err("odd") } }));
//!
//! assert_eq!(client.clone().oneshot(42).await, Ok(21));
//! assert_eq!(client.oneshot(7).await, Err(CallError::Inner("odd"))); // after four tries
//! # Ok(())
//! # }
//! ```
//!
//! # With axum and reqwest
//!
//! axum's handlers never fail (`Infallible`), and its routers accept only services that never fail
//! either. Put [`CallErrors`] next to the handler, and `axum::error_handling::HandleErrorLayer`
//! outside of all layers. The latter makes a response of a [`CallError`](crate::CallError) (see
//! [`http_status`](crate::CallError::http_status) and
//! [`Rejected::retry_after_seconds`](crate::Rejected::retry_after_seconds)).
//!
//! For reqwest, `RetryLayer::replayed_by(reqwest::Request::try_clone)` makes a request again if its
//! body can be cloned, and `when` looks at the status of a response.

mod adaptive_bulkhead;
mod breaker;
mod bulkhead;
mod call_errors;
mod hand_over;
mod hedge;
#[cfg(feature = "http-body")]
mod keyed_rate_limit;
mod load_shed;
mod rate_limit;
mod refusable;
mod refusal;
mod retry;
mod shutdown;
mod single_flight;
mod timeout;

pub use adaptive_bulkhead::{AdaptiveBulkheadFuture, AdaptiveBulkheadLayer, AdaptiveBulkheadService};
pub use breaker::{BreakerFuture, BreakerLayer, BreakerService};
pub use bulkhead::{BulkheadFuture, BulkheadLayer, BulkheadService};
pub use call_errors::{CallErrors, CallErrorsFuture, CallErrorsService};
pub use hand_over::{AtResponse, HandOver};
pub use hedge::{HedgeFuture, HedgeLayer, HedgeService};
#[cfg(feature = "http-body")]
pub use keyed_rate_limit::{
    EmptyResponse, KeyedRateLimitFuture, KeyedRateLimitLayer, KeyedRateLimitService, RefusedResponse,
};
pub use load_shed::{LoadShedLayer, LoadShedService};
pub use rate_limit::{RateLimitLayer, RateLimitService};
pub use refusable::Refusable;
pub use refusal::{FromRefusal, FromTimeout};
pub use retry::{Replay, ReplayClone, RetryFuture, RetryLayer, RetryService};
pub use shutdown::{ShutdownLayer, ShutdownService};
pub use single_flight::{SingleFlightFuture, SingleFlightLayer, SingleFlightService};
pub use timeout::{TimeoutFuture, TimeoutLayer, TimeoutService};

use std::task::Poll;

use crate::Rejected;

/// Takes the ready service out of its place and drops it, so that what it had reserved is free. A
/// clone that has reserved nothing stays.
fn release<S: Clone>(inner: &mut S) {
    drop(take_ready(inner));
}

/// Returns a refusal once. If it was returned already, a further poll stays pending.
fn told_once<T, E: From<Rejected>>(refused: &mut Option<Rejected>) -> Poll<Result<T, E>> {
    refused.take().map_or(Poll::Pending, |refused| Poll::Ready(Err(refused.into())))
}

/// Takes the ready service out of its place and leaves a clone, which is not ready.
fn take_ready<S: Clone>(inner: &mut S) -> S {
    let clone = inner.clone();
    std::mem::replace(inner, clone)
}
