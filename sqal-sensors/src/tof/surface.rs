//! Mean height and roughness of the product, with the sensor's noise taken out before a surface is called rough.

use sqal_core::Measured;

use super::reference::Surface;
use crate::desirability::measured;
use crate::{Moments, Plane, Point, TofProfile, robust_plane};

/// The fewest product zones from which roughness is stated.
const LEAST_ZONES: u32 = 8;

/// The mean height over the product, with the error that all zones share; `None` without product.
pub(super) fn mean_height(surface: &Surface) -> Option<Measured> {
    let moments = Moments::of(surface.product.iter().map(|zone| surface.height_mm[zone]))?;
    let noise: f64 = surface.product.iter().map(|zone| surface.sigma_mm[zone] * surface.sigma_mm[zone]).sum();
    let u = libm::sqrt(noise / (moments.n * moments.n) + surface.u_common_mm * surface.u_common_mm);
    Some(measured(moments.mean, u))
}

/// How rough the product is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Roughness {
    /// The noise-corrected standard deviation of the height, in mm.
    pub(super) variation: Measured,
    /// The uniformity after the plane is taken out.
    pub(super) uniformity: Option<Measured>,
    /// The slope of the plane, in degrees.
    pub(super) tilt: Option<Measured>,
    /// Whether the variation cannot be told from noise.
    pub(super) below_noise: bool,
}

/// Height variation, uniformity and tilt; `None` for fewer than eight product zones.
///
/// `Sq_c²` = max(0, Sq² − s̄²) with s̄² = mean σ² (n − 1)/n, and u(Sq²) = √(2 s̄⁴ (n − 1) + 4 n s̄² `Sq_c²)/n`. A flat tray read with 3 mm of
/// noise shows a raw Sq of 2.9 mm; corrected it is 0.5 mm. Uniformity = `exp(−Sq_lev,c²/(2` s₀²)) with the plane removed (n − 3 degrees of
/// freedom), so it does not change with offset or tilt; it is to be read with its uncertainty, because noise can only hide roughness.
pub(super) fn roughness(surface: &Surface, profile: &TofProfile) -> Option<Roughness> {
    let product = surface.product;
    if product.len() < LEAST_ZONES {
        return None;
    }
    let n = f64::from(product.len());
    let noise = product.iter().map(|zone| surface.sigma_mm[zone] * surface.sigma_mm[zone]).sum::<f64>() / n;
    let square = Moments::of(product.iter().map(|zone| surface.height_mm[zone]))?.population_variance();
    let (corrected, u_square) = corrected(square, noise, n, n - 1.0);
    let below_noise = corrected <= 2.0 * u_square;
    let variation = libm::sqrt(corrected);
    // Where the first-order rule fails, the interval from 0 to the upper 95 % limit is stated as if uniform.
    let u_variation = if below_noise {
        libm::sqrt(corrected + 1.645 * u_square) / libm::sqrt(3.0)
    } else {
        u_square / (2.0 * variation)
    };

    let mut points = [Point { x: 0.0, y: 0.0, z: 0.0 }; 64];
    for (point, zone) in points.iter_mut().zip(product.iter()) {
        let (x, y) = surface.place_mm[zone];
        *point = Point { x, y, z: surface.height_mm[zone] };
    }
    let points = &points[..product.len() as usize];
    let levelled = robust_plane(points).map(|plane| {
        let square = points.iter().map(|p| plane.residual(p) * plane.residual(p)).sum::<f64>() / n;
        let (corrected, u_square) = self::corrected(square, noise, n, n - 3.0);
        let scale = 2.0 * profile.uniformity_scale_mm * profile.uniformity_scale_mm;
        let uniformity = libm::exp(-corrected / scale);
        (measured(uniformity, uniformity * u_square / scale), tilt(&plane, points, noise))
    });
    Some(Roughness {
        variation: measured(variation, u_variation),
        uniformity: levelled.map(|(uniformity, _)| uniformity),
        tilt: levelled.map(|(_, tilt)| tilt),
        below_noise,
    })
}

/// A mean square with the noise taken out, and its standard uncertainty.
fn corrected(square: f64, noise: f64, n: f64, degrees: f64) -> (f64, f64) {
    let expected = noise * degrees / n;
    let corrected = (square - expected).max(0.0);
    let u = libm::sqrt(2.0 * expected * expected * degrees + 4.0 * n * expected * corrected) / n;
    (corrected, u)
}

/// The plane's slope in degrees; its uncertainty from the noise and the spread of the places.
fn tilt(plane: &Plane, points: &[Point], noise: f64) -> Measured {
    let spread = |f: fn(&Point) -> f64| Moments::of(points.iter().map(f)).map_or(0.0, |m| m.squares);
    // Without covariance between x and y, as on a grid: u²(slope) = σ²/Σ(x − x̄)².
    let (xx, yy) = (spread(|p| p.x), spread(|p| p.y));
    let slope = libm::sqrt(plane.b * plane.b + plane.c * plane.c);
    let u_slope = libm::sqrt(noise / xx.min(yy).max(1e-9));
    measured(plane.tilt_deg(), u_slope.to_degrees() / (1.0 + slope * slope))
}
