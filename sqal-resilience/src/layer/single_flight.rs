//! [`SingleFlightLayer`]: joins calls for one thing at one time into one call.

use std::fmt;
use std::future::poll_fn;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tower_layer::Layer;
use tower_service::Service;

use crate::SingleFlight;

/// Joins calls whose requests have the same key. A request without a key is a call of its own.
///
/// Response and error are cloned for every caller. What callers must not share belongs in the key.
pub struct SingleFlightLayer<K, T, E, N> {
    flights: Arc<SingleFlight<K, Result<T, E>>>,
    name: N,
}

impl<K: Eq + Hash + Clone, T: Clone, E: Clone, N> SingleFlightLayer<K, T, E, N> {
    /// A layer with this function from a request to its key.
    pub fn by_key<Request>(name: N) -> Self
    where
        N: Fn(&Request) -> Option<K>,
    {
        Self { flights: Arc::new(SingleFlight::new()), name }
    }
}

impl<K, T, E, N: Clone> Clone for SingleFlightLayer<K, T, E, N> {
    fn clone(&self) -> Self {
        Self { flights: Arc::clone(&self.flights), name: self.name.clone() }
    }
}

impl<K, T, E, N> fmt::Debug for SingleFlightLayer<K, T, E, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SingleFlightLayer").finish_non_exhaustive()
    }
}

impl<S, K, T, E, N: Clone> Layer<S> for SingleFlightLayer<K, T, E, N> {
    type Service = SingleFlightService<S, K, T, E, N>;

    fn layer(&self, inner: S) -> Self::Service {
        SingleFlightService { inner, of: self.clone() }
    }
}

/// The service of a [`SingleFlightLayer`].
#[derive(Debug)]
pub struct SingleFlightService<S, K, T, E, N> {
    inner: S,
    of: SingleFlightLayer<K, T, E, N>,
}

impl<S: Clone, K, T, E, N: Clone> Clone for SingleFlightService<S, K, T, E, N> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), of: self.of.clone() }
    }
}

/// The future of a [`SingleFlightService`]. It is boxed, because a flight keeps itself on the heap
/// anyway, for other calls to join.
pub type SingleFlightFuture<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

impl<S, Request, K, T, E, N> Service<Request> for SingleFlightService<S, K, T, E, N>
where
    S: Service<Request, Response = T, Error = E> + Clone + Send + 'static,
    S::Future: Send,
    Request: Send + 'static,
    K: Eq + Hash + Clone + Send + Sync + 'static,
    T: Clone + Send + Sync + 'static,
    E: Clone + Send + Sync + 'static,
    N: Fn(&Request) -> Option<K>,
{
    type Response = T;
    type Error = E;
    type Future = SingleFlightFuture<T, E>;

    /// Always ready. A call that joins a flight needs nothing of the service below, and a call that
    /// flies waits for its readiness then.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), E>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let (key, flights, mut inner) = ((self.of.name)(&request), Arc::clone(&self.of.flights), self.inner.clone());
        let fly = move || async move {
            poll_fn(|context| inner.poll_ready(context)).await?;
            inner.call(request).await
        };
        match key {
            Some(key) => Box::pin(async move { flights.run(key, fly).await.value }),
            None => Box::pin(fly()),
        }
    }
}
