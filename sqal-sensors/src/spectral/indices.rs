//! Oxidation, freshness and fat quality from differences of absorbances.
//!
//! Published meat formulas (Krzywicki, K/S 572/525) do not transfer to bands 40-50 nm wide on fatty liver. What is left is a ratio that
//! follows the oxidised share of the pigment whatever its amount, anchored by two references of the product itself.

use sqal_core::{Channel, Flag, Flags, Measured};

use crate::SpectralProfile;
use crate::desirability::{join, measured};

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

/// H = A555 − A680, the signal of blood pigment; `None` with a band missing.
pub(super) fn heme(absorbance: &[Option<Measured>; 8]) -> Option<Measured> {
    difference(absorbance, Channel::F5, Channel::F8)
}

fn difference(absorbance: &[Option<Measured>; 8], a: Channel, b: Channel) -> Option<Measured> {
    let (a, b) = (at(absorbance, a)?, at(absorbance, b)?);
    Some(measured(a.value() - b.value(), libm::hypot(a.u(), b.u())))
}

/// The harmonic mean of "little oxidised" and "the product's colour", of which one may be unknown; `None` when both are.
///
/// Both come from the same bands, so their uncertainties add; an unknown part widens the result by the prior's spread of its half.
pub(super) fn freshness(
    oxidation: Option<Measured>,
    likeness: Option<Measured>,
    profile: &SpectralProfile,
) -> Option<Measured> {
    let fresh = oxidation.map(|oxidation| profile.oxidation.of_measured(oxidation));
    join([(1.0, fresh), (if profile.color_target.is_some() { 1.0 } else { 0.0 }, likeness)], 0..2)
        .map(|(joined, _)| joined)
}

/// The harmonic mean of "yellow enough" (A480 − A515, carotenoid), "little blood" (A555 − A680, haemoglobin) and, with a colour map,
/// "pale" (L*).
///
/// A proxy: eight visible bands do not measure lipid.
pub(super) fn fat_quality(
    absorbance: &[Option<Measured>; 8],
    lightness: Option<Measured>,
    profile: &SpectralProfile,
) -> Option<Measured> {
    let yellow = profile.carotenoid.of_measured(difference(absorbance, Channel::F3, Channel::F4)?);
    let blood = profile.heme.of_measured(heme(absorbance)?);
    let pale = profile.lightness.as_ref().and_then(|limit| Some(limit.of_measured(lightness?)));
    let expected = if profile.lightness.is_some() { 1.0 } else { 0.0 };
    join([(1.0, Some(yellow)), (1.0, Some(blood)), (expected, pale)], 0..3).map(|(joined, _)| joined)
}
