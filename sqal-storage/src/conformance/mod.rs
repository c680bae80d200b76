//! The laws of [`SampleStore`] as code: each is a function on an empty store that panics with the sentence that broke.
//!
//! A store proves itself with one macro, which makes one named test per law:
//!
//! ```
//! use sqal_storage::{MemoryStore, sample_store_conformance};
//!
//! sample_store_conformance!(async { MemoryStore::new() });
//! # fn main() {}
//! ```

#[cfg(feature = "cache")]
pub mod cache;
pub mod custody;
pub mod fields;
pub mod register;

use std::num::NonZeroU16;

use sqal_core::{
    Beside, Defects, DeviceId, Grade, Inspection, Measured, Meta, Name, ProfileRef, Sample, SampleId, SampleKey, Score,
    Timestamp, Verdict,
};

use crate::{DeviceTally, Hour, Hourly, HourlyQuery, Inserted, SampleQuery, SampleStore, Tally};

/// A sample with the given key and nothing measured; `humidity` tells two samples with one key apart.
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
        sample_id: Name::new(sample_id).expect("a short name"),
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
    }
}

/// The same with a score, and the grade and confidence that go with it.
///
/// # Panics
///
/// As [`sample`], or if the score is not between 0 and 1.
#[must_use]
pub fn scored(device: &str, micros: i64, sample_id: &str, score: f64) -> Sample {
    let mut sample = sample(device, micros, sample_id, 50.0);
    let verdict = &mut sample.inspection.verdict;
    verdict.score = Some(Measured::new(score, 0.02).expect("a score and its uncertainty"));
    verdict.confidence = Score::new(score).expect("a score");
    verdict.grade = Grade::ALL.into_iter().find(|g| f64::from(*g as u8) * 0.2 <= score).unwrap_or(Grade::Reject);
    sample
}

fn at_most(limit: u16) -> NonZeroU16 {
    NonZeroU16::new(limit).expect("not zero")
}

async fn insert(store: &dyn SampleStore, batch: &[Sample]) -> Vec<Inserted> {
    store.insert(batch).await.expect("the store takes the batch")
}

async fn pages(store: &dyn SampleStore, device_id: Option<DeviceId>, limit: u16) -> Vec<Sample> {
    let mut query = SampleQuery { device_id, after: None, limit: at_most(limit) };
    let mut all = Vec::new();
    loop {
        let page = store.query(&query).await.expect("the store answers");
        assert!(page.items.len() <= usize::from(limit), "a page holds more than was asked for");
        all.extend(page.items);
        match page.next {
            Some(next) => query.after = Some(next),
            None => return all,
        }
        assert!(all.len() < 10_000, "the pages never end");
    }
}

/// Law 5: `get` returns what was inserted, equal in every field.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn an_inserted_sample_is_got_back_equal(store: &dyn SampleStore) {
    let one = sample("a", 1_000_000, "one", 1.5);
    assert_eq!(insert(store, std::slice::from_ref(&one)).await, [Inserted::Stored]);
    assert_eq!(store.get(&one.id()).await.expect("the store answers"), Some(one));
}

/// Law 2: a known id is a duplicate, and what was stored first stays.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn inserting_again_is_a_duplicate_and_overwrites_nothing(store: &dyn SampleStore) {
    let first = sample("a", 1_000_000, "one", 1.0);
    let again = sample("a", 1_000_000, "one", 2.0);
    assert_eq!(insert(store, std::slice::from_ref(&first)).await, [Inserted::Stored]);
    assert_eq!(insert(store, &[again]).await, [Inserted::Duplicate]);
    assert_eq!(store.get(&first.id()).await.expect("the store answers"), Some(first));
}

/// Law 3: one outcome per sample, in order, also for a batch that repeats itself or is empty.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn a_batch_has_one_outcome_per_sample_in_order(store: &dyn SampleStore) {
    assert_eq!(insert(store, &[]).await, []);
    let known = sample("a", 2_000_000, "known", 0.0);
    insert(store, std::slice::from_ref(&known)).await;
    let new = sample("a", 1_000_000, "new", 0.0);
    let batch = vec![new.clone(), known, new];
    let outcomes = insert(store, &batch).await;
    assert_eq!(outcomes, [Inserted::Stored, Inserted::Duplicate, Inserted::Duplicate]);
}

/// Law 6: an unknown id is absent, not an error.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn an_unknown_id_is_absent(store: &dyn SampleStore) {
    assert_eq!(store.get(&SampleId::from_bytes([9; 16])).await.expect("absent is not an error"), None);
}

/// Law 2: device, time and name together are the identity; each of them tells samples apart.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn device_time_and_name_tell_samples_apart(store: &dyn SampleStore) {
    let batch = vec![
        sample("a", 1_000_000, "one", 0.0),
        sample("b", 1_000_000, "one", 0.0),
        sample("a", 1_000_001, "one", 0.0),
        sample("a", 1_000_000, "two", 0.0),
    ];
    assert_eq!(insert(store, &batch).await, [Inserted::Stored; 4]);
    assert_eq!(pages(store, None, 10).await.len(), 4);
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
    let mut expected = batch;
    expected.sort_by_key(|s| std::cmp::Reverse((s.key.timestamp, s.id())));
    assert_eq!(pages(store, None, 10).await, expected);
}

/// Law 8: following the pages visits every sample once, whatever is inserted meanwhile.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn pages_cover_everything_once(store: &dyn SampleStore) {
    let batch: Vec<_> = (0..23).map(|k| sample("a", 1_000_000 + k / 3, &format!("{k}"), 0.0)).collect();
    insert(store, &batch).await;
    for limit in [1, 2, 5, 22, 23, 24] {
        let seen = pages(store, None, limit).await;
        assert_eq!(seen.len(), 23, "pages of {limit}");
        assert!(seen.windows(2).all(|pair| pair[0].id() != pair[1].id()), "pages of {limit} repeat a sample");
    }
    let first = store.query(&SampleQuery::newest(at_most(10))).await.expect("the store answers");
    insert(store, &[sample("a", 9_000_000, "newer", 0.0)]).await;
    let rest = SampleQuery { after: first.next, ..SampleQuery::newest(at_most(100)) };
    assert_eq!(store.query(&rest).await.expect("the store answers").items.len(), 13, "a newer sample shifted the page");
}

/// Law 9: a query for a device returns that device's samples and no others.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn a_query_for_a_device_returns_only_that_device(store: &dyn SampleStore) {
    let batch: Vec<_> = (0..9).map(|k| sample(["a", "b", "ab"][k % 3], 1_000_000, &format!("{k}"), 0.0)).collect();
    insert(store, &batch).await;
    let device: DeviceId = Name::new("a").expect("a short name");
    let seen = pages(store, Some(device), 2).await;
    assert!(seen.len() == 3 && seen.iter().all(|s| s.key.device_id == device), "{seen:?}");
    let unknown = Name::new("nobody").expect("a short name");
    assert_eq!(pages(store, Some(unknown), 2).await, []);
}

const HOUR: i64 = 3_600_000_000;

/// What the model of an hour says: the tallies of the samples, added up.
fn expected(samples: &[&Sample]) -> Vec<Hourly> {
    let mut hours: Vec<Hourly> = Vec::new();
    let mut sorted = samples.to_vec();
    sorted.sort_by_key(|sample| sample.key.timestamp);
    for sample in sorted {
        let (hour, tally) = (Hour::of(sample.key.timestamp), Tally::of(sample));
        match hours.last_mut().filter(|last| last.hour == hour) {
            Some(last) => last.tally = last.tally.and(&tally),
            None => hours.push(Hourly { hour, tally }),
        }
    }
    hours
}

fn hours(from: i64, until: i64) -> HourlyQuery {
    let hour = |h: i64| Hour::of(Timestamp::from_micros(h * HOUR).expect("a time"));
    HourlyQuery::new(hour(from), hour(until)).expect("a short span")
}

/// Law 10: hours and devices add up, whatever comes in several batches, out of order, on their edges, before 1970 or without a score.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn hours_add_up(store: &dyn SampleStore) {
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
        // Half a billionth is rounded to the even one, by every engine.
        scored("b", 5 * HOUR + 3, "tie", 0.031_25),
    ];
    insert(store, &batch[..3]).await;
    insert(store, &batch[3..]).await;
    let all: Vec<_> = batch.iter().collect();
    assert_eq!(store.hourly(&hours(-1, 10)).await.expect("the store answers"), expected(&all));
    // The end is not part of a span, the beginning is.
    assert_eq!(
        store.hourly(&hours(3, 9)).await.expect("the store answers"),
        expected(&[&all[..5], &all[8..]].concat())
    );
    assert_eq!(store.hourly(&hours(6, 9)).await.expect("the store answers"), []);
    let devices = async |query: HourlyQuery| store.by_device(&query).await.expect("the store answers");
    assert_eq!(devices(hours(-1, 10)).await, DeviceTally::of(all.iter().copied()));
    assert_eq!(devices(hours(3, 9)).await, DeviceTally::of([&all[..5], &all[8..]].concat()));
    assert_eq!(devices(hours(6, 9)).await, []);
    let device: DeviceId = Name::new("a").expect("a short name");
    let of_a: Vec<_> = all.iter().copied().filter(|s| s.key.device_id == device).collect();
    assert_eq!(store.hourly(&hours(-1, 10).of_device(device)).await.expect("the store answers"), expected(&of_a));
    assert_eq!(devices(hours(-1, 10).of_device(device)).await, DeviceTally::of(of_a));
}

/// Law 10: what comes twice is counted once.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn hours_count_no_duplicate(store: &dyn SampleStore) {
    let one = scored("a", 5 * HOUR, "one", 0.5);
    let two = scored("a", 5 * HOUR, "two", 0.25);
    insert(store, &[one.clone(), one.clone()]).await;
    insert(store, &[two.clone(), one.clone()]).await;
    assert_eq!(store.hourly(&hours(5, 6)).await.expect("the store answers"), expected(&[&one, &two]));
}

/// A store that works answers its ping.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn a_ping_is_answered(store: &dyn SampleStore) {
    store.ping().await.expect("a store that works answers");
}

/// One named test per law for a store: give an async expression that makes an empty one.
#[macro_export]
macro_rules! sample_store_conformance {
    ($make:expr) => {
        $crate::sample_store_conformance! { @each $make;
            an_inserted_sample_is_got_back_equal
            inserting_again_is_a_duplicate_and_overwrites_nothing
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
    (@each $make:expr; $($law:ident)*) => {
        $(
            #[tokio::test]
            async fn $law() {
                let store = $make.await;
                $crate::conformance::$law(&store).await;
            }
        )*
    };
}
