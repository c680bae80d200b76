//! The book of alerts: two servers that write at once, ends, flaps, and what people do.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use proptest::prelude::*;
use sqal_alerts::notify::AlertView;
use sqal_alerts::query::{Element, Query, Selector};
use sqal_alerts::state::{
    Alert, AlertBook, AlertBookError, AlertDeed, AlertFilter, AlertKey, AlertScope, Author, Evaluation, Finding,
    Remark, ServerName,
};
use sqal_alerts::{AlertRule, Hold, RuleName, Severity, Words};
use sqal_core::{Name, Timestamp};
use sqal_storage::labels::{LabelName, LabelValue};
use sqal_storage::records::{Collection, ExpectedRecord, Record, RecordDraft, RecordKey, RecordQuery, Revision};
use sqal_storage::register::{Entry, EntryKind, EntryName};
use sqal_storage::{MemoryStore, Records, Register, StorageError, StorageErrorKind};
use tokio::task::yield_now;

const START: i64 = 1_794_000_000_000_000;

/// The time some seconds after the tests begin.
fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(START + 1_000_000 * second).unwrap()
}

fn server(number: u8) -> ServerName {
    Name::new(&format!("server-{number}")).unwrap()
}

fn marie() -> Author {
    Name::new("marie").unwrap()
}

fn remark(text: &str) -> Remark {
    Remark::new(text).unwrap()
}

fn finding(device: &str, since: i64) -> Finding {
    let silent = Query::from(Selector::new("station_silent")).equal_to(1.0);
    let (hold, summary) = (Hold::default(), Words::new("{device} is silent", "{device} se tait"));
    let description = Words::default();
    let severity = if device == "D0" { Severity::Critical } else { Severity::Warning };
    let rule = AlertRule::new("StationSilent", severity, silent, hold, summary, description, "station-silent").unwrap();
    let labels = BTreeMap::from([("device".to_owned(), device.to_owned())]);
    Finding::of(&rule, Element { labels, value: 1.0 }, at(since))
}

/// An evaluation that has found these devices silent.
fn evaluation(second: i64, devices: &[&str]) -> Evaluation {
    Evaluation {
        at: at(second),
        firing: devices.iter().map(|device| finding(device, second)).collect(),
        pending: Vec::new(),
        failed: Vec::new(),
        left_out: 0,
        ignored: false,
    }
}

fn key(device: &str) -> AlertKey {
    finding(device, 0).key
}

/// A store that gives way to other tasks before each call, and whose writes can be made to fail:
/// those into one collection, or those after some more.
#[derive(Debug)]
struct Unsteady {
    store: MemoryStore,
    seed: Mutex<u64>,
    failing: Mutex<Option<Collection>>,
    /// The number of writes that are still taken; `None` for all.
    room: Mutex<Option<usize>>,
}

impl Unsteady {
    fn new(seed: u64) -> Arc<Self> {
        let (failing, room) = (Mutex::new(None), Mutex::new(None));
        Arc::new(Self { store: MemoryStore::new(), seed: Mutex::new(seed), failing, room })
    }

    /// Lets writes into a collection fail, or no longer.
    fn fail(&self, collection: Option<&str>) {
        *self.failing.lock().unwrap() = collection.map(|name| Name::new(name).unwrap());
    }

    /// Takes this number of writes, and no more.
    fn take_only(&self, writes: usize) {
        *self.room.lock().unwrap() = Some(writes);
    }

    /// Whether a write is taken.
    fn is_taken(&self, draft: &RecordDraft) -> bool {
        let mut room = self.room.lock().unwrap();
        let has_room = *room != Some(0);
        *room = room.map(|left| left.saturating_sub(1));
        has_room && *self.failing.lock().unwrap() != Some(draft.collection)
    }

    /// Gives way none to three times, by a generator of Knuth (MMIX).
    async fn give_way(&self) {
        let times = {
            let mut seed = self.seed.lock().unwrap();
            *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *seed >> 62
        };
        for _ in 0..times {
            yield_now().await;
        }
    }
}

#[async_trait]
impl Records for Unsteady {
    async fn write(
        &self,
        draft: &RecordDraft,
        expected: ExpectedRecord,
        now: Timestamp,
    ) -> Result<Option<Revision>, StorageError> {
        self.give_way().await;
        if !self.is_taken(draft) {
            return Err(StorageError::new("unsteady", StorageErrorKind::Unavailable));
        }
        self.store.write(draft, expected, now).await
    }

    async fn record(
        &self,
        collection: &Collection,
        key: &RecordKey,
        now: Timestamp,
    ) -> Result<Option<Record>, StorageError> {
        self.give_way().await;
        self.store.record(collection, key, now).await
    }

    async fn remove(
        &self,
        collection: &Collection,
        key: &RecordKey,
        expected: ExpectedRecord,
        now: Timestamp,
    ) -> Result<bool, StorageError> {
        self.give_way().await;
        self.store.remove(collection, key, expected, now).await
    }

    async fn find(&self, query: &RecordQuery, now: Timestamp) -> Result<Vec<Record>, StorageError> {
        self.give_way().await;
        self.store.find(query, now).await
    }

    async fn sweep(&self, now: Timestamp, limit: u16) -> Result<u64, StorageError> {
        self.store.sweep(now, limit).await
    }
}

#[async_trait]
impl Register for Unsteady {
    async fn add(&self, entry: &Entry) -> Result<bool, StorageError> {
        self.give_way().await;
        self.store.add(entry).await
    }

    async fn history(
        &self,
        kind: &EntryKind,
        name: &EntryName,
        before: Option<u32>,
        limit: u16,
    ) -> Result<Vec<Entry>, StorageError> {
        self.give_way().await;
        self.store.history(kind, name, before, limit).await
    }

    async fn newest(&self, kind: &EntryKind) -> Result<Vec<Entry>, StorageError> {
        self.store.newest(kind).await
    }

    async fn labelled(
        &self,
        kind: &EntryKind,
        label: (&LabelName, &LabelValue),
        after: Option<&EntryName>,
        limit: u16,
    ) -> Result<Vec<Entry>, StorageError> {
        self.store.labelled(kind, label, after, limit).await
    }

    async fn count_labels(&self, kind: &EntryKind, label: &LabelName) -> Result<Vec<(LabelValue, u64)>, StorageError> {
        self.store.count_labels(kind, label).await
    }
}

/// The books of two servers on one store.
fn two_servers(seed: u64) -> (Arc<Unsteady>, AlertBook, AlertBook) {
    let store = Unsteady::new(seed);
    let book = || AlertBook::new(store.clone(), store.clone());
    (store.clone(), book(), book())
}

async fn listed(book: &AlertBook, scope: AlertScope, second: i64) -> Vec<Alert> {
    let filter = AlertFilter { scope, ..AlertFilter::default() };
    let page = book.list(&filter, None, NonZeroU16::new(1_000).unwrap(), at(second)).await.unwrap();
    assert_eq!(page.next, None);
    page.items
}

async fn open(book: &AlertBook, second: i64) -> Vec<Alert> {
    listed(book, AlertScope::Open, second).await
}

/// The devices of alerts.
fn devices(alerts: &[Alert]) -> Vec<&str> {
    alerts.iter().map(|alert| alert.labels["device"].as_str()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn one_alert_is_open_while_one_of_two_servers_that_write_at_once_finds_it(
        found in prop::collection::vec((any::<bool>(), any::<bool>()), 1..20), seed: u64,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (_, one, two) = two_servers(seed);
            let (mut begun, mut resumed, mut resolved) = (0, 0, 0);
            for ((by_one, by_two), second) in found.into_iter().zip((0..).step_by(15)) {
                let of = |finds: bool| evaluation(second, if finds { &["D1"] } else { &[] });
                let (first, other) = (of(by_one), of(by_two));
                let (server_1, server_2) = (server(1), server(2));
                let takes = tokio::join!(
                    one.take(&first, &server_1, at(second)),
                    two.take(&other, &server_2, at(second)),
                );
                for update in [takes.0.unwrap(), takes.1.unwrap()] {
                    begun += update.began.len();
                    resumed += update.resumed.len();
                    resolved += update.resolved.len();
                    prop_assert_eq!(update.skipped, 0);
                }
                let open = open(&one, second).await;
                prop_assert_eq!(open.len(), usize::from(by_one || by_two), "at {} s", second);
                for alert in &open {
                    let confirmed = [1, 2].map(|number| alert.is_confirmed_by(&server(number)));
                    prop_assert_eq!(confirmed, [by_one, by_two], "at {} s", second);
                    prop_assert_eq!(usize::try_from(alert.flaps).unwrap(), resumed);
                }
                // 20 evaluations are less than five minutes: there is one alert, and it is begun
                // once.
                prop_assert_eq!(begun + resumed - resolved, open.len());
                prop_assert!(begun <= 1);
                let all = listed(&two, AlertScope::All, second).await;
                prop_assert_eq!(all.len(), begun, "at {} s", second);
                let is_open = all.first().map(|alert| alert.resolved.is_none());
                prop_assert_eq!(is_open, (begun > 0).then_some(!open.is_empty()), "at {} s", second);
            }
            Ok(())
        })?;
    }

    #[test]
    fn deeds_of_people_at_once_are_all_in_the_register_with_author_and_reason(
        people in prop::collection::btree_set("[a-z]{1,8}", 1..6), seed: u64,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (_, book, other) = two_servers(seed);
            book.take(&evaluation(0, &["D1"]), &server(1), at(0)).await.unwrap();
            let tasks: Vec<_> = people.iter().zip([&book, &other].into_iter().cycle()).map(|(name, book)| {
                let (book, name) = (book.clone(), name.clone());
                async move {
                    let by = Name::new(&name).unwrap();
                    book.acknowledge(&key("D1"), &by, remark(&format!("seen by {name}")), at(1)).await
                }
            }).collect();
            let local = tokio::task::LocalSet::new();
            let running: Vec<_> = tasks.into_iter().map(|task| local.spawn_local(task)).collect();
            local.run_until(async {
                for task in running {
                    task.await.unwrap().unwrap();
                }
            }).await;
            let deeds = book.deeds(&key("D1"), None, 100).await.unwrap();
            let mut authors: Vec<_> = deeds.iter().map(|deed| deed.by.unwrap().to_string()).collect();
            authors.sort();
            prop_assert_eq!(authors, people.iter().cloned().collect::<Vec<_>>());
            for deed in &deeds {
                let note = remark(&format!("seen by {}", deed.by.unwrap()));
                prop_assert_eq!(&deed.deed, &AlertDeed::Acknowledged { note });
            }
            let alert = book.get(&key("D1"), at(2)).await.unwrap().unwrap();
            prop_assert!(people.contains(alert.acknowledged.unwrap().by.as_str()));
            Ok(())
        })?;
    }
}

/// D0 is critical. An end is two writes: the alert, and its copy among those that have ended.
#[tokio::test]
async fn a_store_that_takes_only_a_part_has_first_what_begins_then_what_ends_and_then_confirmations() {
    for (writes, open, confirmed_at) in
        [(0, "D1 D2", 0), (1, "D0 D1 D2", 0), (2, "D0 D1 D2 D3", 0), (3, "D0 D1 D3", 0), (5, "D0 D1 D3", 60)]
    {
        let (store, book, other) = two_servers(1);
        book.take(&evaluation(0, &["D1", "D2"]), &server(1), at(0)).await.unwrap();
        store.take_only(writes);
        let taken = book.take(&evaluation(60, &["D1", "D3", "D0"]), &server(1), at(60)).await;
        assert_eq!(taken.is_ok(), writes == 5, "{writes}");
        let mut current = other.current(at(60)).await.unwrap();
        current.retain(|alert| alert.resolved.is_none());
        current.sort_by_key(|alert| alert.labels["device"].clone());
        assert_eq!(devices(&current).join(" "), open, "{writes}");
        let confirmed = &current.iter().find(|alert| alert.key == key("D1")).unwrap().confirmed;
        assert_eq!(confirmed[&server(1)], at(confirmed_at), "{writes}");
    }
}

#[tokio::test]
async fn an_alert_that_two_servers_find_is_one_and_ends_with_the_last_of_them() {
    let (_, one, two) = two_servers(1);
    let began = one.take(&evaluation(0, &["D1"]), &server(1), at(0)).await.unwrap();
    assert_eq!((devices(&began.began), began.current.len()), (vec!["D1"], 1));
    let known = two.take(&evaluation(1, &["D1"]), &server(2), at(1)).await.unwrap();
    assert_eq!((known.began.len(), known.current.len(), known.current[0].began), (0, 1, at(0)));
    let first = one.take(&evaluation(15, &[]), &server(1), at(15)).await.unwrap();
    assert_eq!((first.resolved.len(), first.current[0].seen_by), (0, server(2)));
    let last = two.take(&evaluation(16, &[]), &server(2), at(16)).await.unwrap();
    assert_eq!((devices(&last.resolved), last.resolved[0].resolved), (vec!["D1"], Some(at(16))));
    assert_eq!(last.current, last.resolved, "it stays among the current alerts, so that its end is told");
    assert!(open(&one, 17).await.is_empty());
    assert_eq!(one.get(&key("D1"), at(17)).await.unwrap(), last.resolved.first().cloned());
}

#[tokio::test]
async fn an_alert_of_a_server_that_is_gone_ends_after_a_minute_also_if_its_clock_was_wrong() {
    for wrong_by in [-3_600, 0, 3_600] {
        let (_, one, two) = two_servers(2);
        two.take(&evaluation(wrong_by, &["D1"]), &server(2), at(wrong_by)).await.unwrap();
        for second in [0, 15, 30, 45, 59] {
            let update = one.take(&evaluation(second, &[]), &server(1), at(second)).await.unwrap();
            assert_eq!((update.resolved.len(), update.current.len()), (0, 1), "{wrong_by} {second}");
        }
        let update = one.take(&evaluation(60, &[]), &server(1), at(60)).await.unwrap();
        assert_eq!(devices(&update.resolved), ["D1"], "{wrong_by}");
        let alert = &update.resolved[0];
        assert!(alert.resolved >= Some(alert.began), "no alert ends before it began");
    }
}

#[tokio::test]
async fn an_alert_of_a_server_that_lives_does_not_end_also_if_its_clock_is_wrong() {
    for wrong_by in [-3_600, 0, 3_600] {
        let (_, one, two) = two_servers(3);
        for second in (0..600).step_by(15) {
            let found = evaluation(second + wrong_by, &["D1"]);
            two.take(&found, &server(2), at(second + wrong_by)).await.unwrap();
            let update = one.take(&evaluation(second, &[]), &server(1), at(second)).await.unwrap();
            assert_eq!((update.resolved.len(), update.current.len()), (0, 1), "{wrong_by} {second}");
        }
        let alert = &one.current(at(600)).await.unwrap()[0];
        assert_eq!((alert.flaps, alert.began), (0, at(wrong_by)));
    }
}

#[tokio::test]
async fn a_server_writes_an_alert_that_goes_on_at_every_second_evaluation() {
    let (store, book, _) = two_servers(4);
    let mut revisions = Vec::new();
    for second in (0..120).step_by(15) {
        book.take(&evaluation(second, &["D1"]), &server(1), at(second)).await.unwrap();
        let record = Name::new(key("D1").as_str()).unwrap();
        let record = store.record(&Name::new("alerts").unwrap(), &record, at(second)).await.unwrap();
        revisions.push(record.unwrap().revision);
    }
    revisions.dedup();
    assert_eq!(revisions.len(), 4);
}

#[tokio::test]
async fn an_alert_that_begins_again_within_five_minutes_is_the_same_with_one_more_flap() {
    let (_, book, _) = two_servers(5);
    book.take(&evaluation(0, &["D1"]), &server(1), at(0)).await.unwrap();
    book.acknowledge(&key("D1"), &marie(), remark("I go and look"), at(5)).await.unwrap();
    book.take(&evaluation(15, &[]), &server(1), at(15)).await.unwrap();
    assert_eq!(listed(&book, AlertScope::Ended, 16).await.len(), 1);

    let again = book.take(&evaluation(314, &["D1"]), &server(1), at(314)).await.unwrap();
    assert_eq!((again.began.len(), devices(&again.resumed)), (0, vec!["D1"]));
    let alert = &again.resumed[0];
    assert_eq!((alert.flaps, alert.began, alert.resolved), (1, at(0), None));
    assert!(alert.acknowledged.is_some(), "the person who works on it still does");
    assert_eq!(listed(&book, AlertScope::Ended, 315).await, []);

    book.take(&evaluation(330, &[]), &server(1), at(330)).await.unwrap();
    let other = book.take(&evaluation(630, &["D1"]), &server(1), at(630)).await.unwrap();
    assert_eq!((devices(&other.began), other.resumed.len()), (vec!["D1"], 0));
    assert_eq!((other.began[0].flaps, other.began[0].began), (0, at(630)));
    assert!(other.began[0].acknowledged.is_none());
    let ended = listed(&book, AlertScope::Ended, 631).await;
    assert_eq!((ended.len(), ended[0].flaps, ended[0].resolved), (1, 1, Some(at(330))));
}

#[tokio::test]
async fn an_alert_whose_server_was_killed_before_it_made_the_copy_is_found_among_the_ended_ones() {
    let (store, one, two) = two_servers(6);
    one.take(&evaluation(0, &["D1"]), &server(1), at(0)).await.unwrap();
    store.fail(Some("alerts_ended"));
    let failed = one.take(&evaluation(15, &[]), &server(1), at(15)).await.unwrap_err();
    assert!(failed.is_transient(), "{failed}");
    store.fail(None);
    assert_eq!(listed(&two, AlertScope::Ended, 30).await, []);
    two.take(&evaluation(30, &[]), &server(2), at(30)).await.unwrap();
    let ended = listed(&two, AlertScope::Ended, 30).await;
    assert_eq!((devices(&ended), ended[0].resolved), (vec!["D1"], Some(at(15))));
}

#[tokio::test]
async fn what_was_found_while_the_records_were_away_is_written_by_the_next_evaluation() {
    let (store, book, _) = two_servers(7);
    store.fail(Some("alerts"));
    assert!(book.take(&evaluation(0, &["D1"]), &server(1), at(0)).await.unwrap_err().is_transient());
    store.fail(None);
    let mut later = evaluation(300, &[]);
    later.firing = vec![finding("D1", 0)];
    let update = book.take(&later, &server(1), at(300)).await.unwrap();
    assert_eq!(update.began[0].began, at(0));
}

#[tokio::test]
async fn an_alert_that_a_newer_program_wrote_is_left_as_it_is_and_holds_up_no_other() {
    let (store, book, _) = two_servers(8);
    let (alerts, record_key) = (Name::new("alerts").unwrap(), Name::new(key("D1").as_str()).unwrap());
    let draft = RecordDraft::new(alerts, record_key, r#"{"v":2,"other":"form"}"#);
    store.write(&draft, ExpectedRecord::Absent, at(0)).await.unwrap();
    let update = book.take(&evaluation(0, &["D1", "D2"]), &server(1), at(0)).await.unwrap();
    assert_eq!((update.skipped, devices(&update.began)), (1, vec!["D2"]));
    let record = store.record(&alerts, &record_key, at(1)).await.unwrap().unwrap();
    assert_eq!(record.body, draft.body);
    let refused = book.get(&key("D1"), at(1)).await.unwrap_err();
    assert!(matches!(refused, AlertBookError::Unreadable { .. }), "{refused}");
}

#[tokio::test]
async fn only_an_open_alert_can_be_acknowledged() {
    let (_, book, _) = two_servers(9);
    let refused = book.acknowledge(&key("D1"), &marie(), remark("where?"), at(0)).await.unwrap_err();
    assert!(matches!(refused, AlertBookError::Unknown { key: of } if of == key("D1")), "{refused}");
    book.take(&evaluation(0, &["D1"]), &server(1), at(0)).await.unwrap();
    book.take(&evaluation(15, &[]), &server(1), at(15)).await.unwrap();
    // Among the current ones at first, and later only among the ended ones.
    for second in [16, 10_000] {
        let refused = book.acknowledge(&key("D1"), &marie(), remark("late"), at(second)).await.unwrap_err();
        assert!(matches!(refused, AlertBookError::Ended { key: of } if of == key("D1")), "{refused}");
    }
    assert_eq!(book.deeds(&key("D1"), None, 10).await.unwrap(), [], "what is refused is not in the register");
}

#[tokio::test]
async fn a_cause_is_assigned_to_an_open_alert_and_stays_with_it_after_its_end() {
    let (_, book, _) = two_servers(10);
    book.take(&evaluation(0, &["D1"]), &server(1), at(0)).await.unwrap();
    book.assign_cause(&key("D1"), &marie(), remark("cable"), remark("replaced"), at(5)).await.unwrap();
    book.take(&evaluation(15, &[]), &server(1), at(15)).await.unwrap();
    let ended = listed(&book, AlertScope::Ended, 20).await;
    assert_eq!(ended[0].cause.as_ref().map(|cause| cause.cause.as_str()), Some("cable"));
}

#[tokio::test]
async fn a_cause_is_assigned_to_an_alert_that_has_ended_and_the_register_has_every_assignment() {
    let (_, book, _) = two_servers(11);
    book.take(&evaluation(0, &["D1"]), &server(1), at(0)).await.unwrap();
    book.take(&evaluation(15, &[]), &server(1), at(15)).await.unwrap();
    // First while it is still among the current alerts, then when it is not.
    for (second, cause) in [(20, "cable"), (10_000, "switch")] {
        let alert = book.assign_cause(&key("D1"), &marie(), remark(cause), remark("replaced"), at(second)).await;
        assert_eq!(alert.unwrap().cause.unwrap().cause.as_str(), cause);
        let ended = &listed(&book, AlertScope::Ended, second).await[0];
        assert_eq!(ended.cause.as_ref().map(|assigned| assigned.cause.as_str()), Some(cause));
        book.take(&evaluation(second + 1, &[]), &server(1), at(second + 1)).await.unwrap();
        let kept = book.get(&key("D1"), at(second + 2)).await.unwrap().unwrap();
        assert_eq!(kept.cause.map(|assigned| assigned.cause.to_string()).as_deref(), Some(cause));
    }
    let deeds = book.deeds(&key("D1"), None, 10).await.unwrap();
    assert_eq!(deeds.iter().map(|deed| deed.number).collect::<Vec<_>>(), [2, 1]);
    assert_eq!((deeds[0].by, deeds[0].at, deeds[0].began), (Some(marie()), at(10_000), at(0)));
    let refused = book.assign_cause(&key("D9"), &marie(), remark("a"), remark("b"), at(0)).await.unwrap_err();
    assert!(matches!(refused, AlertBookError::Unknown { .. }), "{refused}");
}

#[tokio::test]
async fn alerts_are_listed_the_newest_first_page_by_page_and_by_device() {
    let (_, book, _) = two_servers(12);
    let names: Vec<_> = (0..7).map(|number| format!("D{number}")).collect();
    for (found, second) in (1..=names.len()).zip((0..).step_by(15)) {
        // One more device with each evaluation.
        let silent: Vec<_> = names[..found].iter().map(String::as_str).collect();
        book.take(&evaluation(second, &silent), &server(1), at(second)).await.unwrap();
    }
    // Only every second goes on.
    let silent: Vec<_> = names.iter().map(String::as_str).step_by(2).collect();
    book.take(&evaluation(105, &silent), &server(1), at(105)).await.unwrap();

    let newest_first = |scope: AlertScope| {
        let wanted = names.iter().enumerate().rev().filter(move |(number, _)| match scope {
            AlertScope::Open => number.is_multiple_of(2),
            AlertScope::Ended => !number.is_multiple_of(2),
            AlertScope::All => true,
        });
        wanted.map(|(_, name)| name.clone()).collect::<Vec<_>>()
    };
    for scope in [AlertScope::Open, AlertScope::Ended, AlertScope::All] {
        for limit in [1, 2, 3, 100] {
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let filter = AlertFilter { scope, ..AlertFilter::default() };
                let limit = NonZeroU16::new(limit).unwrap();
                let page = book.list(&filter, after.as_ref(), limit, at(110)).await.unwrap();
                assert!(page.items.len() <= usize::from(limit.get()));
                found.extend(devices(&page.items).into_iter().map(str::to_owned));
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(found, newest_first(scope), "{scope:?} by {limit}");
        }
    }
    let one = |device: &str| AlertFilter {
        scope: AlertScope::All,
        device: Some(device.to_owned()),
        ..AlertFilter::default()
    };
    for device in ["D1", "D2"] {
        let page = book.list(&one(device), None, NonZeroU16::MIN, at(110)).await.unwrap();
        assert_eq!((devices(&page.items), page.next), (vec![device], None));
    }
    let critical = AlertFilter { scope: AlertScope::All, severity: Some(Severity::Critical), ..AlertFilter::default() };
    assert_eq!(devices(&book.list(&critical, None, NonZeroU16::MIN, at(110)).await.unwrap().items), ["D0"]);
    let other = AlertFilter { rule: Some(RuleName::new("Other").unwrap()), ..AlertFilter::default() };
    assert_eq!(book.list(&other, None, NonZeroU16::MIN, at(110)).await.unwrap().items, []);
}

#[tokio::test]
async fn an_alert_is_kept_for_thirty_days_after_its_end() {
    let (_, book, _) = two_servers(13);
    let day = 86_400;
    book.take(&evaluation(0, &["D1"]), &server(1), at(0)).await.unwrap();
    assert_eq!(open(&book, 100 * day).await.len(), 1, "an open alert is kept");
    book.take(&evaluation(15, &[]), &server(1), at(15)).await.unwrap();
    assert!(book.get(&key("D1"), at(30 * day + 14)).await.unwrap().is_some());
    assert!(book.get(&key("D1"), at(30 * day + 15)).await.unwrap().is_none());
    assert_eq!(listed(&book, AlertScope::All, 30 * day + 15).await, []);
}

#[tokio::test]
async fn a_device_whose_name_cannot_be_a_label_of_a_record_has_alerts_as_any_other() {
    let (_, book, _) = two_servers(14);
    let odd = "é\n".repeat(100);
    book.take(&evaluation(0, &[odd.as_str()]), &server(1), at(0)).await.unwrap();
    book.take(&evaluation(15, &[]), &server(1), at(15)).await.unwrap();
    let filter = AlertFilter { scope: AlertScope::Ended, device: Some(odd.clone()), ..AlertFilter::default() };
    let page = book.list(&filter, None, NonZeroU16::MIN, at(16)).await.unwrap();
    assert_eq!(devices(&page.items), [odd.as_str()]);
}

/// Servers of two versions share the records, and a register is kept for years.
#[tokio::test]
async fn the_stored_forms_are_kept_for_ever() {
    let (store, book, _) = two_servers(15);
    book.take(&evaluation(0, &["D1"]), &server(1), at(0)).await.unwrap();
    book.acknowledge(&key("D1"), &marie(), remark("I go and look"), at(1)).await.unwrap();
    let record_key = Name::new(key("D1").as_str()).unwrap();
    let record = store.record(&Name::new("alerts").unwrap(), &record_key, at(2)).await.unwrap().unwrap();
    let golden = format!(
        concat!(
            r#"{{"v":1,"content":{{"key":"{}","rule":"StationSilent","severity":"warning","labels":{{"device":"D1"}},"#,
            r#""summary":{{"en":"{{device}} is silent","fr":"{{device}} se tait"}},"description":{{"en":"","fr":""}},"#,
            r#""runbook":"station-silent","value":1.0,"began":1794000000000000,"resolved":null,"seen_by":"server-1","#,
            r#""confirmed":{{"server-1":1794000000000000}},"acknowledged":{{"by":"marie","at":1794000001000000,"#,
            r#""note":"I go and look"}},"cause":null,"flaps":0}}}}"#,
        ),
        key("D1"),
    );
    assert_eq!(record.body, golden);
    let entry = store.newest(&Name::new("alerts").unwrap()).await.unwrap().remove(0);
    let golden = concat!(
        r#"{"v":1,"content":{"rule":"StationSilent","labels":{"device":"D1"},"began":1794000000000000,"#,
        r#""what":{"deed":"acknowledged","note":"I go and look"}}}"#,
    );
    assert_eq!((entry.body.as_str(), entry.by, entry.name.as_str()), (golden, Some(marie()), key("D1").as_str()));
}

#[tokio::test]
async fn a_view_of_an_alert_says_what_must_be_known_to_tell_of_it() {
    let (_, book, _) = two_servers(16);
    book.take(&evaluation(0, &["D1"]), &server(1), at(0)).await.unwrap();
    let alert = book.acknowledge(&key("D1"), &marie(), remark("I go and look"), at(1)).await.unwrap();
    let view = AlertView::from(&alert);
    assert_eq!((view.key.as_str(), view.alertname.as_str()), (key("D1").as_str(), "StationSilent"));
    assert_eq!((view.began, view.resolved, view.value), (at(0), None, Some(1.0)));
    assert_eq!(view.acknowledged_by.as_deref(), Some("marie"));
    assert_eq!((view.labels, view.summary), (alert.labels, alert.summary));
}
