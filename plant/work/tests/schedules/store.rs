//! A store that fails at random, before or after it has done its work, and that counts what is
//! added to its queue.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use sqal_storage::conformance::{Call, Interpose, Interposed, Turn};
use sqal_storage::queue::{Enqueued, NewJob};
use sqal_storage::{MemoryStore, StorageErrorKind};

/// Numbers that look like chance and are the same at each run.
#[derive(Debug)]
pub(crate) struct Dice(AtomicU64);

impl Dice {
    pub(crate) const fn of(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// A number below a bound (Steele and others 2014, `SplitMix64`).
    pub(crate) fn below(&self, bound: u64) -> u64 {
        const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
        let mut mixed = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// A memory store that may fail.
pub(crate) type Store = Interposed<MemoryStore, Weather>;

pub(crate) fn store(seed: u64) -> Store {
    let turns = Weather {
        dice: Dice::of(seed),
        is_shaky: AtomicBool::new(false),
        writes_left: AtomicU64::new(u64::MAX),
        added: Mutex::default(),
    };
    Interposed::new(MemoryStore::new(), turns)
}

/// Which calls fail, and which jobs were added.
#[derive(Debug)]
pub(crate) struct Weather {
    dice: Dice,
    /// Whether one call in thirty fails.
    pub(crate) is_shaky: AtomicBool,
    /// The writes of records that succeed before all others fail.
    pub(crate) writes_left: AtomicU64,
    /// The jobs that were added, by key, with the times that a job of the key was added.
    added: Mutex<BTreeMap<String, (NewJob, u32)>>,
}

impl Weather {
    /// The jobs with a key that were added, each with the times that a job of its key was added.
    pub(crate) fn added(&self) -> Vec<(NewJob, u32)> {
        self.added.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

#[async_trait]
impl Interpose for Weather {
    async fn turn(&self, call: Call) -> Turn {
        let away = StorageErrorKind::Unavailable;
        let left = |left: u64| left.checked_sub(1);
        let is_over = || self.writes_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).is_err();
        if call == Call::Write && is_over() {
            return Turn::FailsBefore(away);
        }
        let may_fail = matches!(call, Call::Enqueue | Call::ForgetJobs | Call::Write | Call::Record | Call::Find);
        if !may_fail || !self.is_shaky.load(Ordering::Relaxed) || self.dice.below(30) != 0 {
            Turn::Done
        } else if self.dice.below(2) == 0 {
            Turn::FailsBefore(away)
        } else {
            Turn::FailsAfter(away)
        }
    }

    fn enqueued(&self, job: &NewJob, enqueued: Enqueued) {
        if let (Enqueued::Added(_), Some(key)) = (enqueued, job.key) {
            let mut added = self.added.lock().unwrap_or_else(PoisonError::into_inner);
            added.entry(key.to_string()).or_insert((job.clone(), 0)).1 += 1;
        }
    }
}
