//! Joins several readings of one product: shots of one place, and the colours of several places.
//!
//! Shots are averaged to one reading. Colours of several places give a uniformity.

use sqal_core::{Channel, Measured, Spectrum, findings::Lab, spectrum::InvalidSpectrum};

use super::color::ciede2000;
use crate::desirability::measured;
use crate::moments::Moments;

/// The most shots that are averaged at once.
pub const MAX_SHOTS: usize = 32;

/// The mean of several shots of one place.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct AveragedSpectrum {
    /// The mean, as one spectrum.
    pub spectrum: Spectrum,
    /// The number of shots averaged.
    pub shots: u8,
    /// The scatter of the shots over the scatter that their counts explain (Birge ratio, at least
    /// 1). Causes are vibration, flicker, or a moving product.
    pub birge: f64,
}

/// Why shots cannot be averaged.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AverageError {
    /// No shots, or more than [`MAX_SHOTS`].
    #[error("{0} shots: expected 1 to 32")]
    Count(usize),
    /// Two shots were taken with different gains or integration times.
    #[error("shot {0} has another gain or integration time than the first")]
    Mixed(usize),
    /// The mean is not a valid reading.
    #[error(transparent)]
    Invalid(InvalidSpectrum),
}

/// The mean of shots with one gain and one integration time, robust against a disturbed shot.
///
/// The method is Huber's mean with k = 1.345. Its scale is 1.4826 times the median absolute
/// deviation, but at least the counts' own noise √x. A shot during which the tray was pushed has
/// little weight; a shot that merely scatters has full weight (Huber 1981, 6.7). The worst
/// converter status of the shots is the status of the mean.
///
/// # Errors
///
/// [`AverageError`] if there are no shots, too many, or shots of different settings.
pub fn average_shots(shots: &[Spectrum]) -> Result<AveragedSpectrum, AverageError> {
    let (first, count) = match shots {
        [first, ..] if shots.len() <= MAX_SHOTS => (first, shots.len()),
        _ => return Err(AverageError::Count(shots.len())),
    };
    let same = |shot: &Spectrum| shot.gain() == first.gain() && shot.integration_time() == first.integration_time();
    if let Some(other) = shots.iter().position(|shot| !same(shot)) {
        return Err(AverageError::Mixed(other));
    }
    let mut counts = [0.0_f32; 10];
    let (mut squares, mut degrees) = (0.0, 0.0);
    for channel in Channel::ALL {
        let mut values = [0.0; MAX_SHOTS];
        for (value, shot) in values.iter_mut().zip(shots) {
            *value = shot.counts(channel);
        }
        let values = &mut values[..count];
        let mean = huber_mean(values);
        let noise = mean.max(1.0);
        squares += values.iter().map(|x| (x - mean) * (x - mean) / noise).sum::<f64>();
        degrees += f64::from(u8::try_from(count - 1).unwrap_or(u8::MAX));
        #[expect(clippy::cast_possible_truncation, reason = "a mean of counts to seven digits")]
        let mean = mean as f32;
        counts[channel.index()] = mean;
    }
    let status = shots.iter().map(Spectrum::adc_status).max_by_key(|status| *status as u8).unwrap_or_default();
    let spectrum =
        Spectrum::new(counts, first.gain(), first.integration_time(), status).map_err(AverageError::Invalid)?;
    let birge = if degrees > 0.0 { libm::sqrt(squares / degrees).max(1.0) } else { 1.0 };
    Ok(AveragedSpectrum { spectrum, shots: u8::try_from(count).unwrap_or(u8::MAX), birge })
}

/// Huber's mean of a few values; sorts the values.
fn huber_mean(values: &mut [f64]) -> f64 {
    let middle = |values: &mut [f64]| {
        values.sort_unstable_by(f64::total_cmp);
        f64::midpoint(values[(values.len() - 1) / 2], values[values.len() / 2])
    };
    let median = middle(values);
    let mut off = [0.0; MAX_SHOTS];
    for (off, x) in off.iter_mut().zip(values.iter()) {
        *off = (x - median).abs();
    }
    let spread = 1.4826 * middle(&mut off[..values.len()]);
    let reach = 1.345 * spread.max(libm::sqrt(median.max(1.0)));
    let mut mean = median;
    for _ in 0..20 {
        let weight = |x: f64| (reach / (x - mean).abs().max(1e-300)).min(1.0);
        let (sum, weights) =
            values.iter().fold((0.0, 0.0), |(sum, weights), x| (sum + weight(*x) * x, weights + weight(*x)));
        let next = sum / weights;
        if (next - mean).abs() <= 1e-12 * mean.abs() {
            return next;
        }
        mean = next;
    }
    mean
}

/// The uniformity of a product's colour over several places: exp(−m²/(2 e₀²)). Here m is the
/// noise-corrected mean of the colour differences from the mean colour (MCDM, CIEDE2000).
///
/// `repeatability` is the mean difference between repeated readings of one place. `scale` is the e₀
/// of the product (2.0 is a visible difference). `None` for fewer than two places. The mean of n
/// differences has the uncertainty sd/√n.
#[must_use]
pub fn color_uniformity(places: &[Lab], repeatability: f64, scale: f64) -> Option<Measured> {
    if places.len() < 2 || !(scale > 0.0 && repeatability >= 0.0) {
        return None;
    }
    let mean = |f: fn(&Lab) -> f64| Moments::of(places.iter().map(f)).map(|m| m.mean);
    let centre = Lab { l: mean(|c| c.l)?, a: mean(|c| c.a)?, b: mean(|c| c.b)? };
    let off = Moments::of(places.iter().map(|place| ciede2000(*place, centre)))?;
    let square = (off.mean * off.mean - repeatability * repeatability).max(0.0);
    let value = libm::exp(-square / (2.0 * scale * scale));
    // d exp(−m²/2e²) = −m/e² · value · dm. If the difference is smaller than the repeatability, its
    // uncertainty is the repeatability.
    let u_mean = off.sample_sd() / libm::sqrt(off.n);
    let slope = libm::sqrt(square).max(if square > 0.0 { 0.0 } else { repeatability }) / (scale * scale);
    measured(value, (value * slope * u_mean).min(1.0))
}
