//! [`WebhookWork`]: delivers the webhooks of the queue.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use sqal_client::HttpClient;
use sqal_core::Timestamp;
use sqal_resilience::log::Causes;
use sqal_storage::queue::{Job, JobKind};
use sqal_storage::records::{Collection, ExpectedRecord, RecordDraft};
use sqal_storage::{Queue, Records, StorageError};
use tracing::warn;

use super::deliveries::Deliveries;
use super::delivery::{Delivery, DeliveryAttempt, DeliveryState};
use super::endpoint::{Disabled, EndpointId, WebhookEndpoint};
use super::endpoints::Endpoints;
use super::event::{EventType, Posting, WebhookEvent};
use super::signature::sign;
use super::webhook_secret::WebhookSecret;
use crate::outbox::destination::{Channel, Destination};
use crate::outbox::gate::{Digest, Digests};
use crate::outbox::headline::Severity;
use crate::outbox::meter::{Meter, Outcome};
use crate::outbox::outage::{Outages, UNDER_WAY_WAIT};
use crate::outbox::parcel::{Content, Parcel};
use crate::outbox::post::{PostLimits, Posted, Poster};
use crate::outbox::retry::{again, not_begun};
use crate::outbox::stored::{collection, key, parsed, written};
use crate::wall::{between, rfc3339};
use crate::worker::{Running, Work, WorkError};

/// How long no delivery to an endpoint has succeeded before it is disabled.
pub const DISABLED_AFTER: Duration = Duration::from_hours(72);

/// The type of the event that stands for collected events.
const DIGEST_TYPE: &str = "outbox.digest";

fn webhook_outages() -> Collection {
    collection("webhook_outages")
}

/// Since when deliveries to an endpoint fail; shared by all servers.
#[derive(Serialize, Deserialize)]
struct FailingSince {
    since: Timestamp,
}

/// The data of the event `outbox.digest`.
#[derive(Serialize)]
struct DigestData<'a> {
    count: u64,
    since: String,
    until: String,
    worst: Severity,
    titles: &'a [String],
}

/// Delivers the webhooks of the queue, each to one endpoint.
///
/// Events above the limits of the endpoint are told in one event of the type `outbox.digest`, whose
/// data is `{"count", "since", "until", "worst", "titles"}`. An endpoint gets it whatever its
/// filter is, because it stands for events that the filter has let through.
///
/// Add it to a [`Worker`](crate::worker::Worker) with
/// [`delivery_config`](crate::outbox::delivery_config).
#[derive(Debug)]
pub struct WebhookWork {
    kind: JobKind,
    poster: Poster,
    endpoints: Endpoints,
    deliveries: Deliveries,
    digests: Digests,
    records: Arc<dyn Records>,
    outages: Outages,
    meter: Meter,
}

/// A delivery that is under way: what is posted, and where.
struct Attempt<'a> {
    job: &'a Job,
    running: &'a Running,
    endpoint: &'a WebhookEndpoint,
    message: String,
    posting: Posting,
}

impl WebhookWork {
    /// The work of a client. `queue` and `records` are those of the
    /// [`Outbox`](crate::outbox::Outbox). The client refuses private addresses, unless its
    /// configuration allows their network.
    #[must_use]
    pub fn new(
        client: HttpClient,
        limits: PostLimits,
        endpoints: Endpoints,
        queue: Arc<dyn Queue>,
        records: Arc<dyn Records>,
    ) -> Self {
        Self {
            kind: Channel::Webhook.kind(),
            poster: Poster::new("webhook", client, limits),
            endpoints,
            deliveries: Deliveries::new(Arc::clone(&records), queue),
            digests: Digests::new(Arc::clone(&records)),
            records,
            outages: Outages::new(Channel::Webhook),
            meter: Meter::new(Channel::Webhook),
        }
    }

    /// What a parcel posts; `None` if another job delivers it.
    async fn posting(
        &self,
        parcel: &Parcel<Posting>,
        job: &Job,
        running: &Running,
    ) -> Result<Option<Posting>, WorkError> {
        match &parcel.content {
            Content::Message(posting) => Ok(Some(posting.clone())),
            Content::Digest { batch, replayed } => {
                let destination = Destination::new(Channel::Webhook, parcel.to.as_str());
                let digest = self
                    .digests
                    .take(&destination, *batch, job.id, *replayed, running.now())
                    .await
                    .map_err(not_begun)?;
                digest.map(|digest| posting_of(&digest)).transpose()
            }
        }
    }

    /// Posts a message and settles what follows from the answer.
    async fn attempt(&self, attempt: &Attempt<'_>, secrets: &[WebhookSecret]) -> Result<String, WorkError> {
        let Attempt { job, running, endpoint, message, posting } = attempt;
        let (id, at) = (endpoint.id(), running.now());
        let seconds = at.micros().div_euclid(1_000_000);
        let signature = sign(secrets, message, seconds, posting.body.as_bytes());
        let seconds = seconds.to_string();
        let head = [
            ("webhook-id", message.as_str()),
            ("webhook-timestamp", seconds.as_str()),
            ("webhook-signature", signature.as_str()),
        ];
        let body = Bytes::from(posting.body.clone());
        let posted = self.poster.post(endpoint.url(), &head, body, running).await;
        let host = endpoint.url().origin().host();
        if posted.is_accepted() {
            self.outages.ended(id.as_str(), host, running.now());
            self.note(attempt, Some((at, &posted)), DeliveryState::Delivered, None).await;
            self.meter.count(Outcome::Delivered);
            self.no_longer_failing(id, running.now()).await;
            return Ok(format!("{host} {}", posted.why()));
        }
        let why = format!("{host}: {}", posted.why());
        let is_gone = posted.status == Some(StatusCode::GONE);
        if !is_gone {
            self.outages.failed(id.as_str(), host, &why, posted.asked, running);
        }
        let since = self.failing_since(id, at).await;
        let is_over = is_gone || job.is_last_attempt();
        let state = if is_over { DeliveryState::Failed } else { DeliveryState::Pending };
        self.note(attempt, Some((at, &posted)), state, Some(&why)).await;
        if is_gone {
            self.disable(id, "it answered 410 Gone".to_owned(), at).await;
        } else if (is_over || self.outages.is_lasting(id.as_str(), running)) && between(since, at) >= DISABLED_AFTER {
            self.disable(id, format!("no delivery has succeeded since {}: {why}", rfc3339(since)), at).await;
        }
        self.meter.count(if is_over { Outcome::Failed } else { Outcome::Retried });
        if is_gone { Err(WorkError::permanent(why)) } else { Err(again(job, why, posted.asked)) }
    }

    /// A delivery that is given up before anything is posted.
    async fn given_up(&self, attempt: &Attempt<'_>, why: String) -> WorkError {
        self.note(attempt, None, DeliveryState::Failed, Some(&why)).await;
        self.meter.count(Outcome::Failed);
        WorkError::permanent(why)
    }

    /// Writes down an attempt. If the records fail, the attempt counts all the same: a message that
    /// was accepted must not be sent again because its log entry is missing.
    async fn note(
        &self,
        attempt: &Attempt<'_>,
        posted: Option<(Timestamp, &Posted)>,
        state: DeliveryState,
        why: Option<&str>,
    ) {
        let Attempt { job, running, endpoint, message, posting } = attempt;
        let now = running.now();
        let noted = async {
            let earlier = self.deliveries.one(endpoint.id(), job.id, now).await?;
            let mut attempts = earlier.map_or_else(Vec::new, |earlier| earlier.attempts);
            attempts.extend(posted.map(|(at, posted)| DeliveryAttempt {
                at,
                took: posted.took,
                status: posted.status.map(|status| status.as_u16()),
                error: (!posted.is_accepted()).then(|| posted.why()),
            }));
            let delivery = Delivery {
                job: job.id,
                endpoint: endpoint.id().clone(),
                message: message.clone(),
                kind: posting.kind.clone(),
                state,
                why: why.map(str::to_owned),
                attempts,
            };
            self.deliveries.note(delivery, now).await
        };
        if let Err(error) = noted.await {
            warn!(
                endpoint = %endpoint.id(), job = %job.id, error = %Causes::of(&error),
                "an attempt is missing in the log of deliveries"
            );
        }
    }

    /// Since when deliveries to an endpoint fail, this failure included.
    async fn failing_since(&self, id: &EndpointId, at: Timestamp) -> Timestamp {
        let since = async {
            let place = key(id.as_str())?;
            let draft = RecordDraft::new(webhook_outages(), place, written(&FailingSince { since: at })?);
            if self.records.write(&draft, ExpectedRecord::Absent, at).await?.is_some() {
                return Ok(at);
            }
            let record = self.records.record(&webhook_outages(), &place, at).await?;
            let earlier =
                record.map(|record| parsed::<FailingSince>("a webhook's outage", &record.body)).transpose()?;
            Ok::<_, StorageError>(earlier.map_or(at, |earlier| earlier.since))
        };
        since.await.unwrap_or_else(|error| {
            warn!(endpoint = %id, error = %Causes::of(&error), "the beginning of an outage could not be kept");
            at
        })
    }

    async fn no_longer_failing(&self, id: &EndpointId, now: Timestamp) {
        let ended =
            async { self.records.remove(&webhook_outages(), &key(id.as_str())?, ExpectedRecord::Any, now).await };
        if let Err(error) = ended.await {
            warn!(endpoint = %id, error = %Causes::of(&error), "the end of an outage could not be kept");
        }
    }

    async fn disable(&self, id: &EndpointId, why: String, at: Timestamp) {
        self.outages.forget(id.as_str());
        let disabled = Disabled { at, why: why.clone() };
        let changed = self.endpoints.change(id, at, |endpoint| endpoint.with_disabled(Some(disabled.clone()))).await;
        match changed {
            Ok(_) => {
                warn!(endpoint = %id, %why, "an endpoint was disabled: nothing more is sent to it until it is enabled");
            }
            Err(error) => {
                warn!(endpoint = %id, %why, error = %Causes::of(&error), "an endpoint could not be disabled");
            }
        }
        self.no_longer_failing(id, at).await;
    }

    /// Whether an earlier run of a job has succeeded, and its worker died before it could say so.
    ///
    /// The number of attempts does not tell: a run that ends because its process drains goes back
    /// without a lost attempt.
    async fn is_delivered(&self, id: &EndpointId, job: &Job, now: Timestamp) -> Result<bool, StorageError> {
        let delivery = self.deliveries.one(id, job.id, now).await?;
        Ok(delivery.is_some_and(|delivery| delivery.state == DeliveryState::Delivered))
    }
}

/// The event of a digest.
fn posting_of(digest: &Digest) -> Result<Posting, WorkError> {
    let Digest { count, since, until, worst, titles, .. } = digest;
    let data = DigestData { count: *count, since: rfc3339(*since), until: rfc3339(*until), worst: *worst, titles };
    let kind = DIGEST_TYPE.parse::<EventType>();
    let event = kind.and_then(|kind| WebhookEvent::new(kind, *until, &data));
    event.map(|event| Posting::from(&event)).map_err(|error| WorkError::permanent(error.to_string()))
}

#[async_trait]
impl Work for WebhookWork {
    fn kind(&self) -> &JobKind {
        &self.kind
    }

    async fn run(&self, job: &Job, running: &Running) -> Result<String, WorkError> {
        let parcel = Parcel::<Posting>::read(&job.body)?;
        let id: EndpointId = parcel.to.parse().map_err(|_| WorkError::permanent("the job names no endpoint"))?;
        let now = running.now();
        if self.is_delivered(&id, job, now).await.map_err(not_begun)? {
            return Ok("an earlier attempt has delivered it".to_owned());
        }
        let Some(endpoint) = self.endpoints.find(&id, now).await.map_err(not_begun)? else {
            self.meter.count(Outcome::Failed);
            return Err(WorkError::permanent(format!("the endpoint {id} was removed")));
        };
        let is_given_up = self.outages.is_given_up(id.as_str(), job, running);
        if endpoint.disabled().is_none()
            && !is_given_up
            && let Some(rest) = self.outages.rest(id.as_str(), running)
        {
            let why = format!("the endpoint {id} fails for other messages, and is left alone for a while");
            return Err(WorkError::Postponed { why, retry_after: rest });
        }
        let Some(_delivering) = self.outages.begin(id.as_str()) else {
            let why = format!("the endpoint {id} has not answered other messages yet");
            return Err(WorkError::Postponed { why, retry_after: UNDER_WAY_WAIT });
        };
        let Some(posting) = self.posting(&parcel, job, running).await? else {
            return Ok("another job has delivered this digest".to_owned());
        };
        let message = format!("msg_{}", parcel.id);
        let attempt = Attempt { job, running, endpoint: &endpoint, message, posting };
        if let Some(Disabled { why, .. }) = endpoint.disabled() {
            return Err(self.given_up(&attempt, format!("the endpoint {id} is disabled: {why}")).await);
        }
        if is_given_up {
            let why = format!("the endpoint {id} fails, and this message has waited for more than three days");
            return Err(self.given_up(&attempt, why).await);
        }
        let secrets = self.endpoints.secrets(&id, now).await.map_err(not_begun)?;
        if secrets.is_empty() {
            self.meter.count(if job.is_last_attempt() { Outcome::Failed } else { Outcome::Retried });
            return Err(again(job, format!("the endpoint {id} has no secret to sign with"), None));
        }
        self.attempt(&attempt, &secrets).await
    }
}
