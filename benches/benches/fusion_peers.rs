//! Two scores to a grade, and two beliefs to one, beside Python, NumPy and SciPy in the same run.
//!
//! The peer (`benches/peers/fuse_scores.py`) must first agree with every number of ten thousand
//! trays. It needs `python3` with NumPy and SciPy; `PEER_PYTHON` names another interpreter.

use std::hint::black_box;
use std::time::Duration;

use benches::Peer;
use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::json;
use sqal_core::{Grade, Measured, Score};
use sqal_fusion::{Belief, BeliefRule, DecisionRule, Evidence, FusionRule, PowerMeanRule, decide_all};

fn evidence(value: f64, u: f64) -> Evidence {
    Evidence::new(Measured::new(value, u).expect("finite"), 1.0, Score::ONE).expect("a score")
}

#[expect(clippy::too_many_lines, reason = "one group for each peer")]
fn peers(c: &mut Criterion) {
    let (rule, decision) = (PowerMeanRule::default(), DecisionRule::default());
    let numbers: Vec<[f64; 4]> = (0..10_000_u32)
        .map(|k| {
            let shape = f64::from(k * 7919 % 10_000) / 16_700.0 + 0.4;
            let apart = if k % 8 == 0 { -0.3 } else { f64::from(k * 37 % 201) / 1000.0 - 0.1 };
            [shape, 0.03, (shape + apart).clamp(0.05, 1.0), 0.05]
        })
        .collect();
    let trays: Vec<[Evidence; 2]> = numbers.iter().map(|[a, u, b, v]| [evidence(*a, *u), evidence(*b, *v)]).collect();
    let expected: Vec<_> = trays
        .iter()
        .map(|tray| {
            let fused = rule.fuse(tray).expect("two scores");
            let decided = decision.decide(&fused);
            let place = Grade::ALL.iter().position(|grade| *grade == decided.grade);
            json!([fused.score.value(), fused.score.u(), place, decided.confidence_raw])
        })
        .collect();
    let witness = |p: [f64; 5]| Belief::from_probabilities(&p).expect("a belief").discounted(Score::nearest(0.9));
    let beliefs = [witness([0.6, 0.3, 0.1, 0.0, 0.0]), witness([0.1, 0.2, 0.4, 0.2, 0.1])];
    let joint = |rule: BeliefRule| rule.fuse(&beliefs).expect("no total conflict").belief;
    let mut peer = Peer::start(
        "fuse_scores.py",
        &json!({
            "trays": numbers,
            "expected": expected,
            "beliefs": beliefs.each_ref().map(Belief::masses),
            "dempster": joint(BeliefRule::Dempster).masses(),
            "pcr6": joint(BeliefRule::Pcr6).masses(),
        }),
    );

    let mut group = c.benchmark_group("two scores");
    let mut next = 0;
    group.bench_function("SQAL", |b| {
        b.iter(|| {
            next = (next + 1) % trays.len();
            rule.fuse(black_box(&trays[next])).map(|fused| decision.decide(&fused))
        });
    });
    group.bench_function("Python", |b| {
        b.iter_custom(|n| Duration::from_nanos(peer.nanoseconds(&format!("one {n}"))));
    });
    group.finish();

    let mut group = c.benchmark_group("ten thousand trays");
    let mut decided = Vec::with_capacity(trays.len());
    group.bench_function("SQAL", |b| {
        b.iter(|| {
            decided.clear();
            decide_all(&rule, &decision, black_box(&trays), &mut decided);
        });
    });
    group.bench_function("NumPy and SciPy", |b| {
        b.iter_custom(|n| Duration::from_nanos(peer.nanoseconds(&format!("many {n}"))));
    });
    group.finish();

    let mut group = c.benchmark_group("two beliefs");
    for (rule, name) in [(BeliefRule::Dempster, "dempster"), (BeliefRule::Pcr6, "pcr6")] {
        group.bench_function(format!("SQAL, {name}"), |b| b.iter(|| rule.fuse(black_box(&beliefs))));
        group.bench_function(format!("Python, {name}"), |b| {
            b.iter_custom(|n| Duration::from_nanos(peer.nanoseconds(&format!("{name} {n}"))));
        });
    }
    group.finish();
}

criterion_group!(benches, peers);
criterion_main!(benches);
