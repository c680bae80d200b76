//! [`areal_parameters`]: the height parameters of ISO 25178-2 on an 8x8 grid with missing zones.

use sqal_core::{Grid, defect::ZoneSet, findings::ArealParameters};

use super::geometry;
use crate::{
    moments::Moments,
    robust::{Plane, Point},
};

/// The root mean square height in mm below which a surface is flat, so that its skewness and
/// kurtosis would be 0/0.
const FLAT_MM: f64 = 1e-9;

/// The areal parameters of the known heights; `None` if no height is known.
///
/// The heights and the spacings of the columns and of the rows are in mm. Deviations are from the
/// mean over the known zones, and moments are divided by n (ISO 25178-2:2021, 4.2). `sku` is not
/// excess kurtosis: a Gaussian surface has 3 (Gwyddion prints 3 less). `sdq` uses the pairs, and
/// `sdr` the cells, whose zones are all known. `sdq` averages each direction over its own
/// differences. `sdr` splits each cell along both diagonals and takes the mean of the two areas
/// (D.3, eq. D.15). `sdq` is `None` without a pair in each direction, `sdr` without a whole cell.
#[must_use]
pub fn areal_parameters(heights: &Grid<Option<f64>>, dx_mm: f64, dy_mm: f64) -> Option<ArealParameters> {
    Known::of(heights).areal_parameters(dx_mm, dy_mm)
}

/// The heights minus their least-squares plane, on a regular grid of positions. `None` for fewer
/// than three known zones, or if they lie on one line.
#[must_use]
pub fn levelled(heights: &Grid<Option<f64>>, dx_mm: f64, dy_mm: f64) -> Option<Grid<Option<f64>>> {
    let level = Known::of(heights).levelled(dx_mm, dy_mm)?;
    Some(Grid::from_fn(|zone| level.zones.contains(zone).then(|| level.z[zone])))
}

/// The zones whose height is known, with the heights. The heights of unknown zones are never used.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// The zones.
    pub(super) zones: ZoneSet,
    /// The heights of the zones, in mm.
    pub(super) z: Grid<f64>,
}

impl Known {
    fn of(heights: &Grid<Option<f64>>) -> Self {
        Self { zones: ZoneSet::from_fn(|zone| heights[zone].is_some()), z: heights.map(|height| height.unwrap_or(0.0)) }
    }

    /// Subtracts the least-squares plane; see [`levelled`].
    pub(super) fn levelled(&self, dx_mm: f64, dy_mm: f64) -> Option<Self> {
        let place = |zone: usize| (index(zone % 8) * dx_mm, index(zone / 8) * dy_mm);
        let point = |zone: usize| Point { x: place(zone).0, y: place(zone).1, z: self.z[zone] };
        let plane = Plane::least_squares(self.zones.iter().map(point))?;
        let mut z = Grid::from_fn(|_| 0.0);
        for zone in self.zones {
            z[zone] = plane.residual(&point(zone));
        }
        Some(Self { zones: self.zones, z })
    }

    /// The areal parameters of the known heights; see [`areal_parameters`].
    pub(super) fn areal_parameters(&self, dx_mm: f64, dy_mm: f64) -> Option<ArealParameters> {
        let values = || self.zones.iter().map(|zone| self.z[zone]);
        let moments = Moments::of(values())?;
        let (mut sa, mut sp, mut sv, mut cube, mut fourth) = (0.0, 0.0_f64, 0.0_f64, 0.0, 0.0);
        for z in values() {
            let d = z - moments.mean;
            let square = d * d;
            sa += d.abs();
            sp = sp.max(d);
            sv = sv.max(-d);
            cube += square * d;
            fourth += square * square;
        }
        let variance = moments.population_variance();
        let sq = libm::sqrt(variance);
        let rough = sq >= FLAT_MM;
        Some(ArealParameters {
            sa: sa / moments.n,
            sq,
            sp,
            sv,
            sz: sp + sv,
            ssk: rough.then(|| cube / moments.n / (variance * sq)),
            sku: rough.then(|| fourth / moments.n / (variance * variance)),
            sdq: root_mean_square_gradient(self, dx_mm, dy_mm),
            sdr: developed_area_ratio(self, dx_mm, dy_mm),
        })
    }
}

fn index(k: usize) -> f64 {
    f64::from(u8::try_from(k).unwrap_or(u8::MAX))
}

/// √(mean (∂z/∂x)² + mean (∂z/∂y)²) over the differences of neighbours.
fn root_mean_square_gradient(known: &Known, dx_mm: f64, dy_mm: f64) -> Option<f64> {
    let mean_square = |pairs: ZoneSet, step: usize, spacing: f64| {
        let slope = |zone: usize| (known.z[zone + step] - known.z[zone]) / spacing;
        let sum: f64 = pairs.iter().map(|zone| slope(zone) * slope(zone)).sum();
        (!pairs.is_empty()).then(|| sum / f64::from(pairs.len()))
    };
    let [_, has_right, _, has_below] = geometry::beside(known.zones);
    let across = mean_square(known.zones.and(has_right), 1, dx_mm)?;
    let along = mean_square(known.zones.and(has_below), 8, dy_mm)?;
    Some(libm::sqrt(across + along))
}

/// The area of the surface over its projected area, minus one.
fn developed_area_ratio(known: &Known, dx_mm: f64, dy_mm: f64) -> Option<f64> {
    // The zones for which all four corners of the cell to the right and below are known.
    let [_, has_right, ..] = geometry::beside(known.zones);
    let pairs = known.zones.and(has_right);
    let cells = pairs.and(geometry::beside(pairs)[3]);
    let flat = dx_mm * dy_mm;
    let mut area = 0.0;
    for zone in cells {
        let rise = |from: usize, to: usize| known.z[to] - known.z[from];
        // The triangle at each corner is spanned by one x edge and one y edge of the cell.
        let (top, bottom) = (rise(zone, zone + 1), rise(zone + 8, zone + 9));
        let (left, right) = (rise(zone, zone + 8), rise(zone + 1, zone + 9));
        let triangle = |x_edge: f64, y_edge: f64| {
            let (u, v) = (dy_mm * x_edge, dx_mm * y_edge);
            libm::sqrt(u * u + v * v + flat * flat)
        };
        area += 0.25 * (triangle(top, left) + triangle(top, right) + triangle(bottom, left) + triangle(bottom, right));
    }
    (!cells.is_empty()).then(|| area / (f64::from(cells.len()) * flat) - 1.0)
}
