//! [`Relay`]: messages that one server publishes and every server reads in order, with a position
//! to resume from.

use std::fmt::{self, Debug};
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqal_core::Name;

use crate::StorageError;

/// The name of a sequence of messages, for example of the live events or of the commands to a
/// device.
pub type RelayTopic = Name<64>;

/// The largest body of a message, in bytes: 64 KiB.
pub const LARGEST_MESSAGE: usize = 64 * 1024;

/// A place in the sequence of messages of one topic.
///
/// Only the relay that returned it can interpret it. As a text of 1 to 64 printable ASCII
/// characters without spaces it can be sent to a browser as the id of an event, and come back in
/// the header `Last-Event-ID`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Position(Arc<str>);

/// The text is not a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a position of a relay: expected 1 to 64 printable ASCII characters without spaces")]
pub struct InvalidPosition;

impl Position {
    /// A position from its text.
    ///
    /// Any text with the right characters is accepted. Whether the position belongs to a relay is
    /// decided by [`Relay::read`].
    ///
    /// ```
    /// use sqal_storage::relay::{InvalidPosition, Position};
    ///
    /// let position = Position::new("00000000000000ab-17")?;
    /// assert_eq!(position.as_str(), "00000000000000ab-17");
    /// assert_eq!(Position::new("two words"), Err(InvalidPosition));
    /// # Ok::<(), InvalidPosition>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidPosition`] if the text is empty, is longer than 64 bytes, or has a character other
    /// than the printable ASCII characters without the space.
    pub fn new(text: &str) -> Result<Self, InvalidPosition> {
        let is_valid = (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_valid { Ok(Self(text.into())) } else { Err(InvalidPosition) }
    }

    /// The text of the position.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A message, as a reader gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RelayMessage {
    /// The position of the message: a read after it begins with the next message.
    pub position: Position,
    /// The published bytes.
    pub body: Vec<u8>,
}

impl RelayMessage {
    /// A message with its position.
    #[must_use]
    pub fn new(position: Position, body: Vec<u8>) -> Self {
        Self { position, body }
    }
}

/// The result of a read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Relayed {
    /// The messages after the position, the oldest first.
    pub messages: Vec<RelayMessage>,
    /// Whether the reader may have lost messages: either messages after the position are no longer
    /// kept, or the position is not one of this relay. The messages then begin with the oldest that
    /// is kept.
    pub missed: bool,
}

impl Relayed {
    /// The result of a read.
    #[must_use]
    pub fn new(messages: Vec<RelayMessage>, missed: bool) -> Self {
        Self { messages, missed }
    }
}

/// Passes messages from one server to all servers, in order; a reader resumes from a position.
///
/// A topic is a sequence of messages. A relay keeps the newest messages of each topic, limited in
/// number and bytes. A reader holds the position of the last message that it has read, reads after
/// it, and may read again after the same position. A position is used with the topic that it was
/// returned for.
///
/// A reader that is told `missed` goes on from the last message of the answer. If the answer has no
/// message, the reader takes the [`newest`](Self::newest) position first and loads the state that
/// the messages are about afterwards. In that order no change is lost between the two.
///
/// # Laws
///
/// Each is a test in `conformance` that every relay runs.
///
/// 1. *One order*: all readers of a topic read its messages in one order. If a `publish` begins
///    after another `publish` returned, its message comes later.
/// 2. *Each message once*: a reader that always reads after the last position it got reads each
///    message once and unchanged, whatever its limit. Messages with equal bodies are different
///    messages.
/// 3. *Resume from any position*: a read after the position of any message, as `publish` and `read`
///    returned it or as its text came back, begins with the next message. The time and the number
///    of messages since then do not matter, as long as the next message is kept.
/// 4. *Topics are apart*, whatever characters their names have.
/// 5. *Newest is the end*: a read after the newest position begins with the first message that is
///    published later.
/// 6. *A loss is told*: if a message after the position is no longer kept, `missed` is true and the
///    list begins with the oldest message that is kept. If all messages after the position are
///    kept, a position of this topic is not `missed`.
/// 7. *A foreign position is missed*: a position of another relay, or of this relay before it lost
///    its memory, is told at once with `missed`, and is not an error.
/// 8. *A read waits*: if there is no message after the position, the read returns as soon as one is
///    published, or returns an empty list after `wait`.
/// 9. *A cancelled read loses nothing*: a later read after the same position returns the messages.
/// 10. *A message that is too large is refused* with the kind
///     [`Refused`](crate::StorageErrorKind::Refused), and no reader gets it.
/// 11. *An unknown topic is empty*: its newest position and a read after that position are not
///     errors, and neither makes the relay keep anything.
/// 12. *Every reader gets every message*, however many readers there are and whenever they come.
#[async_trait]
pub trait Relay: Debug + Send + Sync + 'static {
    /// Adds a message to the end of a topic and returns its position.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the relay fails, with the kind
    /// [`Refused`](crate::StorageErrorKind::Refused) if the body has more than [`LARGEST_MESSAGE`]
    /// bytes. After any other kind it may be unknown whether the message was published.
    async fn publish(&self, topic: &RelayTopic, body: &[u8]) -> Result<Position, StorageError>;

    /// The position after which only messages to come are read, also of a topic without messages.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the relay fails.
    async fn newest(&self, topic: &RelayTopic) -> Result<Position, StorageError>;

    /// The messages after a position, in order, at most `limit`.
    ///
    /// If there is none, waits for a message at most for the duration `wait` and then returns an
    /// empty list. If `wait` is zero, returns at once. The future can be dropped at any time.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the relay fails.
    async fn read(
        &self,
        topic: &RelayTopic,
        after: &Position,
        limit: NonZeroU16,
        wait: Duration,
    ) -> Result<Relayed, StorageError>;
}

#[async_trait]
impl<R: Relay + ?Sized> Relay for Arc<R> {
    async fn publish(&self, topic: &RelayTopic, body: &[u8]) -> Result<Position, StorageError> {
        (**self).publish(topic, body).await
    }

    async fn newest(&self, topic: &RelayTopic) -> Result<Position, StorageError> {
        (**self).newest(topic).await
    }

    async fn read(
        &self,
        topic: &RelayTopic,
        after: &Position,
        limit: NonZeroU16,
        wait: Duration,
    ) -> Result<Relayed, StorageError> {
        (**self).read(topic, after, limit, wait).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_a_short_printable_text_without_spaces() {
        let longest = "~".repeat(64);
        for text in ["0", "1526919030474-0", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", &longest] {
            let position = Position::new(text).unwrap();
            assert_eq!((position.as_str(), position.to_string()), (text, text.to_owned()));
        }
        let too_long = "~".repeat(65);
        for text in ["", " ", "a b", "a\n", "a\0", "\u{7f}", "é", &too_long] {
            assert_eq!(Position::new(text), Err(InvalidPosition), "{text:?}");
        }
    }
}
