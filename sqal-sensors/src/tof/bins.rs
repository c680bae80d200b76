//! The distribution of heights over the product, in 16 equal bins.
//!
//! The bins extend from 0 to the profile's greatest height.

use sqal_core::findings::HeightBins;

use super::reference::Surface;
use crate::TofProfile;

/// The histogram; `None` without product.
pub(super) fn histogram(surface: &Surface, profile: &TofProfile) -> Option<HeightBins> {
    let n = f64::from(surface.whole.len());
    if n == 0.0 {
        return None;
    }
    let bin_width_mm = profile.max_height_mm / 16.0;
    let mut counts = [0_u8; 16];
    for zone in surface.whole {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0 to 15")]
        let bin = (surface.height_mm[zone] / bin_width_mm).clamp(0.0, 15.0) as usize;
        counts[bin] += 1;
    }
    // Shannon entropy: −Σ p log₂ p.
    let entropy_bits = counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / n)
        .map(|p| -p * libm::log2(p))
        .sum::<f64>()
        // If all heights are in one bin, the sum is −0.0, which is changed to 0.0.
        + 0.0;
    let mode = (0_u8..16).max_by_key(|bin| (counts[usize::from(*bin)], u8::MAX - bin)).unwrap_or(0);
    Some(HeightBins { counts, bin_width_mm, entropy_bits, mode })
}
