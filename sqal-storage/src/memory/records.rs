//! [`Records`] of the memory store: one map by collection and key.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sqal_core::Timestamp;

use super::MemoryStore;
use crate::records::{Collection, ExpectedRecord, Record, RecordDraft, RecordKey, RecordQuery, Revision};
use crate::{Records, StorageError};

/// The records of a memory store.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    /// The number of writes of all keys, which is the newest revision.
    revisions: u64,
    kept: BTreeMap<(Collection, RecordKey), Record>,
}

impl Recorded {
    /// The revision of a record, if it is there and has not expired.
    fn live(&self, collection: &Collection, key: &RecordKey, now: Timestamp) -> Option<Revision> {
        let record = self.kept.get(&(*collection, *key)).filter(|record| !record.is_expired(now));
        record.map(|record| record.revision)
    }
}

#[async_trait]
impl Records for MemoryStore {
    async fn write(
        &self,
        draft: &RecordDraft,
        expected: ExpectedRecord,
        now: Timestamp,
    ) -> Result<Option<Revision>, StorageError> {
        draft.check("memory")?;
        let mut kept = self.kept();
        let records = &mut kept.records;
        if !expected.is_met_by(records.live(&draft.collection, &draft.key, now)) {
            return Ok(None);
        }
        records.revisions += 1;
        let revision = Revision::from_number(records.revisions);
        records.kept.insert((draft.collection, draft.key), Record::new(draft.clone(), revision));
        Ok(Some(revision))
    }

    async fn record(
        &self,
        collection: &Collection,
        key: &RecordKey,
        now: Timestamp,
    ) -> Result<Option<Record>, StorageError> {
        let kept = self.kept();
        let record = kept.records.kept.get(&(*collection, *key)).filter(|record| !record.is_expired(now));
        Ok(record.cloned())
    }

    async fn remove(
        &self,
        collection: &Collection,
        key: &RecordKey,
        expected: ExpectedRecord,
        now: Timestamp,
    ) -> Result<bool, StorageError> {
        let mut kept = self.kept();
        let records = &mut kept.records;
        let live = records.live(collection, key, now);
        let removes = live.is_some() && expected.is_met_by(live);
        if removes {
            records.kept.remove(&(*collection, *key));
        }
        Ok(removes)
    }

    async fn find(&self, query: &RecordQuery, now: Timestamp) -> Result<Vec<Record>, StorageError> {
        let kept = self.kept();
        // The map is in the order of collections and keys.
        let found = kept.records.kept.values().filter(|record| query.wants(record) && !record.is_expired(now));
        Ok(found.take(usize::from(query.limit)).cloned().collect())
    }

    async fn sweep(&self, now: Timestamp, limit: u16) -> Result<u64, StorageError> {
        let mut kept = self.kept();
        let records = &mut kept.records.kept;
        let expired = records.iter().filter(|(_, record)| record.is_expired(now)).map(|(place, _)| *place);
        let expired: Vec<_> = expired.take(usize::from(limit)).collect();
        for place in &expired {
            records.remove(place);
        }
        Ok(u64::try_from(expired.len()).unwrap_or(u64::MAX))
    }
}
