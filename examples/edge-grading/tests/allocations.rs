//! A whole sample, from two readings to a verdict, allocates nothing, on good trays and bad ones.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use fixtures::scene::{LABELLED, Station};
use sqal_core::grade::GradeScale;
use sqal_fusion::{Inspector, PowerMeanRule};
use sqal_sensors::{HeightReference, SpectralAnalyzer, SpectralProfile, TofAnalyzer, TofProfile};

#[test]
fn a_sample_allocates_nothing() {
    for reference in [TofProfile::example().reference, HeightReference::Rim { floor_below_mm: 0.0, u_mm: 0.5 }] {
        let mut profile = TofProfile::example();
        profile.reference = reference;
        let inspector = Inspector::new(
            TofAnalyzer::new(profile).unwrap(),
            SpectralAnalyzer::new(SpectralProfile::example()).unwrap(),
            PowerMeanRule::default(),
            GradeScale::default(),
        );
        for labelled in LABELLED {
            let reading = Station::new(5).read(labelled.scene, labelled.fault);
            let mut verdict = None;
            let counted = allocation_counter::measure(|| {
                verdict = Some(inspector.inspect(reading.frame.as_ref(), reading.spectrum.as_ref()));
            });
            assert_eq!(counted.count_total, 0, "{}: {verdict:?}", labelled.name);
        }
    }
    // The counter is tested too, because a test that cannot fail proves nothing.
    assert_eq!(allocation_counter::measure(|| drop(std::hint::black_box(Box::new(1)))).count_total, 1);
}
