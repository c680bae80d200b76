//! [`TofAnalyzer::analyze_batch`]: analyses thousands of frames from arrays.
//!
//! It is meant for studies of recorded data. It runs the function that analyses a single frame, so
//! it gives the same bits. That function is compiled a second time with the vector instructions of
//! the processor. These are AVX2 where available, without fused multiply-add, which would round
//! differently. The frames are divided among all cores.

use std::num::NonZero;
use std::ops::Range;
use std::thread;
use std::vec::Vec;

use ndarray::{ArrayView3, Axis};
use sqal_core::{
    AnalysisError, Flags, Grid, TofFindings, TofFrame,
    analyze::Assessment,
    tof::{DistanceKind, InvalidFrame, TargetStatus, TofReading},
};

use crate::TofAnalyzer;

/// Frames as arrays of shape n x 8 x 8, in the units of [`TofReading`].
#[derive(Clone, Copy, Debug)]
pub struct Frames<'a> {
    /// Distances in mm.
    pub distance_mm: ArrayView3<'a, f32>,
    /// Reflectances in percent.
    pub reflectance_percent: ArrayView3<'a, f32>,
    /// Amplitudes in kcps per SPAD.
    pub amplitude_kcps: ArrayView3<'a, f32>,
    /// Range noise in mm, if it was recorded.
    pub sigma_mm: Option<ArrayView3<'a, f32>>,
    /// Target status codes, if they were recorded.
    pub status: Option<ArrayView3<'a, u8>>,
    /// The kind of distance that the numbers state.
    pub distance_kind: DistanceKind,
}

/// Arrays whose shape is not that of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{matrix} has the shape {found:?}: expected {expected:?}, as many frames as the distances of 8 x 8 zones")]
#[non_exhaustive]
pub struct InvalidFrames {
    /// The name of the matrix.
    pub matrix: &'static str,
    /// The shape of the matrix.
    pub found: [usize; 3],
    /// The shape that would be valid.
    pub expected: [usize; 3],
}

/// Why a frame of a batch has no assessment.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidBatchFrame {
    /// A number is outside the range of the sensor.
    #[error(transparent)]
    Invalid(InvalidFrame),
    /// The analysis found nothing usable in the frame.
    #[error(transparent)]
    Unusable(AnalysisError),
}

impl Frames<'_> {
    fn check(&self) -> Result<(), InvalidFrames> {
        let expected = [self.distance_mm.dim().0, 8, 8];
        let shapes = [
            ("distance_mm", Some(self.distance_mm.dim())),
            ("reflectance_percent", Some(self.reflectance_percent.dim())),
            ("amplitude_kcps", Some(self.amplitude_kcps.dim())),
            ("sigma_mm", self.sigma_mm.map(|view| view.dim())),
            ("status", self.status.map(|view| view.dim())),
        ];
        let shaped =
            shapes.into_iter().filter_map(|(matrix, dim)| dim.map(|(n, rows, columns)| (matrix, [n, rows, columns])));
        match shaped.into_iter().find(|(_, found)| *found != expected) {
            Some((matrix, found)) => Err(InvalidFrames { matrix, found, expected }),
            None => Ok(()),
        }
    }

    fn reading(&self, k: usize) -> TofReading {
        fn grid<T: Copy>(view: &ArrayView3<'_, T>, k: usize) -> Grid<T> {
            let frame = view.index_axis(Axis(0), k);
            match frame.as_slice().and_then(|zones| <&[T; 64]>::try_from(zones).ok()) {
                Some(zones) => Grid::from_fn(|zone| zones[zone]),
                None => Grid::from_fn(|zone| frame[(zone / 8, zone % 8)]),
            }
        }
        TofReading {
            distance_mm: grid(&self.distance_mm, k),
            reflectance_percent: Some(grid(&self.reflectance_percent, k)),
            amplitude_kcps: Some(grid(&self.amplitude_kcps, k)),
            sigma_mm: self.sigma_mm.map(|view| grid(&view, k)),
            status: self.status.map(|view| grid(&view, k).map(|code| TargetStatus(*code))),
            distance_kind: self.distance_kind,
        }
    }
}

impl TofAnalyzer {
    /// Analyses frames on `threads` threads (one per core if `None`), and returns the result of
    /// `keep` for each outcome, in the order of the frames. Each outcome has the same bits as that
    /// of a frame that is analysed alone.
    ///
    /// ```
    /// use ndarray::Array3;
    /// use sqal_core::tof::DistanceKind;
    /// use sqal_sensors::{batch::Frames, TofAnalyzer, TofProfile};
    ///
    /// let [distance, reflectance, amplitude] = [130.0, 45.0, 900.0].map(|x| Array3::from_elem((1000, 8, 8), x));
    /// let frames = Frames {
    ///     distance_mm: distance.view(),
    ///     reflectance_percent: reflectance.view(),
    ///     amplitude_kcps: amplitude.view(),
    ///     sigma_mm: None,
    ///     status: None,
    ///     distance_kind: DistanceKind::Perpendicular,
    /// };
    /// let analyzer = TofAnalyzer::new(TofProfile::example())?;
    /// let heights = analyzer.analyze_batch(&frames, None, |outcome| outcome.ok()?.findings.avg_height_mm)?;
    /// assert_eq!(heights.len(), 1000);
    /// assert!((heights[999].unwrap().value() - 20.0).abs() < 1e-9);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidFrames`] names the first array whose shape is not that of the distances, or not n x
    /// 8 x 8.
    pub fn analyze_batch<T: Send>(
        &self,
        frames: &Frames<'_>,
        threads: Option<NonZero<usize>>,
        keep: impl Fn(Result<Assessment<TofFindings>, InvalidBatchFrame>) -> T + Sync,
    ) -> Result<Vec<T>, InvalidFrames> {
        /// The fewest frames for a thread: the analysis of fewer takes less time than starting a
        /// thread.
        const WORTH_A_THREAD: usize = 64;
        frames.check()?;
        let count = frames.distance_mm.dim().0;
        let cores = threads.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZero::get);
        let share = count.div_ceil(cores).max(WORTH_A_THREAD);
        let part = |from: usize| self.analyze_part(frames, from..(from + share).min(count), &keep);
        if count <= share {
            return Ok(part(0));
        }
        Ok(thread::scope(|scope| {
            let workers: Vec<_> = (0..count).step_by(share).map(|from| scope.spawn(move || part(from))).collect();
            let done = workers.into_iter().map(|worker| {
                // The analysis cannot panic. `keep` belongs to the caller, so its panic is passed
                // on.
                worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            });
            done.flatten().collect()
        }))
    }

    fn analyze_part<T>(
        &self,
        frames: &Frames<'_>,
        part: Range<usize>,
        keep: &impl Fn(Result<Assessment<TofFindings>, InvalidBatchFrame>) -> T,
    ) -> Vec<T> {
        pulp::Arch::new().dispatch(|| {
            let outcome = |k: usize| {
                let frame = TofFrame::new(frames.reading(k)).map_err(InvalidBatchFrame::Invalid)?;
                self.judge(&frame, None, Flags::default()).map_err(InvalidBatchFrame::Unusable)
            };
            part.map(|k| keep(outcome(k))).collect()
        })
    }
}
