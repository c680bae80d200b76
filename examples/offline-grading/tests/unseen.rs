//! A larger unseen part never gives a better result, through both analyses and the fusion.
//!
//! The laws hold for the removal of any zones, bands and instruments.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use fixtures::scene::{Fault, Scene, Station};
use proptest::prelude::*;
use sqal_core::{
    Channel, Grade, Grid, Inspection, Score, Spectrum, TofFrame,
    grade::GradeScale,
    spectrum::AdcStatus,
    tof::{TargetStatus, TofReading},
    unseen::Unseen,
    verdict::Cap,
};
use sqal_fusion::{Inspector, MostUnseen, PowerMeanRule};
use sqal_sensors::{HeightReference, SpectralAnalyzer, SpectralProfile, TofAnalyzer, TofProfile};

type Line = Inspector<TofAnalyzer, SpectralAnalyzer, PowerMeanRule>;

fn inspector(reference: &HeightReference) -> Line {
    let mut profile = TofProfile::example();
    profile.reference = *reference;
    Inspector::new(
        TofAnalyzer::new(profile).unwrap(),
        SpectralAnalyzer::new(SpectralProfile::example()).unwrap(),
        PowerMeanRule::default(),
        GradeScale::default(),
    )
}

fn on_a_flat_floor() -> Line {
    inspector(&TofProfile::example().reference)
}

/// A frame without the zones whose bits are set: the sensor reports no valid target there.
fn without_zones(frame: &TofFrame, zones: u64) -> TofFrame {
    let reading = *frame.reading();
    let status = reading.status.unwrap();
    let status = Grid::from_fn(|zone| if zones >> zone & 1 == 1 { TargetStatus(255) } else { status[zone] });
    TofFrame::new(TofReading { status: Some(status), ..reading }).unwrap()
}

/// A spectrum in which the bands whose bits are set are saturated, so that their values are lost.
fn without_bands(spectrum: &Spectrum, bands: u8) -> Spectrum {
    let full = f32::from(spectrum.integration_time().full_scale());
    #[expect(clippy::cast_possible_truncation, reason = "counts are at most 65 535")]
    let counts = Channel::ALL.map(|channel| {
        let lost = channel.index() < 8 && bands >> channel.index() & 1 == 1;
        if lost { full } else { spectrum.counts(channel) as f32 }
    });
    Spectrum::new(counts, spectrum.gain(), spectrum.integration_time(), AdcStatus::Clear).unwrap()
}

/// A spectrum in which the bands whose bits are set have very few counts, as with a defective
/// channel or a dark window.
fn with_dark_bands(spectrum: &Spectrum, bands: u8, counts: f32) -> Spectrum {
    #[expect(clippy::cast_possible_truncation, reason = "counts are at most 65 535")]
    let counts = Channel::ALL.map(|channel| {
        let dark = channel.index() < 8 && bands >> channel.index() & 1 == 1;
        if dark { counts } else { spectrum.counts(channel) as f32 }
    });
    Spectrum::new(counts, spectrum.gain(), spectrum.integration_time(), AdcStatus::Clear).unwrap()
}

/// A frame without the matrices whose bits are set: reflectances, amplitudes.
fn without_matrices(frame: &TofFrame, gone: u8) -> TofFrame {
    let reading = *frame.reading();
    let reflectance_percent = reading.reflectance_percent.filter(|_| gone & 1 == 0);
    let amplitude_kcps = reading.amplitude_kcps.filter(|_| gone & 2 == 0);
    TofFrame::new(TofReading { reflectance_percent, amplitude_kcps, ..reading }).unwrap()
}

/// The laws between a complete reading and one with a part removed.
fn less_is_never_more(more: &Inspection, less: &Inspection) -> Result<(), TestCaseError> {
    let (more, less) = (&more.verdict, &less.verdict);
    prop_assert!(less.conformity_at_worst() <= more.conformity_at_worst(), "{more:?}\n{less:?}");
    prop_assert!(less.confidence <= more.confidence, "{more:?}\n{less:?}");
    prop_assert!(less.coverage.get() <= more.coverage.get() + 1e-12, "{more:?}\n{less:?}");
    let most = MostUnseen::default();
    prop_assert!(less.grade <= most.best(&less.unseen).unwrap_or(Grade::Reject), "{less:?}");
    prop_assert!(most.best(&less.unseen) <= most.best(&more.unseen), "{more:?}\n{less:?}");
    prop_assert!(
        more.unseen.is_within(&less.unseen) || less.unseen.evidence >= more.unseen.evidence,
        "{more:?}\n{less:?}"
    );
    Ok(())
}

fn zones() -> impl Strategy<Value = u64> {
    // A few zones, a block of them, or any number.
    prop_oneof![
        prop::collection::vec(0..64_u32, 0..6).prop_map(|all| all.into_iter().fold(0, |set, zone| set | 1 << zone)),
        (any::<u64>(), any::<u64>(), any::<u64>()).prop_map(|(a, b, c)| a & (b | c)),
        any::<u64>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn removing_zones_bands_and_instruments_never_helps(
        seed in any::<u64>(), trays in 0..6_usize, gone in zones(), bands in any::<u8>(), blind in 0..4_u8, rim in any::<bool>(),
        dark in 0.0..49.0_f32, matrices in 0..4_u8, amplitude in prop_oneof![Just(900.0_f32), 0.0..300.0_f32],
        percent in prop_oneof![Just(None), (0.0..60.0_f32).prop_map(Some)],
    ) {
        let reference = if rim {
            HeightReference::Rim { floor_below_mm: 0.0, u_mm: 0.3 }
        } else {
            TofProfile::example().reference
        };
        let inspector = inspector(&reference);
        let mut station = Station::new(seed);
        let mut reading = station.next_reading();
        for _ in 0..trays {
            reading = station.next_reading();
        }
        let (frame, spectrum) = (reading.frame.unwrap(), reading.spectrum);
        let whole = inspector.inspect(Some(&frame), spectrum.as_ref());
        // If a rim zone is lost, a rim that did not look like a plane may become one. In that case
        // the complete reading gives no heights to compare with, so it is skipped.
        prop_assume!(!rim || whole.verdict.unseen.area < Score::ONE);
        let fewer = without_zones(&frame, gone);
        let partial = inspector.inspect(Some(&fewer), spectrum.as_ref());
        less_is_never_more(&whole, &partial)?;
        // A signal that is too weak, or a product that is too dark, is not better for being left
        // out.
        let mut reading = *fewer.reading();
        reading.amplitude_kcps = Some(Grid::from_fn(|_| amplitude));
        reading.reflectance_percent = percent.map_or(reading.reflectance_percent, |percent| Some(Grid::from_fn(|_| percent)));
        let told = TofFrame::new(reading).unwrap();
        let untold = without_matrices(&told, matrices);
        less_is_never_more(&inspector.inspect(Some(&told), spectrum.as_ref()), &inspector.inspect(Some(&untold), spectrum.as_ref()))?;
        let narrower = spectrum.as_ref().map(|spectrum| without_bands(spectrum, bands));
        let both = inspector.inspect(Some(&fewer), narrower.as_ref());
        less_is_never_more(&partial, &both)?;
        let darker = narrower.as_ref().map(|spectrum| with_dark_bands(spectrum, bands.rotate_left(3), dark));
        less_is_never_more(&both, &inspector.inspect(Some(&fewer), darker.as_ref()))?;
        let (frame, spectrum) = ((blind & 1 == 0).then_some(&fewer), narrower.as_ref().filter(|_| blind & 2 == 0));
        less_is_never_more(&both, &inspector.inspect(frame, spectrum))?;
    }
}

/// Losing the zones of the tray one after the other never raises the grade that is allowed.
#[test]
fn losing_one_zone_after_the_other_ends_in_a_reject_that_was_not_measured() {
    let inspector = on_a_flat_floor();
    let reading = Station::new(11).read(Scene::GOOD, Fault::None);
    let (frame, spectrum) = (reading.frame.unwrap(), reading.spectrum.unwrap());
    let best = inspector.inspect(Some(&frame), Some(&spectrum)).verdict;
    assert!(best.grade >= Grade::A && best.confidence > Score::ZERO && best.unseen.is_complete(), "{best:?}");
    let (mut gone, mut allowed) = (0_u64, Some(Grade::APlus));
    for step in 0..64 {
        gone |= 1 << (step * 27 % 64);
        let less = inspector.inspect(Some(&without_zones(&frame, gone)), Some(&spectrum)).verdict;
        let now = MostUnseen::default().best(&less.unseen);
        assert!(now <= allowed, "{step}: {now:?} after {allowed:?}");
        assert!(less.grade <= now.unwrap_or(Grade::Reject));
        allowed = now;
    }
    let dark = inspector.inspect(Some(&without_zones(&frame, gone)), Some(&spectrum)).verdict;
    assert_eq!((dark.grade, dark.cap), (Grade::Reject, Cap::Unmeasured), "{dark:?}");
}

/// A frame of few zones never gives a sold tray, at any distance, with or without a colour.
#[test]
fn few_zones_are_not_a_tray() {
    let inspector = on_a_flat_floor();
    let spectrum = Station::new(5).read(Scene::GOOD, Fault::None).spectrum.unwrap();
    for distance in [30.0_f32, 130.0, 420.0, 2500.0] {
        for seen in 0..=31_u32 {
            // Zones within the inner six rows and columns come first, so the tray's zones are among
            // the first.
            let inner: Vec<usize> =
                (0..64).filter(|zone| (1..7).contains(&(zone / 8)) && (1..7).contains(&(zone % 8))).collect();
            let there = |zone: usize| inner.iter().take(seen as usize).any(|one| *one == zone);
            let grid = |yes: f32| Grid::from_fn(|zone| if there(zone) { yes } else { 0.0 });
            let frame = TofFrame::new(TofReading {
                distance_mm: grid(distance),
                reflectance_percent: Some(grid(40.0)),
                amplitude_kcps: Some(grid(600.0)),
                sigma_mm: Some(grid(2.0)),
                status: Some(Grid::from_fn(|zone| TargetStatus(if there(zone) { 5 } else { 0 }))),
                distance_kind: sqal_core::tof::DistanceKind::Perpendicular,
            })
            .unwrap();
            for colour in [None, Some(&spectrum)] {
                let verdict = inspector.inspect(Some(&frame), colour).verdict;
                assert_eq!(
                    (verdict.grade, verdict.cap),
                    (Grade::Reject, Cap::Unmeasured),
                    "{distance} {seen} {verdict:?}"
                );
                assert_eq!((verdict.confidence, verdict.conformity_at_worst()), (Score::ZERO, Score::ZERO));
            }
        }
    }
}

/// A tray is sold by its shape: a colour alone sells nothing, a shape alone gives at most a B, and
/// without either there is no verdict.
#[test]
fn one_blind_instrument() {
    let inspector = on_a_flat_floor();
    let reading = Station::new(3).read(Scene::GOOD, Fault::None);
    let (frame, spectrum) = (reading.frame.unwrap(), reading.spectrum.unwrap());
    let shape = inspector.inspect(Some(&frame), None).verdict;
    assert_eq!((shape.grade, shape.cap), (Grade::B, Cap::Coverage));
    let colour = inspector.inspect(None, Some(&spectrum)).verdict;
    assert_eq!((colour.grade, colour.cap), (Grade::Reject, Cap::Unmeasured));
    assert_eq!(inspector.inspect(None, None).verdict.unseen, Unseen::EVERYTHING);
    let mut strict = on_a_flat_floor();
    strict.decision.most_unseen = MostUnseen::nothing();
    assert_eq!(strict.inspect(Some(&frame), None).verdict.grade, Grade::Reject);
    assert!(strict.inspect(Some(&frame), Some(&spectrum)).verdict.grade >= Grade::A);
}
