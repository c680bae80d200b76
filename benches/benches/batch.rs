//! Time of a frame in a batch of thousands, on one core and on all, beside single analyses.

use std::hint::black_box;
use std::num::NonZero;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fixtures::scene::{Fault, Scene, Station};
use ndarray::Array3;
use sqal_core::{Analyzer, Measured, TofFindings, TofFrame, analyze::Assessment, tof::DistanceKind};
use sqal_sensors::{TofAnalyzer, TofProfile, batch::Frames};

const FRAMES: usize = 4096;

/// The result that a study keeps: the volume with its uncertainty.
fn volume<E>(outcome: Result<Assessment<TofFindings>, E>) -> Option<Measured> {
    outcome.ok()?.findings.volume_mm3
}

fn batch(c: &mut Criterion) {
    let mut station = Station::new(1);
    let frames: Vec<TofFrame> = (0..FRAMES).filter_map(|_| station.read(Scene::GOOD, Fault::None).frame).collect();
    let stack = |of: &dyn Fn(&TofFrame, usize) -> f32| {
        Array3::from_shape_fn((FRAMES, 8, 8), |(k, row, column)| of(&frames[k], row * 8 + column))
    };
    let distance = stack(&|frame, zone| frame.reading().distance_mm[zone]);
    let reflectance = stack(&|frame, zone| frame.reading().reflectance_percent.map_or(0.0, |grid| grid[zone]));
    let amplitude = stack(&|frame, zone| frame.reading().amplitude_kcps.map_or(0.0, |grid| grid[zone]));
    let sigma = stack(&|frame, zone| frame.reading().sigma_mm.map_or(0.0, |sigma| sigma[zone]));
    let status = Array3::from_shape_fn((FRAMES, 8, 8), |(k, row, column)| {
        frames[k].reading().status.map_or(5, |status| status[row * 8 + column].0)
    });
    let arrays = Frames {
        distance_mm: distance.view(),
        reflectance_percent: reflectance.view(),
        amplitude_kcps: amplitude.view(),
        sigma_mm: Some(sigma.view()),
        status: Some(status.view()),
        distance_kind: DistanceKind::Perpendicular,
    };
    let analyzer = TofAnalyzer::new(TofProfile::example()).expect("the example is valid");
    let mut group = c.benchmark_group("batch of 4096 frames");
    group.throughput(Throughput::Elements(FRAMES as u64));
    group.bench_function("one by one", |b| {
        b.iter(|| frames.iter().map(|frame| volume(analyzer.analyze(black_box(frame)))).collect::<Vec<_>>());
    });
    for (name, threads) in [("batch, one core", NonZero::new(1)), ("batch, all cores", None)] {
        group.bench_function(name, |b| b.iter(|| analyzer.analyze_batch(black_box(&arrays), threads, volume)));
    }
    group.finish();
}

criterion_group!(benches, batch);
criterion_main!(benches);
