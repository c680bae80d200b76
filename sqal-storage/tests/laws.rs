//! Every law on every store and decorator of this crate: one named test per law and store.
#![cfg(all(feature = "conformance", feature = "metrics", feature = "postgres", feature = "sqlite"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod servers;

use std::num::{NonZeroU16, NonZeroU32};
use std::sync::Arc;

use async_trait::async_trait;
use sqal_core::{DeviceId, Sample, SampleId, Timestamp};
use sqal_resilience::{BreakerConfig, SystemClock};
use sqal_storage::conformance::{Fault, StorePlace};
use sqal_storage::queue::{
    Enqueued, Job, JobCount, JobEnd, JobId, JobKind, JobProgress, JobQuery, Lease, Leased, NewJob, WorkerName,
};
use sqal_storage::records::{Collection, ExpectedRecord, Record, RecordDraft, RecordKey, RecordQuery, Revision};
use sqal_storage::{
    Action, ActionOf, AuditEntry, Custody, DeviceTally, Entry, EntryKind, EntryName, ErasureOf, FieldKey, FieldName,
    Gone, GuardedStore, Hourly, HourlyQuery, Inserted, KeyId, LabelName, LabelValue, MemoryStore, MeteredStore, Page,
    PostgresConfig, PostgresStore, Purge, Queue, Records, Register, RetryingStore, SampleQuery, SampleStore, Sealed,
    SealedFields, SpooledStore, SqliteConfig, SqliteStore, StorageError, Subject, custody_conformance,
    fields_conformance, queue_conformance, records_conformance, register_conformance, sample_store_conformance,
};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// A store in a folder of its own, which is removed with the store.
#[derive(Debug)]
struct Temporary<S> {
    store: S,
    _folder: tempfile::TempDir,
}

async fn sqlite_in(folder: &tempfile::TempDir) -> SqliteStore {
    SqliteStore::open(&SqliteConfig::at(folder.path().join("samples.db"))).await.unwrap()
}

async fn sqlite() -> Temporary<SqliteStore> {
    let folder = tempfile::tempdir().unwrap();
    Temporary { store: sqlite_in(&folder).await, _folder: folder }
}

async fn spooled() -> Temporary<SpooledStore<MemoryStore>> {
    let folder = tempfile::tempdir().unwrap();
    let store = SpooledStore::new(MemoryStore::new(), Arc::new(sqlite_in(&folder).await), 1000).await.unwrap();
    Temporary { store, _folder: folder }
}

/// Memory that outlives the stores that open it.
struct MemoryPlace(Arc<MemoryStore>);

#[async_trait]
impl StorePlace for MemoryPlace {
    type Store = Arc<MemoryStore>;

    async fn open(&self) -> Arc<MemoryStore> {
        Arc::clone(&self.0)
    }

    async fn refuse(&self, _: &Arc<MemoryStore>, _: &DeviceId) -> Fault {
        Fault::Impossible
    }
}

struct SqlitePlace(tempfile::TempDir);

#[async_trait]
impl StorePlace for SqlitePlace {
    type Store = SqliteStore;

    async fn open(&self) -> SqliteStore {
        sqlite_in(&self.0).await
    }

    async fn refuse(&self, _: &SqliteStore, device: &DeviceId) -> Fault {
        let options = SqliteConnectOptions::new().filename(self.0.path().join("samples.db"));
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        let trigger = format!(
            "CREATE TRIGGER IF NOT EXISTS refused BEFORE INSERT ON sample WHEN new.device_id = '{device}'
             BEGIN SELECT raise(ABORT, 'refused'); END"
        );
        sqlx::raw_sql(AssertSqlSafe(trigger)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        Fault::Injected
    }
}

struct PostgresPlace(PostgresConfig);

impl PostgresPlace {
    fn new() -> Self {
        let mut config = servers::fresh_schema();
        // Two writers, so that tasks meet in the database.
        (config.writers, config.readers) = (NonZeroU32::new(2).unwrap(), NonZeroU32::MIN);
        Self(config)
    }
}

#[async_trait]
impl StorePlace for PostgresPlace {
    type Store = PostgresStore;

    async fn open(&self) -> PostgresStore {
        PostgresStore::open(&self.0).await.unwrap()
    }

    async fn refuse(&self, _: &PostgresStore, device: &DeviceId) -> Fault {
        let shown = format!("{:?}", self.0);
        let schema = shown.split("schema: \"").nth(1).unwrap().split('"').next().unwrap();
        let check = format!(
            "ALTER TABLE {schema}.sample DROP CONSTRAINT IF EXISTS refused;
             ALTER TABLE {schema}.sample ADD CONSTRAINT refused CHECK (device_id <> '{device}')"
        );
        let mut connection = PgConnection::connect(&servers::variable("SQAL_TEST_POSTGRES_URL")).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(check)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        Fault::Injected
    }
}

/// A store with two writers, so that tasks meet in the database.
async fn postgres_of_two() -> PostgresStore {
    PostgresPlace::new().open().await
}

#[async_trait]
impl<S: SampleStore> SampleStore for Temporary<S> {
    async fn insert(&self, batch: &[Sample]) -> Result<Vec<Inserted>, StorageError> {
        self.store.insert(batch).await
    }
    async fn get(&self, id: &SampleId) -> Result<Option<Sample>, StorageError> {
        self.store.get(id).await
    }
    async fn query(&self, query: &SampleQuery) -> Result<Page, StorageError> {
        self.store.query(query).await
    }
    async fn hourly(&self, query: &HourlyQuery) -> Result<Vec<Hourly>, StorageError> {
        self.store.hourly(query).await
    }
    async fn by_device(&self, query: &HourlyQuery) -> Result<Vec<DeviceTally>, StorageError> {
        self.store.by_device(query).await
    }
    async fn ping(&self) -> Result<(), StorageError> {
        self.store.ping().await
    }
}

#[async_trait]
impl<S: Custody> Custody for Temporary<S> {
    async fn would_purge(&self, purge: &Purge) -> Result<Gone, StorageError> {
        self.store.would_purge(purge).await
    }
    async fn purge(&self, purge: &Purge, action: ActionOf<'_>) -> Result<Gone, StorageError> {
        self.store.purge(purge, action).await
    }
    async fn erase_device(&self, device: &DeviceId, action: ActionOf<'_>) -> Result<Gone, StorageError> {
        self.store.erase_device(device, action).await
    }
    async fn log_action(&self, action: Action) -> Result<AuditEntry, StorageError> {
        self.store.log_action(action).await
    }
    async fn audit(&self, after: u64, limit: u16) -> Result<Vec<AuditEntry>, StorageError> {
        self.store.audit(after, limit).await
    }
}

#[async_trait]
impl<S: SealedFields> SealedFields for Temporary<S> {
    async fn put_field(&self, key: &FieldKey, sealed: &Sealed) -> Result<(), StorageError> {
        self.store.put_field(key, sealed).await
    }
    async fn field(&self, key: &FieldKey) -> Result<Option<Sealed>, StorageError> {
        self.store.field(key).await
    }
    async fn fields_of(&self, subject: &Subject) -> Result<Vec<(FieldName, Sealed)>, StorageError> {
        self.store.fields_of(subject).await
    }
    async fn fields_not_under(
        &self,
        key: KeyId,
        after: Option<&FieldKey>,
        limit: u16,
    ) -> Result<Vec<(FieldKey, Sealed)>, StorageError> {
        self.store.fields_not_under(key, after, limit).await
    }
    async fn replace_field(&self, key: &FieldKey, old: &Sealed, new: &Sealed) -> Result<bool, StorageError> {
        self.store.replace_field(key, old, new).await
    }
    async fn erase_subject(&self, subject: &Subject, action: ErasureOf<'_>) -> Result<u64, StorageError> {
        self.store.erase_subject(subject, action).await
    }
}

#[async_trait]
impl<S: Register> Register for Temporary<S> {
    async fn add(&self, entry: &Entry) -> Result<bool, StorageError> {
        self.store.add(entry).await
    }
    async fn history(
        &self,
        kind: &EntryKind,
        name: &EntryName,
        before: Option<u32>,
        limit: u16,
    ) -> Result<Vec<Entry>, StorageError> {
        self.store.history(kind, name, before, limit).await
    }
    async fn newest(&self, kind: &EntryKind) -> Result<Vec<Entry>, StorageError> {
        self.store.newest(kind).await
    }
    async fn labelled(
        &self,
        kind: &EntryKind,
        label: (&LabelName, &LabelValue),
        after: Option<&EntryName>,
        limit: u16,
    ) -> Result<Vec<Entry>, StorageError> {
        self.store.labelled(kind, label, after, limit).await
    }
    async fn count_labels(&self, kind: &EntryKind, label: &LabelName) -> Result<Vec<(LabelValue, u64)>, StorageError> {
        self.store.count_labels(kind, label).await
    }
}

#[async_trait]
impl<S: Queue> Queue for Temporary<S> {
    async fn enqueue(&self, job: &NewJob) -> Result<Enqueued, StorageError> {
        self.store.enqueue(job).await
    }
    async fn lease(
        &self,
        kind: &JobKind,
        worker: &WorkerName,
        now: Timestamp,
        until: Timestamp,
        limit: NonZeroU16,
    ) -> Result<Vec<Leased>, StorageError> {
        self.store.lease(kind, worker, now, until, limit).await
    }
    async fn renew(&self, lease: &Lease, until: Timestamp, progress: JobProgress) -> Result<bool, StorageError> {
        self.store.renew(lease, until, progress).await
    }
    async fn end(&self, lease: &Lease, at: Timestamp, end: &JobEnd) -> Result<bool, StorageError> {
        self.store.end(lease, at, end).await
    }
    async fn cancel(&self, id: JobId, at: Timestamp) -> Result<Option<Job>, StorageError> {
        self.store.cancel(id, at).await
    }
    async fn job(&self, id: JobId) -> Result<Option<Job>, StorageError> {
        self.store.job(id).await
    }
    async fn jobs(&self, query: &JobQuery) -> Result<Vec<Job>, StorageError> {
        self.store.jobs(query).await
    }
    async fn count_jobs(&self) -> Result<Vec<JobCount>, StorageError> {
        self.store.count_jobs().await
    }
    async fn forget_jobs(&self, kind: &JobKind, ended_before: Timestamp, limit: u16) -> Result<u64, StorageError> {
        self.store.forget_jobs(kind, ended_before, limit).await
    }
}

#[async_trait]
impl<S: Records> Records for Temporary<S> {
    async fn write(
        &self,
        draft: &RecordDraft,
        expected: ExpectedRecord,
        now: Timestamp,
    ) -> Result<Option<Revision>, StorageError> {
        self.store.write(draft, expected, now).await
    }
    async fn record(
        &self,
        collection: &Collection,
        key: &RecordKey,
        now: Timestamp,
    ) -> Result<Option<Record>, StorageError> {
        self.store.record(collection, key, now).await
    }
    async fn remove(
        &self,
        collection: &Collection,
        key: &RecordKey,
        expected: ExpectedRecord,
        now: Timestamp,
    ) -> Result<bool, StorageError> {
        self.store.remove(collection, key, expected, now).await
    }
    async fn find(&self, query: &RecordQuery, now: Timestamp) -> Result<Vec<Record>, StorageError> {
        self.store.find(query, now).await
    }
    async fn sweep(&self, now: Timestamp, limit: u16) -> Result<u64, StorageError> {
        self.store.sweep(now, limit).await
    }
}

mod records_of_memory {
    use super::*;
    records_conformance!(async { MemoryStore::new() });
}

mod records_behind_an_arc {
    use super::*;
    records_conformance!(async { Arc::new(MemoryStore::new()) as Arc<dyn Records> });
}

mod records_of_sqlite {
    use super::*;
    records_conformance!(sqlite());
}

mod records_of_postgres {
    use super::*;
    records_conformance!(postgres_of_two());
}

mod queue_of_memory {
    use super::*;
    queue_conformance!(async { MemoryStore::new() });
}

mod queue_behind_an_arc {
    use super::*;
    queue_conformance!(async { Arc::new(MemoryStore::new()) as Arc<dyn Queue> });
}

mod queue_of_sqlite {
    use super::*;
    queue_conformance!(sqlite());
}

mod queue_of_postgres {
    use super::*;
    queue_conformance!(postgres_of_two());
}

mod register_of_memory {
    use super::*;
    register_conformance!(async { MemoryStore::new() });
}

mod register_of_sqlite {
    use super::*;
    register_conformance!(sqlite());
}

mod register_of_postgres {
    use super::*;
    register_conformance!(servers::fresh_store());
}

mod fields_of_memory {
    use super::*;
    fields_conformance!(async { MemoryStore::new() });
}

mod fields_of_sqlite {
    use super::*;
    fields_conformance!(sqlite());
}

mod fields_of_postgres {
    use super::*;
    fields_conformance!(servers::fresh_store());
}

mod custody_of_memory {
    use super::*;
    custody_conformance!(async { MemoryStore::new() });
}

mod custody_of_sqlite {
    use super::*;
    custody_conformance!(sqlite());
}

mod custody_of_postgres {
    use super::*;
    custody_conformance!(servers::fresh_store());
}

mod memory {
    use super::*;
    sample_store_conformance!(place: async { MemoryPlace(Arc::default()) });
}

mod memory_behind_an_arc {
    use super::*;
    sample_store_conformance!(async { Arc::new(MemoryStore::new()) as Arc<dyn SampleStore> });
}

mod sqlite {
    use super::*;
    sample_store_conformance!(place: async { SqlitePlace(tempfile::tempdir().unwrap()) });
}

mod postgres {
    use super::*;
    sample_store_conformance!(place: async { PostgresPlace::new() });
}

mod spooled {
    use super::*;
    sample_store_conformance!(spooled());
}

mod metered {
    use super::*;
    sample_store_conformance!(async { MeteredStore::new(MemoryStore::new(), SystemClock) });
}

mod retrying {
    use super::*;
    sample_store_conformance!(async { RetryingStore::usual(MemoryStore::new()) });
}

mod guarded {
    use super::*;
    sample_store_conformance!(async {
        GuardedStore::new(MemoryStore::new(), BreakerConfig::default(), BreakerConfig::default(), SystemClock).unwrap()
    });
}
