//! Colour: converts spectra or band reflectances to XYZ and Lab, and propagates the uncertainty.
//!
//! A curve drawn through eight bands and integrated errs by 2 to 3.6 ΔE00 on a colour chart. A 3x8
//! map fitted on the chart itself errs by 0.14 to 0.18. The map is valid for one device and one
//! lamp: a filter shifted by 5 nm, or another lamp, raises the error to 2.5 to 3.3 again.

use sqal_core::{
    Measured,
    findings::{ColorFindings, Lab},
};

use super::dual::{Dual, Number};
use super::traced::Traced;
use crate::desirability::measured;
use crate::least_squares::LeastSquares;

/// The tristimulus values of a reflecting surface: X = k Σ R S x̄ with k = 100/Σ S ȳ (CIE 15), by
/// the plain sum over equal steps.
///
/// All slices cover the same wavelengths. The weights of ASTM E308 differ from the plain sum by up
/// to 0.016, so a comparison must state which of the two it uses. `None` for slices of different
/// lengths or a lamp without light.
#[must_use]
pub fn tristimulus(reflectance: &[f64], illuminant: &[f64], observer: [&[f64]; 3]) -> Option<[f64; 3]> {
    let n = reflectance.len();
    if illuminant.len() != n || observer.iter().any(|curve| curve.len() != n) {
        return None;
    }
    let light: f64 = illuminant.iter().zip(observer[1]).map(|(s, y)| s * y).sum();
    let sum = |curve: &[f64]| reflectance.iter().zip(illuminant).zip(curve).map(|((r, s), x)| r * s * x).sum::<f64>();
    (light > 0.0).then(|| observer.map(|curve| 100.0 * sum(curve) / light))
}

/// CIE 1976 L*a*b* of tristimulus values relative to a white (CIE 15:2018, 8.2.1).
#[must_use]
pub fn lab(xyz: [f64; 3], white: [f64; 3]) -> Lab {
    let [fx, fy, fz] = [0, 1, 2].map(|k| cube_root_or_line(xyz[k] / white[k]).0);
    Lab { l: 116.0 * fy - 16.0, a: 500.0 * (fx - fy), b: 200.0 * (fy - fz) }
}

/// The function f of CIE 1976 and its derivative: a cube root, and below (6/29)³ a line that
/// continues it.
fn cube_root_or_line(t: f64) -> (f64, f64) {
    const DELTA: f64 = 6.0 / 29.0;
    if t > DELTA * DELTA * DELTA {
        let root = libm::cbrt(t);
        (root, 1.0 / (3.0 * root * root))
    } else {
        let slope = 1.0 / (3.0 * DELTA * DELTA);
        (t * slope + 4.0 / 29.0, slope)
    }
}

/// The colour difference CIEDE2000 (ISO/CIE 11664-6:2014; the notation is that of Sharma, Wu &
/// Dalal 2005).
///
/// This implementation agrees with colour-science to 1e-9. That of palette 0.7.7 does not, on the
/// same pairs.
#[must_use]
pub fn ciede2000(one: Lab, other: Lab) -> f64 {
    difference([one.l, one.a, one.b], [other.l, other.a, other.b])
}

/// The difference and its derivatives along L*, a* and b* of the first colour.
fn ciede2000_with_gradient(one: Lab, other: Lab) -> (f64, [f64; 3]) {
    let [l, a, b] = [one.l, one.a, one.b];
    let along = |value, k: usize| Dual { value, slope: core::array::from_fn(|i| if i == k { 1.0 } else { 0.0 }) };
    let found = difference([along(l, 0), along(a, 1), along(b, 2)], [other.l, other.a, other.b].map(Dual::constant));
    (found.value, found.slope)
}

#[inline]
#[expect(clippy::many_single_char_names, reason = "the standard's own symbols: g, l, c, h, t")]
fn difference<N: Number>([l1, a1, b1]: [N; 3], [l2, a2, b2]: [N; 3]) -> N {
    const POW25_7: f64 = 6_103_515_625.0;
    let number = N::constant;
    let length = |a: N, b: N| (a * a + b * b).sqrt();
    let mean = |a: N, b: N| (a + b) * number(0.5);
    let seventh_share = |c: N| {
        let cube = c * c * c;
        let seventh = cube * cube * c;
        (seventh / (seventh + number(POW25_7))).sqrt()
    };
    let g = number(0.5) * (number(1.0) - seventh_share(mean(length(a1, b1), length(a2, b2))));
    let (a1, a2) = ((number(1.0) + g) * a1, (number(1.0) + g) * a2);
    let (c1, c2) = (length(a1, b1), length(a2, b2));
    let turn = |angle: N| if angle.value() < 0.0 { angle + number(360.0) } else { angle };
    let (h1, h2) = (turn(b1.degrees_from(a1)), turn(b2.degrees_from(a2)));

    let grey = c1.value() * c2.value() == 0.0;
    let apart = h2 - h1;
    let turn = match apart.value() {
        _ if grey => number(0.0),
        angle if angle.abs() <= 180.0 => apart,
        angle if angle > 180.0 => apart - number(360.0),
        _ => apart + number(360.0),
    };
    let (dl, dc, dh) = (l2 - l1, c2 - c1, number(2.0) * (c1 * c2).sqrt() * (turn * number(0.5)).sin_degrees());

    let (l, c) = (mean(l1, l2), mean(c1, c2));
    let sum = h1 + h2;
    let h = match apart.value().abs() {
        _ if grey => sum,
        angle if angle <= 180.0 => sum * number(0.5),
        _ if sum.value() < 360.0 => mean(sum, number(360.0)),
        _ => (sum - number(360.0)) * number(0.5),
    };
    // The identity cos x = sin(x + 90°) is used.
    let cosine = |times: f64, shift: f64| (number(times) * h + number(shift + 90.0)).sin_degrees();
    let t = number(1.0) - number(0.17) * cosine(1.0, -30.0)
        + number(0.24) * cosine(2.0, 0.0)
        + number(0.32) * cosine(3.0, 6.0)
        - number(0.20) * cosine(4.0, -63.0);
    let from_middle = (l - number(50.0)) * (l - number(50.0));
    let sl = number(1.0) + number(0.015) * from_middle / (number(20.0) + from_middle).sqrt();
    let (sc, sh) = (number(1.0) + number(0.045) * c, number(1.0) + number(0.015) * c * t);
    let blue = (h - number(275.0)) / number(25.0);
    let rotation = number(60.0) * (number(0.0) - blue * blue).exp();
    let rt = number(-2.0) * seventh_share(c) * rotation.sin_degrees();
    let (dl, dc, dh) = (dl / sl, dc / sc, dh / sh);
    let square = dl * dl + dc * dc + dh * dh + rt * dc * dh;
    if square.value() > 0.0 { square.sqrt() } else { number(0.0) }
}

/// The hue angle from 0 to 360 degrees; 0 for grey.
fn hue(a: f64, b: f64) -> f64 {
    let degrees = libm::atan2(b, a).to_degrees();
    if degrees < 0.0 { degrees + 360.0 } else { degrees }
}

/// The yellowness index of ASTM E313 for D65 and the 2° observer: 100 (1.2985 X − 1.1335 Z)/Y;
/// `None` for black.
#[must_use]
pub fn yellowness_e313(xyz: [f64; 3]) -> Option<f64> {
    (xyz[1] > 1e-9).then(|| 100.0 * (1.2985 * xyz[0] - 1.1335 * xyz[2]) / xyz[1])
}

/// The map of one device from its eight band reflectances to XYZ. A perfect white maps to the white
/// itself, which is the sum of each row.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct ColorCalibration {
    /// XYZ = matrix · R, with R of F1 to F8.
    pub matrix: [[f64; 8]; 3],
    /// The standard uncertainty that the map adds to each of L*, a* and b*.
    pub u_lab: f64,
}

/// The fit of a colour map, and its residuals on its own chart.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct ColorFit {
    /// The map, with the root mean square of its residual ΔE00 as its uncertainty.
    pub calibration: ColorCalibration,
    /// The mean ΔE00 over the chart.
    pub mean_de00: f64,
    /// The largest ΔE00 over the chart.
    pub max_de00: f64,
    /// The number of patches used.
    pub patches: u32,
}

/// Why a colour map cannot be fitted to a chart.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FitError {
    /// Fewer than 12 patches: a map with seven free numbers in each row needs more patches than
    /// unknowns to be checked.
    #[error("{0} patches: at least 12 are needed")]
    TooFew(u32),
    /// The patches are too alike to determine the eight bands.
    #[error("the patches are too alike: some band is not determined")]
    Undetermined,
    /// A number is not finite, or the white has no light.
    #[error("a reflectance, an XYZ or the white is not a usable number")]
    Numbers,
}

impl ColorCalibration {
    /// The white for which the map was fitted: the XYZ of a reflectance of one in all bands.
    #[must_use]
    pub fn white(&self) -> [f64; 3] {
        self.matrix.map(|row| row.iter().sum())
    }

    /// The tristimulus values of band reflectances.
    #[must_use]
    pub fn xyz(&self, reflectance: &[f64; 8]) -> [f64; 3] {
        self.matrix.map(|row| row.iter().zip(reflectance).map(|(m, r)| m * r).sum())
    }

    /// Fits the map of a device from the patches of a chart. Each patch has the band reflectances
    /// that the device measured, and the chart's XYZ relative to `white`.
    ///
    /// The method is least squares with the constraint that white maps to white. The constraint
    /// removes one unknown of each row: Σᵢ mᵢ (Rᵢ − R₈) = X − Xw R₈.
    ///
    /// # Errors
    ///
    /// [`FitError`] if there are fewer than 12 patches, if they are too alike, or if a number is
    /// not valid.
    pub fn fit(
        patches: impl Iterator<Item = ([f64; 8], [f64; 3])> + Clone,
        white: [f64; 3],
    ) -> Result<ColorFit, FitError> {
        let usable = |numbers: &[f64]| numbers.iter().all(|x| x.is_finite());
        let mut matrix = [[0.0; 8]; 3];
        let mut count = 0;
        for (row, (k, white)) in matrix.iter_mut().zip(white.into_iter().enumerate()) {
            let mut fit = LeastSquares::<7>::default();
            for (r, xyz) in patches.clone() {
                if !(usable(&r) && usable(&xyz) && white.is_finite() && white > 0.0) {
                    return Err(FitError::Numbers);
                }
                let free = core::array::from_fn(|i| r[i] - r[7]);
                fit.push(free, xyz[k] - white * r[7], 1.0);
            }
            count = fit.equations();
            if count < 12 {
                return Err(FitError::TooFew(count));
            }
            let free = fit.solve().ok_or(FitError::Undetermined)?;
            row[..7].copy_from_slice(&free);
            row[7] = white - free.iter().sum::<f64>();
        }
        let mut calibration = Self { matrix, u_lab: 0.0 };
        let (mut sum, mut squares, mut max_de00) = (0.0, 0.0, 0.0_f64);
        for (r, xyz) in patches {
            let off = ciede2000(lab(calibration.xyz(&r), white), lab(xyz, white));
            sum += off;
            squares += off * off;
            max_de00 = max_de00.max(off);
        }
        let n = f64::from(count);
        calibration.u_lab = libm::sqrt(squares / n);
        Ok(ColorFit { calibration, mean_de00: sum / n, max_de00, patches: count })
    }
}

/// The product's colour, and the quantities of it that the indices need, with the origin of their
/// uncertainty.
pub(super) struct ProductColor {
    /// The colour.
    pub(super) findings: ColorFindings,
    /// L*.
    pub(super) lightness: Traced,
    /// ΔE00 to the product's target.
    pub(super) distance: Option<Traced>,
}

/// The product's colour, and its distance from the product's target.
///
/// At least seven of the eight bands are needed. One missing band between two others is replaced by
/// their mean, with three times their uncertainty. Otherwise the result is `None`.
#[expect(clippy::too_many_lines, reason = "the steps from reflectances to a colour, each with its derivative")]
pub(super) fn of_product(
    reflectance: &[Option<Measured>; 10],
    calibration: &ColorCalibration,
    target: Option<Lab>,
) -> Option<ProductColor> {
    let mut r = [0.0; 8];
    let mut u = [0.0; 8];
    let mut missing = 0;
    for k in 0..8 {
        let one = match reflectance[k] {
            Some(one) => one,
            None if (1..7).contains(&k) => {
                missing += 1;
                let (before, after) = (reflectance[k - 1]?, reflectance[k + 1]?);
                measured(f64::midpoint(before.value(), after.value()), 3.0 * before.u().max(after.u()))?
            }
            None => return None,
        };
        (r[k], u[k]) = (one.value(), one.u());
    }
    if missing > 1 {
        return None;
    }
    let (xyz, white) = (calibration.xyz(&r), calibration.white());
    let color = lab(xyz, white);

    // ∂Lab/∂R, column by column. Each quantity below is a function of the eight readings, so the
    // correlation is propagated.
    let [dx, dy, dz] = [0, 1, 2].map(|k| cube_root_or_line(xyz[k] / white[k]).1 / white[k]);
    let columns: [[f64; 3]; 8] = core::array::from_fn(|i| {
        let [fx, fy, fz] =
            [dx * calibration.matrix[0][i], dy * calibration.matrix[1][i], dz * calibration.matrix[2][i]];
        [116.0 * fy, 500.0 * (fx - fy), 200.0 * (fy - fz)]
    });
    let traced = |value: f64, gradient: [f64; 3]| {
        let along = |column: &[f64; 3]| gradient.iter().zip(column).map(|(g, c)| g * c).sum::<f64>();
        let map: f64 = gradient.iter().map(|g| (g * calibration.u_lab) * (g * calibration.u_lab)).sum();
        Traced { value, along: core::array::from_fn(|k| along(&columns[k]) * u[k]), apart: map }
    };
    let spread = |gradient: [f64; 3]| traced(0.0, gradient).u();
    let lightness = traced(color.l, [1.0, 0.0, 0.0]);
    let distance = target.map(|target| {
        let (value, gradient) = ciede2000_with_gradient(color, target);
        let slope = traced(value, gradient);
        // Close to the target the distance has no gradient, so its spread there is the spread in
        // all directions.
        let all = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]].map(spread);
        let widest: f64 = all.iter().map(|u| u * u).sum();
        let near = value * value < 4.0 * widest;
        Traced {
            apart: if near { slope.apart + (widest - slope.u() * slope.u()).max(0.0) } else { slope.apart },
            ..slope
        }
    });
    let chroma = libm::hypot(color.a, color.b);
    let u_plane = libm::hypot(spread([0.0, 1.0, 0.0]), spread([0.0, 0.0, 1.0]));
    // Near grey, the hue is only noise.
    let direction = (chroma > 2.0 * u_plane).then(|| {
        let gradient = [0.0, -color.b / (chroma * chroma), color.a / (chroma * chroma)];
        measured(hue(color.a, color.b), spread(gradient).to_degrees())
    });
    let gradient = if chroma > 0.0 { [0.0, color.a / chroma, color.b / chroma] } else { [0.0, 1.0, 0.0] };
    let findings = ColorFindings {
        xyz,
        l: lightness.measured()?,
        a: measured(color.a, spread([0.0, 1.0, 0.0]))?,
        b: measured(color.b, spread([0.0, 0.0, 1.0]))?,
        chroma: measured(chroma, spread(gradient))?,
        hue_deg: direction.flatten(),
        yellowness: yellowness_e313(xyz),
        delta_e00: distance.and_then(|distance| distance.measured()),
    };
    Some(ProductColor { findings, lightness, distance })
}
