//! Heights above the tray's floor: the reference surface, the product's mask, and zones filled in from their neighbours.

use sqal_core::{Flag, Flags, Grid, ZoneSet};

use super::geometry;
use super::validity::Zones;
use crate::{HeightReference, Moments, Point, TofProfile, robust_plane};

/// The tray as a surface of heights.
#[derive(Clone, Debug)]
pub(super) struct Surface {
    /// The tray's zones with a height: valid or imputed.
    pub(super) known: ZoneSet,
    /// The tray's zones that were measured and hold product.
    pub(super) product: ZoneSet,
    /// Height above the floor in mm; meaningless where not known.
    pub(super) height_mm: Grid<f64>,
    /// The independent standard uncertainty of each height in mm.
    pub(super) sigma_mm: Grid<f64>,
    /// Where each zone's point lies across and along, in mm from the axis.
    pub(super) place_mm: Grid<(f64, f64)>,
    /// The standard uncertainty that all heights share, in mm.
    pub(super) u_common_mm: f64,
}

impl Surface {
    /// The heights of the product's zones.
    pub(super) fn product_heights(&self) -> Grid<Option<f64>> {
        Grid::from_fn(|zone| self.product.contains(zone).then(|| self.height_mm[zone]))
    }

    /// The mean distance between neighbouring columns and rows on the product, in mm.
    ///
    /// Zones lie on a grid of equal angles, so their spacing follows the distance; the grid's unevenness is below 4 %.
    pub(super) fn spacing_mm(&self) -> (f64, f64) {
        let mean = |place: fn((f64, f64)) -> f64, across: fn(usize) -> usize| {
            let one = |zone: usize| place(self.place_mm[zone]) / geometry::steps(across(zone));
            Moments::of(self.known.iter().map(one)).map_or(1.0, |moments| moments.mean)
        };
        (mean(|p| p.0, |zone| zone % 8), mean(|p| p.1, |zone| zone / 8))
    }

    /// The heights to show, as stored: mm, `None` where nothing is known.
    pub(super) fn height_map(&self) -> Grid<Option<f32>> {
        #[expect(clippy::cast_possible_truncation, reason = "a height in mm to seven digits")]
        Grid::from_fn(|zone| self.known.contains(zone).then(|| self.height_mm[zone] as f32))
    }
}

/// The heights of the tray; `None` without a reference surface.
///
/// Height = reference − distance + penetration bias. A zone is product if it is higher than the profile's least height and than three
/// standard uncertainties of its own noise. At most 40 % of the tray is filled in (the frame would not be usable otherwise).
pub(super) fn heights(zones: &Zones, tray: ZoneSet, profile: &TofProfile, flags: &mut Flags) -> Option<Surface> {
    let place_mm = Grid::from_fn(|zone| {
        let (x, y) = geometry::tangents(zone);
        (x * zones.distance_mm[zone], y * zones.distance_mm[zone])
    });
    let (floor, u_reference) = floor(zones, &place_mm, profile, flags)?;
    let measured = ZoneSet::from_fn(|zone| zones.valid.contains(zone) && tray.contains(zone));
    let mut height_mm = Grid::from_fn(|zone| floor[zone] - zones.distance_mm[zone] + profile.penetration_bias_mm);
    let mut sigma_mm = zones.sigma_mm;
    let product = ZoneSet::from_fn(|zone| {
        measured.contains(zone) && height_mm[zone] > profile.min_product_mm.max(3.0 * zones.sigma_mm[zone])
    });

    let spread = Moments::of(measured.iter().map(|zone| height_mm[zone])).map_or(0.0, |m| m.population_variance());
    let mut known = measured;
    for zone in tray.iter().filter(|zone| !measured.contains(*zone)) {
        if let Some((height, variance)) = from_neighbours(zone, measured, &height_mm, &zones.sigma_mm) {
            height_mm[zone] = height;
            sigma_mm[zone] = libm::sqrt(variance + spread);
            known = ZoneSet::from_fn(|k| k == zone || known.contains(k));
            flags.insert(Flag::Imputed);
        }
    }
    let u_common_mm = libm::hypot(profile.u_systematic_mm, u_reference);
    Some(Surface { known, product, height_mm, sigma_mm, place_mm, u_common_mm })
}

/// The distance of the tray's floor for each zone, and its common uncertainty.
fn floor(
    zones: &Zones,
    place_mm: &Grid<(f64, f64)>,
    profile: &TofProfile,
    flags: &mut Flags,
) -> Option<(Grid<f64>, f64)> {
    match &profile.reference {
        HeightReference::Flat { distance_mm, u_mm } => Some((Grid::from_fn(|_| *distance_mm), *u_mm)),
        HeightReference::Map { distance_mm, u_mm } => Some((*distance_mm, *u_mm)),
        HeightReference::Rim { floor_below_mm, u_mm } => {
            let mut points = [Point { x: 0.0, y: 0.0, z: 0.0 }; 28];
            let mut n = 0;
            let rim = |zone: &usize| matches!(zone / 8, 0 | 7) || matches!(zone % 8, 0 | 7);
            for zone in zones.valid.iter().filter(rim) {
                let (x, y) = geometry::tangents(zone);
                // In tangent space a plane z = a + bX + cY is 1/z = linear, so the fit is of 1/z and needs no place of its own.
                points[n] = Point { x, y, z: 1.0 / zones.distance_mm[zone] };
                n += 1;
            }
            let plane = (n >= 12).then(|| robust_plane(&points[..n])).flatten();
            if plane.is_none() {
                flags.insert(Flag::NoReference);
            }
            let plane = plane?;
            flags.insert(Flag::RimReference);
            // The floor under a product point lies on its vertical, not on the zone's ray.
            let floor = Grid::from_fn(|zone| {
                let (x, y) = place_mm[zone];
                // 1/z = p + q tx + r ty and tx = x/z give z = (1 − q x − r y)/p.
                (1.0 - plane.b * x - plane.c * y) / plane.a + floor_below_mm
            });
            floor.iter().all(|z| z.is_finite()).then_some((floor, *u_mm))
        }
        HeightReference::None => {
            flags.insert(Flag::NoReference);
            None
        }
    }
}

/// The inverse-distance mean over the measured 8-neighbours, with their mean variance; `None` without any.
fn from_neighbours(zone: usize, measured: ZoneSet, height: &Grid<f64>, sigma: &Grid<f64>) -> Option<(f64, f64)> {
    let (mut weight, mut sum, mut variance, mut n) = (0.0, 0.0, 0.0, 0.0);
    for other in measured.iter() {
        let (dr, dc) = ((other / 8).abs_diff(zone / 8), (other % 8).abs_diff(zone % 8));
        if dr.max(dc) == 1 {
            let w = if dr + dc == 1 { 1.0 } else { core::f64::consts::FRAC_1_SQRT_2 };
            weight += w;
            sum += w * height[other];
            variance += sigma[other] * sigma[other];
            n += 1.0;
        }
    }
    (n > 0.0).then(|| (sum / weight, variance / n))
}
