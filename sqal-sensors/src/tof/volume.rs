//! The volume of a tray: its known area times the mean height over it.
//!
//! Not a sum of zone areas: ray-cast trays show that constant zone areas err by 60 %, areas that grow with distance by 14 %, and
//! area times mean height by 4 %. A common error of 1 mm is 4.4 % of the volume at 22 mm, so it is carried as fully correlated.

use sqal_core::Measured;

use super::reference::Surface;
use crate::TofProfile;
use crate::desirability::measured;

/// V = A·h̄ with h̄ the mean of max(h, 0) over the tray's known zones;
/// u² = A²(Σw²σ² + c²) + h̄² u(A)², with c the standard uncertainty that all zones share.
pub(super) fn of_tray(surface: &Surface, profile: &TofProfile) -> Measured {
    let n = f64::from(surface.known.len().max(1));
    // Noise on bare floor is positive half of the time: an empty tray holds nothing, not the mean of that.
    let counts = |zone: usize| if surface.product.is_empty() { 0.0 } else { surface.height_mm[zone].max(0.0) };
    let mean = surface.known.iter().map(counts).sum::<f64>() / n;
    let noise: f64 = surface.known.iter().map(|zone| surface.sigma_mm[zone] * surface.sigma_mm[zone]).sum();
    let (area, u_area) = (profile.tray.area_mm2, profile.tray.u_area_mm2);
    let variance =
        area * area * (noise / (n * n) + surface.u_common_mm * surface.u_common_mm) + mean * mean * u_area * u_area;
    measured(area * mean, libm::sqrt(variance))
}
