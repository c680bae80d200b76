//! [`CallErrors`]: turns any service's error into one that can also be a refusal or a timeout.

use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::CallError;

/// Turns errors `E` into [`CallError<E>`]. It belongs below all the other layers, once.
#[derive(Clone, Copy, Debug, Default)]
pub struct CallErrors;

impl<S> Layer<S> for CallErrors {
    type Service = CallErrorsService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        CallErrorsService(inner)
    }
}

/// The service of [`CallErrors`].
#[derive(Clone, Copy, Debug)]
pub struct CallErrorsService<S>(S);

impl<S: Service<Request>, Request> Service<Request> for CallErrorsService<S> {
    type Response = S::Response;
    type Error = CallError<S::Error>;
    type Future = CallErrorsFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context).map_err(CallError::Inner)
    }

    #[inline]
    fn call(&mut self, request: Request) -> Self::Future {
        CallErrorsFuture { inner: self.0.call(request) }
    }
}

pin_project! {
    /// The future of a [`CallErrorsService`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct CallErrorsFuture<F> {
        #[pin]
        inner: F,
    }
}

impl<T, E, F: Future<Output = Result<T, E>>> Future for CallErrorsFuture<F> {
    type Output = Result<T, CallError<E>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().inner.poll(context).map_err(CallError::Inner)
    }
}
