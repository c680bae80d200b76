//! The laws of [`SampleStore`] as code: each is a function that panics with the broken law and the
//! samples that show it.
//!
//! One macro tests a store: it makes one named test per law. A store that can be opened again gives
//! its place and runs all laws: [`StorePlace`] has an example. A decorator, or a store without a
//! place, gives an empty store and runs all laws but two: acknowledged samples survive (law 1), and
//! a batch that fails has stored nothing (law 4).
//!
//! ```
//! use sqal_storage::{MemoryStore, sample_store_conformance};
//!
//! sample_store_conformance!(async { MemoryStore::new() });
//! # fn main() {}
//! ```
//!
//! The tests bring their own runtime ([`run`]): the crate that is tested needs no `tokio`.

mod assertions;
pub mod blobs;
pub mod bugs;
#[cfg(feature = "cache")]
pub mod cache;
pub mod custody;
pub mod fields;
mod full;
mod interposed;
mod place;
pub mod queue;
mod readings;
pub mod records;
pub mod register;
pub mod relay;

use std::cmp::Reverse;
use std::num::NonZeroU16;
use std::sync::Arc;

use sqal_core::{
    Defects, DeviceId, Grade, Inspection, Measured, Name, ProfileRef, Purpose, Sample, SampleId, SampleKey, Score,
    Timestamp, Verdict, beside::Beside, sample::Meta,
};

use crate::{
    Inserted, SampleQuery, SampleStore,
    samples::{DeviceTally, Hour, Hourly, HourlyQuery},
};
use assertions::{assert_devices, assert_hours, assert_listed, assert_outcomes, assert_there, insert};
use readings::{judged_anew, other_readings};

pub use full::full_sample;
pub use interposed::{Call, Interpose, Interposed, Turn};
pub use place::{
    Fault, StorePlace, a_batch_that_fails_has_stored_nothing,
    the_first_of_several_tasks_is_there_when_the_store_is_opened_again,
    what_was_acknowledged_is_there_when_the_store_is_opened_again,
};

/// Runs a law to its end, on a runtime of its own with two threads.
///
/// # Panics
///
/// If the law is broken, or no runtime can be made.
pub fn run<T>(law: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime for the law").block_on(law)
}

/// A sample with the given key and nothing measured; `humidity` tells two samples with one key
/// apart.
///
/// # Panics
///
/// If a name is empty or too long, or the time is out of range.
#[must_use]
pub fn sample(device: &str, micros: i64, sample_id: &str, humidity: f32) -> Sample {
    let timestamp = Timestamp::from_micros(micros).expect("a time between the years 0 and 9999");
    let key = SampleKey {
        device_id: Name::new(device).expect("a short name"),
        timestamp,
        name: Name::new(sample_id).expect("a short name"),
    };
    Sample {
        key,
        received_at: timestamp,
        tof: None,
        spectrum: None,
        inspection: Inspection { tof: None, spectral: None, verdict: Verdict::unmeasured(Defects::new()) },
        reported: None,
        meta: Meta { firmware_version: None, temperature_c: None, humidity_percent: Some(humidity) },
        profile: ProfileRef { name: Name::new("conformance").expect("a short name"), version: 1, hash: [7; 16] },
        processing_micros: 12,
        beside: Beside::new(r#"{"reported":{"vl53l8ch":{"grade":"A"}}}"#),
        purpose: Purpose::Product,
    }
}

/// A sample with the given key and score, and with the grade and confidence of that score.
///
/// # Panics
///
/// If a name is empty or too long, the time is out of range, or the score is not between 0 and 1.
#[must_use]
pub fn scored(device: &str, micros: i64, sample_id: &str, score: f64) -> Sample {
    let mut sample = sample(device, micros, sample_id, 50.0);
    let verdict = &mut sample.inspection.verdict;
    verdict.score = Some(Measured::new(score, 0.02).expect("a score and its uncertainty"));
    verdict.confidence = Score::new(score).expect("a score");
    verdict.grade = Grade::ALL.into_iter().find(|g| f64::from(*g as u8) * 0.2 <= score).unwrap_or(Grade::Reject);
    sample
}

fn of_a_reference(sample: Sample) -> Sample {
    Sample { purpose: Purpose::Calibration, ..sample }
}

fn at_most(limit: u16) -> NonZeroU16 {
    NonZeroU16::new(limit).expect("not zero")
}

async fn pages(store: &dyn SampleStore, device_id: Option<DeviceId>, limit: u16) -> Vec<Sample> {
    let mut query = SampleQuery { device_id, after: None, limit: at_most(limit) };
    let mut all = Vec::new();
    loop {
        let page = store.query(&query).await.expect("the store answers");
        assert!(page.items.len() <= usize::from(limit), "law 8: a page holds more samples than its limit of {limit}");
        all.extend(page.items);
        match page.next {
            Some(next) => query.after = Some(next),
            None => return all,
        }
        assert!(all.len() < 10_000, "law 8: pages cover everything once: they never end");
    }
}

async fn hours_of(store: &dyn SampleStore, query: &HourlyQuery) -> Vec<Hourly> {
    store.hourly(query).await.expect("the store answers")
}

/// Samples in the order of law 7.
fn newest_first(samples: &[Sample]) -> Vec<Sample> {
    let mut sorted = samples.to_vec();
    sorted.sort_by_key(|sample| Reverse((sample.key.timestamp, sample.id())));
    sorted
}

/// Law 5: `get` and `query` return what was inserted, equal in every field, for a sample with every
/// part and for a sample with none.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn an_inserted_sample_is_got_back_equal(store: &dyn SampleStore) {
    const LAW: &str = "law 5: get returns what was inserted, equal in every field";
    let mut batch = vec![
        full_sample("a", 2_000_000, "full"),
        sample("a", 1_000_000, "bare", 1.5),
        // Each part alone: a store may not need one part to keep the other.
        full_sample("a", 3_000_000, "tof"),
        full_sample("a", 4_000_000, "spectrum"),
    ];
    (batch[2].spectrum, batch[2].inspection.spectral) = (None, None);
    (batch[3].tof, batch[3].inspection.tof) = (None, None);
    assert_outcomes(store, LAW, &batch, &[Inserted::Stored; 4]).await;
    for expected in &batch {
        assert_there(store, LAW, expected).await;
    }
    assert_listed("law 7: newest first", &pages(store, None, 10).await, &newest_first(&batch));
}

/// Law 2: an equal reading is a duplicate, whatever a server concluded from it, and what was stored
/// first stays.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn inserting_again_is_a_duplicate_and_overwrites_nothing(store: &dyn SampleStore) {
    const LAW: &str = "law 2: the same reading again is a duplicate, and what was stored first stays";
    let first = full_sample("a", 1_000_000, "one");
    assert_outcomes(store, LAW, std::slice::from_ref(&first), &[Inserted::Stored]).await;
    let agains = vec![first.clone(), judged_anew(&first)];
    for again in &agains {
        assert_outcomes(store, LAW, std::slice::from_ref(again), &[Inserted::Duplicate]).await;
        assert_there(store, LAW, &first).await;
    }
    // In one batch with the first, and in a large one.
    let second = full_sample("a", 2_000_000, "two");
    let both = vec![second.clone(), judged_anew(&second)];
    assert_outcomes(store, LAW, &both, &[Inserted::Stored, Inserted::Duplicate]).await;
    let mut batch: Vec<_> = (0..130).map(|k| sample("b", 1_000_000 + k, &format!("{k}"), 0.0)).collect();
    batch[77] = judged_anew(&second);
    let mut expected = vec![Inserted::Stored; 130];
    expected[77] = Inserted::Duplicate;
    assert_outcomes(store, LAW, &batch, &expected).await;
    assert_there(store, LAW, &second).await;
}

/// Law 2: another reading with a known id is a conflict, whichever part of the reading differs, and
/// what was stored first stays.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn another_reading_with_a_known_id_is_a_conflict(store: &dyn SampleStore) {
    const LAW: &str = "law 2: another reading with a known id is a conflict, and what was stored first stays";
    let first = full_sample("a", 5 * HOUR, "one");
    assert_outcomes(store, LAW, std::slice::from_ref(&first), &[Inserted::Stored]).await;
    let others = other_readings(&first);
    for other in &others {
        assert_outcomes(store, LAW, std::slice::from_ref(other), &[Inserted::Conflict]).await;
        assert_there(store, LAW, &first).await;
    }
    // Within one batch the first is first.
    let second = full_sample("a", 6 * HOUR, "two");
    let another = other_readings(&second).swap_remove(0);
    let batch = vec![others[0].clone(), second.clone(), another.clone(), second.clone(), another, first.clone()];
    let expected = [
        Inserted::Conflict,
        Inserted::Stored,
        Inserted::Conflict,
        Inserted::Duplicate,
        Inserted::Conflict,
        Inserted::Duplicate,
    ];
    assert_outcomes(store, LAW, &batch, &expected).await;
    assert_there(store, LAW, &second).await;
    // A large batch in which all samples but two are new: one key is known to the store, the other
    // occurs twice in the batch.
    let mut batch: Vec<_> = (0..130).map(|k| sample("b", 7 * HOUR + k, &format!("{k}"), 0.0)).collect();
    let mut expected = vec![Inserted::Stored; 130];
    (batch[40], expected[40]) = (others[0].clone(), Inserted::Conflict);
    (batch[90], expected[90]) = (sample("b", 7 * HOUR + 3, "3", 1.0), Inserted::Conflict);
    assert_outcomes(store, LAW, &batch, &expected).await;
    assert_there(store, LAW, &first).await;
    assert_there(store, LAW, &batch[3]).await;
    let counted = batch.iter().zip(&expected).filter(|(_, outcome)| **outcome == Inserted::Stored);
    let counted = counted.map(|(sample, _)| sample).chain([&first, &second]);
    let law = "law 10: hours count conflicts not at all";
    assert_hours(law, &hours_of(store, &hours(0, 10)).await, &Hourly::of(counted));
}

/// Law 2: if several tasks insert one id at once, one stores it and the others get `Duplicate` or
/// `Conflict`; what the first stored stays.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn of_tasks_that_insert_one_id_at_once_one_is_first<S: SampleStore>(store: &Arc<S>) {
    let law = "law 2: of several tasks that insert one id at once, one is first";
    let stored = first_of_tasks(store, law).await;
    assert_hours(law, &hours_of(store, &hours(0, 10)).await, &Hourly::of(&stored));
}

/// Lets several tasks insert one id at once, for 30 ids, and returns the samples that were reported
/// as stored.
async fn first_of_tasks<S: SampleStore>(store: &Arc<S>, law: &str) -> Vec<Sample> {
    let mut stored = Vec::new();
    for round in 0..30_i64 {
        // Every second task brings another reading.
        let readings: Vec<_> =
            (0..4_u8).map(|k| sample("a", 5 * HOUR + round, &format!("{round}"), f32::from(k % 2))).collect();
        let insert = |reading: Sample| {
            let store = Arc::clone(store);
            tokio::spawn(async move { store.insert(&[reading]).await })
        };
        let tasks: Vec<_> = readings.iter().cloned().map(insert).collect();
        let mut outcomes = Vec::new();
        for task in tasks {
            let outcome = task.await.expect("the store does not panic").expect("the store takes the sample");
            outcomes.extend(outcome);
        }
        let firsts = outcomes.iter().filter(|outcome| **outcome == Inserted::Stored).count();
        assert!(firsts == 1, "{law}: {firsts} of 4 tasks were told that theirs is stored");
        let first = outcomes.iter().position(|outcome| *outcome == Inserted::Stored).unwrap_or_default();
        for (k, outcome) in outcomes.into_iter().enumerate().filter(|(k, _)| *k != first) {
            let expected = if k % 2 == first % 2 { Inserted::Duplicate } else { Inserted::Conflict };
            assert!(outcome == expected, "{law}: task {k} was told {outcome:?}, expected {expected:?}");
        }
        assert_there(store, law, &readings[first]).await;
        stored.push(readings[first].clone());
    }
    stored
}

/// Law 3: one outcome per sample, in order, also for a batch that repeats itself or is empty.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn a_batch_has_one_outcome_per_sample_in_order(store: &dyn SampleStore) {
    const LAW: &str = "law 3: one outcome per sample, in order";
    assert_outcomes(store, LAW, &[], &[]).await;
    let new = sample("a", 1_000_000, "new", 0.0);
    let batch = vec![new.clone(), sample("a", 2_000_000, "known", 0.0), new];
    insert(store, &batch[1..2]).await;
    assert_outcomes(store, LAW, &batch, &[Inserted::Stored, Inserted::Duplicate, Inserted::Duplicate]).await;
}

/// Law 6: an unknown id is absent, not an error.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn an_unknown_id_is_absent(store: &dyn SampleStore) {
    let found = store.get(&SampleId::from_bytes([9; 16])).await;
    let absent = found.is_ok_and(|found| found.is_none());
    assert!(absent, "law 6: get of an unknown id is Ok(None)");
}

/// Law 2: device, time and name together are the identity; each of them tells samples apart.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn device_time_and_name_tell_samples_apart(store: &dyn SampleStore) {
    const LAW: &str = "law 2: device, time and name are the identity";
    let batch = vec![
        sample("a", 1_000_000, "one", 0.0),
        sample("b", 1_000_000, "one", 0.0),
        sample("a", 1_000_001, "one", 0.0),
        sample("a", 1_000_000, "two", 0.0),
    ];
    assert_outcomes(store, LAW, &batch, &[Inserted::Stored; 4]).await;
    assert_listed(LAW, &pages(store, None, 10).await, &newest_first(&batch));
}

/// Law 7: newest first, by timestamp and then by id.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn a_query_returns_the_newest_first(store: &dyn SampleStore) {
    // Inserted out of order, two of them at one instant, one before 1970.
    let times = [3_000_000, 1_000_000, -5, 2_000_000, 2_000_000];
    let batch: Vec<_> = times.iter().enumerate().map(|(k, t)| sample("a", *t, &format!("{k}"), 0.0)).collect();
    insert(store, &batch).await;
    let law = "law 7: newest first, by timestamp and then by id, both descending";
    assert_listed(law, &pages(store, None, 10).await, &newest_first(&batch));
}

/// Law 8: following the pages visits every sample once, whatever is inserted meanwhile.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn pages_cover_everything_once(store: &dyn SampleStore) {
    const LAW: &str = "law 8: pages cover everything once";
    let batch: Vec<_> = (0..23).map(|k| sample("a", 1_000_000 + k / 3, &format!("{k}"), 0.0)).collect();
    insert(store, &batch).await;
    let expected = newest_first(&batch);
    for limit in [1, 2, 5, 22, 23, 24] {
        assert_listed(&format!("{LAW}, of {limit}"), &pages(store, None, limit).await, &expected);
    }
    let first = store.query(&SampleQuery::newest(at_most(10))).await.expect("the store answers");
    insert(store, &[sample("a", 9_000_000, "newer", 0.0)]).await;
    let rest = SampleQuery { after: first.next, ..SampleQuery::newest(at_most(100)) };
    let rest = store.query(&rest).await.expect("the store answers").items;
    assert_listed(&format!("{LAW}, also when a newer sample comes"), &rest, &expected[10..]);
}

/// Law 9: a query for a device returns that device's samples and no others.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn a_query_for_a_device_returns_only_that_device(store: &dyn SampleStore) {
    const LAW: &str = "law 9: a query for a device returns that device's samples and no others";
    let batch: Vec<_> = (0..9).map(|k| sample(["a", "b", "ab"][k % 3], 1_000_000, &format!("{k}"), 0.0)).collect();
    insert(store, &batch).await;
    let device: DeviceId = Name::new("a").expect("a short name");
    let ours: Vec<_> = batch.iter().filter(|sample| sample.key.device_id == device).cloned().collect();
    assert_listed(LAW, &pages(store, Some(device), 2).await, &newest_first(&ours));
    let unknown = Name::new("nobody").expect("a short name");
    assert_listed(LAW, &pages(store, Some(unknown), 2).await, &[]);
}

const HOUR: i64 = 3_600_000_000;

fn hours(from: i64, until: i64) -> HourlyQuery {
    let hour = |h: i64| Hour::of(Timestamp::from_micros(h * HOUR).expect("a time"));
    HourlyQuery::new(hour(from), hour(until)).expect("a short span")
}

/// Law 10: hours and devices add up, whatever comes in several batches, out of order, on their
/// edges, before 1970 or without a score.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn hours_add_up(store: &dyn SampleStore) {
    const LAW: &str = "law 10: hours and devices add up";
    let batch = vec![
        scored("a", 5 * HOUR, "first of its hour", 0.91),
        scored("b", 5 * HOUR + 1, "b", 0.123_456_789_012),
        scored("a", 6 * HOUR - 1, "last of its hour", 0.42),
        sample("a", 5 * HOUR + 7, "without a score", 1.0),
        scored("a", 3 * HOUR, "before", 0.7),
        scored("a", 9 * HOUR, "after", 0.7),
        scored("a", -1, "before 1970", 1.0),
        scored("b", -1, "another before 1970", 0.0),
        scored("b", 5 * HOUR + 2, "of no worth", 1e-200),
        // Half a billionth is rounded to even, by every engine.
        scored("b", 5 * HOUR + 3, "tie", 0.031_25),
        // Readings of references: they are stored and count in no other figure. One of them is
        // alone in its hour.
        of_a_reference(scored("a", 5 * HOUR + 9, "empty tray", 0.125)),
        of_a_reference(scored("b", 4 * HOUR, "white tile", 0.875)),
    ];
    insert(store, &batch[..3]).await;
    insert(store, &batch[3..]).await;
    let all: Vec<_> = batch.iter().collect();
    // The end is not part of a span, the beginning is part of it.
    let within = [&all[..5], &all[8..]].concat();
    let device: DeviceId = Name::new("a").expect("a short name");
    let of_a: Vec<_> = all.iter().copied().filter(|s| s.key.device_id == device).collect();
    for (query, expected) in [
        (hours(-1, 10), all),
        (hours(3, 9), within),
        (hours(6, 9), Vec::new()),
        (hours(-1, 10).of_device(device), of_a),
    ] {
        assert_hours(LAW, &hours_of(store, &query).await, &Hourly::of(expected.iter().copied()));
        let devices = store.by_device(&query).await.expect("the store answers");
        assert_devices(LAW, &devices, &DeviceTally::of(expected));
    }
}

/// Law 10: a sample that is inserted twice is counted once.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn hours_count_no_duplicate(store: &dyn SampleStore) {
    let one = scored("a", 5 * HOUR, "one", 0.5);
    let two = scored("a", 5 * HOUR, "two", 0.25);
    insert(store, &[one.clone(), one.clone()]).await;
    insert(store, &[two.clone(), one.clone()]).await;
    let law = "law 10: hours count duplicates not at all";
    assert_hours(law, &hours_of(store, &hours(5, 6)).await, &Hourly::of([&one, &two]));
}

/// A working store answers its ping.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn a_ping_is_answered(store: &dyn SampleStore) {
    store.ping().await.expect("a store that works answers");
}

/// One named test per law for a store: give `place:` and an async expression that makes a new
/// [`StorePlace`], or, for a store that cannot be opened again, an async expression that makes an
/// empty store.
#[macro_export]
macro_rules! sample_store_conformance {
    (place: $place:expr) => {
        $crate::sample_store_conformance! { @each async {
            let place = $place.await;
            let store = $crate::conformance::StorePlace::open(&place).await;
            (place, store)
        } }
        $crate::sample_store_conformance! { @place $place;
            what_was_acknowledged_is_there_when_the_store_is_opened_again
            the_first_of_several_tasks_is_there_when_the_store_is_opened_again
            a_batch_that_fails_has_stored_nothing
        }
    };
    ($make:expr) => {
        $crate::sample_store_conformance! { @each async { ((), $make.await) } }
    };
    (@each $make:expr) => {
        $crate::sample_store_conformance! { @store $make;
            an_inserted_sample_is_got_back_equal
            inserting_again_is_a_duplicate_and_overwrites_nothing
            another_reading_with_a_known_id_is_a_conflict
            of_tasks_that_insert_one_id_at_once_one_is_first
            a_batch_has_one_outcome_per_sample_in_order
            an_unknown_id_is_absent
            device_time_and_name_tell_samples_apart
            a_query_returns_the_newest_first
            pages_cover_everything_once
            a_query_for_a_device_returns_only_that_device
            hours_add_up
            hours_count_no_duplicate
            a_ping_is_answered
        }
    };
    (@store $make:expr; $($law:ident)*) => {
        $(
            #[test]
            fn $law() {
                $crate::conformance::run(async {
                    // The store is dropped before its place.
                    let (_place, store) = $make.await;
                    let store = ::std::sync::Arc::new(store);
                    $crate::conformance::$law(&store).await;
                });
            }
        )*
    };
    (@place $place:expr; $($law:ident)*) => {
        $(
            #[test]
            fn $law() {
                $crate::conformance::run(async {
                    let place = $place.await;
                    $crate::conformance::$law(&place).await;
                });
            }
        )*
    };
}
