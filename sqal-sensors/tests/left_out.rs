//! Quantities that a profile leaves out are not rated, not reported as missing, and never defects.
//!
//! A profile leaves out what a product does not have and what a plant does not measure.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use fixtures::scene::{Fault, LABELLED, Scene, Station};
use sqal_core::{
    Analyzer, DefectKind, Flag, Measured, Score, SpectralFindings, Spectrum, TofFrame, grade::GradeScale,
    tof::TofReading,
};
use sqal_sensors::{SpectralAnalyzer, SpectralProfile, SpectralWeights, TofAnalyzer, TofProfile, TofWeights};

/// A product of which only the colour is specified.
fn colour_alone() -> SpectralProfile {
    let mut profile = SpectralProfile::example();
    profile.anchors = None;
    profile.oxidation = None;
    profile.carotenoid = None;
    profile.heme = None;
    profile.max_oxidation = None;
    profile.max_heme = None;
    profile.lightness = None;
    profile.weights = SpectralWeights::NOTHING;
    profile.weights.color = 1.0;
    profile
}

fn spectrum(scene: Scene) -> Spectrum {
    Station::new(3).read(scene, Fault::None).spectrum.unwrap()
}

fn analysed(profile: SpectralProfile, scene: Scene) -> sqal_core::analyze::Assessment<SpectralFindings> {
    SpectralAnalyzer::new(profile).unwrap().analyze(&spectrum(scene)).unwrap()
}

/// Whether two scores are equal except for rounding.
fn alike(a: Option<Measured>, b: Option<Measured>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a.value() - b.value()).abs() < 1e-12 && (a.u() - b.u()).abs() < 1e-12,
        (a, b) => a.is_none() && b.is_none(),
    }
}

/// Blood, oxidation and bile of every labelled scene are defects of a liver. They are no defects
/// for a profile that does not limit them.
#[test]
fn indices_of_liver_are_silent_for_a_product_without_them() {
    let mut of_liver = 0;
    for labelled in LABELLED {
        let liver = analysed(SpectralProfile::example(), labelled.scene);
        let other = analysed(colour_alone(), labelled.scene);
        let of_blood =
            |kind: DefectKind| matches!(kind, DefectKind::BloodSpot | DefectKind::Oxidation | DefectKind::BileStain);
        of_liver += liver.defects.iter().filter(|defect| of_blood(defect.kind)).count();
        assert!(!other.defects.iter().any(|defect| of_blood(defect.kind)), "{}: {:?}", labelled.name, other.defects);
        let findings = &other.findings;
        assert_eq!((findings.oxidation_index, findings.fat_quality_index), (None, None), "{}", labelled.name);
        assert!(!other.flags.contains(Flag::LowHeme) && !other.flags.contains(Flag::Uncalibrated));
        // The colour is the whole score, and all of the score was measured.
        assert!(alike(other.undefected, findings.color_score), "{}: {other:?}", labelled.name);
        assert_eq!(other.coverage, if findings.color_score.is_some() { Score::ONE } else { Score::ZERO });
        // Findings that do not depend on an index are unchanged.
        assert_eq!((findings.color, findings.reflectance), (liver.findings.color, liver.findings.reflectance));
    }
    assert!(of_liver > 0, "no labelled scene has a defect of blood pigment");
}

/// The freshness of a product without blood pigment is that of its colour. The fat quality of a
/// product without a colour map is computed from its bands.
#[test]
fn an_index_rests_on_the_parts_that_are_specified() {
    let mut profile = colour_alone();
    profile.weights.freshness = 1.0;
    let found = analysed(profile, Scene::GOOD).findings;
    assert!(found.color_score.is_some() && alike(found.freshness_index, found.color_score), "{found:?}");

    let mut yellow = colour_alone();
    yellow.carotenoid = SpectralProfile::example().carotenoid;
    yellow.weights.fat = 1.0;
    let found = analysed(yellow.clone(), Scene::GOOD);
    let fat = found.findings.fat_quality_index.unwrap();
    assert!((0.0..=1.0).contains(&fat.value()) && found.coverage == Score::ONE, "{found:?}");
    // More blood changes the result for a profile that specifies blood, but not the result here.
    let mut blood = yellow;
    blood.heme = SpectralProfile::example().heme;
    let both = analysed(blood, Scene { heme: 0.75, ..Scene::GOOD }).findings.fat_quality_index.unwrap();
    assert!(both.value() < 0.5 && fat.value() > both.value(), "{fat:?} {both:?}");
}

/// A quantity of weight 0 has no part in the score, whatever its specification is.
#[test]
fn a_tray_is_judged_by_the_parts_that_have_a_weight() {
    let frame = Station::new(5).read(Scene::GOOD, Fault::None).frame.unwrap();
    let judged = |profile: TofProfile| TofAnalyzer::new(profile).unwrap().analyze(&frame).unwrap();
    let mut height_alone = TofProfile::example();
    height_alone.weights = TofWeights::NOTHING;
    height_alone.weights.height = 1.0;
    let found = judged(height_alone.clone());
    let expected = height_alone.height_mm.of_measured(found.findings.avg_height_mm.unwrap());
    let score = found.undefected.unwrap();
    assert!((score.value() - expected.value()).abs() < 1e-12 && (score.u() - expected.u()).abs() < 1e-12);
    assert_eq!(found.coverage, Score::ONE);
    let mut impossible = height_alone;
    impossible.reflectance_percent = sqal_sensors::Desirability::Larger { at: 1000.0, width: 1.0 };
    assert_eq!(judged(impossible).score, found.score);
}

/// The scale that is given to an analyser grades its score. Without one, the profile's own scale
/// does.
#[test]
fn an_analyser_grades_by_the_scale_that_it_is_given() {
    let frame = Station::new(5).read(Scene::GOOD, Fault::None).frame.unwrap();
    let strict = GradeScale::new(0.9999, 0.9998, 0.9997, 0.9996).unwrap();
    let graded = |analyzer: TofAnalyzer| analyzer.analyze(&frame).unwrap();
    let plain = graded(TofAnalyzer::new(TofProfile::example()).unwrap());
    let scaled = |scale: Option<GradeScale>| {
        let mut profile = TofProfile::example();
        profile.scale = scale;
        TofAnalyzer::new(profile).unwrap()
    };
    let without = graded(scaled(None));
    assert_eq!(plain, without);
    let own = graded(scaled(Some(strict)));
    let given = graded(TofAnalyzer::new(TofProfile::example()).unwrap().graded_by(strict));
    assert_eq!(own, given);
    assert!(own.grade.unwrap() < plain.grade.unwrap() && own.score == plain.score);
}

/// A frame with distances alone is judged by them: no reflectance, no spots and no threshold of
/// signal, with a flag for each.
#[test]
fn distances_alone_are_a_frame() {
    let whole = Station::noiseless(&Scene::GOOD);
    let reading = TofReading { reflectance_percent: None, amplitude_kcps: None, ..*whole.reading() };
    let distances = TofFrame::new(reading).unwrap();
    let mut profile = TofProfile::example();
    profile.weights.reflectance = 0.0;
    profile.min_amplitude_kcps = 0.0;
    let changed = |change: fn(&mut TofProfile)| {
        let mut profile = profile.clone();
        change(&mut profile);
        profile
    };
    // A profile that asks for either rejects such a frame as not measured.
    for asking in [
        changed(|profile| profile.min_amplitude_kcps = 5.0),
        changed(|profile| profile.weights = TofProfile::example().weights),
    ] {
        let found = TofAnalyzer::new(asking).unwrap().analyze(&distances).unwrap();
        assert_eq!((found.unseen.area, found.coverage), (Score::ONE, Score::ZERO));
    }
    let analyzer = TofAnalyzer::new(profile).unwrap();
    let (found, with) = (analyzer.analyze(&distances).unwrap(), analyzer.analyze(&whole).unwrap());
    assert!(found.flags.contains(Flag::ReflectanceMissing) && found.flags.contains(Flag::AmplitudeMissing));
    assert!(!with.flags.contains(Flag::ReflectanceMissing) && !with.flags.contains(Flag::AmplitudeMissing));
    assert_eq!((found.findings.reflectance_analysis, found.coverage), (None, Score::ONE));
    assert_eq!(found.findings.valid_zones, 64);
    let (volume, expected) = (found.findings.volume_mm3.unwrap(), with.findings.volume_mm3.unwrap());
    assert!((volume.value() - expected.value()).abs() < 1e-6 * expected.value());
    assert!(found.reliability < with.reliability, "what its signal was is not known");
}
