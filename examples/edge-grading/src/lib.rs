//! Grading on a microcontroller: no std, no allocator, no clock, and the bits of the server.
//!
//! `cargo xtask test` links this crate with the cfg `edge` as a shared library, against the C
//! library's memory functions only. A dependency that needs std would add a second panic handler,
//! and one that allocates would miss an allocator. In both cases linking fails.
#![no_std]

use sqal_core::{Grade, Spectrum, TofFrame, grade::GradeScale};
use sqal_fusion::{Inspector, PowerMeanRule};
use sqal_sensors::{SpectralAnalyzer, SpectralProfile, TofAnalyzer, TofProfile, tof::decode_uld_frame};

/// Grades one tray from the buffer that the ST driver read over the bus and from one spectrum;
/// `None` stands for a blind sensor.
///
/// ```
/// assert_eq!(edge_grading::grade(None, None), sqal_core::Grade::Reject);
/// ```
#[must_use]
pub fn grade(uld_buffer: Option<&[u8]>, spectrum: Option<&Spectrum>) -> Grade {
    let frame: Option<TofFrame> = uld_buffer.and_then(|buffer| decode_uld_frame(buffer).ok());
    let analyzers =
        TofAnalyzer::new(TofProfile::example()).ok().zip(SpectralAnalyzer::new(SpectralProfile::example()).ok());
    // A firmware with an invalid profile sells nothing.
    let Some((tof, spectral)) = analyzers else { return Grade::Reject };
    let inspector = Inspector::new(tof, spectral, PowerMeanRule::default(), GradeScale::default());
    inspector.inspect(frame.as_ref(), spectrum).verdict.grade
}

/// An entry as in a firmware's table of functions, which keeps the whole chain in the link.
#[cfg(edge)]
#[used]
static GRADE: fn(Option<&[u8]>, Option<&Spectrum>) -> Grade = grade;

/// Stops on a panic, because a microcontroller cannot unwind.
#[cfg(edge)]
#[panic_handler]
fn stop(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
