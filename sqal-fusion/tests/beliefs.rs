//! Dempster, Yager and PCR6 against other packages, three published cases, and their laws.
//!
//! The packages are ibelief, evtools and pyds: 120 cases, to 1e-12.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use serde::Deserialize;
use sqal_core::Score;
use sqal_fusion::{Belief, BeliefRule, FusionError, FusionRule, InvalidBelief};

#[derive(Deserialize)]
struct Peers {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    n: usize,
    sources: Vec<Vec<f64>>,
    ibelief: Rules,
    derived: Derived,
}

#[derive(Deserialize)]
struct Rules {
    dempster: Vec<f64>,
    yager: Vec<f64>,
    pcr6: Vec<f64>,
}

#[derive(Deserialize)]
struct Derived {
    #[serde(rename = "conflict_K")]
    conflict: f64,
    pignistic_dempster: Vec<f64>,
    pignistic_pcr6: Vec<f64>,
    jousselme_12: f64,
}

fn close(ours: &[f64], theirs: &[f64], tolerance: f64) {
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert!((ours - theirs).abs() <= tolerance, "{ours} {theirs}");
    }
}

#[test]
fn all_120_combinations_agree_with_ibelief_to_1e_12() {
    let peers: Peers = serde_json::from_str(fixtures::BELIEFS).unwrap();
    assert_eq!(peers.cases.len(), 120);
    for case in &peers.cases {
        let sources: Vec<_> = case.sources.iter().map(|masses| Belief::new(masses).unwrap()).collect();
        assert!(sources.iter().all(|source| source.hypotheses() == case.n));
        for (rule, theirs) in [
            (BeliefRule::Dempster, &case.ibelief.dempster),
            (BeliefRule::Yager, &case.ibelief.yager),
            (BeliefRule::Pcr6, &case.ibelief.pcr6),
        ] {
            let agreed = rule.fuse(&sources).unwrap();
            close(agreed.belief.masses(), theirs, 1e-12);
            close(&[agreed.conflict.get()], &[case.derived.conflict], 1e-12);
        }
        let pignistic = |rule: BeliefRule| rule.fuse(&sources).unwrap().belief.pignistic();
        close(&pignistic(BeliefRule::Dempster), &case.derived.pignistic_dempster, 1e-12);
        close(&pignistic(BeliefRule::Pcr6), &case.derived.pignistic_pcr6, 1e-12);
        close(&[sources[0].distance(&sources[1]).unwrap()], &[case.derived.jousselme_12], 1e-12);
    }
}

/// A belief with these masses on three single hypotheses, without ignorance.
fn opinion(a: f64, b: f64, c: f64) -> Belief {
    Belief::from_probabilities(&[a, b, c]).unwrap()
}

fn fused(rule: BeliefRule, sources: &[Belief]) -> Vec<f64> {
    rule.fuse(sources).unwrap().belief.masses().to_vec()
}

/// Zadeh (AI Magazine 5, 1984): two doctors who agree only on one improbable hypothesis.
#[test]
fn the_classics_come_out() {
    let doctors = [opinion(0.99, 0.01, 0.0), opinion(0.0, 0.01, 0.99)];
    assert!((BeliefRule::Dempster.fuse(&doctors).unwrap().conflict.get() - 0.9999).abs() < 1e-12);
    close(&fused(BeliefRule::Dempster, &doctors), &[0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0], 1e-9);
    close(&fused(BeliefRule::Yager, &doctors), &[0.0, 0.0, 0.0001, 0.0, 0.0, 0.0, 0.0, 0.9999], 1e-9);
    close(&fused(BeliefRule::Pcr6, &doctors), &[0.0, 0.499_851, 0.000_298, 0.0, 0.499_851, 0.0, 0.0, 0.0], 1e-9);

    // Smarandache and Dezert, Advances and Applications of DSmT, volume 2: .486, .486, .028.
    let weaker = [opinion(0.9, 0.0, 0.1), opinion(0.0, 0.9, 0.1)];
    close(&fused(BeliefRule::Dempster, &weaker), &[0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0], 1e-9);
    close(&fused(BeliefRule::Yager, &weaker), &[0.0, 0.0, 0.0, 0.0, 0.01, 0.0, 0.0, 0.99], 1e-9);
    close(&fused(BeliefRule::Pcr6, &weaker), &[0.0, 0.486, 0.486, 0.0, 0.028, 0.0, 0.0, 0.0], 1e-9);

    // The example of ibelief's manual.
    let manual = [[0.0, 0.4, 0.1, 0.2, 0.2, 0.0, 0.0, 0.1], [0.0, 0.2, 0.3, 0.1, 0.1, 0.0, 0.2, 0.1]]
        .map(|masses| Belief::new(&masses).unwrap());
    close(&fused(BeliefRule::Yager, &manual), &[0.0, 0.22, 0.2, 0.05, 0.09, 0.0, 0.02, 0.42], 1e-12);
    let dempster = [0.372_881_355_932_203_4, 0.338_983_050_847_457_6, 0.084_745_762_711_864_4, 0.152_542_372_881_355_9];
    let [a, b, ab, c] = dempster;
    close(
        &fused(BeliefRule::Dempster, &manual),
        &[0.0, a, b, ab, c, 0.0, 0.033_898_305_084_745_8, 0.016_949_152_542_372_9],
        1e-12,
    );
    let pcr6 = [0.0, 0.407_238_095_238_095_3, 0.299_095_238_095_238_1, 0.07, 0.167, 0.0, 0.046_666_666_666_666_7, 0.01];
    close(&fused(BeliefRule::Pcr6, &manual), &pcr6, 1e-12);
}

#[test]
fn total_conflict_is_an_error_and_never_a_division() {
    let enemies = [opinion(1.0, 0.0, 0.0), opinion(0.0, 1.0, 0.0)];
    assert_eq!(BeliefRule::Dempster.fuse(&enemies), Err(FusionError::TotalConflict));
    close(&fused(BeliefRule::Yager, &enemies), &[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0], 1e-15);
    close(&fused(BeliefRule::Pcr6, &enemies), &[0.0, 0.5, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0], 1e-15);
    // Discounted a little, even these beliefs can be joined.
    let doubted = enemies.map(|enemy| enemy.discounted(Score::nearest(0.9)));
    let joint = BeliefRule::Dempster.fuse(&doubted).unwrap().belief.pignistic();
    close(&joint, &[0.491_228_070_175_438_6, 0.491_228_070_175_438_6, 0.017_543_859_649_122_8], 1e-12);
}

#[test]
fn what_is_no_belief_is_refused_and_named() {
    assert_eq!(Belief::new(&[0.0, 0.5, 0.5]), Err(InvalidBelief::Subsets(3)));
    assert_eq!(Belief::new(&[1.0]), Err(InvalidBelief::Subsets(1)));
    assert_eq!(Belief::new(&[0.0; 64]), Err(InvalidBelief::Subsets(64)));
    assert_eq!(Belief::new(&[0.5, 0.5]), Err(InvalidBelief::Empty(0.5)));
    assert_eq!(Belief::new(&[0.0, 0.5, 0.4, 0.0]), Err(InvalidBelief::Sum(0.9)));
    assert_eq!(Belief::new(&[0.0, -0.5, 1.5, 0.0]), Err(InvalidBelief::Mass { subset: 1, mass: -0.5 }));
    assert!(matches!(Belief::new(&[0.0, f64::NAN, 1.0, 0.0]), Err(InvalidBelief::Mass { subset: 1, .. })));
    assert_eq!(Belief::from_probabilities(&[0.2; 6]), Err(InvalidBelief::Hypotheses(6)));
    assert_eq!(Belief::from_probabilities(&[0.1; 80]), Err(InvalidBelief::Hypotheses(80)));
    assert_eq!(Belief::from_probabilities(&[]), Err(InvalidBelief::Hypotheses(0)));
    assert!(Belief::new(&[0.0, 1.0 + 1e-10]).is_ok());
}

#[test]
fn what_cannot_be_joined_is_refused() {
    let one = opinion(0.2, 0.3, 0.5);
    let other = Belief::from_probabilities(&[0.5, 0.5]).unwrap();
    assert_eq!(BeliefRule::Pcr6.fuse(&[]), Err(FusionError::NoEvidence));
    assert_eq!(BeliefRule::Pcr6.fuse(&[one, other]), Err(FusionError::DifferentQuestions));
    assert_eq!(BeliefRule::Pcr6.fuse(&[one; 5]), Err(FusionError::TooMuch { given: 5, most: 4 }));
    assert!(BeliefRule::Pcr6.fuse(&[one; 4]).is_ok());
    assert_eq!(one.distance(&other), None);
    assert_eq!(BeliefRule::default(), BeliefRule::Pcr6);
}

fn belief() -> impl Strategy<Value = Belief> {
    prop::collection::vec(prop_oneof![1 => Just(0.0), 2 => 0.0..1.0_f64], 7).prop_filter_map("some mass", |masses| {
        let sum: f64 = masses.iter().sum();
        (sum > 0.0).then(|| {
            let all: Vec<f64> = std::iter::once(0.0).chain(masses.iter().map(|mass| mass / sum)).collect();
            Belief::new(&all).unwrap()
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn every_rule_gives_a_belief_whatever_the_order(sources in prop::collection::vec(belief(), 1..=3)) {
        let reversed: Vec<_> = sources.iter().rev().copied().collect();
        for rule in [BeliefRule::Dempster, BeliefRule::Yager, BeliefRule::Pcr6] {
            let Ok(agreed) = rule.fuse(&sources) else {
                prop_assert_eq!(rule, BeliefRule::Dempster);
                continue;
            };
            let sum: f64 = agreed.belief.masses().iter().sum();
            prop_assert!((sum - 1.0).abs() < 1e-9 && agreed.belief.masses().iter().all(|mass| *mass >= 0.0));
            prop_assert!((agreed.belief.pignistic().iter().sum::<f64>() - 1.0).abs() < 1e-9);
            let back = rule.fuse(&reversed).unwrap();
            prop_assert!(back.belief.masses().iter().zip(agreed.belief.masses()).all(|(a, b)| (a - b).abs() < 1e-12));
        }
    }

    #[test]
    fn one_witness_alone_and_a_witness_who_knows_nothing_change_nothing(source in belief()) {
        let vacuous = Belief::new(&[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]).unwrap();
        for rule in [BeliefRule::Dempster, BeliefRule::Yager, BeliefRule::Pcr6] {
            for sources in [&[source][..], &[source, vacuous][..]] {
                let agreed = rule.fuse(sources).unwrap();
                prop_assert!(agreed.belief.masses().iter().zip(source.masses()).all(|(a, b)| (a - b).abs() < 1e-12));
                prop_assert!(agreed.conflict.get() < 1e-12);
            }
        }
    }

    #[test]
    fn doubt_moves_mass_to_ignorance(source in belief(), rho in 0.0..=1.0_f64) {
        let doubted = source.discounted(Score::nearest(rho));
        prop_assert!((doubted.masses().iter().sum::<f64>() - 1.0).abs() < 1e-12);
        prop_assert!(doubted.ignorance() >= source.ignorance() - 1e-12);
        let distance = source.distance(&doubted).unwrap();
        prop_assert!((0.0..=1.0 + 1e-12).contains(&distance) && (distance < 1e-7 || rho < 1.0));
    }
}
