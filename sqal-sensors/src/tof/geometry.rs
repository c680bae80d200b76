//! Geometry of the view: the directions of the 8x8 zones, and perpendicular from radial distances.

use sqal_core::defect::ZoneSet;

/// Tangents of the zone centres at −3.5 to 3.5 zones of 5.625° from the axis.
///
/// A uniform grid of 5.625° fits real captures of flat targets to 0.9-1.7 mm RMS, which is better
/// than both published point-cloud tables.
const TANGENTS: [f64; 8] = [
    -0.357_805_721_314_524_1,
    -0.250_486_960_191_305_45,
    -0.148_335_987_538_347_42,
    -0.049_126_849_769_467_254,
    0.049_126_849_769_467_254,
    0.148_335_987_538_347_42,
    0.250_486_960_191_305_45,
    0.357_805_721_314_524_1,
];

/// The tangents of a zone's direction across and along, each from −0.36 to 0.36.
#[must_use]
pub(super) fn tangents(zone: usize) -> (f64, f64) {
    (TANGENTS[zone % 8], TANGENTS[zone / 8 % 8])
}

/// The position of a zone's point at a distance, across and along, in mm from the axis.
#[must_use]
pub(super) fn place(zone: usize, distance_mm: f64) -> (f64, f64) {
    let (x, y) = tangents(zone);
    (x * distance_mm, y * distance_mm)
}

/// The distance of a column or row from the axis, in zones: −3.5 to 3.5.
#[must_use]
pub(super) fn steps(k: usize) -> f64 {
    f64::from(u8::try_from(k).unwrap_or(u8::MAX)) - 3.5
}

/// The width of a column or row in tangents: the tangent of its far edge minus that of its near
/// one.
#[must_use]
pub(super) fn width(k: usize) -> f64 {
    /// Tangents of 0, 5.625°, 11.25°, 16.875° and 22.5°.
    const EDGES: [f64; 5] =
        [0.0, 0.098_491_403_357_164_25, 0.198_912_367_379_658, 0.303_346_683_607_342_37, 0.414_213_562_373_095_03];
    let out = if k < 4 { 3 - k } else { k - 4 };
    EDGES[out + 1] - EDGES[out]
}

/// The perpendicular distance of a point at a radial distance along a zone's direction.
#[must_use]
pub(super) fn perpendicular(radial_mm: f64, zone: usize) -> f64 {
    let (x, y) = tangents(zone);
    radial_mm / libm::sqrt(1.0 + x * x + y * y)
}

/// One bit for each zone of the first column.
const FIRST_COLUMN: u64 = 0x0101_0101_0101_0101;

/// For each of the four sides, the zones whose neighbour there is in the set: left, right, above,
/// below.
#[must_use]
pub(super) fn beside(set: ZoneSet) -> [ZoneSet; 4] {
    let bits = set.bits();
    [bits << 1 & !FIRST_COLUMN, bits >> 1 & !(FIRST_COLUMN << 7), bits << 8, bits >> 8].map(ZoneSet::from_bits)
}

/// The zones of a set whose four neighbours are all in the set; a zone at the edge of the grid
/// never is one.
#[must_use]
pub(super) fn inside(set: ZoneSet) -> ZoneSet {
    beside(set).into_iter().fold(set, ZoneSet::and)
}

/// The 28 outermost zones of the grid, which look past a tray.
#[must_use]
pub(super) fn rim() -> ZoneSet {
    ZoneSet::from_fn(|zone| matches!(zone / 8, 0 | 7) || matches!(zone % 8, 0 | 7))
}

/// The connected groups of a set (corners included) of which no zone is at the edge of `within`, a
/// set that contains it.
#[must_use]
pub(super) fn enclosed(set: ZoneSet, within: ZoneSet) -> ZoneSet {
    let mut open = set.without(inside(within));
    loop {
        let more = grown(open).and(set);
        if more == open {
            return set.without(open);
        }
        open = more;
    }
}

/// The set and every zone that shares an edge or a corner with it.
#[must_use]
pub(super) fn grown(set: ZoneSet) -> ZoneSet {
    let bits = |set: ZoneSet| set.bits();
    let [left, right, ..] = beside(set);
    let wide = ZoneSet::from_bits(bits(set) | bits(left) | bits(right));
    let [_, _, above, below] = beside(wide);
    ZoneSet::from_bits(bits(wide) | bits(above) | bits(below))
}

/// The zones that share an edge with a zone.
pub(super) fn neighbours(zone: usize) -> ZoneSet {
    let one = ZoneSet::from_bits(1 << zone);
    ZoneSet::from_bits(beside(one).into_iter().fold(0, |all, set| all | set.bits()))
}

/// The terms 1, x, y, x², xy, y² of a position in mm, in units of 50 mm so that all are of similar
/// size.
#[must_use]
pub(super) fn second_order((x, y): (f64, f64)) -> [f64; 6] {
    let (x, y) = (x / 50.0, y / 50.0);
    [1.0, x, y, x * x, x * y, y * y]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directions_are_those_of_a_5_625_degree_grid_and_symmetric() {
        for zone in 0..64_u32 {
            let (x, y) = tangents(zone as usize);
            let angle = |k: u32| (f64::from(k) - 3.5) * 5.625;
            assert!((x - angle(zone % 8).to_radians().tan()).abs() < 1e-15);
            assert!((y - angle(zone / 8).to_radians().tan()).abs() < 1e-15);
            let (mx, my) = tangents(63 - zone as usize);
            assert_eq!((x.to_bits(), y.to_bits()), ((-mx).to_bits(), (-my).to_bits()));
        }
    }

    #[test]
    fn neighbours_stay_on_the_grid() {
        let set = |zones: &[usize]| ZoneSet::from_fn(|zone| zones.contains(&zone));
        assert_eq!(neighbours(0), set(&[1, 8]));
        assert_eq!(neighbours(23), set(&[15, 22, 31]));
        assert_eq!(neighbours(27), set(&[19, 26, 28, 35]));
        assert_eq!(grown(set(&[7])), set(&[6, 7, 14, 15]));
        assert_eq!(grown(set(&[56])), set(&[48, 49, 56, 57]));
        let all = ZoneSet::from_fn(|_| true);
        assert_eq!(inside(all), ZoneSet::from_fn(|zone| (1..7).contains(&(zone / 8)) && (1..7).contains(&(zone % 8))));
    }

    #[test]
    fn a_corner_zone_sees_a_plane_13_percent_farther_than_its_height() {
        let radial = 100.0 * (1.0 + 2.0 * 0.357_805_721_314_524_1_f64.powi(2)).sqrt();
        assert!((perpendicular(radial, 0) - 100.0).abs() < 1e-12 && radial > 112.0);
    }
}
