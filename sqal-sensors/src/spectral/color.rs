//! Colour: from spectra or band reflectances to XYZ and Lab, with the uncertainty carried along.
//!
//! A curve drawn through eight bands and integrated errs by 2 to 3.6 ΔE00 on a colour chart; a 3x8 map fitted on the chart itself errs by
//! 0.14 to 0.18. The map belongs to one device and one lamp: a filter shifted by 5 nm, or another lamp, costs 2.5 to 3.3 again.

use sqal_core::{ColorFindings, Lab, Measured};

use super::super::desirability::measured;
use crate::LeastSquares;

/// The tristimulus values of a reflecting surface: X = k Σ R S x̄ with k = 100/Σ S ȳ (CIE 15), by the plain sum over equal steps.
///
/// All slices cover the same wavelengths. ASTM E308's weights differ from the plain sum by up to 0.016; state which you compare with.
/// `None` for slices of different lengths or a lamp without light.
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

/// CIE 1976 L*a*b* of tristimulus values under a white (CIE 15:2018, 8.2.1).
#[must_use]
pub fn lab(xyz: [f64; 3], white: [f64; 3]) -> Lab {
    let [fx, fy, fz] = [0, 1, 2].map(|k| cube_root_or_line(xyz[k] / white[k]).0);
    Lab { l: 116.0 * fy - 16.0, a: 500.0 * (fx - fy), b: 200.0 * (fy - fz) }
}

/// The function f of CIE 1976 and its derivative: a cube root, and below (6/29)³ a line that meets it.
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

/// The colour difference CIEDE2000 (ISO/CIE 11664-6:2014; the notation is that of Sharma, Wu & Dalal 2005).
///
/// Our own and not the library palette's: palette 0.7.7 misses the agreement of 1e-9 with colour-science that this has on the same pairs.
#[must_use]
#[expect(clippy::many_single_char_names, reason = "the standard's own symbols: g, l, c, h, t")]
pub fn ciede2000(one: Lab, other: Lab) -> f64 {
    const POW25_7: f64 = 6_103_515_625.0;
    let seventh = |x: f64| libm::pow(x, 7.0);
    let mean_chroma = f64::midpoint(libm::hypot(one.a, one.b), libm::hypot(other.a, other.b));
    let g = 0.5 * (1.0 - libm::sqrt(seventh(mean_chroma) / (seventh(mean_chroma) + POW25_7)));
    let (a1, a2) = ((1.0 + g) * one.a, (1.0 + g) * other.a);
    let (c1, c2) = (libm::hypot(a1, one.b), libm::hypot(a2, other.b));
    let (h1, h2) = (hue(a1, one.b), hue(a2, other.b));

    let grey = c1 * c2 == 0.0;
    let apart = h2 - h1;
    let turn = match apart {
        _ if grey => 0.0,
        apart if apart.abs() <= 180.0 => apart,
        apart if apart > 180.0 => apart - 360.0,
        apart => apart + 360.0,
    };
    let sine = |degrees: f64| libm::sin(degrees.to_radians());
    let cosine = |degrees: f64| libm::cos(degrees.to_radians());
    let (dl, dc, dh) = (other.l - one.l, c2 - c1, 2.0 * libm::sqrt(c1 * c2) * sine(turn / 2.0));

    let (l, c) = (f64::midpoint(one.l, other.l), f64::midpoint(c1, c2));
    let sum = h1 + h2;
    let h = match apart.abs() {
        _ if grey => sum,
        apart if apart <= 180.0 => sum / 2.0,
        _ if sum < 360.0 => f64::midpoint(sum, 360.0),
        _ => (sum - 360.0) / 2.0,
    };
    let t = 1.0 - 0.17 * cosine(h - 30.0) + 0.24 * cosine(2.0 * h) + 0.32 * cosine(3.0 * h + 6.0)
        - 0.20 * cosine(4.0 * h - 63.0);
    let from_middle = (l - 50.0) * (l - 50.0);
    let sl = 1.0 + 0.015 * from_middle / libm::sqrt(20.0 + from_middle);
    let (sc, sh) = (1.0 + 0.045 * c, 1.0 + 0.015 * c * t);
    let blue = (h - 275.0) / 25.0;
    let rotation = 60.0 * libm::exp(-blue * blue);
    let rt = -2.0 * libm::sqrt(seventh(c) / (seventh(c) + POW25_7)) * sine(rotation);
    let (dl, dc, dh) = (dl / sl, dc / sc, dh / sh);
    libm::sqrt((dl * dl + dc * dc + dh * dh + rt * dc * dh).max(0.0))
}

/// The hue angle from 0 to 360 degrees; 0 for grey.
fn hue(a: f64, b: f64) -> f64 {
    let degrees = libm::atan2(b, a).to_degrees();
    if degrees < 0.0 { degrees + 360.0 } else { degrees }
}

/// The yellowness index of ASTM E313 for D65 and the 2° observer: 100 (1.2985 X − 1.1335 Z)/Y; `None` for black.
#[must_use]
pub fn yellowness_e313(xyz: [f64; 3]) -> Option<f64> {
    (xyz[1] > 1e-9).then(|| 100.0 * (1.2985 * xyz[0] - 1.1335 * xyz[2]) / xyz[1])
}

/// One device's map from its eight band reflectances to XYZ; a perfect white maps to the white itself, which is the sum of each row.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct ColorCalibration {
    /// XYZ = matrix · R, with R of F1 to F8.
    pub matrix: [[f64; 8]; 3],
    /// The standard uncertainty that the map itself adds to each of L*, a* and b*.
    pub u_lab: f64,
}

/// The fit of a colour map and how well it reproduces its own chart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ColorFit {
    /// The map, with the root mean square of its residual ΔE00 as its uncertainty.
    pub calibration: ColorCalibration,
    /// The mean ΔE00 over the chart.
    pub mean_de00: f64,
    /// The largest ΔE00 over the chart.
    pub max_de00: f64,
    /// How many patches were used.
    pub patches: u32,
}

/// Why a chart gives no map.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NotFitted {
    /// Fewer patches than a map of seven free numbers a row needs to be checked by.
    #[error("{0} patches: at least 12 are needed")]
    TooFew(u32),
    /// The patches do not span the eight bands.
    #[error("the patches are too alike: some band is not determined")]
    Undetermined,
    /// A number is not finite, or the white has no light.
    #[error("a reflectance, an XYZ or the white is not a usable number")]
    Numbers,
}

impl ColorCalibration {
    /// The white that the map was made for: where a reflectance of one in all bands goes.
    #[must_use]
    pub fn white(&self) -> [f64; 3] {
        self.matrix.map(|row| row.iter().sum())
    }

    /// The tristimulus values of band reflectances.
    #[must_use]
    pub fn xyz(&self, reflectance: &[f64; 8]) -> [f64; 3] {
        self.matrix.map(|row| row.iter().zip(reflectance).map(|(m, r)| m * r).sum())
    }

    /// Fits the map of a device from the patches of a chart: band reflectances as the device saw them, and the chart's XYZ under `white`.
    ///
    /// Least squares with the constraint that white maps to white, which takes one unknown out of each row: Σᵢ mᵢ (Rᵢ − R₈) = X − Xw R₈.
    ///
    /// # Errors
    ///
    /// [`NotFitted`] for fewer than 12 patches, patches that are too alike, or numbers that are not usable.
    pub fn fit(
        patches: impl Iterator<Item = ([f64; 8], [f64; 3])> + Clone,
        white: [f64; 3],
    ) -> Result<ColorFit, NotFitted> {
        let usable = |numbers: &[f64]| numbers.iter().all(|x| x.is_finite());
        let mut matrix = [[0.0; 8]; 3];
        let mut count = 0;
        for (row, (k, white)) in matrix.iter_mut().zip(white.into_iter().enumerate()) {
            let mut fit = LeastSquares::<7>::default();
            for (r, xyz) in patches.clone() {
                if !(usable(&r) && usable(&xyz) && white.is_finite() && white > 0.0) {
                    return Err(NotFitted::Numbers);
                }
                let free = core::array::from_fn(|i| r[i] - r[7]);
                fit.push(free, xyz[k] - white * r[7], 1.0);
            }
            count = fit.equations();
            if count < 12 {
                return Err(NotFitted::TooFew(count));
            }
            let free = fit.solve().ok_or(NotFitted::Undetermined)?;
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

/// The product's colour, and how far it lies from the product's target.
///
/// Needs at least seven of the eight bands; one missing band between two others is filled in by their mean and counts with three times
/// their uncertainty. `None` otherwise.
pub(super) fn of_product(
    reflectance: &[Option<Measured>; 10],
    calibration: &ColorCalibration,
    target: Option<Lab>,
) -> Option<ColorFindings> {
    let mut r = [0.0; 8];
    let mut u = [0.0; 8];
    let mut missing = 0;
    for k in 0..8 {
        let one = match reflectance[k] {
            Some(one) => one,
            None if (1..7).contains(&k) => {
                missing += 1;
                let (before, after) = (reflectance[k - 1]?, reflectance[k + 1]?);
                measured(f64::midpoint(before.value(), after.value()), 3.0 * before.u().max(after.u()))
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

    // ∂Lab/∂R, column by column: every quantity below is a function of the same eight readings, so correlation is carried.
    let [dx, dy, dz] = [0, 1, 2].map(|k| cube_root_or_line(xyz[k] / white[k]).1 / white[k]);
    let columns: [[f64; 3]; 8] = core::array::from_fn(|i| {
        let [fx, fy, fz] =
            [dx * calibration.matrix[0][i], dy * calibration.matrix[1][i], dz * calibration.matrix[2][i]];
        [116.0 * fy, 500.0 * (fx - fy), 200.0 * (fy - fz)]
    });
    let spread = |gradient: [f64; 3]| {
        let along = |column: &[f64; 3]| gradient.iter().zip(column).map(|(g, c)| g * c).sum::<f64>();
        let readings: f64 = columns.iter().zip(u).map(|(column, u)| (along(column) * u) * (along(column) * u)).sum();
        let map: f64 = gradient.iter().map(|g| (g * calibration.u_lab) * (g * calibration.u_lab)).sum();
        libm::sqrt(readings + map)
    };
    let chroma = libm::hypot(color.a, color.b);
    let u_plane = libm::hypot(spread([0.0, 1.0, 0.0]), spread([0.0, 0.0, 1.0]));
    // Near grey the direction of a colour is only noise.
    let direction = (chroma > 2.0 * u_plane).then(|| {
        let gradient = [0.0, -color.b / (chroma * chroma), color.a / (chroma * chroma)];
        measured(hue(color.a, color.b), spread(gradient).to_degrees())
    });
    let gradient = if chroma > 0.0 { [0.0, color.a / chroma, color.b / chroma] } else { [0.0, 1.0, 0.0] };
    Some(ColorFindings {
        xyz,
        l: measured(color.l, spread([1.0, 0.0, 0.0])),
        a: measured(color.a, spread([0.0, 1.0, 0.0])),
        b: measured(color.b, spread([0.0, 0.0, 1.0])),
        chroma: measured(chroma, spread(gradient)),
        hue_deg: direction,
        yellowness: yellowness_e313(xyz),
        delta_e00: target.map(|target| distance(color, target, &spread)),
    })
}

/// ΔE00 to a target with its uncertainty from the gradient, by central differences; close to the target, where the distance has no
/// gradient, from the spread in all directions.
fn distance(color: Lab, target: Lab, spread: &impl Fn([f64; 3]) -> f64) -> Measured {
    const STEP: f64 = 1e-4;
    let at = |dl: f64, da: f64, db: f64| ciede2000(Lab { l: color.l + dl, a: color.a + da, b: color.b + db }, target);
    let slope = |dl: f64, da: f64, db: f64| (at(dl, da, db) - at(-dl, -da, -db)) / (2.0 * STEP);
    let gradient = [slope(STEP, 0.0, 0.0), slope(0.0, STEP, 0.0), slope(0.0, 0.0, STEP)];
    let all = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]].map(spread);
    let widest = libm::sqrt(all.iter().map(|u| u * u).sum());
    let value = at(0.0, 0.0, 0.0);
    measured(value, if value < 2.0 * widest { widest } else { spread(gradient) })
}
