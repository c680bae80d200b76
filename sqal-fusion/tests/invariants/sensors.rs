//! Random sensors and rules, and what a rule and a decision make of them.

use proptest::prelude::*;
use sqal_core::power_mean::Exponent;
use sqal_core::{Measured, Score};
use sqal_fusion::{DecisionRule, Evidence, FusedScore, FusionRule, GradeDecision, PowerMeanRule};

/// Score, uncertainty, weight, reliability.
pub(crate) type Sensor = (f64, f64, f64, f64);

pub(crate) fn sensor() -> impl Strategy<Value = Sensor> {
    let score = prop_oneof![4 => 0.0..=1.0_f64, 1 => Just(0.0), 1 => Just(1.0)];
    (score, 0.001..0.3_f64, 0.05..5.0_f64, 0.05..=1.0_f64)
}

pub(crate) fn sensors() -> impl Strategy<Value = Vec<Sensor>> {
    prop::collection::vec(sensor(), 1..=4)
}

pub(crate) fn rule() -> impl Strategy<Value = PowerMeanRule> {
    (-4.0..=1.0_f64, 0.0..=1.0_f64, 0.01..0.3_f64)
        .prop_map(|(p, r, tau)| PowerMeanRule::new(Exponent::new(p).unwrap(), r, tau).unwrap())
}

pub(crate) fn evidence(sensors: &[Sensor]) -> Vec<Evidence> {
    let one = |(score, u, weight, reliability): &Sensor| {
        Evidence::new(Measured::new(*score, *u).unwrap(), *weight, Score::nearest(*reliability)).unwrap()
    };
    sensors.iter().map(one).collect()
}

pub(crate) fn judged(rule: &PowerMeanRule, sensors: &[Sensor]) -> (FusedScore, GradeDecision) {
    let fused = rule.fuse(&evidence(sensors)).unwrap();
    let decided = DecisionRule::default().decide(&fused);
    (fused, decided)
}

pub(crate) fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * (1.0 + a.abs())
}
