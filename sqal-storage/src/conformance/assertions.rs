//! Assertions whose messages are the sentence of the law and the names of samples, never their
//! contents.

use sqal_core::Sample;

use super::full::differences;
use crate::{
    Inserted, SampleStore,
    samples::{DeviceTally, Hourly},
};

/// Inserts a batch that the store must take.
pub(super) async fn insert(store: &dyn SampleStore, batch: &[Sample]) -> Vec<Inserted> {
    let outcomes = store.insert(batch).await;
    outcomes.unwrap_or_else(|error| panic!("the store did not take a batch of {} samples: {error}", batch.len()))
}

/// The name of a sample in a message.
fn called(sample: &Sample) -> String {
    format!("{}/{}", sample.key.device_id, sample.key.name)
}

fn list(samples: &[Sample]) -> String {
    samples.iter().map(called).collect::<Vec<_>>().join(", ")
}

/// Panics unless a batch has these outcomes.
pub(super) async fn assert_outcomes(store: &dyn SampleStore, law: &str, batch: &[Sample], expected: &[Inserted]) {
    let found = insert(store, batch).await;
    let first = expected.iter().zip(&found).position(|(expected, found)| expected != found);
    if let Some(k) = first {
        let (name, expected, found) = (called(&batch[k]), expected[k], found[k]);
        panic!("{law}: sample {k} of the batch ({name}) is {found:?}, expected {expected:?}");
    }
    let (expected, found) = (expected.len(), found.len());
    assert!(expected == found, "law 3: one outcome per sample: {found} outcomes for {expected} samples");
}

/// Panics unless two samples are equal in every field.
fn assert_equal(law: &str, found: &Sample, expected: &Sample) {
    let differences = differences(expected, found);
    assert!(differences.is_empty(), "{law}: {} differs in {}", called(expected), differences.join(", "));
}

/// Panics unless the store has this sample, equal in every field.
pub(super) async fn assert_there(store: &dyn SampleStore, law: &str, expected: &Sample) {
    match store.get(&expected.id()).await {
        Ok(Some(found)) => assert_equal(law, &found, expected),
        Ok(None) => panic!("{law}: {} is not there", called(expected)),
        Err(error) => panic!("{law}: {} cannot be read: {error}", called(expected)),
    }
}

/// Panics if the store has a sample of this id.
pub(super) async fn assert_absent(store: &dyn SampleStore, law: &str, sample: &Sample) {
    let found = store.get(&sample.id()).await.expect("law 6: absent is not an error");
    assert!(found.is_none(), "{law}: {} is there", called(sample));
}

/// Panics unless these samples were listed in this order, each equal in every field.
pub(super) fn assert_listed(law: &str, found: &[Sample], expected: &[Sample]) {
    let same = found.iter().map(|sample| sample.key).eq(expected.iter().map(|sample| sample.key));
    assert!(same, "{law}: expected [{}], found [{}]", list(expected), list(found));
    for (found, expected) in found.iter().zip(expected) {
        assert_equal("law 5: a sample is given back equal in every field", found, expected);
    }
}

/// Panics unless the hours found are the expected ones.
pub(super) fn assert_hours(law: &str, found: &[Hourly], expected: &[Hourly]) {
    let of = |hours: &[Hourly]| {
        let one = |hourly: &Hourly| format!("hour {}: {}", hourly.hour.number(), hourly.tally.samples());
        hours.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    let (found_text, expected_text) = (of(found), of(expected));
    assert!(found_text == expected_text, "{law}: expected samples by hour [{expected_text}], found [{found_text}]");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found == expected, "{law}: hour {} has other grades, sums or ends", expected.hour.number());
    }
}

/// Panics unless the devices found are the expected ones.
pub(super) fn assert_devices(law: &str, found: &[DeviceTally], expected: &[DeviceTally]) {
    let of = |devices: &[DeviceTally]| {
        let one = |device: &DeviceTally| format!("{}: {}", device.device_id, device.tally.samples());
        devices.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    let (found_text, expected_text) = (of(found), of(expected));
    assert!(found_text == expected_text, "{law}: expected samples by device [{expected_text}], found [{found_text}]");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found == expected, "{law}: {} has other grades, sums or ends", expected.device_id);
    }
}
