//! [`Reference`]: what is usual at a station, learned from two hundred trays while all is well.

use serde::{Deserialize, Serialize};
use sqal_core::Timestamp;
use sqal_core::defect::ZoneSet;

use super::level::{Level, median};
use super::observation::{Observation, Sight};
use super::spectrum::Bands;

/// The number of trays from which a reference is learned.
pub const LEARNED_TRAYS: usize = 200;

/// Fewer zones beside the product than this say nothing about the window and the floor.
const LEAST_BESIDE: u32 = 6;

/// What is usual at a station.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    /// The number of the reference; each that is learned anew has the next.
    pub version: u32,
    /// The time of the first tray that was learned.
    pub from: Timestamp,
    /// The time of the last tray that was learned.
    pub until: Timestamp,
    /// The zones that are usually valid.
    pub(super) valid: u64,
    /// The zones beside the product, which look the same on every tray.
    pub(super) beside: u64,
    /// The usual distance of each zone in mm.
    pub(super) distance_mm: Vec<f64>,
    pub(super) bands: Bands,
}

impl Reference {
    /// The reference of these trays; `None` of nothing.
    pub(super) fn of(trays: &[Observation], version: u32) -> Option<Self> {
        let (first, last) = (trays.first()?, trays.last()?);
        let sights: Vec<&Sight> = trays.iter().filter_map(|tray| tray.tof.as_ref()).collect();
        let share = |holds: &dyn Fn(&Sight) -> bool| {
            let count = sights.iter().filter(|sight| holds(sight)).count();
            count * 10 >= sights.len() * 7 && count > 0
        };
        let valid = ZoneSet::from_fn(|zone| share(&|sight| sight.valid.contains(zone)));
        let mut distances = vec![0.0; 64];
        let mut spreads = vec![f64::INFINITY; 64];
        for zone in valid {
            let seen = sights.iter().filter(|sight| sight.valid.contains(zone));
            if let Some(level) = Level::of(seen.map(|sight| f64::from(sight.distance_mm[zone])), 0.0) {
                (distances[zone], spreads[zone]) = (level.center, level.spread);
            }
        }
        let empty = valid.filter(|zone| share(&|sight| !sight.product.contains(zone)));
        let mut of_empty: Vec<f64> = empty.iter().map(|zone| spreads[zone]).collect();
        let usual = median(&mut of_empty).unwrap_or(0.0);
        // A zone at the edge sees the product on one tray and the floor on the next.
        let beside = empty.filter(|zone| spreads[zone] <= 2.5 * usual);
        Some(Self {
            version,
            from: first.at,
            until: last.at,
            valid: valid.bits(),
            beside: beside.bits(),
            distance_mm: distances,
            bands: Bands::of(trays),
        })
    }

    /// The zones beside the product that are valid on this tray; none if they are too few.
    fn beside(&self, sight: &Sight) -> ZoneSet {
        let seen = ZoneSet::from_bits(self.beside).and(sight.valid);
        if seen.len() >= LEAST_BESIDE { seen } else { ZoneSet::default() }
    }

    /// ln(amplitude · z²) over the zones beside the product; where the product covers them all,
    /// over all zones.
    pub(super) fn signal(&self, sight: &Sight) -> Option<f64> {
        let amplitude = sight.amplitude_kcps.as_ref()?;
        let beside = self.beside(sight);
        let zones = if beside.is_empty() { sight.valid } else { beside };
        let of = |zone: usize| (f64::from(amplitude[zone]), f64::from(sight.distance_mm[zone]));
        let mut all: Vec<f64> = zones
            .iter()
            .map(of)
            .filter(|(amplitude, distance)| *amplitude > 0.0 && *distance > 0.0)
            .map(|(amplitude, distance)| 2.0f64.mul_add(distance.ln(), amplitude.ln()))
            .collect();
        median(&mut all)
    }

    /// How far the floor beside the product lies from where it was learned, in mm.
    pub(super) fn floor(&self, sight: &Sight) -> Option<f64> {
        let mut away = self.away(sight);
        median(&mut away)
    }

    /// ln of the scatter of the zones beside the product over what the sensor claims.
    pub(super) fn noise(&self, sight: &Sight) -> Option<f64> {
        let claimed = sight.sigma_mm.as_ref()?;
        let shift = self.floor(sight)?;
        let beside = self.beside(sight);
        let of = |zone: usize| {
            let away = f64::from(sight.distance_mm[zone]) - self.distance_mm.get(zone).copied()? - shift;
            let sigma = f64::from(claimed[zone]);
            (sigma > 0.0).then(|| (away / sigma).abs())
        };
        let mut all: Vec<f64> = beside.iter().filter_map(of).collect();
        median(&mut all).filter(|ratio| *ratio > 0.0).map(f64::ln)
    }

    fn away(&self, sight: &Sight) -> Vec<f64> {
        let beside = self.beside(sight);
        let of = |zone: usize| self.distance_mm.get(zone).map(|usual| f64::from(sight.distance_mm[zone]) - usual);
        beside.iter().filter_map(of).collect()
    }
}

/// ln of the product's median reflectance for the time-of-flight sensor.
pub(super) fn reflectance(sight: &Sight) -> Option<f64> {
    let percent = sight.reflectance_percent.as_ref()?;
    let zones = sight.product.and(sight.valid);
    let mut all: Vec<f64> =
        zones.iter().map(|zone| f64::from(percent[zone])).filter(|percent| *percent > 0.0).collect();
    median(&mut all).map(f64::ln)
}
