//! [`Poster`]: one attempt to post a message, through the outgoing client.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use sqal_client::{DestinationConfig, HttpClient, SendError};
use sqal_core::Timestamp;
use sqal_resilience::{Clock, RetryPolicy};

use super::retry::asked_wait;
use super::target_url::TargetUrl;
use crate::worker::Running;

/// The limits of one attempt to post a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PostLimits {
    /// The longest time to resolve the name, connect and authenticate the server; at least 1 ms.
    pub connect: Duration,
    /// The longest time of the attempt, to the last byte of the answer; at least `connect`.
    pub attempt: Duration,
    /// Whether plain `http` is allowed, which every network in between can read and change.
    pub plain_allowed: bool,
}

impl Default for PostLimits {
    /// 5 seconds to connect and 15 in all, the least that Standard Webhooks recommends; `https`
    /// only.
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), attempt: Duration::from_secs(15), plain_allowed: false }
    }
}

/// The longest answer that is read, in bytes. Nothing but its status is used.
const LONGEST_ANSWER: usize = 1 << 20;

/// Posts messages of one channel.
#[derive(Clone)]
pub(crate) struct Poster {
    name: &'static str,
    client: HttpClient,
    limits: PostLimits,
}

/// The result of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Posted {
    /// The status of the answer; `None` if there is none.
    pub(crate) status: Option<StatusCode>,
    /// Why the attempt has failed, if there is no answer.
    error: Option<String>,
    /// The wait that the answer asks for.
    pub(crate) asked: Option<Duration>,
    /// How long the attempt took.
    pub(crate) took: Duration,
}

impl Posted {
    /// Whether the destination has accepted the message.
    pub(crate) fn is_accepted(&self) -> bool {
        self.status.is_some_and(|status| status.is_success())
    }

    /// What went wrong, in words that hold no path, no query and no header.
    pub(crate) fn why(&self) -> String {
        match (self.status, &self.error) {
            (Some(status), _) if status.is_redirection() => {
                format!("answered {}, and redirects are not followed: correct the URL", status.as_u16())
            }
            (Some(status), _) => format!("answered {}", status.as_u16()),
            (None, Some(error)) => error.clone(),
            (None, None) => "not sent".to_owned(),
        }
    }
}

impl Poster {
    /// A poster whose requests have `name` as their label in metrics.
    pub(crate) const fn new(name: &'static str, client: HttpClient, limits: PostLimits) -> Self {
        Self { name, client, limits }
    }

    /// Posts a body once: without a retry, and without following a redirect.
    pub(crate) async fn post(&self, url: &TargetUrl, head: &[(&str, &str)], body: Bytes, running: &Running) -> Posted {
        let began = running.clock().now();
        let sent = self.send(url, head, body, running.now()).await;
        let took = running.clock().now().saturating_duration_since(began);
        match sent {
            Ok((status, asked)) => Posted { status: Some(status), error: None, asked, took },
            Err(error) => Posted { status: None, error: Some(error), asked: None, took },
        }
    }

    async fn send(
        &self,
        url: &TargetUrl,
        head: &[(&str, &str)],
        body: Bytes,
        now: Timestamp,
    ) -> Result<(StatusCode, Option<Duration>), String> {
        let mut config = DestinationConfig::usual(url.origin().clone());
        let PostLimits { connect, attempt, plain_allowed } = self.limits;
        // The queue repeats the delivery, so the client does not. The destination is made for this
        // attempt: its breaker would count the endpoints of one channel together.
        config.plain_allowed = plain_allowed;
        (config.connect, config.attempt, config.total) = (connect, attempt, attempt);
        config.max_answer = LONGEST_ANSWER;
        config.retries = RetryPolicy::new(0, config.retries.backoff);
        let destination = self.client.destination(self.name, config).map_err(|invalid| invalid.to_string())?;
        let request = Request::post(url.path()).header("content-type", "application/json");
        let mut request = request.header("user-agent", concat!("sqal-work/", env!("CARGO_PKG_VERSION")));
        for (name, value) in head {
            request = request.header(*name, *value);
        }
        let request = request.body(body).map_err(|_| "a header of the message is not valid".to_owned())?;
        let answer = destination.send(request).await.map_err(|error| in_words(&error))?;
        Ok((answer.status(), asked_wait(answer.headers(), now)))
    }
}

/// An error of the client in words that help the owner of the destination.
fn in_words(error: &SendError) -> String {
    match error {
        SendError::AnswerTooLarge { .. } => {
            format!("{error}; a destination that has accepted a message answers with a status of 2xx and a short body")
        }
        error => error.to_string(),
    }
}

impl fmt::Debug for Poster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Poster").field("name", &self.name).field("limits", &self.limits).finish_non_exhaustive()
    }
}
