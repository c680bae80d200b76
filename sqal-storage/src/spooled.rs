//! [`SpooledStore`]: a store whose samples wait in a local file while it is away, and move on when it is back.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use sqal_core::{Sample, SampleId, SampleKey};
use sqal_resilience::Backoff;
use tokio::sync::{Notify, RwLock};
use tracing::{error, info, warn};

use crate::{
    Cursor, DeviceTally, Hourly, HourlyQuery, Inserted, Page, SampleQuery, SampleStore, SqliteStore, StorageError,
    StorageErrorKind,
};

/// How long the store is asked whether it answers.
const PATIENCE: Duration = Duration::from_secs(1);

/// A decorator: when the store behind it is away, samples are acknowledged from a local SQLite file instead.
///
/// Both commits are durable, so an acknowledgement is worth the same. What waits in the file is found by every read, moves to the store
/// in the order in which its batches came, and is taken out only after the store's commit; a crash in between moves it twice, and the
/// second time is a duplicate. While the store is away, a sample that only the store knows is [`Inserted::Stored`] again, and once.
/// When the store commits a batch and its answer is lost, the batch waits here too: until it has moved, `hourly` counts it twice.
///
/// A sample that was acknowledged from the file can turn out to be an [`Inserted::Conflict`] when it moves: the store has another reading
/// under its key. It is then handed to the [keeper of conflicts](Self::with_conflict_keeper). Without a keeper, or if the keeper cannot
/// keep it, it stays in the file: an acknowledged sample is never thrown away.
///
/// Somebody must [forward](Self::keep_forwarding): a library starts no task.
#[derive(Debug)]
pub struct SpooledStore<S> {
    store: S,
    spool: Arc<SqliteStore>,
    most: u64,
    /// Never less than there are: it is raised before something is put in, and counted anew when nothing is found.
    waiting: AtomicU64,
    arrived: Notify,
    /// The last one that the store refused: what came after it must not wait for it.
    refused_until: AtomicI64,
    /// Held for writing while samples move: hours count each of them once. Nothing else waits for it.
    moving: RwLock<()>,
    /// Held for reading while something is put in, for writing while it is counted anew: both ask this machine's file only.
    counting: RwLock<()>,
    keeper: Option<ConflictKeeper>,
    /// Conflicts that no keeper has taken and that are in the log already.
    logged_conflicts: Mutex<HashSet<SampleId>>,
}

/// Takes an acknowledged sample that the store cannot hold; returns whether it is kept.
struct ConflictKeeper(Box<dyn Fn(&Sample) -> bool + Send + Sync>);

impl fmt::Debug for ConflictKeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConflictKeeper")
    }
}

impl<S: SampleStore> SpooledStore<S> {
    /// A store with a spool that holds at most so many samples (2 kB each); what an earlier process left in it is moved too.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the spool cannot be read.
    pub async fn new(store: S, spool: Arc<SqliteStore>, most: u64) -> Result<Self, StorageError> {
        let waiting = AtomicU64::new(spool.count().await?);
        let (arrived, refused_until) = (Notify::new(), AtomicI64::new(0));
        Ok(Self {
            store,
            spool,
            most,
            waiting,
            arrived,
            refused_until,
            moving: RwLock::new(()),
            counting: RwLock::new(()),
            keeper: None,
            logged_conflicts: Mutex::default(),
        })
    }

    /// Adds the keeper of conflicts: it is given each acknowledged sample that the store cannot hold because another reading has its key.
    /// If it returns `true` the sample is durable elsewhere and leaves the spool; otherwise the sample stays and is offered again.
    #[must_use]
    pub fn with_conflict_keeper(mut self, keeper: impl Fn(&Sample) -> bool + Send + Sync + 'static) -> Self {
        self.keeper = Some(ConflictKeeper(Box::new(keeper)));
        self
    }

    /// How many samples wait in the spool.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Acquire)
    }

    /// Moves one batch to the store; says how many moved. What the store refuses stays, and is tried again when all else has moved.
    ///
    /// # Errors
    ///
    /// [`StorageError`] of the store, or of the spool; what did not move stays.
    pub async fn forward(&self, limit: u16) -> Result<usize, StorageError> {
        loop {
            let after = self.refused_until.load(Ordering::Acquire);
            let (batch, last) = self.spool.first_come(after, limit).await?;
            let Some(last) = last else {
                if after > 0 {
                    // All that is left was refused: the next call tries it again.
                    self.refused_until.store(0, Ordering::Release);
                } else {
                    let _nothing_comes_in = self.counting.write().await;
                    self.waiting.store(self.spool.count().await?, Ordering::Release);
                }
                return Ok(0);
            };
            let moved = {
                let _moving = self.moving.write().await;
                let moved = self.move_what_is_taken(&batch).await?;
                // Another forwarder may have moved the same: it has counted them.
                self.lower(self.spool.take_out(&moved).await?);
                moved.len()
            };
            // A damaged one cannot move either.
            if moved < batch.len() || batch.is_empty() {
                self.refused_until.store(last, Ordering::Release);
            }
            if moved > 0 {
                return Ok(moved);
            }
        }
    }

    /// Puts a batch into the store; halves it as long as the store refuses it. Gives what the store has taken.
    async fn move_what_is_taken(&self, batch: &[Sample]) -> Result<Vec<Sample>, StorageError> {
        let (mut taken, mut parts) = (Vec::with_capacity(batch.len()), vec![batch]);
        while let Some(part) = parts.pop() {
            match self.store.insert(part).await {
                Ok(outcomes) => {
                    for (sample, outcome) in part.iter().zip(outcomes) {
                        if outcome != Inserted::Conflict || self.keeps_conflict(sample) {
                            taken.push(sample.clone());
                        }
                    }
                }
                Err(error) if error.kind == StorageErrorKind::Refused && part.len() > 1 => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                }
                Err(error) if error.kind == StorageErrorKind::Refused => {
                    for SampleKey { device_id, sample_id, .. } in part.iter().map(|sample| &sample.key) {
                        error!(?error, %device_id, %sample_id, "a spooled sample is refused");
                    }
                }
                // What was taken before is taken out at the next try: the store knows it then.
                Err(error) => return Err(error),
            }
        }
        Ok(taken)
    }

    /// Hands a conflict to the keeper and logs it once; returns whether it is kept.
    fn keeps_conflict(&self, sample: &Sample) -> bool {
        let kept = self.keeper.as_ref().is_some_and(|keeper| (keeper.0)(sample));
        let mut logged = self.logged_conflicts.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = if kept { !logged.remove(&sample.id()) } else { logged.insert(sample.id()) };
        if is_new {
            let SampleKey { device_id, sample_id, .. } = &sample.key;
            error!(%device_id, %sample_id, kept, "a spooled sample has the key of another reading in the store");
        }
        kept
    }

    fn lower(&self, by: u64) {
        // Never below nothing: somebody may have counted anew meanwhile.
        let _ =
            self.waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, |waiting| Some(waiting.saturating_sub(by)));
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
        let _not_counted_now = self.counting.read().await;
        // Before it is put in: a caller that gives up in between leaves too high a number, which is put right, and no hidden sample.
        if self.waiting.fetch_add(count, Ordering::AcqRel).saturating_add(count) > self.most {
            self.lower(count);
            warn!(waiting = self.waiting(), most = self.most, "the spool is full");
            return Err(error);
        }
        // Before too: a forwarder that comes too early waits until this is counted.
        self.arrived.notify_one();
        let outcomes = match self.spool.insert(batch).await {
            Ok(outcomes) => outcomes,
            Err(error) => {
                self.lower(count);
                return Err(error);
            }
        };
        let known = outcomes.iter().filter(|outcome| **outcome != Inserted::Stored).count();
        self.lower(u64::try_from(known).unwrap_or(0));
        warn!(?error, samples = batch.len(), waiting = self.waiting(), "the store is away, samples wait in the spool");
        Ok(outcomes)
    }
}

#[async_trait]
impl<S: SampleStore> SampleStore for SpooledStore<S> {
    async fn insert(&self, batch: &[Sample]) -> Result<Vec<Inserted>, StorageError> {
        if self.waiting() == 0 {
            return match self.store.insert(batch).await {
                Err(error) if error.is_transient() => self.spool(batch, error).await,
                result => result,
            };
        }
        // What waits here is known, though the store does not know it yet.
        let known = self.spool.known(batch).await?;
        let new: Vec<_> =
            batch.iter().zip(&known).filter(|(_, known)| known.is_none()).map(|(sample, _)| sample.clone()).collect();
        let mut outcomes = match self.store.insert(&new).await {
            Err(error) if error.is_transient() => self.spool(&new, error).await?,
            result => result?,
        }
        .into_iter();
        // A store gives one outcome per sample.
        let outcome = |known: Option<Inserted>| known.or_else(|| outcomes.next()).unwrap_or(Inserted::Conflict);
        Ok(known.into_iter().map(outcome).collect())
    }

    async fn get(&self, id: &SampleId) -> Result<Option<Sample>, StorageError> {
        // The spool first: what moves meanwhile is then in the store.
        if self.waiting() > 0
            && let Some(sample) = self.spool.get(id).await?
        {
            return Ok(Some(sample));
        }
        self.store.get(id).await
    }

    async fn query(&self, query: &SampleQuery) -> Result<Page, StorageError> {
        if self.waiting() == 0 {
            return self.store.query(query).await;
        }
        // The spool first: what moves meanwhile is then in the store, and what is in both is given once.
        let spooled = self.spool.query(query).await?;
        let page = self.store.query(query).await?;
        // Beyond the end of a page that has a next one, nothing is known of its half.
        let horizon = page.next.max(spooled.next);
        let mut items = [page.items, spooled.items].concat();
        items.retain(|sample| horizon.is_none_or(|horizon| Cursor::of(sample) >= horizon));
        items.sort_by_cached_key(|sample| Reverse(Cursor::of(sample)));
        items.dedup_by_key(|sample| sample.key);
        let limit = usize::from(query.limit.get());
        let next = if items.len() > limit { items.get(limit - 1).map(Cursor::of) } else { horizon };
        items.truncate(limit);
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

    async fn by_device(&self, query: &HourlyQuery) -> Result<Vec<DeviceTally>, StorageError> {
        let _still = self.moving.read().await;
        let devices = self.store.by_device(query).await?;
        if self.waiting() == 0 {
            return Ok(devices);
        }
        Ok(DeviceTally::together(devices.into_iter().chain(self.spool.by_device(query).await?)))
    }

    /// Whether samples can be stored: in the store, or as long as there is room in the spool.
    async fn ping(&self) -> Result<(), StorageError> {
        // A dead host answers nothing: who asks for health has little patience, and the spool is asked after it.
        let patience = tokio::time::timeout(PATIENCE, self.store.ping());
        let answer = patience.await.unwrap_or_else(|_| Err(StorageError::new("spool", StorageErrorKind::Unavailable)));
        match answer {
            Err(error) if error.is_transient() && self.waiting() < self.most => self.spool.ping().await,
            result => result,
        }
    }
}
