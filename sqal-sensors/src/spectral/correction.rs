//! Basic counts: raw counts per unit of gain and millisecond, with their noise.
//!
//! A saturated channel has none.

use sqal_core::{Channel, Flag, Flags, Measured, Spectrum};

use crate::SpectralProfile;
use crate::desirability::measured;

/// The gain at which the profile states its shot noise.
const HIGHEST_GAIN: f64 = 512.0;

/// The share of the full scale from which a channel counts as saturated.
pub(super) const FULL: f64 = 0.98;

/// The fewest counts by which a ratio is computed.
pub(super) const LEAST_COUNTS: f64 = 50.0;

/// Basic counts b = raw/(gain · correction · ms) (ams AN000633, 2.1), with var(raw) = k·raw + r² +
/// 1/12 (photon, read and rounding noise).
pub(super) fn basic_counts(
    spectrum: &Spectrum,
    profile: &SpectralProfile,
    flags: &mut Flags,
) -> [Option<Measured>; 10] {
    let full_scale = f64::from(spectrum.integration_time().full_scale());
    let correction = profile.gain_correction.map_or(1.0, |table| table[usize::from(spectrum.gain().code())]);
    let unit = spectrum.gain().multiplier() * correction * spectrum.integration_time().millis();
    Channel::ALL.map(|channel| {
        let raw = spectrum.counts(channel);
        if raw >= FULL * full_scale {
            flags.insert(Flag::Saturated);
            return None;
        }
        if raw < LEAST_COUNTS {
            flags.insert(Flag::LowSignal);
        }
        let variance = profile.shot_noise * spectrum.gain().multiplier() / HIGHEST_GAIN * raw
            + profile.read_noise * profile.read_noise
            + 1.0 / 12.0;
        measured(raw / unit, libm::sqrt(variance) / unit)
    })
}

/// The smallest ratio of a band's reading to its own noise over F1 to F8; `None` if a band is
/// saturated.
pub(super) fn least_snr(basic: &[Option<Measured>; 10]) -> Option<f64> {
    let ratio = |band: &Option<Measured>| Some((*band)?.value() / (*band)?.u());
    basic[..8].iter().map(ratio).try_fold(f64::INFINITY, |least, one| Some(least.min(one?)))
}
