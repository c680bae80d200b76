//! Where each zone looks: the directions of the 8x8 zones, and what a radial distance is worth.

/// Tangents of the zone centres at 0.5, 1.5, 2.5 and 3.5 zones of 5.625° from the axis.
///
/// A uniform grid of 5.625° fits real captures of flat targets to 0.9-1.7 mm RMS, better than either published point-cloud table.
const TANGENTS: [f64; 4] =
    [0.049_126_849_769_467_254, 0.148_335_987_538_347_42, 0.250_486_960_191_305_45, 0.357_805_721_314_524_1];

/// The tangents of a zone's direction across and along, each from −0.36 to 0.36.
#[must_use]
pub(super) fn tangents(zone: usize) -> (f64, f64) {
    let one = |k: usize| if k < 4 { -TANGENTS[3 - k] } else { TANGENTS[k - 4] };
    (one(zone % 8), one(zone / 8))
}

/// How many zones a column or row lies from the axis: −3.5 to 3.5.
#[must_use]
pub(super) fn steps(k: usize) -> f64 {
    f64::from(u8::try_from(k).unwrap_or(u8::MAX)) - 3.5
}

/// The width of a column or row in tangents: tan of its far edge less tan of its near one.
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

/// The zones that share an edge with a zone.
pub(super) fn neighbours(zone: usize) -> impl Iterator<Item = usize> {
    let (row, column) = (zone / 8, zone % 8);
    let above = (row > 0).then(|| zone.wrapping_sub(8));
    let left = (column > 0).then(|| zone.wrapping_sub(1));
    let right = (column < 7).then_some(zone + 1);
    let below = (row < 7).then_some(zone + 8);
    [above, left, right, below].into_iter().flatten()
}

/// The zones that share an edge or a corner with a zone.
pub(super) fn around(zone: usize) -> impl Iterator<Item = usize> {
    let touches = move |other: usize| (zone / 8).abs_diff(other / 8).max((zone % 8).abs_diff(other % 8)) == 1;
    (zone.saturating_sub(9)..(zone + 10).min(64)).filter(move |other| touches(*other))
}

/// The terms 1, x, y, x², xy, y² of a place in mm, in units of 50 mm so that all are of one size.
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
    fn a_corner_zone_sees_a_plane_13_percent_farther_than_its_height() {
        let radial = 100.0 * (1.0 + 2.0 * 0.357_805_721_314_524_1_f64.powi(2)).sqrt();
        assert!((perpendicular(radial, 0) - 100.0).abs() < 1e-12 && radial > 112.0);
    }
}
