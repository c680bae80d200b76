//! Dents, bumps and spots: zones that differ from the smooth surface beyond chance.
//!
//! The values are heights or reflectances of a product. The smooth surface is a second-order one
//! (six coefficients), and each zone is weighted by its own noise. A zone in a corner has two to
//! three times the noise of one in the middle: with equal weights, the corners of flat boards
//! showed dents in 6 % of the frames.
//!
//! A zone is judged by its externally studentised residual, which uses a scale from all the other
//! zones, with Student's distribution and Šidák's correction for the number of zones. On a surface
//! with nothing but noise, one frame in a hundred shows a defect. (The popular "minus the median of
//! the eight neighbours" shows 1.5 times as many.)
//!
//! A dent of several zones pulls the first fit towards itself. Therefore the zones found remarkable
//! are left out, the surface is fitted again, and their neighbours are judged against it.
//!
//! Hardly any frame has a defect, so a screen (`screen.rs`) rejects most frames before the exact
//! test.
//!
//! At 150 mm a zone is 15 mm wide. To be found, a defect must be about one zone wide and four times
//! the zone's noise deep.

use sqal_core::{Grid, defect::ZoneSet};

use super::geometry::{self, second_order};
use super::reference::Surface;
use crate::{least_squares::LeastSquares, student};

/// The share of frames of pure noise that show a defect.
const FAMILY_ERROR: f64 = 0.01;

/// The unknowns of a second-order surface.
const TERMS: usize = 6;

/// [`TERMS`] as an `f64`.
const TERMS_F64: f64 = 6.0;

/// The fewest zones in which defects are searched: twice the unknowns.
pub(super) const LEAST_ZONES: u32 = 12;

/// A group of neighbouring zones on one side of the surface.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blob {
    /// The zones.
    pub(super) zones: ZoneSet,
    /// The residual farthest from the surface, in the unit of the values; negative for a dent or a
    /// dark spot.
    pub(super) depth: f64,
    /// The area that the zones see, in mm².
    pub(super) area_mm2: f64,
    /// The sum of the residuals times the areas. For heights it is the volume between the zones and
    /// the surface, in mm³; negative for a dent.
    pub(super) volume: f64,
    /// One minus the probability of an equally remarkable residual on a surface with nothing but
    /// noise.
    pub(super) probability: f64,
}

/// The groups that are reported, at most 4.
pub(super) type Blobs = arrayvec::ArrayVec<Blob, 4>;

/// The remarkable groups among some values of a product, in the order of their first zones; empty
/// if there are too few zones.
pub(super) fn find(values: &Grid<f64>, surface: &Surface) -> Blobs {
    let product = surface.whole;
    let mut blobs = Blobs::new();
    if product.len() < LEAST_ZONES {
        return blobs;
    }
    let n = f64::from(product.len());
    let family = |p: f64| 1.0 - libm::pow(1.0 - p, n);
    let Some(first) = Fit::of(values, surface, product) else { return blobs };
    let remarkable = product.filter(|zone| family(first.chance(zone)) < FAMILY_ERROR);
    if remarkable.is_empty() {
        return blobs;
    }
    let rest = product.without(remarkable);
    // If too few zones are left for a second fit, the first fit is used.
    let second = (rest.len() >= LEAST_ZONES).then(|| Fit::of(values, surface, rest)).flatten();
    let fit = second.as_ref().unwrap_or(&first);
    let off = product.filter(|zone| remarkable.contains(zone) || family(fit.chance(zone)) < FAMILY_ERROR);

    let mut left = off;
    while let Some(seed) = left.iter().next() {
        let sign = fit.residual(seed) > 0.0;
        let zones = connected(seed, left.filter(|zone| (fit.residual(zone) > 0.0) == sign));
        left = left.without(zones);
        let farthest = |a: f64, b: f64| if b.abs() > a.abs() { b } else { a };
        let blob = Blob {
            zones,
            depth: zones.iter().map(|zone| fit.residual(zone)).fold(0.0, farthest),
            area_mm2: zones.iter().map(|zone| surface.area_mm2(zone)).sum(),
            volume: zones.iter().map(|zone| fit.residual(zone) * surface.area_mm2(zone)).sum(),
            probability: 1.0
                - zones.iter().map(|zone| family(first.chance(zone).min(fit.chance(zone)))).fold(1.0, f64::min),
        };
        if blobs.try_push(blob).is_err() {
            break;
        }
    }
    blobs
}

/// A second-order surface through some zones.
struct Fit<'a> {
    values: &'a Grid<f64>,
    surface: &'a Surface,
    used: ZoneSet,
    squares: LeastSquares<TERMS>,
    terms: [f64; TERMS],
}

impl<'a> Fit<'a> {
    fn of(values: &'a Grid<f64>, surface: &'a Surface, used: ZoneSet) -> Option<Self> {
        let mut squares = LeastSquares::default();
        for zone in used {
            squares.push(second_order(surface.place_mm(zone)), values[zone], surface.trust(zone));
        }
        let terms = squares.solve()?;
        Some(Self { values, surface, used, squares, terms })
    }

    fn residual(&self, zone: usize) -> f64 {
        let fitted: f64 = second_order(self.surface.place_mm(zone)).iter().zip(self.terms).map(|(a, x)| a * x).sum();
        self.values[zone] - fitted
    }

    /// The probability of a residual of this size by chance.
    fn chance(&self, zone: usize) -> f64 {
        let (t, degrees) = self.studentised(zone);
        student::two_sided(t, degrees)
    }

    /// A zone's residual over its scale, and the degrees of freedom of that scale. The scale is
    /// taken from all zones of the fit but this one.
    fn studentised(&self, zone: usize) -> (f64, f64) {
        let n = f64::from(self.used.len());
        let p = TERMS_F64;
        // In units of each zone's own noise, all residuals have one scale (weighted least squares,
        // Draper & Smith 1998, 9.2).
        let trust = self.surface.trust(zone);
        let leverage = trust * self.squares.leverage(&second_order(self.surface.place_mm(zone)));
        let (residual, rss) = (self.residual(zone) * libm::sqrt(trust), self.squares.residual_squares());
        if self.used.contains(zone) {
            // Externally studentised: the zone's own square is subtracted from the scale (Cook &
            // Weisberg 1982, 2.2).
            let share = (1.0 - leverage).max(1e-9);
            let degrees = n - p - 1.0;
            let others = ((rss - residual * residual / share) / degrees).max(0.0);
            (residual / libm::sqrt((others * share).max(1e-18)), degrees)
        } else {
            let degrees = n - p;
            (residual / libm::sqrt((rss / degrees * (1.0 + leverage)).max(1e-18)), degrees)
        }
    }
}

/// The zones of a set that are connected with one of them, corners included.
fn connected(seed: usize, among: ZoneSet) -> ZoneSet {
    let mut group = ZoneSet::from_bits(1 << seed);
    loop {
        let more = geometry::grown(group).and(among);
        if more == group {
            return group;
        }
        group = more;
    }
}
