//! [`SpooledStore`]: a store whose samples wait in a local file while it is away, and move on when it is back.

use std::cmp::Reverse;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use sqal_core::{Sample, SampleId};
use sqal_resilience::Backoff;
use tokio::sync::{Notify, RwLock};
use tracing::{error, info, warn};

use crate::{
    Hourly, HourlyQuery, Inserted, Page, SampleQuery, SampleStore, SqliteStore, StorageError, StorageErrorKind,
};

/// A decorator: when the store behind it is away, samples are acknowledged from a local SQLite file instead.
///
/// Both commits are durable, so an acknowledgement is worth the same. What waits in the file is found by every read, moves to the store
/// in the order in which its batches came, and is taken out only after the store's commit; a crash in between moves it twice, and the second
/// time is a duplicate. While the store is away, a sample that only the store knows is [`Inserted::Stored`] again, and once.
///
/// Somebody must [forward](Self::keep_forwarding): a library starts no task.
#[derive(Debug)]
pub struct SpooledStore<S> {
    store: S,
    spool: Arc<SqliteStore>,
    most: u64,
    waiting: AtomicU64,
    arrived: Notify,
    /// Held for writing while samples move: a reader sees each of them once.
    moving: RwLock<()>,
}

impl<S: SampleStore> SpooledStore<S> {
    /// A store with a spool that holds at most so many samples (2 kB each); what an earlier process left in it is moved too.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the spool cannot be read.
    pub async fn new(store: S, spool: Arc<SqliteStore>, most: u64) -> Result<Self, StorageError> {
        let waiting = AtomicU64::new(spool.count().await?);
        Ok(Self { store, spool, most, waiting, arrived: Notify::new(), moving: RwLock::new(()) })
    }

    /// How many samples wait in the spool.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Acquire)
    }

    /// Moves one batch to the store; says how many moved.
    ///
    /// # Errors
    ///
    /// [`StorageError`] of the store, or of the spool; what did not move stays.
    pub async fn forward(&self, limit: u16) -> Result<usize, StorageError> {
        let batch = self.spool.first_come(limit).await?;
        if batch.is_empty() {
            return Ok(0);
        }
        let _moving = self.moving.write().await;
        match self.store.insert(&batch).await {
            Ok(_) => {}
            // One sample that the store refuses must not stop the others: it stays here, and is found here.
            Err(error) if error.kind == StorageErrorKind::Refused && batch.len() > 1 => {
                return self.forward_one_by_one(&batch).await;
            }
            Err(error) => return Err(error),
        }
        self.take_out(&batch).await?;
        Ok(batch.len())
    }

    async fn forward_one_by_one(&self, batch: &[Sample]) -> Result<usize, StorageError> {
        let mut moved = Vec::new();
        for sample in batch {
            match self.store.insert(std::slice::from_ref(sample)).await {
                Ok(_) => moved.push(sample.clone()),
                Err(error) if error.kind == StorageErrorKind::Refused => {
                    error!(?error, device_id = %sample.key.device_id, sample_id = %sample.key.sample_id, "a spooled sample is refused");
                }
                Err(error) => {
                    self.take_out(&moved).await?;
                    return Err(error);
                }
            }
        }
        self.take_out(&moved).await?;
        Ok(moved.len())
    }

    async fn take_out(&self, samples: &[Sample]) -> Result<(), StorageError> {
        self.spool.take_out(samples).await?;
        self.waiting.store(self.spool.count().await?, Ordering::Release);
        Ok(())
    }

    /// Moves what waits whenever something waits, with pauses while the store is away. Never ends; drop it to stop it.
    pub async fn keep_forwarding(&self, backoff: Backoff) {
        let mut attempt = 0;
        loop {
            if self.waiting() == 0 {
                self.arrived.notified().await;
            }
            match self.forward(500).await {
                Ok(moved) if moved > 0 => {
                    attempt = 0;
                    info!(moved, waiting = self.waiting(), "spooled samples moved to the store");
                    continue;
                }
                // All that is left is what the store refuses.
                Ok(_) => {}
                Err(error) => warn!(?error, waiting = self.waiting(), "the store is still away"),
            }
            // One forwarder per spool: there is no herd to spread, so the middle of the jitter will do.
            tokio::time::sleep(backoff.delay(attempt, 0.5)).await;
            attempt = attempt.saturating_add(1);
        }
    }

    /// Stores in the spool what the store could not take.
    async fn spool(&self, batch: &[Sample], error: StorageError) -> Result<Vec<Inserted>, StorageError> {
        let count = u64::try_from(batch.len()).unwrap_or(u64::MAX);
        if self.waiting().saturating_add(count) > self.most {
            warn!(waiting = self.waiting(), most = self.most, "the spool is full");
            return Err(error);
        }
        let outcomes = self.spool.insert(batch).await?;
        let new = outcomes.iter().filter(|outcome| **outcome == Inserted::Stored).count();
        self.waiting.fetch_add(u64::try_from(new).unwrap_or(0), Ordering::AcqRel);
        warn!(?error, samples = batch.len(), waiting = self.waiting(), "the store is away, samples wait in the spool");
        self.arrived.notify_one();
        Ok(outcomes)
    }
}

#[async_trait]
impl<S: SampleStore> SampleStore for SpooledStore<S> {
    async fn insert(&self, batch: &[Sample]) -> Result<Vec<Inserted>, StorageError> {
        let _still = self.moving.read().await;
        if self.waiting() == 0 {
            return match self.store.insert(batch).await {
                Err(error) if error.is_transient() => self.spool(batch, error).await,
                result => result,
            };
        }
        // What waits here is known, though the store does not know it yet.
        let ids: Vec<_> = batch.iter().map(Sample::id).collect();
        let known = self.spool.known(&ids).await?;
        let new: Vec<_> = batch.iter().zip(&known).filter(|(_, known)| !**known).map(|(sample, _)| sample.clone()).collect();
        let mut outcomes = match self.store.insert(&new).await {
            Err(error) if error.is_transient() => self.spool(&new, error).await?,
            result => result?,
        }
        .into_iter();
        let outcome = |known| if known { Inserted::Duplicate } else { outcomes.next().unwrap_or(Inserted::Duplicate) };
        Ok(known.into_iter().map(outcome).collect())
    }

    async fn get(&self, id: &SampleId) -> Result<Option<Sample>, StorageError> {
        let _still = self.moving.read().await;
        if self.waiting() > 0
            && let Some(sample) = self.spool.get(id).await?
        {
            return Ok(Some(sample));
        }
        self.store.get(id).await
    }

    async fn query(&self, query: &SampleQuery) -> Result<Page, StorageError> {
        let _still = self.moving.read().await;
        let page = self.store.query(query).await?;
        if self.waiting() == 0 {
            return Ok(page);
        }
        let spooled = self.spool.query(query).await?;
        let more = page.next.is_some() || spooled.next.is_some();
        let mut items = [page.items, spooled.items].concat();
        items.sort_by_cached_key(|sample| Reverse((sample.key.timestamp, sample.id())));
        // A crash may have left a sample in both.
        items.dedup_by_key(|sample| sample.key);
        let limit = usize::from(query.limit.get());
        let more = more || items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(crate::Cursor::of);
        Ok(Page { items, next })
    }

    async fn hourly(&self, query: &HourlyQuery) -> Result<Vec<Hourly>, StorageError> {
        let _still = self.moving.read().await;
        let hours = self.store.hourly(query).await?;
        if self.waiting() == 0 {
            return Ok(hours);
        }
        Ok(Hourly::together(hours.into_iter().chain(self.spool.hourly(query).await?)))
    }

    /// Whether samples can be stored: in the store, or as long as there is room in the spool.
    async fn ping(&self) -> Result<(), StorageError> {
        match self.store.ping().await {
            Err(error) if error.is_transient() && self.waiting() < self.most => self.spool.ping().await,
            result => result,
        }
    }
}
