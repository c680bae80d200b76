//! The invariants of fusion over random evidence, and its fail-safe behaviour.
//!
//! The invariants are those of the measurement model, section 3.6.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::suboptimal_flops, reason = "numbers and formulas as they are printed")]

use proptest::prelude::*;
use sqal_core::{
    AnalysisError, Analyzer, Defect, DefectKind, Defects, Flags, Grade, Measured, Score, SpectralFindings, Spectrum,
    TofFindings, TofFrame,
    analyze::Assessment,
    defect::{Severity, ZoneSet},
    grade::GradeScale,
    power_mean::{Exponent, MAX_TERMS},
    unseen::Unseen,
    verdict::{Cap, Instrument, RuleKind},
};
use sqal_fusion::calibration::Calibration;
use sqal_fusion::{
    Decided, Decision, Evidence, Fused, FusionError, FusionRule, Guard, Inspector, MostUnseen, PowerMeanRule,
    SensorWeights,
};

/// Score, uncertainty, weight, reliability.
type Sensor = (f64, f64, f64, f64);

fn sensor() -> impl Strategy<Value = Sensor> {
    let score = prop_oneof![4 => 0.0..=1.0_f64, 1 => Just(0.0), 1 => Just(1.0)];
    (score, 0.001..0.3_f64, 0.05..5.0_f64, 0.05..=1.0_f64)
}

fn sensors() -> impl Strategy<Value = Vec<Sensor>> {
    prop::collection::vec(sensor(), 1..=4)
}

fn rule() -> impl Strategy<Value = PowerMeanRule> {
    (-4.0..=1.0_f64, 0.0..=1.0_f64, 0.01..0.3_f64)
        .prop_map(|(p, r, tau)| PowerMeanRule::new(Exponent::new(p).unwrap(), r, tau).unwrap())
}

fn evidence(sensors: &[Sensor]) -> Vec<Evidence> {
    let one = |(score, u, weight, reliability): &Sensor| {
        Evidence::new(Measured::new(*score, *u).unwrap(), *weight, Score::nearest(*reliability)).unwrap()
    };
    sensors.iter().map(one).collect()
}

fn judged(rule: &PowerMeanRule, sensors: &[Sensor]) -> (Fused, Decided) {
    let fused = rule.fuse(&evidence(sensors)).unwrap();
    let decided = Decision::default().decide(&fused);
    (fused, decided)
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * (1.0 + a.abs())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn inv_1_2_3_the_score_lies_between_and_probabilities_are_probabilities(rule in rule(), sensors in sensors()) {
        let (fused, decided) = judged(&rule, &sensors);
        let scores = || sensors.iter().map(|s| s.0);
        let (low, high) = (scores().fold(1.0, f64::min), scores().fold(0.0, f64::max));
        prop_assert!((low..=high).contains(&fused.score.value()));
        prop_assert!(decided.probabilities.iter().all(|p| *p >= 0.0));
        prop_assert!(close(decided.probabilities.iter().sum(), 1.0));
        prop_assert!(fused.birge >= 1.0 && fused.score.u() >= fused.u_unscaled);
        for share in [fused.conflict, fused.coverage, decided.confidence_raw, decided.conformity_probability] {
            prop_assert!((0.0..=1.0).contains(&share.get()));
        }
    }

    #[test]
    fn inv_4_the_order_of_the_sensors_changes_nothing(rule in rule(), sensors in sensors()) {
        let (a, da) = judged(&rule, &sensors);
        let reversed: Vec<_> = sensors.iter().rev().copied().collect();
        let (b, db) = judged(&rule, &reversed);
        prop_assert!(close(a.score.value(), b.score.value()) && close(a.score.u(), b.score.u()));
        prop_assert!(close(a.conflict.get(), b.conflict.get()) && close(a.coverage.get(), b.coverage.get()));
        prop_assert!(close(da.confidence_raw.get(), db.confidence_raw.get()));
    }

    #[test]
    fn inv_5_equal_scores_fuse_to_that_score_without_conflict(rule in rule(), sensors in sensors(), score in 0.0..=1.0_f64) {
        let equal: Vec<_> = sensors.iter().map(|s| (score, s.1, s.2, s.3)).collect();
        let (fused, _) = judged(&rule, &equal);
        prop_assert!(close(fused.score.value(), score) && fused.conflict.get() < 1e-12);
    }

    #[test]
    fn inv_6_a_better_score_never_lowers_the_fused_score(rule in rule(), sensors in sensors(), k in 0..4_usize, by in 0.0..1.0_f64) {
        let k = k % sensors.len();
        let mut better = sensors.clone();
        better[k].0 = (better[k].0 + by).min(1.0);
        prop_assert!(judged(&rule, &better).0.score.value() >= judged(&rule, &sensors).0.score.value() - 1e-12);
    }

    #[test]
    fn inv_7_8_more_uncertainty_widens_and_explains_conflict(rule in rule(), sensors in sensors(), k in 0..4_usize, by in 0.0..0.5_f64) {
        let k = k % sensors.len();
        let mut wider = sensors.clone();
        wider[k].1 += by;
        let (a, b) = (judged(&rule, &sensors).0, judged(&rule, &wider).0);
        prop_assert!(b.u_unscaled >= a.u_unscaled - 1e-12);
        prop_assert!(b.conflict.get() <= a.conflict.get() + 1e-12);
    }

    #[test]
    fn inv_9_without_conflict_the_grade_follows_the_score_and_shuns_uncertainty(sensors in sensors(), k in 0..4_usize, by in 0.0..0.5_f64) {
        // A very large disparity stands for the model's "tau = infinite": no scatter counts as
        // conflict.
        let rule = PowerMeanRule::new(Exponent::HARMONIC, 0.0, 1e6).unwrap();
        let k = k % sensors.len();
        let (mut better, mut wider) = (sensors.clone(), sensors.clone());
        better[k].0 = (better[k].0 + by).min(1.0);
        wider[k].1 += by;
        let (_, base) = judged(&rule, &sensors);
        prop_assert!(judged(&rule, &better).1.grade >= base.grade);
        let (_, uncertain) = judged(&rule, &wider);
        prop_assert!(uncertain.grade <= base.grade);
        prop_assert!(uncertain.confidence_raw.get() <= base.confidence_raw.get() + 1e-12);
    }

    #[test]
    fn inv_11_the_final_grade_is_never_better_than_the_point_grade(rule in rule(), sensors in sensors()) {
        let (_, decided) = judged(&rule, &sensors);
        prop_assert!(decided.grade <= decided.point);
        prop_assert_eq!(decided.cap == Cap::None, decided.grade == decided.point);
    }

    #[test]
    fn inv_12_13_a_missing_or_unreliable_sensor_lowers_the_coverage(rule in rule(), one in sensor(), other in sensor()) {
        let both = rule.fuse(&evidence(&[one, other])).unwrap();
        let alone = rule.fuse(&[evidence(&[one])[0], Evidence::missing(other.2).unwrap()]).unwrap();
        prop_assert!(close(alone.score.value(), one.0));
        prop_assert!(alone.coverage < both.coverage);
        let doubted = rule.fuse(&evidence(&[one, (other.0, other.1, other.2, other.3 / 2.0)])).unwrap();
        prop_assert!(doubted.coverage < both.coverage);
    }

    /// The other part of invariant 12: if one of two equal scores is lost, the verdict does not
    /// become more certain.
    #[test]
    fn inv_12_losing_one_of_two_equal_sensors_never_makes_the_verdict_surer(rule in rule(), one in sensor()) {
        let (score, u, weight, _) = one;
        let both = judged(&rule, &[(score, u, weight, 1.0), (score, u, weight, 1.0)]).1;
        let alone = [evidence(&[(score, u, weight, 1.0)])[0], Evidence::missing(weight).unwrap()];
        let alone = Decision::default().decide(&rule.fuse(&alone).unwrap());
        prop_assert!(alone.confidence_raw <= both.confidence_raw);
        prop_assert!(alone.grade <= both.grade);
    }

    #[test]
    fn inv_14_scaling_all_weights_changes_nothing(rule in rule(), sensors in sensors(), c in 0.01..100.0_f64) {
        let scaled: Vec<_> = sensors.iter().map(|s| (s.0, s.1, s.2 * c, s.3)).collect();
        let (a, b) = (judged(&rule, &sensors).0, judged(&rule, &scaled).0);
        prop_assert!(close(a.score.value(), b.score.value()) && close(a.score.u(), b.score.u()));
        prop_assert!(close(a.coverage.get(), b.coverage.get()));
    }

    #[test]
    fn inv_15_a_defect_never_raises_the_grade(rule in rule(), sensors in sensors(), severity in 0..3_usize) {
        let (fused, plain) = judged(&rule, &sensors);
        let severity = [Severity::Minor, Severity::Major, Severity::Critical][severity];
        let defect = Defect::new(DefectKind::Tilt, severity, ZoneSet::default(), Score::ONE);
        let with = Decision::default().decide_with(&fused, &[defect], Score::ONE);
        prop_assert!(with.grade <= plain.grade);
        prop_assert!(severity != Severity::Critical || with.grade == Grade::Reject);
        prop_assert!(severity != Severity::Major || with.grade <= Grade::B);
    }
}

/// The rule takes as many terms as it has room for, and refuses one more.
#[test]
fn as_many_sensors_as_there_is_room_for() {
    let one = |_| Evidence::new(Measured::new(0.8, 0.02).unwrap(), 1.0, Score::ONE).unwrap();
    let full: Vec<_> = (0..MAX_TERMS).map(one).collect();
    assert!(PowerMeanRule::default().fuse(&full).is_ok());
    let over: Vec<_> = (0..=MAX_TERMS).map(one).collect();
    assert_eq!(
        PowerMeanRule::default().fuse(&over),
        Err(FusionError::TooMuch { given: MAX_TERMS + 1, most: MAX_TERMS })
    );
    let twice: Vec<_> = (0..2 * MAX_TERMS).map(one).collect();
    assert!(PowerMeanRule::default().fuse(&twice).is_err());
}

/// The conflict of three sensors is that of each against their weighted mean.
#[test]
fn three_sensors_disagree_as_birge_says() {
    let tau = 0.03;
    let rule = PowerMeanRule::new(Exponent::ARITHMETIC, 0.0, tau).unwrap();
    let sensors = [(0.2, 0.05), (0.6, 0.02), (0.9, 0.04)];
    let evidence = sensors.map(|(x, u)| Evidence::new(Measured::new(x, u).unwrap(), 1.0, Score::ONE).unwrap());
    let weights = sensors.map(|(_, u)| 1.0 / (u * u + tau * tau));
    let sum: f64 = weights.iter().sum();
    let mean = sensors.iter().zip(weights).map(|((x, _), w)| w * x).sum::<f64>() / sum;
    let chi2: f64 = sensors.iter().zip(weights).map(|((x, _), w)| w * (x - mean) * (x - mean)).sum();
    let fused = rule.fuse(&evidence).unwrap();
    assert!((fused.birge - (chi2 / 2.0).sqrt()).abs() < 1e-12, "{} and {}", fused.birge, (chi2 / 2.0).sqrt());
}

/// The three worked cases of the measurement model give its printed results.
#[test]
fn the_worked_cases_come_out() {
    let rule = PowerMeanRule::default();
    let (fused, decided) = judged(&rule, &[(0.88, 0.03, 1.0, 1.0), (0.90, 0.03, 1.0, 1.0)]);
    assert!((fused.score.value() - 0.8899).abs() < 5e-5 && (fused.score.u() - 0.021).abs() < 5e-4);
    assert_eq!((decided.grade, (decided.confidence_raw.get() * 1000.0).round()), (Grade::A, 968.0));

    let (fused, decided) = judged(&rule, &[(0.98, 0.02, 1.0, 1.0), (0.45, 0.03, 1.0, 1.0)]);
    // The model prints this case and the next without uncertainties; with 0.02 and 0.03 its digits
    // come out.
    assert!((fused.score.value() - 0.617).abs() < 5e-4 && (fused.birge - 3.63).abs() < 5e-3);
    assert!((fused.conflict.get() - 0.924).abs() < 5e-4 && (decided.confidence_raw.get() - 0.076).abs() < 5e-4);
    assert_eq!((decided.point, decided.grade), (Grade::C, Grade::Reject));

    let alone = [evidence(&[(0.97, 0.02, 1.0, 1.0)])[0], Evidence::missing(1.0).unwrap()];
    let fused = rule.fuse(&alone).unwrap();
    assert!((fused.score.u() - 0.146).abs() < 5e-4 && (fused.coverage.get() - 0.5).abs() < 1e-12);
    let decided = Decision::default().decide(&fused);
    assert_eq!((decided.grade, (decided.conformity_probability.get() * 1000.0).round()), (Grade::A, 795.0));
    assert!((decided.confidence_raw.get() - 0.277).abs() < 5e-4);
    let capped = Decision::default().decide_with(&fused, &[], fused.coverage);
    assert_eq!((capped.grade, capped.cap), (Grade::B, Cap::Coverage));
}

/// An analyser that returns a given assessment.
struct Told<R, F>(Option<Assessment<F>>, std::marker::PhantomData<R>);

impl<R, F: Clone> Analyzer for Told<R, F> {
    type Reading = R;
    type Findings = F;

    fn analyze(&self, _: &R) -> Result<Assessment<F>, AnalysisError> {
        self.0.clone().ok_or(AnalysisError::NothingUsable)
    }
}

fn told<F>(findings: F, score: Option<f64>, reliability: f64, defects: Defects) -> Assessment<F> {
    let score = score.map(|score| Measured::new(score, 0.02).unwrap());
    let reliability = Score::nearest(reliability);
    Assessment {
        findings,
        score,
        undefected: score,
        grade: None,
        reliability,
        coverage: Score::ONE,
        unseen: Unseen::NOTHING,
        defects,
        flags: Flags::default(),
    }
}

fn inspector(
    tof: Option<Assessment<TofFindings>>,
    spectral: Option<Assessment<SpectralFindings>>,
) -> Inspector<Told<TofFrame, TofFindings>, Told<Spectrum, SpectralFindings>, PowerMeanRule> {
    Inspector {
        tof: Told(tof, std::marker::PhantomData),
        spectral: Told(spectral, std::marker::PhantomData),
        rule: PowerMeanRule::default(),
        decision: Decision::default(),
        weights: SensorWeights::default(),
        calibration: Calibration::NONE,
    }
}

const SHAPE: TofFindings = TofFindings {
    valid_zones: 64,
    height_mm: None,
    volume_mm3: None,
    avg_height_mm: None,
    height_variation_mm: None,
    surface_uniformity: None,
    tilt_deg: None,
    areal: None,
    areal_levelled: None,
    bins_analysis: None,
    reflectance_analysis: None,
    pulse_analysis: None,
};

const COLOUR: SpectralFindings = SpectralFindings {
    basic_counts: [None; 10],
    reflectance: [None; 10],
    color: None,
    oxidation_index: None,
    freshness_index: None,
    fat_quality_index: None,
    color_uniformity: None,
    snr: None,
    nir_to_clear: None,
    outlier: None,
    color_score: None,
};

fn readings() -> (TofFrame, Spectrum) {
    let reading = fixtures::scene::Station::new(1).read(fixtures::scene::Scene::GOOD, fixtures::scene::Fault::None);
    (reading.frame.unwrap(), reading.spectrum.unwrap())
}

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
        Ok(Assessment { grade, ..self.0.clone() })
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
                let tof = Assessment { score, undefected, defects, ..told(SHAPE, None, 1.0, Defects::new()) };
                let (score, undefected, defects) = with(measured(colour), found && !of_shape);
                let spectral = Assessment { score, undefected, defects, ..told(COLOUR, None, 1.0, Defects::new()) };
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
    let shape = Assessment { coverage: Score::nearest(0.2), ..told(SHAPE, Some(0.99), 1.0, Defects::new()) };
    let colour = told(COLOUR, Some(0.97), 1.0, Defects::new());
    let verdict = inspector(Some(shape), Some(colour)).inspect(Some(&frame), Some(&spectrum)).verdict;
    assert_eq!((verdict.grade, verdict.cap), (Grade::B, Cap::Coverage));
    assert!((verdict.coverage.get() - 0.6).abs() < 1e-12);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn inv_10_spreading_two_scores_about_their_average_never_lowers_conflict_nor_raises_confidence(
        middle in 0.2..0.8_f64, near in 0.0..0.2_f64, farther in 0.0..0.2_f64, u in 0.01..0.2_f64,
    ) {
        let rule = PowerMeanRule::new(Exponent::ARITHMETIC, 0.0, 0.05).unwrap();
        let spread = |d: f64| judged(&rule, &[(middle - d, u, 1.0, 1.0), (middle + d, u, 1.0, 1.0)]);
        let far = (near + farther).min(middle).min(1.0 - middle);
        let (close_by, apart) = (spread(near.min(far)), spread(far));
        prop_assert!(close(close_by.0.score.value(), apart.0.score.value()));
        prop_assert!(apart.0.conflict.get() >= close_by.0.conflict.get() - 1e-12);
        prop_assert!(apart.1.confidence_raw.get() <= close_by.1.confidence_raw.get() + 1e-12);
    }

    #[test]
    fn extreme_uncertainties_and_weights_stay_finite(
        scores in prop::collection::vec((0.0..=1.0_f64, 0..3_usize, 0..3_usize), 1..=3), tau in 0..2_usize,
    ) {
        let (us, weights) = ([0.0, 1e-300, 1e300], [1e-300, 1.0, 1e300]);
        let sensors: Vec<_> = scores.iter().map(|(score, u, w)| (*score, us[*u], weights[*w], 1.0)).collect();
        let rule = PowerMeanRule::new(Exponent::HARMONIC, 0.0, [0.0, 0.1][tau]).unwrap();
        if let Ok(fused) = rule.fuse(&evidence(&sensors)) {
            let decided = Decision::default().decide(&fused);
            prop_assert!(decided.probabilities.iter().all(|p| (0.0..=1.0).contains(p)));
            prop_assert!(close(decided.probabilities.iter().sum(), 1.0));
        }
    }
}

/// The quantities that are *not* monotone (measurement model 3.6), each with a case that shows it.
/// They are documented behaviour and must not be changed.
mod not_monotone {
    use super::*;

    fn two(a: (f64, f64), b: (f64, f64)) -> (Fused, Decided) {
        judged(&PowerMeanRule::default(), &[(a.0, a.1, 1.0, 1.0), (b.0, b.1, 1.0, 1.0)])
    }

    /// Raising the better score raises the conflict, hence the uncertainty, hence the requirement
    /// of the guard: C becomes REJECT.
    #[test]
    fn the_grade_in_one_score_while_conflict_widens() {
        let (before, after) = (two((0.70, 0.06), (0.52, 0.06)), two((0.98, 0.06), (0.52, 0.06)));
        assert!(after.0.score.value() > before.0.score.value());
        assert_eq!((before.1.grade, after.1.grade), (Grade::C, Grade::Reject));
    }

    /// A tray that the guard moved down lies outside the interval of its final grade, so a larger
    /// uncertainty puts more probability into that interval.
    #[test]
    fn the_probability_of_the_final_grade_in_the_uncertainty() {
        let probability = |u: f64| {
            let (_, decided) = judged(&PowerMeanRule::default(), &[(0.955, u, 1.0, 1.0)]);
            assert_eq!((decided.point, decided.grade), (Grade::APlus, Grade::A));
            decided.probabilities[1]
        };
        assert!(probability(0.05) > probability(0.007));
    }

    /// Grades have intervals of unequal width, so a larger uncertainty can put more probability
    /// into a wide one.
    #[test]
    fn the_largest_probability_in_the_uncertainty() {
        let largest = |u: f64| {
            judged(&PowerMeanRule::default(), &[(0.30, u, 1.0, 1.0)]).1.probabilities.into_iter().fold(0.0, f64::max)
        };
        let near = |u: f64| {
            judged(&PowerMeanRule::default(), &[(0.86, u, 1.0, 1.0)]).1.probabilities.into_iter().fold(0.0, f64::max)
        };
        assert!(largest(0.3) < largest(0.05));
        assert!(near(1.5) > near(0.08), "{} {}", near(1.5), near(0.08));
    }

    /// A lower reliability of one sensor moves weight to the other one, so the score may rise or
    /// fall.
    #[test]
    fn the_score_in_a_reliability() {
        let rule = PowerMeanRule::default();
        let score = |a: f64, b: f64| judged(&rule, &[(0.9, 0.02, 1.0, a), (0.6, 0.02, 1.0, b)]).0.score.value();
        assert!(score(1.0, 0.5) > score(1.0, 1.0) && score(0.5, 1.0) < score(1.0, 1.0));
    }

    /// Losing the worse sensor raises the score. The cap by coverage prevents a grade above B.
    #[test]
    fn the_score_in_a_missing_sensor() {
        let rule = PowerMeanRule::default();
        let both = judged(&rule, &[(0.97, 0.005, 1.0, 1.0), (0.80, 0.005, 1.0, 1.0)]);
        let alone = rule.fuse(&[evidence(&[(0.97, 0.005, 1.0, 1.0)])[0], Evidence::missing(1.0).unwrap()]).unwrap();
        assert!(alone.score.value() > both.0.score.value());
        let capped = Decision::default().decide_with(&alone, &[], alone.coverage);
        assert_eq!((capped.grade, capped.cap), (Grade::B, Cap::Coverage));
    }

    /// A calibrated confidence has plateaus: it never falls with the raw one, but it need not rise.
    #[test]
    fn a_calibrated_confidence_in_the_raw_one() {
        use sqal_fusion::calibration::{Isotonic, Knot};
        let knot =
            |raw, calibrated| Knot { raw: Score::nearest(raw), calibrated: Score::nearest(calibrated), labels: 10 };
        let curve = Isotonic::new(&[knot(0.2, 0.5), knot(0.6, 0.5), knot(0.9, 0.8)]).unwrap();
        assert_eq!(curve.at(Score::nearest(0.3)), curve.at(Score::nearest(0.5)));
    }
}

/// The reported uncertainty is one that a score can have, even if two sensors disagree completely.
#[test]
fn a_verdict_never_states_an_uncertainty_above_a_half() {
    let (frame, spectrum) = readings();
    let with = |score: f64, u: f64| Some(Measured::new(score, u).unwrap());
    let shape =
        Assessment { score: with(1.0, 0.001), undefected: with(1.0, 0.001), ..told(SHAPE, None, 1.0, Defects::new()) };
    let colour =
        Assessment { score: with(0.0, 0.3), undefected: with(0.0, 0.001), ..told(COLOUR, None, 1.0, Defects::new()) };
    let verdict = inspector(Some(shape), Some(colour)).inspect(Some(&frame), Some(&spectrum)).verdict;
    assert_eq!((verdict.grade, verdict.score.unwrap().u()), (Grade::Reject, 0.5));
}

/// A verdict names its rule, the term that costs most, and what would have changed the grade; and
/// that prediction is true.
#[test]
fn a_verdict_knows_its_reasons() {
    let (frame, spectrum) = readings();
    let judge = |shape: f64, colour: f64, severity: Option<Severity>| {
        let defects =
            severity.map(|s| Defect::new(DefectKind::Tilt, s, ZoneSet::default(), Score::ONE)).into_iter().collect();
        inspector(Some(told(SHAPE, Some(shape), 1.0, defects)), Some(told(COLOUR, Some(colour), 1.0, Defects::new())))
            .inspect(Some(&frame), Some(&spectrum))
            .verdict
    };
    let verdict = judge(0.80, 0.90, None);
    assert_eq!(verdict.reasons.rule, RuleKind::HarmonicMean);
    assert_eq!(verdict.reasons.weakest, Some(Instrument::Tof));
    assert_eq!(judge(0.90, 0.80, None).reasons.weakest, Some(Instrument::Spectral));
    assert_eq!(judge(0.85, 0.85, None).reasons.weakest, None);
    let next = verdict.reasons.next.unwrap();
    assert_eq!((verdict.grade, next.grade), (Grade::B, Grade::A));
    assert_eq!(next.score, Some(Score::nearest(0.85)), "A has no guard: its threshold is what it takes");
    assert_eq!(next.u, None);

    // The grade was held back by a defect: without the cap, the score alone decides.
    let held = judge(0.90, 0.90, Some(Severity::Major));
    assert_eq!((held.grade, held.cap), (Grade::B, Cap::MajorDefect));
    assert_eq!(held.reasons.next.map(|next| next.grade), Some(Grade::A));
    let text = held.explain(sqal_core::verdict::Language::English).to_string();
    assert!(text.contains("(harmonic mean)") && text.contains("without it the grade would be A"), "{text}");
    assert_eq!(judge(1.0, 1.0, None).reasons.next, None, "there is nothing better than A+");
    assert_eq!(inspector(None, None).inspect(None, None).verdict.reasons, sqal_core::verdict::Reasons::default());
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
    inspector.calibration = Calibration { version: 4, labels: 300, calibrator };
    let verdict = inspector.inspect(Some(&frame), Some(&spectrum)).verdict;
    let calibrated = verdict.calibrated.unwrap();
    assert_eq!(calibrated.version, 4);
    assert!(close(calibrated.confidence.get(), 0.25 + 0.5 * verdict.confidence.get()));
    assert_eq!(verdict.stated_confidence(), calibrated.confidence);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// The prediction of a decision is exact: with the score or the uncertainty that it names, the
    /// better grade is given; with less, it is not.
    #[test]
    fn what_would_have_changed_the_grade_does(score in 0.0..=1.0_f64, u in 0.0..0.3_f64, guards in prop::array::uniform4(0.05..0.99_f64)) {
        let [a, b, c, d] = guards.map(Score::nearest);
        let decision = Decision { guard: Guard::new(a, b, c, d), ..Decision::default() };
        let fused = |score: f64, u: f64| {
            let rule = PowerMeanRule::default();
            rule.fuse(&evidence(&[(score, u, 1.0, 1.0)])).unwrap()
        };
        let decided = decision.decide(&fused(score, u));
        let Some(next) = decided.next else { prop_assert_eq!(decided.grade, Grade::APlus); return Ok(()) };
        prop_assert!(next.grade > decided.grade);
        if let Some(least) = next.score {
            let least = least.get();
            prop_assert!(least >= score - 1e-9);
            prop_assert!(decision.decide(&fused((least + 1e-9).min(1.0), u)).grade >= next.grade || least > 1.0 - 1e-9);
            prop_assert!(decision.decide(&fused((least - 1e-6).max(0.0), u)).grade < next.grade);
        }
        if let Some(most) = next.u {
            prop_assert!(most < u);
            prop_assert!(decision.decide(&fused(score, most * (1.0 - 1e-9))).grade >= next.grade);
            prop_assert!(decision.decide(&fused(score, most * (1.0 + 1e-6) + 1e-12)).grade < next.grade);
        }
    }

    /// The guard by its definition: the best grade whose probability is enough, and which is no
    /// better than the point grade.
    #[test]
    fn the_final_grade_is_the_best_that_is_certain_enough(score in 0.0..=1.0_f64, u in 0.0..0.3_f64, guards in prop::array::uniform4(0.05..0.99_f64)) {
        let least = guards.map(Score::nearest);
        let guard = Guard::new(least[0], least[1], least[2], least[3]);
        let decision = Decision { guard, ..Decision::default() };
        let fused = PowerMeanRule::default().fuse(&evidence(&[(score, u, 1.0, 1.0)])).unwrap();
        let decided = decision.decide(&fused);
        let alone = Decision { guard: guard.each_alone(), ..decision }.decide(&fused);
        // P(at least this grade), summed from the probabilities of each grade.
        let reached: Vec<f64> = (0..5).map(|k| decided.probabilities[..=k].iter().sum()).collect();
        let enough = |k: usize| reached[k] >= least[k].get();
        prop_assume!((0..4).all(|k| (reached[k] - least[k].get()).abs() > 1e-9));
        let point = Grade::ALL.iter().position(|grade| *grade == decided.point).unwrap();
        let expected = (point..4).find(|k| (*k..4).all(enough)).unwrap_or(4);
        prop_assert_eq!(decided.grade, Grade::ALL[expected]);
        prop_assert_eq!(alone.grade, Grade::ALL[(point..4).find(|k| enough(*k)).unwrap_or(4)]);
        prop_assert!(decided.grade <= alone.grade);
        prop_assert!(close(decided.conformity_probability.get(), reached[expected]));
        prop_assert!(Grade::ALL.into_iter().zip(least).all(|(grade, least)| guard.of(grade) == least));
        prop_assert_eq!(guard.of(Grade::Reject), Score::ZERO);
        prop_assert_eq!(decided.point, decision.scale.grade_of(Score::nearest(score)));
    }
}

/// A capped decision reports the probability of at least the capped grade, and of each grade alone.
#[test]
fn a_capped_decision_states_the_probability_of_its_own_grade() {
    let half = Score::nearest(0.5);
    let decision = Decision { guard: Guard::new(half, half, half, half), ..Decision::default() };
    let fused = PowerMeanRule::default().fuse(&evidence(&[(0.88, 0.2, 1.0, 1.0), (0.90, 0.2, 1.0, 1.0)])).unwrap();
    let defect = |severity| [Defect::new(DefectKind::Tilt, severity, ZoneSet::default(), Score::ONE)];
    let plain = decision.decide(&fused);
    assert!(decision.probabilities(fused.score).iter().zip(plain.probabilities).all(|(a, b)| close(*a, b)));
    assert!(close(plain.probabilities.iter().sum(), 1.0) && plain.probabilities.iter().all(|p| *p > 0.0));
    let at_least = |k: usize| -> f64 { plain.probabilities[..=k].iter().sum() };
    assert!(close(plain.conformity_probability.get(), at_least(1)));
    let capped = decision.decide_with(&fused, &defect(Severity::Major), Score::ONE);
    assert_eq!((capped.grade, capped.cap), (Grade::B, Cap::MajorDefect));
    assert!(close(capped.conformity_probability.get(), at_least(2)) && at_least(2) > at_least(1) + 1e-3);
    let rejected = decision.decide_with(&fused, &defect(Severity::Critical), Score::ONE);
    assert!(close(rejected.conformity_probability.get(), 1.0));
    // A cap at the grade that is given without it holds nothing back.
    let b = PowerMeanRule::default().fuse(&evidence(&[(0.75, 0.01, 1.0, 1.0), (0.76, 0.01, 1.0, 1.0)])).unwrap();
    let held = decision.decide_with(&b, &defect(Severity::Major), Score::ONE);
    assert_eq!((held.grade, held.cap), (Grade::B, Cap::None));
    assert_eq!(held.next.map(|next| next.grade), Some(Grade::A));
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

/// The reported weakest instrument is the one whose score, raised to 1, would raise the fused score
/// most, to first order.
#[test]
fn the_term_that_costs_most_is_found_by_what_perfection_would_gain() {
    let (frame, spectrum) = readings();
    let weakest = |shape: f64, colour: f64, weights: SensorWeights| {
        let mut inspector = inspector(
            Some(told(SHAPE, Some(shape), 1.0, Defects::new())),
            Some(told(COLOUR, Some(colour), 1.0, Defects::new())),
        );
        inspector.weights = weights;
        // With the arithmetic mean, a sensor's gain is its weight times (1 − score).
        inspector.rule = PowerMeanRule::new(Exponent::ARITHMETIC, 0.0, 0.1).unwrap();
        let verdict = inspector.inspect(Some(&frame), Some(&spectrum)).verdict;
        assert_eq!(verdict.reasons.rule, RuleKind::WeightedAverage);
        verdict.reasons.weakest
    };
    // 3 × 0.1 against 1 × 0.2, and 3 × 0.05 against 1 × 0.2.
    assert_eq!(weakest(0.90, 0.80, SensorWeights::new(3.0, 1.0).unwrap()), Some(Instrument::Tof));
    assert_eq!(weakest(0.95, 0.80, SensorWeights::new(3.0, 1.0).unwrap()), Some(Instrument::Spectral));
    assert_eq!(weakest(0.10, 0.95, SensorWeights::new(1.0, 30.0).unwrap()), Some(Instrument::Spectral));
    for (exponent, kind) in
        [(-1.0, RuleKind::HarmonicMean), (f64::NEG_INFINITY, RuleKind::WorstScore), (-2.0, RuleKind::PowerMean)]
    {
        let rule = PowerMeanRule::new(Exponent::new(exponent).unwrap(), 0.0, 0.1).unwrap();
        assert_eq!(rule.kind(), kind);
    }
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

#[test]
fn weights_that_are_no_weights_are_refused() {
    for weight in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(Evidence::missing(weight).is_err() && SensorWeights::new(1.0, weight).is_err(), "{weight}");
        assert!(SensorWeights::new(weight, 1.0).is_err(), "{weight}");
    }
    assert!(Evidence::missing(0.0).is_err());
    assert!(SensorWeights::new(0.0, 1.0).is_ok() && SensorWeights::new(1.0, 0.0).is_ok());
    assert!(SensorWeights::new(0.0, 0.0).is_err());
    assert!(SensorWeights::new(f64::MAX, f64::MAX).is_err());
    let said =
        "sensor weights are 0 (tof) and 0 (spectral): expected two numbers of at least 0 with a positive, finite sum";
    assert_eq!(SensorWeights::new(0.0, 0.0).unwrap_err().to_string(), said);
}

/// The prediction is exact at the edges: a guard of one half requires no margin, and an uncertainty
/// that is small enough is no obstacle.
#[test]
fn what_it_takes_at_the_edges() {
    let half = Score::nearest(0.5);
    let decide = |guard: Guard, score: f64, u: f64| {
        let fused = PowerMeanRule::default().fuse(&evidence(&[(score, u, 1.0, 1.0)])).unwrap();
        Decision { guard, ..Decision::default() }.decide(&fused).next
    };
    // Without guards no smaller uncertainty would help: only the score counts.
    let open = Guard::new(half, half, half, half);
    assert_eq!(decide(open, 0.80, 0.1).map(|next| (next.grade, next.u)), Some((Grade::A, None)));
    // If the score is on the threshold itself, no uncertainty satisfies a guard above one half.
    let strict = Guard::new(half, Score::nearest(0.9), half, half);
    assert_eq!(decide(strict, 0.85, 0.1).map(|next| (next.grade, next.u)), Some((Grade::A, None)));
    let above = decide(strict, 0.86, 0.1).unwrap();
    assert!(close(above.u.unwrap(), 0.01 / sqal_core::normal::normal_quantile(0.9)));
    assert!(close(above.score.unwrap().get(), 0.85 + 0.1 * sqal_core::normal::normal_quantile(0.9)));
    // If each guard counts alone, B may be nearer than C.
    let odd = Guard::new(half, half, half, Score::nearest(0.999)).each_alone();
    assert_eq!(decide(odd, 0.55, 0.1).map(|next| next.grade), Some(Grade::B));
    assert_eq!(
        decide(Guard::new(half, half, half, Score::nearest(0.999)), 0.55, 0.1).map(|next| next.grade),
        Some(Grade::C)
    );
}

#[cfg(feature = "serde")]
#[test]
fn a_guard_is_nested_unless_it_says_otherwise() {
    let read = |text: &str| serde_json::from_str::<Guard>(text);
    let plain = read(r#"{"a_plus":0.8,"a":0.5,"b":0.5,"c":0.95}"#).unwrap();
    assert_eq!(plain, Guard::default());
    let alone = read(r#"{"a_plus":0.8,"a":0.5,"b":0.5,"c":0.95,"nested":false}"#).unwrap();
    assert_eq!(alone, Guard::default().each_alone());
    assert_ne!(alone, plain);
    for guard in [plain, alone] {
        assert_eq!(read(&serde_json::to_string(&guard).unwrap()).unwrap(), guard);
    }
    assert!(read(r#"{"a_plus":0.8,"a":0.5,"b":0.5,"c":0.95,"d":1}"#).is_err());
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
            (blind & 1 == 0).then(|| Assessment { unseen: zones, ..told(SHAPE, Some(shape), 1.0 - area, Defects::new()) }),
            (blind & 2 == 0).then(|| Assessment { unseen: channels, ..told(COLOUR, Some(colour), 1.0, Defects::new()) }),
        );
        prop_assert!(less.confidence <= whole.confidence);
        prop_assert!(less.conformity_at_worst() <= whole.conformity_at_worst());
        let allowed = MostUnseen::default().best(&less.unseen).unwrap_or(Grade::Reject);
        prop_assert!(less.grade <= allowed, "{less:?}");
        prop_assert!((less.cap == Cap::Unmeasured) == (allowed == Grade::Reject));
    }
}
