//! [`MemoryRelay`] obeys the laws of relays, stays within its limits, wakes its readers, and tells
//! every loss.
#![cfg(feature = "conformance")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::num::{NonZeroU16, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sqal_storage::relay::{Position, RelayMessage, RelayTopic, Relayed};
use sqal_storage::{
    Relay,
    memory::{MemoryRelay, MemoryRelayLimits},
};
use tokio::time::{Instant, timeout};

const EPOCH: u64 = 0xab;
const NOW: Duration = Duration::ZERO;
const HOUR: Duration = Duration::from_hours(1);

fn relay() -> MemoryRelay {
    MemoryRelay::new(EPOCH, MemoryRelayLimits::default())
}

mod in_memory {
    sqal_storage::relay_conformance!(async { super::relay() });
}

mod behind_an_arc {
    use std::sync::Arc;

    use sqal_storage::Relay;

    fn dynamic() -> Arc<dyn Relay> {
        Arc::new(super::relay())
    }

    sqal_storage::relay_conformance!(async { dynamic() });
}

fn limits(messages: usize, bytes: usize, topics: usize) -> MemoryRelayLimits {
    let n = |n| NonZeroUsize::new(n).unwrap();
    let mut limits = MemoryRelayLimits::default();
    (limits.messages, limits.bytes, limits.topics) = (n(messages), n(bytes), n(topics));
    limits
}

fn topic(name: &str) -> RelayTopic {
    RelayTopic::new(name).unwrap()
}

fn position(text: &str) -> Position {
    Position::new(text).unwrap()
}

async fn publish(relay: &dyn Relay, topic: &RelayTopic, body: &[u8]) -> RelayMessage {
    RelayMessage::new(relay.publish(topic, body).await.unwrap(), body.to_vec())
}

async fn read(relay: &dyn Relay, topic: &RelayTopic, after: &Position, wait: Duration) -> Relayed {
    relay.read(topic, after, NonZeroU16::MAX, wait).await.unwrap()
}

/// The lengths of all bodies that are kept of a topic.
async fn kept(relay: &dyn Relay, topic: &RelayTopic) -> Vec<usize> {
    let relayed = read(relay, topic, &position("foreign"), NOW).await;
    relayed.messages.iter().map(|message| message.body.len()).collect()
}

fn nothing() -> Relayed {
    Relayed::new(Vec::new(), false)
}

#[tokio::test]
async fn a_topic_keeps_at_most_its_messages_and_its_bytes() {
    let relay = MemoryRelay::new(EPOCH, limits(4, 100, 8));
    let topic = topic("a");
    for (length, expected) in [
        (1, vec![1]),
        (2, vec![1, 2]),
        (3, vec![1, 2, 3]),
        (4, vec![1, 2, 3, 4]),
        (5, vec![2, 3, 4, 5]),
        (91, vec![4, 5, 91]),
        (0, vec![4, 5, 91, 0]),
        (9, vec![91, 0, 9]),
        // A message that is larger than the limit is kept until the next one.
        (101, vec![101]),
        (0, vec![0]),
        (100, vec![0, 100]),
        (1, vec![1]),
    ] {
        publish(&relay, &topic, &vec![7; length]).await;
        assert_eq!(kept(&relay, &topic).await, expected, "after {length} bytes");
    }
}

#[tokio::test]
async fn the_topic_that_was_published_to_longest_ago_is_evicted_and_its_readers_are_told() {
    let relay = MemoryRelay::new(EPOCH, limits(4, 100, 2));
    let (a, b, c) = (topic("a"), topic("b"), topic("c"));
    let begin = relay.newest(&a).await.unwrap();
    publish(&relay, &a, &[1]).await;
    let first_of_b = publish(&relay, &b, &[2]).await;
    let last_of_b = publish(&relay, &b, &[3]).await;
    publish(&relay, &a, &[4]).await;
    publish(&relay, &c, &[5]).await;
    assert_eq!(kept(&relay, &a).await.len(), 2, "a topic that was published to later was evicted");
    assert!(kept(&relay, &b).await.is_empty(), "a third topic is kept");
    assert!(!read(&relay, &a, &begin, NOW).await.missed);
    for after in [&begin, &first_of_b.position] {
        assert_eq!(read(&relay, &b, after, NOW).await, Relayed::new(Vec::new(), true), "after {after}");
    }
    assert_eq!(read(&relay, &b, &last_of_b.position, NOW).await, nothing(), "this reader has read everything");
    // The topic is made again: its numbers go on.
    let again = publish(&relay, &b, &[6]).await;
    assert!(kept(&relay, &a).await.is_empty(), "a third topic is kept");
    for after in [&begin, &first_of_b.position] {
        assert_eq!(read(&relay, &b, after, NOW).await, Relayed::new(vec![again.clone()], true), "after {after}");
    }
    let relayed = read(&relay, &b, &last_of_b.position, NOW).await;
    assert_eq!(relayed, Relayed::new(vec![again], false), "this reader has lost nothing");
}

#[tokio::test]
async fn readers_of_unknown_topics_cost_nothing() {
    let relay = MemoryRelay::new(EPOCH, limits(4, 100, 2));
    let (a, b) = (topic("a"), topic("b"));
    publish(&relay, &a, &[1]).await;
    publish(&relay, &b, &[2]).await;
    for number in 0..1000 {
        let unknown = topic(&format!("unknown {number}"));
        let newest = relay.newest(&unknown).await.unwrap();
        assert_eq!(read(&relay, &unknown, &newest, NOW).await, nothing());
    }
    assert_eq!((kept(&relay, &a).await, kept(&relay, &b).await), (vec![1], vec![1]));
    assert!(!format!("{relay:?}").contains("unknown"), "the relay keeps topics that were only read");
}

#[tokio::test]
async fn a_position_of_an_earlier_process_or_of_the_future_is_missed() {
    let (earlier, later) = (MemoryRelay::new(EPOCH - 1, MemoryRelayLimits::default()), relay());
    let topic = topic("a");
    let before = publish(&earlier, &topic, &[1]).await.position;
    let published = vec![publish(&later, &topic, &[2]).await, publish(&later, &topic, &[3]).await];
    let known = &published[0].position;
    assert_eq!(known.as_str(), "00000000000000ab-1");
    assert_eq!(read(&later, &topic, known, NOW).await, Relayed::new(published[1..].to_vec(), false));
    let texts = [
        before.as_str(),
        "00000000000000ab-3",
        "00000000000000ab-18446744073709551615",
        "00000000000000ab-18446744073709551616",
        "00000000000000ab-01",
        "00000000000000ab-+1",
        "00000000000000ab--1",
        "00000000000000ab-",
        "00000000000000ab",
        "00000000000000AB-1",
        "ab-1",
        "-1",
        "1",
    ];
    for text in texts {
        let relayed = read(&later, &topic, &position(text), HOUR).await;
        assert_eq!(relayed, Relayed::new(published.clone(), true), "{text}");
    }
    let last = MemoryRelay::new(u64::MAX, MemoryRelayLimits::default());
    assert_eq!(last.newest(&topic).await.unwrap().as_str(), "ffffffffffffffff-0");
}

/// Whether a time is the expected one, to the milliseconds of the runtime's timer.
fn is_about(time: Duration, expected: Duration) -> bool {
    (expected..expected + Duration::from_millis(10)).contains(&time)
}

#[tokio::test(start_paused = true)]
async fn a_read_ends_with_a_message_or_with_its_wait() {
    let (relay, topic, other) = (relay(), topic("a"), topic("b"));
    let begin = relay.newest(&topic).await.unwrap();
    let started = Instant::now();
    assert_eq!(read(&relay, &topic, &begin, NOW).await, nothing());
    assert_eq!(started.elapsed(), NOW);
    assert_eq!(read(&relay, &topic, &begin, Duration::from_secs(30)).await, nothing());
    assert!(is_about(started.elapsed(), Duration::from_secs(30)), "{:?}", started.elapsed());
    for wait in [Duration::from_secs(30), HOUR, Duration::MAX] {
        let begin = relay.newest(&topic).await.unwrap();
        let started = Instant::now();
        let publishing = async {
            tokio::time::advance(Duration::from_secs(3)).await;
            publish(&relay, &other, &[1]).await;
            tokio::time::advance(Duration::from_secs(2)).await;
            publish(&relay, &topic, &[2]).await
        };
        let (relayed, published) = tokio::join!(read(&relay, &topic, &begin, wait), publishing);
        assert_eq!(relayed, Relayed::new(vec![published], false));
        assert!(is_about(started.elapsed(), Duration::from_secs(5)), "{:?}", started.elapsed());
    }
    // Messages of another topic do not prolong the wait.
    let begin = relay.newest(&topic).await.unwrap();
    let started = Instant::now();
    let publishing = async {
        for _ in 0..4 {
            tokio::time::advance(Duration::from_secs(1)).await;
            publish(&relay, &other, &[1]).await;
        }
    };
    let (relayed, ()) = tokio::join!(read(&relay, &topic, &begin, Duration::from_secs(10)), publishing);
    assert_eq!(relayed, nothing());
    assert!(is_about(started.elapsed(), Duration::from_secs(10)), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_read_loses_nothing_and_leaves_nothing_behind() {
    let (relay, topic) = (Arc::new(relay()), topic("a"));
    let begin = relay.newest(&topic).await.unwrap();
    assert!(timeout(Duration::from_secs(1), read(&relay, &topic, &begin, HOUR)).await.is_err());
    let reading = tokio::spawn({
        let (relay, begin) = (Arc::clone(&relay), begin.clone());
        async move { read(&relay, &topic, &begin, HOUR).await }
    });
    tokio::task::yield_now().await;
    reading.abort();
    assert!(reading.await.unwrap_err().is_cancelled());
    assert_eq!(Arc::strong_count(&relay), 1);
    let published = publish(&relay, &topic, &[1]).await;
    assert_eq!(read(&relay, &topic, &begin, HOUR).await, Relayed::new(vec![published], false));
}

/// Two tasks answer each other: if one message woke no reader, both would wait for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_wake_up_is_lost_between_threads() {
    let relay: Arc<dyn Relay> = Arc::new(relay());
    let (calls, answers) = (topic("calls"), topic("answers"));
    let first_call = relay.newest(&calls).await.unwrap();
    let first_answer = relay.newest(&answers).await.unwrap();
    let caller = tokio::spawn({
        let (relay, mut last) = (Arc::clone(&relay), first_answer);
        async move {
            for number in 0..2000_u32 {
                publish(&relay, &calls, &number.to_le_bytes()).await;
                let answer = read(&relay, &answers, &last, HOUR).await.messages.remove(0);
                assert_eq!(answer.body, number.to_be_bytes());
                last = answer.position;
            }
        }
    });
    let answering = tokio::spawn(async move {
        let mut last = first_call;
        for number in 0..2000_u32 {
            let call = read(&relay, &calls, &last, HOUR).await.messages.remove(0);
            assert_eq!(call.body, number.to_le_bytes());
            last = call.position;
            publish(&relay, &answers, &number.to_be_bytes()).await;
        }
    });
    let both = async { (caller.await, answering.await) };
    let (called, answered) = timeout(Duration::from_mins(1), both).await.expect("a message woke no reader");
    called.unwrap();
    answered.unwrap();
}

#[derive(Clone, Debug)]
enum Command {
    Publish {
        topic: usize,
        bytes: usize,
    },
    Read {
        reader: usize,
        limit: u16,
    },
    /// The reader goes back, or on, to the position of any message.
    Resume {
        reader: usize,
        at: prop::sample::Index,
    },
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        4 => (0..3_usize, 0..60_usize).prop_map(|(topic, bytes)| Command::Publish { topic, bytes }),
        4 => (0..4_usize, 1..6_u16).prop_map(|(reader, limit)| Command::Read { reader, limit }),
        1 => (0..4_usize, any::<prop::sample::Index>()).prop_map(|(reader, at)| Command::Resume { reader, at }),
    ]
}

/// The index of the oldest message that a topic with at most 4 messages and 100 bytes keeps.
fn oldest(published: &[RelayMessage]) -> usize {
    let mut bytes = 0;
    let kept = published.iter().rev().enumerate().take_while(|(newer, message)| {
        bytes += message.body.len();
        *newer == 0 || (*newer < 4 && bytes <= 100)
    });
    published.len() - kept.count()
}

struct Reader {
    topic: usize,
    position: Position,
    /// The index of the next message among all that were published to the topic.
    next: usize,
}

/// Every reader gets the sequence of its topic without a gap, or is told. If no topic is evicted, a
/// reader is told only if it has lost messages.
async fn every_loss_is_told(topics: usize, commands: Vec<Command>) {
    let relay = MemoryRelay::new(EPOCH, limits(4, 100, topics));
    let names = ["a", "b", "c"].map(topic);
    let mut published: [Vec<RelayMessage>; 3] = [vec![], vec![], vec![]];
    let mut readers = Vec::new();
    for topic in [0, 1, 2, 0] {
        readers.push(Reader { topic, position: relay.newest(&names[topic]).await.unwrap(), next: 0 });
    }
    for (number, command) in commands.into_iter().enumerate() {
        match command {
            Command::Publish { topic, bytes } => {
                let body = vec![u8::try_from(number % 256).unwrap(); bytes];
                published[topic].push(publish(&relay, &names[topic], &body).await);
            }
            Command::Resume { reader, at } => {
                let reader = &mut readers[reader];
                let all = &published[reader.topic];
                if !all.is_empty() {
                    let index = at.index(all.len());
                    (reader.position, reader.next) = (all[index].position.clone(), index + 1);
                }
            }
            Command::Read { reader, limit } => {
                let reader = &mut readers[reader];
                let (name, all) = (&names[reader.topic], &published[reader.topic]);
                let limit = NonZeroU16::new(limit).unwrap();
                let relayed = relay.read(name, &reader.position, limit, NOW).await.unwrap();
                let index_of = |message: &RelayMessage| all.iter().position(|known| known == message).unwrap();
                let first = relayed.messages.first().map_or(all.len(), index_of);
                let end = (first + usize::from(limit.get())).min(all.len());
                assert_eq!(relayed.messages, all[first..end], "the messages have a gap");
                assert!(first >= reader.next, "a message is given again");
                assert!(relayed.missed || first == reader.next, "a loss is not told");
                if topics == 3 {
                    assert_eq!(relayed.missed, reader.next < oldest(all), "no topic was evicted");
                    assert_eq!(first, reader.next.max(oldest(all)), "a message that is kept is not given");
                }
                reader.next = end;
                match relayed.messages.last() {
                    Some(last) => reader.position = last.position.clone(),
                    None if relayed.missed => reader.position = relay.newest(name).await.unwrap(),
                    None => {}
                }
            }
        }
    }
}

#[test]
fn every_reader_gets_the_full_sequence_or_is_told() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    TestRunner::new(Config::with_cases(256))
        .run(&(1..=3_usize, prop::collection::vec(command(), 1..80)), |(topics, commands)| {
            runtime.block_on(every_loss_is_told(topics, commands));
            Ok(())
        })
        .unwrap();
}
