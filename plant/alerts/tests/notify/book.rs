//! The state of the notifier in a store: several servers, stopped servers, damaged records.

use std::num::NonZeroU16;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use sqal_alerts::Severity;
use sqal_alerts::notify::{AlertView, Notifier, NotifierBook, NotifyPlan, Telling, TellingKind, read_plan};
use sqal_core::{Name, Timestamp};
use sqal_storage::queue::JobQuery;
use sqal_storage::records::{Collection, ExpectedRecord, Record, RecordDraft, RecordKey, RecordQuery, Revision};
use sqal_storage::{MemoryStore, Queue, Records, StorageError, StorageErrorKind};
use sqal_work::Outbox;
use sqal_work::outbox::StormLimits;

use crate::floor::{alert, at};

const PLAN: &str = "
base_url: https://sqal.example
receivers: {team: {notice: [team], mail: [team@example.com]}}
routes: [{to: [team]}]
";

/// A store whose every call lets other tasks go first, and whose writes fail on request.
#[derive(Debug)]
struct Store {
    inner: Arc<MemoryStore>,
    fails: bool,
}

#[async_trait]
impl Records for Store {
    async fn write(
        &self,
        draft: &RecordDraft,
        expected: ExpectedRecord,
        now: Timestamp,
    ) -> Result<Option<Revision>, StorageError> {
        tokio::task::yield_now().await;
        if self.fails {
            return Err(StorageError::new("test", StorageErrorKind::Unavailable));
        }
        self.inner.write(draft, expected, now).await
    }

    async fn record(
        &self,
        collection: &Collection,
        key: &RecordKey,
        now: Timestamp,
    ) -> Result<Option<Record>, StorageError> {
        tokio::task::yield_now().await;
        self.inner.record(collection, key, now).await
    }

    async fn remove(
        &self,
        collection: &Collection,
        key: &RecordKey,
        expected: ExpectedRecord,
        now: Timestamp,
    ) -> Result<bool, StorageError> {
        tokio::task::yield_now().await;
        self.inner.remove(collection, key, expected, now).await
    }

    async fn find(&self, query: &RecordQuery, now: Timestamp) -> Result<Vec<Record>, StorageError> {
        tokio::task::yield_now().await;
        self.inner.find(query, now).await
    }

    async fn sweep(&self, now: Timestamp, limit: u16) -> Result<u64, StorageError> {
        self.inner.sweep(now, limit).await
    }
}

fn plan() -> NotifyPlan {
    read_plan(PLAN).unwrap()
}

fn collection() -> Collection {
    Name::new("alert_notifier").unwrap()
}

/// The book of a server. Its outbox fails if `fails`, while its own records work.
fn server(store: &Arc<MemoryStore>, fails: bool) -> NotifierBook {
    let of_outbox = Arc::new(Store { inner: Arc::clone(store), fails });
    let outbox = Outbox::new(store.clone(), of_outbox, StormLimits::default());
    NotifierBook::new(Arc::new(Store { inner: Arc::clone(store), fails: false }), outbox, plan())
}

async fn look(server: &NotifierBook, alerts: &[AlertView], second: i64) -> Vec<Telling> {
    server.look(alerts, &|_| false, at(second)).await.unwrap()
}

fn kinds(tellings: &[Telling]) -> Vec<TellingKind> {
    tellings.iter().map(|telling| telling.kind).collect()
}

/// The number of jobs for the mail and for the notice channel together.
async fn jobs(store: &MemoryStore) -> usize {
    store.jobs(&JobQuery::newest(NonZeroU16::MAX)).await.unwrap().len()
}

async fn records(store: &MemoryStore, second: i64) -> Vec<Record> {
    store.find(&RecordQuery::of(collection(), 1_000), at(second)).await.unwrap()
}

fn silent() -> AlertView {
    alert("StationSilent", "POSTE1", Severity::Warning, 0)
}

fn ended(second: i64) -> AlertView {
    AlertView { resolved: Some(at(second)), ..silent() }
}

#[tokio::test]
async fn of_servers_that_look_at_once_one_tells_and_each_destination_is_told_once() {
    let store = Arc::new(MemoryStore::new());
    let servers = [(); 3].map(|()| server(&store, false));
    for (alerts, second) in [([silent()], 0), ([silent()], 30), ([ended(600)], 600), ([ended(600)], 630)] {
        let [a, b, c] = &servers;
        let told = tokio::join!(look(a, &alerts, second), look(b, &alerts, second), look(c, &alerts, second));
        let count = told.0.len() + told.1.len() + told.2.len();
        assert_eq!(count, usize::from(second % 300 == 30), "{second}");
    }
    assert_eq!(jobs(&store).await, 4, "a letter and a notice of the beginning, and of the end");
}

#[tokio::test]
async fn another_server_goes_on_where_one_has_stopped() {
    let store = Arc::new(MemoryStore::new());
    let mut told = Vec::new();
    for (alerts, second) in
        [([silent()], 0), ([silent()], 30), ([silent()], 35), ([ended(600)], 600), ([ended(600)], 630)]
    {
        told.extend(look(&server(&store, false), &alerts, second).await);
    }
    assert_eq!(kinds(&told), [TellingKind::Trigger, TellingKind::Resolve]);
    assert_eq!(told[0].incident_key, told[1].incident_key);
    assert_eq!(records(&store, 630).await.len(), 1);
    assert!(look(&server(&store, false), &[], 930).await.is_empty());
    assert!(records(&store, 930).await.is_empty(), "nothing is remembered of a group that is over");
}

/// The outbox of the server that has decided does not answer; the next server sends what is left.
#[tokio::test]
async fn what_was_decided_and_not_sent_is_sent_by_the_next_look_of_any_server() {
    let store = Arc::new(MemoryStore::new());
    look(&server(&store, false), &[silent()], 0).await;
    let failed = server(&store, true).look(&[silent()], &|_| false, at(30)).await.unwrap_err();
    assert_eq!((failed.kind, jobs(&store).await), (StorageErrorKind::Unavailable, 0));
    let told = look(&server(&store, false), &[silent()], 60).await;
    assert!(told.is_empty(), "this look decides nothing, and sends what is left");
    assert_eq!(jobs(&store).await, 2);
    look(&server(&store, false), &[silent()], 65).await;
    assert_eq!(jobs(&store).await, 2);
}

/// A server has written what it decided, has sent it and was killed before it has noted that.
#[tokio::test]
async fn what_was_sent_and_not_noted_is_not_sent_twice() {
    let store = Arc::new(MemoryStore::new());
    let mut notifier = Notifier::new(plan());
    notifier.advance(&[silent()], &|_| false, at(0));
    let tellings = notifier.advance(&[silent()], &|_| false, at(30));
    let (key, group) = notifier.groups().first_key_value().unwrap();
    let body = json!({ "group": group, "unsent": tellings }).to_string();
    let draft = RecordDraft::new(collection(), Name::new(key).unwrap(), body);
    for second in [60, 65] {
        store.write(&draft, ExpectedRecord::Any, at(second)).await.unwrap();
        look(&server(&store, false), &[silent()], second).await;
        assert_eq!(jobs(&store).await, 2);
    }
}

#[tokio::test]
async fn a_look_at_which_nothing_changes_writes_nothing() {
    let store = Arc::new(MemoryStore::new());
    let book = server(&store, false);
    let alerts = [AlertView { value: Some(f64::NAN), ..silent() }];
    look(&book, &alerts, 0).await;
    look(&book, &alerts, 30).await;
    let before = records(&store, 30).await;
    look(&book, &alerts, 35).await;
    assert_eq!(records(&store, 35).await, before);
}

#[tokio::test]
async fn a_group_whose_record_is_damaged_is_told_anew() {
    let store = Arc::new(MemoryStore::new());
    let book = server(&store, false);
    look(&book, &[silent()], 0).await;
    look(&book, &[silent()], 30).await;
    let key = records(&store, 30).await[0].key;
    for body in ["", "{}", r#"{"group":{"key":"another","labels":{}}}"#] {
        let draft = RecordDraft::new(collection(), key, body);
        store.write(&draft, ExpectedRecord::Any, at(600)).await.unwrap();
        assert!(look(&book, &[silent()], 600).await.is_empty());
        assert_eq!(kinds(&look(&book, &[silent()], 630).await), [TellingKind::Trigger], "{body}");
    }
}

#[tokio::test]
async fn silences_are_asked_for_each_alert_that_fires() {
    let store = Arc::new(MemoryStore::new());
    let book = server(&store, false);
    let other = alert("StationSilent", "POSTE2", Severity::Warning, 0);
    let is_silenced = |alert: &AlertView| alert.label("device") == Some("POSTE1");
    let mut told = Vec::new();
    for second in [0, 30] {
        told.extend(book.look(&[silent(), other.clone()], &is_silenced, at(second)).await.unwrap());
    }
    assert_eq!((told.len(), told[0].count), (1, 1));
    assert_eq!(told[0].alerts[0].label("device"), Some("POSTE2"));
}

/// More groups than are read at once.
#[tokio::test]
async fn hundreds_of_groups_are_read_page_by_page() {
    let store = Arc::new(MemoryStore::new());
    let names: Vec<_> =
        (0..450).map(|number| alert(&format!("Alert{number}"), "POSTE1", Severity::Warning, 0)).collect();
    let book = server(&store, false);
    assert!(look(&book, &names, 0).await.is_empty());
    assert_eq!(look(&book, &names, 30).await.len(), 450);
    assert!(look(&book, &names, 35).await.is_empty());
    assert_eq!(records(&store, 35).await.len(), 450);
}

/// Records live longer than a program: what an earlier version has written is read for ever.
#[tokio::test]
async fn the_first_form_of_a_group_is_read_for_ever() {
    let store = Arc::new(MemoryStore::new());
    let began = at(0).micros();
    let group = json!({
        "key": "0123456789abcdef0123456789abcdef",
        "labels": {"alertname": "StationSilent", "cluster": ""},
        "incidents": [{
            "key": "incident", "opened": began, "told": began, "receivers": ["team"],
            "alerts": {"StationSilent POSTE1": null}, "listed": [],
        }],
    });
    let key = Name::new("0123456789abcdef0123456789abcdef").unwrap();
    let draft = RecordDraft::new(collection(), key, json!({ "group": group }).to_string());
    store.write(&draft, ExpectedRecord::Absent, at(0)).await.unwrap();
    let book = server(&store, false);
    assert!(look(&book, &[ended(600)], 600).await.is_empty());
    let told = look(&book, &[ended(600)], 630).await;
    assert_eq!((kinds(&told), told[0].incident_key.as_str()), (vec![TellingKind::Resolve], "incident"));
}
