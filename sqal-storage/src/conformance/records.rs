//! The laws of [`Records`] as code: each is a function on an empty store that panics with the
//! broken law.

use sqal_core::{Name, Timestamp};

use crate::records::{
    Collection, ExpectedRecord, LARGEST_RECORD, Record, RecordDraft, RecordKey, RecordQuery, Revision,
};
use crate::{
    Records, StorageErrorKind,
    labels::{LabelName, LabelValue, Labels},
};

/// Names and values of labels.
type Pairs = &'static [(&'static str, &'static str)];

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(1_794_000_000_000_000 + micros).expect("a time")
}

fn collection(name: &str) -> Collection {
    Name::new(name).expect("short")
}

fn key(text: &str) -> RecordKey {
    Name::new(text).expect("short")
}

fn draft(of: &str, at: &str, body: &str) -> RecordDraft {
    RecordDraft::new(collection(of), key(at), body)
}

fn label(name: &str, value: &str) -> (LabelName, LabelValue) {
    (LabelName::new(name).expect("a name of a label"), LabelValue::new(value).expect("short"))
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::of(pairs.iter().map(|(name, value)| label(name, value))).expect("few labels")
}

async fn write(store: &dyn Records, draft: &RecordDraft, expected: ExpectedRecord, now: Timestamp) -> Option<Revision> {
    store.write(draft, expected, now).await.expect("the store answers")
}

/// Writes a record that the store must accept, and returns it as it must be read.
async fn put(store: &dyn Records, draft: &RecordDraft, expected: ExpectedRecord, now: Timestamp) -> Record {
    let revision = write(store, draft, expected, now).await;
    Record::new(draft.clone(), revision.unwrap_or_else(|| panic!("{expected:?} is refused for {}", draft.key)))
}

/// Reads the record under the key of a draft.
async fn read(store: &dyn Records, of: &RecordDraft, now: Timestamp) -> Option<Record> {
    store.record(&of.collection, &of.key, now).await.expect("the store answers")
}

async fn remove(store: &dyn Records, of: &RecordDraft, expected: ExpectedRecord, now: Timestamp) -> bool {
    store.remove(&of.collection, &of.key, expected, now).await.expect("the store answers")
}

async fn find(store: &dyn Records, query: &RecordQuery, now: Timestamp) -> Vec<Record> {
    store.find(query, now).await.expect("the store answers")
}

async fn sweep(store: &dyn Records, now: Timestamp, limit: u16) -> u64 {
    store.sweep(now, limit).await.expect("the store answers")
}

/// The keys of the records of a collection that have a label.
async fn keys_with(store: &dyn Records, of: &str, name: &str, value: &str) -> Vec<String> {
    let (name, value) = label(name, value);
    let found = find(store, &RecordQuery::of(collection(of), 100).labelled(name, value), at(0)).await;
    found.iter().map(|record| record.key.to_string()).collect()
}

/// Law 1: what was written last is read, equal in every field, and absent is not an error.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn what_was_written_last_is_read(store: &dyn Records) {
    let now = at(0);
    let at_key = |body: &str| draft("sessions", "é '%_\\ \u{1f9c8}", body);
    assert_eq!(read(store, &at_key(""), now).await, None, "absent is not an error");
    let neighbour = put(store, &draft("sessions", "é", "another"), ExpectedRecord::Absent, now).await;
    let names: Vec<_> = (10..10 + Labels::MOST).map(|k| format!("n{k}{}", "-".repeat(29))).collect();
    let most = Labels::of(names.iter().map(|name| label(name, &"é".repeat(50)))).expect("few labels");
    let one_label = labels(&[("owner", "a=b '%_\\ \"")]);
    let last_time = Timestamp::from_micros(253_402_300_799_999_999).expect("a time");
    for draft in [
        at_key("{\"a\": \"b\"}"),
        at_key("é \u{1f9c8} 100 % \"'\\ $1 \r\n\t\u{1}").labelled(one_label).until(at(1_234_567)),
        at_key("").labelled(most).until(last_time),
        at_key(&"long ".repeat(60_000)),
    ] {
        let written = put(store, &draft, ExpectedRecord::Any, now).await;
        assert!(read(store, &draft, now).await == Some(written), "another record is read than {:?}", draft.labels);
    }
    let longest = draft(&"c".repeat(32), &"é".repeat(100), "x");
    let written = put(store, &longest, ExpectedRecord::Absent, now).await;
    assert_eq!(read(store, &longest, now).await, Some(written));
    assert_eq!(read(store, &draft("sessions", "é", ""), now).await, Some(neighbour), "another key has changed");
}

/// Law 2: a record is written or removed only if what is there is as the caller expects.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn a_record_changes_only_as_expected(store: &dyn Records) {
    let now = at(0);
    let (one, two) = (draft("accounts", "marie", "one"), draft("accounts", "marie", "two"));
    let some = ExpectedRecord::Revision(Revision::from_number(1));
    assert_eq!(write(store, &one, some, now).await, None, "an absent record has no revision");
    for expected in [ExpectedRecord::Absent, some, ExpectedRecord::Any] {
        assert!(!remove(store, &one, expected, now).await, "{expected:?} removes an absent record");
    }
    assert_eq!(read(store, &one, now).await, None);

    let first = put(store, &one, ExpectedRecord::Absent, now).await;
    assert_eq!(write(store, &two, ExpectedRecord::Absent, now).await, None, "a record is there already");
    assert_eq!(read(store, &one, now).await.as_ref(), Some(&first));
    let second = put(store, &two, ExpectedRecord::Revision(first.revision), now).await;
    let later = Revision::from_number(second.revision.number() + 1);
    for other in [first.revision, later].map(ExpectedRecord::Revision) {
        assert_eq!(write(store, &one, other, now).await, None, "{other:?} is not {:?}", second.revision);
        assert!(!remove(store, &one, other, now).await, "{other:?} is not {:?}", second.revision);
    }
    assert!(!remove(store, &one, ExpectedRecord::Absent, now).await, "a record that is there is not absent");
    assert_eq!(read(store, &one, now).await.as_ref(), Some(&second));

    assert!(remove(store, &one, ExpectedRecord::Revision(second.revision), now).await);
    assert_eq!(read(store, &one, now).await, None, "a removed record is read");
    assert!(!remove(store, &one, ExpectedRecord::Revision(second.revision), now).await);
    assert!(!remove(store, &one, ExpectedRecord::Any, now).await, "a removed record is removed again");
    let gone = write(store, &one, ExpectedRecord::Revision(second.revision), now).await;
    assert_eq!(gone, None, "a removed record has no revision");

    put(store, &one, ExpectedRecord::Any, now).await;
    let last = put(store, &two, ExpectedRecord::Any, now).await;
    assert_eq!(read(store, &two, now).await, Some(last));
    assert!(remove(store, &two, ExpectedRecord::Any, now).await);
    assert_eq!(read(store, &two, now).await, None);
}

/// Law 2: of tasks that write or remove at once and expect the same, exactly one succeeds.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn of_tasks_at_once_one_succeeds(store: &dyn Records) {
    let (now, later) = (at(0), at(1_000));
    for round in 0..8 {
        let at_key = |body: &str| draft("answers", &format!("round {round}"), body);
        let drafts: Vec<_> = (0..8).map(|task| at_key(&format!("task {task}"))).collect();
        // Every second round an expired record is in the place of the new one.
        if round % 2 == 1 {
            put(store, &at_key("expired").until(later), ExpectedRecord::Absent, now).await;
        }
        let created = the_one_that_succeeds(store, &drafts, ExpectedRecord::Absent, later).await;
        assert_eq!(read(store, &drafts[0], later).await.as_ref(), Some(&created), "another task's record is read");
        let expected = ExpectedRecord::Revision(created.revision);
        let written = the_one_that_succeeds(store, &drafts, expected, later).await;
        assert_eq!(read(store, &drafts[0], later).await.as_ref(), Some(&written), "another task's record is read");
        let expected = ExpectedRecord::Revision(written.revision);
        let removes = || remove(store, &drafts[0], expected, later);
        let removed: [bool; 4] = tokio::join!(removes(), removes(), removes(), removes()).into();
        assert_eq!(removed.iter().filter(|removed| **removed).count(), 1, "tasks that remove one record at once");
    }
}

/// Lets eight tasks write at once, and returns the record of the only one that succeeds.
async fn the_one_that_succeeds(
    store: &dyn Records,
    drafts: &[RecordDraft],
    expected: ExpectedRecord,
    now: Timestamp,
) -> Record {
    let task = |k: usize| write(store, &drafts[k], expected, now);
    let tasks = tokio::join!(task(0), task(1), task(2), task(3), task(4), task(5), task(6), task(7));
    let revisions: [Option<Revision>; 8] = tasks.into();
    let written = drafts.iter().zip(revisions);
    let mut written = written.filter_map(|(draft, revision)| Some(Record::new(draft.clone(), revision?)));
    let first = written.next().unwrap_or_else(|| panic!("of eight tasks with {expected:?} none succeeds"));
    assert_eq!(written.next(), None, "of eight tasks with {expected:?} several succeed");
    first
}

/// Law 3: every write of a key has a larger revision than all writes of the key before, also after
/// a removal, an expiry and a sweep.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn a_revision_never_repeats(store: &dyn Records) {
    let mut newest = None;
    for (round, end) in (0_i64..).zip(["removed", "swept", "expired", "removed", "removed", "swept", "expired"]) {
        let (now, later) = (at(10 * round), at(10 * round + 5));
        let device = draft("devices", "ESP32_1", &round.to_string()).until(later);
        for expected in [ExpectedRecord::Absent, ExpectedRecord::Any, ExpectedRecord::Any] {
            let revision = write(store, &device, expected, now).await;
            assert!(revision > newest, "round {round}, {expected:?}: {revision:?} follows {newest:?}");
            newest = revision;
        }
        match end {
            "removed" => assert!(remove(store, &device, ExpectedRecord::Any, now).await),
            "swept" => assert_eq!(sweep(store, later, 10).await, 1),
            _ => assert_eq!(read(store, &device, later).await, None),
        }
    }
}

/// Law 4: from `expires_at` on and not earlier, a record is absent in every method, and a new one
/// can be created in its place.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn an_expired_record_is_absent(store: &dyn Records) {
    let (before, end) = (at(999_999), at(1_000_000));
    let (name, value) = label("owner", "marie");
    let answer = draft("answers", "a", "answer").labelled(labels(&[("owner", "marie")])).until(end);
    let all = RecordQuery::of(answer.collection, 10);
    let labelled = all.clone().labelled(name, value);

    let first = put(store, &answer, ExpectedRecord::Absent, at(0)).await;
    assert_eq!(read(store, &answer, before).await.as_ref(), Some(&first), "a record expires too early");
    assert_eq!(find(store, &all, before).await, std::slice::from_ref(&first), "a record expires too early");
    assert_eq!(find(store, &labelled, before).await, std::slice::from_ref(&first), "a record expires too early");
    assert_eq!(write(store, &answer, ExpectedRecord::Absent, before).await, None, "a record expires too early");
    assert_eq!(sweep(store, before, 10).await, 0, "a record is swept too early");
    let second = put(store, &answer, ExpectedRecord::Revision(first.revision), before).await;
    let brief = draft("answers", "b", "brief").until(end);
    put(store, &brief, ExpectedRecord::Absent, before).await;
    assert!(remove(store, &brief, ExpectedRecord::Any, before).await, "a record expires too early");

    assert_eq!(read(store, &answer, end).await, None, "an expired record is read");
    assert_eq!(find(store, &all, end).await, [], "an expired record is found");
    assert_eq!(find(store, &labelled, end).await, [], "an expired record is found by its label");
    let expected = ExpectedRecord::Revision(second.revision);
    assert_eq!(write(store, &answer, expected, end).await, None, "an expired record has no revision");
    for expected in [ExpectedRecord::Absent, expected, ExpectedRecord::Any] {
        assert!(!remove(store, &answer, expected, end).await, "{expected:?} removes an expired record");
    }

    // A new record has nothing of the expired one.
    let anew = put(store, &draft("answers", "a", "anew"), ExpectedRecord::Absent, end).await;
    for now in [end, at(1_000_000_000_000)] {
        assert_eq!(read(store, &answer, now).await.as_ref(), Some(&anew), "a new record is not read");
        assert_eq!(find(store, &all, now).await, std::slice::from_ref(&anew));
        assert_eq!(find(store, &labelled, now).await, [], "a new record has the labels of the expired one");
    }
    put(store, &brief, ExpectedRecord::Absent, before).await;
    let over = put(store, &draft("answers", "b", "over"), ExpectedRecord::Any, end).await;
    assert_eq!(read(store, &brief, end).await, Some(over), "an expired record stays in its place");
    assert_eq!(sweep(store, end, 10).await, 0, "a new record is swept");
}

/// Law 5: a key of one collection is not a key of another.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn collections_are_apart(store: &dyn Records) {
    let now = at(0);
    let owner = labels(&[("owner", "marie")]);
    let mut written = Vec::new();
    for name in ["session", "sessions", "Session", "devices"] {
        let draft = draft(name, "1", name).labelled(owner.clone());
        written.push(put(store, &draft, ExpectedRecord::Absent, now).await);
    }
    for record in &written {
        let found = store.record(&record.collection, &record.key, now).await.expect("the store answers");
        assert_eq!(found.as_ref(), Some(record));
        let query = RecordQuery::of(record.collection, 10);
        assert_eq!(find(store, &query, now).await, std::slice::from_ref(record));
        let (name, value) = label("owner", "marie");
        assert_eq!(find(store, &query.labelled(name, value), now).await, std::slice::from_ref(record));
    }
    assert!(remove(store, &draft("session", "1", ""), ExpectedRecord::Any, now).await);
    let changed = put(store, &draft("devices", "1", "changed"), ExpectedRecord::Any, now).await;
    assert_eq!(read(store, &draft("session", "1", ""), now).await, None);
    assert_eq!(read(store, &draft("devices", "1", ""), now).await, Some(changed));
    for record in &written[1..3] {
        let found = store.record(&record.collection, &record.key, now).await.expect("the store answers");
        assert_eq!(found.as_ref(), Some(record), "a write or a removal in another collection has changed it");
    }
    assert_eq!(find(store, &RecordQuery::of(collection("none"), 10), now).await, []);
}

/// Law 6: records are found by the labels that they have now.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn records_are_found_by_their_current_labels(store: &dyn Records) {
    let now = at(0);
    let written: [(&str, Pairs); 9] = [
        ("a", &[("owner", "marie"), ("state", "open")]),
        ("b", &[("owner", "marie")]),
        ("c", &[("owner", "quinn"), ("state", "open")]),
        ("d", &[]),
        ("e", &[("state", "marie")]),
        ("f", &[("owner", "marie 2")]),
        ("g", &[("owner.2", "marie"), ("co-owner", "marie"), ("text", "owner=marie")]),
        ("h", &[("owner", "Marie")]),
        ("i", &[("owner", "m%e")]),
    ];
    for (key, pairs) in written {
        put(store, &draft("sessions", key, "x").labelled(labels(pairs)), ExpectedRecord::Absent, now).await;
    }
    let found: [(&str, &str, &[&str]); 7] = [
        ("owner", "marie", &["a", "b"]),
        ("state", "open", &["a", "c"]),
        ("owner", "quinn", &["c"]),
        ("owner", "m%e", &["i"]),
        ("owner", "m", &[]),
        ("state", "quinn", &[]),
        ("text", "owner=marie", &["g"]),
    ];
    for (name, value, expected) in found {
        assert_eq!(keys_with(store, "sessions", name, value).await, expected, "records with {name}={value}");
    }

    let to_quinn = draft("sessions", "a", "x").labelled(labels(&[("owner", "quinn")]));
    put(store, &to_quinn, ExpectedRecord::Any, now).await;
    assert_eq!(keys_with(store, "sessions", "owner", "marie").await, ["b"], "a record is found by an old value");
    assert_eq!(
        keys_with(store, "sessions", "owner", "quinn").await,
        ["a", "c"],
        "a record is not found by its new value"
    );
    assert_eq!(keys_with(store, "sessions", "state", "open").await, ["c"], "a record is found by an old label");
    assert!(remove(store, &draft("sessions", "c", ""), ExpectedRecord::Any, now).await);
    assert_eq!(keys_with(store, "sessions", "owner", "quinn").await, ["a"], "a removed record is found");
    put(store, &draft("sessions", "c", "y"), ExpectedRecord::Absent, now).await;
    assert_eq!(
        keys_with(store, "sessions", "owner", "quinn").await,
        ["a"],
        "a record is found by the label of a removed one"
    );
    assert_eq!(keys_with(store, "sessions", "state", "open").await, Vec::<String>::new());
}

/// Law 6: records are found once each, in the order of the keys' bytes, page by page.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn records_are_found_in_order_page_by_page(store: &dyn Records) {
    let now = at(0);
    let (mut all, mut labelled) = (Vec::new(), Vec::new());
    for text in ["b", "B", "\u{e9}", "a", "a b", "aa", "a-", "_", "10", "9", "\u{1f9c8}", "\u{ffe6}", "z", "Z"] {
        for (key, state) in [(text.to_owned(), "open"), (format!("{text}~"), "done")] {
            let draft = draft("sessions", &key, "x").labelled(labels(&[("state", state)]));
            let record = put(store, &draft, ExpectedRecord::Absent, now).await;
            if state == "open" {
                labelled.push(record.clone());
            }
            all.push(record);
            put(store, &RecordDraft { collection: collection("other"), ..draft }, ExpectedRecord::Absent, now).await;
        }
    }
    all.sort_by_key(|record| record.key);
    labelled.sort_by_key(|record| record.key);
    let (name, value) = label("state", "open");
    let query = |limit: u16| RecordQuery::of(collection("sessions"), limit);
    for limit in [1, 5, 14, 100] {
        assert_pages(store, &query(limit), &all).await;
        assert_pages(store, &query(limit).labelled(name, value), &labelled).await;
    }
    assert_eq!(find(store, &query(0), now).await, [], "a limit of 0 finds nothing");
    // A place between pages need not be the key of a record.
    let rest: Vec<_> = all.iter().filter(|record| record.key.as_str() > "a.").cloned().collect();
    assert_eq!(find(store, &query(100).after(key("a.")), now).await, rest);
}

/// Panics unless the pages of a query are these records, each page full but the last.
async fn assert_pages(store: &dyn Records, query: &RecordQuery, expected: &[Record]) {
    let mut query = query.clone();
    for page in expected.chunks(usize::from(query.limit)) {
        let found = find(store, &query, at(0)).await;
        let keys = |records: &[Record]| records.iter().map(|record| record.key.to_string()).collect::<Vec<_>>();
        assert_eq!(keys(&found), keys(page), "a page of {} after {:?}", query.limit, query.after);
        assert_eq!(found, page);
        query.after = page.last().map(|record| record.key);
    }
    assert_eq!(find(store, &query, at(0)).await, [], "a page after the last record");
}

/// Law 7: a sweep removes only expired records, of all collections, at most as many as its limit,
/// and returns their number.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn a_sweep_removes_only_expired_records(store: &dyn Records) {
    let (start, now) = (at(0), at(1_000));
    assert_eq!(sweep(store, now, 10).await, 0, "a sweep of an empty store");
    let (mut expired, mut living) = (Vec::new(), Vec::new());
    for (key, end) in [("1", Some(1)), ("2", None), ("3", Some(999)), ("4", Some(1_000)), ("5", Some(1_001))] {
        for collection in ["answers", "sessions"] {
            let draft = RecordDraft { expires_at: end.map(at), ..draft(collection, key, "x") };
            let record = put(store, &draft, ExpectedRecord::Absent, start).await;
            let is_expired = end.is_some_and(|end| end <= 1_000);
            if is_expired { expired.push((draft, record)) } else { living.push((draft, record)) }
        }
    }
    assert_eq!(sweep(store, now, 0).await, 0, "a sweep with a limit of 0");
    for (removed, left) in [(4, 2), (2, 0), (0, 0)] {
        assert_eq!(sweep(store, now, 4).await, removed, "a sweep of at most 4 records");
        // An earlier time shows which expired records are still stored.
        let mut stored = 0;
        for (draft, _) in &expired {
            stored += usize::from(read(store, draft, start).await.is_some());
        }
        assert_eq!(stored, left, "expired records that the sweep has left");
        for (draft, record) in &living {
            assert_eq!(read(store, draft, now).await.as_ref(), Some(record), "a sweep has changed a record");
        }
    }
    for (draft, record) in &expired {
        let anew = put(store, draft, ExpectedRecord::Absent, start).await;
        assert!(anew.revision > record.revision, "a swept record has left its revision");
    }
    assert_eq!(sweep(store, now, 100).await, 6, "a sweep with a limit that is larger than needed");
}

/// Law 8: a body that is too large or has the character U+0000 is refused, and the earlier record
/// stays.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn a_refused_record_changes_nothing(store: &dyn Records) {
    let now = at(0);
    let largest = draft("letters", "largest", &"x".repeat(LARGEST_RECORD));
    let written = put(store, &largest, ExpectedRecord::Absent, now).await;
    assert!(read(store, &largest, now).await == Some(written), "the largest body is not read as it was written");
    let before = put(store, &draft("letters", "1", "before"), ExpectedRecord::Absent, now).await;
    // The limit counts bytes, not characters.
    for body in ["x".repeat(LARGEST_RECORD + 1), "é".repeat(LARGEST_RECORD / 2 + 1), "a\0b".to_owned()] {
        for (key, expected) in [
            ("1", ExpectedRecord::Any),
            ("1", ExpectedRecord::Revision(before.revision)),
            ("2", ExpectedRecord::Any),
            ("2", ExpectedRecord::Absent),
        ] {
            let kind = store.write(&draft("letters", key, &body), expected, now).await.err().map(|error| error.kind);
            assert_eq!(kind, Some(StorageErrorKind::Refused), "a body of {} bytes, {expected:?}", body.len());
        }
        assert_eq!(read(store, &draft("letters", "1", ""), now).await.as_ref(), Some(&before));
        assert_eq!(read(store, &draft("letters", "2", ""), now).await, None, "a refused record is there");
    }
    put(store, &draft("letters", "1", "after"), ExpectedRecord::Revision(before.revision), now).await;
}

/// One named test per law for a store: give an async expression that makes an empty store.
#[macro_export]
macro_rules! records_conformance {
    ($make:expr) => {
        $crate::records_conformance! { @each $make;
            what_was_written_last_is_read
            a_record_changes_only_as_expected
            of_tasks_at_once_one_succeeds
            a_revision_never_repeats
            an_expired_record_is_absent
            collections_are_apart
            records_are_found_by_their_current_labels
            records_are_found_in_order_page_by_page
            a_sweep_removes_only_expired_records
            a_refused_record_changes_nothing
        }
    };
    (@each $make:expr; $($law:ident)*) => {
        $(
            #[test]
            fn $law() {
                $crate::conformance::run(async {
                    let made = $make.await;
                    $crate::conformance::records::$law(&made).await;
                });
            }
        )*
    };
}
