//! Judged samples of a line of twenty stations, for benches and drills.

use fixtures::scene::Station;
use sqal_core::{Name, ProfileRef, Sample, SampleKey, Timestamp, beside::Beside, grade::GradeScale, sample::Meta};
use sqal_fusion::{Inspector, PowerMeanRule};
use sqal_sensors::{SpectralAnalyzer, SpectralProfile, TofAnalyzer, TofProfile};

/// Samples of twenty stations, judged as the server judges. Their numbers are realistic, so they do
/// not compress better than real ones.
pub(crate) fn samples(count: usize) -> Vec<Sample> {
    let inspector = Inspector::new(
        TofAnalyzer::new(TofProfile::example()).expect("valid"),
        SpectralAnalyzer::new(SpectralProfile::example()).expect("valid"),
        PowerMeanRule::default(),
        GradeScale::default(),
    );
    let mut stations: Vec<_> = (0..20).map(Station::new).collect();
    (0..count)
        .map(|k| {
            let reading = stations[k % 20].next_reading();
            let inspection = inspector.inspect(reading.frame.as_ref(), reading.spectrum.as_ref());
            let micros = 1_794_000_000_000_000 + i64::try_from(k).expect("few") * 50_000;
            let timestamp = Timestamp::from_micros(micros).expect("in range");
            Sample {
                key: SampleKey {
                    device_id: Name::new(&format!("ESP32_{:03}", k % 20)).expect("short"),
                    timestamp,
                    name: Name::new(&format!("SAMPLE-{k:08}")).expect("short"),
                },
                received_at: timestamp,
                tof: reading.frame,
                spectrum: reading.spectrum,
                inspection,
                reported: None,
                meta: Meta {
                    firmware_version: Name::new("2.1.0").ok(),
                    temperature_c: Some(4.5),
                    humidity_percent: Some(81.0),
                },
                profile: ProfileRef { name: Name::new("bench").expect("short"), version: 1, hash: [7; 16] },
                processing_micros: 11,
                beside: Beside::default(),
                purpose: sqal_core::Purpose::Product,
            }
        })
        .collect()
}
