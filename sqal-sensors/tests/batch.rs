//! A batch gives the bits that its frames give one at a time, for all threads, layouts and faults.
#![cfg(feature = "batch")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::num::NonZero;

use fixtures::scene::Station;
use ndarray::Array3;
use sqal_core::{
    AnalysisError, Analyzer, TofFrame,
    tof::{DistanceKind, Matrix},
};
use sqal_sensors::{
    TofAnalyzer, TofProfile,
    batch::{Frames, InvalidBatchFrame},
};

fn frames(n: usize) -> Vec<TofFrame> {
    let mut station = Station::new(21);
    (0..n).map(|_| station.next_reading().frame.unwrap()).collect()
}

fn stack<T>(frames: &[TofFrame], of: impl Fn(&TofFrame, usize) -> T) -> Array3<T> {
    Array3::from_shape_fn((frames.len(), 8, 8), |(k, row, column)| of(&frames[k], row * 8 + column))
}

#[test]
fn a_batch_gives_the_same_bits_as_its_frames() {
    let frames = frames(300);
    let analyzer = TofAnalyzer::new(TofProfile::example()).unwrap();
    let distance = stack(&frames, |f, zone| f.reading().distance_mm[zone]);
    let reflectance = stack(&frames, |f, zone| f.reading().reflectance_percent.unwrap()[zone]);
    let amplitude = stack(&frames, |f, zone| f.reading().amplitude_kcps.unwrap()[zone]);
    let sigma = stack(&frames, |f, zone| f.reading().sigma_mm.unwrap()[zone]);
    let status = stack(&frames, |f, zone| f.reading().status.unwrap()[zone].0);
    // The frames with another order in memory.
    let mut turned = Array3::zeros((8, 8, 300));
    turned.assign(&distance.view().permuted_axes([1, 2, 0]));
    let one_by_one: Vec<_> =
        frames.iter().map(|frame| analyzer.analyze(frame).map_err(InvalidBatchFrame::Unusable)).collect();
    for distance_mm in [distance.view(), turned.view().permuted_axes([2, 0, 1])] {
        let arrays = Frames {
            distance_mm,
            reflectance_percent: reflectance.view(),
            amplitude_kcps: amplitude.view(),
            sigma_mm: Some(sigma.view()),
            status: Some(status.view()),
            distance_kind: DistanceKind::Perpendicular,
        };
        for threads in [NonZero::new(1), NonZero::new(3), None] {
            let batch = analyzer.analyze_batch(&arrays, threads, |outcome| outcome).unwrap();
            // Debug prints every bit of a float.
            assert!(format!("{batch:?}") == format!("{one_by_one:?}"), "{threads:?}");
        }
    }
}

#[test]
fn what_is_no_frame_is_said_of_that_frame_alone() {
    let analyzer = TofAnalyzer::new(TofProfile::example()).unwrap();
    let mut distance = Array3::from_elem((3, 8, 8), 130.0);
    let reflectance = Array3::from_elem((3, 8, 8), 45.0);
    let mut amplitude = Array3::from_elem((3, 8, 8), 900.0);
    distance[(1, 2, 3)] = f32::NAN;
    amplitude.index_axis_mut(ndarray::Axis(0), 2).fill(0.0);
    let arrays = Frames {
        distance_mm: distance.view(),
        reflectance_percent: reflectance.view(),
        amplitude_kcps: amplitude.view(),
        sigma_mm: None,
        status: None,
        distance_kind: DistanceKind::Perpendicular,
    };
    let outcomes = analyzer.analyze_batch(&arrays, None, |outcome| outcome.map(|a| a.findings.valid_zones)).unwrap();
    assert_eq!(outcomes[0], Ok(64));
    assert!(
        matches!(outcomes[1], Err(InvalidBatchFrame::Invalid(wrong)) if (wrong.matrix, wrong.zone) == (Matrix::Distance, 19))
    );
    assert_eq!(outcomes[2], Err(InvalidBatchFrame::Unusable(AnalysisError::NothingUsable)));

    let short = Array3::from_elem((3, 8, 7), 45.0);
    let wrong = Frames { reflectance_percent: short.view(), ..arrays };
    let refused = analyzer.analyze_batch(&wrong, None, |_| ()).unwrap_err();
    assert_eq!((refused.matrix, refused.found, refused.expected), ("reflectance_percent", [3, 8, 7], [3, 8, 8]));
    assert!(refused.to_string().contains("reflectance_percent has the shape [3, 8, 7]"), "{refused}");
}
