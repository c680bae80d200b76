//! Heights above the tray's floor: the reference surface, the product's mask, and imputed zones.
//!
//! An imputed zone is filled in from its neighbours.

use sqal_core::{Flag, Flags, Grid, defect::ZoneSet};

use super::areal::Known;
use super::geometry;
use super::validity::Zones;
use crate::order::{median, ordered};
use crate::{
    HeightReference, TofProfile,
    moments::Moments,
    robust::{Plane, Point, robust_plane},
};

/// The tray as a surface of heights.
#[derive(Clone, Debug)]
pub(super) struct Surface {
    /// The tray's zones with a height: valid or imputed.
    pub(super) known: ZoneSet,
    /// The tray's zones that were measured and hold product.
    pub(super) product: ZoneSet,
    /// The product's zones that are covered by product alone. In a tray these are all of them. Of a
    /// free-standing product they are the zones without a bare neighbour, if there are any. The
    /// product's surface (height, roughness, dents, reflectance) is measured on these zones.
    pub(super) whole: ZoneSet,
    /// Half of the possible error by which the mean height is too low, in mm, if none of the
    /// product's zones is surely covered by it alone; 0 if some are.
    pub(super) u_covered_mm: f64,
    /// The height above the floor in mm; not valid where unknown.
    pub(super) height_mm: Grid<f64>,
    /// The independent standard uncertainty of each height in mm.
    pub(super) sigma_mm: Grid<f64>,
    /// The perpendicular distance of each zone's point in mm.
    pub(super) distance_mm: Grid<f64>,
    /// The standard uncertainty that all distances share, in mm.
    pub(super) u_systematic_mm: f64,
    /// The standard uncertainty of the reference surface, in mm.
    pub(super) u_reference_mm: f64,
}

impl Surface {
    /// The standard uncertainty that all heights share, in mm.
    pub(super) fn u_common_mm(&self) -> f64 {
        libm::hypot(self.u_systematic_mm, self.u_reference_mm)
    }

    /// The position of a zone's point across and along, in mm from the axis.
    pub(super) fn place_mm(&self, zone: usize) -> (f64, f64) {
        geometry::place(zone, self.distance_mm[zone])
    }

    /// The heights of the zones that are covered by product alone.
    pub(super) fn product_heights(&self) -> Known {
        Known { zones: self.whole, z: self.height_mm }
    }

    /// The mean distance between neighbouring columns and rows over the product, in mm; `None`
    /// without product.
    ///
    /// Zones lie on a grid of equal angles, so their spacing grows with the distance, and by 9 %
    /// from the axis to the corner.
    pub(super) fn spacing_mm(&self) -> Option<(f64, f64)> {
        let mean = |place: fn((f64, f64)) -> f64, across: fn(usize) -> usize| {
            let one = |zone: usize| place(self.place_mm(zone)) / geometry::steps(across(zone));
            Moments::of(self.whole.iter().map(one)).map(|moments| moments.mean)
        };
        Some((mean(|p| p.0, |zone| zone % 8)?, mean(|p| p.1, |zone| zone / 8)?))
    }

    /// The weight of a zone in a fit: the square of one millimetre over its own noise.
    pub(super) fn trust(&self, zone: usize) -> f64 {
        1.0 / (self.sigma_mm[zone] * self.sigma_mm[zone])
    }

    /// The area that a zone sees on the product, in mm²: its solid angle's tangents times the
    /// square of its distance.
    pub(super) fn area_mm2(&self, zone: usize) -> f64 {
        let distance = self.distance_mm[zone];
        geometry::width(zone % 8) * geometry::width(zone / 8) * distance * distance
    }

    /// The height map as it is stored, in mm; `None` where the height is unknown.
    pub(super) fn height_map(&self) -> Grid<Option<f32>> {
        #[expect(clippy::cast_possible_truncation, reason = "a height in mm to seven digits")]
        Grid::from_fn(|zone| self.known.contains(zone).then(|| self.height_mm[zone] as f32))
    }
}

/// The heights of the tray; `None` without a reference surface.
///
/// Height = reference − distance; on product, the penetration bias is added. [`product_above`]
/// decides which zones are product. At most 40 % of the tray is imputed, because otherwise the
/// frame is not usable.
pub(super) fn heights(zones: &Zones, tray: ZoneSet, profile: &TofProfile, flags: &mut Flags) -> Option<Surface> {
    let (floor, u_reference) = floor(zones, profile, flags)?;
    let measured = zones.valid.and(tray);
    let mut seen = Grid::from_fn(|_| 0.0);
    for zone in tray {
        seen[zone] = floor[zone] - zones.distance_mm[zone];
    }
    // The product is found before the bias is added, because bare floor is not translucent and the
    // bias must not turn it into product.
    let higher_than = |zero: f64, u_common: f64| {
        product_above(&seen, zero, measured, &zones.sigma_mm, profile.min_product_mm, u_common)
    };
    let u_common = libm::hypot(profile.u_systematic_mm, u_reference);
    let (mut zero, mut u_systematic_mm, mut u_reference_mm) = (0.0, profile.u_systematic_mm, u_reference);
    let stands_free = profile.tray.area_mm2.is_none();
    let on_floor = || zero_on_floor(&seen, &zones.sigma_mm, measured.without(higher_than(0.0, u_common)));
    if let Some((offset, u)) = stands_free.then(on_floor).flatten() {
        flags.insert(Flag::ZeroedOnFloor);
        (zero, u_systematic_mm, u_reference_mm) = (offset, u, 0.0);
    }
    let product = higher_than(zero, libm::hypot(u_systematic_mm, u_reference_mm));
    let mut height_mm = seen;
    for zone in tray {
        height_mm[zone] += if product.contains(zone) { profile.penetration_bias_mm - zero } else { -zero };
    }
    let (mut sigma_mm, mut distance_mm) = (zones.sigma_mm, zones.distance_mm);

    let spread = Moments::of(measured.iter().map(|zone| height_mm[zone])).map_or(0.0, |m| m.population_variance());
    let mut known = measured;
    for zone in tray.iter().filter(|zone| !measured.contains(*zone)) {
        if let Some((height, distance, variance)) = from_neighbours(zone, measured, &height_mm, zones) {
            height_mm[zone] = height;
            sigma_mm[zone] = libm::sqrt(variance + spread);
            // The refused distance is replaced, so that it is not used for an area or a position.
            distance_mm[zone] = distance;
            known = ZoneSet::from_bits(known.bits() | 1 << zone);
            flags.insert(Flag::Imputed);
        }
    }
    let u_systematic_mm = libm::hypot(u_systematic_mm, profile.u_penetration_mm);
    let covered = if profile.tray.area_mm2.is_some() { product } else { wholly_covered(product, tray, &height_mm) };
    let whole = if covered.is_empty() { product } else { covered };
    Some(Surface {
        known,
        product,
        whole,
        u_covered_mm: if covered.is_empty() { half_covered(product, &height_mm) } else { 0.0 },
        height_mm,
        sigma_mm,
        distance_mm,
        u_systematic_mm,
        u_reference_mm,
    })
}

/// The zones that hold product.
///
/// A zone must be higher than the profile's least height. It must also be higher than three
/// standard uncertainties of its own noise, or, where that noise is too large, the lower quartile
/// of the zones around it must be high enough.
///
/// A zone that is selected by its own value alone can be high by chance: at 0.9 m a height of 20 mm
/// read 24 mm for this reason. The lower quartile of up to nine zones has 0.45 of one zone's noise.
/// On bare floor beside an edge of product, the quartile is still floor.
fn product_above(
    seen: &Grid<f64>,
    zero: f64,
    measured: ZoneSet,
    sigma: &Grid<f64>,
    least_mm: f64,
    u_common: f64,
) -> ZoneSet {
    let around = |zone: usize| {
        let beside = geometry::grown(ZoneSet::from_bits(1 << zone)).and(measured);
        // At the edge of the measured zones a zone has few neighbours, so the next ones are
        // included.
        let near = if beside.len() < 9 { geometry::grown(beside).and(measured) } else { beside };
        let noise = near.iter().map(|one| sigma[one] * sigma[one]).sum::<f64>() / f64::from(near.len().max(1));
        let (sorted, n) = ordered(near.iter().map(|one| seen[one] - zero));
        let quartile = sorted[n.saturating_sub(1) / 4];
        let of_the_quartile = 1.36 * libm::sqrt(noise / f64::from(near.len().max(1)));
        // The error that all zones share raises their quartile too.
        n > 0 && quartile > least_mm.max(3.0 * libm::hypot(of_the_quartile, u_common))
    };
    measured.filter(|zone| {
        let height = seen[zone] - zero;
        height > least_mm && (height > 3.0 * sigma[zone] || around(zone))
    })
}

/// The zones of a free-standing product that are covered by product alone: no neighbour, corners
/// included, is bare.
///
/// A zone at the edge of the grid has no neighbour beyond it that could be bare, and the product
/// may continue there. It counts if it is at least three quarters as high as the highest zone
/// beside it. If every zone has a bare neighbour, the result is empty.
fn wholly_covered(product: ZoneSet, tray: ZoneSet, height: &Grid<f64>) -> ZoneSet {
    let untouched = product.without(geometry::grown(tray.without(product)));
    let goes_on = |zone: usize| {
        let beside = geometry::grown(ZoneSet::from_bits(1 << zone)).and(product);
        height[zone] >= 0.75 * beside.iter().map(|one| height[one]).fold(0.0, f64::max)
    };
    untouched.filter(|zone| !geometry::rim().contains(zone) || goes_on(zone))
}

/// Half of the possible error of the mean height if each of a product's zones may be partly
/// covered. The true mean lies between the measured one and that of a flat top as high as the
/// highest zone, whatever share is covered.
fn half_covered(product: ZoneSet, height: &Grid<f64>) -> f64 {
    let highest = product.iter().map(|zone| height[zone]).fold(0.0, f64::max);
    let mean = Moments::of(product.iter().map(|zone| height[zone])).map_or(0.0, |moments| moments.mean);
    (highest - mean).max(0.0) / 2.0
}

/// The mean height of the floor beside a free-standing product, and its standard uncertainty;
/// `None` if too little floor is seen.
///
/// An error that all zones of the frame share (offset, temperature, the reference) is also in the
/// floor. Subtracting the floor removes it, and only the noise of the floor's mean remains. Zones
/// that touch the product see a part of it, so they are used only if there are fewer than eight
/// others. All zones must lie within three of their own noise of the median.
fn zero_on_floor(seen: &Grid<f64>, sigma: &Grid<f64>, bare: ZoneSet) -> Option<(f64, f64)> {
    let apart = bare.without(geometry::grown(ZoneSet::from_bits(!bare.bits())));
    let floor = if apart.len() >= 8 { apart } else { bare };
    if floor.len() < 8 {
        return None;
    }
    let median = median(floor.iter().map(|zone| seen[zone]))?;
    let near = floor.iter().filter(|zone| (seen[*zone] - median).abs() <= 3.0 * sigma[*zone]);
    let moments = Moments::of(near.clone().map(|zone| seen[zone]))?;
    let noise: f64 = near.map(|zone| sigma[zone] * sigma[zone]).sum();
    Some((moments.mean, libm::sqrt(noise) / moments.n))
}

/// The distance of the tray's floor for each zone, and its common uncertainty.
fn floor(zones: &Zones, profile: &TofProfile, flags: &mut Flags) -> Option<(Grid<f64>, f64)> {
    match &profile.reference {
        HeightReference::Flat { distance_mm, u_mm } => Some((Grid::from_fn(|_| *distance_mm), *u_mm)),
        HeightReference::Map { distance_mm, u_mm } => Some((*distance_mm, *u_mm)),
        HeightReference::Rim { floor_below_mm, u_mm } => {
            let rim = rim_plane(zones);
            let Some((plane, u_fit)) = rim else {
                flags.insert(Flag::NoReference);
                return None;
            };
            flags.insert(Flag::RimReference);
            // The floor under a product point lies on its vertical, not on the zone's ray: 1/z =
            // p + q tx + r ty and tx = x/z give z = (1 − q x − r y)/p.
            let floor = Grid::from_fn(|zone| {
                let (x, y) = geometry::place(zone, zones.distance_mm[zone]);
                (1.0 - plane.b * x - plane.c * y) / plane.a + floor_below_mm
            });
            Some((floor, libm::hypot(*u_mm, u_fit)))
        }
        HeightReference::None => {
            flags.insert(Flag::NoReference);
            None
        }
    }
}

/// The plane that the rim zones see, as 1/z = a + b tx + c ty in the tangents of the zones, and the
/// standard uncertainty in mm that the fit leaves over the tray. `None` if the rim does not look
/// like one plane.
///
/// In tangent space a plane is linear in 1/z, so the fit needs no positions in mm. The plane is
/// refused if fewer than 16 rim zones or fewer than three of the four sides were seen, or if fewer
/// than 60 % of the zones lie within three of their own noise. In the last case the rim is not one
/// surface, and the choice between its parts would be arbitrary.
fn rim_plane(zones: &Zones) -> Option<(Plane, f64)> {
    let is_rim = |zone: &usize| matches!(zone / 8, 0 | 7) || matches!(zone % 8, 0 | 7);
    let mut points = [Point { x: 0.0, y: 0.0, z: 0.0 }; 28];
    let mut n = 0;
    let mut sides = [false; 4];
    for zone in zones.valid.iter().filter(is_rim) {
        let (x, y) = geometry::tangents(zone);
        points[n] = Point { x, y, z: 1.0 / zones.distance_mm[zone] };
        n += 1;
        for (seen, there) in sides.iter_mut().zip([zone / 8 == 0, zone / 8 == 7, zone % 8 == 0, zone % 8 == 7]) {
            *seen |= there;
        }
    }
    let plane = robust_plane(&points[..n])?;
    let off_mm = |zone: usize| {
        let (x, y) = geometry::tangents(zone);
        let z = zones.distance_mm[zone];
        (1.0 / z - plane.at(x, y)) * z * z
    };
    // Half a millimetre is twice the sensor's own step. No zone is taken as more exact than that.
    let agrees = |zone: &usize| off_mm(*zone).abs() <= 3.0 * zones.sigma_mm[*zone].max(0.5);
    let agreeing = zones.valid.iter().filter(is_rim).filter(agrees);
    let scatter = Moments::of(agreeing.map(off_mm))?;
    let usable = n >= 16
        && sides.iter().filter(|seen| **seen).count() >= 3
        && scatter.n * 5.0 >= f64::from(u8::try_from(n).unwrap_or(u8::MAX)) * 3.0
        && plane.a > 0.0;
    // A mean of n zones has the uncertainty s/√n. The slopes of the plane, and the zones that the
    // fit left out, increase it by half.
    usable.then(|| (plane, 1.5 * scatter.sample_sd() / libm::sqrt(scatter.n)))
}

/// The inverse-distance means of height and distance over the measured 8-neighbours, with their
/// mean variance; `None` if no neighbour was measured.
fn from_neighbours(zone: usize, measured: ZoneSet, height: &Grid<f64>, zones: &Zones) -> Option<(f64, f64, f64)> {
    let (mut weight, mut sum, mut away, mut variance, mut n) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for other in measured {
        let (dr, dc) = ((other / 8).abs_diff(zone / 8), (other % 8).abs_diff(zone % 8));
        if dr.max(dc) == 1 {
            let w = if dr + dc == 1 { 1.0 } else { core::f64::consts::FRAC_1_SQRT_2 };
            weight += w;
            sum += w * height[other];
            away += w * zones.distance_mm[other];
            variance += zones.sigma_mm[other] * zones.sigma_mm[other];
            n += 1.0;
        }
    }
    (n > 0.0).then(|| (sum / weight, away / weight, variance / n))
}
