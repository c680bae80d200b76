//! One whole sample, from two readings to a verdict, beside NumPy and SciPy in the same run.
//!
//! The peer (`benches/peers/inspect_sample.py`) must first agree with every number of 30 samples to
//! 1e-6. It needs `python3` with NumPy and SciPy; `PEER_PYTHON` names another interpreter.

use std::hint::black_box;
use std::time::Duration;

use benches::Peer;
use criterion::{Criterion, criterion_group, criterion_main};
use fixtures::scene::{Fault, Scene, Station};
use serde_json::{Value, json};
use sqal_core::{Grid, Inspection, Measured, Spectrum, TofFrame, grade::GradeScale};
use sqal_fusion::{Inspector, PowerMeanRule};
use sqal_sensors::{SpectralAnalyzer, SpectralProfile, TofAnalyzer, TofProfile};

fn sample(frame: &TofFrame, spectrum: &Spectrum, found: &Inspection) -> Value {
    let reading = frame.reading();
    let flat = |grid: &Grid<f32>| json!(grid.iter().collect::<Vec<_>>());
    let quantity = |m: Option<Measured>| json!(m.map(|m| [m.value(), m.u()]));
    let shape = found.tof.as_ref().expect("a whole frame");
    let colour = found.spectral.as_ref().expect("a whole spectrum");
    let (of_shape, of_colour) = (&shape.findings, &colour.findings);
    let mut expected = json!({
        "volume_mm3": quantity(of_shape.volume_mm3),
        "avg_height_mm": quantity(of_shape.avg_height_mm),
        "height_variation_mm": quantity(of_shape.height_variation_mm),
        "surface_uniformity": quantity(of_shape.surface_uniformity),
        "tilt_deg": quantity(of_shape.tilt_deg),
        "sq": of_shape.areal.map(|a| a.sq),
        "ssk": of_shape.areal.and_then(|a| a.ssk),
        "sdr": of_shape.areal_levelled.and_then(|a| a.sdr),
        "reflectance": quantity(of_shape.reflectance_analysis.map(|r| r.mean)),
        "morans_i": of_shape.reflectance_analysis.and_then(|r| r.morans_i),
        "oxidation_index": quantity(of_colour.oxidation_index),
        "freshness_index": quantity(of_colour.freshness_index),
        "fat_quality_index": quantity(of_colour.fat_quality_index),
        "L": quantity(of_colour.color.map(|c| c.l)),
        "delta_e00": quantity(of_colour.color.and_then(|c| c.delta_e00)),
        "tof_score": quantity(shape.score),
        "spectral_score": quantity(colour.score),
        "final_score": quantity(found.verdict.score),
        "confidence": found.verdict.confidence,
    });
    // Values that the Rust program leaves open are not required of the peer.
    if let Some(fields) = expected.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    json!({
        "tof": {
            "distance_mm": flat(&reading.distance_mm),
            "reflectance_percent": reading.reflectance_percent.as_ref().map(flat),
            "amplitude_kcps": reading.amplitude_kcps.as_ref().map(flat),
            "sigma_mm": reading.sigma_mm.as_ref().map(flat),
            "status": reading.status.map(|status| status.iter().map(|code| code.0).collect::<Vec<_>>()),
        },
        "spectrum": {
            "counts": spectrum.all_counts(),
            "gain": spectrum.gain().multiplier(),
            "millis": spectrum.integration_time().millis(),
        },
        "expected": expected,
    })
}

fn peers(c: &mut Criterion) {
    let inspector = Inspector::new(
        TofAnalyzer::new(TofProfile::example()).expect("the example is valid"),
        SpectralAnalyzer::new(SpectralProfile::example()).expect("the example is valid"),
        PowerMeanRule::default(),
        GradeScale::default(),
    );
    let mut station = Station::new(1);
    let readings: Vec<_> = (0..30)
        .filter_map(|_| {
            let reading = station.read(Scene::GOOD, Fault::None);
            let (frame, spectrum) = (reading.frame?, reading.spectrum?);
            let found = inspector.inspect(Some(&frame), Some(&spectrum));
            // The peer lists a dent or a spot by chance (two frames in a hundred), but does not
            // score it.
            let clean = found.verdict.defects.is_empty();
            clean.then_some((frame, spectrum, found))
        })
        .collect();
    let samples = readings.iter().map(|(frame, spectrum, found)| sample(frame, spectrum, found)).collect();
    let mut peer = Peer::start("inspect_sample.py", &samples);

    let mut group = c.benchmark_group("sample");
    let mut next = 0;
    group.bench_function("SQAL", |b| {
        b.iter(|| {
            next = (next + 1) % readings.len();
            let (frame, spectrum, _) = &readings[next];
            inspector.inspect(black_box(Some(frame)), black_box(Some(spectrum)))
        });
    });
    group.sample_size(10);
    group.bench_function("NumPy and SciPy", |b| {
        b.iter_custom(|n| Duration::from_nanos(peer.nanoseconds(&n.to_string())));
    });
    group.finish();
}

criterion_group!(benches, peers);
criterion_main!(benches);
