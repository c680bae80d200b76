//! [`FromRefusal`] and [`FromTimeout`]: what an error must offer, and the message if it does not.

use crate::{Rejected, TimeoutError};

/// An error that can be made of a refusal: every error with `From<Rejected>`.
/// [`CallError`](crate::CallError) and tower's `BoxError` are such errors.
///
/// The trait exists for the message of the compiler: a handler of axum never fails (`Infallible`),
/// and a layer that refuses needs an error to report it.
///
/// ```compile_fail,E0277
/// use std::convert::Infallible;
/// use std::sync::Arc;
/// use sqal_resilience::layer::RateLimitLayer;
/// use sqal_resilience::{Quota, SystemClock, TokenBucket};
/// use tower::{Layer, ServiceExt, service_fn};
///
/// let bucket = Arc::new(TokenBucket::new(Quota::default(), SystemClock).unwrap());
/// let handler = service_fn(|(): ()| std::future::ready(Ok::<_, Infallible>("a tray")));
/// let _ = RateLimitLayer::new(bucket).layer(handler).oneshot(()); // `CallErrors` is missing
/// ```
#[diagnostic::on_unimplemented(
    message = "a layer cannot refuse a call with the error `{Self}`",
    label = "`{Self}` cannot be made of a `Rejected`",
    note = "put `CallErrors` below all other layers, next to the service: its error is then a `CallError`",
    note = "axum's routers want services that never fail: put `axum::error_handling::HandleErrorLayer` outside of the layers"
)]
pub trait FromRefusal: From<Rejected> {}

#[diagnostic::do_not_recommend]
impl<E: From<Rejected>> FromRefusal for E {}

/// An error that can be made of a timeout: every error with `From<TimeoutError>`.
/// [`CallError`](crate::CallError) and tower's `BoxError` are such errors.
#[diagnostic::on_unimplemented(
    message = "a layer cannot end a call that takes too long with the error `{Self}`",
    label = "`{Self}` cannot be made of a `TimeoutError`",
    note = "put `CallErrors` below all other layers, next to the service: its error is then a `CallError`",
    note = "axum's routers want services that never fail: put `axum::error_handling::HandleErrorLayer` outside of the layers"
)]
pub trait FromTimeout: From<TimeoutError> {}

#[diagnostic::do_not_recommend]
impl<E: From<TimeoutError>> FromTimeout for E {}
