//! The laws of [`Relay`] as code: each is a function on an empty relay that panics with the broken
//! law.

use std::num::NonZeroU16;
use std::time::Duration;

use sqal_core::Name;
use tokio::time::timeout;

use crate::StorageErrorKind;
use crate::relay::{LARGEST_MESSAGE, Position, Relay, RelayMessage, RelayTopic, Relayed};

/// The wait of a read that returns what is there.
const NOW: Duration = Duration::ZERO;

/// The wait of a read for which no message comes.
const SHORT: Duration = Duration::from_millis(20);

/// The longest time that a law waits for an answer that the relay can give at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// The wait of a read that must end earlier.
const LONG: Duration = Duration::from_mins(1);

/// The largest number of messages that a law publishes until the relay forgets the first.
const MOST: usize = 100_000;

fn topic(name: &str) -> RelayTopic {
    Name::new(name).expect("a short name")
}

fn at_most(limit: u16) -> NonZeroU16 {
    NonZeroU16::new(limit).expect("not zero")
}

/// Lets the other futures of the law run this number of times.
async fn turns(count: usize) {
    for _ in 0..count {
        tokio::task::yield_now().await;
    }
}

async fn newest(relay: &dyn Relay, topic: &RelayTopic) -> Position {
    relay.newest(topic).await.expect("the relay answers")
}

async fn publish(relay: &dyn Relay, topic: &RelayTopic, body: Vec<u8>) -> RelayMessage {
    let position = relay.publish(topic, &body).await.expect("the relay answers");
    RelayMessage::new(position, body)
}

/// Publishes messages with the bodies `{name} 0`, `{name} 1` and so on; the other futures run
/// between them.
async fn publish_some(relay: &dyn Relay, topic: &RelayTopic, name: &str, count: usize) -> Vec<RelayMessage> {
    let mut published = Vec::new();
    for number in 0..count {
        published.push(publish(relay, topic, format!("{name} {number}").into_bytes()).await);
        turns(1).await;
    }
    published
}

async fn read(relay: &dyn Relay, topic: &RelayTopic, after: &Position, limit: u16, wait: Duration) -> Relayed {
    let reading = relay.read(topic, after, at_most(limit), wait);
    let answer = timeout(wait.saturating_add(PATIENCE), reading).await;
    answer.expect("law 8: the read goes on after its wait").expect("the relay answers")
}

/// A read with a long wait that has a reason to end at once.
async fn read_at_once(relay: &dyn Relay, topic: &RelayTopic, after: &Position) -> Relayed {
    let answer = timeout(PATIENCE, relay.read(topic, after, at_most(10), LONG)).await;
    answer.expect("law 8: the read waits on, although it has an answer").expect("the relay answers")
}

/// All messages after a position that are there now, page by page.
async fn follow(relay: &dyn Relay, topic: &RelayTopic, after: &Position, limit: u16) -> Vec<RelayMessage> {
    let mut all: Vec<RelayMessage> = Vec::new();
    loop {
        let last = all.last().map_or(after, |message| &message.position);
        let relayed = read(relay, topic, last, limit, NOW).await;
        assert!(!relayed.missed, "law 6: missed after {last}, although all messages are kept");
        if relayed.messages.is_empty() {
            return all;
        }
        all.extend(relayed.messages);
        assert!(all.len() < 1000, "law 2: each message once: the messages never end");
    }
}

/// Waits for messages after a position until there are `count`.
async fn collect(
    relay: &dyn Relay,
    topic: &RelayTopic,
    after: &Position,
    count: usize,
    limit: u16,
) -> Vec<RelayMessage> {
    let (mut all, mut without): (Vec<RelayMessage>, _) = (Vec::new(), 0);
    while all.len() < count {
        let last = all.last().map_or(after, |message| &message.position);
        let relayed = read(relay, topic, last, limit, PATIENCE).await;
        assert!(!relayed.missed, "law 6: missed after {last}, although all messages are kept");
        if relayed.messages.is_empty() {
            without += 1;
            assert!(without < 100, "law 12: {count} messages were published, and a reader got {}", all.len());
            turns(1).await;
        }
        all.extend(relayed.messages);
    }
    all
}

/// Polls a read once and the given number of times again, and drops it if it has not returned.
async fn cancelled_read(relay: &dyn Relay, topic: &RelayTopic, after: &Position, more: usize) {
    tokio::select! {
        biased;
        _ = relay.read(topic, after, at_most(10), PATIENCE) => {}
        () = turns(more) => {}
    }
}

/// Law 1: all readers of a topic read its messages in one order, and the messages of one publisher
/// in the order in which it published them.
///
/// # Panics
///
/// If the relay breaks the law.
pub async fn all_readers_read_one_order(relay: &dyn Relay) {
    let topic = topic("order");
    let begin = newest(relay, &topic).await;
    let (a, b, c, one, other) = tokio::join!(
        publish_some(relay, &topic, "a", 20),
        publish_some(relay, &topic, "b", 20),
        publish_some(relay, &topic, "c", 20),
        collect(relay, &topic, &begin, 60, 1),
        collect(relay, &topic, &begin, 60, 7),
    );
    assert_eq!(one, other, "law 1: two readers read two orders");
    for published in [a, b, c] {
        let name = published[0].body[0];
        let theirs: Vec<_> = one.iter().filter(|message| message.body[0] == name).cloned().collect();
        assert_eq!(theirs, published, "law 1: the messages of one publisher are not in its order");
    }
}

/// Law 2: a reader that reads after the last position it got reads each message once and unchanged,
/// whatever its limit.
///
/// # Panics
///
/// If the relay breaks the law.
pub async fn each_message_is_read_once_and_unchanged(relay: &dyn Relay) {
    let topic = topic("bodies");
    let begin = newest(relay, &topic).await;
    let bodies = [vec![], vec![0, 255, 10, 13, 32], "é \u{1f9c8}".as_bytes().to_vec(), vec![7; 1000]];
    let mut published = Vec::new();
    for _ in 0..5 {
        for body in &bodies {
            published.push(publish(relay, &topic, body.clone()).await);
        }
    }
    for limit in [1, 3, 20, 1000] {
        assert_eq!(follow(relay, &topic, &begin, limit).await, published, "law 2: pages of {limit}");
    }
    let page = read(relay, &topic, &begin, 3, NOW).await;
    assert_eq!(page.messages, published[..3], "law 2: a page of 3");
}

/// Law 3: a read after the position of any message begins with the next message, also after the
/// position was a text and after more messages were published.
///
/// # Panics
///
/// If the relay breaks the law.
pub async fn a_reader_resumes_from_any_position(relay: &dyn Relay) {
    let topic = topic("resume");
    let mut published = publish_some(relay, &topic, "first", 12).await;
    for more in 0..2 {
        for (number, message) in (1..).zip(&published) {
            let position = Position::new(message.position.as_str()).expect("its text is a position");
            assert_eq!(position, message.position, "law 3: a position is its text");
            assert_eq!(follow(relay, &topic, &position, 5).await, published[number..], "law 3: after {position}");
        }
        published.extend(publish_some(relay, &topic, &format!("later {more}"), 3).await);
    }
}

/// Law 4: a reader gets the messages of its topic only, whatever characters the names of topics
/// have.
///
/// # Panics
///
/// If the relay breaks the law.
pub async fn topics_are_apart(relay: &dyn Relay) {
    let topics = ["a", "A", "a.b", "a.b.c", "a b", "a:b", "a/b", "a.*", "*", ">", "$", "{a}", "é"].map(topic);
    let mut begins = Vec::new();
    for topic in &topics {
        begins.push(newest(relay, topic).await);
    }
    let mut published = vec![Vec::new(); topics.len()];
    for round in 0..3 {
        for (topic, published) in topics.iter().zip(&mut published) {
            published.push(publish(relay, topic, format!("{topic} {round}").into_bytes()).await);
        }
    }
    for ((topic, begin), published) in topics.iter().zip(&begins).zip(&published) {
        assert_eq!(follow(relay, topic, begin, 2).await, *published, "law 4: the topic {topic}");
    }
}

/// Law 5: a read after the newest position begins with the first message that is published later.
///
/// # Panics
///
/// If the relay breaks the law.
pub async fn after_the_newest_position_only_later_messages_are_read(relay: &dyn Relay) {
    let topic = topic("newest");
    publish_some(relay, &topic, "before", 3).await;
    let between = newest(relay, &topic).await;
    assert_eq!(follow(relay, &topic, &between, 10).await, [], "law 5: a message from before");
    let published = publish_some(relay, &topic, "after", 2).await;
    assert_eq!(follow(relay, &topic, &between, 10).await, published, "law 5: a message from before, or one is lost");
    let end = newest(relay, &topic).await;
    assert_eq!(follow(relay, &topic, &end, 10).await, [], "law 5: a message from before");
    assert_eq!(follow(relay, &topic, &between, 10).await, published, "law 5: the first position has changed");
}

/// A body of 1 KiB that holds a number.
fn numbered(number: usize) -> Vec<u8> {
    format!("{number:01024}").into_bytes()
}

fn number_in(message: &RelayMessage) -> usize {
    let text = std::str::from_utf8(&message.body).expect("law 2: a body is unchanged");
    text.parse().expect("law 2: a body is unchanged")
}

/// Law 6: if messages after a position are no longer kept, the reader is told, and its messages
/// begin with the oldest that is kept and go on to the newest without a gap.
///
/// Publishes messages of 1 KiB until the first is no longer kept, at most 100 000: a relay under
/// test keeps fewer.
///
/// # Panics
///
/// If the relay breaks the law, or keeps 100 000 messages.
pub async fn what_is_no_longer_kept_is_told(relay: &dyn Relay) {
    let topic = topic("forgotten");
    let begin = newest(relay, &topic).await;
    let mut positions: Vec<Position> = Vec::new();
    loop {
        for _ in 0..64 {
            let message = publish(relay, &topic, numbered(positions.len())).await;
            positions.push(message.position);
        }
        let relayed = read(relay, &topic, &begin, 1, NOW).await;
        if relayed.missed {
            break;
        }
        let first = relayed.messages.first().map(number_in);
        assert_eq!(first, Some(0), "law 6: a message was skipped, and the reader was not told");
        assert!(positions.len() < MOST, "this relay keeps {MOST} messages: give the law one that keeps fewer");
    }
    let mut relayed = read(relay, &topic, &begin, 64, NOW).await;
    assert!(relayed.missed, "law 6: told once and not again, although nothing has changed");
    let oldest = relayed.messages.first().map(number_in).expect("law 6: no message is kept");
    assert!(oldest > 0, "law 6: missed, although the first message is kept");
    let mut next = oldest;
    while let Some(last) = relayed.messages.last().map(|message| message.position.clone()) {
        for message in &relayed.messages {
            assert_eq!(number_in(message), next, "law 6: the kept messages have a gap");
            assert_eq!(message.position, positions[next], "law 3: publish returned another position");
            next += 1;
        }
        relayed = read(relay, &topic, &last, 64, NOW).await;
        assert!(!relayed.missed, "law 6: missed after {last}, although all messages after it are kept");
    }
    assert_eq!(next, positions.len(), "law 6: the newest messages are lost");
    // The position of the newest message that is no longer kept: all messages after it are kept.
    let relayed = read(relay, &topic, &positions[oldest - 1], 1, NOW).await;
    assert!(!relayed.missed, "law 6: missed, although all messages after the position are kept");
    assert_eq!(relayed.messages.first().map(number_in), Some(oldest));
    // The position before it: one message is lost.
    let before = if oldest > 1 { &positions[oldest - 2] } else { &begin };
    let relayed = read(relay, &topic, before, 1, NOW).await;
    assert!(relayed.missed, "law 6: one message is not given, and the reader is not told");
    assert_eq!(relayed.messages.first().map(number_in), Some(oldest));
}

/// Law 7: a read after a position that is not one of this relay is told `missed` at once, with the
/// messages from the oldest that is kept.
///
/// # Panics
///
/// If the relay breaks the law.
pub async fn a_foreign_position_is_missed(relay: &dyn Relay) {
    let topic = topic("foreign");
    let known = newest(relay, &topic).await;
    let texts = ["x".to_owned(), "?".to_owned(), "a".repeat(64), format!("{known}x"), format!("x{known}")];
    // A long position with one more character may be too long.
    let foreign: Vec<_> = texts.iter().filter_map(|text| Position::new(text).ok()).collect();
    for position in &foreign {
        let relayed = read_at_once(relay, &topic, position).await;
        assert_eq!(relayed, Relayed::new(Vec::new(), true), "law 7: the position {position} of an empty topic");
    }
    let published = publish_some(relay, &topic, "message", 3).await;
    for position in &foreign {
        let relayed = read_at_once(relay, &topic, position).await;
        assert_eq!(relayed, Relayed::new(published.clone(), true), "law 7: the position {position}");
    }
    assert_eq!(follow(relay, &topic, &published[2].position, 10).await, [], "law 7: no reader can go on");
}

/// Law 8: a read without a message returns as soon as a message of its topic is published, or an
/// empty list after its wait.
///
/// # Panics
///
/// If the relay breaks the law.
pub async fn a_read_waits_for_the_next_message(relay: &dyn Relay) {
    let (topic, other) = (topic("wait"), topic("another"));
    let begin = newest(relay, &topic).await;
    publish_some(relay, &topic, "first", 1).await;
    let mut last = collect(relay, &topic, &begin, 1, 10).await.remove(0).position;
    let relayed = read(relay, &topic, &last, 10, SHORT).await;
    assert_eq!(relayed, Relayed::new(Vec::new(), false), "law 8: an empty list after the wait");
    for number in 0..5 {
        let publishing = async {
            turns(number).await;
            publish(relay, &other, format!("of another topic {number}").into_bytes()).await;
            turns(number).await;
            publish(relay, &topic, format!("awaited {number}").into_bytes()).await
        };
        let (relayed, published) = tokio::join!(read_at_once(relay, &topic, &last), publishing);
        last = published.position.clone();
        assert_eq!(relayed, Relayed::new(vec![published], false), "law 8: the message that ended the wait");
    }
}

/// Law 9: a read that is cancelled, while it waits or while there are messages, takes no message
/// from a later read.
///
/// # Panics
///
/// If the relay breaks the law.
pub async fn a_cancelled_read_loses_nothing(relay: &dyn Relay) {
    let topic = topic("cancelled");
    let begin = newest(relay, &topic).await;
    let (mut last, mut published) = (begin.clone(), Vec::new());
    for polls in 0..8 {
        cancelled_read(relay, &topic, &last, polls).await;
        published.push(publish(relay, &topic, format!("message {polls}").into_bytes()).await);
        cancelled_read(relay, &topic, &last, polls).await;
        let relayed = read(relay, &topic, &last, 10, PATIENCE).await;
        assert_eq!(relayed.messages, published[polls..], "law 9: a cancelled read has lost a message");
        last = published[polls].position.clone();
    }
    assert_eq!(follow(relay, &topic, &begin, 10).await, published, "law 9: a cancelled read has lost a message");
}

/// Law 10: a message of 64 KiB is published, and a larger message is refused.
///
/// # Panics
///
/// If the relay breaks the law.
pub async fn a_message_that_is_too_large_is_refused(relay: &dyn Relay) {
    let topic = topic("large");
    let begin = newest(relay, &topic).await;
    let largest = publish(relay, &topic, vec![9; LARGEST_MESSAGE]).await;
    let too_large = vec![8; LARGEST_MESSAGE + 1];
    let error = relay.publish(&topic, &too_large).await.expect_err("law 10: one byte too many is published");
    assert_eq!(error.kind, StorageErrorKind::Refused, "law 10: the kind of the error");
    let read = follow(relay, &topic, &begin, 10).await;
    // The bodies are too long to be shown.
    assert!(read == [largest], "law 10: expected the largest message alone, unchanged");
}

/// Law 11: a topic that was never published to is empty, and its newest position and a read of it
/// are not errors.
///
/// # Panics
///
/// If the relay breaks the law.
pub async fn an_unknown_topic_is_empty(relay: &dyn Relay) {
    let (known, unknown) = (topic("known"), topic("unknown"));
    publish_some(relay, &known, "before", 1).await;
    let begin = newest(relay, &unknown).await;
    for round in 0..2 {
        let relayed = read(relay, &unknown, &begin, 10, NOW).await;
        assert_eq!(relayed, Relayed::new(Vec::new(), false), "law 11: an unknown topic");
        publish_some(relay, &known, &format!("round {round}"), 1).await;
    }
    assert_eq!(follow(relay, &unknown, &begin, 10).await, [], "law 11: an unknown topic");
    let first = publish_some(relay, &unknown, "first", 1).await;
    assert_eq!(follow(relay, &unknown, &begin, 10).await, first, "law 11: the first message of the topic");
}

/// Law 12: every reader gets every message: readers that wait together, and a reader that comes
/// later.
///
/// # Panics
///
/// If the relay breaks the law.
pub async fn every_reader_gets_every_message(relay: &dyn Relay) {
    let topic = topic("readers");
    let begin = newest(relay, &topic).await;
    let (one, two, three, published) = tokio::join!(
        collect(relay, &topic, &begin, 10, 1),
        collect(relay, &topic, &begin, 10, 2),
        collect(relay, &topic, &begin, 10, 100),
        publish_some(relay, &topic, "message", 10),
    );
    let late = collect(relay, &topic, &begin, 10, 100).await;
    for read in [one, two, three, late] {
        assert_eq!(read, published, "law 12: every reader gets every message");
    }
}

/// One named test per law for a relay: give an async expression that makes an empty relay.
#[macro_export]
macro_rules! relay_conformance {
    ($make:expr) => {
        $crate::relay_conformance! { @each $make;
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
    };
    (@each $make:expr; $($law:ident)*) => {
        $(
            #[test]
            fn $law() {
                $crate::conformance::run(async {
                    let relay = $make.await;
                    $crate::conformance::relay::$law(&relay).await;
                });
            }
        )*
    };
}
