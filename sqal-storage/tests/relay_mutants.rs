//! The laws of relays are tested too: relays with one bug each, and exactly the laws that must
//! catch it.
#![cfg(feature = "conformance")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{HashMap, HashSet};
use std::future::pending;
use std::num::NonZeroU16;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use sqal_storage::conformance::relay as laws;
use sqal_storage::relay::{LARGEST_MESSAGE, Position, RelayTopic, Relayed};
use sqal_storage::{
    Relay, StorageError, StorageErrorKind,
    memory::{MemoryRelay, MemoryRelayLimits},
};
use tokio::time::timeout;

const EPOCH: u64 = 7;
const NOW: Duration = Duration::ZERO;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Bug {
    None,
    NewestFirst,
    DisordersPagesUnderLoad,
    OneReaderAtATime,
    LosesEmptyBodies,
    DropsRepeatedBodies,
    IgnoresTheLimit,
    KnowsOnlyEndsOfPages,
    IgnoresTheCaseOfTopics,
    OneTopicForAll,
    NewestIsTheBeginning,
    SilentAboutLosses,
    KnowsOnlyKeptPositions,
    LeavesOutTheOldest,
    ForeignIsAnError,
    ForeignIsTheNewest,
    ForeignIsNotTold,
    ForeignWaits,
    DoesNotWait,
    WaitsToTheEnd,
    WaitsTooLong,
    GivesAnAwaitedMessageTwice,
    CancelledReadTakesTheNextMessage,
    AcceptsWhatIsTooLarge,
    CutsLargeBodies,
    UnknownTopicIsAnError,
    UnknownTopicIsMissed,
}

/// Each bug and the laws that it breaks, in the order of the laws: a bug that breaks another law as
/// well proves less about its own.
const BUGS: &[(Bug, &[&str])] = &[
    (Bug::None, &[]),
    (
        Bug::NewestFirst,
        &[
            "all_readers_read_one_order",
            "each_message_is_read_once_and_unchanged",
            "a_reader_resumes_from_any_position",
            "topics_are_apart",
            "after_the_newest_position_only_later_messages_are_read",
            "what_is_no_longer_kept_is_told",
            "a_foreign_position_is_missed",
            "a_cancelled_read_loses_nothing",
            "every_reader_gets_every_message",
        ],
    ),
    (Bug::DisordersPagesUnderLoad, &["all_readers_read_one_order"]),
    (Bug::OneReaderAtATime, &["all_readers_read_one_order", "every_reader_gets_every_message"]),
    (Bug::LosesEmptyBodies, &["each_message_is_read_once_and_unchanged"]),
    (Bug::DropsRepeatedBodies, &["each_message_is_read_once_and_unchanged"]),
    (Bug::IgnoresTheLimit, &["each_message_is_read_once_and_unchanged"]),
    (Bug::KnowsOnlyEndsOfPages, &["a_reader_resumes_from_any_position", "what_is_no_longer_kept_is_told"]),
    (Bug::IgnoresTheCaseOfTopics, &["topics_are_apart"]),
    (Bug::OneTopicForAll, &["topics_are_apart", "a_read_waits_for_the_next_message", "an_unknown_topic_is_empty"]),
    (Bug::NewestIsTheBeginning, &["after_the_newest_position_only_later_messages_are_read"]),
    (Bug::SilentAboutLosses, &["what_is_no_longer_kept_is_told"]),
    (Bug::KnowsOnlyKeptPositions, &["what_is_no_longer_kept_is_told", "an_unknown_topic_is_empty"]),
    (Bug::LeavesOutTheOldest, &["what_is_no_longer_kept_is_told", "a_foreign_position_is_missed"]),
    (Bug::ForeignIsAnError, &["a_foreign_position_is_missed"]),
    (Bug::ForeignIsTheNewest, &["a_foreign_position_is_missed"]),
    (Bug::ForeignIsNotTold, &["a_foreign_position_is_missed"]),
    (Bug::ForeignWaits, &["a_foreign_position_is_missed"]),
    (Bug::DoesNotWait, &["a_read_waits_for_the_next_message"]),
    (Bug::WaitsToTheEnd, &["a_read_waits_for_the_next_message"]),
    (Bug::WaitsTooLong, &["a_read_waits_for_the_next_message"]),
    (
        Bug::GivesAnAwaitedMessageTwice,
        &["all_readers_read_one_order", "a_read_waits_for_the_next_message", "every_reader_gets_every_message"],
    ),
    (Bug::CancelledReadTakesTheNextMessage, &["a_cancelled_read_loses_nothing"]),
    (Bug::AcceptsWhatIsTooLarge, &["a_message_that_is_too_large_is_refused"]),
    (Bug::CutsLargeBodies, &["a_message_that_is_too_large_is_refused"]),
    (
        Bug::UnknownTopicIsAnError,
        &["a_foreign_position_is_missed", "an_unknown_topic_is_empty", "every_reader_gets_every_message"],
    ),
    (Bug::UnknownTopicIsMissed, &["an_unknown_topic_is_empty"]),
];

/// A memory relay with one bug.
#[derive(Debug)]
struct Mutant {
    bug: Bug,
    relay: MemoryRelay,
    /// The bodies that were published, with their positions.
    bodies: Mutex<HashMap<(RelayTopic, Vec<u8>), Position>>,
    /// The newest positions, and those at the ends of pages.
    ends: Mutex<HashSet<Position>>,
    /// The number of reads that have not returned.
    reading: AtomicUsize,
    /// Whether a read was dropped before it returned, since the last message.
    cancelled: AtomicBool,
}

/// The position of the memory relay with this number.
fn at(number: u64) -> Position {
    Position::new(&format!("{EPOCH:016x}-{number}")).unwrap()
}

/// The number in a position of the memory relay; `None` for a foreign position.
fn number(position: &Position) -> Option<u64> {
    position.as_str().strip_prefix(&format!("{EPOCH:016x}-"))?.parse().ok()
}

fn error(kind: StorageErrorKind) -> Result<Relayed, StorageError> {
    Err(StorageError::new("mutant", kind))
}

/// A read that goes on. If it is dropped before it has returned, it was cancelled.
struct Reading<'a> {
    mutant: &'a Mutant,
    has_returned: bool,
}

impl<'a> Reading<'a> {
    fn begin(mutant: &'a Mutant) -> Self {
        mutant.reading.fetch_add(1, Ordering::SeqCst);
        Self { mutant, has_returned: false }
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.mutant.reading.fetch_sub(1, Ordering::SeqCst);
        if !self.has_returned {
            self.mutant.cancelled.store(true, Ordering::SeqCst);
        }
    }
}

impl Mutant {
    fn new(bug: Bug) -> Self {
        Self {
            bug,
            relay: MemoryRelay::new(EPOCH, MemoryRelayLimits::default()),
            bodies: Mutex::default(),
            ends: Mutex::default(),
            reading: AtomicUsize::new(0),
            cancelled: AtomicBool::new(false),
        }
    }

    fn topic(&self, topic: &RelayTopic) -> RelayTopic {
        match self.bug {
            Bug::IgnoresTheCaseOfTopics => RelayTopic::new(&topic.as_str().to_ascii_lowercase()).unwrap(),
            Bug::OneTopicForAll => RelayTopic::new("all").unwrap(),
            _ => *topic,
        }
    }

    /// Whether the message at a position is kept. The beginning counts as kept.
    async fn is_kept(&self, topic: &RelayTopic, position: &Position) -> Result<bool, StorageError> {
        match number(position) {
            None | Some(0) => Ok(true),
            Some(number) => {
                let found = self.relay.read(topic, &at(number - 1), NonZeroU16::MIN, NOW).await?;
                Ok(found.messages.first().is_some_and(|message| message.position == *position))
            }
        }
    }

    async fn read_with_the_bug(
        &self,
        topic: &RelayTopic,
        after: &Position,
        limit: NonZeroU16,
        wait: Duration,
    ) -> Result<Relayed, StorageError> {
        let limit = if self.bug == Bug::IgnoresTheLimit { NonZeroU16::MAX } else { limit };
        let is_foreign = number(after).is_none();
        let is_kept = self.is_kept(topic, after).await?;
        let is_unknown = self.relay.read(topic, &at(0), NonZeroU16::MIN, NOW).await?.messages.is_empty();
        let now = self.relay.read(topic, after, limit, NOW).await?;
        let must_wait = now.messages.is_empty() && !now.missed;
        let newest = self.relay.newest(topic).await?;
        let mut relayed = match self.bug {
            Bug::OneReaderAtATime if self.reading.load(Ordering::SeqCst) > 1 => return error(StorageErrorKind::Busy),
            Bug::ForeignIsAnError if is_foreign => return error(StorageErrorKind::Refused),
            Bug::UnknownTopicIsAnError if is_unknown => return error(StorageErrorKind::Internal),
            Bug::ForeignIsTheNewest if is_foreign => self.relay.read(topic, &newest, limit, wait).await?,
            Bug::ForeignWaits if is_foreign && now.messages.is_empty() => {
                let mut awaited = self.relay.read(topic, &newest, limit, wait).await?;
                awaited.missed = true;
                awaited
            }
            Bug::DoesNotWait => now,
            Bug::WaitsToTheEnd if must_wait && !wait.is_zero() => {
                let ended = timeout(wait, pending::<()>()).await;
                assert!(ended.is_err(), "the wait is over");
                self.relay.read(topic, after, limit, NOW).await?
            }
            Bug::WaitsTooLong if !wait.is_zero() => {
                self.relay.read(topic, after, limit, wait.max(Duration::from_mins(1))).await?
            }
            _ => self.relay.read(topic, after, limit, wait).await?,
        };
        match self.bug {
            Bug::NewestFirst => relayed.messages.reverse(),
            Bug::DisordersPagesUnderLoad if self.reading.load(Ordering::SeqCst) > 1 && relayed.messages.len() > 2 => {
                relayed.messages.reverse();
            }
            Bug::KnowsOnlyEndsOfPages if !self.ends.lock().unwrap().contains(after) => relayed.missed = true,
            Bug::SilentAboutLosses if !is_foreign => relayed.missed = false,
            Bug::KnowsOnlyKeptPositions if !is_kept => relayed.missed = true,
            Bug::LeavesOutTheOldest if relayed.missed && !relayed.messages.is_empty() => {
                relayed.messages.remove(0);
            }
            Bug::ForeignIsNotTold if is_foreign => relayed.missed = false,
            Bug::GivesAnAwaitedMessageTwice if must_wait && !relayed.messages.is_empty() => {
                let first = relayed.messages[0].clone();
                relayed.messages.insert(0, first);
            }
            Bug::UnknownTopicIsMissed if is_unknown && relayed.messages.is_empty() => relayed.missed = true,
            _ => {}
        }
        if let Some(last) = relayed.messages.last() {
            self.ends.lock().unwrap().insert(last.position.clone());
        }
        Ok(relayed)
    }
}

#[async_trait]
impl Relay for Mutant {
    async fn publish(&self, topic: &RelayTopic, body: &[u8]) -> Result<Position, StorageError> {
        let topic = self.topic(topic);
        let cancelled = self.cancelled.swap(false, Ordering::SeqCst);
        let is_lost = match self.bug {
            Bug::LosesEmptyBodies => body.is_empty(),
            Bug::CancelledReadTakesTheNextMessage => cancelled,
            _ => false,
        };
        if is_lost {
            return self.relay.newest(&topic).await;
        }
        let key = (topic, body.to_vec());
        let repeated = self.bodies.lock().unwrap().get(&key).cloned();
        let body = match (self.bug, repeated) {
            (Bug::DropsRepeatedBodies, Some(position)) => return Ok(position),
            (Bug::AcceptsWhatIsTooLarge, _) => &body[..body.len().min(LARGEST_MESSAGE)],
            (Bug::CutsLargeBodies, _) => &body[..body.len().min(60_000)],
            _ => body,
        };
        let position = self.relay.publish(&topic, body).await?;
        self.bodies.lock().unwrap().insert(key, position.clone());
        Ok(position)
    }

    async fn newest(&self, topic: &RelayTopic) -> Result<Position, StorageError> {
        let newest = self.relay.newest(&self.topic(topic)).await?;
        let newest = if self.bug == Bug::NewestIsTheBeginning { at(0) } else { newest };
        self.ends.lock().unwrap().insert(newest.clone());
        Ok(newest)
    }

    async fn read(
        &self,
        topic: &RelayTopic,
        after: &Position,
        limit: NonZeroU16,
        wait: Duration,
    ) -> Result<Relayed, StorageError> {
        let mut reading = Reading::begin(self);
        let answer = self.read_with_the_bug(&self.topic(topic), after, limit, wait).await;
        reading.has_returned = true;
        answer
    }
}

/// The laws that a relay with this bug breaks.
async fn broken_laws(bug: Bug) -> Vec<&'static str> {
    macro_rules! broken {
        ($($law:ident)*) => {{
            let mut broken = Vec::new();
            $(
                let mutant = Mutant::new(bug);
                let run = tokio::spawn(async move { laws::$law(&mutant).await });
                if run.await.is_err() {
                    broken.push(stringify!($law));
                }
            )*
            broken
        }};
    }
    broken! {
        all_readers_read_one_order
        each_message_is_read_once_and_unchanged
        a_reader_resumes_from_any_position
        topics_are_apart
        after_the_newest_position_only_later_messages_are_read
        what_is_no_longer_kept_is_told
        a_foreign_position_is_missed
        a_read_waits_for_the_next_message
        a_cancelled_read_loses_nothing
        a_message_that_is_too_large_is_refused
        an_unknown_topic_is_empty
        every_reader_gets_every_message
    }
}

/// The time is paused: a wait that no message ends takes no time of the test.
#[tokio::test(start_paused = true)]
async fn every_bug_breaks_exactly_its_laws_and_no_bug_breaks_none() {
    for (bug, laws) in BUGS {
        assert_eq!(broken_laws(*bug).await, *laws, "{bug:?}");
    }
}
