//! The invariants through a whole inspection, with sensors that are blind, unreliable or at odds.

use proptest::prelude::*;
use sqal_core::analyze::Assessment;
use sqal_core::defect::{Severity, ZoneSet};
use sqal_core::grade::GradeScale;
use sqal_core::unseen::Unseen;
use sqal_core::verdict::Cap;
use sqal_core::{AnalysisError, Analyzer, Defect, DefectKind, Defects, Grade, Measured, Score, TofFindings, TofFrame};
use sqal_fusion::{Inspector, MostUnseen, PowerMeanRule, SensorWeights};

use crate::readings::{COLOUR, SHAPE, Told, changed, inspector, readings, told};
use crate::sensors::close;

#[test]
fn both_sensors_blind_is_a_reject_without_a_score() {
    let (frame, spectrum) = readings();
    for (frame, spectrum) in [(None, None), (Some(&frame), Some(&spectrum))] {
        let verdict = inspector(None, None).inspect(frame, spectrum).verdict;
        assert_eq!((verdict.grade, verdict.score, verdict.cap), (Grade::Reject, None, Cap::Unmeasured));
        assert_eq!(verdict.defects.iter().filter(|d| d.kind == DefectKind::SensorMissing).count(), 2);
        assert_eq!(verdict.confidence, Score::ZERO);
    }
}

#[test]
fn a_sensor_without_any_reliability_counts_as_missing() {
    let (frame, spectrum) = readings();
    let shape = told(SHAPE, Some(0.99), 1.0, Defects::new());
    let colour = told(COLOUR, Some(0.01), 0.0, Defects::new());
    let verdict = inspector(Some(shape), Some(colour)).inspect(Some(&frame), Some(&spectrum)).verdict;
    assert!((verdict.score.unwrap().value() - 0.99).abs() < 1e-12);
    assert_eq!(verdict.grade, Grade::B);
    assert!(verdict.defects.iter().any(|d| d.kind == DefectKind::SensorMissing));
}

/// An analyser that grades a given score by the scale that it received.
struct Graded(Assessment<TofFindings>, GradeScale);

impl Analyzer for Graded {
    type Reading = TofFrame;
    type Findings = TofFindings;

    fn analyze(&self, _: &TofFrame) -> Result<Assessment<TofFindings>, AnalysisError> {
        let grade = self.0.score.map(|score| self.1.grade_of(Score::nearest(score.value())));
        Ok(changed(self.0.clone(), |told| told.grade = grade))
    }

    fn graded_by(self, scale: GradeScale) -> Self {
        Self(self.0, scale)
    }
}

#[test]
fn one_scale_grades_the_verdict_and_each_sensor() {
    let (frame, spectrum) = readings();
    let scale = GradeScale::new(0.9, 0.6, 0.4, 0.2).unwrap();
    let shape = Graded(told(SHAPE, Some(0.65), 1.0, Defects::new()), GradeScale::default());
    let colour = Told(Some(told(COLOUR, Some(0.65), 1.0, Defects::new())), std::marker::PhantomData);
    let inspector = Inspector::new(shape, colour, PowerMeanRule::default(), scale);
    assert_eq!((inspector.decision.scale, inspector.weights), (scale, SensorWeights::default()));
    let inspection = inspector.inspect(Some(&frame), Some(&spectrum));
    assert_eq!(inspection.tof.unwrap().grade, Some(Grade::A));
    assert_eq!(inspection.verdict.point_grade, Some(Grade::A));
}

/// In a plant without a spectrometer (weight 0), the verdict is that of the other sensor alone,
/// whatever the spectral analysis returns.
#[test]
fn a_sensor_of_weight_0_decides_nothing_and_is_not_missing() {
    let (frame, spectrum) = readings();
    let shape = || told(SHAPE, Some(0.97), 1.0, Defects::new());
    let blood = Defect::new(DefectKind::BloodSpot, Severity::Critical, ZoneSet::default(), Score::ONE);
    let colours = [
        None,
        Some(told(COLOUR, Some(0.02), 1.0, std::iter::once(blood).collect())),
        Some(told(COLOUR, None, 0.0, Defects::new())),
    ];
    for colour in colours {
        let mut inspector = inspector(Some(shape()), colour);
        inspector.weights = SensorWeights::new(1.0, 0.0).unwrap();
        let verdict = inspector.inspect(Some(&frame), Some(&spectrum)).verdict;
        assert!((verdict.score.unwrap().value() - 0.97).abs() < 1e-12);
        assert_eq!(verdict.defects, Defects::new());
        assert_eq!((verdict.unseen.channels, verdict.unseen.sensors), (Score::ZERO, Score::ZERO));
        assert_eq!((verdict.unseen.evidence, verdict.coverage), (Score::ZERO, Score::ONE));
        assert!(verdict.grade > Grade::B, "{verdict:?}");
    }
    // A sensor of positive weight without a score is missing, also if it is the only one of
    // positive weight.
    let mut inspector = inspector(None, Some(told(COLOUR, Some(0.99), 1.0, Defects::new())));
    inspector.weights = SensorWeights::new(1.0, 0.0).unwrap();
    let verdict = inspector.inspect(Some(&frame), Some(&spectrum)).verdict;
    assert_eq!((verdict.grade, verdict.score), (Grade::Reject, None));
    assert_eq!(verdict.defects.iter().filter(|defect| defect.kind == DefectKind::SensorMissing).count(), 1);
}

#[test]
fn sensors_that_disagree_beyond_reason_are_named() {
    let (frame, spectrum) = readings();
    let shape = told(SHAPE, Some(0.98), 1.0, Defects::new());
    let colour = told(COLOUR, Some(0.20), 1.0, Defects::new());
    let verdict = inspector(Some(shape), Some(colour)).inspect(Some(&frame), Some(&spectrum)).verdict;
    assert!(verdict.defects.iter().any(|d| d.kind == DefectKind::SensorDisagreement));
    assert_eq!(verdict.grade, Grade::Reject);
}

#[test]
fn no_critical_defect_is_lost_when_the_list_is_full() {
    let (frame, spectrum) = readings();
    let defect = |severity| Defect::new(DefectKind::Tilt, severity, ZoneSet::default(), Score::ONE);
    let minor: Defects = std::iter::repeat_n(defect(Severity::Minor), 8).collect();
    let critical: Defects = std::iter::once(defect(Severity::Critical)).collect();
    let shape = told(SHAPE, Some(0.98), 1.0, minor);
    let colour = told(COLOUR, Some(0.97), 1.0, critical);
    let verdict = inspector(Some(shape), Some(colour)).inspect(Some(&frame), Some(&spectrum)).verdict;
    assert_eq!((verdict.grade, verdict.cap), (Grade::Reject, Cap::CriticalDefect));
    assert_eq!(verdict.defects[0].severity, Severity::Critical);
}

#[test]
fn a_full_list_of_defects_keeps_the_gravest_and_drops_the_least() {
    let (frame, spectrum) = readings();
    let defect = |kind, severity| Defect::new(kind, severity, ZoneSet::default(), Score::ONE);
    let mut shape: Defects = std::iter::repeat_n(defect(DefectKind::Bump, Severity::Major), 11).collect();
    shape.push(defect(DefectKind::Dent, Severity::Minor));
    let colour: Defects =
        [defect(DefectKind::Oxidation, Severity::Major), defect(DefectKind::Discoloration, Severity::Minor)]
            .into_iter()
            .collect();
    let verdict = inspector(Some(told(SHAPE, Some(0.9), 1.0, shape)), Some(told(COLOUR, Some(0.9), 1.0, colour)))
        .inspect(Some(&frame), Some(&spectrum))
        .verdict;
    let kinds: Vec<_> = verdict.defects.iter().map(|defect| defect.kind).collect();
    assert!(kinds.contains(&DefectKind::Oxidation) && !kinds.contains(&DefectKind::Dent), "{kinds:?}");
    assert_eq!(kinds.iter().filter(|kind| **kind == DefectKind::Bump).count(), 11);
}

/// An assessment with these scores, after and before defects.
fn with_scores<F>(told: Assessment<F>, score: Option<Measured>, undefected: Option<Measured>) -> Assessment<F> {
    changed(told, |told| (told.score, told.undefected) = (score, undefected))
}

/// Invariant 15 through the whole inspector: a defect never raises score or grade, and is never
/// counted as a disagreement of the sensors.
#[test]
fn a_defect_found_by_a_sensor_never_raises_the_verdict() {
    let (frame, spectrum) = readings();
    let config = ProptestConfig::with_cases(10_000);
    let strategy = ((0.0..=1.0_f64, 0.002..0.2_f64), (0.0..=1.0_f64, 0.002..0.2_f64), 0..3_usize, any::<bool>());
    proptest::test_runner::TestRunner::new(config)
        .run(&strategy, |(shape, colour, severity, of_shape)| {
            let measured = |(score, u): (f64, f64)| Measured::new(score, u).unwrap();
            let severity = [Severity::Minor, Severity::Major, Severity::Critical][severity];
            let defect = Defect::new(DefectKind::Overfill, severity, ZoneSet::default(), Score::ONE);
            // The effect of a defect on an assessment: the score falls, and the score before
            // defects stays.
            let with = |claim: Measured, found: bool| {
                let left = if found { 1.0 - severity.penalty() } else { 1.0 };
                let defects = if found { std::iter::once(defect).collect() } else { Defects::new() };
                (Some(Measured::new(claim.value() * left, claim.u()).unwrap()), Some(claim), defects)
            };
            let judge = |found: bool| {
                let (score, undefected, defects) = with(measured(shape), found && of_shape);
                let tof = with_scores(told(SHAPE, None, 1.0, defects), score, undefected);
                let (score, undefected, defects) = with(measured(colour), found && !of_shape);
                let spectral = with_scores(told(COLOUR, None, 1.0, defects), score, undefected);
                inspector(Some(tof), Some(spectral)).inspect(Some(&frame), Some(&spectrum)).verdict
            };
            let (plain, defective) = (judge(false), judge(true));
            prop_assert!(defective.grade <= plain.grade, "{plain:?} {defective:?}");
            prop_assert!(defective.score.unwrap().value() <= plain.score.unwrap().value() + 1e-12);
            let accused =
                |verdict: &sqal_core::Verdict| verdict.defects.iter().any(|d| d.kind == DefectKind::SensorDisagreement);
            prop_assert_eq!(accused(&plain), accused(&defective));
            Ok(())
        })
        .unwrap();
}

/// A score made of a fifth of its parts counts as a score, allows no grade above B, and its
/// coverage is reported.
#[test]
fn a_sensor_that_measured_little_caps_the_grade() {
    let (frame, spectrum) = readings();
    let shape = changed(told(SHAPE, Some(0.99), 1.0, Defects::new()), |told| told.coverage = Score::nearest(0.2));
    let colour = told(COLOUR, Some(0.97), 1.0, Defects::new());
    let verdict = inspector(Some(shape), Some(colour)).inspect(Some(&frame), Some(&spectrum)).verdict;
    assert_eq!((verdict.grade, verdict.cap), (Grade::B, Cap::Coverage));
    assert!((verdict.coverage.get() - 0.6).abs() < 1e-12);
}

/// The unmeasured part can have any quality, so a plant can be set to hold such a tray back.
#[test]
fn an_incomplete_tray_can_be_held_back() {
    let (frame, spectrum) = readings();
    let alone = |incomplete| {
        let mut inspector = inspector(Some(told(SHAPE, Some(0.99), 1.0, Defects::new())), None);
        inspector.decision.incomplete = incomplete;
        inspector.inspect(Some(&frame), Some(&spectrum)).verdict
    };
    assert_eq!((alone(Grade::B).grade, alone(Grade::B).cap), (Grade::B, Cap::Coverage));
    assert_eq!((alone(Grade::Reject).grade, alone(Grade::Reject).cap), (Grade::Reject, Cap::Coverage));
    assert_eq!(alone(Grade::APlus).grade, Grade::B, "never better than the documented cap");
    // If everything was measured, the setting holds nothing back.
    let mut whole = inspector(
        Some(told(SHAPE, Some(0.99), 1.0, Defects::new())),
        Some(told(COLOUR, Some(0.99), 1.0, Defects::new())),
    );
    whole.decision.incomplete = Grade::Reject;
    assert_eq!(whole.inspect(Some(&frame), Some(&spectrum)).verdict.grade, Grade::APlus);
}

/// The reported uncertainty is one that a score can have, even if two sensors disagree completely.
#[test]
fn a_verdict_never_states_an_uncertainty_above_a_half() {
    let (frame, spectrum) = readings();
    let with = |score: f64, u: f64| Some(Measured::new(score, u).unwrap());
    let shape = with_scores(told(SHAPE, None, 1.0, Defects::new()), with(1.0, 0.001), with(1.0, 0.001));
    let colour = with_scores(told(COLOUR, None, 1.0, Defects::new()), with(0.0, 0.3), with(0.0, 0.001));
    let verdict = inspector(Some(shape), Some(colour)).inspect(Some(&frame), Some(&spectrum)).verdict;
    assert_eq!((verdict.grade, verdict.score.unwrap().u()), (Grade::Reject, 0.5));
}

/// The confidence is calibrated, and the verdict states the version of the calibration.
#[test]
fn a_calibrated_inspector_states_the_calibrated_confidence() {
    use sqal_fusion::calibration::{Calibrator, Isotonic, Knot};
    let (frame, spectrum) = readings();
    let knot = |raw, calibrated| Knot { raw: Score::nearest(raw), calibrated: Score::nearest(calibrated), labels: 10 };
    let calibrator = Calibrator::Isotonic(Isotonic::new(&[knot(0.0, 0.25), knot(1.0, 0.75)]).unwrap());
    let mut inspector = inspector(
        Some(told(SHAPE, Some(0.9), 1.0, Defects::new())),
        Some(told(COLOUR, Some(0.9), 1.0, Defects::new())),
    );
    assert_eq!(inspector.inspect(Some(&frame), Some(&spectrum)).verdict.calibrated, None);
    let calibration = &mut inspector.confidence_calibration;
    (calibration.version, calibration.labels, calibration.calibrator) = (4, 300, calibrator);
    let verdict = inspector.inspect(Some(&frame), Some(&spectrum)).verdict;
    let calibrated = verdict.calibrated.unwrap();
    assert_eq!(calibrated.version, 4);
    assert!(close(calibrated.confidence.get(), 0.25 + 0.5 * verdict.confidence.get()));
    assert_eq!(verdict.stated_confidence(), calibrated.confidence);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// If less is seen, no worst-case figure rises, and no grade is above what its unseen share
    /// allows.
    #[test]
    fn what_is_unseen_earns_nothing(
        shape in 0.0..=1.0_f64, colour in 0.0..=1.0_f64, area in 0.0..=1.0_f64, bands in 0..=8_u8, window in 0.0..=1.0_f64, blind in 0..4_u8,
    ) {
        let (frame, spectrum) = readings();
        let judge = |shape, colour| inspector(shape, colour).inspect(Some(&frame), Some(&spectrum)).verdict;
        let whole = judge(Some(told(SHAPE, Some(shape), 1.0, Defects::new())), Some(told(COLOUR, Some(colour), 1.0, Defects::new())));
        let zones = Unseen { area: Score::nearest(area), window: Score::nearest(window), ..Unseen::NOTHING };
        let channels = Unseen { channels: Score::nearest(f64::from(bands) / 8.0), ..Unseen::NOTHING };
        let less = judge(
            (blind & 1 == 0)
                .then(|| changed(told(SHAPE, Some(shape), 1.0 - area, Defects::new()), |told| told.unseen = zones)),
            (blind & 2 == 0)
                .then(|| changed(told(COLOUR, Some(colour), 1.0, Defects::new()), |told| told.unseen = channels)),
        );
        prop_assert!(less.confidence <= whole.confidence);
        prop_assert!(less.conformity_at_worst() <= whole.conformity_at_worst());
        let allowed = MostUnseen::default().best(&less.unseen).unwrap_or(Grade::Reject);
        prop_assert!(less.grade <= allowed, "{less:?}");
        prop_assert!((less.cap == Cap::Unmeasured) == (allowed == Grade::Reject));
    }
}
