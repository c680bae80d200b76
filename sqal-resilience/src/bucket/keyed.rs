//! [`KeyedBuckets`]: one bucket per key, with bounded memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::decision::{Decision, ask};
use super::quota::{InvalidQuota, Quota, Rate};
use crate::clock::nanos_since;

/// One bucket per key, with bounded memory.
///
/// If the table is full, full buckets are forgotten, which changes no answer. If no bucket is full,
/// an unknown key is refused instead of let past the limit. A limited key is never forgotten, so
/// its limit cannot be reset that way.
#[derive(Debug)]
pub struct KeyedBuckets<K> {
    rate: Rate,
    most_keys: usize,
    table: Mutex<Table<K>>,
}

#[derive(Debug)]
struct Table<K> {
    origin: Option<Instant>,
    /// The latest time of any caller, and (`doubts`) how many callers in a row since were far
    /// before it.
    seen: u64,
    doubts: u8,
    full_at: HashMap<K, u64>,
    sweep_after: u64,
    swept: bool,
}

impl<K: Eq + Hash> KeyedBuckets<K> {
    /// Buckets of one quota for at most `most_keys` keys at a time.
    ///
    /// # Errors
    ///
    /// [`InvalidQuota`] if no bucket can keep the rate.
    pub fn new(quota: Quota, most_keys: usize) -> Result<Self, InvalidQuota> {
        let table = Table { origin: None, seen: 0, doubts: 0, full_at: HashMap::new(), sweep_after: 0, swept: false };
        Ok(Self { rate: Rate::of(&quota)?, most_keys, table: Mutex::new(table) })
    }

    /// Takes `n` tokens of a key if they are there.
    pub fn take(&self, key: K, n: u32, now: Instant) -> Decision {
        let mut guard = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let table = &mut *guard;
        let first = table.origin.is_none();
        let now = self.rate.units(nanos_since(*table.origin.get_or_insert(now), now));
        let now = table.time(now, first, self.rate.skew());
        if let Some(full_at) = table.full_at.get_mut(&key) {
            let (changed, decision) = ask(*full_at, now, n, &self.rate);
            *full_at = changed.unwrap_or(*full_at);
            return decision;
        }
        if table.full_at.len() >= self.most_keys && !self.make_room(table, now) {
            let never = self.rate.token.saturating_mul(u64::from(n)) > self.rate.full;
            let wait = if never { u64::MAX } else { table.sweep_after.wrapping_sub(now) };
            return Decision::no_room(wait, self.rate);
        }
        let (changed, decision) = ask(now, now, n, &self.rate);
        table.full_at.insert(key, changed.unwrap_or(now));
        decision
    }

    /// Forgets full buckets; returns whether there is room now. At most one request in a
    /// sixty-fourth of the time to fill a bucket sweeps.
    fn make_room(&self, table: &mut Table<K>, now: u64) -> bool {
        let ahead = |full_at: u64| full_at.wrapping_sub(now).cast_signed().max(0).cast_unsigned();
        // If the time is further ahead than any bucket takes to fill, the clock has stepped back.
        if table.swept && (1..=self.rate.full).contains(&ahead(table.sweep_after)) {
            return false;
        }
        let mut first = self.rate.full;
        table.full_at.retain(|_, full_at| {
            let missing = ahead(*full_at).min(self.rate.full);
            *full_at = now.wrapping_add(missing);
            // If a bucket is full, it makes room, and then `first` is not used.
            first = first.min(missing);
            missing > 0
        });
        let room = table.full_at.len() < self.most_keys;
        let pause = self.rate.full / 64;
        table.sweep_after = now.wrapping_add(if room { pause } else { first.max(pause).min(self.rate.full) });
        table.swept = true;
        room
    }

    /// The number of keys that are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.lock().unwrap_or_else(PoisonError::into_inner).full_at.len()
    }

    /// Whether no key is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<K> Table<K> {
    /// The time on which the callers agree. A caller that slept since it read the clock brings an
    /// old time, which must not give tokens back. If a whole process was stopped, there are as many
    /// such callers as threads. Only if sixty-four callers in a row bring an old time has the clock
    /// stepped back.
    const fn time(&mut self, now: u64, first: bool, skew: u64) -> u64 {
        let behind = self.seen.wrapping_sub(now).cast_signed();
        if first || behind <= skew.cast_signed() {
            self.doubts = 0;
            if first || behind < 0 {
                self.seen = now;
            }
            return now;
        }
        self.doubts += 1;
        if self.doubts == 64 {
            (self.seen, self.doubts) = (now, 0);
        }
        self.seen
    }
}
