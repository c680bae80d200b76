//! Reflectance against a white tile, and absorbance.

use sqal_core::{Channel, Flag, Flags, Measured};

use crate::SpectralProfile;
use crate::desirability::measured;

/// The lower limit to which reflectances are clamped.
const LOWEST: f64 = 1e-4;

/// The upper limit to which reflectances are clamped.
const HIGHEST: f64 = 1.2;

/// R = ρ (b − dark)/(white − dark), clamped to 1e-4 … 1.2; all `None` without a white reference.
pub(super) fn against_white(
    basic: &[Option<Measured>; 10],
    profile: &SpectralProfile,
    flags: &mut Flags,
) -> [Option<Measured>; 10] {
    let Some(reference) = &profile.white_reference else {
        flags.insert(Flag::NoWhiteReference);
        return [None; 10];
    };
    core::array::from_fn(|k| {
        let basic = basic[k]?;
        let span = reference.white[k] - reference.dark[k];
        let raw = reference.tile_reflectance * (basic.value() - reference.dark[k]) / span;
        if raw > 1.05 {
            flags.insert(Flag::WhiteDrift);
        }
        let value = raw.clamp(LOWEST, HIGHEST);
        // Quotient rule: the reading's own noise, and the reference's relative error.
        let u = libm::hypot(reference.tile_reflectance * basic.u() / span, value * reference.u_relative);
        measured(value, u)
    })
}

/// A = −log₁₀ R of the eight visible bands, u(A) = u(R)/(R ln 10); `None` where R is at an end of
/// its range or below 3 u(R).
///
/// A defective channel has R at its lower end, so its absorbance is unknown, not 4.
/// [`ProductReference::fit`] takes these absorbances.
///
/// [`ProductReference::fit`]: crate::ProductReference::fit
#[must_use]
pub fn absorbance(reflectance: &[Option<Measured>; 10]) -> [Option<Measured>; 8] {
    core::array::from_fn(|k| {
        let r = reflectance[k]?;
        let usable = r.value() > LOWEST && r.value() < HIGHEST && r.value() > 3.0 * r.u();
        usable.then(|| measured(-libm::log10(r.value()), r.u() / (r.value() * core::f64::consts::LN_10))).flatten()
    })
}

/// The reflectance in the near infrared over that of the broad channel; `None` if either is unknown
/// or the latter is below 3 u.
///
/// It is a dimensionless figure of the spectrum's shape, independent of the lamp's brightness.
pub(super) fn nir_to_clear(reflectance: &[Option<Measured>; 10]) -> Option<Measured> {
    let (nir, clear) = (reflectance[Channel::Nir.index()]?, reflectance[Channel::Clear.index()]?);
    (clear.value() > 3.0 * clear.u())
        .then(|| {
            let ratio = nir.value() / clear.value();
            measured(ratio, libm::hypot(nir.u(), ratio * clear.u()) / clear.value())
        })
        .flatten()
}
