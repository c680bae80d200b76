//! The 300 fusion vectors of the measurement model (section 3.6), agreed to 1e-12.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde::Deserialize;
use sqal_core::{Grade, Measured, Score, power_mean::Exponent};
use sqal_fusion::{DecisionRule, Evidence, FusionError, FusionRule, Guard, PowerMeanRule};

#[derive(Deserialize)]
struct Vectors {
    fusion: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    sensors: Vec<Sensor>,
    cfg: Config,
    out: Out,
}

#[derive(Deserialize)]
struct Sensor {
    score: Option<f64>,
    u: f64,
    weight: f64,
    reliability: f64,
}

#[derive(Deserialize)]
struct Config {
    p: f64,
    r: f64,
    tau: f64,
}

#[derive(Deserialize)]
struct Out {
    status: String,
    score: Option<f64>,
    u: Option<f64>,
    u_unscaled: Option<f64>,
    birge: Option<f64>,
    conflict: Option<f64>,
    coverage: Option<f64>,
    pmf: Option<[f64; 5]>,
    point_grade: Option<String>,
    grade: String,
    p_conform: Option<f64>,
    p_point: Option<f64>,
    confidence_raw: Option<f64>,
    sens: Option<Vec<f64>>,
}

fn close(name: &str, k: usize, ours: f64, theirs: Option<f64>) {
    let theirs = theirs.unwrap_or_else(|| panic!("case {k}: {name} is missing"));
    assert!((ours - theirs).abs() <= 1e-12 * theirs.abs().max(1.0), "case {k}: {name} is {ours}, expected {theirs}");
}

#[test]
fn all_fusion_vectors_agree_to_1e_12() {
    let vectors: Vectors = serde_json::from_str(fixtures::SPEC_VECTORS).unwrap();
    assert_eq!(vectors.fusion.len(), 300);
    let mut measured = 0;
    for (k, case) in vectors.fusion.iter().enumerate() {
        let evidence: Vec<_> = case
            .sensors
            .iter()
            .map(|s| match s.score {
                Some(score) => {
                    let score = Measured::new(score, s.u).unwrap();
                    Evidence::new(score, s.weight, Score::new(s.reliability).unwrap()).unwrap()
                }
                None => Evidence::missing(s.weight).unwrap(),
            })
            .collect();
        let rule = PowerMeanRule::new(Exponent::new(case.cfg.p).unwrap(), case.cfg.r, case.cfg.tau).unwrap();
        let out = &case.out;
        let fused = match rule.fuse(&evidence) {
            Ok(fused) => fused,
            Err(refused) => {
                assert_eq!(
                    (refused, out.score, out.grade.as_str()),
                    (FusionError::NoEvidence, None, "REJECT"),
                    "case {k}"
                );
                assert_eq!(out.status, "unmeasured", "case {k}");
                continue;
            }
        };
        measured += 1;
        // The model requires of each grade its own probability only.
        let mut model = DecisionRule::default();
        model.guard = Guard::default().each_alone();
        let decided = model.decide(&fused);
        close("score", k, fused.score.value(), out.score);
        close("u", k, fused.score.u(), out.u);
        close("u_unscaled", k, fused.u_unscaled, out.u_unscaled);
        close("birge", k, fused.birge, out.birge);
        close("conflict", k, fused.conflict.get(), out.conflict);
        close("coverage", k, fused.coverage.get(), out.coverage);
        close("p_conform", k, decided.conformity_probability.get(), out.p_conform);
        close("p_point", k, decided.point_probability.get(), out.p_point);
        close("confidence_raw", k, decided.confidence_raw.get(), out.confidence_raw);
        for (ours, theirs) in decided.probabilities.into_iter().zip(out.pmf.unwrap()) {
            close("probability of a grade", k, ours, Some(theirs));
        }
        let spoken = evidence.iter().zip(&fused.sensitivities).filter(|(one, _)| one.effective_weight() > 0.0);
        for ((_, ours), theirs) in spoken.zip(out.sens.as_ref().unwrap()) {
            close("sensitivity", k, *ours, Some(*theirs));
        }
        assert_eq!(decided.grade, out.grade.parse::<Grade>().unwrap(), "case {k}");
        assert_eq!(Some(decided.point.as_str()), out.point_grade.as_deref(), "case {k}");
    }
    assert!(measured > 250, "only {measured} vectors have a score");
}
