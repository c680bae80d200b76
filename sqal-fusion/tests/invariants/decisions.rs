//! The guard, caps, and what a decision says would have changed it.

use proptest::prelude::*;
use sqal_core::defect::{Severity, ZoneSet};
use sqal_core::verdict::Cap;
use sqal_core::{Defect, DefectKind, Grade, Score};
use sqal_fusion::{DecisionRule, FusionRule, Guard, PowerMeanRule};

use crate::sensors::{close, evidence};

/// The usual rule with another guard.
fn guarded(guard: Guard) -> DecisionRule {
    let mut decision = DecisionRule::default();
    decision.guard = guard;
    decision
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// The prediction of a decision is exact: with the score or the uncertainty that it names, the
    /// better grade is given; with less, it is not.
    #[test]
    fn what_would_have_changed_the_grade_does(score in 0.0..=1.0_f64, u in 0.0..0.3_f64, guards in prop::array::uniform4(0.05..0.99_f64)) {
        let [a, b, c, d] = guards.map(Score::nearest);
        let decision = guarded(Guard::new(a, b, c, d));
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
        let decision = guarded(guard);
        let fused = PowerMeanRule::default().fuse(&evidence(&[(score, u, 1.0, 1.0)])).unwrap();
        let decided = decision.decide(&fused);
        let alone = guarded(guard.each_alone()).decide(&fused);
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
    let decision = guarded(Guard::new(half, half, half, half));
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

/// The prediction is exact at the edges: a guard of one half requires no margin, and an uncertainty
/// that is small enough is no obstacle.
#[test]
fn what_it_takes_at_the_edges() {
    let half = Score::nearest(0.5);
    let decide = |guard: Guard, score: f64, u: f64| {
        let fused = PowerMeanRule::default().fuse(&evidence(&[(score, u, 1.0, 1.0)])).unwrap();
        guarded(guard).decide(&fused).next
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
