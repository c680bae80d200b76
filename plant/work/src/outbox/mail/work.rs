//! [`MailWork`]: delivers the mails of the queue.

use std::sync::Arc;

use async_trait::async_trait;
use sqal_storage::Records;
use sqal_storage::queue::{Job, JobKind};
use tracing::warn;

use super::address::MailAddress;
use super::letter::{Letter, Subject};
use super::mailer::Mailer;
use crate::outbox::destination::{Channel, Destination};
use crate::outbox::gate::{Digest, Digests};
use crate::outbox::meter::{Meter, Outcome};
use crate::outbox::outage::Outages;
use crate::outbox::parcel::{Content, Parcel};
use crate::outbox::retry::{again, not_begun};
use crate::outbox::words::{digest_text, digest_title};
use crate::worker::{Running, Work, WorkError};

/// Delivers the mails of the queue, each to one recipient.
///
/// Add it to a [`Worker`](crate::worker::Worker) with
/// [`delivery_config`](crate::outbox::delivery_config).
#[derive(Debug)]
pub struct MailWork {
    kind: JobKind,
    mailer: Mailer,
    digests: Digests,
    outages: Outages,
    meter: Meter,
}

impl MailWork {
    /// The work of a mailer; `records` are those of the [`Outbox`](crate::outbox::Outbox).
    #[must_use]
    pub fn new(mailer: Mailer, records: Arc<dyn Records>) -> Self {
        Self {
            kind: Channel::Mail.kind(),
            mailer,
            digests: Digests::new(records),
            outages: Outages::new(Channel::Mail),
            meter: Meter::new(Channel::Mail),
        }
    }

    /// The letter of a parcel; `None` if another job delivers it.
    async fn letter(&self, parcel: &Parcel<Letter>, job: &Job, running: &Running) -> Result<Option<Letter>, WorkError> {
        match &parcel.content {
            Content::Message(letter) => Ok(Some(letter.clone())),
            Content::Digest { batch, replayed } => {
                let destination = Destination::new(Channel::Mail, parcel.to.as_str());
                let digest = self
                    .digests
                    .take(&destination, *batch, job.id, *replayed, running.now())
                    .await
                    .map_err(not_begun)?;
                digest.map(|digest| letter_of(&digest)).transpose()
            }
        }
    }
}

/// The letter of a digest.
fn letter_of(digest: &Digest) -> Result<Letter, WorkError> {
    let subject = digest_title(digest).parse::<Subject>();
    let letter = subject.and_then(|subject| Letter::new(subject, digest_text(digest), digest.language));
    letter.map_err(|error| WorkError::permanent(error.to_string()))
}

#[async_trait]
impl Work for MailWork {
    fn kind(&self) -> &JobKind {
        &self.kind
    }

    async fn run(&self, job: &Job, running: &Running) -> Result<String, WorkError> {
        let parcel = Parcel::<Letter>::read(&job.body)?;
        let to: MailAddress =
            parcel.to.parse().map_err(|_| WorkError::permanent("the recipient is no mail address"))?;
        let host = self.mailer.config().host();
        // Every mail goes through one server, so its outage is one for all recipients.
        if self.outages.is_given_up(host, job, running) {
            self.meter.count(Outcome::Failed);
            let why = format!("{host} fails, and this mail has waited for more than three days");
            return Err(WorkError::permanent(why));
        }
        if let Some(rest) = self.outages.rest(host, running) {
            let why = format!("{host} fails for other mails, and is left alone for a while");
            return Err(WorkError::Postponed { why, retry_after: rest });
        }
        let Some(letter) = self.letter(&parcel, job, running).await? else {
            return Ok("another job has delivered this digest".to_owned());
        };
        match self.mailer.deliver(&letter, &to, &parcel.id, job.created_at).await {
            Ok(accepted) => {
                self.outages.ended(host, host, running.now());
                self.meter.count(Outcome::Delivered);
                Ok(format!("accepted by {host}: {}", accepted.reply))
            }
            Err(error) if error.is_permanent() => {
                self.meter.count(Outcome::Failed);
                Err(WorkError::permanent(error.to_string()))
            }
            Err(error) => {
                let why = error.to_string();
                if error.may_be_accepted() {
                    warn!(host, job = %job.id, "the server may have accepted a mail that is sent again; its Message-ID is the same");
                }
                if error.is_of_server() {
                    self.outages.failed(host, host, &why, None, running);
                }
                self.meter.count(if job.is_last_attempt() { Outcome::Failed } else { Outcome::Retried });
                Err(again(job, why, None))
            }
        }
    }
}
