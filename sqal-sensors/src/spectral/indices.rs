//! Oxidation, freshness and fat quality from differences of absorbances.
//!
//! Published meat formulas (Krzywicki, K/S 572/525) are not valid for bands 40-50 nm wide on fatty
//! liver. Therefore a ratio is used that follows the oxidised share of the pigment, whatever its
//! amount. Its scale is given by two references of the product itself.

use sqal_core::{Channel, Flag, Flags, Measured};

use super::traced::{Traced, join};
use crate::SpectralProfile;

/// A(x) by channel; `None` if the channel is not known.
fn at(absorbance: &[Option<Measured>; 8], channel: Channel) -> Option<Traced> {
    absorbance[channel.index()].map(|a| Traced::of_band(channel.index(), a))
}

/// A(x) − A(y); `None` if a band is missing.
fn difference(absorbance: &[Option<Measured>; 8], x: Channel, y: Channel) -> Option<Traced> {
    Some(at(absorbance, x)?.plus(1.0, at(absorbance, y)?, -1.0))
}

/// H = A555 − A680, the signal of blood pigment; `None` if a band is missing.
pub(super) fn heme(absorbance: &[Option<Measured>; 8]) -> Option<Traced> {
    difference(absorbance, Channel::F5, Channel::F8)
}

/// O = clamp((q − q₀)/(q₁₀₀ − q₀)) with q = (A630 − A680)/(A555 − A680): 0 for fresh, 1 for
/// oxidised pigment.
///
/// The denominator H is the pigment signal. If H is below ten times its own uncertainty, the ratio
/// has no meaning: the result is `None`, with [`Flag::LowHeme`]. The uncertainty is propagated to
/// first order, ∂q = (∂(A630 − A680) − q ∂H)/H. For a product without anchors the result is `None`
/// too.
pub(super) fn oxidation(
    absorbance: &[Option<Measured>; 8],
    heme: Option<Traced>,
    profile: &SpectralProfile,
    flags: &mut Flags,
) -> Option<Traced> {
    let anchors = profile.anchors.as_ref()?;
    let above = difference(absorbance, Channel::F7, Channel::F8)?;
    let h = heme?;
    if h.value < 10.0 * h.u() || h.value <= 0.0 {
        flags.insert(Flag::LowHeme);
        return None;
    }
    let q = above.value / h.value;
    let ratio = Traced { value: q, ..above.plus(1.0 / h.value, h, -q / h.value) };
    if !anchors.measured {
        flags.insert(Flag::Uncalibrated);
    }
    let span = anchors.oxidation_full - anchors.oxidation_fresh;
    Some(ratio.through(((q - anchors.oxidation_fresh) / span).clamp(0.0, 1.0), 1.0 / span))
}

/// The harmonic mean of "little oxidised" and "the product's colour". One of them may be unknown;
/// `None` if both are.
///
/// A part that the profile does not specify has no effect. An unknown part widens the result by the
/// prior's spread times its share of the weight.
pub(super) fn freshness(
    oxidation: Option<Traced>,
    likeness: Option<Traced>,
    profile: &SpectralProfile,
) -> Option<Traced> {
    let fresh = oxidation.and_then(|oxidation| oxidation.meets(profile.oxidation.as_ref()?));
    let (rated, target) = (weight_if(profile.oxidation.is_some()), weight_if(profile.color_target.is_some()));
    join([(rated, fresh), (target, likeness)]).map(|(joined, _)| joined)
}

/// The harmonic mean of "yellow enough" (A480 − A515, carotenoid), "little blood" (A555 − A680,
/// haemoglobin) and, with a colour map, "pale" (L*).
///
/// It is a proxy, because eight visible bands do not measure lipid. A part that the profile does
/// not specify has no effect. The result is `None` if a band is missing that a specified part
/// needs.
pub(super) fn fat_quality(
    absorbance: &[Option<Measured>; 8],
    heme: Option<Traced>,
    lightness: Option<Traced>,
    profile: &SpectralProfile,
) -> Option<Traced> {
    let yellow = match &profile.carotenoid {
        Some(specification) => difference(absorbance, Channel::F3, Channel::F4)?.meets(specification),
        None => None,
    };
    let blood = match &profile.heme {
        Some(specification) => heme?.meets(specification),
        None => None,
    };
    let pale = profile.lightness.as_ref().and_then(|limit| lightness?.meets(limit));
    let parts = [
        (weight_if(profile.carotenoid.is_some()), yellow),
        (weight_if(profile.heme.is_some()), blood),
        (weight_if(profile.lightness.is_some()), pale),
    ];
    join(parts).map(|(joined, _)| joined)
}

/// The weight of a part among equal ones: 0 if the profile does not specify it.
const fn weight_if(specified: bool) -> f64 {
    if specified { 1.0 } else { 0.0 }
}
