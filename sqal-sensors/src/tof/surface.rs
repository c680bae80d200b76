//! Mean height and roughness of the product, with the sensor's noise subtracted first.

use sqal_core::{Grid, Measured};

use super::reference::Surface;
use crate::desirability::measured;
use crate::{
    TofProfile,
    moments::Moments,
    robust::{Plane, Point},
};

/// The fewest product zones for which roughness is reported.
const LEAST_ZONES: u32 = 8;

/// The mean height over the product, with the error that all zones share; `None` without product.
///
/// In a tray of known area all zones have equal weight, because the zones are a sample of the tray.
/// For a free-standing product, each zone is weighted by the area that it sees, so that the volume
/// is this height times the sum of the areas.
pub(super) fn mean_height(surface: &Surface, areas: Option<&Grid<f64>>, unseen_mm: f64) -> Option<Measured> {
    let weight = |zone: usize| areas.map_or(1.0, |areas| areas[zone]);
    let (mut total, mut sum, mut noise) = (0.0, 0.0, 0.0);
    for zone in surface.whole {
        let w = weight(zone);
        total += w;
        sum += w * surface.height_mm[zone];
        noise += (w * surface.sigma_mm[zone]) * (w * surface.sigma_mm[zone]);
    }
    let u = libm::hypot(libm::hypot(libm::sqrt(noise) / total, surface.u_common_mm()), unseen_mm);
    // The value is the middle of its possible range, with the spread of a number that may be
    // anywhere in it (GUM, JCGM 100:2008, 4.3.7).
    let half = surface.u_covered_mm;
    let u = libm::hypot(u, half / 1.732_050_807_568_877_2);
    (total > 0.0).then(|| measured(sum / total + half, u)).flatten()
}

/// The figures of the product's roughness.
#[derive(Clone, Copy, Debug)]
pub(super) struct Roughness {
    /// The noise-corrected standard deviation of the height, in mm.
    pub(super) variation: Measured,
    /// The uniformity after the plane is subtracted.
    pub(super) uniformity: Option<Measured>,
    /// The slope of the plane, in degrees.
    pub(super) tilt: Option<Measured>,
    /// Whether the variation cannot be told from noise.
    pub(super) below_noise: bool,
    /// Whether the variation without the plane cannot be told from noise.
    pub(super) levelled_below_noise: bool,
}

/// Height variation, uniformity and tilt; `None` for fewer than eight product zones.
///
/// The noise is subtracted first (`MeanSquare`). Variation is about the mean. Uniformity =
/// exp(−q/(2 s₀²)) subtracts the least-squares plane first, so it does not change with offset or
/// tilt. It must be read with its uncertainty, because noise can only hide roughness.
///
/// The plane is that of least squares, not the robust one. A robust plane leaves 7 % more noise in
/// its residuals than the n − 3 degrees of freedom account for (measured over 24 zones), and a dent
/// belongs to the roughness.
pub(super) fn roughness(surface: &Surface, profile: &TofProfile) -> Option<Roughness> {
    let product = surface.whole;
    if product.len() < LEAST_ZONES {
        return None;
    }
    let points = product.iter().map(|zone| {
        let (x, y) = surface.place_mm(zone);
        Point { x, y, z: surface.height_mm[zone] }
    });
    let mean = Moments::of(points.clone().map(|p| p.z))?.mean;
    let variances = product.iter().map(|zone| surface.sigma_mm[zone] * surface.sigma_mm[zone]);
    let about_mean = MeanSquare::of(points.clone().map(|p| p.z - mean).zip(variances.clone()), 1.0);
    let levelled = Plane::least_squares(points.clone()).map(|plane| {
        let off = points.clone().map(|p| plane.residual(&p));
        let left = MeanSquare::of(off.zip(variances.clone()), 3.0);
        let scale = 2.0 * profile.uniformity_scale_mm * profile.uniformity_scale_mm;
        let uniformity = libm::exp(-left.value / scale);
        (measured(uniformity, uniformity * left.u / scale), tilt(&plane, points.zip(variances)), left.is_below_noise())
    });
    Some(Roughness {
        variation: about_mean.root()?,
        uniformity: levelled.and_then(|(uniformity, _, _)| uniformity),
        tilt: levelled.and_then(|(_, tilt, _)| tilt),
        below_noise: about_mean.is_below_noise(),
        levelled_below_noise: levelled.is_some_and(|(_, _, below)| below),
    })
}

/// A mean square of deviations with the noise subtracted.
///
/// With p parameters fitted, the deviations dᵢ of n zones with noise σᵢ have the expected mean
/// square Σδᵢ²/n + (n − p)/n · s̄² for true deviations δᵢ, where s̄² is the mean of σᵢ². For
/// example, a flat tray read with 3 mm of noise has a raw Sq of 2.9 mm. The variance is (2 (n −
/// p)/n Σσᵢ⁴ + 4 Σδᵢ²σᵢ²)/n². It is summed zone by zone, because a bright zone with a large
/// deviation is known better than the others.
#[derive(Clone, Copy, Debug)]
struct MeanSquare {
    value: f64,
    u: f64,
}

impl MeanSquare {
    fn of(deviations: impl Iterator<Item = (f64, f64)>, parameters: f64) -> Self {
        let (mut n, mut square, mut noise, mut fourth, mut mixed) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for (d, variance) in deviations {
            n += 1.0;
            square += d * d;
            noise += variance;
            fourth += variance * variance;
            mixed += d * d * variance;
        }
        let free = (n - parameters) / n;
        let value = ((square - free * noise) / n).max(0.0);
        // The measured δ² contains the noise too.
        let true_mixed = (mixed - free * fourth).max(0.0);
        Self { value, u: libm::sqrt(2.0 * free * fourth + 4.0 * true_mixed) / n }
    }

    fn is_below_noise(self) -> bool {
        self.value <= 2.0 * self.u
    }

    /// The root, with u(√q) = u(q)/(2√q).
    ///
    /// Below the noise that rule is not valid. There the true value lies between 0 and the upper 95
    /// % limit √(q + 1.645 u), and u is chosen so that value ± 1.95 u reaches both.
    fn root(self) -> Option<Measured> {
        let root = libm::sqrt(self.value);
        let upper = libm::sqrt(self.value + 1.645 * self.u);
        let reach = root.max(upper - root) / 1.95;
        measured(root, if self.is_below_noise() { reach } else { self.u / (2.0 * root) })
    }
}

/// The slope of the product in degrees, with the noise's own slope subtracted, and its standard
/// uncertainty.
///
/// With S the scatter of the positions and M that of the positions times their zones' variances,
/// the slopes have the covariance C = S⁻¹MS⁻¹. The u of the slope is taken along its own direction.
/// For a slope that cannot be told from noise, u is taken in the direction in which C is largest.
fn tilt(plane: &Plane, points: impl Iterator<Item = (Point, f64)> + Clone) -> Option<Measured> {
    let mean = |f: fn(&Point) -> f64| Moments::of(points.clone().map(|(p, _)| f(&p))).map_or(0.0, |m| m.mean);
    let (mx, my) = (mean(|p| p.x), mean(|p| p.y));
    let (mut places, mut noisy) = ([0.0; 3], [0.0; 3]);
    for (p, variance) in points {
        let (x, y) = (p.x - mx, p.y - my);
        for (k, square) in [x * x, x * y, y * y].into_iter().enumerate() {
            places[k] += square;
            noisy[k] += variance * square;
        }
    }
    let [xx, xy, yy] = places;
    let determinant = (xx * yy - xy * xy).max(1e-9);
    // The columns of S⁻¹, then C = S⁻¹MS⁻¹.
    let (p, q) = ([yy / determinant, -xy / determinant], [-xy / determinant, xx / determinant]);
    let between = |a: [f64; 2], b: [f64; 2]| {
        a[0] * (noisy[0] * b[0] + noisy[1] * b[1]) + a[1] * (noisy[1] * b[0] + noisy[2] * b[1])
    };
    let (bb, bc, cc) = (between(p, p), between(p, q), between(q, q));
    let widest = f64::midpoint(bb, cc) + libm::sqrt((bb - cc) * (bb - cc) / 4.0 + bc * bc);
    let seen = plane.b * plane.b + plane.c * plane.c;
    // A flat surface that is read with noise has a slope too: its square is u²(b) + u²(c) on
    // average.
    let square = (seen - bb - cc).max(0.0);
    let along = plane.b * plane.b * bb + 2.0 * plane.b * plane.c * bc + plane.c * plane.c * cc;
    let variance = if seen > 9.0 * widest { along / seen } else { widest };
    let degrees = libm::atan(libm::sqrt(square)).to_degrees();
    measured(degrees, libm::sqrt(variance).to_degrees() / (1.0 + square))
}
