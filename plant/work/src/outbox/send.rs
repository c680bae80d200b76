//! [`Outbox`]: takes messages, makes each a durable job per destination, and bounds storms.

use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use sqal_core::Timestamp;
use sqal_resilience::Backoff;
use sqal_storage::queue::{Enqueued, JobId, NewJob};
use sqal_storage::{Queue, Records, StorageError};

use super::destination::{Channel, Destination};
use super::gate::{Admission, Admissions, Applicant, Fate, OpenBatch, Rule, StormLimits};
use super::headline::{Headline, Severity};
use super::incidents::Incidents;
use super::language::Language;
use super::mail::MailMessage;
use super::message::{DedupeKey, Message};
use super::meter::{Meter, Outcome};
use super::notify::{ChannelName, Notice};
use super::parcel::{Content, Parcel};
use super::retry::ATTEMPTS;
use super::stored::{key as job_key, written};
use super::webhook::{Posting, WebhookEvent, subscribed};
use crate::traced::enqueue;
use crate::wall::later;
use crate::worker::WorkConfig;

/// How long after its due time a digest may still wait before its job is looked for.
const DIGEST_LATE: Duration = Duration::from_mins(1);

/// The most expired records that are removed by one call of the store.
const SWEPT_AT_ONCE: u16 = 1_000;

/// How long a delivery under way may take to end while the process drains: longer than the 15
/// seconds of an attempt to post, so that an answer under way is not lost.
const FINISH_WITHIN: Duration = Duration::from_secs(20);

/// How long ended deliveries are kept: for as long as the log of webhooks shows them.
const KEPT_FOR: Duration = Duration::from_hours(30 * 24);

/// What has become of a message at one destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dispatched {
    /// The message is delivered by this job.
    Queued(JobId),
    /// The message is above the limits of its destination, and counted in its next digest.
    Collected,
    /// The message was sent before under its key; nothing was added.
    Repeated,
}

/// One destination of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dispatch {
    /// The destination.
    pub destination: Destination,
    /// What has become of the message there.
    pub outcome: Dispatched,
}

/// Takes messages and hands them to the queue. Clones share everything.
///
/// # Laws
///
/// 1. *A message that was taken is durable*: when [`send`](Outbox::send) returns, each destination
///    has a job for the message, or counts it in a digest that has one.
/// 2. *A key is sent once*: a message that is sent again under its key, by whichever server, adds
///    nothing.
/// 3. *A storm is bounded*: a destination gets at most what its [`StormLimits`] say.
/// 4. *Nothing is lost silently*: the messages that a destination gets by themselves and the counts
///    of its digests add up to the messages that were taken.
#[derive(Clone, Debug)]
pub struct Outbox {
    queue: Arc<dyn Queue>,
    records: Arc<dyn Records>,
    admissions: Admissions,
    incidents: Incidents,
    meters: [Meter; 3],
}

/// A message to one destination, before it is admitted.
struct Item<'a, M> {
    destination: Destination,
    content: M,
    headline: Headline,
    rule: Rule,
    key: &'a DedupeKey,
}

/// What has become of an item.
struct Settled {
    fate: Fate,
    job: Option<JobId>,
    repeated: bool,
}

impl Outbox {
    /// An outbox whose jobs are in this queue, and whose limits are counted in these records.
    #[must_use]
    pub fn new(queue: Arc<dyn Queue>, records: Arc<dyn Records>, limits: StormLimits) -> Self {
        Self {
            admissions: Admissions::new(Arc::clone(&records), limits),
            incidents: Incidents::new(Arc::clone(&records), Arc::clone(&queue)),
            meters: Channel::ALL.map(Meter::new),
            queue,
            records,
        }
    }

    /// Sends a message to each of its destinations, and returns what has become of it at each. An
    /// event that no endpoint wants has no destination.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if a store fails. Some destinations may then have the message; the same
    /// call can be repeated, and sends it to the others.
    pub async fn send(
        &self,
        message: &Message,
        key: &DedupeKey,
        now: Timestamp,
    ) -> Result<Vec<Dispatch>, StorageError> {
        match message {
            Message::Mail(mail) => self.mail(mail, key, now).await,
            Message::Webhook(event) => self.webhook(event, key, now).await,
            Message::Notice { channel, notice } => Ok(vec![self.notice(channel, notice, key, now).await?]),
        }
    }

    /// Removes all expired records of the store and returns their number. Without it, what the
    /// outbox remembers of each message for 30 days stays in the store for ever.
    ///
    /// A process calls it from time to time, for example once an hour, unless its
    /// [`Scheduler`](crate::scheduler::Scheduler) or another program sweeps the store.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the records fail; the next call removes what is left.
    pub async fn remove_expired(&self, now: Timestamp) -> Result<u64, StorageError> {
        let mut removed = 0;
        loop {
            let swept = self.records.sweep(now, SWEPT_AT_ONCE).await?;
            removed += swept;
            if swept < u64::from(SWEPT_AT_ONCE) {
                return Ok(removed);
            }
        }
    }

    async fn mail(&self, mail: &MailMessage, key: &DedupeKey, now: Timestamp) -> Result<Vec<Dispatch>, StorageError> {
        let letter = mail.letter();
        let headline = Headline::new(letter.subject().as_str(), Severity::Info, letter.language());
        let mut dispatches = Vec::with_capacity(mail.to().len());
        for to in mail.to() {
            let destination = Destination::new(Channel::Mail, to.as_str());
            let item = Item { destination, content: letter, headline: headline.clone(), rule: Rule::Limited, key };
            dispatches.push(self.dispatched(item, now).await?.0);
        }
        Ok(dispatches)
    }

    async fn webhook(
        &self,
        event: &WebhookEvent,
        key: &DedupeKey,
        now: Timestamp,
    ) -> Result<Vec<Dispatch>, StorageError> {
        // A digest of events is read by programs: its titles are the types of the events.
        let headline = Headline::new(event.kind().as_str(), Severity::Info, Language::English);
        let mut dispatches = Vec::new();
        for id in subscribed(&*self.records, event.kind(), now).await? {
            let destination = Destination::new(Channel::Webhook, id.as_str());
            let content = Posting::from(event);
            let item = Item { destination, content, headline: headline.clone(), rule: Rule::Limited, key };
            dispatches.push(self.dispatched(item, now).await?.0);
        }
        Ok(dispatches)
    }

    async fn notice(
        &self,
        channel: &ChannelName,
        notice: &Notice,
        key: &DedupeKey,
        now: Timestamp,
    ) -> Result<Dispatch, StorageError> {
        let destination = Destination::new(Channel::Notice, channel.as_str());
        let headline = Headline::new(notice.title(), notice.severity(), notice.language());
        let rule = match notice.incident() {
            Some(incident) => {
                let id = destination.message_id(key.as_str());
                let is_known = self.admissions.is_known(&destination, &id, now).await?;
                self.incidents.rule(&destination, incident, is_known, now).await?
            }
            None => Rule::Limited,
        };
        let item = Item { destination, content: notice, headline, rule, key };
        let (dispatch, Settled { fate, job, repeated }) = self.dispatched(item, now).await?;
        if let Some(incident) = notice.incident() {
            self.incidents.note(&dispatch.destination, incident, fate, job, repeated, now).await?;
        }
        Ok(dispatch)
    }

    async fn dispatched<M: Serialize + Sync + Send>(
        &self,
        item: Item<'_, M>,
        now: Timestamp,
    ) -> Result<(Dispatch, Settled), StorageError> {
        let settled = self.settle(&item, now).await?;
        let (outcome, counted) = match settled {
            Settled { repeated: true, .. } => (Dispatched::Repeated, Outcome::Repeated),
            Settled { job: Some(job), .. } => (Dispatched::Queued(job), Outcome::Queued),
            Settled { job: None, .. } => (Dispatched::Collected, Outcome::Collected),
        };
        let [mail, webhook, notice] = &self.meters;
        let meter = match item.destination.channel {
            Channel::Mail => mail,
            Channel::Webhook => webhook,
            Channel::Notice => notice,
        };
        meter.count(counted);
        Ok((Dispatch { destination: item.destination, outcome }, settled))
    }

    /// Admits an item, and gives it its job or its place in a digest.
    async fn settle<M: Serialize + Sync + Send>(
        &self,
        item: &Item<'_, M>,
        now: Timestamp,
    ) -> Result<Settled, StorageError> {
        let Item { destination, content, headline, rule, key } = item;
        let id = destination.message_id(key.as_str());
        let applicant = Applicant { destination, id: &id, rule: *rule, headline };
        let Admission { fate, repeated, job, open } = self.admissions.admit(&applicant, now).await?;
        match fate {
            Fate::Sent if job.is_some() => Ok(Settled { fate, job, repeated: true }),
            Fate::Sent => {
                // Admitted now, or by a sender that died before it had enqueued the job.
                let parcel = Parcel::new(id.clone(), destination.name.clone(), Content::Message(content));
                let new = NewJob::new(destination.channel.kind(), written(&parcel)?, now);
                let enqueued = enqueue(&*self.queue, &new.once(job_key(&id)?).attempts(ATTEMPTS)).await?;
                self.admissions.sent_as(&id, enqueued.id(), now).await?;
                let repeated = matches!(enqueued, Enqueued::Known(_));
                Ok(Settled { fate, job: Some(enqueued.id()), repeated })
            }
            Fate::Collected(_) => {
                if let Some(open) = open {
                    self.ensure_digest(destination, open, now).await?;
                }
                Ok(Settled { fate, job: None, repeated })
            }
        }
    }

    /// Sees to it that the digest of an open batch has a job.
    async fn ensure_digest(
        &self,
        destination: &Destination,
        open: OpenBatch,
        now: Timestamp,
    ) -> Result<(), StorageError> {
        let (number, place) = (open.number, destination.key());
        let (unique, due) = match open.job {
            None => (format!("{place} digest {number}"), open.due),
            Some(_) if now < later(open.due, DIGEST_LATE) => return Ok(()),
            // The digest should have begun by now. If its job was cancelled, another one takes its
            // place, so that the batch is not kept open for ever.
            Some(job) => {
                let known = self.queue.job(job).await?;
                if known.is_some_and(|known| known.state.is_open()) {
                    return Ok(());
                }
                (format!("{place} digest {number} after {job}"), now)
            }
        };
        let content = Content::<()>::Digest { batch: number, replayed: false };
        let parcel = Parcel::new(destination.digest_id(number), destination.name.clone(), content);
        let new = NewJob::new(destination.channel.kind(), written(&parcel)?, now).due(due);
        let job = enqueue(&*self.queue, &new.once(job_key(&unique)?).attempts(ATTEMPTS)).await?.id();
        self.admissions.digest_is(destination, number, job, now).await
    }
}

/// How a worker does deliveries: four of a channel at once, at the documented times, and ended
/// deliveries are kept for 30 days. While the process drains, a delivery under way has 20 seconds
/// to end.
#[must_use]
pub fn delivery_config() -> WorkConfig {
    let least = Duration::from_millis(1);
    WorkConfig {
        at_once: NonZeroU16::MIN.saturating_add(3),
        // Each failure states its documented wait, so the worker adds none of its own.
        backoff: Backoff::new(least, least).unwrap_or_else(|_| unreachable!("a millisecond is a valid backoff")),
        kept_for: Some(KEPT_FOR),
        finish_within: FINISH_WITHIN,
        ..WorkConfig::default()
    }
}
