//! A batch of trays gives the same bits as one tray at a time, for any evidence and any size.
#![cfg(feature = "batch")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use sqal_core::{Measured, Score};
use sqal_fusion::{DecisionRule, Evidence, FusionError, FusionRule, PowerMeanRule, decide_all};

fn evidence() -> impl Strategy<Value = Evidence> {
    let u = prop_oneof![4 => 0.001..0.3_f64, 1 => Just(0.0), 1 => Just(1e300)];
    let score = prop_oneof![4 => 0.0..=1.0_f64, 1 => Just(0.0), 1 => Just(5e-324), 1 => Just(1.0)];
    prop_oneof![
        8 => (score, u, 0.1..3.0_f64, 0.0..=1.0_f64).prop_map(|(score, u, weight, reliability)| {
            Evidence::new(Measured::new(score, u).unwrap(), weight, Score::nearest(reliability)).unwrap()
        }),
        1 => (0.1..3.0_f64).prop_map(|weight| Evidence::missing(weight).unwrap()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_batch_decides_as_one_by_one(trays in prop::collection::vec([evidence(), evidence()], 0..40)) {
        let (rule, decision) = (PowerMeanRule::default(), DecisionRule::default());
        let mut together = vec![Err(FusionError::NoEvidence)];
        decide_all(&rule, &decision, &trays, &mut together);
        let alone: Vec<_> = trays.iter().map(|tray| rule.fuse(tray).map(|fused| decision.decide(&fused))).collect();
        prop_assert_eq!(&together[1..], &alone[..]);
        for (a, b) in together[1..].iter().zip(&alone) {
            if let (Ok(a), Ok(b)) = (a, b) {
                prop_assert_eq!(a.probabilities.map(f64::to_bits), b.probabilities.map(f64::to_bits));
            }
        }
    }
}
