//! [`Places`]: how many connections the server holds at a time, and which may only be probes.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::waiting::{Seat, Waiting};

/// The most connections at a time: five times the stations of the largest line. If all places are
/// in use, a new connection takes the place of the one that has waited longest for a request.
const MOST: usize = 10_000;

/// Additional places in which only probes are answered, so that a supervisor reaches the server if
/// every other place is in use.
const FOR_PROBES: usize = 64;

/// The most time in which a connection that is cut releases its place.
const LEAVING: Duration = Duration::from_millis(100);

/// The place of a connection, and whether only probes are answered on it.
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
    pub(super) for_probes: bool,
}

/// The places of all connections.
pub(super) struct Places {
    all: Arc<Semaphore>,
    probes: Arc<Semaphore>,
    waiting: Arc<Waiting>,
}

impl Places {
    pub(super) fn new() -> Self {
        let (all, probes) = (Arc::new(Semaphore::new(MOST)), Arc::new(Semaphore::new(FOR_PROBES)));
        Self { all, probes, waiting: Arc::default() }
    }

    /// Takes a free place, or that of the connection that has waited longest, or one for a probe;
    /// `None` if all are in use.
    pub(super) async fn take(&self) -> Option<Place> {
        if let Ok(permit) = Arc::clone(&self.all).try_acquire_owned() {
            return Some(Place { _permit: permit, for_probes: false });
        }
        if self.waiting.cut_oldest()
            && let Ok(Ok(permit)) = timeout(LEAVING, Arc::clone(&self.all).acquire_owned()).await
        {
            return Some(Place { _permit: permit, for_probes: false });
        }
        let permit = Arc::clone(&self.probes).try_acquire_owned().ok()?;
        Some(Place { _permit: permit, for_probes: true })
    }

    /// Adds a connection to those that wait for their first head.
    pub(super) fn enter(&self) -> Seat {
        self.waiting.enter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_server_has_places_for_probes_and_for_newcomers_while_others_are_idle() {
        let places = Places::new();
        let mut taken = Vec::new();
        let idle = places.enter();
        idle.begins();
        idle.waits();
        for _ in 0..MOST {
            taken.push(places.take().await.unwrap());
        }
        // The idle connection is cut, and releases its place.
        let leaving = taken.pop();
        let newcomer = tokio::join!(places.take(), async {
            idle.cut().await;
            drop(leaving);
        });
        assert!(newcomer.0.is_some_and(|place| {
            let plain = !place.for_probes;
            taken.push(place);
            plain
        }));
        drop(idle);
        for _ in 0..FOR_PROBES {
            let place = places.take().await.unwrap();
            assert!(place.for_probes);
            taken.push(place);
        }
        assert!(places.take().await.is_none());
    }
}
