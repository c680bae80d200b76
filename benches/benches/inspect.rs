//! Time of judging one tray, from two readings to a verdict, for usual and degenerate trays.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use fixtures::scene::{Fault, Scene, Station};
use sqal_core::{Analyzer, grade::GradeScale};
use sqal_fusion::{Inspector, PowerMeanRule};
use sqal_sensors::{HeightReference, SpectralAnalyzer, SpectralProfile, TofAnalyzer, TofProfile};

fn inspect(c: &mut Criterion) {
    let inspector = Inspector::new(
        TofAnalyzer::new(TofProfile::example()).expect("the example is valid"),
        SpectralAnalyzer::new(SpectralProfile::example()).expect("the example is valid"),
        PowerMeanRule::default(),
        GradeScale::default(),
    );
    let mut station = Station::new(1);
    let flat = Scene { dome_mm: 0.0, slope: 0.0, ..Scene::GOOD };
    let empty = Scene { height_mm: 0.0, dome_mm: 0.0, ..Scene::GOOD };
    let readings = [
        ("usual", station.read(Scene::GOOD, Fault::None)),
        ("flat", station.read(flat, Fault::None)),
        ("empty", station.read(empty, Fault::None)),
        ("saturated", station.read(Scene::GOOD, Fault::Glare)),
        ("half blind", station.read(Scene::GOOD, Fault::DirtyWindow)),
    ];
    let mut group = c.benchmark_group("inspect");
    for (name, reading) in &readings {
        group.bench_function(*name, |b| {
            b.iter(|| inspector.inspect(black_box(reading.frame.as_ref()), black_box(reading.spectrum.as_ref())));
        });
    }
    group.bench_function("spectrum alone", |b| {
        b.iter(|| readings[0].1.spectrum.as_ref().map(|spectrum| inspector.spectral.analyze(black_box(spectrum))));
    });
    group.bench_function("frame alone", |b| {
        b.iter(|| readings[0].1.frame.as_ref().map(|frame| inspector.tof.analyze(black_box(frame))));
    });
    let reference = HeightReference::Rim { floor_below_mm: 0.0, u_mm: 0.5 };
    let mut profile = TofProfile::example();
    profile.reference = reference;
    let rim = TofAnalyzer::new(profile).expect("the rim looks past the tray");
    group.bench_function("frame alone, plane fitted to its rim", |b| {
        b.iter(|| readings[0].1.frame.as_ref().map(|frame| rim.analyze(black_box(frame))));
    });
    group.finish();
}

criterion_group!(benches, inspect);
criterion_main!(benches);
