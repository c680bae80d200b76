//! [`SilenceBook`]: the silences of all servers that share a database.

use std::collections::BTreeMap;
use std::sync::Arc;

use sqal_core::{Name, Timestamp};
use sqal_storage::labels::Labels;
use sqal_storage::records::{ExpectedRecord, RecordDraft, RecordKey, RecordQuery};
use sqal_storage::register::{Entry, EntryKind, EntryName};
use sqal_storage::{Records, Register, StorageError};
use tracing::warn;

use super::author::Author;
use super::key::AlertKey;
use super::remark::Remark;
use super::silence::{InvalidSilence, Silence, SilenceEnd, SilenceId, SilenceTerms};
use super::stored::{BACKEND, silences};
use crate::stored::{UnreadableError, parsed, written};

/// The most silences that are in force or will be. A plant that needs more silences by labels.
const MOST_SILENCES: usize = 500;

/// The most records that are read at once: every silence, so that there is one page.
const PAGE: u16 = 1_000;

/// A silence could not be added, ended or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SilenceBookError {
    /// The records or the register failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The silence cannot be made.
    #[error(transparent)]
    Invalid(#[from] InvalidSilence),
    /// There are too many silences.
    #[error("silences: there are {found}, expected at most {}: end one, or silence by fewer labels", MOST_SILENCES)]
    Full {
        /// The number of silences.
        found: usize,
    },
    /// There is no silence with this id.
    #[error("silence {id}: there is none with this id")]
    Unknown {
        /// The id that was given.
        id: SilenceId,
    },
    /// The silence has ended already.
    #[error("silence {id}: it has ended already")]
    Ended {
        /// The id of the silence.
        id: SilenceId,
    },
    /// The entry of the silence in the register cannot be read by this program.
    #[error("silence {id}: its entry cannot be read: {why}")]
    Unreadable {
        /// The id of the silence.
        id: SilenceId,
        /// Why it cannot be read.
        why: String,
    },
}

/// The kind of the entries in the register that are silences.
fn kind() -> EntryKind {
    Name::new("silences").unwrap_or_else(|_| unreachable!("eight letters"))
}

/// The silences of all servers that share a database.
///
/// Each silence is an entry of the register, with its author and reason; its end before its time is
/// a second version. Those that are not over are also records, which expire with them, so that they
/// are read in one call however many there have been.
#[derive(Clone, Debug)]
pub struct SilenceBook {
    records: Arc<dyn Records>,
    register: Arc<dyn Register>,
}

impl SilenceBook {
    /// Silences in records and a register.
    #[must_use]
    pub fn new(records: Arc<dyn Records>, register: Arc<dyn Register>) -> Self {
        Self { records, register }
    }

    /// Adds a silence, and returns it with whether it is new. If the author has asked for an equal
    /// one that is not over, that silence is returned and none is added. Silences are equal if
    /// they have equal matchers, reasons and ends, and equal beginnings; a silence that shall begin
    /// `now` is equal to one that has begun.
    ///
    /// # Errors
    ///
    /// [`SilenceBookError::Invalid`] if the silence cannot be made, [`SilenceBookError::Full`] if
    /// there are 500, [`SilenceBookError::Ended`] if the same call was made before and its silence
    /// has been ended, [`SilenceBookError::Storage`] if the stores fail. The silence may then stand
    /// in the register without being in force, and the call can be repeated.
    pub async fn add(
        &self,
        terms: SilenceTerms,
        by: &Author,
        now: Timestamp,
    ) -> Result<(Silence, bool), SilenceBookError> {
        let silence = Silence::new(terms, by, now)?;
        let mut known = self.list(now).await?;
        if let Some(place) = known.iter().position(|known| known.meets(&silence)) {
            return Ok((known.swap_remove(place), false));
        }
        if known.len() >= MOST_SILENCES {
            return Err(SilenceBookError::Full { found: known.len() });
        }
        // The register first: no silence is in force without its author and reason.
        let first = entry(&silence, 1, *by, now)?;
        if !self.register.add(&first).await? && self.get(silence.id()).await?.ended().is_some() {
            return Err(SilenceBookError::Ended { id: *silence.id() });
        }
        let draft =
            RecordDraft::new(silences(), record_key(silence.id()), written(BACKEND, &silence)?).until(silence.until());
        self.records.write(&draft, ExpectedRecord::Any, now).await?;
        Ok((silence, true))
    }

    /// Shelves one alert: it is not told from `now` to `until`, which is at most 24 hours. A call
    /// that is repeated returns the silence of the first.
    ///
    /// # Errors
    ///
    /// Those of [`SilenceBook::add`].
    pub async fn shelve(
        &self,
        key: &AlertKey,
        reason: Remark,
        until: Timestamp,
        by: &Author,
        now: Timestamp,
    ) -> Result<Silence, SilenceBookError> {
        let matchers = BTreeMap::from([(Silence::SHELF_LABEL.to_owned(), key.to_string())]);
        Ok(self.add(SilenceTerms { matchers, reason, from: now, until }, by, now).await?.0)
    }

    /// Ends a silence before its time.
    ///
    /// # Errors
    ///
    /// [`SilenceBookError::Unknown`] if there is no such silence, [`SilenceBookError::Ended`] if it
    /// is over or was ended before, [`SilenceBookError::Storage`] if the stores fail. The silence
    /// may then be ended in the register and still be in force, and the call can be repeated.
    pub async fn end(
        &self,
        id: &SilenceId,
        by: &Author,
        why: Remark,
        now: Timestamp,
    ) -> Result<Silence, SilenceBookError> {
        let (silence, version) = self.newest(id).await?;
        if silence.ended().is_some() || silence.until() <= now {
            // An earlier call may have written the end and failed before the record was removed.
            return if self.remove(id, now).await? { Ok(silence) } else { Err(SilenceBookError::Ended { id: *id }) };
        }
        let ended = silence.ended_by(SilenceEnd { by: *by, at: now, why });
        let is_first = self.register.add(&entry(&ended, version.saturating_add(1), *by, now)?).await?;
        self.remove(id, now).await?;
        if is_first { Ok(ended) } else { Err(SilenceBookError::Ended { id: *id }) }
    }

    /// One silence, also if it is over.
    ///
    /// # Errors
    ///
    /// [`SilenceBookError::Unknown`] if there is none, [`SilenceBookError::Unreadable`] if a newer
    /// program wrote it, [`SilenceBookError::Storage`] if the register fails.
    pub async fn get(&self, id: &SilenceId) -> Result<Silence, SilenceBookError> {
        Ok(self.newest(id).await?.0)
    }

    /// The silences that are in force or will be, in the order of their beginnings.
    ///
    /// # Errors
    ///
    /// [`SilenceBookError::Storage`] if the records do not answer.
    pub async fn list(&self, now: Timestamp) -> Result<Vec<Silence>, SilenceBookError> {
        let records = self.records.find(&RecordQuery::of(silences(), PAGE), now).await?;
        let mut found: Vec<Silence> = Vec::with_capacity(records.len());
        for record in records {
            match parsed(&record.body) {
                Ok(silence) => found.push(silence),
                Err(why) => warn!(silence = record.key.as_str(), %why, "a silence cannot be read and is not in force"),
            }
        }
        found.sort_by_key(|silence| (silence.from(), *silence.id()));
        Ok(found)
    }

    /// The silences that are in force.
    ///
    /// # Errors
    ///
    /// [`SilenceBookError::Storage`] if the records do not answer.
    pub async fn list_active(&self, now: Timestamp) -> Result<Vec<Silence>, SilenceBookError> {
        let mut active = self.list(now).await?;
        active.retain(|silence| silence.is_active(now));
        Ok(active)
    }

    /// The newest version of a silence in the register, with its number.
    async fn newest(&self, id: &SilenceId) -> Result<(Silence, u32), SilenceBookError> {
        let newest = self.register.history(&kind(), &entry_name(id), None, 1).await?;
        let newest = newest.first().ok_or(SilenceBookError::Unknown { id: *id })?;
        let unreadable = |why: UnreadableError| SilenceBookError::Unreadable { id: *id, why: why.to_string() };
        Ok((parsed(&newest.body).map_err(unreadable)?, newest.version))
    }

    /// Removes the record of a silence, and returns whether it was there.
    async fn remove(&self, id: &SilenceId, now: Timestamp) -> Result<bool, StorageError> {
        self.records.remove(&silences(), &record_key(id), ExpectedRecord::Any, now).await
    }
}

/// The entry of a silence in the register.
fn entry(silence: &Silence, version: u32, by: Author, at: Timestamp) -> Result<Entry, StorageError> {
    let (body, name) = (written(BACKEND, silence)?, entry_name(silence.id()));
    Ok(Entry { kind: kind(), name, version, body, at, by: Some(by), labels: Labels::new() })
}

fn record_key(id: &SilenceId) -> RecordKey {
    Name::new(id.as_str()).unwrap_or_else(|_| unreachable!("32 hexadecimal digits"))
}

fn entry_name(id: &SilenceId) -> EntryName {
    Name::new(id.as_str()).unwrap_or_else(|_| unreachable!("32 hexadecimal digits"))
}
