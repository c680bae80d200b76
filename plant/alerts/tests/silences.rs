//! Silences: what is refused, when one is in force, and what the register says of it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use proptest::prelude::*;
use sqal_alerts::notify::AlertView;
use sqal_alerts::state::{
    AlertKey, Author, InvalidSilence, Remark, Silence, SilenceBook, SilenceBookError, SilenceTerms,
};
use sqal_alerts::{RuleName, Severity, Words};
use sqal_core::{Name, Timestamp};
use sqal_storage::conformance::{Call, Interpose, Interposed, Turn};
use sqal_storage::{MemoryStore, Register, StorageErrorKind};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// The time some seconds after the tests begin.
fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(1_794_000_000_000_000 + 1_000_000 * second).unwrap()
}

fn marie() -> Author {
    Name::new("marie").unwrap()
}

fn remark(text: &str) -> Remark {
    Remark::new(text).unwrap()
}

fn matchers(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect()
}

fn terms(pairs: &[(&str, &str)], from: i64, until: i64) -> SilenceTerms {
    SilenceTerms { matchers: matchers(pairs), reason: remark("the lamp is replaced"), from: at(from), until: at(until) }
}

fn key(device: &str) -> AlertKey {
    let labels = matchers(&[("device", device)]);
    AlertKey::of(&RuleName::new("StationSilent").unwrap(), Severity::Warning, &labels)
}

fn alert(device: &str) -> AlertView {
    AlertView {
        key: key(device).to_string(),
        alertname: "StationSilent".to_owned(),
        severity: Severity::Warning,
        labels: matchers(&[("device", device)]),
        summary: Words::default(),
        description: Words::default(),
        runbook: "station-silent".to_owned(),
        began: at(0),
        resolved: None,
        acknowledged_by: None,
        value: None,
    }
}

fn matches(silence: &Silence, alert: &AlertView) -> bool {
    silence.matches(&alert.key, |name| alert.label(name))
}

fn book() -> (Arc<MemoryStore>, SilenceBook) {
    let store = Arc::new(MemoryStore::new());
    (store.clone(), SilenceBook::new(store.clone(), store))
}

/// A new silence of Marie.
async fn added(book: &SilenceBook, terms: SilenceTerms, second: i64) -> Silence {
    let (silence, is_new) = book.add(terms, &marie(), at(second)).await.unwrap();
    assert!(is_new, "{silence:?}");
    silence
}

proptest! {
    #[test]
    fn a_silence_has_an_end_that_is_to_come_and_not_too_far(from in -40 * DAY..40 * DAY, lasts in -DAY..40 * DAY) {
        for (pairs, longest) in [(vec![("device", "D1")], 30 * DAY), (vec![("alertkey", key("D1").as_str())], DAY)] {
            let silence = Silence::new(terms(&pairs, from, from + lasts), &marie(), at(0));
            let is_sound = lasts > 0 && lasts <= longest && from + lasts > 0 && from <= 30 * DAY;
            prop_assert_eq!(silence.is_ok(), is_sound, "{:?}", silence);
            if let Ok(silence) = silence {
                for second in [from - 1, from, from + lasts - 1, from + lasts] {
                    let is_active = second >= from && second < from + lasts;
                    prop_assert_eq!(silence.is_active(at(second)), is_active);
                }
                let written = serde_json::to_string(&silence).unwrap();
                prop_assert_eq!(serde_json::from_str::<Silence>(&written).unwrap(), silence);
            }
        }
    }

    #[test]
    fn an_alert_is_silenced_if_it_has_every_label_with_its_value(
        asked in prop::collection::btree_map("[abc]", "[12]", 1..4),
        labels in prop::collection::btree_map("[abc]", "[12]", 0..4),
    ) {
        let silence = SilenceTerms { matchers: asked.clone(), ..terms(&[], 0, HOUR) };
        let silence = Silence::new(silence, &marie(), at(0)).unwrap();
        let view = AlertView { labels: labels.clone(), ..alert("D1") };
        prop_assert_eq!(matches(&silence, &view), asked.iter().all(|(label, value)| labels.get(label) == Some(value)));
    }
}

#[test]
fn the_name_the_severity_and_the_key_of_an_alert_are_matched_as_labels() {
    let key_of_d1 = key("D1").to_string();
    for (pairs, matches_d1, matches_d2) in [
        ([("alertname", "StationSilent")], true, true),
        ([("severity", "warning")], true, true),
        ([("severity", "critical")], false, false),
        ([("alertkey", key_of_d1.as_str())], true, false),
        ([("device", "D2")], false, true),
        ([("cluster", "D1")], false, false),
    ] {
        let silence = Silence::new(terms(&pairs, 0, HOUR), &marie(), at(0)).unwrap();
        let found = [alert("D1"), alert("D2")].map(|alert| matches(&silence, &alert));
        assert_eq!(found, [matches_d1, matches_d2], "{pairs:?}");
    }
}

#[test]
fn what_is_refused_is_named_with_its_field_its_value_and_the_limit() {
    let (long, seventeen) = ("x".repeat(201), (0..17).map(|number| format!("l{number}")).collect::<Vec<_>>());
    let seventeen: Vec<_> = seventeen.iter().map(|label| (label.as_str(), "x")).collect();
    for (terms, text) in [
        (terms(&[], 0, HOUR), "matchers: has 0, expected 1 to 16"),
        (terms(&seventeen, 0, HOUR), "matchers: has 17, expected 1 to 16"),
        (terms(&[("1a", "x")], 0, HOUR), "matchers: \"1a\" is not the name of a label"),
        (
            terms(&[("severity", "warn")], 0, HOUR),
            "matchers.severity: \"warn\" is not a value of this label: expected warning or critical",
        ),
        (terms(&[("alertname", "a b")], 0, HOUR), "matchers.alertname: \"a b\" is not a value"),
        (
            terms(&[("alertkey", "12")], 0, HOUR),
            "matchers.alertkey: \"12\" is not a value of this label: expected the key of an alert",
        ),
        (
            terms(&[("device", "")], 0, HOUR),
            "matchers.device: \"\" is not a value of this label: expected 1 to 200 bytes",
        ),
        (terms(&[("device", &long)], 0, HOUR), "matchers.device: \"xxx"),
        (terms(&[("device", "D1")], HOUR, HOUR), "until: 2026-11-06T"),
        (terms(&[("device", "D1")], 0, 30 * DAY + 1), "until: the silence lasts 720.1 hours, expected at most 720"),
        (
            terms(&[("alertkey", key("D1").as_str())], 0, DAY + HOUR),
            "until: the silence lasts 25 hours, expected at most 24",
        ),
        (terms(&[("device", "D1")], -HOUR, 0), "until: 2026-11-06T"),
        (terms(&[("device", "D1")], 31 * DAY, 32 * DAY), "from: 2026-12-07T"),
    ] {
        let refused = Silence::new(terms, &marie(), at(0)).unwrap_err().to_string();
        assert!(refused.starts_with(text), "{refused}\n{text}");
    }
}

#[tokio::test]
async fn a_silence_is_in_force_from_its_beginning_to_its_end() {
    let (_, book) = book();
    let silence = added(&book, terms(&[("device", "D1")], HOUR, 2 * HOUR), 0).await;
    for (second, listed, active) in [(0, 1, 0), (HOUR - 1, 1, 0), (HOUR, 1, 1), (2 * HOUR - 1, 1, 1), (2 * HOUR, 0, 0)]
    {
        assert_eq!(book.list(at(second)).await.unwrap().len(), listed, "{second}");
        assert_eq!(book.list_active(at(second)).await.unwrap().len(), active, "{second}");
    }
    assert_eq!(book.get(silence.id()).await.unwrap(), silence, "the register still has it");
}

#[tokio::test]
async fn the_register_says_who_silenced_and_who_ended_it_and_why() {
    let (store, book) = book();
    let silence = added(&book, terms(&[("device", "D1")], 0, HOUR), 0).await;
    let paul = Name::new("paul").unwrap();
    let ended = book.end(silence.id(), &paul, remark("the lamp works"), at(60)).await.unwrap();
    assert!(!ended.is_active(at(60)));
    assert_eq!(book.list(at(60)).await.unwrap(), []);
    let name = Name::new(silence.id().as_str()).unwrap();
    let entries = store.history(&Name::new("silences").unwrap(), &name, None, 10).await.unwrap();
    let authors: Vec<_> = entries.iter().map(|entry| (entry.version, entry.by, entry.at)).collect();
    assert_eq!(authors, [(2, Some(paul), at(60)), (1, Some(marie()), at(0))]);
    assert!(entries[1].body.contains("the lamp is replaced") && !entries[1].body.contains("the lamp works"));
    assert!(entries[0].body.contains("the lamp works"));
    assert_eq!(book.get(silence.id()).await.unwrap(), ended);
    for second in [61, 2 * HOUR] {
        let refused = book.end(silence.id(), &paul, remark("again"), at(second)).await.unwrap_err();
        assert!(matches!(refused, SilenceBookError::Ended { id } if id == *silence.id()), "{refused}");
    }
}

#[tokio::test]
async fn a_silence_that_is_over_or_unknown_cannot_be_ended() {
    let (_, book) = book();
    let silence = added(&book, terms(&[("device", "D1")], 0, HOUR), 0).await;
    let refused = book.end(silence.id(), &marie(), remark("late"), at(HOUR)).await.unwrap_err();
    assert!(matches!(refused, SilenceBookError::Ended { .. }), "{refused}");
    let unknown = "0".repeat(32).parse().unwrap();
    let refused = book.end(&unknown, &marie(), remark("which?"), at(0)).await.unwrap_err();
    assert!(matches!(refused, SilenceBookError::Unknown { id } if id == unknown), "{refused}");
    for text in ["", "x", &"A".repeat(32), &"0".repeat(33)] {
        assert_eq!(text.parse::<sqal_alerts::state::SilenceId>(), Err(InvalidSilence::Id(text.to_owned())));
    }
}

#[tokio::test]
async fn one_alert_is_shelved_for_at_most_a_day() {
    let (_, book) = book();
    let shelved = book.shelve(&key("D1"), remark("known"), at(DAY), &marie(), at(0)).await.unwrap();
    assert!(matches(&shelved, &alert("D1")) && !matches(&shelved, &alert("D2")));
    let again = book.shelve(&key("D1"), remark("known"), at(DAY), &marie(), at(60)).await.unwrap();
    assert_eq!(again, shelved);
    let refused = book.shelve(&key("D1"), remark("known"), at(DAY + 1), &marie(), at(0)).await.unwrap_err();
    assert!(matches!(refused, SilenceBookError::Invalid(InvalidSilence::TooLong { .. })), "{refused}");
}

#[tokio::test]
async fn a_repeated_call_adds_nothing_and_a_silence_that_was_ended_does_not_come_back_by_it() {
    let (_, book) = book();
    let wanted = terms(&[("device", "D1")], 0, HOUR);
    let silence = added(&book, wanted.clone(), 0).await;
    assert_eq!(book.add(wanted.clone(), &marie(), at(0)).await.unwrap(), (silence.clone(), false));
    let later = SilenceTerms { from: at(1), ..wanted.clone() };
    let again = book.add(later, &marie(), at(1)).await.unwrap();
    assert_eq!(again, (silence.clone(), false), "it shall begin now, and has begun");
    assert_eq!(book.list(at(0)).await.unwrap(), std::slice::from_ref(&silence));
    book.end(silence.id(), &marie(), remark("a mistake"), at(1)).await.unwrap();
    let refused = book.add(wanted.clone(), &marie(), at(0)).await.unwrap_err();
    assert!(matches!(refused, SilenceBookError::Ended { .. }), "{refused}");
    // Asked for anew, it is another silence.
    let other = added(&book, wanted, 2).await;
    assert_ne!(other.id(), silence.id());
}

#[tokio::test]
async fn a_silence_that_differs_in_anything_is_another_one() {
    let (_, book) = book();
    let first = terms(&[("device", "D1")], HOUR, 2 * HOUR);
    added(&book, first.clone(), 0).await;
    for other in [
        terms(&[("device", "D2")], HOUR, 2 * HOUR),
        terms(&[("device", "D1")], HOUR - 1, 2 * HOUR),
        terms(&[("device", "D1")], HOUR, 2 * HOUR + 1),
        SilenceTerms { reason: remark("it is cleaned"), ..first.clone() },
    ] {
        added(&book, other, 1).await;
    }
    let (_, is_new) = book.add(first.clone(), &Name::new("paul").unwrap(), at(1)).await.unwrap();
    assert!(is_new, "another person has reasons of their own");
    let (_, is_new) = book.add(first, &marie(), at(1)).await.unwrap();
    assert!(!is_new);
}

#[tokio::test]
async fn there_are_at_most_500_silences() {
    let (_, book) = book();
    for number in 0..500 {
        let device = format!("D{number}");
        book.add(terms(&[("device", &device)], 0, HOUR), &marie(), at(0)).await.unwrap();
    }
    let refused = book.add(terms(&[("device", "E")], 0, HOUR), &marie(), at(0)).await.unwrap_err();
    assert!(matches!(refused, SilenceBookError::Full { found: 500 }), "{refused}");
    assert!(refused.to_string().starts_with("silences: there are 500, expected at most 500"));
    book.add(terms(&[("device", "E")], HOUR, 2 * HOUR), &marie(), at(HOUR)).await.unwrap();
}

/// Lets every write and removal of a record fail while it is `true`.
#[derive(Debug)]
struct Away(AtomicBool);

#[async_trait]
impl Interpose for Away {
    async fn turn(&self, call: Call) -> Turn {
        let fails = self.0.load(Ordering::Relaxed) && matches!(call, Call::Write | Call::Remove);
        if fails { Turn::FailsBefore(StorageErrorKind::Unavailable) } else { Turn::Done }
    }
}

#[tokio::test]
async fn no_silence_is_in_force_that_the_register_does_not_know_and_a_failed_call_can_be_repeated() {
    let store = Arc::new(MemoryStore::new());
    let records = Arc::new(Interposed::new(store.clone(), Away(AtomicBool::new(true))));
    let book = SilenceBook::new(records.clone(), store.clone());
    let wanted = terms(&[("device", "D1")], 0, HOUR);
    let failed = book.add(wanted.clone(), &marie(), at(0)).await.unwrap_err();
    assert!(matches!(failed, SilenceBookError::Storage(_)), "{failed}");
    assert_eq!(book.list(at(0)).await.unwrap(), []);
    assert_eq!(store.newest(&Name::new("silences").unwrap()).await.unwrap().len(), 1);

    records.turns.0.store(false, Ordering::Relaxed);
    let silence = added(&book, wanted, 0).await;
    assert_eq!(book.list_active(at(0)).await.unwrap(), std::slice::from_ref(&silence));

    records.turns.0.store(true, Ordering::Relaxed);
    book.end(silence.id(), &marie(), remark("done"), at(1)).await.unwrap_err();
    records.turns.0.store(false, Ordering::Relaxed);
    let ended = book.end(silence.id(), &marie(), remark("done"), at(2)).await.unwrap();
    assert_eq!(ended.ended().map(|end| end.at), Some(at(1)));
    assert_eq!(book.list(at(2)).await.unwrap(), []);
}

/// Servers of two versions share the silences, and a register is kept for years.
#[tokio::test]
async fn the_stored_form_of_a_silence_is_kept_for_ever() {
    let (store, book) = book();
    let silence = added(&book, terms(&[("device", "D1")], 0, HOUR), 0).await;
    let ended = book.end(silence.id(), &marie(), remark("done"), at(1)).await.unwrap();
    let golden = format!(
        concat!(
            r#"{{"v":1,"content":{{"id":"{}","matchers":{{"device":"D1"}},"by":"marie","reason":"the lamp is replaced","#,
            r#""from":1794000000000000,"until":1794003600000000,"added":1794000000000000,"#,
            r#""ended":{{"by":"marie","at":1794000001000000,"why":"done"}}}}}}"#,
        ),
        ended.id(),
    );
    let entry = store.newest(&Name::new("silences").unwrap()).await.unwrap().remove(0);
    assert_eq!(entry.body, golden);
}
