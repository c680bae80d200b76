//! Mean height and roughness of the product, with the sensor's noise taken out before a surface is called rough.

use sqal_core::{Grid, Measured};

use super::reference::Surface;
use crate::desirability::measured;
use crate::{Moments, Plane, Point, TofProfile};

/// The fewest product zones from which roughness is stated.
const LEAST_ZONES: u32 = 8;

/// The mean height over the product, with the error that all zones share; `None` without product.
///
/// In a tray of known area every zone counts alike, because the tray is what was sampled; a product that stands free is weighed by the
/// areas that its zones see, so that its volume is this height times their sum.
pub(super) fn mean_height(surface: &Surface, areas: Option<&Grid<f64>>) -> Option<Measured> {
    let weight = |zone: usize| areas.map_or(1.0, |areas| areas[zone]);
    let (mut total, mut sum, mut noise) = (0.0, 0.0, 0.0);
    for zone in surface.product.iter() {
        let w = weight(zone);
        total += w;
        sum += w * surface.height_mm[zone];
        noise += (w * surface.sigma_mm[zone]) * (w * surface.sigma_mm[zone]);
    }
    let u = libm::hypot(libm::sqrt(noise) / total, surface.u_common_mm());
    (total > 0.0).then(|| measured(sum / total, u))
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
/// The noise is taken out before a surface is called rough. With s̄² the mean of σ² and d degrees of freedom, a surface of true mean square
/// q shows q + s̄² d/n, with standard uncertainty √(2 s̄⁴ d + 4 n s̄² q)/n: a flat tray read with 3 mm of noise shows a raw Sq of 2.9 mm.
/// Variation takes d = n − 1. Uniformity = exp(−q/(2 s₀²)) takes the least-squares plane out first (d = n − 3), so it does not change with
/// offset or tilt. It is to be read with its uncertainty, because noise can only hide roughness.
///
/// The plane is that of least squares, not the robust one: a robust plane leaves 7 % more noise in its residuals than the n − 3 degrees of
/// freedom account for (measured over 24 zones), and a dent belongs to the roughness.
pub(super) fn roughness(surface: &Surface, profile: &TofProfile) -> Option<Roughness> {
    let product = surface.product;
    if product.len() < LEAST_ZONES {
        return None;
    }
    let n = f64::from(product.len());
    let noise = product.iter().map(|zone| surface.sigma_mm[zone] * surface.sigma_mm[zone]).sum::<f64>() / n;
    let square = Moments::of(product.iter().map(|zone| surface.height_mm[zone]))?.population_variance();
    let (corrected, u_square) = without_noise(square, noise, n, n - 1.0);
    let below_noise = corrected <= 2.0 * u_square;
    let variation = libm::sqrt(corrected);
    let u_variation = if below_noise {
        // Where the first-order rule fails the truth lies between 0 and the upper 95 % limit: the root mean square distance from the
        // value to a point of that interval.
        let upper = libm::sqrt(corrected + 1.645 * u_square);
        libm::sqrt(upper * upper / 3.0 - upper * variation + corrected)
    } else {
        u_square / (2.0 * variation)
    };

    let points = product.iter().map(|zone| {
        let (x, y) = surface.place_mm[zone];
        Point { x, y, z: surface.height_mm[zone] }
    });
    let levelled = Plane::least_squares(points.clone()).map(|plane| {
        let square = points.clone().map(|p| plane.residual(&p) * plane.residual(&p)).sum::<f64>() / n;
        let (corrected, u_square) = without_noise(square, noise, n, n - 3.0);
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

/// A mean square with its noise of so many degrees of freedom taken out, and its standard uncertainty.
fn without_noise(square: f64, noise: f64, n: f64, degrees: f64) -> (f64, f64) {
    let corrected = (square - noise * degrees / n).max(0.0);
    (corrected, libm::sqrt(2.0 * noise * noise * degrees + 4.0 * n * noise * corrected) / n)
}

/// The slope of the product in degrees, with the noise's own slope taken out, and its standard uncertainty.
///
/// u²(slope) is σ² over the smallest eigenvalue of the places' scatter: across the direction in which they spread least.
fn tilt(plane: &Plane, points: impl Iterator<Item = Point> + Clone, noise: f64) -> Measured {
    let mean = |f: fn(&Point) -> f64| Moments::of(points.clone().map(|p| f(&p))).map_or(0.0, |m| m.mean);
    let (mx, my) = (mean(|p| p.x), mean(|p| p.y));
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for p in points {
        let (x, y) = (p.x - mx, p.y - my);
        xx += x * x;
        xy += x * y;
        yy += y * y;
    }
    let root = libm::sqrt((xx - yy) * (xx - yy) / 4.0 + xy * xy);
    let (least, most) = ((f64::midpoint(xx, yy) - root).max(1e-9), f64::midpoint(xx, yy) + root);
    // A flat surface read with noise has a slope all the same: u²(b) + u²(c) of it on average.
    let square = (plane.b * plane.b + plane.c * plane.c - noise / least - noise / most).max(0.0);
    let degrees = libm::atan(libm::sqrt(square)).to_degrees();
    measured(degrees, libm::sqrt(noise / least).to_degrees() / (1.0 + square))
}
