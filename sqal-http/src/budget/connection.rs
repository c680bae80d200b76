//! [`Connection`]: what the listener and the routes know of one connection: its place, and the bytes of a message that has not ended.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::{Budget, ExceededError, Hold, Party, Resource};

/// Bytes of a message that are not counted: a frame of a device fits into the buffer that every connection has anyway.
const FREE: u64 = 16 * 1024;

#[derive(Debug, Default)]
struct State {
    /// The place among connections: of an address until the caller is known, then of the caller; none of a WebSocket, which has its own.
    place: Option<Hold>,
    /// The bytes of the unfinished message, once the connection is a WebSocket.
    message: Option<Hold>,
    /// Bytes that came since the last message ended.
    unfinished: u64,
    /// When the listener first reported bytes of the unfinished message.
    since: Option<Instant>,
    exceeded: bool,
}

/// One connection; clones are the same connection. A listener puts it among the extensions of each request, and reports what it reads to
/// [`received`](Self::received).
///
/// Without it, as under `axum::serve`, the size of each WebSocket message is bounded all the same, but neither its time nor the sum of unfinished ones.
#[derive(Clone, Debug, Default)]
pub struct Connection(Arc<Mutex<State>>);

impl Connection {
    /// A connection that has a place until its caller is known.
    pub(super) fn counted(place: Hold) -> Self {
        Self(Arc::new(Mutex::new(State { place: Some(place), ..State::default() })))
    }

    /// A connection that takes no place: it comes through a proxy that is trusted, or the server asks for no tokens.
    #[must_use]
    pub fn uncounted() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The caller is known: from now on the connection is counted for the holder of the token, not for the address.
    ///
    /// # Errors
    ///
    /// [`ExceededError`] if the holder has as many connections as it may; the connection stays with its address.
    pub(crate) fn known(&self, budget: &Arc<Budget>, party: Party) -> Result<(), ExceededError> {
        let mut state = self.state();
        if let Some(place) = &mut state.place
            && !place.is_of(party)
        {
            *place = budget.take(Resource::Connections, party, 1)?;
        }
        Ok(())
    }

    /// Bytes were read from the connection.
    ///
    /// # Errors
    ///
    /// If the connection is a WebSocket and its unfinished message is more than the budget allows: the connection must be read no more.
    pub fn received(&self, bytes: usize) -> io::Result<()> {
        let mut state = self.state();
        let state = &mut *state;
        let Some(message) = &mut state.message else { return Ok(()) };
        state.unfinished += u64::try_from(bytes).unwrap_or(u64::MAX);
        if state.unfinished <= FREE {
            return Ok(());
        }
        // In steps, so that the budget is not asked at every read.
        message.grow_to(state.unfinished.next_multiple_of(FREE)).map_err(|exceeded| {
            state.exceeded = true;
            io::Error::other(exceeded)
        })
    }

    /// The connection is a WebSocket of this party from now on: it has a place among those, and what comes are messages.
    pub(crate) fn speaks(&self, budget: &Arc<Budget>, party: Party) {
        let mut state = self.state();
        state.place = None;
        state.message = Some(Hold::nothing(Arc::clone(budget), Resource::MessageBytes, party));
    }

    /// A message has ended.
    pub(crate) fn message_ended(&self) {
        let mut state = self.state();
        (state.unfinished, state.since) = (0, None);
        if let Some(message) = &mut state.message {
            message.shrink_to(0);
        }
    }

    /// A ping or a pong with a payload of this length came, perhaps between the parts of a message: it is none of the message's bytes.
    pub(crate) fn control_frame(&self, payload: usize) {
        let mut state = self.state();
        // RFC 6455, 5.2 and 5.5: two bytes of head and four of mask.
        let frame = u64::try_from(payload).unwrap_or(u64::MAX).saturating_add(6);
        state.unfinished = state.unfinished.saturating_sub(frame);
        if state.unfinished == 0 {
            state.since = None;
        }
    }

    /// How long a message has been unfinished, counted from the first call that found it so.
    pub(crate) fn unfinished_for(&self, now: Instant) -> Duration {
        let mut state = self.state();
        if state.unfinished == 0 {
            state.since = None;
            return Duration::ZERO;
        }
        now.saturating_duration_since(*state.since.get_or_insert(now))
    }

    /// Whether the budget for unfinished messages has ended it.
    pub(crate) fn exceeded(&self) -> bool {
        self.state().exceeded
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Share;

    fn budget() -> Arc<Budget> {
        let share = Share { device: 1, holder: 1, address: 64 * 1024, all: 96 * 1024 };
        Arc::new(Budget::usual().with(Resource::MessageBytes, share))
    }

    fn party(last: u8) -> Party {
        Party::Address([192, 0, 2, last].into())
    }

    #[test]
    fn unfinished_messages_of_one_party_are_counted_together_and_end_with_their_connections() {
        let budget = budget();
        let [one, two, other] = [1, 1, 2].map(|last| {
            let connection = Connection::uncounted();
            connection.received(1_000_000).unwrap();
            connection.speaks(&budget, party(last));
            connection
        });
        one.received(16 * 1024).unwrap();
        assert_eq!(budget.held(Resource::MessageBytes), 0, "what fits into a buffer is not counted");
        one.received(16 * 1024).unwrap();
        two.received(32 * 1024).unwrap();
        assert_eq!(budget.held(Resource::MessageBytes), 64 * 1024);
        assert!(two.received(1).is_err() && two.exceeded() && !one.exceeded());
        other.received(32 * 1024).unwrap();
        one.message_ended();
        two.received(1).unwrap();
        drop((two, other));
        assert_eq!(budget.held(Resource::MessageBytes), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_is_unfinished_from_its_first_byte_to_its_last_and_pings_between_are_none_of_it() {
        let connection = Connection::uncounted();
        connection.speaks(&budget(), party(1));
        assert_eq!(connection.unfinished_for(Instant::now()), Duration::ZERO);
        connection.received(10).unwrap();
        assert_eq!(connection.unfinished_for(Instant::now()), Duration::ZERO);
        tokio::time::advance(Duration::from_secs(7)).await;
        connection.received(6 + 125).unwrap();
        connection.control_frame(125);
        assert_eq!(connection.unfinished_for(Instant::now()), Duration::from_secs(7));
        connection.message_ended();
        assert_eq!(connection.unfinished_for(Instant::now()), Duration::ZERO);
        // A ping alone is no message.
        connection.received(6).unwrap();
        connection.control_frame(0);
        tokio::time::advance(Duration::from_secs(7)).await;
        assert_eq!(connection.unfinished_for(Instant::now()), Duration::ZERO);
    }
}
