//! The laws of [`Register`] as code: each is a function on an empty store that panics with the
//! broken law.

use sqal_core::{Name, Timestamp};

use crate::{
    Custody, Register, StorageErrorKind,
    labels::{LabelName, LabelValue, Labels},
    register::Entry,
};

fn entry(kind: &str, name: &str, version: u32, body: &str) -> Entry {
    Entry {
        kind: Name::new(kind).expect("short"),
        name: Name::new(name).expect("short"),
        version,
        body: body.to_owned(),
        at: Timestamp::from_micros(1_794_000_000_000_000 + i64::from(version)).expect("a time"),
        by: version.is_multiple_of(2).then(|| Name::new("marie").expect("short")),
        labels: if version.is_multiple_of(3) {
            labels(&[("state", "draft"), ("line", "é '%=")])
        } else {
            Labels::new()
        },
    }
}

fn label(name: &str, value: &str) -> (LabelName, LabelValue) {
    (LabelName::new(name).expect("short"), Name::new(value).expect("short"))
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::of(pairs.iter().map(|(name, value)| label(name, value))).expect("few labels")
}

async fn add(store: &dyn Register, entry: &Entry) -> bool {
    store.add(entry).await.expect("the store answers")
}

async fn history(store: &dyn Register, of: &Entry, before: Option<u32>, limit: u16) -> Vec<Entry> {
    store.history(&of.kind, &of.name, before, limit).await.expect("the store answers")
}

/// Law 1: only the version after the newest is added, and of two callers that add the same version
/// one succeeds.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn versions_follow_each_other(store: &dyn Register) {
    let first = entry("profile", "foie", 1, "a");
    assert!(!add(store, &entry("profile", "foie", 0, "a")).await, "there is no version 0");
    assert!(!add(store, &entry("profile", "foie", 2, "a")).await, "nothing is left out");
    assert!(add(store, &first).await);
    assert!(!add(store, &entry("profile", "foie", 1, "b")).await, "the second caller adds nothing");
    assert!(!add(store, &first).await, "not even the same again");
    assert!(add(store, &entry("profile", "foie", 2, "c")).await);
    assert!(!add(store, &entry("profile", "foie", 1, "d")).await);
    assert!(add(store, &entry("profile", "foi", 1, "e")).await, "another name has versions of its own");
    assert!(add(store, &entry("calibration", "foie", 1, "f")).await, "and so has another kind");
    let (one, other) = (entry("profile", "foie", 3, "one"), entry("profile", "foie", 3, "other"));
    let both = tokio::join!(store.add(&one), store.add(&other));
    let won = [both.0.expect("the store answers"), both.1.expect("the store answers")];
    assert_eq!(won.iter().filter(|won| **won).count(), 1, "of two one wins");
    assert_eq!(history(store, &one, None, 1).await, [if won[0] { one } else { other }]);
}

/// Law 2: an added entry stays unchanged, equal in every field.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn what_was_added_stays_as_it_is(store: &dyn Register) {
    let texts = ["{\"a\": \"b\"}", "", "é \u{1f9c8} 100 % \"'\\ $1", &"long ".repeat(60_000)];
    let added: Vec<_> = (1..).zip(texts).map(|(version, body)| entry("profile", "é '%", version, body)).collect();
    for one in &added {
        assert!(add(store, one).await);
        add(store, &Entry { body: "changed".to_owned(), ..one.clone() }).await;
    }
    let nul = entry("profile", "é '%", 5, "a\0b");
    let error = store.add(&nul).await.expect_err("law 2: a body with U+0000 is taken");
    assert_eq!(error.kind, StorageErrorKind::Refused, "law 2: a body with U+0000: {error}");
    let mut found = history(store, &added[0], None, 100).await;
    found.reverse();
    assert_eq!(found, added);
}

/// Law 3: a history is in the order of versions, newest first, page by page; absent is not an
/// error.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn a_history_is_newest_first(store: &dyn Register) {
    let added: Vec<_> =
        (1..=12).map(|version| entry("calibration", "ESP32_1", version, &version.to_string())).collect();
    assert_eq!(history(store, &added[0], None, 5).await, []);
    for one in &added {
        assert!(add(store, one).await);
        assert!(add(store, &Entry { name: Name::new("ESP32_11").expect("short"), ..one.clone() }).await);
    }
    for limit in [1, 5, 100] {
        let (mut listed, mut before) = (Vec::new(), None);
        loop {
            let page = history(store, &added[0], before, limit).await;
            assert!(page.len() <= usize::from(limit));
            let Some(last) = page.last() else { break };
            before = Some(last.version);
            listed.extend(page);
        }
        assert_eq!(listed, added.iter().rev().cloned().collect::<Vec<_>>());
    }
    assert_eq!(history(store, &added[0], Some(1), 5).await, []);
}

/// Law 4: the newest version of each name of a kind is listed once, in the order of bytes.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn the_newest_of_each_name_once(store: &dyn Register) {
    let kind = Name::new("profile").expect("short");
    assert_eq!(store.newest(&kind).await.expect("the store answers"), []);
    let mut wanted = Vec::new();
    for (name, versions) in [("b", 3), ("B", 1), ("a", 11), ("\u{e9}", 2)] {
        for version in 1..=versions {
            assert!(add(store, &entry("profile", name, version, "x")).await);
            assert!(add(store, &entry("profiles", name, version, "y")).await);
        }
        wanted.push(entry("profile", name, versions, "x"));
    }
    wanted.sort_by_key(|entry| entry.name);
    assert_eq!(store.newest(&kind).await.expect("the store answers"), wanted);
}

/// The names of things that are found by a label, page by page.
async fn found(store: &dyn Register, kind: &str, (name, value): (&str, &str), limit: u16) -> Vec<Entry> {
    let (kind, (name, value)) = (Name::new(kind).expect("short"), label(name, value));
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = store.labelled(&kind, (&name, &value), after.as_ref(), limit).await.expect("the store answers");
        assert!(page.len() <= usize::from(limit), "law 7: a page holds more entries than its limit of {limit}");
        let Some(last) = page.last() else { return found };
        assert!(after.is_none_or(|after| page[0].name > after), "law 7: a page begins before the end of the last");
        after = Some(last.name);
        found.extend(page);
    }
}

/// Adds entries of several things: two of three newest versions are released, and an earlier
/// version of the third was.
async fn add_labelled(store: &dyn Register) -> Vec<Entry> {
    let mut released = Vec::new();
    for (name, states) in [
        ("b", &["draft", "released"][..]),
        ("B", &["released", "draft"]),
        ("a", &["released"]),
        ("\u{e9}", &["released", "released", "released"]),
        ("c", &[]),
    ] {
        for (version, state) in (1..).zip(states) {
            let marked = labels(&[("state", state), ("line", "7"), ("released", "draft")]);
            let one = Entry { labels: marked, ..entry("firmware", name, version, "x") };
            assert!(add(store, &one).await);
            assert!(add(store, &Entry { kind: Name::new("firmwares").expect("short"), ..one.clone() }).await);
            if usize::try_from(version) == Ok(states.len()) && *state == "released" {
                released.push(one);
            }
        }
    }
    assert!(add(store, &entry("firmware", "without", 1, "x")).await);
    released.sort_by_key(|entry| entry.name);
    released
}

/// Law 7: things are found by a label of their newest version, in order, page by page.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn the_newest_are_found_by_label(store: &dyn Register) {
    assert_eq!(found(store, "firmware", ("state", "released"), 5).await, [], "law 7: an empty store has labels");
    let released = add_labelled(store).await;
    for limit in [1, 2, 100] {
        assert_eq!(
            found(store, "firmware", ("state", "released"), limit).await,
            released,
            "law 7: by a limit of {limit}"
        );
    }
    for absent in [("state", "releas"), ("line", "released"), ("released", "released"), ("none", "released")] {
        assert_eq!(found(store, "firmware", absent, 5).await, [], "law 7: {absent:?}");
    }
}

/// Law 8: the newest versions are counted by the values of a label.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn the_newest_are_counted_by_label(store: &dyn Register) {
    let kind = Name::new("firmware").expect("short");
    let count = async |name: &str| {
        let counts = store.count_labels(&kind, &label(name, "x").0).await.expect("the store answers");
        counts.into_iter().map(|(value, count)| (value.to_string(), count)).collect::<Vec<_>>()
    };
    assert_eq!(count("state").await, [], "law 8: an empty store has labels");
    add_labelled(store).await;
    assert_eq!(count("state").await, [("draft".to_owned(), 1), ("released".to_owned(), 3)], "law 8");
    assert_eq!(count("line").await, [("7".to_owned(), 4)], "law 8");
    assert_eq!(count("none").await, [], "law 8: a label that nothing has");
}

/// Law 5: each added entry is recorded in the store's audit log, and nothing else is.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn what_was_added_is_written_down(store: &dyn Register, log: &dyn Custody) {
    let added = [entry("profile", "foie", 1, "a"), entry("profile", "foie", 2, "b")];
    for one in &added {
        assert!(add(store, one).await);
        assert!(!add(store, one).await);
    }
    let written = log.audit(0, 10).await.expect("the store answers");
    assert_eq!(written.into_iter().map(|line| line.action).collect::<Vec<_>>(), added.map(|entry| entry.action()));
    assert!(log.verify_audit().await.expect("the store answers").is_ok());
}

/// Law 6: if an entry was changed outside the store, its history is an error that names the entry,
/// and the entry is left out of the newest.
///
/// `change` changes the stored entry of that kind, name and version by another way than the store's
/// own: its text, its time or its author. A store that no other program can write to need not run
/// this law.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn what_was_changed_is_not_given(store: &dyn Register, change: impl AsyncFnOnce(&Entry)) {
    let added = [entry("profile", "foie", 1, "a"), entry("profile", "foie", 2, "b"), entry("profile", "pork", 1, "c")];
    for one in &added {
        assert!(add(store, one).await);
    }
    assert_eq!(history(store, &added[0], None, 10).await, [added[1].clone(), added[0].clone()]);
    change(&added[1]).await;
    let error = store.history(&added[1].kind, &added[1].name, None, 10).await.expect_err("a changed entry is given");
    let said = error.to_string();
    assert!(said.contains("profile foie entry 2"), "the error does not name the entry: {said}");
    assert!(!error.is_transient(), "what was changed stays changed");
    assert_eq!(history(store, &added[0], Some(2), 10).await, added[..1], "what is before it is as it was");
    let newest = store.newest(&added[0].kind).await.expect("the store answers");
    assert_eq!(newest, added[2..], "the newest holds a changed entry, or lacks another");
}

/// One named test per law for a store: give an async expression that makes an empty store.
#[macro_export]
macro_rules! register_conformance {
    ($make:expr) => {
        $crate::register_conformance! { @each $make;
            versions_follow_each_other(made)
            what_was_added_stays_as_it_is(made)
            a_history_is_newest_first(made)
            the_newest_of_each_name_once(made)
            the_newest_are_found_by_label(made)
            the_newest_are_counted_by_label(made)
            what_was_added_is_written_down(made, made)
        }
    };
    (@each $make:expr; $($law:ident($($made:ident),+))*) => {
        $(
            #[test]
            fn $law() {
                $crate::conformance::run(async {
                    $crate::register_conformance! { @run $make; $law($($made),+) }
                });
            }
        )*
    };
    (@run $make:expr; $law:ident($first:ident $(, $made:ident)*)) => {
        let $first = $make.await;
        $crate::conformance::register::$law(&$first $(, &$made)*).await;
    };
}
