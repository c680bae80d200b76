//! Grading as a microcontroller does it: no std, no allocator, no clock; the same code and the same bits as on the server.
//!
//! `cargo xtask test` links this crate as a shared library against nothing but the C library's memory functions, with the cfg `edge`.
//! A dependency that needed std would bring a second panic handler, and one that allocated would miss an allocator: neither links.
#![no_std]

use sqal_core::{Grade, Spectrum, TofFrame};
use sqal_fusion::calibration::Calibration;
use sqal_fusion::{Decision, Inspector, PowerMeanRule, SensorWeights};
use sqal_sensors::{SpectralAnalyzer, SpectralProfile, TofAnalyzer, TofProfile, decode_uld_frame};

/// Grades one tray from the buffer that the ST driver read over the bus and from one spectrum; `None` where a sensor is blind.
///
/// ```
/// assert_eq!(edge_grading::grade(None, None), sqal_core::Grade::Reject);
/// ```
#[must_use]
pub fn grade(uld_buffer: Option<&[u8]>, spectrum: Option<&Spectrum>) -> Grade {
    let frame: Option<TofFrame> = uld_buffer.and_then(|buffer| decode_uld_frame(buffer).ok());
    let analyzers =
        TofAnalyzer::new(TofProfile::example()).ok().zip(SpectralAnalyzer::new(SpectralProfile::example()).ok());
    // A firmware whose profile is wrong sells nothing.
    let Some((tof, spectral)) = analyzers else { return Grade::Reject };
    let inspector = Inspector {
        tof,
        spectral,
        rule: PowerMeanRule::default(),
        decision: Decision::default(),
        weights: SensorWeights::default(),
        calibration: Calibration::NONE,
    };
    inspector.inspect(frame.as_ref(), spectrum).verdict.grade
}

/// What a firmware's table of functions would hold; it keeps the whole chain in the link.
#[cfg(edge)]
#[used]
static GRADE: fn(Option<&[u8]>, Option<&Spectrum>) -> Grade = grade;

/// A microcontroller has nowhere to unwind to.
#[cfg(edge)]
#[panic_handler]
fn stop(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
