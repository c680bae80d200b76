//! Calibration of confidence against other packages, its laws, and what it refuses.
//!
//! The packages are scikit-learn, scipy, netcal, venn-abers and crepes.
#![cfg(feature = "alloc")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::cast_precision_loss, clippy::suboptimal_flops, reason = "numbers and formulas as they are printed")]

use proptest::prelude::*;
use serde::Deserialize;
use sqal_core::{Grade, Score};
use sqal_fusion::calibration::conformal::{ConformalError, ConformalGrades};
use sqal_fusion::calibration::reliability::{Binning, Reliability, clopper_pearson};
use sqal_fusion::calibration::{
    Calibration, CalibrationError, Calibrator, InvalidIsotonic, Isotonic, Knot, Label, MAX_KNOTS, Platt, Point,
    pool_adjacent_violators, venn_abers,
};

#[derive(Deserialize)]
struct Peers {
    isotonic: Vec<Fit>,
    calibration: Vec<Set>,
}

#[derive(Deserialize)]
struct Fit {
    x: Vec<f64>,
    y: Vec<f64>,
    w: Vec<f64>,
    fitted: Vec<f64>,
    query: Vec<f64>,
    pred: Vec<f64>,
}

#[derive(Deserialize)]
struct Set {
    p: Vec<f64>,
    y: Vec<u8>,
    brier: f64,
    #[serde(rename = "log_loss_clip1e15")]
    log_loss: f64,
    ece10_binary_prob: f64,
    mce10_binary_prob: f64,
    corp: Corp,
    #[serde(rename = "netcal_ECE10")]
    netcal_ece: f64,
    #[serde(rename = "netcal_MCE10")]
    netcal_mce: f64,
    #[serde(rename = "netcal_ACE10")]
    netcal_ace: f64,
    platt_on_logit: Logistic,
    venn_abers: VennAbers,
}

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
struct Corp {
    mcb: f64,
    dsc: f64,
    unc: f64,
}

#[derive(Deserialize)]
struct Logistic {
    a: f64,
    b: f64,
}

#[derive(Deserialize)]
struct VennAbers {
    query: Vec<f64>,
    p0p1: Vec<[f64; 2]>,
}

fn close(ours: f64, theirs: f64, tolerance: f64, what: &str) {
    assert!((ours - theirs).abs() <= tolerance, "{what}: {ours}, expected {theirs}");
}

fn peers() -> Peers {
    serde_json::from_str(fixtures::CALIBRATION).unwrap()
}

fn labels(p: &[f64], y: &[u8]) -> Vec<Label> {
    p.iter().zip(y).map(|(p, y)| Label { confidence: Score::new(*p).unwrap(), correct: *y == 1 }).collect()
}

fn label(confidence: f64, correct: bool) -> Label {
    Label { confidence: Score::nearest(confidence), correct }
}

#[test]
fn all_36_isotonic_fits_agree_with_scikit_learn_to_1e_12() {
    let fits = peers().isotonic;
    assert_eq!(fits.len(), 36);
    for fit in &fits {
        let points: Vec<_> = fit
            .x
            .iter()
            .zip(&fit.y)
            .zip(&fit.w)
            .map(|((x, y), weight)| Point { x: *x, y: *y, weight: *weight })
            .collect();
        let blocks = pool_adjacent_violators(&points);
        assert!(blocks.windows(2).all(|pair| pair[0].to < pair[1].from && pair[0].level < pair[1].level));
        for (x, fitted) in fit.x.iter().zip(&fit.fitted) {
            let here = blocks.iter().find(|block| (block.from..=block.to).contains(x)).unwrap();
            close(here.level, *fitted, 1e-12, "fitted");
        }
        // Between blocks: straight lines; beyond the ends: level.
        let knots: Vec<(f64, f64)> =
            blocks.iter().flat_map(|block| [(block.from, block.level), (block.to, block.level)]).collect();
        for (x, predicted) in fit.query.iter().zip(&fit.pred) {
            let right = knots.partition_point(|knot| knot.0 < *x);
            let (left, right) = (knots[right.saturating_sub(1)], knots[right.min(knots.len() - 1)]);
            let share = if right.0 > left.0 { ((x - left.0) / (right.0 - left.0)).clamp(0.0, 1.0) } else { 0.0 };
            close(left.1 + share * (right.1 - left.1), *predicted, 1e-12, "predicted");
        }
        // The points in another order give the same fit.
        let backwards: Vec<_> = points.iter().rev().copied().collect();
        for (a, b) in pool_adjacent_violators(&backwards).iter().zip(&blocks) {
            close(a.level, b.level, 1e-12, "backwards");
        }
    }
}

#[test]
fn all_12_reliability_figures_agree_with_scikit_learn_and_netcal_to_1e_12() {
    let sets = peers().calibration;
    assert_eq!(sets.len(), 12);
    for set in &sets {
        let reliability = Reliability::of(&labels(&set.p, &set.y), Binning::EqualWidth(10)).unwrap();
        close(reliability.brier, set.brier, 1e-12, "Brier");
        close(reliability.log_loss, set.log_loss, 1e-12, "log loss");
        close(reliability.ece, set.ece10_binary_prob, 1e-12, "ECE");
        close(reliability.ece, set.netcal_ece, 1e-12, "ECE of netcal");
        close(reliability.mce, set.mce10_binary_prob, 1e-12, "MCE");
        close(reliability.mce, set.netcal_mce, 1e-12, "MCE of netcal");
        close(reliability.ace, set.netcal_ace, 1e-12, "ACE of netcal");
        close(reliability.miscalibration, set.corp.mcb, 1e-12, "MCB");
        close(reliability.discrimination, set.corp.dsc, 1e-12, "DSC");
        close(reliability.uncertainty, set.corp.unc, 1e-12, "UNC");
        close(reliability.skill.unwrap(), 1.0 - set.brier / set.corp.unc, 1e-12, "skill");
        assert_eq!(reliability.samples, set.p.len());
        assert_eq!(reliability.bins.iter().map(|bin| bin.samples).sum::<usize>(), set.p.len());
    }
}

#[test]
fn all_platt_fits_agree_with_the_peer_to_1e_6() {
    for set in &peers().calibration {
        // Through the public function, which fits Platt's curve below 200 labels. A larger set is
        // tested with fewer of its labels.
        let mut few = labels(&set.p, &set.y);
        if few.len() >= 200 {
            continue;
        }
        let calibration = Calibration::fit(&few, 1).unwrap();
        let Calibrator::Platt(platt) = calibration.calibrator else {
            panic!("{} labels carry no isotonic fit", few.len())
        };
        close(platt.a(), set.platt_on_logit.a, 1e-6, "a");
        close(platt.b(), set.platt_on_logit.b, 1e-6, "b");
        let at = |p: f64| 1.0 / (1.0 + (platt.a() * (p / (1.0 - p)).ln() + platt.b()).exp());
        close(platt.at(Score::nearest(0.3)).get(), at(0.3), 1e-12, "curve");
        few.reverse();
        assert_eq!(Calibration::fit(&few, 1).map(|again| again.labels), Ok(calibration.labels));
    }
}

#[test]
fn all_venn_abers_intervals_agree_with_the_peer_to_1e_12() {
    for set in &peers().calibration {
        let labels = labels(&set.p, &set.y);
        for (query, [p0, p1]) in set.venn_abers.query.iter().zip(&set.venn_abers.p0p1) {
            let (low, high) = venn_abers(&labels, Score::nearest(*query));
            close(low.get(), *p0, 1e-12, "p0");
            close(high.get(), *p1, 1e-12, "p1");
        }
    }
    assert_eq!(venn_abers(&[], Score::nearest(0.4)), (Score::ZERO, Score::ONE));
}

#[derive(Deserialize)]
struct Conformal {
    n_cal: usize,
    alpha: f64,
    probs: Vec<[f64; 5]>,
    y: Vec<usize>,
    qhat: f64,
    sets: Vec<Vec<usize>>,
}

#[test]
fn all_12_conformal_problems_agree_with_crepes() {
    let problems: Vec<Conformal> = serde_json::from_str(fixtures::CONFORMAL).unwrap();
    assert_eq!(problems.len(), 12);
    for problem in &problems {
        let samples: Vec<_> = problem.probs.iter().copied().zip(problem.y.iter().map(|k| Grade::ALL[*k])).collect();
        let (known, new) = samples.split_at(problem.n_cal);
        let conformal = ConformalGrades::fit(known, Score::nearest(problem.alpha)).unwrap();
        close(conformal.threshold().get(), problem.qhat, 1e-12, "threshold");
        assert_eq!((conformal.samples() as usize, conformal.alpha()), (problem.n_cal, Score::nearest(problem.alpha)));
        assert_eq!(new.len(), problem.sets.len());
        for ((probabilities, _), theirs) in new.iter().zip(&problem.sets) {
            let theirs: Vec<_> = theirs.iter().map(|k| Grade::ALL[*k]).collect();
            assert_eq!(conformal.grades(probabilities).as_slice(), theirs);
        }
    }
}

#[test]
fn a_conformal_set_that_would_hold_everything_is_refused() {
    let sample = ([0.2; 5], Grade::A);
    let tenth = Score::nearest(0.1);
    assert_eq!(
        ConformalGrades::fit(&[sample; 8], tenth),
        Err(ConformalError::TooFew { given: 8, alpha: 0.1, least: 9 })
    );
    assert!(ConformalGrades::fit(&[sample; 9], tenth).is_ok());
    assert_eq!(ConformalGrades::fit(&[sample; 9], Score::ZERO), Err(ConformalError::Alpha(0.0)));
    assert_eq!(ConformalGrades::fit(&[sample; 9], Score::ONE), Err(ConformalError::Alpha(1.0)));
}

#[test]
fn a_contiguous_set_has_no_gap_and_is_never_empty() {
    let sure = ([0.9, 0.1, 0.0, 0.0, 0.0], Grade::APlus);
    let conformal = ConformalGrades::fit(&[sure; 20], Score::nearest(0.1)).unwrap();
    assert!(conformal.grades(&[0.2, 0.4, 0.2, 0.1, 0.1]).is_empty());
    assert_eq!(conformal.contiguous(&[0.2, 0.4, 0.2, 0.1, 0.1]).as_slice(), [Grade::A]);
    let unsure = ([0.45, 0.1, 0.45, 0.0, 0.0], Grade::APlus);
    let conformal = ConformalGrades::fit(&[unsure; 20], Score::nearest(0.1)).unwrap();
    assert_eq!(conformal.grades(&[0.45, 0.1, 0.45, 0.0, 0.0]).as_slice(), [Grade::APlus, Grade::B]);
    assert_eq!(conformal.contiguous(&[0.45, 0.1, 0.45, 0.0, 0.0]).as_slice(), [Grade::APlus, Grade::A, Grade::B]);
}

#[test]
fn what_is_not_a_number_is_never_the_best_case() {
    let sure = ([0.9, 0.1, 0.0, 0.0, 0.0], Grade::APlus);
    let conformal = ConformalGrades::fit(&[sure; 20], Score::nearest(0.1)).unwrap();
    assert!(conformal.grades(&[f64::NAN; 5]).is_empty());
    let broken = ([f64::NAN, 0.0, 0.0, 0.0, 0.0], Grade::APlus);
    assert_eq!(ConformalGrades::fit(&[broken; 20], Score::nearest(0.1)).unwrap().threshold(), Score::ONE);
    let infinite = Point { x: 0.0, y: 1.0, weight: f64::INFINITY };
    assert!(pool_adjacent_violators(&[infinite]).is_empty());
    assert_eq!(clopper_pearson(1, 0, Score::nearest(0.95)), (0.0, 1.0));
}

#[test]
fn too_few_labels_are_refused_and_few_get_two_parameters_only() {
    let some = |n: usize| -> Vec<Label> { (0..n).map(|k| label((k % 10) as f64 / 10.0, k % 3 == 0)).collect() };
    assert_eq!(Calibration::fit(&some(49), 1), Err(CalibrationError::TooFewLabels { given: 49 }));
    assert!(matches!(Calibration::fit(&some(50), 1).unwrap().calibrator, Calibrator::Platt(_)));
    assert!(matches!(Calibration::fit(&some(199), 1).unwrap().calibrator, Calibrator::Platt(_)));
    assert!(matches!(Calibration::fit(&some(200), 1).unwrap().calibrator, Calibrator::Isotonic(_)));
    assert_eq!(Calibration::fit(&some(200), 0), Err(CalibrationError::Version));
    assert_eq!(Calibration::fit(&[label(0.5, true); 60], 1), Err(CalibrationError::OneOutcome { given: 60 }));
    assert_eq!(Calibration::fit(&[label(0.5, false); 60], 1), Err(CalibrationError::OneOutcome { given: 60 }));
    let none = Calibration::default();
    assert!(!none.is_calibrated() && none.measured(Score::ONE).is_none() && none.version == 0);
    assert_eq!(none.calibrate(Score::nearest(0.3)), Score::nearest(0.3));
}

#[test]
fn the_fewer_the_labels_the_wider_the_calibrated_confidence() {
    let some = |n: usize| -> Vec<Label> { (0..n).map(|k| label(0.2 + 0.6 * (k % 2) as f64, k % 4 == 1)).collect() };
    let u = |n: usize, at: f64| Calibration::fit(&some(n), 1).unwrap().measured(Score::nearest(at)).unwrap().u();
    assert!(u(60, 0.5) > u(190, 0.5) && u(400, 0.5) > u(4000, 0.5));
    // Two of four labels are right at 0.8: the posterior deviation of a frequency of a half among
    // 200 labels.
    close(u(400, 0.8), (0.25 / 203.0_f64).sqrt(), 1e-9, "u of a frequency");
    close(Calibration::fit(&some(400), 1).unwrap().calibrate(Score::nearest(0.8)).get(), 0.5, 1e-12, "frequency");
    // Platt: in the middle of two groups of equal size, by the information of a logistic model.
    let measured = Calibration::fit(&some(100), 7).unwrap().measured(Score::nearest(0.8)).unwrap();
    close(measured.value(), 0.5, 0.02, "frequency");
    close(measured.u(), (0.25 / 50.0_f64).sqrt(), 0.01, "u of a frequency among 50");
}

#[test]
fn labels_that_contradict_the_confidence_make_a_level_curve() {
    let against: Vec<Label> =
        (0..100).map(|k| label(if k % 2 == 0 { 0.9 } else { 0.1 }, k % 2 == 1 || k % 20 == 0)).collect();
    let calibration = Calibration::fit(&against, 1).unwrap();
    let Calibrator::Platt(platt) = &calibration.calibrator else { panic!("100 labels") };
    assert!(platt.a().abs() < 1e-12);
    let base = calibration.calibrate(Score::nearest(0.1)).get();
    close(base, 56.0 / 102.0, 1e-12, "the base rate");
    close(calibration.calibrate(Score::nearest(0.9)).get(), base, 1e-12, "level");
    assert!(calibration.measured(Score::nearest(0.5)).unwrap().u() > 0.03);
}

#[test]
fn a_curve_that_falls_cannot_be_built() {
    let knot = |raw: f64, calibrated: f64, labels: u32| Knot {
        raw: Score::nearest(raw),
        calibrated: Score::nearest(calibrated),
        labels,
    };
    assert_eq!(Isotonic::new(&[]), Err(InvalidIsotonic::Empty));
    assert_eq!(Isotonic::new(&[knot(0.1, 0.5, 1), knot(0.2, 0.4, 1)]), Err(InvalidIsotonic::Falls(1)));
    assert_eq!(Isotonic::new(&[knot(0.1, 0.5, 1), knot(0.1, 0.6, 1)]), Err(InvalidIsotonic::Falls(1)));
    assert_eq!(Isotonic::new(&[knot(0.1, 0.5, 0)]), Err(InvalidIsotonic::Falls(0)));
    let many: Vec<_> = (0..129).map(|k| knot(f64::from(k) / 129.0, 0.5, 1)).collect();
    assert_eq!(Isotonic::new(&many), Err(InvalidIsotonic::TooMany(129)));
    assert!(Isotonic::new(&many[1..]).is_ok());
    let line = Isotonic::new(&[knot(0.2, 0.4, 1), knot(0.6, 0.8, 1)]).unwrap();
    for (raw, calibrated) in [(0.0, 0.4), (0.2, 0.4), (0.4, 0.6), (0.5, 0.7), (0.6, 0.8), (1.0, 0.8)] {
        close(line.at(Score::nearest(raw)).get(), calibrated, 1e-12, "line");
    }
    assert_eq!(line.knots().len(), 2);
    for (a, b, covariance) in [
        (1.0, 0.0, [1.0, 1.0, 0.0]),
        (f64::NAN, 0.0, [1.0, 1.0, 0.0]),
        (-1.0, f64::INFINITY, [1.0, 1.0, 0.0]),
        (-1.0, 0.0, [-1.0, 1.0, 0.0]),
        (-1.0, 0.0, [1.0, -1.0, 0.0]),
        (-1.0, 0.0, [1.0, 1.0, 2.0]),
        (-1.0, 0.0, [f64::INFINITY, 1.0, 0.0]),
    ] {
        assert!(Platt::new(a, b, covariance).is_err(), "{a} {b} {covariance:?}");
    }
    assert!(Platt::new(0.0, 0.0, [0.0, 1.0, 0.0]).is_ok());
}

#[test]
fn equal_mass_bins_share_the_samples_and_bands_hold_what_they_should() {
    let all: Vec<Label> = (0..103).map(|k| label(f64::from(k) / 103.0, k % 2 == 0)).collect();
    let reliability = Reliability::of(&all, Binning::EqualMass(10)).unwrap();
    let sizes: Vec<_> = reliability.bins.iter().map(|bin| bin.samples).collect();
    assert_eq!(sizes, [11, 11, 11, 10, 10, 10, 10, 10, 10, 10]);
    let bin = reliability.bins[5];
    let half = 1.644_853_626_951_472_2 * (bin.confidence * (1.0 - bin.confidence) / 10.0).sqrt();
    close(bin.band.0, bin.confidence - half, 1e-12, "band");
    close(bin.band.1, (bin.confidence + half).min(1.0), 1e-12, "band");
    assert!(reliability.bins[0].band.0.abs() < 1e-15);
    // A plateau is one bin, whatever its size. If it were split by order, its wrong half and its
    // right half would look like two miscalibrated bins.
    let plateau: Vec<Label> = (0..100)
        .map(|k| {
            label(
                if k < 5 {
                    0.1
                } else if k < 95 {
                    0.5
                } else {
                    0.9
                },
                k % 2 == 0,
            )
        })
        .collect();
    let on_it = Reliability::of(&plateau, Binning::EqualMass(10)).unwrap();
    assert_eq!(on_it.bins.iter().map(|bin| bin.samples).collect::<Vec<_>>(), [95, 5]);
    let tied: Vec<Label> = (0..90).map(|k| label(0.5, k >= 45)).collect();
    assert!(Reliability::of(&tied, Binning::EqualMass(10)).unwrap().ece < 1e-12);
    assert_eq!(Reliability::of(&[], Binning::EqualMass(10)), None);
    assert_eq!(Reliability::of(&all, Binning::EqualMass(0)), None);
    assert_eq!(Reliability::of(&all, Binning::EqualWidth(0)), None);
    assert_eq!(Reliability::of(&all[..3], Binning::EqualMass(10)).unwrap().bins.len(), 3);
    assert_eq!(Reliability::of(&[label(0.5, true)], Binning::EqualWidth(10)).unwrap().skill, None);
}

/// The binomial tails beyond the limits equal the allowed error, which is the definition of Clopper
/// and Pearson.
#[test]
fn clopper_pearson_limits_leave_out_what_they_should() {
    let tail = |n: u64, p: f64, from: u64, to: u64| -> f64 {
        let ln = |k: u64| (1..=k).map(|j| (j as f64).ln()).sum::<f64>();
        (from..=to)
            .map(|k| (ln(n) - ln(k) - ln(n - k) + k as f64 * p.ln() + (n - k) as f64 * (1.0 - p).ln()).exp())
            .sum()
    };
    for (hits, n) in [(0, 20), (1, 20), (7, 50), (19, 20), (20, 20)] {
        let (low, high) = clopper_pearson(hits, n, Score::nearest(0.95));
        assert!(if hits == 0 { low.abs() < 1e-15 } else { (tail(n, low, hits, n) - 0.025).abs() < 1e-9 });
        assert!(if hits == n { (high - 1.0).abs() < 1e-15 } else { (tail(n, high, 0, hits) - 0.025).abs() < 1e-9 });
    }
}

fn some_labels() -> impl Strategy<Value = Vec<Label>> {
    prop::collection::vec(
        (0..=40_u32, any::<bool>()).prop_map(|(c, correct)| label(f64::from(c) / 40.0, correct)),
        200..500,
    )
}

/// Joins two neighbours by their labels: the added squared error, and the level.
fn union(a: (f64, f64), b: (f64, f64)) -> (f64, f64, f64) {
    let (right, all) = (a.0 + b.0, a.1 + b.1);
    let error = |(right, all): (f64, f64)| right - right * right / all;
    (right, all, error((right, all)) - error(a) - error(b))
}

/// If a fit has more steps than a curve can hold, the two neighbours whose union adds the least
/// error are joined, repeatedly.
#[test]
fn too_many_steps_are_joined_where_it_costs_least() {
    // Places with rising frequencies and different numbers of labels, so that no two unions cost
    // equally much.
    let places: Vec<(f64, u32, u32)> = (0..160_u32)
        .map(|k| {
            let all = 300 + k * 37 % 101;
            (f64::from(k) / 160.0, (all * (2 * k + 1) + 161) / 322, all)
        })
        .collect();
    let labels: Vec<Label> = places
        .iter()
        .flat_map(|(x, right, all)| (0..*all).map(|k| Label { confidence: Score::nearest(*x), correct: k < *right }))
        .collect();
    let mut blocks: Vec<(f64, f64, f64, f64)> =
        places.iter().map(|(x, right, all)| (*x, *x, f64::from(*right), f64::from(*all))).collect();
    assert!(blocks.is_sorted_by(|a, b| a.2 / a.3 < b.2 / b.3), "each place is a step of its own");
    while blocks.len() > MAX_KNOTS / 2 {
        let cost = |k: usize| union((blocks[k].2, blocks[k].3), (blocks[k + 1].2, blocks[k + 1].3)).2;
        let least = (0..blocks.len() - 1).min_by(|a, b| cost(*a).total_cmp(&cost(*b))).unwrap();
        let (a, b) = (blocks[least], blocks.remove(least + 1));
        blocks[least] = (a.0, b.1, a.2 + b.2, a.3 + b.3);
    }
    let calibration = Calibration::fit(&labels, 1).unwrap();
    for (from, to, right, all) in &blocks {
        for raw in [*from, *to] {
            let level = calibration.calibrate(Score::nearest(raw)).get();
            assert!((level - right / all).abs() < 1e-12, "{raw}: {level}, expected {}", right / all);
        }
    }
    let Calibrator::Isotonic(curve) = &calibration.calibrator else { panic!("many labels") };
    let text = serde_json::to_string(curve).unwrap();
    assert_eq!(&serde_json::from_str::<Isotonic>(&text).unwrap(), curve, "as many knots as it holds are read back");
    assert!(text.matches("raw").count() <= MAX_KNOTS);
    // If the steps are as many as fit into a curve, none of them is joined.
    let few = &labels[..labels.iter().position(|label| label.confidence.get() >= 64.0 / 160.0).unwrap()];
    let calibration = Calibration::fit(few, 1).unwrap();
    for (x, right, all) in &places[..64] {
        let level = calibration.calibrate(Score::nearest(*x)).get();
        assert!((level - f64::from(*right) / f64::from(*all)).abs() < 1e-12);
    }
}

/// If all of n labels are right, the calibrated confidence is 1 − 1/(n + 2), not 1.
#[test]
fn perfect_labels_are_one_in_n_plus_two_from_certain() {
    let labels: Vec<_> =
        (0..400).map(|k| Label { confidence: Score::nearest(f64::from(k) / 400.0), correct: k >= 200 }).collect();
    let calibration = Calibration::fit(&labels, 1).unwrap();
    let at = |raw: f64| calibration.calibrate(Score::nearest(raw)).get();
    for (raw, expected) in [(0.0, 1.0 / 402.0), (0.3, 1.0 / 402.0), (0.7, 1.0 - 1.0 / 402.0), (1.0, 1.0 - 1.0 / 402.0)]
    {
        assert!((at(raw) - expected).abs() < 1e-15, "{raw}: {}", at(raw));
    }
}

/// Platt's curve has the greatest likelihood: the gradient vanishes there, as far as a likelihood
/// in doubles shows (here its last digit corresponds to a gradient of about 1e-6).
#[test]
fn platts_curve_is_stationary() {
    for seed in 0..20_u32 {
        let label = |k: u32| {
            let raw = f64::from((k * 7 + seed * 13) % 97 + 1) / 99.0;
            Label {
                confidence: Score::nearest(raw),
                correct: f64::from((k * 31 + seed * 17) % 100) < raw * 80.0 + 10.0,
            }
        };
        let labels: Vec<_> = (0..150).map(label).collect();
        let Calibrator::Platt(curve) = Calibration::fit(&labels, 1).unwrap().calibrator else { panic!("150 labels") };
        let right = labels.iter().filter(|label| label.correct).count() as f64;
        let (high, low) = ((right + 1.0) / (right + 2.0), 1.0 / (150.0 - right + 2.0));
        let (mut a, mut b) = (0.0, 0.0);
        for label in &labels {
            let p = label.confidence.get();
            let x = (p / (1.0 - p)).ln();
            let residual = (if label.correct { high } else { low }) - 1.0 / (1.0 + (curve.a() * x + curve.b()).exp());
            a += residual * x;
            b += residual;
        }
        assert!(a.abs() < 1e-5 && b.abs() < 1e-5, "{seed}: {a:e} {b:e}");
    }
}

proptest! {
    /// The blocks hold all pooled points, once and in order. Points without weight are left out.
    #[test]
    fn blocks_are_all_of_it_once_and_rising(
        points in prop::collection::vec((0..20_u32, -1.0..1.0_f64, prop_oneof![1 => Just(0.0), 6 => 0.1..3.0_f64]), 1..60),
    ) {
        let points: Vec<_> = points.into_iter().map(|(x, y, weight)| Point { x: f64::from(x), y, weight }).collect();
        let blocks = pool_adjacent_violators(&points);
        let sum = |f: &dyn Fn(&Point) -> f64| points.iter().map(f).sum::<f64>();
        let weight: f64 = blocks.iter().map(|block| block.weight).sum();
        let moment: f64 = blocks.iter().map(|block| block.weight * block.level).sum();
        prop_assert!((weight - sum(&|p| p.weight)).abs() < 1e-9 && (moment - sum(&|p| p.weight * p.y)).abs() < 1e-9);
        prop_assert!(blocks.is_sorted_by(|a, b| a.to < b.from && a.level < b.level));
        prop_assert!(blocks.iter().all(|block| block.from <= block.to && block.level.is_finite()));
    }
}

/// A wrong label at confidence 1 costs a large but finite loss, and shares a bin with nearly
/// certain ones.
#[test]
fn certainty_that_is_wrong_costs_a_finite_loss() {
    let labels: Vec<_> = [(0.95, true), (1.0, false), (1.0, true), (0.0, false)]
        .map(|(p, correct)| Label { confidence: Score::nearest(p), correct })
        .to_vec();
    let seen = Reliability::of(&labels, Binning::EqualWidth(10)).unwrap();
    assert_eq!(seen.bins.iter().map(|bin| bin.samples).collect::<Vec<_>>(), [1, 3]);
    let expected = -(0.95_f64.ln() + 1e-15_f64.ln()) / 4.0;
    assert!((seen.log_loss - expected).abs() < 1e-3, "{} and {expected}", seen.log_loss);
}

/// If labels contradict the confidence, the curve is level, and as uncertain as a frequency among
/// these labels.
#[test]
fn a_level_curve_is_as_uncertain_as_a_frequency() {
    let label =
        |k: u32| Label { confidence: Score::nearest(f64::from(k % 10) / 10.0), correct: k % 10 < 4 || k % 20 == 5 };
    let labels: Vec<_> = (0..120).map(label).collect();
    let calibration = Calibration::fit(&labels, 1).unwrap();
    let right = labels.iter().filter(|label| label.correct).count() as f64 / 120.0;
    for raw in [0.1, 0.5, 0.9] {
        let measured = calibration.measured(Score::nearest(raw)).unwrap();
        let frequency = (right * (1.0 - right) / 120.0).sqrt();
        assert!((measured.value() - right).abs() < 0.01, "level at {right}: {measured:?}");
        assert!((0.9..3.0).contains(&(measured.u() / frequency)), "{} beside {frequency}", measured.u());
    }
}

/// Between two knots of equal height the curve is level, to the last digit.
#[test]
fn an_isotonic_curve_does_not_fall_by_rounding() {
    // The test tries many heights, because some of them are rounded up at the right knot.
    let label = |confidence: f64, correct: bool| Label { confidence: Score::nearest(confidence), correct };
    for right in 20..180 {
        let below = (0..21).map(|k| label(0.025, k == 0));
        let above = (0..188).map(|k| label(0.05, k < right));
        let calibration = Calibration::fit(&below.chain(above).collect::<Vec<_>>(), 1).unwrap();
        let curve: Vec<_> = (0..=1000).map(|k| calibration.calibrate(Score::nearest(f64::from(k) / 1000.0))).collect();
        assert!(curve.is_sorted(), "{right} right of 188");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_calibrated_confidence_rises_and_is_never_certain(labels in some_labels(), version in 1..9_u32) {
        prop_assume!(labels.iter().any(|l| l.correct) && labels.iter().any(|l| !l.correct));
        let isotonic = Calibration::fit(&labels, version).unwrap();
        let platt = Calibration::fit(&labels[..120], version);
        for calibration in std::iter::once(isotonic).chain(platt) {
            prop_assert!(calibration.version == version && calibration.is_calibrated());
            let mut before = Score::ZERO;
            for k in 0..=100 {
                let raw = Score::nearest(f64::from(k) / 100.0);
                let now = calibration.calibrate(raw);
                prop_assert!(now >= before && now > Score::ZERO && now < Score::ONE);
                prop_assert!(calibration.measured(raw).unwrap().u() > 0.0);
                before = now;
            }
        }
    }

    /// The mean of an isotonic fit is the mean of the observations, and no other rising step
    /// function is nearer to them.
    #[test]
    fn an_isotonic_fit_keeps_the_mean_and_is_the_nearest(
        points in prop::collection::vec((0..20_u32, -1.0..1.0_f64, 0.1..3.0_f64), 1..40), cut in 0..20_u32, by in -0.2..0.2_f64,
    ) {
        let points: Vec<_> = points.iter().map(|(x, y, weight)| Point { x: f64::from(*x), y: *y, weight: *weight }).collect();
        let blocks = pool_adjacent_violators(&points);
        let level = |x: f64| blocks.iter().find(|b| (b.from..=b.to).contains(&x)).unwrap().level;
        let mean: f64 = points.iter().map(|p| p.weight * (p.y - level(p.x))).sum();
        prop_assert!(mean.abs() < 1e-9);
        let loss = |f: &dyn Fn(f64) -> f64| -> f64 { points.iter().map(|p| p.weight * (p.y - f(p.x)).powi(2)).sum() };
        // Another rising function: raise everything from a cut on, or lower everything up to it.
        let other = |x: f64| if (x < f64::from(cut)) == (by < 0.0) { level(x) + by } else { level(x) };
        prop_assert!(loss(&level) <= loss(&other) + 1e-9);
    }

    #[test]
    fn a_fit_with_many_steps_still_fits_in_its_knots(seed in 0..1000_u64) {
        // A staircase of 300 steps, with twenty labels each.
        let labels: Vec<Label> = (0..6000_u64)
            .map(|k| { let step = k / 20; label(step as f64 / 300.0, (k * 7 + seed) % 300 < step) })
            .collect();
        let Calibrator::Isotonic(curve) = Calibration::fit(&labels, 1).unwrap().calibrator else { panic!("6000 labels") };
        prop_assert!(curve.knots().len() <= MAX_KNOTS);
        prop_assert!(Isotonic::new(curve.knots()).is_ok());
        // The curve is within 0.06 of the true frequencies, which lie on the diagonal.
        for k in 1..10 {
            let raw = f64::from(k) / 10.0;
            prop_assert!((curve.at(Score::nearest(raw)).get() - raw).abs() < 0.06, "{raw} {:?}", curve.at(Score::nearest(raw)));
        }
    }

    /// The promise of split conformal sets: over many draws, the true grade is inside at least as
    /// often as promised.
    #[test]
    fn brier_is_what_its_parts_say(labels in some_labels()) {
        let r = Reliability::of(&labels, Binning::EqualMass(10)).unwrap();
        prop_assert!((r.brier - (r.miscalibration - r.discrimination + r.uncertainty)).abs() < 1e-12);
        prop_assert!(r.miscalibration >= -1e-12 && r.discrimination >= -1e-12);
        prop_assert!(r.mce >= r.ece - 1e-12 && r.mce >= r.ace - 1e-12);
    }
}
