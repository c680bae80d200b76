//! [`areal_parameters`]: the height parameters of ISO 25178-2 on an 8x8 grid, of which any zones may be missing.

use sqal_core::{ArealParameters, Grid};

use crate::{Moments, Plane, Point};

/// Below this root mean square height, in mm, a surface is flat and its skewness and kurtosis are 0/0.
const FLAT_MM: f64 = 1e-9;

/// The areal parameters of the heights that are known; `None` if none is.
///
/// Heights in mm, spacing of the columns and of the rows in mm. Deviations are from the mean over the known zones, moments are divided by
/// n (ISO 25178-2:2021, 4.2), and `sku` is not excess: a Gaussian surface has 3 (Gwyddion prints 3 less). `sdq` and `sdr` take the pairs
/// and the cells whose zones are all known: `sdq` averages each direction over its own differences, and `sdr` splits each cell along
/// both diagonals and takes the mean of the two areas (D.3, eq. D.15). `sdq` is `None` without a pair in each direction, `sdr` without a
/// whole cell.
#[must_use]
pub fn areal_parameters(heights: &Grid<Option<f64>>, dx_mm: f64, dy_mm: f64) -> Option<ArealParameters> {
    let known = || heights.iter().copied().flatten();
    let moments = Moments::of(known())?;
    let (mut sa, mut sp, mut sv, mut cube, mut fourth) = (0.0, 0.0_f64, 0.0_f64, 0.0, 0.0);
    for z in known() {
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
        sdq: root_mean_square_gradient(heights, dx_mm, dy_mm),
        sdr: developed_area_ratio(heights, dx_mm, dy_mm),
    })
}

/// The heights with their least-squares plane taken out, over places on a regular grid; `None` for fewer than three known zones, or
/// when they lie on one line.
#[must_use]
pub fn levelled(heights: &Grid<Option<f64>>, dx_mm: f64, dy_mm: f64) -> Option<Grid<Option<f64>>> {
    let place = |zone: usize| (index(zone % 8) * dx_mm, index(zone / 8) * dy_mm);
    let points = heights.iter().enumerate().filter_map(|(zone, z)| {
        let (x, y) = place(zone);
        z.map(|z| Point { x, y, z })
    });
    let plane = Plane::least_squares(points)?;
    Some(Grid::from_fn(|zone| {
        let (x, y) = place(zone);
        heights[zone].map(|z| z - plane.at(x, y))
    }))
}

fn index(k: usize) -> f64 {
    f64::from(u8::try_from(k).unwrap_or(u8::MAX))
}

/// √(mean (∂z/∂x)² + mean (∂z/∂y)²) over differences of neighbours.
fn root_mean_square_gradient(heights: &Grid<Option<f64>>, dx_mm: f64, dy_mm: f64) -> Option<f64> {
    let mean_square = |step: usize, spacing: f64, has_next: fn(usize) -> bool| {
        let (mut sum, mut n) = (0.0, 0.0);
        for zone in (0..64).filter(|zone| has_next(*zone)) {
            if let (Some(a), Some(b)) = (heights[zone], heights[zone + step]) {
                let slope = (b - a) / spacing;
                sum += slope * slope;
                n += 1.0;
            }
        }
        (n > 0.0).then(|| sum / n)
    };
    let across = mean_square(1, dx_mm, |zone| zone % 8 < 7)?;
    let along = mean_square(8, dy_mm, |zone| zone / 8 < 7)?;
    Some(libm::sqrt(across + along))
}

/// The area of the surface over the area below it, less one.
fn developed_area_ratio(heights: &Grid<Option<f64>>, dx_mm: f64, dy_mm: f64) -> Option<f64> {
    let (mut area, mut cells) = (0.0, 0.0);
    let flat = dx_mm * dy_mm;
    for zone in (0..64).filter(|zone| zone % 8 < 7 && zone / 8 < 7) {
        let corners = [heights[zone], heights[zone + 1], heights[zone + 8], heights[zone + 9]];
        if let [Some(a), Some(b), Some(c), Some(d)] = corners {
            // Each corner's triangle is spanned by one x edge and one y edge of the cell.
            let (top, bottom, left, right) = (b - a, d - c, c - a, d - b);
            let triangle = |x_edge: f64, y_edge: f64| {
                let (u, v) = (dy_mm * x_edge, dx_mm * y_edge);
                libm::sqrt(u * u + v * v + flat * flat)
            };
            area +=
                0.25 * (triangle(top, left) + triangle(top, right) + triangle(bottom, left) + triangle(bottom, right));
            cells += 1.0;
        }
    }
    (cells > 0.0).then(|| area / (cells * flat) - 1.0)
}
