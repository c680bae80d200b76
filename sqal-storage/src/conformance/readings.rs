//! Samples that come again under a known key: another reading of the device, or an equal reading
//! with a new verdict.

use sqal_core::{Defects, Inspection, Name, Sample, Spectrum, Timestamp, TofFrame, Verdict};

/// Readings with the key of a full sample, each different in one thing that a device sends.
pub(super) fn other_readings(full: &Sample) -> Vec<Sample> {
    let changes: [fn(&mut Sample); 8] = [
        |s| {
            let mut reading = *s.tof.as_ref().expect("a full sample").reading();
            reading.distance_mm[63] += 0.25;
            s.tof = TofFrame::new(reading).ok();
        },
        |s| s.tof = None,
        |s| s.spectrum = None,
        |s| {
            let spectrum = s.spectrum.as_ref().expect("a full sample");
            let mut counts = *spectrum.all_counts();
            counts[0] += 1.0;
            let (gain, time) = (spectrum.gain(), spectrum.integration_time());
            s.spectrum = Spectrum::new(counts, gain, time, spectrum.adc_status()).ok();
        },
        |s| s.meta.temperature_c = Some(4.5),
        |s| s.meta.humidity_percent = None,
        |s| s.meta.firmware_version = None,
        |s| s.profile.name = Name::new("another").expect("a short name"),
    ];
    let changed = |change: fn(&mut Sample)| {
        let mut other = full.clone();
        change(&mut other);
        other
    };
    changes.into_iter().map(changed).collect()
}

/// An equal reading as it may come again: received later, and judged by another version of its
/// profile.
pub(super) fn judged_anew(sample: &Sample) -> Sample {
    let mut again = sample.clone();
    again.received_at = Timestamp::from_micros(sample.received_at.micros() + 60_000_000).expect("a time");
    again.inspection = Inspection { tof: None, spectral: None, verdict: Verdict::unmeasured(Defects::new()) };
    (again.profile.version, again.profile.hash) = (sample.profile.version + 1, [9; 16]);
    again.processing_micros += 1;
    again
}
