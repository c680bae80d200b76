//! [`KeyedRateLimitLayer`]: a limit per client, reported in the fields of every response.

use std::fmt;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::release;
use crate::{
    Clock,
    bucket::{Answer, ClockedBuckets},
};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Makes the response to a request that is above the limit. The layer then sets the status and the
/// fields of the limit.
pub trait RefusedResponse<B> {
    /// A response for this answer of the bucket.
    fn response(&self, answer: &Answer) -> Response<B>;
}

/// An empty response.
#[derive(Clone, Copy, Debug, Default)]
pub struct EmptyResponse;

impl<B: Default> RefusedResponse<B> for EmptyResponse {
    fn response(&self, _: &Answer) -> Response<B> {
        Response::new(B::default())
    }
}

impl<B, F: Fn(&Answer) -> Response<B>> RefusedResponse<B> for F {
    fn response(&self, answer: &Answer) -> Response<B> {
        self(answer)
    }
}

/// Takes one token from the bucket of a request's key (feature `http-body`).
///
/// If a request is above the limit, it is answered with 429 and `Retry-After`. This is a response
/// and no error, so the layer fits an axum router as it is. Every response to a limited request has
/// the fields `RateLimit` and `RateLimit-Policy` (IETF draft-ietf-httpapi-ratelimit-headers-10). A
/// request without a key is not limited.
///
/// ```
/// use std::num::NonZeroU32;
/// use std::sync::Arc;
/// use std::time::Duration;
/// use http::{Request, Response};
/// use sqal_resilience::layer::KeyedRateLimitLayer;
/// use sqal_resilience::{bucket::ClockedBuckets, ManualClock, Quota};
/// use tower::{Layer, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let quota = Quota::new(NonZeroU32::MIN, Duration::from_secs(60));
/// let buckets = Arc::new(ClockedBuckets::new(quota, 10_000, ManualClock::new())?);
/// // By the name that the service's own sign-in has put into the request; behind a proxy see `client_address`.
/// let by_name = |request: &Request<()>| request.extensions().get::<String>().cloned();
/// let handler = service_fn(|_: Request<()>| async { Ok::<_, std::convert::Infallible>(Response::new(String::new())) });
/// let service = KeyedRateLimitLayer::new(buckets, "orders", by_name).layer(handler);
///
/// let asked = || Request::builder().extension("ben".to_owned()).body(());
/// let first = service.clone().oneshot(asked()?).await?;
/// assert_eq!(first.status(), 200);
/// assert_eq!(first.headers()["ratelimit"], r#""orders";r=0;t=60"#);
/// let second = service.clone().oneshot(asked()?).await?;
/// assert_eq!(second.status(), 429);
/// assert_eq!(second.headers()["retry-after"], "60");
/// # Ok(())
/// # }
/// ```
pub struct KeyedRateLimitLayer<K, C, F, R = EmptyResponse> {
    limit: Arc<Limit<K, C>>,
    key: F,
    refused: R,
}

/// The buckets and the texts of their policy.
struct Limit<K, C> {
    buckets: Arc<ClockedBuckets<K, C>>,
    name: String,
    policy: Option<HeaderValue>,
}

impl<K: Eq + Hash, C: Clock, F> KeyedRateLimitLayer<K, C, F> {
    /// A layer before these buckets. `policy` is the name of the limit in the fields of a response;
    /// `key` gives the key of a request.
    pub fn new<A>(buckets: Arc<ClockedBuckets<K, C>>, policy: impl Into<String>, key: F) -> Self
    where
        F: Fn(&Request<A>) -> Option<K>,
    {
        let name = policy.into();
        let policy = HeaderValue::try_from(buckets.quota().field(&name)).ok();
        Self { limit: Arc::new(Limit { buckets, name, policy }), key, refused: EmptyResponse }
    }
}

impl<K, C, F, R> KeyedRateLimitLayer<K, C, F, R> {
    /// Answers a request above the limit with the response of a function. The layer sets its status
    /// to 429 and adds the fields of the limit.
    pub fn refused_with<B, Q: Fn(&Answer) -> Response<B>>(self, refused: Q) -> KeyedRateLimitLayer<K, C, F, Q> {
        KeyedRateLimitLayer { limit: self.limit, key: self.key, refused }
    }
}

impl<K, C, F: Clone, R: Clone> Clone for KeyedRateLimitLayer<K, C, F, R> {
    fn clone(&self) -> Self {
        Self { limit: Arc::clone(&self.limit), key: self.key.clone(), refused: self.refused.clone() }
    }
}

impl<K, C, F, R> fmt::Debug for KeyedRateLimitLayer<K, C, F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedRateLimitLayer").field("policy", &self.limit.policy).finish_non_exhaustive()
    }
}

impl<S, K, C, F: Clone, R: Clone> Layer<S> for KeyedRateLimitLayer<K, C, F, R> {
    type Service = KeyedRateLimitService<S, K, C, F, R>;

    fn layer(&self, inner: S) -> Self::Service {
        KeyedRateLimitService { inner, of: self.clone() }
    }
}

/// The service of a [`KeyedRateLimitLayer`].
#[derive(Debug)]
pub struct KeyedRateLimitService<S, K, C, F, R = EmptyResponse> {
    inner: S,
    of: KeyedRateLimitLayer<K, C, F, R>,
}

impl<S: Clone, K, C, F: Clone, R: Clone> Clone for KeyedRateLimitService<S, K, C, F, R> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), of: self.of.clone() }
    }
}

impl<K, C> Limit<K, C> {
    /// Adds the fields by which a client knows its limit.
    fn tell(&self, answer: &Answer, headers: &mut http::HeaderMap) {
        // Another limit may have added its own fields: both are members of one list.
        if let Ok(field) = HeaderValue::try_from(answer.field(&self.name)) {
            headers.append(RATE_LIMIT, field);
        }
        if let Some(policy) = &self.policy {
            headers.append(RATE_LIMIT_POLICY, policy.clone());
        }
    }
}

impl<S, A, B, K, C, F, R> Service<Request<A>> for KeyedRateLimitService<S, K, C, F, R>
where
    S: Service<Request<A>, Response = Response<B>> + Clone,
    K: Eq + Hash,
    C: Clock,
    F: Fn(&Request<A>) -> Option<K>,
    R: RefusedResponse<B>,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = KeyedRateLimitFuture<S::Future, B, K, C>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let limit = &self.of.limit;
        let Some(key) = (self.of.key)(&request) else {
            return KeyedRateLimitFuture { inner: Some(self.inner.call(request)), refused: None, told: None };
        };
        let answer = limit.buckets.take(key, 1).answer();
        if answer.allowed {
            let told = Some((Arc::clone(limit), answer));
            return KeyedRateLimitFuture { inner: Some(self.inner.call(request)), refused: None, told };
        }
        release(&mut self.inner);
        let mut response = self.of.refused.response(&answer);
        *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        self.of.limit.tell(&answer, response.headers_mut());
        if let Some(after) = answer.retry_after_seconds() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(after));
        }
        KeyedRateLimitFuture { inner: None, refused: Some(response), told: None }
    }
}

pin_project! {
    /// The future of a [`KeyedRateLimitService`].
    #[must_use = "futures do nothing unless polled"]
    pub struct KeyedRateLimitFuture<F, B, K, C> {
        // None if the request is above the limit.
        #[pin]
        inner: Option<F>,
        refused: Option<Response<B>>,
        told: Option<(Arc<Limit<K, C>>, Answer)>,
    }
}

impl<F, B, K, C> fmt::Debug for KeyedRateLimitFuture<F, B, K, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedRateLimitFuture").field("refused", &self.refused.is_some()).finish_non_exhaustive()
    }
}

impl<B, E, F: Future<Output = Result<Response<B>, E>>, K, C> Future for KeyedRateLimitFuture<F, B, K, C> {
    type Output = Result<Response<B>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(inner) = this.inner.as_pin_mut() else {
            // If the refusal was returned already, a further poll stays pending.
            return this.refused.take().map_or(Poll::Pending, |refused| Poll::Ready(Ok(refused)));
        };
        let mut result = ready!(inner.poll(context));
        if let (Ok(response), Some((limit, answer))) = (&mut result, this.told.take()) {
            limit.tell(&answer, response.headers_mut());
        }
        Poll::Ready(result)
    }
}
