//! The numbered invariants over random evidence.

use proptest::prelude::*;
use sqal_core::defect::{Severity, ZoneSet};
use sqal_core::power_mean::Exponent;
use sqal_core::verdict::Cap;
use sqal_core::{Defect, DefectKind, Grade, Score};
use sqal_fusion::{DecisionRule, Evidence, FusionRule, PowerMeanRule};

use crate::sensors::{close, evidence, judged, rule, sensor, sensors};

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
        let alone = DecisionRule::default().decide(&rule.fuse(&alone).unwrap());
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
        let with = DecisionRule::default().decide_with(&fused, &[defect], Score::ONE);
        prop_assert!(with.grade <= plain.grade);
        prop_assert!(severity != Severity::Critical || with.grade == Grade::Reject);
        prop_assert!(severity != Severity::Major || with.grade <= Grade::B);
    }
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
            let decided = DecisionRule::default().decide(&fused);
            prop_assert!(decided.probabilities.iter().all(|p| (0.0..=1.0).contains(p)));
            prop_assert!(close(decided.probabilities.iter().sum(), 1.0));
        }
    }
}
