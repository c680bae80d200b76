//! [`EmptyTray`]: the distance of the tray's floor for each zone, from frames of the empty tray.

use sqal_core::{Flags, Grid, TofFrame};

use super::Drift;
use crate::tof::validity;
use crate::{HeightReference, TofProfile, moments::Moments};

/// The fewest frames for a reference.
const LEAST_FRAMES: u32 = 30;

/// The drift of the mean distance, in mm, up to which the distance counts as settled: the sensor's
/// own step.
const STEP_MM: f64 = 0.25;

/// The tray's floor as measured by the sensor.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct EmptyTray {
    /// The mean distance of each zone in mm. Zones outside the tray that were never valid hold the
    /// tray's mean.
    pub distance_mm: Grid<f64>,
    /// The largest standard uncertainty of a zone's mean over the tray, in mm.
    pub u_mm: f64,
    /// The number of frames taken.
    pub frames: u32,
    /// The number of independent frames of equal information: N (1 − r₁)/(1 + r₁), with r₁ the
    /// correlation of neighbouring frames.
    pub effective_frames: f64,
    /// The change of the mean distance during the frames, in mm.
    pub drift: Drift,
}

/// Why frames give no reference.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EmptyTrayError {
    /// Too few frames.
    #[error("{0} frames of the empty tray: at least 30 are needed")]
    TooFew(u32),
    /// A zone of the tray was valid in fewer than half of the frames.
    #[error("zone {zone} of the tray was valid in {seen} of {frames} frames: at least half are needed")]
    Blind {
        /// The zone.
        zone: usize,
        /// The number of frames in which it was valid.
        seen: u32,
        /// The number of frames.
        frames: u32,
    },
    /// The distance drifted.
    #[error(
        "the mean distance changed by {change_mm} mm while the frames were taken: wait until the sensor has warmed up"
    )]
    StillWarming {
        /// The change in mm.
        change_mm: f64,
    },
}

impl EmptyTray {
    /// Computes the reference from frames of the empty tray, in the order in which they were taken.
    /// The settings of `profile` decide which zones are valid.
    ///
    /// # Errors
    ///
    /// [`EmptyTrayError`] if there are fewer than 30 frames, if a zone of the tray is invalid in
    /// more than half of them, or if the distance drifts.
    pub fn from_frames<'a>(
        frames: impl Iterator<Item = &'a TofFrame> + Clone,
        profile: &TofProfile,
    ) -> Result<Self, EmptyTrayError> {
        let tray = profile.tray.zones();
        // Frames are turned into the mounted orientation, as the profile's tray already is and the
        // map will be.
        let judged =
            frames.map(|frame| validity::judge(&profile.mount.frame(frame), profile, None, &mut Flags::default()));
        let count = u32::try_from(judged.clone().count()).unwrap_or(u32::MAX);
        if count < LEAST_FRAMES {
            return Err(EmptyTrayError::TooFew(count));
        }
        let of_zone = |zone: usize| {
            let seen = judged.clone().filter(move |zones| zones.valid.contains(zone));
            Moments::of(seen.map(move |zones| zones.distance_mm[zone]))
        };
        let moments = Grid::from_fn(of_zone);
        for zone in tray {
            let seen = moments[zone].map_or(0.0, |m| m.n);
            if seen * 2.0 < f64::from(count) {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of frames")]
                return Err(EmptyTrayError::Blind { zone, seen: seen as u32, frames: count });
            }
        }
        let mean = |zone: usize| moments[zone].map_or(0.0, |m| m.mean);
        let tray_mean = tray.iter().map(mean).sum::<f64>() / f64::from(tray.len().max(1));
        // The deviation of the whole tray in each frame: the mean over its valid zones of their
        // deviation from their own means.
        let series = judged.clone().filter_map(|zones| {
            let valid = tray.and(zones.valid);
            Moments::of(valid.iter().map(|zone| zones.distance_mm[zone] - mean(zone))).map(|m| m.mean)
        });
        let drift = Drift::of(series.clone()).unwrap_or(Drift { change: f64::MAX, u: 0.0 });
        if !drift.has_settled(STEP_MM) {
            return Err(EmptyTrayError::StillWarming { change_mm: drift.change });
        }
        let r1 = first_autocorrelation(series).clamp(0.0, 0.99);
        let effective_frames = f64::from(count) * (1.0 - r1) / (1.0 + r1);
        let share = effective_frames / f64::from(count);
        let u_of = |zone: usize| moments[zone].map_or(0.0, |m| m.sample_sd() / libm::sqrt(m.n * share));
        Ok(Self {
            distance_mm: Grid::from_fn(|zone| moments[zone].map_or(tray_mean, |m| m.mean)),
            u_mm: tray.iter().map(u_of).fold(0.0, f64::max),
            frames: count,
            effective_frames,
            drift,
        })
    }

    /// The map in the form that a profile takes.
    #[must_use]
    pub const fn reference(&self) -> HeightReference {
        HeightReference::Map { distance_mm: self.distance_mm, u_mm: self.u_mm }
    }
}

/// The correlation of neighbouring members of a series; 0 if the series is constant.
fn first_autocorrelation(series: impl Iterator<Item = f64> + Clone) -> f64 {
    let Some(moments) = Moments::of(series.clone()) else { return 0.0 };
    let off = |x: f64| x - moments.mean;
    let pairs: f64 = series.clone().zip(series.skip(1)).map(|(a, b)| off(a) * off(b)).sum();
    if moments.squares > 0.0 { pairs / moments.squares } else { 0.0 }
}
