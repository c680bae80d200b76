//! [`Connection`]: one connection's place in the budget, and the bytes of its unfinished message.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::{Budget, ExceededError, Hold, Party, Resource};

/// Bytes of a message that are not counted. A frame of a device fits into the buffer that every
/// connection has anyway.
const FREE: u64 = 16 * 1024;

#[derive(Debug, Default)]
struct State {
    /// The place among connections. It belongs to the address until the caller is known, then to
    /// the caller. `None` for an uncounted connection, and for a WebSocket, which has a place of
    /// its own.
    place: Option<Hold>,
    /// The bytes of the unfinished message, once the connection is a WebSocket.
    message: Option<Hold>,
    /// Bytes that came since the last message ended.
    unfinished: u64,
    /// The first time that [`Connection::unfinished_for`] found the present message unfinished.
    since: Option<Instant>,
    exceeded: bool,
}

/// One connection; clones are the same connection. A listener puts it among the extensions of each
/// request, and reports the bytes that it reads to [`received`](Self::received).
///
/// Without such a listener, as under `axum::serve`, only the size of each WebSocket message is
/// bounded. The time of a message and the sum of unfinished messages are then not bounded.
#[derive(Clone, Debug, Default)]
pub struct Connection(Arc<Mutex<State>>);

impl Connection {
    /// A connection with a place, which belongs to its address until its caller is known.
    pub(super) fn counted(place: Hold) -> Self {
        Self(Arc::new(Mutex::new(State { place: Some(place), ..State::default() })))
    }

    /// A connection that takes no place: it comes through a trusted proxy, or the server requires
    /// no tokens.
    #[must_use]
    pub fn uncounted() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the connection for the holder of the token from now on, instead of for the address.
    ///
    /// # Errors
    ///
    /// [`ExceededError`] if the holder already has its limit of connections. The connection then
    /// stays counted for its address.
    pub(crate) fn known(&self, budget: &Arc<Budget>, party: Party) -> Result<(), ExceededError> {
        let mut state = self.state();
        if let Some(place) = &mut state.place
            && !place.is_of(party)
        {
            *place = budget.take(Resource::Connections, party, 1)?;
        }
        Ok(())
    }

    /// Counts bytes that were read from the connection.
    ///
    /// # Errors
    ///
    /// If the connection is a WebSocket and its unfinished message exceeds the budget, returns an
    /// error. The listener must then stop reading from the connection.
    pub fn received(&self, bytes: usize) -> io::Result<()> {
        let mut state = self.state();
        let state = &mut *state;
        let Some(message) = &mut state.message else { return Ok(()) };
        state.unfinished += u64::try_from(bytes).unwrap_or(u64::MAX);
        if state.unfinished <= FREE {
            return Ok(());
        }
        // Grows in steps, so that the budget is not locked for every read.
        message.grow_to(state.unfinished.next_multiple_of(FREE)).map_err(|exceeded| {
            state.exceeded = true;
            io::Error::other(exceeded)
        })
    }

    /// Marks the connection as a WebSocket of this party. It gives up its place among connections,
    /// because a WebSocket has a place of its own. From now on its bytes are counted as messages.
    pub(crate) fn speaks(&self, budget: &Arc<Budget>, party: Party) {
        let mut state = self.state();
        state.place = None;
        state.message = Some(Hold::nothing(Arc::clone(budget), Resource::MessageBytes, party));
    }

    /// Releases the bytes of the message that has ended.
    pub(crate) fn message_ended(&self) {
        let mut state = self.state();
        (state.unfinished, state.since) = (0, None);
        if let Some(message) = &mut state.message {
            message.shrink_to(0);
        }
    }

    /// Removes a ping or a pong with a payload of this length from the count. It may come between
    /// the parts of a message and is not part of it.
    pub(crate) fn control_frame(&self, payload: usize) {
        let mut state = self.state();
        // RFC 6455, 5.2 and 5.5: two bytes of head and four of mask.
        let frame = u64::try_from(payload).unwrap_or(u64::MAX).saturating_add(6);
        state.unfinished = state.unfinished.saturating_sub(frame);
        if state.unfinished == 0 {
            state.since = None;
        }
    }

    /// How long a message has been unfinished, counted from the first call that found it
    /// unfinished.
    pub(crate) fn unfinished_for(&self, now: Instant) -> Duration {
        let mut state = self.state();
        if state.unfinished == 0 {
            state.since = None;
            return Duration::ZERO;
        }
        now.saturating_duration_since(*state.since.get_or_insert(now))
    }

    /// Whether the connection has exceeded the budget for unfinished messages.
    pub(crate) fn exceeded(&self) -> bool {
        self.state().exceeded
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::door::budget::Share;

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
