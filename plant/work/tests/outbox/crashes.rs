//! Stores that fail at any call, before or after they have done it: no message is lost or doubled.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use proptest::prelude::*;
use sqal_storage::conformance::{Call, Interpose, Interposed, Turn};
use sqal_storage::{MemoryStore, StorageErrorKind};
use sqal_work::outbox::notify::{NoticeChannel, NoticeWork};
use sqal_work::outbox::{Dispatched, Outbox};

use crate::line::{key, narrow};
use crate::receiver::{client, limits, ok};
use crate::storms::{People, Told};

/// Whether the next calls succeed or fail, as a list says: 0 fails before the call is done, 1 after
/// it, and everything else succeeds. Behind the end of the list all calls succeed.
#[derive(Debug)]
struct Faults(Mutex<VecDeque<u8>>);

#[async_trait]
impl Interpose for Faults {
    async fn turn(&self, _: Call) -> Turn {
        match self.0.lock().unwrap().pop_front() {
            Some(0) => Turn::FailsBefore(StorageErrorKind::Busy),
            Some(1) => Turn::FailsAfter(StorageErrorKind::Busy),
            _ => Turn::Done,
        }
    }
}

/// The store of people, with faults.
fn flaky(people: &People, faults: impl IntoIterator<Item = u8>) -> Arc<Interposed<Arc<MemoryStore>, Faults>> {
    Arc::new(Interposed::new(people.line.store.clone(), Faults(Mutex::new(faults.into_iter().collect()))))
}

/// Sends 30 messages, each again until it is taken, through stores that fail, and delivers them
/// with a work whose stores fail as well. Returns what people were told.
async fn told(faults: Vec<u8>, steps: &[u8]) -> (Told, usize) {
    let mut people = People::new(narrow(), [ok()]).await;
    let flaky = flaky(&people, faults);
    people.outbox = Outbox::new(flaky.clone(), flaky.clone(), narrow());
    let channel = NoticeChannel::json("people".parse().unwrap(), people.receiver.url("/"), None).unwrap();
    people.work = NoticeWork::new(client(), limits(), [channel], flaky);
    for k in 0..30 {
        let title = format!("event {k}");
        let (message, key) = (people.message(&title), key(&title));
        while people.outbox.send(&message, &key, people.line.now()).await.is_err() {}
        let step = steps.get(k).copied().unwrap_or(1);
        people.line.advance(Duration::from_secs(u64::from(step)));
        if step % 3 == 0 {
            people.line.work_off(&people.work).await;
        }
    }
    people.line.drain(&people.work).await;
    let received = people.receiver.received();
    let ids: BTreeSet<_> = received.iter().map(|got| got.field("idempotency-key").to_owned()).collect();
    (Told::by(&received), received.len() - ids.len())
}

/// A call that fails after it has enqueued the job is repeated by its sender, which is then told
/// that nothing was added.
#[tokio::test]
async fn a_message_whose_job_is_there_already_is_a_repetition() {
    let mut ways = BTreeSet::new();
    for calls in 0..12 {
        let mut people = People::new(narrow(), [ok()]).await;
        let flaky = flaky(&people, std::iter::repeat_n(9, calls).chain([1]));
        people.outbox = Outbox::new(flaky.clone(), flaky, narrow());
        let (message, key) = (people.message("event"), key("event"));
        if people.outbox.send(&message, &key, people.line.now()).await.is_ok() {
            break;
        }
        let was_enqueued = !people.line.jobs().await.is_empty();
        let dispatched = people.outbox.send(&message, &key, people.line.now()).await.unwrap();
        let is_repeated = dispatched.iter().all(|dispatch| matches!(dispatch.outcome, Dispatched::Repeated));
        assert_eq!((is_repeated, people.line.jobs().await.len()), (was_enqueued, 1), "call {calls} failed");
        ways.insert(was_enqueued);
    }
    assert_eq!(ways.len(), 2, "a call before the job, and one after it");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Every message is told exactly once: by itself, or in one digest. The receiver answers at
    /// once, so no message has to be posted twice.
    #[test]
    fn no_fault_of_a_store_loses_or_doubles_a_message(
        faults in prop::collection::vec(0_u8..6, 0..400), steps in prop::collection::vec(0_u8..12, 30),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (told, doubled) = runtime.block_on(told(faults, &steps));
        let different: BTreeSet<_> = told.alone.iter().collect();
        prop_assert_eq!((told.total(), different.len(), doubled), (30, told.alone.len(), 0), "{:?}", told);
    }
}
