//! [`WhiteTile`]: the spectral sensor's counts on a known white tile and in the dark.

use sqal_core::{Channel, Spectrum};

use super::Drift;
use crate::{WhiteReference, moments::Moments};

/// The fewest readings of the tile for a reference.
const LEAST_READINGS: u32 = 10;

/// The relative change of the lamp up to which it counts as settled.
const STEADY: f64 = 0.005;

/// The white reference of a station, with the figures of its quality.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct WhiteTile {
    /// The reference in the form that a profile takes.
    pub reference: WhiteReference,
    /// The number of readings of the tile.
    pub readings: u32,
    /// The change of the lamp during the readings, as a share of its light.
    pub drift: Drift,
}

/// Why readings give no white reference.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum WhiteTileError {
    /// Too few readings of the tile.
    #[error("{0} readings of the white tile: at least 10 are needed")]
    TooFew(u32),
    /// No reading in the dark.
    #[error("no reading in the dark: at least one is needed")]
    NoDark,
    /// A channel was saturated.
    #[error("channel {} was full in a reading of the white tile: lower the gain or the integration time", .0.as_str())]
    Saturated(Channel),
    /// A channel counted less than 200 above the dark.
    #[error("channel {} counts {counts} on the white tile: at least 200 above the dark are needed", .channel.as_str())]
    Dim {
        /// The channel.
        channel: Channel,
        /// The mean counts on the tile above those in the dark.
        counts: f64,
    },
    /// The tile's reflectance is not above 0 and at most 1.
    #[error("tile reflectance {0}: expected a number above 0 and at most 1")]
    Reflectance(f64),
    /// The lamp drifted.
    #[error("the light changed by {percent} % while the readings were taken: wait until the lamp has warmed up")]
    StillWarming {
        /// The change in percent.
        percent: f64,
    },
}

impl WhiteTile {
    /// Computes the reference from readings of a tile and of darkness (the lamp off, or the window
    /// covered), in the order in which they were taken.
    ///
    /// # Errors
    ///
    /// [`WhiteTileError`] if there are fewer than 10 readings of the tile or none in the dark, if a
    /// channel is saturated or dim, if the tile's reflectance is not valid, or if the lamp drifts.
    #[expect(clippy::needless_pass_by_value, reason = "an iterator, taken as all iterators are")]
    pub fn from_readings<'a>(
        white: impl Iterator<Item = &'a Spectrum> + Clone,
        dark: impl Iterator<Item = &'a Spectrum> + Clone,
        tile_reflectance: f64,
    ) -> Result<Self, WhiteTileError> {
        if !(tile_reflectance > 0.0 && tile_reflectance <= 1.0) {
            return Err(WhiteTileError::Reflectance(tile_reflectance));
        }
        let readings = u32::try_from(white.clone().count()).unwrap_or(u32::MAX);
        if readings < LEAST_READINGS {
            return Err(WhiteTileError::TooFew(readings));
        }
        let unit = |shot: &Spectrum| shot.gain().multiplier() * shot.integration_time().millis();
        let mut reference = WhiteReference { white: [0.0; 10], dark: [0.0; 10], tile_reflectance, u_relative: 0.0 };
        for channel in Channel::ALL {
            let full = |shot: &Spectrum| shot.counts(channel) >= 0.98 * f64::from(shot.integration_time().full_scale());
            if white.clone().any(full) {
                return Err(WhiteTileError::Saturated(channel));
            }
            let basic = |shot: &Spectrum| shot.counts(channel) / unit(shot);
            let lit = Moments::of(white.clone().map(basic)).ok_or(WhiteTileError::TooFew(0))?;
            let unlit = Moments::of(dark.clone().map(basic)).ok_or(WhiteTileError::NoDark)?;
            let span = lit.mean - unlit.mean;
            let counts = span * white.clone().map(unit).fold(f64::INFINITY, f64::min);
            if counts < 200.0 {
                return Err(WhiteTileError::Dim { channel, counts });
            }
            let (k, error) = (channel.index(), |m: &Moments| m.sample_sd() / libm::sqrt(m.n));
            (reference.white[k], reference.dark[k]) = (lit.mean, unlit.mean);
            reference.u_relative = reference.u_relative.max(libm::hypot(error(&lit), error(&unlit)) / span);
        }
        // The light of a reading: the sum over the bands, as a share of its mean.
        let light = |shot: &Spectrum| shot.all_counts().iter().copied().map(f64::from).sum::<f64>() / unit(shot);
        let mean = Moments::of(white.clone().map(light)).map_or(1.0, |m| m.mean);
        let drift = Drift::of(white.map(|shot| light(shot) / mean)).unwrap_or(Drift { change: f64::MAX, u: 0.0 });
        if !drift.has_settled(STEADY) {
            return Err(WhiteTileError::StillWarming { percent: 100.0 * drift.change });
        }
        Ok(Self { reference, readings, drift })
    }
}
