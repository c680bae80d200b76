//! Oxidation, freshness and fat quality from differences of absorbances.
//!
//! Published meat formulas (Krzywicki, K/S 572/525) do not transfer to bands 40-50 nm wide on fatty liver. What is left is a ratio that
//! follows the oxidised share of the pigment whatever its amount, anchored by two references of the product itself.

use sqal_core::{Channel, Exponent, Flag, Flags, Measured, Score, power_mean};

use crate::SpectralProfile;
use crate::desirability::measured;

/// A(x) by channel; `None` if the channel is not known.
fn at(absorbance: &[Option<Measured>; 8], channel: Channel) -> Option<Measured> {
    absorbance[channel.index()]
}

/// O = clamp((q − q₀)/(q₁₀₀ − q₀)) with q = (A630 − A680)/(A555 − A680): 0 for fresh, 1 for oxidised pigment.
///
/// The denominator H is the pigment signal. Below ten times its own uncertainty the ratio means nothing: `None`, and
/// [`Flag::LowHeme`]. First-order propagation with ∂q/∂A630 = 1/H, ∂q/∂A680 = (q − 1)/H, ∂q/∂A555 = −q/H.
pub(super) fn oxidation(
    absorbance: &[Option<Measured>; 8],
    profile: &SpectralProfile,
    flags: &mut Flags,
) -> Option<Measured> {
    let [a5, a7, a8] = [at(absorbance, Channel::F5)?, at(absorbance, Channel::F7)?, at(absorbance, Channel::F8)?];
    let h = a5.value() - a8.value();
    if h < 10.0 * libm::hypot(a5.u(), a8.u()) || h <= 0.0 {
        flags.insert(Flag::LowHeme);
        return None;
    }
    let q = (a7.value() - a8.value()) / h;
    let variance = a7.u() * a7.u() + (q - 1.0) * (q - 1.0) * a8.u() * a8.u() + q * q * a5.u() * a5.u();
    let u_q = libm::sqrt(variance) / h;
    let anchors = &profile.anchors;
    if !anchors.measured {
        flags.insert(Flag::Uncalibrated);
    }
    let span = anchors.oxidation_full - anchors.oxidation_fresh;
    Some(measured(((q - anchors.oxidation_fresh) / span).clamp(0.0, 1.0), u_q / span))
}

/// Without a colour calibration freshness is the desirability of the oxidation index alone.
pub(super) fn freshness(oxidation: Measured, profile: &SpectralProfile) -> Measured {
    profile.oxidation.of_measured(oxidation)
}

/// The harmonic mean of "yellow enough" (A480 − A515, carotenoid) and "little blood" (A555 − A680, haemoglobin).
///
/// A proxy: eight visible bands do not measure lipid.
pub(super) fn fat_quality(absorbance: &[Option<Measured>; 8], profile: &SpectralProfile) -> Option<Measured> {
    let difference = |a: Channel, b: Channel| {
        let (a, b) = (at(absorbance, a)?, at(absorbance, b)?);
        Some(measured(a.value() - b.value(), libm::hypot(a.u(), b.u())))
    };
    let yellow = profile.carotenoid.of_measured(difference(Channel::F3, Channel::F4)?);
    let blood = profile.heme.of_measured(difference(Channel::F5, Channel::F8)?);
    let terms = [yellow, blood].map(|part| (Score::nearest(part.value()), 1.0));
    let mean = power_mean(&terms, Exponent::HARMONIC)?;
    let u = libm::hypot(mean.sensitivities[0] * yellow.u(), mean.sensitivities[1] * blood.u());
    Some(measured(mean.score.get(), u))
}
