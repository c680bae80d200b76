//! Storms: what is sent is bounded, and what is told adds up.

use std::time::Duration;

use futures_util::future::join_all;
use sqal_storage::Queue;
use sqal_storage::queue::JobState;
use sqal_work::outbox::notify::{Notice, NoticeChannel, NoticeWork};
use sqal_work::outbox::{Dispatched, Language, Message, Outbox, Severity, StormLimits};

use crate::line::{Line, key, narrow, wide};
use crate::receiver::{Received, Receiver, Step, client, limits, ok, status};

/// A channel `people` at a receiver.
pub(crate) struct People {
    pub(crate) line: Line,
    pub(crate) receiver: Receiver,
    pub(crate) outbox: Outbox,
    pub(crate) work: NoticeWork,
}

/// What a receiver was told.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// The titles of the messages that came by themselves.
    pub(crate) alone: Vec<String>,
    /// The count of each digest.
    pub(crate) digests: Vec<u64>,
}

impl Told {
    /// What was told by the requests that were answered 2xx.
    pub(crate) fn by(received: &[Received]) -> Self {
        let mut told = Self::default();
        for body in received.iter().map(Received::json) {
            let title = body["title"].as_str().unwrap();
            if body["source"] == "outbox" {
                told.digests.push(title.split(' ').next().unwrap().parse().unwrap());
            } else {
                told.alone.push(title.to_owned());
            }
        }
        told
    }

    pub(crate) fn total(&self) -> u64 {
        self.digests.iter().sum::<u64>() + self.alone.len() as u64
    }
}

impl People {
    pub(crate) async fn new(limits: StormLimits, script: impl IntoIterator<Item = Step>) -> Self {
        let (line, receiver) = (Line::new(), Receiver::new(script).await);
        let channel = NoticeChannel::json("people".parse().unwrap(), receiver.url("/"), None).unwrap();
        let work = NoticeWork::new(client(), self::limits(), [channel], line.records());
        Self { outbox: line.outbox(limits), receiver, work, line }
    }

    pub(crate) fn message(&self, title: &str) -> Message {
        let notice = Notice::new(title, "test", Severity::Warning, Language::English, self.line.now()).unwrap();
        Message::Notice { channel: "people".parse().unwrap(), notice }
    }

    pub(crate) async fn send(&self, title: &str) -> Dispatched {
        let sent = self.outbox.send(&self.message(title), &key(title), self.line.now()).await.unwrap();
        assert_eq!(sent.len(), 1);
        sent[0].outcome
    }
}

/// 10 000 messages in 10 seconds, ten at once: 20 come by themselves, and digests tell the rest.
#[tokio::test]
async fn ten_thousand_messages_are_a_few_deliveries_whose_counts_add_up() {
    let people = People::new(StormLimits::default(), [ok()]).await;
    for round in 0..1000 {
        let titles: Vec<_> = (0..10).map(|k| format!("event {}", round * 10 + k)).collect();
        join_all(titles.iter().map(|title| people.send(title))).await;
        people.line.advance(Duration::from_millis(10));
        if round % 100 == 0 {
            people.line.work_off(&people.work).await;
        }
    }
    people.line.drain(&people.work).await;
    let told = Told::by(&people.receiver.received());
    assert_eq!(told.total(), 10_000);
    assert_eq!((told.alone.len(), told.digests), (20, vec![9_980]));
}

/// A day of one message every five seconds: about 25 messages in an hour, and at last one digest.
#[tokio::test]
async fn a_storm_of_a_day_is_bounded_too() {
    let people = People::new(StormLimits::default(), [ok()]).await;
    for minute in 0..24 * 60 {
        for second in (0..60).step_by(5) {
            people.send(&format!("event {minute}:{second}")).await;
            people.line.advance(Duration::from_secs(5));
        }
        people.line.work_off(&people.work).await;
    }
    people.line.drain(&people.work).await;
    let told = Told::by(&people.receiver.received());
    assert_eq!(told.total(), 24 * 60 * 12);
    let (alone, digests) = (told.alone.len(), told.digests.len());
    assert!(alone <= 24 * 30 && digests <= 40, "{alone} and {digests}");
}

/// Two servers see the same 300 events at once.
#[tokio::test]
async fn two_servers_that_send_the_same_messages_send_each_once() {
    let people = People::new(narrow(), [ok()]).await;
    let other = people.line.outbox(narrow());
    let messages: Vec<_> =
        (0..300).map(|k| (people.message(&format!("event {k}")), key(&format!("event {k}")))).collect();
    let now = people.line.now();
    let sends = messages
        .iter()
        .flat_map(|(message, key)| [&people.outbox, &other].map(|outbox| outbox.send(message, key, now)));
    let outcomes: Vec<_> = join_all(sends).await.into_iter().map(|sent| sent.unwrap()[0].outcome).collect();
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Dispatched::Repeated).count(), 300);
    people.line.drain(&people.work).await;
    let told = Told::by(&people.receiver.received());
    assert_eq!((told.total(), told.alone.len()), (300, 2));
}

/// The first attempt of a digest fails, and may have been read all the same. Messages that come
/// after it are in the next digest, so the second attempt says what the first one said.
#[tokio::test]
async fn a_digest_says_the_same_in_every_attempt() {
    let people = People::new(narrow(), [ok(), ok(), status(500, ""), ok()]).await;
    for k in 0..6 {
        people.send(&format!("event {k}")).await;
    }
    people.line.work_off(&people.work).await;
    people.line.next(&people.work).await.unwrap();
    let outcomes = [people.send("event 6").await, people.send("event 7").await, people.send("event 8").await];
    assert!(matches!(outcomes, [Dispatched::Queued(_), Dispatched::Queued(_), Dispatched::Collected]), "{outcomes:?}");
    people.line.drain(&people.work).await;
    let received = people.receiver.received();
    let is_digest = |got: &&Received| got.json()["source"] == "outbox";
    let [first, again, next] = received.iter().filter(is_digest).collect::<Vec<_>>()[..] else { panic!("3 digests") };
    assert_eq!((&first.body, first.field("idempotency-key")), (&again.body, again.field("idempotency-key")));
    assert_ne!(again.field("idempotency-key"), next.field("idempotency-key"));
    assert_eq!(Told::by(&[again.clone(), next.clone()]).digests, [4, 1]);
    assert_eq!(Told::by(&received).alone.len(), 4);
}

#[tokio::test]
async fn a_message_that_is_sent_again_is_repeated_whatever_became_of_it() {
    let people = People::new(narrow(), [ok()]).await;
    for title in ["a", "b", "c", "d"] {
        assert_ne!(people.send(title).await, Dispatched::Repeated);
        assert_eq!(people.send(title).await, Dispatched::Repeated);
    }
    people.line.drain(&people.work).await;
    // The digest is delivered, and there is room again: nothing is sent a second time.
    people.line.advance(Duration::from_hours(1));
    for title in ["a", "b", "c", "d"] {
        assert_eq!(people.send(title).await, Dispatched::Repeated);
    }
    people.line.drain(&people.work).await;
    let told = Told::by(&people.receiver.received());
    assert_eq!((told.alone.len(), told.digests), (2, vec![2]));
}

/// An operator cancels the job of a digest before it has begun. The batch is open, so the next
/// message that is collected after the digest's time gives it another job.
#[tokio::test]
async fn a_batch_whose_digest_was_canceled_is_told_by_the_next_one() {
    let people = People::new(narrow(), [ok()]).await;
    for k in 0..5 {
        people.send(&format!("event {k}")).await;
    }
    let digest = people.line.jobs().await.last().unwrap().id;
    people.line.store.cancel(digest, people.line.now()).await.unwrap();
    people.line.drain(&people.work).await;
    people.line.advance(Duration::from_mins(2));
    assert_eq!(people.send("event 5").await, Dispatched::Collected);
    people.line.drain(&people.work).await;
    assert_eq!(people.line.job(digest).await.state, JobState::Canceled);
    assert_eq!(Told::by(&people.receiver.received()).digests, [4]);
}

/// More messages than one call of the store removes.
#[tokio::test]
async fn what_the_outbox_remembers_of_messages_is_removed_once_it_has_expired() {
    let people = People::new(wide(), [ok()]).await;
    for k in 0..1_100 {
        people.send(&format!("event {k}")).await;
    }
    assert_eq!(people.outbox.remove_expired(people.line.now()).await.unwrap(), 0);
    assert_eq!(people.send("event 0").await, Dispatched::Repeated);
    people.line.advance(Duration::from_hours(31 * 24));
    assert_eq!(people.outbox.remove_expired(people.line.now()).await.unwrap(), 1_100);
    assert_eq!(people.outbox.remove_expired(people.line.now()).await.unwrap(), 0);
}

#[tokio::test]
async fn a_storm_at_one_destination_holds_nothing_back_at_another() {
    let people = People::new(narrow(), [ok()]).await;
    for k in 0..50 {
        people.send(&format!("event {k}")).await;
    }
    let Message::Notice { notice, .. } = people.message("event 1") else { panic!("a notice") };
    let other = Message::Notice { channel: "others".parse().unwrap(), notice };
    let sent = people.outbox.send(&other, &key("event 1"), people.line.now()).await.unwrap();
    assert!(matches!(sent[0].outcome, Dispatched::Queued(_)), "{sent:?}");
}
