//! Cases with printed results, and values that are refused.

use sqal_core::power_mean::{Exponent, MAX_TERMS};
use sqal_core::verdict::Cap;
use sqal_core::{Grade, Measured, Score};
use sqal_fusion::{DecisionRule, Evidence, FusionError, FusionRule, PowerMeanRule, SensorWeights};

use crate::sensors::{evidence, judged};

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
    let decided = DecisionRule::default().decide(&fused);
    assert_eq!((decided.grade, (decided.conformity_probability.get() * 1000.0).round()), (Grade::A, 795.0));
    assert!((decided.confidence_raw.get() - 0.277).abs() < 5e-4);
    let capped = DecisionRule::default().decide_with(&fused, &[], fused.coverage);
    assert_eq!((capped.grade, capped.cap), (Grade::B, Cap::Coverage));
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
