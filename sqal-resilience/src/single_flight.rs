//! [`SingleFlight`]: many ask for the same thing at once, one fetches it, all get it.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::sync::{Mutex, MutexGuard};

/// How many parts the table has, so that different keys seldom wait for one lock.
const PARTS: usize = if cfg!(model_check) { 1 } else { 16 };

/// At most one flight per key at a time. Nothing is kept: who asks after the landing flies again.
///
/// If the leader gives up (its future is dropped) or panics, one of the waiters takes over with *its own* closure and the others go on waiting;
/// a panic is the leader's alone. Whatever must not be shared between callers (a tenant, an authorisation) belongs into the key. A flight that
/// asks for its own key waits for itself, for ever.
///
/// ```
/// use sqal_resilience::SingleFlight;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let flights = SingleFlight::new();
/// let fetched = flights.run("tray 7", || async { 42 }).await;
/// assert_eq!((fetched.value, fetched.shared), (42, false));
/// # }
/// ```
pub struct SingleFlight<K, V> {
    hasher: RandomState,
    parts: [Mutex<Table<K, V>>; PARTS],
}

/// The flights of one part of the keys.
type Table<K, V> = HashMap<Hashed<K>, Arc<Flight<V>>, BuildHasherDefault<AsItIs>>;

/// A key with its hash, which is computed once for all that a flight does with the table.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Hashed<K> {
    hash: u64,
    key: K,
}

impl<K> Hash for Hashed<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

/// Takes a hash for what it is.
#[derive(Debug, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn write(&mut self, bytes: &[u8]) {
        // Only whole hashes are written; whatever else came would still be told apart.
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }
}

/// What a flight brought, and whether somebody else fetched it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Landed<V> {
    /// The value.
    pub value: V,
    /// Whether another caller's closure made it.
    pub shared: bool,
}

#[derive(Debug)]
struct Flight<V>(Mutex<Seats<V>>);

#[derive(Debug)]
struct Seats<V> {
    landed: Option<Arc<V>>,
    /// Everybody who flies or waits.
    people: usize,
    /// Nobody flies: the next waiter that looks takes over.
    abandoned: bool,
    /// In the order in which they came; a ticket is never used twice.
    waiting: Vec<(u64, Waker)>,
    tickets: u64,
}

impl<V> Flight<V> {
    fn seats(&self) -> MutexGuard<'_, Seats<V>> {
        // No code of anybody else runs under the lock, so a poisoned one still guards a whole state.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash + Clone, V: Clone> SingleFlight<K, V> {
    /// No flights yet.
    #[must_use]
    pub fn new() -> Self {
        Self { hasher: RandomState::new(), parts: std::array::from_fn(|_| Mutex::new(Table::default())) }
    }

    fn hashed(&self, key: K) -> Hashed<K> {
        Hashed { hash: self.hasher.hash_one(&key), key }
    }

    fn part(&self, key: &Hashed<K>) -> MutexGuard<'_, Table<K, V>> {
        // The upper bits choose the part, the lower ones the place in it.
        let part = usize::try_from(key.hash >> 60).unwrap_or(0) % PARTS;
        self.parts[part].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gets what the key stands for: by `fetch`, or by the flight of somebody else that is under way.
    pub async fn run<F: Future<Output = V>>(&self, key: K, fetch: impl FnOnce() -> F) -> Landed<V> {
        let key = self.hashed(key);
        let (flight, leads) = {
            let mut part = self.part(&key);
            if let Some(flight) = part.get(&key) {
                flight.seats().people += 1;
                (Arc::clone(flight), false)
            } else {
                let seats = Seats { landed: None, people: 1, abandoned: false, waiting: Vec::new(), tickets: 0 };
                let flight = Arc::new(Flight(Mutex::new(seats)));
                part.insert(key.clone(), Arc::clone(&flight));
                (flight, true)
            }
        };
        let member = Member { table: self, key, flight, left: false };
        if !leads && let Some(value) = (Wait { flight: &member.flight, ticket: None }).await {
            return Landed { value: V::clone(&value), shared: true };
        }
        let leader = Leader(member);
        let value = fetch().await;
        leader.land(&value);
        Landed { value, shared: false }
    }

    /// The same as a task that goes on when every caller has given up, and that the end of the process waits for: what was begun is finished, for example a
    /// write.
    ///
    /// # Errors
    ///
    /// [`Reason::ShuttingDown`](crate::Reason::ShuttingDown) once new work is refused.
    ///
    /// # Panics
    ///
    /// If `fetch` panics: the panic goes on in the caller, as without a task.
    #[cfg(feature = "tokio")]
    pub async fn run_detached<F>(
        self: Arc<Self>,
        shutdown: &crate::Shutdown,
        name: impl Into<String>,
        key: K,
        fetch: impl FnOnce() -> F + Send + 'static,
    ) -> Result<Landed<V>, crate::Rejected>
    where
        F: Future<Output = V> + Send + 'static,
        K: Send + Sync + 'static,
        V: Send + Sync + 'static,
    {
        let task = shutdown.spawn(name, async move { self.run(key, fetch).await })?;
        match task.await {
            Ok(landed) => Ok(landed),
            Err(broken) => match broken.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // Nobody but the runtime cancels it, and that ends here too.
                Err(_) => Err(crate::Rejected::because(crate::Reason::ShuttingDown)),
            },
        }
    }

    /// Whoever asks for the key from now on flies anew; those who wait for the old flight still get its value.
    pub fn forget(&self, key: K) {
        let key = self.hashed(key);
        self.part(&key).remove(&key);
    }

    /// How many flights are under way.
    #[must_use]
    pub fn len(&self) -> usize {
        self.parts.iter().map(|part| part.lock().unwrap_or_else(PoisonError::into_inner).len()).sum()
    }

    /// Whether none is under way.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Default for SingleFlight<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K, V> fmt::Debug for SingleFlight<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SingleFlight").finish_non_exhaustive()
    }
}

/// One who flies or waits. The last to leave takes the flight out of the table.
struct Member<'a, K: Eq + Hash + Clone, V: Clone> {
    table: &'a SingleFlight<K, V>,
    key: Hashed<K>,
    flight: Arc<Flight<V>>,
    /// It has left already.
    left: bool,
}

impl<K: Eq + Hash + Clone, V: Clone> Drop for Member<'_, K, V> {
    fn drop(&mut self) {
        if self.left {
            return;
        }
        // The table first: nobody may join between the look and the removal.
        let mut part = self.table.part(&self.key);
        let mut seats = self.flight.seats();
        seats.people -= 1;
        if seats.people == 0 && part.get(&self.key).is_some_and(|current| Arc::ptr_eq(current, &self.flight)) {
            part.remove(&self.key);
        }
    }
}

/// The one who fetches. Dropped before the landing, it abandons the flight: the first waiter is woken to take over.
struct Leader<'a, K: Eq + Hash + Clone, V: Clone>(Member<'a, K, V>);

impl<K: Eq + Hash + Clone, V: Clone> Leader<'_, K, V> {
    /// Ends the flight: takes it out of the table, if it is still the one of its key, and gives the value to those who wait. Most have nobody to give it to.
    fn land(mut self, value: &V) {
        let member = &mut self.0;
        let mut part = member.table.part(&member.key);
        if part.get(&member.key).is_some_and(|current| Arc::ptr_eq(current, &member.flight)) {
            part.remove(&member.key);
        }
        let seats = member.flight.seats();
        // Nobody joins any more: the table is not needed.
        drop(part);
        if seats.people == 1 {
            member.left = true;
            return;
        }
        drop(seats);
        // Cloning is somebody else's code: outside the lock, and if it panics the flight has not landed, and one of those who wait takes over.
        let landed = Arc::new(value.clone());
        let mut seats = member.flight.seats();
        // Nobody counts the people any more: its flight is out of the table.
        (seats.landed, member.left) = (Some(landed), true);
        let waiting = std::mem::take(&mut seats.waiting);
        drop(seats);
        for (_, waker) in waiting {
            waker.wake();
        }
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Drop for Leader<'_, K, V> {
    fn drop(&mut self) {
        if self.0.left {
            return;
        }
        let mut seats = self.0.flight.seats();
        seats.abandoned = true;
        wake_next(seats);
    }
}

/// Wakes the one who has waited longest.
fn wake_next<V>(mut seats: MutexGuard<'_, Seats<V>>) {
    let next = if seats.waiting.is_empty() { None } else { Some(seats.waiting.remove(0).1) };
    drop(seats);
    if let Some(waker) = next {
        waker.wake();
    }
}

/// One who waits: ends with the value, or with `None` for "take over".
struct Wait<'a, V> {
    flight: &'a Flight<V>,
    ticket: Option<u64>,
}

impl<V> Future for Wait<'_, V> {
    type Output = Option<Arc<V>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Arc<V>>> {
        // Cloned before and dropped after the lock is held: wakers are somebody else's code.
        let waker = context.waker().clone();
        let mut seats = self.flight.seats();
        if let Some(value) = &seats.landed {
            return Poll::Ready(Some(Arc::clone(value)));
        }
        let seat = self.ticket.and_then(|ticket| seats.waiting.iter().position(|(waiting, _)| *waiting == ticket));
        if seats.abandoned {
            seats.abandoned = false;
            let old = seat.map(|seat| seats.waiting.remove(seat));
            drop(seats);
            drop(old);
            self.ticket = None;
            return Poll::Ready(None);
        }
        let old = if let Some(seat) = seat {
            Some(std::mem::replace(&mut seats.waiting[seat].1, waker))
        } else {
            let ticket = seats.tickets;
            seats.tickets += 1;
            seats.waiting.push((ticket, waker));
            self.ticket = Some(ticket);
            None
        };
        drop(seats);
        drop(old);
        Poll::Pending
    }
}

impl<V> Drop for Wait<'_, V> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else { return };
        let mut seats = self.flight.seats();
        let seat = seats.waiting.iter().position(|(waiting, _)| *waiting == ticket);
        let old = seat.map(|seat| seats.waiting.remove(seat));
        if seats.abandoned && seats.landed.is_none() {
            // Perhaps it was woken to take over, and leaves instead: the next one is woken.
            wake_next(seats);
        } else {
            drop(seats);
        }
        drop(old);
    }
}

// Loom's locks live in its models only.
#[cfg(all(test, not(model_check)))]
mod tests {
    use std::hash::BuildHasher;

    use super::*;

    #[test]
    fn a_key_is_found_by_its_hash_and_told_apart_by_itself() {
        let build = BuildHasherDefault::<AsItIs>::default();
        let key = |hash, key| Hashed { hash, key };
        assert_eq!(build.hash_one(key(7, "a")), 7);
        assert_eq!(build.hash_one(key(u64::MAX, "a")), u64::MAX);
        assert_ne!(key(7, "a"), key(7, "b"));
        // Bytes are folded in, the last one lowest.
        let mut hasher = AsItIs::default();
        hasher.write(&[0x12, 0x34]);
        hasher.write(&[0x35]);
        assert_eq!(hasher.finish(), 0x0012_3435);
        let mut hasher = AsItIs(0x8100_0000_0000_0000);
        hasher.write(&[0x83]);
        assert_eq!(hasher.finish(), 0x81 ^ 0x83);
    }

    #[test]
    fn keys_are_spread_over_all_parts() {
        let flights: SingleFlight<u8, u8> = SingleFlight::new();
        for part in 0..PARTS {
            let key = Hashed { hash: (part as u64) << 60 | 5, key: 7 };
            let held = flights.part(&key);
            assert!(flights.parts[part].try_lock().is_err(), "the {part}th");
            drop(held);
        }
    }
}
