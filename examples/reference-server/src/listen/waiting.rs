//! [`Waiting`]: the connections that wait for the head of a request, oldest first.
//!
//! A new connection can take the place of one of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The most connections that wait for their first head; a further one cuts the oldest. A head takes
/// milliseconds, and at most 16 KiB.
pub(crate) const MOST_FIRST: usize = 512;

/// The head that a connection waits for: its first, or one after a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Head {
    First,
    Next,
}

#[derive(Debug, Default)]
struct State {
    count: u64,
    /// The connections that wait for their first head, in the order of their arrival.
    first: BTreeMap<u64, Arc<Notify>>,
    /// The connections that wait for their next head, in the order in which they were answered.
    next: BTreeMap<u64, Arc<Notify>>,
}

/// The connections of a listener that wait for a head.
#[derive(Debug, Default)]
pub(crate) struct Waiting(Mutex<State>);

impl Waiting {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a connection that waits for its first head. If [`MOST_FIRST`] wait already, the
    /// connection that has waited longest is cut.
    pub(crate) fn enter(self: &Arc<Self>) -> Seat {
        let mut state = self.state();
        if state.first.len() >= MOST_FIRST
            && let Some((_, oldest)) = state.first.pop_first()
        {
            cut(&oldest);
        }
        state.count += 1;
        let (number, ended) = (state.count, Arc::new(Notify::new()));
        state.first.insert(number, Arc::clone(&ended));
        drop(state);
        Seat { waiting: Arc::clone(self), place: Mutex::new(Some((Head::First, number))), ended }
    }

    /// Cuts the connection that has waited longest. Connections without a first head are cut before
    /// idle ones. Returns false if no connection waits.
    pub(crate) fn cut_oldest(&self) -> bool {
        let mut state = self.state();
        let oldest = state.first.pop_first().or_else(|| state.next.pop_first());
        if let Some((_, oldest)) = &oldest {
            cut(oldest);
        }
        oldest.is_some()
    }
}

fn cut(connection: &Notify) {
    metrics::counter!("budget_refused_total", "kind" => "heads").increment(1);
    connection.notify_one();
}

/// One connection of the listener.
#[derive(Debug)]
pub(crate) struct Seat {
    waiting: Arc<Waiting>,
    /// The head that it waits for, and its number in that queue; `None` while a request is being
    /// answered.
    place: Mutex<Option<(Head, u64)>>,
    ended: Arc<Notify>,
}

impl Seat {
    fn place(&self) -> MutexGuard<'_, Option<(Head, u64)>> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether no head has been received yet.
    pub(crate) fn waits_for_the_first(&self) -> bool {
        matches!(*self.place(), Some((Head::First, _)))
    }

    /// Records that a head was received: the connection is not cut while its request is answered.
    pub(crate) fn begins(&self) {
        let before = self.place().take();
        let Some((head, number)) = before else { return };
        let mut state = self.waiting.state();
        match head {
            Head::First => state.first.remove(&number),
            Head::Next => state.next.remove(&number),
        };
    }

    /// Records that the request was answered: the connection waits for its next head.
    pub(crate) fn waits(&self) {
        self.begins();
        let mut state = self.waiting.state();
        state.count += 1;
        let number = state.count;
        state.next.insert(number, Arc::clone(&self.ended));
        drop(state);
        *self.place() = Some((Head::Next, number));
    }

    /// Waits until the connection is cut.
    pub(crate) async fn cut(&self) {
        self.ended.notified().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.begins();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn is_cut(seat: &Seat) -> bool {
        tokio::select! {
            biased;
            () = seat.cut() => true,
            () = std::future::ready(()) => false,
        }
    }

    #[tokio::test]
    async fn a_newcomer_has_the_place_of_the_oldest_that_has_sent_no_head() {
        let waiting = Arc::new(Waiting::default());
        let quick = waiting.enter();
        quick.begins();
        let slow: Vec<_> = (0..MOST_FIRST).map(|_| waiting.enter()).collect();
        let newcomer = waiting.enter();
        assert!(is_cut(&slow[0]).await && !is_cut(&slow[1]).await && !is_cut(&newcomer).await);
        assert!(!is_cut(&quick).await && !quick.waits_for_the_first() && newcomer.waits_for_the_first());
        drop(slow);
        assert_eq!(waiting.state().first.len(), 1);
    }

    #[tokio::test]
    async fn connections_that_are_being_answered_are_never_cut_and_idle_ones_last() {
        let waiting = Arc::new(Waiting::default());
        let [answering, idle, first] = std::array::from_fn(|_| waiting.enter());
        answering.begins();
        idle.begins();
        idle.waits();
        assert!(waiting.cut_oldest() && is_cut(&first).await && !is_cut(&idle).await);
        assert!(waiting.cut_oldest() && is_cut(&idle).await);
        assert!(!waiting.cut_oldest(), "one that is being answered has its place");
        answering.waits();
        assert!(waiting.cut_oldest() && is_cut(&answering).await);
        drop((answering, idle, first));
        let state = waiting.state();
        assert!(state.first.is_empty() && state.next.is_empty());
    }
}
