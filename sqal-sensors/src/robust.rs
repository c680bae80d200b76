//! [`robust_plane`]: fits a plane to points of which up to half may be wrong, without randomness.
//!
//! Least squares follows every outlier: with a third of the rim zones covered, it errs by 10 mm
//! where this fit errs by less than 1 mm. RANSAC is as good on average, but depends on a random
//! source and sometimes returns nothing. At most 64 zones have few enough triples that a fixed
//! quarter of them can be tried.

/// A point of a surface in mm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The position across, in mm.
    pub x: f64,
    /// The position along, in mm.
    pub y: f64,
    /// The height, in mm.
    pub z: f64,
}

/// The plane z = a + b x + c y.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plane {
    /// The height at the origin, in mm.
    pub a: f64,
    /// The slope across, dimensionless.
    pub b: f64,
    /// The slope along, dimensionless.
    pub c: f64,
}

impl Plane {
    /// The height of the plane at a position.
    #[must_use]
    pub fn at(&self, x: f64, y: f64) -> f64 {
        self.a + self.b * x + self.c * y
    }

    /// The height of a point above the plane, along z.
    #[must_use]
    pub fn residual(&self, point: &Point) -> f64 {
        point.z - self.at(point.x, point.y)
    }

    /// The angle between the plane and the horizontal, in degrees.
    #[must_use]
    pub fn tilt_deg(&self) -> f64 {
        libm::atan(libm::sqrt(self.b * self.b + self.c * self.c)).to_degrees()
    }

    /// The plane through three points; `None` if they lie on one line as seen from above.
    fn through([origin, q, r]: [&Point; 3]) -> Option<Self> {
        let (qx, qy, qz) = (q.x - origin.x, q.y - origin.y, q.z - origin.z);
        let (rx, ry, rz) = (r.x - origin.x, r.y - origin.y, r.z - origin.z);
        let det = qx * ry - qy * rx;
        // The squared area of the triangle is compared with its sides. A triangle thinner than one
        // in a million counts as a line.
        if det * det <= 1e-12 * (qx * qx + qy * qy) * (rx * rx + ry * ry) {
            return None;
        }
        let b = (qz * ry - qy * rz) / det;
        let c = (qx * rz - qz * rx) / det;
        Some(Self { a: origin.z - b * origin.x - c * origin.y, b, c })
    }

    /// The least-squares plane; `None` for fewer than three points or points on one line.
    #[must_use]
    pub fn least_squares(points: impl Iterator<Item = Point> + Clone) -> Option<Self> {
        let (mut n, mut sx, mut sy, mut sz) = (0.0, 0.0, 0.0, 0.0);
        for p in points.clone() {
            n += 1.0;
            sx += p.x;
            sy += p.y;
            sz += p.z;
        }
        if n < 3.0 {
            return None;
        }
        // The coordinates are centred, so that the 2x2 system is as well conditioned as the points
        // allow.
        let (mx, my, mz) = (sx / n, sy / n, sz / n);
        let (mut xx, mut xy, mut yy, mut xz, mut yz) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for p in points {
            let (x, y, z) = (p.x - mx, p.y - my, p.z - mz);
            xx += x * x;
            xy += x * y;
            yy += y * y;
            xz += x * z;
            yz += y * z;
        }
        let det = xx * yy - xy * xy;
        if det <= 1e-12 * xx * yy || det <= 0.0 {
            return None;
        }
        let b = (xz * yy - yz * xy) / det;
        let c = (yz * xx - xz * xy) / det;
        Some(Self { a: mz - b * mx - c * my, b, c })
    }
}

/// The most points that are fitted: one per zone.
const MOST: usize = 64;

/// The plane that fits the better half of the points: deterministic least median of squares, then
/// reweighted least squares.
///
/// The method is that of Rousseeuw & Leroy 1987, chapter 5. Triples of points propose planes. The
/// plane with the smallest h-th squared residual is chosen, with h = n/2 + 2 (the highest breakdown
/// point for three parameters). Points within 2.5 of its scale s = 1.4826 (1 + 5/(n − 3)) √(that
/// residual) are then fitted by least squares. The h-th residual lies above the median, so the
/// scale is too large by 20 % (n = 64) to 70 % (n = 8).
///
/// Up to 16 points, every triple proposes a plane. Of more points, the triples whose indices sum to
/// a multiple of four do: 819 for the 28 of a rim. Wherever the good half is found, the last step
/// makes the results equal to rounding, and of any 16 good points many triples are among them. If
/// two planes are equally good, the first triple in order is chosen, so every run gives the same
/// bits. Points beyond the 64th, and points that are not finite, are ignored.
///
/// If half of the points lie on one plane and half on another, no fit of this kind can tell which
/// is meant. An example is a rim with one side wholly covered, which together with the opposite
/// side lies on a second plane.
///
/// Returns `None` for fewer than three points, or if all lie on one line as seen from above.
#[must_use]
pub fn robust_plane(points: &[Point]) -> Option<Plane> {
    let usable = |p: &&Point| p.x.is_finite() && p.y.is_finite() && p.z.is_finite();
    let mut kept = [Point { x: 0.0, y: 0.0, z: 0.0 }; MOST];
    let mut n = 0;
    for (slot, point) in kept.iter_mut().zip(points.iter().filter(usable)) {
        *slot = *point;
        n += 1;
    }
    let points = &kept[..n];
    let mut best: Option<(f64, Plane)> = None;
    let mut squares = [0.0_f64; MOST];
    // The h-th smallest residual, with h = n/2 + 2 for three parameters, has the highest breakdown
    // point (Rousseeuw & Leroy, p. 125).
    let h = (n / 2 + 2).min(n);
    // A quarter of the triples of the rim's 28 points are 819; many of them consist of good points
    // if 16 points are good.
    let step = if n > 16 { 4 } else { 1 };
    for i in 0..n {
        for j in i + 1..n {
            // The first k after j for which i + j + k is a multiple of the step.
            let first = j + 1 + (step - (i + 2 * j + 1) % step) % step;
            for k in (first..n).step_by(step) {
                let Some(plane) = Plane::through([&points[i], &points[j], &points[k]]) else { continue };
                let limit = best.map_or(f64::INFINITY, |(median, _)| median);
                if let Some(median) = hth_square(points, &plane, h, limit, &mut squares[..n]) {
                    best = Some((median, plane));
                }
            }
        }
    }
    let (median, plane) = best?;
    #[expect(clippy::cast_precision_loss, reason = "at most 64")]
    let degrees = (n as f64 - 3.0).max(1.0);
    let reach = 2.5 * 1.4826 * (1.0 + 5.0 / degrees) * libm::sqrt(median);
    // A perfect fit has a scale of 0. With a least distance, rounding does not exclude its own
    // points.
    let reach = reach.max(1e-9);
    let inliers = points.iter().filter(|point| plane.residual(point).abs() <= reach).copied();
    Plane::least_squares(inliers).or(Some(plane))
}

/// The `h`-th smallest squared residual if it is below `limit`. Returns `None` as soon as too many
/// residuals are not below it.
fn hth_square(points: &[Point], plane: &Plane, h: usize, limit: f64, squares: &mut [f64]) -> Option<f64> {
    let mut above = 0;
    for (slot, point) in squares.iter_mut().zip(points) {
        let residual = plane.residual(point);
        *slot = residual * residual;
        if *slot >= limit {
            above += 1;
            if above > points.len() - h {
                return None;
            }
        }
    }
    let (_, hth, _) = squares.select_nth_unstable_by(h - 1, f64::total_cmp);
    (*hth < limit).then_some(*hth)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn grid(f: impl Fn(usize, f64, f64) -> f64) -> Vec<Point> {
        (0..64)
            .map(|k| {
                let (x, y) =
                    (f64::from(u8::try_from(k % 8).unwrap()) * 15.0, f64::from(u8::try_from(k / 8).unwrap()) * 15.0);
                Point { x, y, z: f(k, x, y) }
            })
            .collect()
    }

    #[test]
    fn a_third_of_gross_outliers_does_not_move_the_plane() {
        let truth = Plane { a: 150.0, b: 0.02, c: -0.01 };
        let points = grid(|k, x, y| truth.at(x, y) + if k % 3 == 0 { 25.0 } else { 0.0 });
        let fitted = robust_plane(&points).unwrap();
        let worst = points.iter().map(|p| (fitted.at(p.x, p.y) - truth.at(p.x, p.y)).abs()).fold(0.0, f64::max);
        assert!(worst < 1e-9, "{worst}");
        let naive = Plane::least_squares(points.iter().copied()).unwrap();
        assert!((naive.at(0.0, 0.0) - truth.at(0.0, 0.0)).abs() > 5.0, "least squares is expected to be wrong here");
    }

    #[test]
    fn too_few_points_or_points_on_a_line_make_no_plane() {
        let line: Vec<_> = (0..10).map(|k| Point { x: f64::from(k), y: 2.0 * f64::from(k), z: 1.0 }).collect();
        assert_eq!(robust_plane(&line), None);
        assert_eq!(robust_plane(&line[..2]), None);
        assert_eq!(robust_plane(&[]), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn an_exact_plane_is_found_through_any_points(a in -100.0..100.0_f64, b in -1.0..1.0_f64, c in -1.0..1.0_f64) {
            let truth = Plane { a, b, c };
            let points = grid(|_, x, y| truth.at(x, y));
            for fitted in [robust_plane(&points[..28]), Plane::least_squares(points.iter().copied())] {
                let fitted = fitted.unwrap();
                for p in &points {
                    prop_assert!(fitted.residual(p).abs() < 1e-8);
                }
            }
        }
    }
}
