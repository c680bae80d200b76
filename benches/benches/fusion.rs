//! Time of a verdict from given scores, and of the charts behind the line.
//!
//! It covers one tray, ten thousand, degenerate trays, and other rules.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use fixtures::scene::{Fault, Scene, Station};
use sqal_core::{Analyzer, Measured, Score, SpectralFindings, TofFindings, analyze::Assessment, grade::GradeScale};
use sqal_fusion::process::chart::Individuals;
use sqal_fusion::process::drift::{Cusum, Ewma, ReferenceLevel, ReferenceReading};
use sqal_fusion::process::run_rules::{RuleSet, RunRules};
use sqal_fusion::{
    Belief, BeliefRule, DecisionRule, Evidence, FusionRule, Inspector, InverseVariance, PowerMeanRule, Replicate,
    decide_all,
};
use sqal_sensors::{SpectralAnalyzer, SpectralProfile, TofAnalyzer, TofProfile};

type Line = Inspector<TofAnalyzer, SpectralAnalyzer, PowerMeanRule>;

fn line() -> Line {
    Inspector::new(
        TofAnalyzer::new(TofProfile::example()).expect("the example is valid"),
        SpectralAnalyzer::new(SpectralProfile::example()).expect("the example is valid"),
        PowerMeanRule::default(),
        GradeScale::default(),
    )
}

type Found = (Option<Assessment<TofFindings>>, Option<Assessment<SpectralFindings>>);

fn found(line: &Line, scene: Scene, fault: Fault) -> Found {
    let reading = Station::new(1).read(scene, fault);
    let tof = reading.frame.and_then(|frame| line.tof.analyze(&frame).ok());
    (tof, reading.spectrum.and_then(|spectrum| line.spectral.analyze(&spectrum).ok()))
}

fn measured(value: f64, u: f64) -> Measured {
    Measured::new(value, u).expect("finite")
}

fn evidence(value: f64, u: f64) -> Evidence {
    Evidence::new(measured(value, u), 1.0, Score::ONE).expect("a score")
}

/// Two scored sensors give a verdict: for the usual tray, and for the extreme ones.
fn verdict(c: &mut Criterion) {
    let line = line();
    let mut group = c.benchmark_group("verdict");
    let trays = [
        ("usual", found(&line, Scene::GOOD, Fault::None)),
        ("oxidised, sensors disagree", found(&line, Scene { met: 0.85, ..Scene::GOOD }, Fault::None)),
        ("a sensor missing", found(&line, Scene::GOOD, Fault::SpectralSilent)),
        ("both missing", (None, None)),
    ];
    for (name, (tof, spectral)) in &trays {
        group.bench_function(*name, |b| b.iter(|| line.judge(black_box(tof.as_ref()), black_box(spectral.as_ref()))));
    }
    group.finish();
}

/// Fusing and deciding alone, also with the worst evidence.
fn scores(c: &mut Criterion) {
    let (rule, decision) = (PowerMeanRule::default(), DecisionRule::default());
    let mut group = c.benchmark_group("scores");
    let pairs = [
        ("usual", [evidence(0.88, 0.03), evidence(0.90, 0.03)]),
        ("both zero", [evidence(0.0, 0.03), evidence(0.0, 0.03)]),
        ("zero and one", [evidence(0.0, 0.03), evidence(1.0, 0.03)]),
        ("both exact", [evidence(0.7, 0.0), evidence(0.9, 0.0)]),
        ("subnormal", [evidence(5e-324, 1e-300), evidence(1e-310, 1e-300)]),
        ("uncertain", [evidence(0.5, 1e6), evidence(0.5, 1e6)]),
    ];
    for (name, pair) in &pairs {
        group.bench_function(*name, |b| {
            b.iter(|| rule.fuse(black_box(pair)).map(|fused| decision.decide(&fused)));
        });
    }
    // As on a line: the sensors agree within a tenth, except for one tray in eight.
    let many: Vec<[Evidence; 2]> = (0..10_000_u32)
        .map(|k| {
            let shape = f64::from(k * 7919 % 10_000) / 16_700.0 + 0.4;
            let apart = if k % 8 == 0 { -0.4 } else { f64::from(k * 37 % 201) / 1000.0 - 0.1 };
            [evidence(shape, 0.03), evidence((shape + apart).clamp(0.0, 1.0), 0.05)]
        })
        .collect();
    group.throughput(Throughput::Elements(10_000));
    // The results go into allocated memory, as in a service.
    let mut decided = Vec::with_capacity(many.len());
    group.bench_function("batch of 10 000", |b| {
        b.iter(|| {
            decided.clear();
            decide_all(&rule, &decision, black_box(&many), &mut decided);
            decided.len()
        });
    });
    group.bench_function("10 000 one by one", |b| {
        b.iter(|| {
            decided.clear();
            decided.extend(black_box(&many).iter().map(|pair| rule.fuse(pair).map(|fused| decision.decide(&fused))));
            decided.len()
        });
    });
    group.finish();
}

fn rules(c: &mut Criterion) {
    let mut group = c.benchmark_group("rules");
    let readings: Vec<_> = [10.1, 9.9, 10.4, 9.7, 10.0]
        .into_iter()
        .map(|x| Replicate::new(measured(x, 0.1)).expect("an uncertainty"))
        .collect();
    for rule in [InverseVariance::Birge, InverseVariance::DerSimonianLaird, InverseVariance::PauleMandel] {
        group.bench_function(format!("five readings, {rule:?}"), |b| b.iter(|| rule.fuse(black_box(&readings))));
    }
    let witness = |p: [f64; 5]| Belief::from_probabilities(&p).expect("a belief").discounted(Score::nearest(0.9));
    let beliefs = [witness([0.6, 0.3, 0.1, 0.0, 0.0]), witness([0.1, 0.2, 0.4, 0.2, 0.1])];
    for rule in [BeliefRule::Dempster, BeliefRule::Yager, BeliefRule::Pcr6] {
        group.bench_function(format!("two witnesses, {rule:?}"), |b| b.iter(|| rule.fuse(black_box(&beliefs))));
    }
    group.finish();
}

/// Adds one value to a chart.
fn process(c: &mut Criterion) {
    let values: Vec<f64> = (0..1000_u32).map(|k| f64::from(k * 7919 % 1000) / 250.0 - 2.0).collect();
    let mut group = c.benchmark_group("process");
    group.throughput(Throughput::Elements(1000));
    macro_rules! update {
        ($name:literal, $state:expr, $push:expr) => {
            group.bench_function($name, |b| {
                b.iter_batched_ref(
                    || $state,
                    |state| values.iter().for_each(|x| _ = black_box($push(state, *x))),
                    BatchSize::SmallInput,
                );
            });
        };
    }
    update!("Nelson's eight rules", RunRules::new(RuleSet::Nelson), RunRules::push);
    update!("individuals", Individuals::default(), Individuals::push);
    update!("EWMA", Ewma::new(0.0, 1.0, 0.2, 3.0).expect("in range"), Ewma::push);
    update!("CUSUM", Cusum::new(0.0, 0.5, 5.0).expect("in range"), Cusum::push);
    update!(
        "reference level",
        ReferenceLevel::new(0.0, 1.0, 0.1, 1.0).expect("in range"),
        |s: &mut ReferenceLevel, x| s.advance(Some(ReferenceReading(x)))
    );
    group.finish();
}

criterion_group!(benches, verdict, scores, rules, process);
criterion_main!(benches);
