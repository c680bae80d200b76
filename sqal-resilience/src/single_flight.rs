//! [`SingleFlight`]: of many simultaneous calls for one key, one fetches the value and all get it.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::sync::{Mutex, MutexGuard};

/// The number of parts of the table, so that different keys seldom wait for one lock.
const PARTS: usize = if cfg!(model_check) { 1 } else { 16 };

/// At most one flight per key at a time. Nothing is cached: a caller that asks after the landing
/// begins a new flight.
///
/// If the leader gives up (its future is dropped) or panics, one of the waiting callers takes over
/// with *its own* closure, and the others go on waiting. A panic reaches the leader only. What
/// callers must not share (a tenant, an authorisation) belongs in the key. A flight that asks for
/// its own key waits for itself, for ever.
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

/// A key with its hash, which is computed once for all accesses of a flight to the table.
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

/// A hasher for keys that are hashes already.
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
        // Only whole hashes are written. If other bytes came, they would still be told apart.
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }
}

/// The value of a flight, and whether another caller fetched it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FlightResult<V> {
    /// The value.
    pub value: V,
    /// Whether another caller's closure made the value.
    pub shared: bool,
}

#[derive(Debug)]
struct Flight<V>(Mutex<Seats<V>>);

#[derive(Debug)]
struct Seats<V> {
    landed: Option<Arc<V>>,
    /// The number of callers that fly or wait.
    people: usize,
    /// The leader is gone: the next waiting caller that looks takes over.
    abandoned: bool,
    /// The waiting callers in the order in which they came. A ticket is never used twice.
    waiting: Vec<(u64, Waker)>,
    tickets: u64,
}

impl<V> Flight<V> {
    fn seats(&self) -> MutexGuard<'_, Seats<V>> {
        // No foreign code runs under the lock, so a poisoned lock still guards a consistent state.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash + Clone, V: Clone> SingleFlight<K, V> {
    /// A table without flights.
    #[must_use]
    pub fn new() -> Self {
        Self { hasher: RandomState::new(), parts: std::array::from_fn(|_| Mutex::new(Table::default())) }
    }

    fn hashed(&self, key: K) -> Hashed<K> {
        Hashed { hash: self.hasher.hash_one(&key), key }
    }

    fn part(&self, key: &Hashed<K>) -> MutexGuard<'_, Table<K, V>> {
        // The upper bits choose the part, the lower bits the place in it.
        let part = usize::try_from(key.hash >> 60).unwrap_or(0) % PARTS;
        self.parts[part].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gets the value of the key, by `fetch` or by the flight of another caller that is under way.
    pub async fn run<F: Future<Output = V>>(&self, key: K, fetch: impl FnOnce() -> F) -> FlightResult<V> {
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
            return FlightResult { value: V::clone(&value), shared: true };
        }
        let leader = Leader(member);
        let value = fetch().await;
        leader.land(&value);
        FlightResult { value, shared: false }
    }

    /// Gets the value of the key by a task, which goes on when every caller has given up. The
    /// shutdown waits for the task, so what was begun is finished, for example a write.
    ///
    /// # Errors
    ///
    /// [`Reason::ShuttingDown`](crate::rejected::Reason::ShuttingDown) once new work is refused.
    ///
    /// # Panics
    ///
    /// If `fetch` panics, the panic goes on in the caller, as without a task.
    #[cfg(feature = "tokio")]
    pub async fn run_detached<F>(
        self: Arc<Self>,
        shutdown: &crate::Shutdown,
        name: impl Into<String>,
        key: K,
        fetch: impl FnOnce() -> F + Send + 'static,
    ) -> Result<FlightResult<V>, crate::Rejected>
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
                // Only the runtime cancels the task, when the runtime ends.
                Err(_) => Err(crate::Rejected::because(crate::rejected::Reason::ShuttingDown)),
            },
        }
    }

    /// Callers that ask for the key from now on begin a new flight. Callers that wait for the old
    /// flight still get its value.
    pub fn forget(&self, key: K) {
        let key = self.hashed(key);
        self.part(&key).remove(&key);
    }

    /// The number of flights under way.
    #[must_use]
    pub fn len(&self) -> usize {
        self.parts.iter().map(|part| part.lock().unwrap_or_else(PoisonError::into_inner).len()).sum()
    }

    /// Whether no flight is under way.
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

/// A caller that flies or waits. The last one to leave takes the flight out of the table.
struct Member<'a, K: Eq + Hash + Clone, V: Clone> {
    table: &'a SingleFlight<K, V>,
    key: Hashed<K>,
    flight: Arc<Flight<V>>,
    /// Whether it has left already.
    left: bool,
}

impl<K: Eq + Hash + Clone, V: Clone> Drop for Member<'_, K, V> {
    fn drop(&mut self) {
        if self.left {
            return;
        }
        // The table is locked first, so that no caller can join between the look and the removal.
        let mut part = self.table.part(&self.key);
        let mut seats = self.flight.seats();
        seats.people -= 1;
        if seats.people == 0 && part.get(&self.key).is_some_and(|current| Arc::ptr_eq(current, &self.flight)) {
            part.remove(&self.key);
        }
    }
}

/// The caller that fetches. If it is dropped before the landing, it abandons the flight: the first
/// waiting caller is woken to take over.
struct Leader<'a, K: Eq + Hash + Clone, V: Clone>(Member<'a, K, V>);

impl<K: Eq + Hash + Clone, V: Clone> Leader<'_, K, V> {
    /// Ends the flight. Takes it out of the table, if it is still the flight of its key, and gives
    /// the value to the waiting callers. Most flights have no waiting callers.
    fn land(mut self, value: &V) {
        let member = &mut self.0;
        let mut part = member.table.part(&member.key);
        if part.get(&member.key).is_some_and(|current| Arc::ptr_eq(current, &member.flight)) {
            part.remove(&member.key);
        }
        let seats = member.flight.seats();
        // No caller joins any more, so the table is not needed.
        drop(part);
        if seats.people == 1 {
            member.left = true;
            return;
        }
        drop(seats);
        // Cloning runs foreign code, so it runs outside the lock. If it panics, the flight has not
        // landed, and one of the waiting callers takes over.
        let landed = Arc::new(value.clone());
        let mut seats = member.flight.seats();
        // `people` is not read any more: the flight is out of the table.
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

/// Wakes the caller that has waited longest.
fn wake_next<V>(mut seats: MutexGuard<'_, Seats<V>>) {
    let next = if seats.waiting.is_empty() { None } else { Some(seats.waiting.remove(0).1) };
    drop(seats);
    if let Some(waker) = next {
        waker.wake();
    }
}

/// The wait of one caller. It ends with the value, or with `None` if the caller must take over.
struct Wait<'a, V> {
    flight: &'a Flight<V>,
    ticket: Option<u64>,
}

impl<V> Future for Wait<'_, V> {
    type Output = Option<Arc<V>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Arc<V>>> {
        // Wakers run foreign code, so the new waker is cloned before the lock is taken, and the old
        // one is dropped after it is released.
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
            // This caller may have been woken to take over and leaves instead, so the next one is
            // woken.
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
