//! Decides which zones are valid: by target status, distance, noise and signal.

use sqal_core::{Flag, Flags, Grid, Score, TofFrame, defect::ZoneSet, tof::DistanceKind, unseen::Unseen};

use super::geometry;
use super::pulses::Seen;
use crate::{HeightReference, TofProfile};

/// The standard uncertainty of the sensor's own step of 0.25 mm.
const STEP_SIGMA_MM: f64 = 0.072_168_783_648_703_22;

/// The zones of a frame after validation.
#[derive(Clone, Debug)]
pub(crate) struct Zones {
    /// The zones whose distance is used.
    pub(crate) valid: ZoneSet,
    /// The perpendicular distance in mm; not valid outside of `valid`.
    pub(crate) distance_mm: Grid<f64>,
    /// The standard uncertainty of the range noise in mm; not valid outside of `valid`.
    pub(crate) sigma_mm: Grid<f64>,
    /// The device's confidence in the zone, 0 to 1.
    pub(crate) confidence: Grid<f64>,
}

/// Validates every zone: the device's confidence is above 0, the target lies in front of the
/// sensor, the signal is large enough, and the noise is small enough.
///
/// A zone of half confidence (status 6 and 9, or no status at all, or no amplitude) counts with
/// twice its noise.
///
/// A zone whose histogram shows more than one surface (`doubtful`) also counts with twice its
/// noise. A zone whose histogram is empty (`dark`) does not count.
pub(crate) fn judge(frame: &TofFrame, profile: &TofProfile, pulses: Option<&Seen>, flags: &mut Flags) -> Zones {
    let reading = frame.reading();
    if reading.status.is_none() {
        flags.insert(Flag::StatusMissing);
    }
    if reading.sigma_mm.is_none() {
        flags.insert(Flag::SigmaModelled);
    }
    if reading.amplitude_kcps.is_none() {
        flags.insert(Flag::AmplitudeMissing);
    }
    let noise = &profile.noise;
    let mut zones = Zones {
        valid: ZoneSet::default(),
        distance_mm: Grid::from_fn(|_| 0.0),
        sigma_mm: Grid::from_fn(|_| 0.0),
        confidence: Grid::from_fn(|_| 0.0),
    };
    let mut valid = 0_u64;
    for zone in 0..64 {
        let amplitude = reading.amplitude_kcps.as_ref().map(|grid| f64::from(grid[zone]));
        let told = reading.status.as_ref().map_or(0.5, |status| status[zone].confidence());
        let told = if amplitude.is_none() { told.min(0.5) } else { told };
        let confidence = match pulses {
            Some(seen) if seen.dark.contains(zone) => 0.0,
            Some(seen) if seen.doubtful.contains(zone) => told.min(0.5),
            _ => told,
        };
        // Noise along the ray is projected onto the axis in the same way as the distance.
        let along_axis = |mm: f64| match reading.distance_kind {
            DistanceKind::Radial => geometry::perpendicular(mm, zone),
            DistanceKind::Perpendicular => mm,
        };
        let distance = along_axis(f64::from(reading.distance_mm[zone]));
        let sigma = if let Some(sigma) = &reading.sigma_mm {
            along_axis(f64::from(sigma[zone]))
        } else {
            let signal = amplitude.map_or(1.0, |amplitude| libm::sqrt(noise.amplitude_kcps / amplitude.max(1e-6)));
            noise.sigma_mm * signal * (distance.max(0.0) / noise.distance_mm)
        };
        // A step of a quarter millimetre is uniform noise of 0.25/√12, whatever noise the device
        // reports.
        let sigma = sigma.max(STEP_SIGMA_MM) * if confidence < 1.0 { 2.0 } else { 1.0 };
        let counts = confidence > 0.0
            && distance > 0.0
            && sigma <= profile.max_sigma_mm
            && amplitude.is_none_or(|amplitude| amplitude >= profile.min_amplitude_kcps);
        valid |= u64::from(counts) << zone;
        zones.distance_mm[zone] = distance;
        zones.sigma_mm[zone] = sigma;
        zones.confidence[zone] = confidence;
    }
    zones.valid = ZoneSet::from_bits(valid);
    zones
}

/// The number of valid zones of the tray.
pub(crate) fn valid_in(zones: &Zones, tray: ZoneSet) -> u32 {
    zones.valid.and(tray).len()
}

/// Whether the frame has enough zones for three-dimensional results: 32 of 64, 60 % of the tray's,
/// and at least 12 of those (or all, if the tray has fewer).
pub(crate) fn is_usable(zones: &Zones, tray: ZoneSet) -> bool {
    let in_tray = valid_in(zones, tray);
    zones.valid.len() >= 32 && in_tray >= 12.min(tray.len()) && in_tray * 5 >= tray.len() * 3
}

/// The shares of the zones that were not seen: of those that the heights need, and of the window.
///
/// Heights need the tray's zones, and if the rim is the reference, the rim's zones too. If heights
/// were requested and there are none, no part of the tray's shape was seen.
pub(crate) fn unseen(zones: &Zones, tray: ZoneSet, has_heights: bool, profile: &TofProfile) -> Unseen {
    let needed = match profile.reference {
        HeightReference::Rim { .. } => ZoneSet::from_bits(tray.bits() | geometry::rim().bits()),
        _ => tray,
    };
    let share = |of: u32, all: u32| Score::nearest(f64::from(of) / f64::from(all.max(1)));
    let blind = !has_heights && profile.reference != HeightReference::None;
    let area = if blind { Score::ONE } else { share(needed.without(zones.valid).len(), needed.len()) };
    Unseen { area, window: share(64 - zones.valid.len(), 64), ..Unseen::NOTHING }
}

/// The share of the tray that was seen, each zone weighted by the device's confidence: the mean
/// confidence over the tray's zones.
pub(crate) fn reliability(zones: &Zones, tray: ZoneSet) -> Score {
    let trust: f64 = tray.and(zones.valid).iter().map(|zone| zones.confidence[zone]).sum();
    Score::nearest(trust / f64::from(tray.len().max(1)))
}
