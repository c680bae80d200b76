//! The quantities that are *not* monotone (measurement model 3.6), each with a case that shows it.
//!
//! They are documented behaviour and must not be changed.

use sqal_core::verdict::Cap;
use sqal_core::{Grade, Score};
use sqal_fusion::{DecisionRule, Evidence, FusedScore, FusionRule, GradeDecision, PowerMeanRule};

use crate::sensors::{evidence, judged};

fn two(a: (f64, f64), b: (f64, f64)) -> (FusedScore, GradeDecision) {
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
    let capped = DecisionRule::default().decide_with(&alone, &[], alone.coverage);
    assert_eq!((capped.grade, capped.cap), (Grade::B, Cap::Coverage));
}

/// A calibrated confidence has plateaus: it never falls with the raw one, but it need not rise.
#[test]
fn a_calibrated_confidence_in_the_raw_one() {
    use sqal_fusion::calibration::{Isotonic, Knot};
    let knot = |raw, calibrated| Knot { raw: Score::nearest(raw), calibrated: Score::nearest(calibrated), labels: 10 };
    let curve = Isotonic::new(&[knot(0.2, 0.5), knot(0.6, 0.5), knot(0.9, 0.8)]).unwrap();
    assert_eq!(curve.at(Score::nearest(0.3)), curve.at(Score::nearest(0.5)));
}
