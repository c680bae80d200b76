//! [`Endpoints`]: the endpoints in the records, with their secrets sealed beside them.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sqal_core::{Name, Timestamp};
use sqal_storage::records::{Collection, ExpectedRecord, RecordDraft, RecordQuery};
use sqal_storage::sealed::{Confidential, FieldError, FieldKey};
use sqal_storage::{Records, SealedFields, StorageError, StorageErrorKind};
use tracing::info;
use zeroize::Zeroizing;

use super::endpoint::{EndpointId, WebhookEndpoint};
use super::event::EventType;
use super::webhook_secret::WebhookSecret;
use crate::outbox::stored::{BACKEND, collection, key, parsed, written};
use crate::wall::later;
use crate::worker::WorkError;

/// The store of the secrets: sealed fields, which the rotation of keys seals anew with all others.
pub type WebhookSecrets = Confidential<Arc<dyn SealedFields>>;

/// The most endpoints that are read at once.
const PAGE: u16 = 200;

/// The most attempts of a change that another caller is first to make.
const TRIES: u32 = 100;

/// How long a rotation keeps others away if its process dies. A rotation is two calls of a store.
const ROTATION: Duration = Duration::from_mins(1);

/// The most secrets of an endpoint: the newest, and the one that it replaces.
const MOST_SECRETS: usize = 2;

fn endpoints() -> Collection {
    collection("webhook_endpoints")
}

/// The endpoints whose secret is being replaced.
fn rotations() -> Collection {
    collection("webhook_rotations")
}

/// Endpoints or their secrets could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// The records failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The secrets could not be sealed or opened.
    #[error("the secrets of a webhook: {0}")]
    Secrets(#[from] FieldError),
}

impl From<EndpointError> for WorkError {
    /// A secret whose key is not on the ring is opened as soon as the key is there again, so that
    /// is no permanent failure.
    fn from(error: EndpointError) -> Self {
        match error {
            EndpointError::Storage(error) | EndpointError::Secrets(FieldError::Storage(error)) => error.into(),
            error @ EndpointError::Secrets(_) => Self::transient(error.to_string()),
        }
    }
}

/// A secret with the time in which it signs.
#[derive(Clone, Serialize, Deserialize)]
struct Held {
    #[serde(serialize_with = "write_secret", deserialize_with = "read_secret")]
    secret: Zeroizing<String>,
    /// Until when the secret signs; `None` for the newest.
    until: Option<Timestamp>,
}

fn write_secret<S: Serializer>(secret: &Zeroizing<String>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret)
}

fn read_secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Zeroizing<String>, D::Error> {
    String::deserialize(deserializer).map(Zeroizing::new)
}

/// The endpoints that events are posted to.
#[derive(Clone, Debug)]
pub struct Endpoints {
    records: Arc<dyn Records>,
    secrets: Arc<WebhookSecrets>,
}

impl Endpoints {
    /// Endpoints in records, with their secrets in sealed fields.
    #[must_use]
    pub fn new(records: Arc<dyn Records>, secrets: Arc<WebhookSecrets>) -> Self {
        Self { records, secrets }
    }

    /// Adds an endpoint with its first secret. `false` if there is an endpoint of this id, which
    /// stays as it is.
    ///
    /// # Errors
    ///
    /// [`EndpointError`] if the stores fail. If the endpoint was added and its secret was not, the
    /// endpoint is removed again; until then its deliveries wait.
    pub async fn add(
        &self,
        endpoint: &WebhookEndpoint,
        secret: &WebhookSecret,
        now: Timestamp,
    ) -> Result<bool, EndpointError> {
        let draft = draft(endpoint)?;
        if self.records.write(&draft, ExpectedRecord::Absent, now).await?.is_none() {
            return Ok(false);
        }
        let first = [Held { secret: secret.expose(), until: None }];
        if let Err(error) = self.write_secrets(endpoint.id(), &first).await {
            self.records.remove(&endpoints(), &draft.key, ExpectedRecord::Any, now).await?;
            return Err(error);
        }
        Ok(true)
    }

    /// One endpoint; `None` if there is none of this id.
    ///
    /// # Errors
    ///
    /// [`EndpointError`] if the records fail.
    pub async fn find(&self, id: &EndpointId, now: Timestamp) -> Result<Option<WebhookEndpoint>, EndpointError> {
        let record = self.records.record(&endpoints(), &key(id.as_str())?, now).await?;
        Ok(record.map(|record| parsed("a webhook's endpoint", &record.body)).transpose()?)
    }

    /// All endpoints, in the order of their ids.
    ///
    /// # Errors
    ///
    /// [`EndpointError`] if the records fail.
    pub async fn all(&self, now: Timestamp) -> Result<Vec<WebhookEndpoint>, EndpointError> {
        Ok(all(&*self.records, now).await?)
    }

    /// Changes an endpoint and returns it as it is then; `None` if there is none of this id. The id
    /// cannot be changed. `change` may be called more than once, if another caller changes the
    /// endpoint at this moment.
    ///
    /// # Errors
    ///
    /// [`EndpointError`] if the records fail; whether the endpoint was changed may then be unknown.
    pub async fn change(
        &self,
        id: &EndpointId,
        now: Timestamp,
        change: impl Fn(WebhookEndpoint) -> WebhookEndpoint + Send + Sync,
    ) -> Result<Option<WebhookEndpoint>, EndpointError> {
        let record_key = key(id.as_str())?;
        for _ in 0..TRIES {
            let Some(record) = self.records.record(&endpoints(), &record_key, now).await? else { return Ok(None) };
            let changed = change(parsed("a webhook's endpoint", &record.body)?);
            let draft = RecordDraft::new(endpoints(), record_key, written(&changed)?);
            if self.records.write(&draft, ExpectedRecord::Revision(record.revision), now).await?.is_some() {
                return Ok(Some(changed));
            }
        }
        Err(StorageError::new(BACKEND, StorageErrorKind::Busy).into())
    }

    /// Removes an endpoint and its secrets; returns whether it was there. Messages that wait for it
    /// fail.
    ///
    /// # Errors
    ///
    /// [`EndpointError`] if the stores fail; the caller can repeat the call.
    pub async fn remove(&self, id: &EndpointId, now: Timestamp) -> Result<bool, EndpointError> {
        let was_there = self.records.remove(&endpoints(), &key(id.as_str())?, ExpectedRecord::Any, now).await?;
        self.write_secrets(id, &[]).await?;
        Ok(was_there)
    }

    /// Replaces the secret of an endpoint; `false` if there is none of this id. For `overlap` the
    /// old secret signs as well, so that the receiver can change over at any time in between. A
    /// secret that was replaced before signs no longer.
    ///
    /// # Errors
    ///
    /// [`EndpointError`] if the stores fail. [`StorageErrorKind::Busy`] if another caller replaces
    /// the secret of this endpoint at this moment: two rotations at once would lose one of the new
    /// secrets. The same call can be repeated.
    pub async fn rotate(
        &self,
        id: &EndpointId,
        secret: &WebhookSecret,
        overlap: Duration,
        now: Timestamp,
    ) -> Result<bool, EndpointError> {
        let place = key(id.as_str())?;
        let draft = RecordDraft::new(rotations(), place, "{}").until(later(now, ROTATION));
        let Some(turn) = self.records.write(&draft, ExpectedRecord::Absent, now).await? else {
            return Err(StorageError::new(BACKEND, StorageErrorKind::Busy).into());
        };
        let rotated = self.rotate_alone(id, secret, overlap, now).await;
        if let Err(error) = self.records.remove(&rotations(), &place, ExpectedRecord::Revision(turn), now).await {
            info!(endpoint = %id, %error, "a rotation has ended, and another one is refused for a minute");
        }
        rotated
    }

    /// Replaces the secret of an endpoint, while no other caller does that.
    async fn rotate_alone(
        &self,
        id: &EndpointId,
        secret: &WebhookSecret,
        overlap: Duration,
        now: Timestamp,
    ) -> Result<bool, EndpointError> {
        if self.find(id, now).await?.is_none() {
            return Ok(false);
        }
        let (end, new) = (later(now, overlap), secret.expose());
        let mut held = self.read_secrets(id).await?;
        if held.first().is_some_and(|newest| newest.secret == new) {
            // A call that is repeated: the secret before this one goes on to sign.
            return Ok(true);
        }
        // The newest stands first.
        held.truncate(MOST_SECRETS - 1);
        for old in &mut held {
            old.until = Some(old.until.map_or(end, |until| until.min(end)));
        }
        held.insert(0, Held { secret: new, until: None });
        self.write_secrets(id, &held).await?;
        Ok(true)
    }

    /// The secrets that sign now, the newest first: one, or two while a secret is replaced. Empty
    /// if the endpoint has none.
    ///
    /// # Errors
    ///
    /// [`EndpointError`] if the store fails, or if a secret cannot be opened.
    pub async fn secrets(&self, id: &EndpointId, now: Timestamp) -> Result<Vec<WebhookSecret>, EndpointError> {
        let held = self.read_secrets(id).await?;
        let signing = held.iter().filter(|held| held.until.is_none_or(|until| now < until));
        let corrupt = |_| StorageError::new(BACKEND, StorageErrorKind::Corrupt("a webhook's secret".to_owned()));
        Ok(signing.map(|held| held.secret.parse::<WebhookSecret>().map_err(corrupt)).collect::<Result<_, _>>()?)
    }

    async fn read_secrets(&self, id: &EndpointId) -> Result<Vec<Held>, EndpointError> {
        let Some(plain) = self.secrets.read(&field(id)?).await? else { return Ok(Vec::new()) };
        let text = String::from_utf8_lossy(plain.as_bytes());
        Ok(parsed("a webhook's secrets", &text)?)
    }

    async fn write_secrets(&self, id: &EndpointId, held: &[Held]) -> Result<(), EndpointError> {
        let text = Zeroizing::new(written(&held)?);
        Ok(self.secrets.write(&field(id)?, text.as_bytes()).await?)
    }
}

fn draft(endpoint: &WebhookEndpoint) -> Result<RecordDraft, StorageError> {
    Ok(RecordDraft::new(endpoints(), key(endpoint.id().as_str())?, written(endpoint)?))
}

/// The place of an endpoint's secrets.
fn field(id: &EndpointId) -> Result<FieldKey, StorageError> {
    let refused = |_| StorageError::new(BACKEND, StorageErrorKind::Refused);
    Ok(FieldKey {
        subject: Name::new(&format!("webhook {id}")).map_err(refused)?,
        field: Name::new("secrets").map_err(refused)?,
    })
}

async fn all(records: &dyn Records, now: Timestamp) -> Result<Vec<WebhookEndpoint>, StorageError> {
    let mut all = Vec::new();
    let mut query = RecordQuery::of(endpoints(), PAGE);
    loop {
        let page = records.find(&query, now).await?;
        for record in &page {
            all.push(parsed("a webhook's endpoint", &record.body)?);
        }
        match page.last() {
            Some(last) if page.len() >= usize::from(PAGE) => query = query.after(last.key),
            _ => return Ok(all),
        }
    }
}

/// The enabled endpoints that get events of a type.
pub(crate) async fn subscribed(
    records: &dyn Records,
    kind: &EventType,
    now: Timestamp,
) -> Result<Vec<EndpointId>, StorageError> {
    let wanting = all(records, now).await?.into_iter();
    let wanting = wanting.filter(|endpoint| endpoint.disabled().is_none() && endpoint.events().wants(kind));
    Ok(wanting.map(|endpoint| endpoint.id().clone()).collect())
}
