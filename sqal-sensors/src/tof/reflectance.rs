//! Reflectance at 940 nm over the valid zones of the tray: its statistics and its pattern.
//!
//! These are mean, spread, order statistics, evenness and pattern.

use sqal_core::{Grid, Measured, defect::ZoneSet, findings::ReflectanceStatistics};

use super::geometry;
use super::validity::Zones;
use crate::desirability::measured;
use crate::order::ordered;
use crate::{TofProfile, moments::Moments};

/// The standard deviation of the sensor's own step of 0.5 %.
const STEP: f64 = 0.144_337_567_297_406_44;

/// The statistics of the zones' reflectances, in percent; `None` for fewer than two valid zones in
/// the tray.
pub(super) fn statistics(
    percent: &Grid<f64>,
    zones: &Zones,
    tray: ZoneSet,
    profile: &TofProfile,
) -> Option<ReflectanceStatistics> {
    let seen = tray.and(zones.valid);
    let (values, n) = ordered(seen.iter().map(|zone| percent[zone]));
    // One value has no spread, so its uncertainty cannot be stated.
    if n < 2 {
        return None;
    }
    let values = &values[..n];
    let moments = Moments::of(values.iter().copied())?;
    let sd = moments.sample_sd();
    Some(ReflectanceStatistics {
        // The variation from zone to zone belongs to the product. Only the noise of the zones adds
        // to the uncertainty of their mean.
        mean: measured(moments.mean, libm::hypot(profile.reflectance_noise_percent, STEP) / libm::sqrt(moments.n))?,
        sd,
        cv: (moments.mean > 0.0).then(|| sd / moments.mean),
        min: values[0],
        p05: quantile(values, 0.05),
        median: quantile(values, 0.5),
        p95: quantile(values, 0.95),
        max: values[n - 1],
        uniformity: uniformity(&moments, profile),
        morans_i: morans_i(percent, seen, &moments),
    })
}

/// The quantile of ordered values by linear interpolation at (n − 1) q (type 7 of Hyndman & Fan
/// 1996).
fn quantile(ordered: &[f64], q: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "at most 64")]
    let at = (ordered.len() - 1) as f64 * q;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 63")]
    let below = at as usize;
    let above = (below + 1).min(ordered.len() - 1);
    ordered[below] + (at - libm::floor(at)) * (ordered[above] - ordered[below])
}

/// exp(−cv²/(2 c₀²)) with the zones' own noise subtracted from the coefficient of variation; `None`
/// if the mean is 0.
///
/// With s² = τ² + σ² from n zones u(s²) = s² √(2/(n − 1)), so u = value · u(s²)/(2 c₀² mean²).
fn uniformity(moments: &Moments, profile: &TofProfile) -> Option<Measured> {
    let noise = profile.reflectance_noise_percent * profile.reflectance_noise_percent;
    let square = moments.squares / (moments.n - 1.0);
    let scale = 2.0 * profile.reflectance_uniformity_scale * profile.reflectance_uniformity_scale;
    let per = 1.0 / (scale * moments.mean * moments.mean);
    if !(moments.mean > 0.0 && per.is_finite()) {
        return None;
    }
    let value = libm::exp(-(square - noise).max(0.0) * per);
    let u = value * square.max(noise) * libm::sqrt(2.0 / (moments.n - 1.0)) * per;
    // A number on 0 to 1 has an uncertainty of at most a half.
    measured(value, u.min(0.5))
}

/// Moran's I over pairs of zones that share an edge, with the neighbours of each zone weighing one
/// together (Moran 1950).
///
/// It is −1/(n − 1) on average for a random pattern, and near 1 for patches. `None` for a surface
/// without variation or without neighbours.
fn morans_i(percent: &Grid<f64>, seen: ZoneSet, moments: &Moments) -> Option<f64> {
    let (mut sum, mut weight) = (0.0, 0.0);
    for zone in seen {
        let (mut near, mut n) = (0.0, 0.0);
        for next in geometry::neighbours(zone).and(seen) {
            near += percent[next] - moments.mean;
            n += 1.0;
        }
        if n > 0.0 {
            sum += (percent[zone] - moments.mean) * near / n;
            weight += 1.0;
        }
    }
    // Variation of the size of the mean's rounding does not count.
    let varies = moments.squares > 1e-18 * moments.mean * moments.mean * moments.n;
    (varies && weight > 0.0).then(|| moments.n / weight * sum / moments.squares)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moran_of(f: impl Fn(usize) -> f64) -> Option<f64> {
        let percent = Grid::from_fn(f);
        morans_i(&percent, ZoneSet::from_fn(|_| true), &Moments::of(percent.iter().copied()).unwrap())
    }

    /// The neighbours on a chessboard are as unlike as possible, and those of two halves nearly as
    /// alike as possible: 112 pairs of which 8 differ, rows standardised.
    #[test]
    fn moran_s_i_of_known_patterns() {
        assert!((moran_of(|k| f64::from((k / 8 + k % 8) % 2 == 0)).unwrap() + 1.0).abs() < 1e-12);
        let halves = moran_of(|k| f64::from(k % 8 < 4)).unwrap();
        // Of 64 zones, 16 are at the border of the halves. 12 of them have 4 neighbours, 2 more
        // alike than unlike; 4 at the edge have 3 neighbours, 1 more alike than unlike.
        let expected = (48.0 + 12.0 * 0.5 + 4.0 / 3.0) / 64.0;
        assert!((halves - expected).abs() < 1e-12, "{halves} {expected}");
        assert_eq!(moran_of(|_| 45.1), None);
    }

    #[test]
    fn quantiles_are_those_of_type_7() {
        let values = [1.0, 2.0, 4.0, 8.0];
        assert!((quantile(&values, 0.5) - 3.0).abs() < 1e-15 && (quantile(&values, 0.05) - 1.15).abs() < 1e-15);
        assert!((quantile(&values, 1.0) - 8.0).abs() < 1e-15 && (quantile(&values, 0.0) - 1.0).abs() < 1e-15);
    }
}
