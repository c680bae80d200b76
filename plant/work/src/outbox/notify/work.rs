//! [`NoticeWork`]: delivers the notices of the queue.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use sqal_client::HttpClient;
use sqal_storage::Records;
use sqal_storage::queue::{Job, JobKind};

use super::body::body;
use super::channel::{Form, NoticeChannel};
use super::notice::Notice;
use crate::outbox::destination::{Channel, Destination};
use crate::outbox::gate::{Digest, Digests};
use crate::outbox::meter::{Meter, Outcome};
use crate::outbox::outage::{Outages, UNDER_WAY_WAIT};
use crate::outbox::parcel::{Content, Parcel};
use crate::outbox::post::{PostLimits, Posted, Poster};
use crate::outbox::retry::{again, not_begun};
use crate::outbox::words::{digest_text, digest_title};
use crate::worker::{Running, Work, WorkError};

/// Delivers the notices of the queue, each to one channel of this process.
///
/// Every server of a plant has the same channels: a notice for a channel that a server does not
/// know waits until a server that knows it takes the job.
///
/// Add it to a [`Worker`](crate::worker::Worker) with
/// [`delivery_config`](crate::outbox::delivery_config).
#[derive(Debug)]
pub struct NoticeWork {
    kind: JobKind,
    channels: BTreeMap<String, NoticeChannel>,
    poster: Poster,
    digests: Digests,
    outages: Outages,
    meter: Meter,
}

impl NoticeWork {
    /// The work for some channels; if two have one name, the last of them counts. `records` are
    /// those of the [`Outbox`](crate::outbox::Outbox).
    #[must_use]
    pub fn new(
        client: HttpClient,
        limits: PostLimits,
        channels: impl IntoIterator<Item = NoticeChannel>,
        records: Arc<dyn Records>,
    ) -> Self {
        let channels = channels.into_iter().map(|channel| (channel.name().as_str().to_owned(), channel));
        Self {
            kind: Channel::Notice.kind(),
            channels: channels.collect(),
            poster: Poster::new("notice", client, limits),
            digests: Digests::new(records),
            outages: Outages::new(Channel::Notice),
            meter: Meter::new(Channel::Notice),
        }
    }

    /// The notice of a parcel; `None` if another job delivers it.
    async fn notice(&self, parcel: &Parcel<Notice>, job: &Job, running: &Running) -> Result<Option<Notice>, WorkError> {
        match &parcel.content {
            Content::Message(notice) => Ok(Some(notice.clone())),
            Content::Digest { batch, replayed } => {
                let destination = Destination::new(Channel::Notice, parcel.to.as_str());
                let digest = self
                    .digests
                    .take(&destination, *batch, job.id, *replayed, running.now())
                    .await
                    .map_err(not_begun)?;
                digest.map(|digest| notice_of(&digest)).transpose()
            }
        }
    }

    /// Settles what follows from an answer.
    fn settle(
        &self,
        job: &Job,
        channel: &NoticeChannel,
        posted: &Posted,
        running: &Running,
    ) -> Result<String, WorkError> {
        let (name, host) = (channel.name().as_str(), channel.url().origin().host());
        if posted.is_accepted() {
            self.outages.ended(name, host, running.now());
            self.meter.count(Outcome::Delivered);
            return Ok(format!("{host} {}", posted.why()));
        }
        let why = format!("{host}: {}", posted.why());
        if is_refused(posted) {
            self.meter.count(Outcome::Failed);
            return Err(WorkError::permanent(why));
        }
        self.outages.failed(name, host, &why, posted.asked, running);
        self.meter.count(if job.is_last_attempt() { Outcome::Failed } else { Outcome::Retried });
        Err(again(job, why, posted.asked))
    }
}

/// Whether the channel refuses this body, or is gone for good, so that another attempt would fail
/// too. Any other answer of 4xx is about the configuration: an operator corrects the secret or the
/// URL, and no notice is lost meanwhile.
fn is_refused(posted: &Posted) -> bool {
    posted.status.is_some_and(|status| matches!(status.as_u16(), 400 | 410 | 413 | 422))
}

/// The notice of a digest.
fn notice_of(digest: &Digest) -> Result<Notice, WorkError> {
    let notice = Notice::new(&digest_title(digest), "outbox", digest.worst, digest.language, digest.until);
    notice.and_then(|notice| notice.text(&digest_text(digest))).map_err(|error| WorkError::permanent(error.to_string()))
}

#[async_trait]
impl Work for NoticeWork {
    fn kind(&self) -> &JobKind {
        &self.kind
    }

    async fn run(&self, job: &Job, running: &Running) -> Result<String, WorkError> {
        let parcel = Parcel::<Notice>::read(&job.body)?;
        let Some(channel) = self.channels.get(&parcel.to) else {
            let why = "this server has no notice channel of this name; add it to the configuration".to_owned();
            self.meter.count(if job.is_last_attempt() { Outcome::Failed } else { Outcome::Retried });
            return Err(again(job, why, None));
        };
        let name = channel.name().as_str();
        if self.outages.is_given_up(name, job, running) {
            self.meter.count(Outcome::Failed);
            let why = format!("the channel {name} fails, and this notice has waited for more than three days");
            return Err(WorkError::permanent(why));
        }
        if let Some(rest) = self.outages.rest(name, running) {
            let why = format!("the channel {name} fails for other notices, and is left alone for a while");
            return Err(WorkError::Postponed { why, retry_after: rest });
        }
        let Some(_delivering) = self.outages.begin(name) else {
            let why = format!("the channel {name} has not answered other notices yet");
            return Err(WorkError::Postponed { why, retry_after: UNDER_WAY_WAIT });
        };
        let Some(notice) = self.notice(&parcel, job, running).await? else {
            return Ok("another job has delivered this digest".to_owned());
        };
        let body =
            body(channel.form(), &notice, &parcel.id).map_err(|error| WorkError::permanent(error.to_string()))?;
        let bearer = match channel.form() {
            Form::Json(Some(token)) => Some(format!("Bearer {}", token.expose())),
            _ => None,
        };
        let mut head = vec![("idempotency-key", parcel.id.as_str())];
        head.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
        let posted = self.poster.post(channel.url(), &head, Bytes::from(body), running).await;
        self.settle(job, channel, &posted, running)
    }
}
