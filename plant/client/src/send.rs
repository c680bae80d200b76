//! [`Destination`]: sends requests, repeats them where that is safe, and reads whole answers.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use sqal_resilience::{
    Breaker, Clock, Deadline, Idempotency, Outcome, RetryBudget,
    breaker::State,
    classify::Again,
    fresh_seed,
    idempotency::Sent,
    log::{LogChanges, log_retry},
    metered::MeteredBreaker,
    retry::{GaveUp, RetryError, Retryable},
};
use tokio::time::{Instant, timeout_at};
use tracing::Instrument;

use super::connect::CONNECT;
use super::meter::Meter;
use super::patience::retry_after;
use super::{DestinationConfig, InvalidDestination, InvalidRequest, Limit, Origin, SendError, Shared, traced};

/// One service that is called. Its requests share a breaker, limits and a budget for retries. The
/// pool of connections is that of the [client](super::HttpClient). Clones are the same destination.
#[derive(Clone)]
pub struct Destination(Arc<Inner>);

struct Inner {
    name: &'static str,
    config: DestinationConfig,
    client: Arc<Shared>,
    breaker: MeteredBreaker<Arc<dyn Clock>>,
    budget: RetryBudget<Arc<dyn Clock>>,
    meter: Meter,
    /// The seed of the next request's waits, if the waits must be reproducible.
    seed: Option<AtomicU64>,
}

/// The result of one attempt that is not a final answer.
enum Failed {
    /// A status that another attempt may change.
    Answer(Box<Response<Bytes>>),
    Error(SendError),
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer(answer) => write!(f, "answered {}", answer.status()),
            Self::Error(error) => error.fmt(f),
        }
    }
}

/// Header fields that a request must not set: they belong to the connection, or name another host.
const REFUSED: [&str; 10] = [
    "host",
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

impl Destination {
    pub(super) fn new(
        name: &'static str,
        config: DestinationConfig,
        client: Arc<Shared>,
    ) -> Result<Self, InvalidDestination> {
        config.check()?;
        let share = config.budget;
        let budget = RetryBudget::new(share.ratio, share.saved, share.per_second, Arc::clone(&client.clock))?;
        let clock = Arc::clone(&client.clock);
        let breaker = MeteredBreaker::observed_by(name, config.breaker, clock, LogChanges(name))?;
        let seed = client.seed.map(AtomicU64::new);
        Ok(Self(Arc::new(Inner { name, config, client, breaker, budget, meter: Meter::new(name), seed })))
    }

    /// The name of the destination, as in logs and metrics.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.0.name
    }

    /// The origin of the destination.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.0.config.origin
    }

    /// The breaker of the destination, to read or to set by hand.
    #[must_use]
    pub fn breaker(&self) -> &Arc<Breaker<Arc<dyn Clock>>> {
        self.0.breaker.breaker()
    }

    /// Sends a GET request for a path, which may have a query.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Destination::send`].
    pub async fn get(&self, path: &str) -> Result<Response<Bytes>, SendError> {
        match Request::get(path).body(Bytes::new()) {
            Ok(request) => self.send(request).await,
            Err(_) => self.send_checked(Err(InvalidRequest::Target)).await,
        }
    }

    /// Sends a request, whose URI is a path with an optional query, and reads the whole answer. An
    /// answer with any status is returned. A redirect is returned too and not followed.
    ///
    /// A request is sent again if a repetition is safe and can help:
    ///
    /// - It is safe for a method that may be repeated (GET, HEAD, PUT, DELETE, OPTIONS, TRACE), for
    ///   a request with an `Idempotency-Key`, whose key and body are then the same each time, and
    ///   for a request that was certainly not sent.
    /// - It can help after a failed connection, an exceeded time limit, or a status of 429, 502,
    ///   503 or 504.
    ///
    /// The client waits for the `Retry-After` of 429 and 503, as far as the retry policy allows
    /// such a wait. The result of the last attempt is returned.
    ///
    /// Dropping the future ends the attempt, and no further attempt is made.
    ///
    /// # Errors
    ///
    /// [`SendError`] says why there is no answer.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, SendError> {
        let checked = self.checked(request);
        self.send_checked(checked).await
    }

    async fn send_checked(
        &self,
        request: Result<Request<Bytes>, InvalidRequest>,
    ) -> Result<Response<Bytes>, SendError> {
        let begun = self.0.meter.begin(&self.0.client.clock);
        let result = match request {
            Ok(request) => self.send_traced(request).await,
            Err(error) => Err(error.into()),
        };
        begun.end(&result);
        result
    }

    /// Sends a request within a span, and names the trace of the span to the server.
    async fn send_traced(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, SendError> {
        let span = traced::begun(self.0.name, &self.0.config.origin, &request);
        traced::inject(&span, request.headers_mut());
        let result = self.try_to_send(&request).instrument(span.clone()).await;
        traced::ended(&span, &result);
        result
    }

    /// Checks a request, and directs it to this destination.
    fn checked(&self, mut request: Request<Bytes>) -> Result<Request<Bytes>, InvalidRequest> {
        if request.method() == Method::CONNECT {
            return Err(InvalidRequest::Connect);
        }
        let uri = request.uri();
        if uri.scheme().is_some() || uri.authority().is_some() {
            return Err(InvalidRequest::Target);
        }
        let path = uri.path_and_query().filter(|path| path.as_str().starts_with('/')).cloned();
        *request.uri_mut() = self.0.config.origin.at(path.ok_or(InvalidRequest::Target)?);
        if let Some(name) = REFUSED.into_iter().find(|name| request.headers().contains_key(*name)) {
            return Err(InvalidRequest::Header(name));
        }
        *request.version_mut() = Version::HTTP_11;
        Ok(request)
    }

    async fn try_to_send(&self, request: &Request<Bytes>) -> Result<Response<Bytes>, SendError> {
        let Inner { config, budget, meter, name, .. } = &*self.0;
        let begun = Instant::now();
        let total = [config.retries.deadline, Deadline::current().remaining()];
        let total = total.into_iter().flatten().fold(config.total, Duration::min);
        let too_late = SendError::TimedOut { limit: Limit::Total, after: total };
        if total.is_zero() {
            return Err(too_late);
        }
        let end = begun.checked_add(total);
        let mut policy = config.retries;
        policy.deadline = Some(total);
        let key = request.headers().get("idempotency-key").and_then(|key| key.to_str().ok());
        let harm = Idempotency::of_method(request.method().as_str(), key.filter(|key| !key.trim().is_empty()));
        // The first attempt begins with the request. If an attempt may take all the time, its own
        // limit ends it, and that counts as a failure of the destination.
        let mut first = Some(begun);
        let log = log_retry::<Failed>(name);
        let attempts = move || self.attempt(request.clone(), first.take().unwrap_or_else(Instant::now), end, total);
        let attempts = attempts
            .retry(policy)
            .when(|failed| self.again(harm, failed))
            .notify(move |attempt, failed, delay| {
                meter.retries.increment(1);
                traced::resent(attempt);
                log(attempt, failed, delay);
            })
            .seeded(self.0.seed.as_ref().map_or_else(fresh_seed, |seed| seed.fetch_add(1, Ordering::Relaxed)));
        match attempts.run_on(budget).await {
            Ok(answer) => Ok(answer),
            Err(RetryError::DeadlinePassed { .. }) => Err(too_late),
            Err(RetryError::Failed { error, why, .. }) => {
                if why == GaveUp::Budget {
                    meter.budget_exhausted.increment(1);
                }
                match error {
                    Failed::Answer(answer) => Ok(*answer),
                    Failed::Error(error) => Err(error),
                }
            }
        }
    }

    /// Whether another attempt can help and is safe.
    fn again(&self, harm: Idempotency, failed: &Failed) -> Again {
        let (worth_it, sent) = match failed {
            Failed::Answer(answer) => {
                let asks = matches!(answer.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
                let asked = retry_after(answer.headers()).filter(|_| asks);
                (asked.map_or(Again::Yes, Again::After), Sent::Perhaps)
            }
            Failed::Error(SendError::Rejected(_)) => return Again::Never,
            Failed::Error(error) => (if error.is_transient() { Again::Yes } else { Again::Never }, error.sent()),
        };
        // This attempt may have opened the breaker. The next attempt would then wait only to be
        // refused.
        let refuses = matches!(self.breaker().state(), State::Open | State::ForcedOpen);
        if refuses || !harm.may_repeat(sent) { Again::Never } else { worth_it }
    }

    /// One attempt that began at `began`, within its own limit and the end of all attempts.
    async fn attempt(
        &self,
        request: Request<Bytes>,
        began: Instant,
        end: Option<Instant>,
        total: Duration,
    ) -> Result<Response<Bytes>, Failed> {
        let permit = self.0.breaker.acquire().map_err(|refused| Failed::Error(refused.into()))?;
        let own = self.0.config.attempt;
        let (until, limit, after) = match (began.checked_add(own), end) {
            (Some(until), Some(end)) if until > end => (Some(end), Limit::Total, total),
            (None, Some(end)) => (Some(end), Limit::Total, total),
            (until, _) => (until, Limit::Attempt, own),
        };
        let exchange = CONNECT.scope(self.0.config.connect, self.exchange(request));
        let result = match until {
            Some(until) => timeout_at(until, exchange).await.unwrap_or(Err(SendError::TimedOut { limit, after })),
            // The limit lies beyond the times that the clock can represent.
            None => exchange.await,
        };
        permit.report(evidence(&result));
        match result {
            Ok(answer) if is_worth_another(answer.status()) => Err(Failed::Answer(Box::new(answer))),
            result => result.map_err(Failed::Error),
        }
    }

    /// Sends a request over a connection and reads the whole answer.
    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, SendError> {
        let Inner { config, client, .. } = &*self.0;
        let host = config.origin.host();
        let answer = client.transport.request(request.map(Full::new)).await;
        let answer = answer.map_err(|error| SendError::of_transport(error, host, config.connect))?;
        let (head, body) = answer.into_parts();
        Ok(Response::from_parts(head, whole(body, config.max_answer, host).await?))
    }
}

/// Reads a body of at most `limit` bytes. If the body is not read to its end, hyper closes the
/// connection.
async fn whole(body: Incoming, limit: usize, host: &str) -> Result<Bytes, SendError> {
    let too_large = SendError::AnswerTooLarge { limit };
    // A body that is announced as too long is not waited for.
    if usize::try_from(body.size_hint().lower()).map_or(true, |said| said > limit) {
        return Err(too_large);
    }
    match Limited::new(body, limit).collect().await {
        Ok(read) => Ok(read.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large),
        Err(source) => Err(SendError::Broken { host: host.to_owned(), source }),
    }
}

/// Whether a status reports a temporary condition.
fn is_worth_another(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502..=504)
}

/// What a result tells the breaker about the destination.
fn evidence(result: &Result<Response<Bytes>, SendError>) -> Outcome {
    match result {
        Ok(answer) if answer.status().is_server_error() => Outcome::Failure,
        Ok(_) => Outcome::Success,
        Err(
            SendError::TimedOut { limit: Limit::Attempt | Limit::Connect, .. }
            | SendError::NotSent { .. }
            | SendError::Untrusted { .. }
            | SendError::Broken { .. },
        ) => Outcome::Failure,
        // Refused or not read by this client, or out of total time: no evidence about the
        // destination.
        Err(_) => Outcome::Ignored,
    }
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Destination")
            .field("name", &self.0.name)
            .field("config", &self.0.config)
            .field("breaker", &self.0.breaker)
            .finish_non_exhaustive()
    }
}
