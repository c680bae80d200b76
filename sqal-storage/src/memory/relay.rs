//! [`MemoryRelay`]: the relay of a single process; its messages last as long as the process.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::num::{NonZeroU16, NonZeroUsize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::relay::{LARGEST_MESSAGE, Position, Relay, RelayMessage, RelayTopic, Relayed};
use crate::{StorageError, StorageErrorKind};

/// The number of groups of topics. A message wakes the waiting readers of its group, so that a
/// thousand quiet topics do not look for the messages of a busy one.
const GROUPS: usize = 64;

/// How much a [`MemoryRelay`] keeps.
///
/// Its bodies take at most `topics` times `bytes`: 1 GiB by default, if every topic is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryRelayLimits {
    /// The largest number of messages of one topic.
    pub messages: NonZeroUsize,
    /// The largest sum of the bodies of one topic, in bytes. The newest message of a topic is kept
    /// even if it is larger.
    pub bytes: NonZeroUsize,
    /// The largest number of topics. If a message is published to one more, the topic that was
    /// published to longest ago is evicted.
    ///
    /// The relay does not remember which topics were evicted. It tells the reader of any topic
    /// without messages `missed` if the position is older than the evicted messages.
    pub topics: NonZeroUsize,
}

impl Default for MemoryRelayLimits {
    /// 1024 messages and 1 MiB for each of 1024 topics.
    fn default() -> Self {
        let n = |n| NonZeroUsize::new(n).unwrap_or(NonZeroUsize::MIN);
        Self { messages: n(1024), bytes: n(1024 * 1024), topics: n(1024) }
    }
}

/// A relay in memory, for tests and for a server that has no other servers beside it.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::num::NonZeroU16;
/// use std::time::Duration;
/// use sqal_storage::relay::RelayTopic;
/// use sqal_storage::{memory::{MemoryRelay, MemoryRelayLimits}, Relay};
///
/// let relay = MemoryRelay::new(0xab, MemoryRelayLimits::default());
/// let topic = RelayTopic::new("commands")?;
/// let position = relay.newest(&topic).await?;
/// relay.publish(&topic, b"tare").await?;
/// let relayed = relay.read(&topic, &position, NonZeroU16::MIN, Duration::ZERO).await?;
/// assert_eq!(relayed.messages[0].body, b"tare");
/// # Ok(()) }
/// ```
pub struct MemoryRelay {
    /// Distinguishes the positions of this process from those of an earlier one.
    epoch: u64,
    limits: MemoryRelayLimits,
    state: Mutex<State>,
    /// Wakes the waiting readers of each group of topics.
    published: Box<[Notify]>,
}

#[derive(Debug, Default)]
struct State {
    /// The number of the newest message of all topics. A number is used once, so that a position of
    /// an evicted topic cannot be mistaken for a position of the topic that is made again.
    newest: u64,
    /// The largest number of a message that was evicted with its topic, or 0.
    evicted: u64,
    topics: HashMap<RelayTopic, Topic>,
    /// The topics by the number of their newest message.
    by_age: BTreeMap<u64, RelayTopic>,
}

/// The kept messages of one topic; there is at least one.
#[derive(Debug)]
struct Topic {
    messages: VecDeque<Kept>,
    /// The sum of the bodies.
    bytes: usize,
    /// The number of the newest message.
    newest: u64,
    /// The largest number of a message of this topic that may be lost, or 0.
    dropped: u64,
}

#[derive(Clone, Debug)]
struct Kept {
    number: u64,
    body: Arc<[u8]>,
}

/// The messages after a position, before they are copied for the reader.
#[derive(Debug, Default)]
struct Found {
    messages: Vec<Kept>,
    missed: bool,
}

impl Found {
    /// Whether the reader has to wait.
    fn is_nothing(&self) -> bool {
        self.messages.is_empty() && !self.missed
    }
}

impl Topic {
    fn new(dropped: u64) -> Self {
        Self { messages: VecDeque::new(), bytes: 0, newest: 0, dropped }
    }

    fn publish(&mut self, message: Kept, limits: &MemoryRelayLimits) {
        self.newest = message.number;
        self.bytes += message.body.len();
        self.messages.push_back(message);
        while self.is_over(limits)
            && let Some(oldest) = self.messages.pop_front()
        {
            self.bytes -= oldest.body.len();
            self.dropped = oldest.number;
        }
    }

    fn is_over(&self, limits: &MemoryRelayLimits) -> bool {
        let count = self.messages.len();
        count > 1 && (count > limits.messages.get() || self.bytes > limits.bytes.get())
    }

    fn after(&self, number: u64, limit: NonZeroU16) -> Vec<Kept> {
        let start = self.messages.partition_point(|message| message.number <= number);
        self.messages.range(start..).take(usize::from(limit.get())).cloned().collect()
    }
}

impl State {
    /// Adds a message and returns its number.
    fn publish(&mut self, topic: &RelayTopic, body: Arc<[u8]>, limits: &MemoryRelayLimits) -> u64 {
        self.newest += 1;
        // If this topic was evicted, its messages had at most this number. The eviction below is of
        // another topic.
        let evicted = self.evicted;
        if let Some(known) = self.topics.get(topic) {
            self.by_age.remove(&known.newest);
        } else if self.topics.len() >= limits.topics.get() {
            self.evict();
        }
        self.by_age.insert(self.newest, *topic);
        let kept = self.topics.entry(*topic).or_insert_with(|| Topic::new(evicted));
        kept.publish(Kept { number: self.newest, body }, limits);
        self.newest
    }

    /// Removes the topic that was published to longest ago.
    fn evict(&mut self) {
        if let Some((number, topic)) = self.by_age.pop_first() {
            self.topics.remove(&topic);
            self.evicted = number;
        }
    }

    /// The messages after a number; `None` is the number of a foreign position.
    fn after(&self, topic: &RelayTopic, number: Option<u64>, limit: NonZeroU16) -> Found {
        // A number that is not used yet was not returned by this relay.
        let number = number.filter(|number| *number <= self.newest);
        let kept = self.topics.get(topic);
        let dropped = kept.map_or(self.evicted, |kept| kept.dropped);
        let missed = number.is_none_or(|number| number < dropped);
        let messages = kept.map_or_else(Vec::new, |kept| kept.after(number.unwrap_or(0), limit));
        Found { messages, missed }
    }
}

/// The messages are not shown: they may be secret, and there may be a gigabyte of them.
impl fmt::Debug for MemoryRelay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryRelay").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl MemoryRelay {
    /// An empty relay.
    ///
    /// The epoch is a number that no earlier process has used, for example a random number or the
    /// time of the start in microseconds. Positions with another epoch are foreign.
    #[must_use]
    pub fn new(epoch: u64, limits: MemoryRelayLimits) -> Self {
        let published = (0..GROUPS).map(|_| Notify::new()).collect();
        Self { epoch, limits, state: Mutex::default(), published }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes the waiting readers of the topic's group.
    fn published(&self, topic: &RelayTopic) -> &Notify {
        let bytes = topic.as_str().bytes();
        let sum = bytes.fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte)));
        &self.published[sum % GROUPS]
    }

    fn position(&self, number: u64) -> Position {
        let text = format!("{:016x}-{number}", self.epoch);
        Position::new(&text).unwrap_or_else(|_| unreachable!("at most 37 printable characters"))
    }

    /// The number in a position of this process; `None` for any other position.
    fn number_of(&self, position: &Position) -> Option<u64> {
        let (_, number) = position.as_str().split_once('-')?;
        let number = number.parse().ok()?;
        // Only the exact spelling is accepted.
        (*position == self.position(number)).then_some(number)
    }
}

#[async_trait]
impl Relay for MemoryRelay {
    async fn publish(&self, topic: &RelayTopic, body: &[u8]) -> Result<Position, StorageError> {
        if body.len() > LARGEST_MESSAGE {
            return Err(StorageError::new("memory", StorageErrorKind::Refused));
        }
        // The body is copied before the lock is taken.
        let body: Arc<[u8]> = body.into();
        let number = self.state().publish(topic, body, &self.limits);
        self.published(topic).notify_waiters();
        Ok(self.position(number))
    }

    async fn newest(&self, _: &RelayTopic) -> Result<Position, StorageError> {
        let number = self.state().newest;
        Ok(self.position(number))
    }

    async fn read(
        &self,
        topic: &RelayTopic,
        after: &Position,
        limit: NonZeroU16,
        wait: Duration,
    ) -> Result<Relayed, StorageError> {
        let after = self.number_of(after);
        let look = || self.state().after(topic, after, limit);
        let mut found = look();
        if found.is_nothing() && !wait.is_zero() {
            let arrival = async {
                loop {
                    // Made before the look, so that a message that is published after the look
                    // wakes this reader.
                    let published = self.published(topic).notified();
                    let found = look();
                    if !found.is_nothing() {
                        return found;
                    }
                    published.await;
                }
            };
            found = timeout(wait, arrival).await.unwrap_or_default();
        }
        let message = |kept: Kept| RelayMessage::new(self.position(kept.number), kept.body.to_vec());
        Ok(Relayed::new(found.messages.into_iter().map(message).collect(), found.missed))
    }
}
