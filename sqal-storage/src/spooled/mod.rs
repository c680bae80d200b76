//! [`SpooledStore`]: a store whose samples wait in a local file while it is unavailable, and move
//! when it is back.

mod outages;
mod spool_error;

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use sqal_core::{Sample, SampleId, SampleKey};
use sqal_resilience::{Backoff, log::Causes};
use tokio::sync::{Notify, RwLock};
use tracing::{debug, error, info, warn};

use outages::Outages;
pub use spool_error::SpoolError;

use crate::in_both::InBoth;
use crate::sqlite::{Arrivals, Reserve};
use crate::{
    Inserted, SampleQuery, SampleStore, SqliteStore, StorageError, StorageErrorKind,
    samples::{Cursor, DeviceTally, Hourly, HourlyQuery, Page},
};

/// The longest wait for the store's answer to a ping.
const PATIENCE: Duration = Duration::from_secs(1);

/// The number of samples that are removed from the spool in one commit.
const TAKEN_OUT_AT_ONCE: usize = 500;

/// The number of samples that are removed in one commit if the spool's disk is full: each commit
/// needs room in the log.
const TAKEN_OUT_WHEN_FULL: usize = 10;

/// A decorator: if the store behind it is unavailable, samples are acknowledged from a local SQLite
/// file instead.
///
/// Both commits are durable, so both acknowledgements are worth the same. Every read finds the
/// samples that wait in the file. They move to the store in the order in which their batches came,
/// and are removed only after the store's commit. A crash in between moves them twice, and the
/// second time they are duplicates. While the store is unavailable, a sample that only the store
/// has is [`Inserted::Stored`] again, and is stored once. If the store commits a batch and its
/// answer is lost, the batch waits in the file too: until it has moved, `hourly` counts it twice.
///
/// A sample that was acknowledged from the file can turn out to be an [`Inserted::Conflict`] when
/// it moves: the store has another reading under its key. It is then passed to the
/// [keeper of conflicts](Self::with_conflict_keeper). Without a keeper, or if the keeper cannot
/// keep it, it stays in the file: an acknowledged sample is never thrown away.
///
/// The spool keeps room to drain. It accepts no samples if its file system has less than 32 MiB
/// free (a tenth of a small one). It holds a reserve of 1 MiB in a file beside its own (with the
/// ending `-reserve`). If samples cannot be removed for lack of room, the reserve is given up; it
/// is held again when the spool is empty. Samples on a damaged page are skipped and counted; all
/// others move.
///
/// The embedding program must run [`keep_forwarding`](Self::keep_forwarding): a library starts no
/// task.
#[derive(Debug)]
pub struct SpooledStore<S> {
    store: S,
    spool: Arc<SqliteStore>,
    most: u64,
    /// The number of waiting samples, never too low: it is raised before an insert, and counted
    /// anew when no sample is found.
    waiting: AtomicU64,
    arrived: Notify,
    /// The place of the last sample that the store refused: later samples must not wait for it.
    refused_until: AtomicI64,
    /// Locked for writing while samples move, so that hours count each of them once. No other call
    /// waits for it.
    moving: RwLock<()>,
    /// Locked for reading during an insert, for writing during a new count: both use only this
    /// machine's file.
    counting: RwLock<()>,
    keeper: Option<ConflictKeeper>,
    /// Conflicts that no keeper has kept and that are in the log already.
    logged_conflicts: Mutex<HashSet<SampleId>>,
    /// Samples that stay in the file and are not moved again.
    passed_by: Mutex<PassedBy>,
    /// Samples that the store has accepted and that could not be removed from the spool: hours must
    /// not count them twice. Changed only while `moving` is locked for writing.
    in_both: Mutex<InBoth>,
    /// Whether the store had no room for the last samples that it was given: a read-only probe does
    /// not detect that.
    store_is_full: AtomicBool,
    reserve: Reserve,
    /// What the log says while the store or the spool fails.
    outages: Outages,
}

/// Takes an acknowledged sample that the store cannot hold; returns whether it is kept.
struct ConflictKeeper(Box<dyn Fn(&Sample) -> bool + Send + Sync>);

impl fmt::Debug for ConflictKeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConflictKeeper")
    }
}

/// Places of the spool that are not read again by this process.
#[derive(Debug, Default)]
struct PassedBy {
    /// Places whose samples cannot be read.
    damaged: BTreeSet<i64>,
    /// Places whose samples have moved, and stay in the file because of damage beside them.
    moved: BTreeSet<i64>,
}

/// Why a batch has not moved: an error of the store or of the spool.
enum Stuck {
    Store(StorageError),
    Spool(StorageError),
}

impl<S: SampleStore> SpooledStore<S> {
    /// A store with a spool of at most `most` samples (2 kB each); samples that an earlier process
    /// left in the spool are moved too.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the spool cannot be read.
    pub async fn new(store: S, spool: Arc<SqliteStore>, most: u64) -> Result<Self, StorageError> {
        let waiting = match spool.count().await {
            // The spool cannot be counted: forwarding finds its samples.
            Err(error) if matches!(error.kind, StorageErrorKind::Corrupt(_)) => 1,
            counted => counted?,
        };
        let waiting = AtomicU64::new(waiting);
        let reserve = Reserve::beside(spool.place().path());
        let (arrived, refused_until) = (Notify::new(), AtomicI64::new(0));
        let store = Self {
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
            passed_by: Mutex::default(),
            in_both: Mutex::default(),
            store_is_full: AtomicBool::new(false),
            reserve,
            outages: Outages::default(),
        };
        store.hold_reserve().await;
        Ok(store)
    }

    /// Adds the keeper of conflicts.
    ///
    /// The keeper is given each acknowledged sample that the store cannot hold because another
    /// reading has its key. If it returns `true`, the sample is durable elsewhere and leaves the
    /// spool. Otherwise the sample stays and is offered again.
    #[must_use]
    pub fn with_conflict_keeper(mut self, keeper: impl Fn(&Sample) -> bool + Send + Sync + 'static) -> Self {
        self.keeper = Some(ConflictKeeper(Box::new(keeper)));
        self
    }

    /// Names the store in the lines of the log: its host, without a password.
    #[must_use]
    pub fn with_store_name(mut self, name: impl Into<String>) -> Self {
        self.outages.name = Some(name.into());
        self
    }

    /// The number of samples that wait in the spool.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Acquire)
    }

    /// The number of samples of the spool that cannot be read and are skipped.
    #[must_use]
    pub fn damaged(&self) -> u64 {
        let passed_by = self.passed_by.lock().unwrap_or_else(PoisonError::into_inner);
        u64::try_from(passed_by.damaged.len()).unwrap_or(u64::MAX)
    }

    /// Checks whether the spool would accept samples now if the store were unavailable.
    ///
    /// # Errors
    ///
    /// [`SpoolError`] names what is wrong with the spool.
    pub async fn takes(&self) -> Result<(), SpoolError> {
        let (waiting, most, samples) = (self.waiting(), self.most, self.damaged());
        if samples > 0 {
            return Err(SpoolError::Damaged { samples });
        }
        if waiting >= most {
            return Err(SpoolError::Full { waiting, most });
        }
        self.spool.ping().await.map_err(SpoolError::File)
    }

    /// Checks whether the store itself accepts samples: it answers within a second (a dead host
    /// never answers), and had room for the last samples.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store does not accept samples.
    pub async fn ping_store(&self) -> Result<(), StorageError> {
        let patience = tokio::time::timeout(PATIENCE, self.store.ping());
        patience.await.unwrap_or_else(|_| Err(StorageError::new("spool", StorageErrorKind::Unavailable)))?;
        let is_full = self.store_is_full.load(Ordering::Relaxed);
        if is_full { Err(StorageError::new("store", StorageErrorKind::Full)) } else { Ok(()) }
    }

    /// Inserts samples into the store, and remembers whether it had room for them.
    async fn give(&self, batch: &[Sample]) -> Result<Vec<Inserted>, StorageError> {
        let given = self.store.insert(batch).await;
        match &given {
            Ok(_) if !batch.is_empty() => self.store_is_full.store(false, Ordering::Relaxed),
            Err(error) if error.kind == StorageErrorKind::Full => self.store_is_full.store(true, Ordering::Relaxed),
            // No samples were given, or a breaker has refused them: the earlier state stays.
            _ => {}
        }
        if !batch.is_empty() {
            self.outages.given(&given, self.waiting());
        }
        given
    }

    /// Writes the reserve if it does not exist; the spool also works without it.
    async fn hold_reserve(&self) {
        let reserve = self.reserve.clone();
        let held = tokio::task::spawn_blocking(move || reserve.hold()).await;
        if let Ok(Err(error)) = held {
            warn!(%error, "the spool holds no reserve: its disk has no room for 1 MiB");
        }
    }

    /// Returns the room of an empty spool to the file system, and holds the reserve again. A
    /// damaged spool stays unchanged as evidence.
    async fn tidy(&self) {
        if self.passed_by().is_empty()
            && let Err(error) = self.spool.shrink().await
        {
            warn!(error = %Causes::of(&error), "the file of the empty spool could not be shrunk");
        }
        self.hold_reserve().await;
    }

    /// Gives the reserve up; returns whether there was one.
    async fn give_up_reserve(&self) -> bool {
        let reserve = self.reserve.clone();
        tokio::task::spawn_blocking(move || reserve.give_up()).await.unwrap_or(false)
    }

    /// The samples that are in the store and in the spool.
    fn in_both(&self) -> InBoth {
        self.in_both.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All places that are not read again.
    fn passed_by(&self) -> BTreeSet<i64> {
        let passed_by = self.passed_by.lock().unwrap_or_else(PoisonError::into_inner);
        passed_by.damaged.union(&passed_by.moved).copied().collect()
    }

    /// Skips damaged places from now on.
    fn pass_by_damaged(&self, places: &[i64]) {
        if let (Some(first), Some(last)) = (places.first(), places.last()) {
            let samples = places.len();
            error!(samples, first, last, "the spool is damaged; these samples are skipped");
            self.passed_by.lock().unwrap_or_else(PoisonError::into_inner).damaged.extend(places);
        }
    }

    /// The number of waiting samples that are not skipped, never too low. No insert may happen
    /// meanwhile.
    async fn left(&self) -> Result<u64, StorageError> {
        let passed_by = self.passed_by();
        if passed_by.is_empty() {
            return self.spool.count().await;
        }
        match self.spool.count().await {
            Ok(0) => {
                *self.passed_by.lock().unwrap_or_else(PoisonError::into_inner) = PassedBy::default();
                return Ok(0);
            }
            Err(error) if !matches!(error.kind, StorageErrorKind::Corrupt(_)) => return Err(error),
            _ => {}
        }
        // Damaged places may be empty, so they are not subtracted from a count.
        let found = self.spool.first_come(0, 1, &passed_by).await?;
        Ok(if found.last.is_some() { self.waiting().max(1) } else { 0 })
    }

    /// Moves one batch to the store; returns the number of moved samples. Samples that the store
    /// refuses stay, and are tried again when all others have moved.
    ///
    /// # Errors
    ///
    /// [`StorageError`] of the store, or of the spool; samples that did not move stay.
    pub async fn forward(&self, limit: u16) -> Result<usize, StorageError> {
        self.move_batch(limit).await.map_err(|stuck| match stuck {
            Stuck::Store(error) | Stuck::Spool(error) => error,
        })
    }

    async fn move_batch(&self, limit: u16) -> Result<usize, Stuck> {
        loop {
            let after = self.refused_until.load(Ordering::Acquire);
            let arrivals = self.spool.first_come(after, limit, &self.passed_by()).await.map_err(Stuck::Spool)?;
            self.pass_by_damaged(&arrivals.damaged);
            let Some(last) = arrivals.last else {
                if after > 0 {
                    // All remaining samples were refused: the next call tries them again.
                    self.refused_until.store(0, Ordering::Release);
                } else {
                    let _nothing_comes_in = self.counting.write().await;
                    let left = self.left().await.map_err(Stuck::Spool)?;
                    self.waiting.store(left, Ordering::Release);
                    if left == 0 {
                        self.tidy().await;
                    }
                }
                return Ok(0);
            };
            let moved = {
                let _moving = self.moving.write().await;
                let moved = self.move_what_is_taken(&arrivals.samples).await.map_err(Stuck::Store)?;
                let taken_out = self.take_out(&moved, &arrivals).await;
                let in_both = if taken_out.is_ok() { InBoth::default() } else { InBoth::of(&moved) };
                *self.in_both.lock().unwrap_or_else(PoisonError::into_inner) = in_both;
                taken_out.map_err(Stuck::Spool)?;
                moved.len()
            };
            // Damaged samples cannot move either.
            if moved < arrivals.samples.len() || moved == 0 {
                self.refused_until.store(last, Ordering::Release);
            }
            if moved > 0 {
                return Ok(moved);
            }
        }
    }

    /// Removes moved samples from the spool, a page at a time. If the disk is full, the pages
    /// become smaller, and then the reserve is given up. Samples that damage keeps in the file are
    /// skipped: a later process moves them again, and the store takes them for duplicates.
    async fn take_out(&self, moved: &[Sample], arrivals: &Arrivals) -> Result<(), StorageError> {
        let (mut rest, mut page) = (moved, TAKEN_OUT_AT_ONCE);
        while !rest.is_empty() {
            let (part, after) = rest.split_at(page.min(rest.len()));
            match self.spool.take_out(part).await {
                // Another forwarder may have moved some of these samples: it has counted them.
                Ok(gone) => {
                    self.lower(gone);
                    rest = after;
                }
                Err(error) if error.kind == StorageErrorKind::Full => {
                    if page > TAKEN_OUT_WHEN_FULL {
                        page = TAKEN_OUT_WHEN_FULL;
                    } else if self.give_up_reserve().await {
                        warn!(
                            error = %Causes::of(&error),
                            "the spool's disk is full; the spool releases its reserve to drain"
                        );
                        self.spool.write_back().await;
                    } else if page > 1 {
                        page = 1;
                    } else {
                        return Err(error);
                    }
                }
                Err(error) if matches!(error.kind, StorageErrorKind::Corrupt(_)) => {
                    error!(
                        error = %Causes::of(&error), samples = rest.len(),
                        "the spool is damaged; moved samples could not be removed from it"
                    );
                    let ids: BTreeSet<_> = rest.iter().map(Sample::id).collect();
                    let places = arrivals.samples.iter().zip(&arrivals.places);
                    let places = places.filter(|(sample, _)| ids.contains(&sample.id())).map(|(_, place)| *place);
                    self.passed_by.lock().unwrap_or_else(PoisonError::into_inner).moved.extend(places);
                    self.lower(u64::try_from(rest.len()).unwrap_or(u64::MAX));
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Inserts a batch into the store, and halves it while the store refuses it. Returns the
    /// samples that the store has accepted.
    async fn move_what_is_taken(&self, batch: &[Sample]) -> Result<Vec<Sample>, StorageError> {
        let (mut taken, mut parts) = (Vec::with_capacity(batch.len()), vec![batch]);
        while let Some(part) = parts.pop() {
            match self.give(part).await {
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
                    for sample in part {
                        self.outages.refused(sample, &error);
                    }
                }
                // Samples that were accepted before are removed at the next try: the store then
                // reports them as duplicates.
                Err(error) => return Err(error),
            }
        }
        Ok(taken)
    }

    /// Passes a conflict to the keeper and logs it once; returns whether it is kept.
    fn keeps_conflict(&self, sample: &Sample) -> bool {
        let kept = self.keeper.as_ref().is_some_and(|keeper| (keeper.0)(sample));
        let mut logged = self.logged_conflicts.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = if kept { !logged.remove(&sample.id()) } else { logged.insert(sample.id()) };
        if is_new {
            let SampleKey { device_id, name: sample_id, .. } = &sample.key;
            error!(%device_id, %sample_id, kept, "a spooled sample has the key of another reading in the store");
        }
        kept
    }

    fn lower(&self, by: u64) {
        // Never below 0: another task may have counted anew meanwhile.
        let _ =
            self.waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, |waiting| Some(waiting.saturating_sub(by)));
    }

    /// Moves samples whenever some wait, with pauses while the store is unavailable. Never ends;
    /// drop the future to stop it.
    pub async fn keep_forwarding(&self, backoff: Backoff) {
        let (mut attempt, mut samples) = (0, 0_usize);
        loop {
            if self.waiting() == 0 {
                if samples > 0 {
                    info!(samples, "spooled samples have moved to the store");
                    samples = 0;
                }
                self.arrived.notified().await;
            }
            match self.move_batch(500).await {
                Ok(moved) if moved > 0 => {
                    self.outages.moved();
                    (attempt, samples) = (0, samples + moved);
                    debug!(moved, waiting = self.waiting(), "spooled samples moved");
                    continue;
                }
                // The store refuses all remaining samples.
                Ok(_) => {}
                Err(stuck) => self.outages.stuck(&stuck, self.waiting()),
            }
            // One forwarder per spool has no herd to spread, so the middle of the jitter is enough.
            tokio::time::sleep(backoff.delay(attempt, 0.5)).await;
            attempt = attempt.saturating_add(1);
        }
    }

    /// Checks whether the spool's file system has room to take samples and to drain them.
    async fn room(&self) -> Result<(), StorageError> {
        let spool = Arc::clone(&self.spool);
        tokio::task::spawn_blocking(move || spool.place().has_room()).await.unwrap_or(Ok(()))
    }

    /// Stores in the spool a batch that the store could not accept.
    async fn spool(&self, batch: &[Sample], error: StorageError) -> Result<Vec<Inserted>, StorageError> {
        let count = u64::try_from(batch.len()).unwrap_or(u64::MAX);
        if let Err(full) = self.room().await {
            self.outages.closed(&SpoolError::File(full), self.waiting());
            return Err(error);
        }
        let _not_counted_now = self.counting.read().await;
        // Raised before the insert. A caller that gives up in between then leaves a number that is
        // too high and is corrected later, and no hidden sample.
        if self.waiting.fetch_add(count, Ordering::AcqRel).saturating_add(count) > self.most {
            self.lower(count);
            let (waiting, most) = (self.waiting(), self.most);
            self.outages.closed(&SpoolError::Full { waiting, most }, waiting);
            return Err(error);
        }
        // Also before the insert: a forwarder that comes too early waits until this batch is
        // counted.
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
        self.outages.opened();
        Ok(outcomes)
    }
}

#[async_trait]
impl<S: SampleStore> SampleStore for SpooledStore<S> {
    async fn insert(&self, batch: &[Sample]) -> Result<Vec<Inserted>, StorageError> {
        if self.waiting() == 0 {
            return match self.give(batch).await {
                Err(error) if error.is_transient() => self.spool(batch, error).await,
                result => result,
            };
        }
        // Samples that wait in the spool are known, though the store does not know them yet. A
        // spool that cannot be read must not stop a store that accepts samples: the store reports
        // what it knows, and the other duplicates show when the spool moves.
        let known = self.spool.known(batch).await.unwrap_or_else(|error| {
            self.outages.unreadable(&error);
            vec![None; batch.len()]
        });
        let new: Vec<_> =
            batch.iter().zip(&known).filter(|(_, known)| known.is_none()).map(|(sample, _)| sample.clone()).collect();
        let mut outcomes = match self.give(&new).await {
            Err(error) if error.is_transient() => self.spool(&new, error).await?,
            result => result?,
        }
        .into_iter();
        // A store gives one outcome per sample.
        let outcome = |known: Option<Inserted>| known.or_else(|| outcomes.next()).unwrap_or(Inserted::Conflict);
        Ok(known.into_iter().map(outcome).collect())
    }

    async fn get(&self, id: &SampleId) -> Result<Option<Sample>, StorageError> {
        // The spool is read first: a sample that moves meanwhile is then in the store.
        if self.waiting() > 0
            && let Some(sample) = self.outages.unless_damaged(self.spool.get(id).await, None)?
        {
            return Ok(Some(sample));
        }
        self.store.get(id).await
    }

    async fn query(&self, query: &SampleQuery) -> Result<Page, StorageError> {
        if self.waiting() == 0 {
            return self.store.query(query).await;
        }
        // The spool is read first: a sample that moves meanwhile is then in the store, and a sample
        // in both is returned once.
        let spooled =
            self.outages.unless_damaged(self.spool.query(query).await, Page { items: Vec::new(), next: None })?;
        let page = self.store.query(query).await?;
        // If a page has a next one, the samples of its source beyond its end are not known.
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
        let in_both = self.in_both();
        let spooled = if in_both.is_empty() {
            self.spool.hourly(query).await
        } else {
            in_both.hourly_without(&self.spool, query).await
        };
        let spooled = self.outages.unless_damaged(spooled, Vec::new())?;
        Ok(Hourly::together(hours.into_iter().chain(spooled)))
    }

    async fn by_device(&self, query: &HourlyQuery) -> Result<Vec<DeviceTally>, StorageError> {
        let _still = self.moving.read().await;
        let devices = self.store.by_device(query).await?;
        if self.waiting() == 0 {
            return Ok(devices);
        }
        let in_both = self.in_both();
        let spooled = if in_both.is_empty() {
            self.spool.by_device(query).await
        } else {
            in_both.by_device_without(&self.spool, query).await
        };
        let spooled = self.outages.unless_damaged(spooled, Vec::new())?;
        Ok(DeviceTally::together(devices.into_iter().chain(spooled)))
    }

    /// Checks whether samples can be stored: in the store, or in the spool while it has room.
    async fn ping(&self) -> Result<(), StorageError> {
        match self.ping_store().await {
            Err(error) if error.is_transient() => match self.takes().await {
                Ok(()) => {
                    self.outages.a_place();
                    Ok(())
                }
                Err(why) => {
                    self.outages.no_place(&why);
                    Err(error)
                }
            },
            Ok(()) => {
                self.outages.a_place();
                Ok(())
            }
            failed => failed,
        }
    }
}
