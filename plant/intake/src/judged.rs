//! [`count_judged`]: how late the verdicts of products are, and how many products have no color.

use sqal_core::{Purpose, Sample, Timestamp};
use sqal_grading::{Profile, Profiles};

/// The age of a reading at its receipt from which its device has kept it for a while, or has a
/// wrong clock. How soon it is judged then says nothing about the server.
const KEPT: f64 = 10.0;

/// Counts a sample whose verdict was stored at `now`, if it is a product.
///
/// Readings that their device has kept are in no age: after an outage of the network, thousands of
/// them come at once.
///
/// A product without a color is counted only if its profile has a color map and its spectral sensor
/// counts: a plant without that sensor, or without a map, has no colors to lose.
pub(crate) fn count_judged(sample: &Sample, profiles: &Profiles, now: Timestamp) {
    if sample.purpose != Purpose::Product {
        return;
    }
    if age_seconds(sample.key.timestamp, sample.received_at) <= KEPT {
        metrics::histogram!("sample_judged_age_seconds").record(age_seconds(sample.key.timestamp, now));
    }
    metrics::counter!("samples_judged_total").increment(1);
    if profiles.get(&sample.profile.name).is_some_and(|(_, profile)| lacks_color(sample, profile)) {
        metrics::counter!("samples_without_color_total").increment(1);
    }
}

/// The time since a measurement in seconds; 0 if the clock of its device is ahead.
#[expect(clippy::cast_precision_loss, reason = "a microsecond in three hundred years is no loss")]
fn age_seconds(measured: Timestamp, now: Timestamp) -> f64 {
    now.micros().saturating_sub(measured.micros()).max(0) as f64 / 1e6
}

/// Whether a color was to be found by this profile, and was not.
fn lacks_color(sample: &Sample, profile: &Profile) -> bool {
    let has_color = sample.inspection.spectral.as_ref().is_some_and(|found| found.findings.color.is_some());
    // A sensor of weight 0 is never missed.
    let is_missed = sample.inspection.verdict.unseen.sensors.get() > 0.0;
    !has_color && profile.spectral.color.is_some() && (sample.spectrum.is_some() || is_missed)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
    use proptest::prelude::*;
    use sqal_resilience::ManualClock;

    use super::*;
    use crate::{FrameLimits, Intake};

    /// When the documented frame was measured.
    const MEASURED: i64 = 1_729_983_600_000_000;

    const PROFILE: &str = "foiegras_standard_barquette";

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros).unwrap()
    }

    fn profiles(profile: Profile) -> Profiles {
        Profiles::new([(PROFILE.parse().unwrap(), profile)]).unwrap()
    }

    /// The sample of a frame, judged by a profile.
    fn sample(profile: &Profile, frame: &str) -> Sample {
        let (now, clock) = (Arc::new(|| at(MEASURED)), Arc::new(ManualClock::new()));
        Intake::new(profiles(profile.clone()), FrameLimits::default(), now, clock).accept(frame).unwrap()
    }

    /// The documented frame without the reading of a sensor.
    fn without(sensor: &str) -> String {
        let mut frame: serde_json::Value = serde_json::from_str(fixtures::DOCUMENTED_FRAME).unwrap();
        assert!(frame.as_object_mut().unwrap().remove(sensor).is_some());
        frame.to_string()
    }

    /// The counters, and the values of the histogram.
    fn counted(snapshotter: &Snapshotter) -> (u64, u64, Vec<f64>) {
        let (mut judged, mut colorless, mut ages) = (0, 0, Vec::new());
        for (key, _, _, value) in snapshotter.snapshot().into_vec() {
            match (key.key().name(), value) {
                ("samples_judged_total", DebugValue::Counter(count)) => judged = count,
                ("samples_without_color_total", DebugValue::Counter(count)) => colorless = count,
                ("sample_judged_age_seconds", DebugValue::Histogram(values)) => {
                    ages = values.into_iter().map(|value| value.0).collect();
                }
                other => panic!("{other:?}"),
            }
        }
        (judged, colorless, ages)
    }

    /// What is counted of a sample that is stored two seconds after its measurement.
    fn count(sample: &Sample, profile: &Profile) -> (u64, u64, Vec<f64>) {
        let recorder = DebuggingRecorder::new();
        let profiles = profiles(profile.clone());
        metrics::with_local_recorder(&recorder, || count_judged(sample, &profiles, at(MEASURED + 2_000_000)));
        counted(&recorder.snapshotter())
    }

    #[test]
    fn a_product_is_counted_with_its_age_and_a_reference_is_not() {
        let profile = Profile::example();
        let mut sample = sample(&profile, fixtures::DOCUMENTED_FRAME);
        assert_eq!(count(&sample, &profile), (1, 0, vec![2.0]));
        sample.purpose = Purpose::Calibration;
        assert_eq!(count(&sample, &profile), (0, 0, vec![]));
    }

    #[test]
    fn a_product_lacks_its_color_if_its_profile_asks_for_one() {
        let example = Profile::example();
        let mut without_map = Profile::example();
        (without_map.spectral.color, without_map.spectral.color_target) = (None, None);
        without_map.spectral.lightness = None;
        without_map.spectral.weights.color = 0.0;
        without_map.spectral.weights.fat = 0.0;
        let mut by_shape = Profile::example();
        by_shape.weights = serde_json::from_str(r#"{"tof":1.0,"spectral":0.0}"#).unwrap();
        let blind = without("as7341");
        for (profile, frame, colorless) in [
            (&example, fixtures::DOCUMENTED_FRAME, 0),
            (&example, blind.as_str(), 1),
            (&without_map, fixtures::DOCUMENTED_FRAME, 0),
            (&without_map, blind.as_str(), 0),
            (&by_shape, blind.as_str(), 0),
        ] {
            let sample = sample(profile, frame);
            assert_eq!(count(&sample, profile), (1, colorless, vec![2.0]), "{:?}", profile.weights);
        }
    }

    proptest! {
        #[test]
        fn an_age_is_never_negative_and_is_that_of_both_times(measured in 0..4_000_000_000_000_000_i64, late: i32) {
            let age = age_seconds(at(measured), at((measured + i64::from(late)).max(0)));
            let passed = i32::try_from((measured + i64::from(late)).max(0) - measured).unwrap_or(i32::MIN).max(0);
            prop_assert!(age >= 0.0);
            prop_assert!(age.mul_add(1e6, -f64::from(passed)).abs() < 1e-3, "{} s of {} microseconds", age, passed);
        }
    }
}
