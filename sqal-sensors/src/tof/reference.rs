//! Heights above the tray's floor: the reference surface, the product's mask, and zones filled in from their neighbours.

use sqal_core::{Flag, Flags, Grid, ZoneSet};

use super::areal::Known;
use super::geometry;
use super::validity::Zones;
use crate::order::median;
use crate::{HeightReference, Moments, Plane, Point, TofProfile, robust_plane};

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

    /// Where a zone's point lies across and along, in mm from the axis.
    pub(super) fn place_mm(&self, zone: usize) -> (f64, f64) {
        geometry::place(zone, self.distance_mm[zone])
    }

    /// The heights of the product's zones.
    pub(super) fn product_heights(&self) -> Known {
        Known { zones: self.product, z: self.height_mm }
    }

    /// The mean distance between neighbouring columns and rows over the product, in mm; `None` without product.
    ///
    /// Zones lie on a grid of equal angles: their spacing grows with the distance, and by 9 % from the axis to the corner.
    pub(super) fn spacing_mm(&self) -> Option<(f64, f64)> {
        let mean = |place: fn((f64, f64)) -> f64, across: fn(usize) -> usize| {
            let one = |zone: usize| place(self.place_mm(zone)) / geometry::steps(across(zone));
            Moments::of(self.product.iter().map(one)).map(|moments| moments.mean)
        };
        Some((mean(|p| p.0, |zone| zone % 8)?, mean(|p| p.1, |zone| zone / 8)?))
    }

    /// The area that a zone sees on the product, in mm²: its solid angle's tangents times the square of its distance.
    pub(super) fn area_mm2(&self, zone: usize) -> f64 {
        let distance = self.distance_mm[zone];
        geometry::width(zone % 8) * geometry::width(zone / 8) * distance * distance
    }

    /// The heights to show, as stored: mm, `None` where nothing is known.
    pub(super) fn height_map(&self) -> Grid<Option<f32>> {
        #[expect(clippy::cast_possible_truncation, reason = "a height in mm to seven digits")]
        Grid::from_fn(|zone| self.known.contains(zone).then(|| self.height_mm[zone] as f32))
    }
}

/// The heights of the tray; `None` without a reference surface.
///
/// Height = reference − distance, and on product the penetration bias more. A zone is product if it is higher than the profile's least height and than three
/// standard uncertainties of its own noise. At most 40 % of the tray is filled in (the frame would not be usable otherwise).
pub(super) fn heights(zones: &Zones, tray: ZoneSet, profile: &TofProfile, flags: &mut Flags) -> Option<Surface> {
    let (floor, u_reference) = floor(zones, profile, flags)?;
    let measured = zones.valid.and(tray);
    let mut seen = Grid::from_fn(|_| 0.0);
    for zone in tray {
        seen[zone] = floor[zone] - zones.distance_mm[zone];
    }
    // The mask is drawn before the bias: bare floor is not translucent, and must not be lifted into product.
    let higher_than =
        |zero: f64| measured.filter(|zone| seen[zone] - zero > profile.min_product_mm.max(3.0 * zones.sigma_mm[zone]));
    let (mut zero, mut u_systematic_mm, mut u_reference_mm) = (0.0, profile.u_systematic_mm, u_reference);
    if profile.tray.area_mm2.is_none()
        && let Some((offset, u)) = zero_on_floor(&seen, &zones.sigma_mm, measured.without(higher_than(0.0)))
    {
        flags.insert(Flag::ZeroedOnFloor);
        (zero, u_systematic_mm, u_reference_mm) = (offset, u, 0.0);
    }
    let product = higher_than(zero);
    let mut height_mm = seen;
    for zone in tray {
        height_mm[zone] += if product.contains(zone) { profile.penetration_bias_mm - zero } else { -zero };
    }
    let mut sigma_mm = zones.sigma_mm;

    let spread = Moments::of(measured.iter().map(|zone| height_mm[zone])).map_or(0.0, |m| m.population_variance());
    let mut known = measured;
    for zone in tray.iter().filter(|zone| !measured.contains(*zone)) {
        if let Some((height, variance)) = from_neighbours(zone, measured, &height_mm, &zones.sigma_mm) {
            height_mm[zone] = height;
            sigma_mm[zone] = libm::sqrt(variance + spread);
            known = ZoneSet::from_bits(known.bits() | 1 << zone);
            flags.insert(Flag::Imputed);
        }
    }
    let u_systematic_mm = libm::hypot(u_systematic_mm, profile.u_penetration_mm);
    Some(Surface {
        known,
        product,
        height_mm,
        sigma_mm,
        distance_mm: zones.distance_mm,
        u_systematic_mm,
        u_reference_mm,
    })
}

/// The mean height of the floor beside a product that stands free, and its standard uncertainty; `None` where too little of it is seen.
///
/// Whatever all zones of the frame share (offset, temperature, the error of the reference) the floor shows too, so it is taken out and
/// only the noise of that mean is left. Zones that touch the product see a part of it: they count only where there are hardly any others,
/// and like all only within three of their own noise of the median.
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
            // The floor under a product point lies on its vertical, not on the zone's ray: 1/z = p + q tx + r ty and tx = x/z give
            // z = (1 − q x − r y)/p.
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

/// The plane that the rim sees, as 1/z = a + b tx + c ty in the tangents of the zones, and the standard uncertainty that the fit leaves
/// over the tray, in mm; `None` when the rim does not look like one plane.
///
/// In tangent space a plane is linear in 1/z, so the fit needs no places of its own. It is refused when fewer than 16 rim zones or fewer
/// than three of the four sides were seen, or when fewer than 60 % of the zones lie within three of their own noise: then the rim is
/// not one surface, and whichever part won would be an accident.
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
    // Half a millimetre is the sensor's own step twice: no zone is better than that.
    let agrees = |zone: &usize| off_mm(*zone).abs() <= 3.0 * zones.sigma_mm[*zone].max(0.5);
    let agreeing = zones.valid.iter().filter(is_rim).filter(agrees);
    let scatter = Moments::of(agreeing.map(off_mm))?;
    let usable = n >= 16
        && sides.iter().filter(|seen| **seen).count() >= 3
        && scatter.n * 5.0 >= f64::from(u8::try_from(n).unwrap_or(u8::MAX)) * 3.0
        && plane.a > 0.0;
    // A mean of n would be known to s/√n; the plane's slopes and the zones that the fit set aside make it half as much again.
    usable.then(|| (plane, 1.5 * scatter.sample_sd() / libm::sqrt(scatter.n)))
}

/// The inverse-distance mean over the measured 8-neighbours, with their mean variance; `None` without any.
fn from_neighbours(zone: usize, measured: ZoneSet, height: &Grid<f64>, sigma: &Grid<f64>) -> Option<(f64, f64)> {
    let (mut weight, mut sum, mut variance, mut n) = (0.0, 0.0, 0.0, 0.0);
    for other in measured {
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
