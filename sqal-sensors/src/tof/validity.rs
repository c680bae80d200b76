//! Which zones count: by target status, distance, noise and signal.

use sqal_core::{DistanceKind, Flag, Flags, Grid, Score, TofFrame, ZoneSet};

use super::geometry;
use crate::TofProfile;

/// What is known of each zone after judging the frame.
#[derive(Clone, Debug)]
pub(super) struct Zones {
    /// The zones whose distance counts.
    pub(super) valid: ZoneSet,
    /// The perpendicular distance in mm; meaningless where not valid.
    pub(super) distance_mm: Grid<f64>,
    /// The standard uncertainty of the range noise in mm; meaningless where not valid.
    pub(super) sigma_mm: Grid<f64>,
    /// How far the device trusts the zone, 0 to 1.
    pub(super) confidence: Grid<f64>,
}

/// Judges every zone: valid if the device trusts it at all, it saw something in front of it, with enough signal and little enough noise.
///
/// A zone that the device trusts by half (status 6 and 9, or no status at all) counts with twice its noise.
pub(super) fn judge(frame: &TofFrame, profile: &TofProfile, flags: &mut Flags) -> Zones {
    let reading = frame.reading();
    if reading.status.is_none() {
        flags.insert(Flag::StatusMissing);
    }
    if reading.sigma_mm.is_none() {
        flags.insert(Flag::SigmaModelled);
    }
    let kind = profile.distance_kind;
    let confidence = Grid::from_fn(|zone| reading.status.map_or(0.5, |status| status[zone].confidence()));
    let distance_mm = Grid::from_fn(|zone| {
        let distance = f64::from(reading.distance_mm[zone]);
        if kind == DistanceKind::Radial { geometry::perpendicular(distance, zone) } else { distance }
    });
    let sigma_mm = Grid::from_fn(|zone| {
        let modelled = || {
            let noise = &profile.noise;
            let amplitude = f64::from(reading.amplitude_kcps[zone]).max(1e-6);
            let signal = libm::sqrt(noise.amplitude_kcps / amplitude);
            noise.sigma_mm * signal * (distance_mm[zone].max(0.0) / noise.distance_mm)
        };
        let sigma = reading.sigma_mm.map_or_else(modelled, |sigma| f64::from(sigma[zone]));
        if confidence[zone] < 1.0 { 2.0 * sigma } else { sigma }
    });
    let valid = ZoneSet::from_fn(|zone| {
        confidence[zone] > 0.0
            && distance_mm[zone] > 0.0
            && sigma_mm[zone] <= profile.max_sigma_mm
            && f64::from(reading.amplitude_kcps[zone]) >= profile.min_amplitude_kcps
    });
    Zones { valid, distance_mm, sigma_mm, confidence }
}

/// How many zones of the tray are valid.
pub(super) fn valid_in(zones: &Zones, tray: ZoneSet) -> u32 {
    ZoneSet::from_fn(|zone| zones.valid.contains(zone) && tray.contains(zone)).len()
}

/// Whether the frame can carry three-dimensional results: 32 of 64 zones, and 12 zones or 60 % of the tray's.
pub(super) fn is_usable(zones: &Zones, tray: ZoneSet) -> bool {
    let in_tray = valid_in(zones, tray);
    zones.valid.len() >= 32 && in_tray >= 12.min(tray.len()) && in_tray * 5 >= tray.len() * 3
}

/// The share of the tray that was seen, times the mean trust of what was seen.
pub(super) fn reliability(zones: &Zones, tray: ZoneSet) -> Score {
    let trust: f64 = tray.iter().filter(|zone| zones.valid.contains(*zone)).map(|zone| zones.confidence[zone]).sum();
    // Half trust doubles the noise already; here it only says how often ST finds such a range wrong.
    Score::nearest(libm::sqrt(trust / f64::from(tray.len().max(1))))
}
