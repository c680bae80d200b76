//! [`Charts`]: the charts of what is learned of a station, by quantity.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::chart::{Shift, SteadyChart};
use super::fault::{Evidence, Quantity};
use super::observation::Observation;
use super::reference::{Reference, reflectance};

/// The quantities that are learned, each with the smallest change that matters.
const LEARNED: [(Quantity, f64); 7] = [
    (Quantity::Signal, 0.05),
    (Quantity::Noise, 0.1),
    (Quantity::Floor, 0.5),
    (Quantity::Light, 0.03),
    (Quantity::BandRatio, 0.02),
    (Quantity::Reflectance, 0.05),
    (Quantity::Height, 0.5),
];

/// The quantities that show the product as well as the instruments, beside the light.
pub(super) const OF_PRODUCT: [Quantity; 3] = [Quantity::BandRatio, Quantity::Reflectance, Quantity::Height];

/// The deviation, in spreads, of the median of nine trays that is no chance.
const CLEARLY: f64 = 1.5;

/// The trays of a change after which most of the last nine show it, so that what the other sensor
/// sees can be compared.
const COMPARED: u32 = 7;

/// The charts of a station; none while it learns.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Charts(BTreeMap<Quantity, SteadyChart>);

/// The values of a tray.
fn values(tray: &Observation, reference: &Reference) -> Vec<(Quantity, f64)> {
    let sight = tray.tof.as_ref();
    let shade = reference.bands.shade(&tray.bands);
    [
        (Quantity::Signal, sight.and_then(|sight| reference.signal(sight))),
        (Quantity::Noise, sight.and_then(|sight| reference.noise(sight))),
        (Quantity::Floor, sight.and_then(|sight| reference.floor(sight))),
        (Quantity::Light, shade.map(|shade| shade.light)),
        (Quantity::BandRatio, shade.map(|shade| shade.ratio)),
        (Quantity::Reflectance, sight.and_then(reflectance)),
        (Quantity::Height, tray.height_mm),
    ]
    .into_iter()
    .filter_map(|(quantity, value)| Some((quantity, value?)))
    .collect()
}

impl Charts {
    /// The charts of the trays that were learned. A quantity of fewer than twenty trays has none.
    pub(super) fn learned(trays: &[Observation], reference: &Reference) -> Self {
        let mut all: BTreeMap<Quantity, Vec<f64>> = BTreeMap::new();
        for (quantity, value) in trays.iter().flat_map(|tray| values(tray, reference)) {
            all.entry(quantity).or_default().push(value);
        }
        let chart =
            |(quantity, least): (Quantity, f64)| Some((quantity, SteadyChart::learned(all.get(&quantity)?, least)?));
        Self(LEARNED.into_iter().filter_map(chart).collect())
    }

    pub(super) fn push(&mut self, tray: &Observation, reference: &Reference) {
        for (quantity, value) in values(tray, reference) {
            if let Some(chart) = self.0.get_mut(&quantity) {
                chart.push(value, tray.at);
            }
        }
    }

    /// The change of a quantity that its chart shows now.
    pub(super) fn shift(&self, quantity: Quantity) -> Option<Shift> {
        self.0.get(&quantity).and_then(SteadyChart::shift)
    }

    pub(super) fn suspicion(&self, quantity: Quantity) -> f64 {
        self.0.get(&quantity).map_or(0.0, SteadyChart::suspicion)
    }

    pub(super) fn is_calm(&self, quantity: Quantity) -> bool {
        self.0.get(&quantity).is_none_or(SteadyChart::is_calm)
    }

    /// What is usual and what is seen of a quantity.
    pub(super) fn evidence(&self, quantity: Quantity) -> Option<Evidence> {
        let chart = self.0.get(&quantity)?;
        Some(Evidence { quantity, usual: chart.level().center, seen: chart.present()? })
    }

    pub(super) fn begin_again(&mut self, quantities: impl IntoIterator<Item = Quantity>) {
        for quantity in quantities {
            if let Some(chart) = self.0.get_mut(&quantity) {
                chart.begin_again();
            }
        }
    }

    /// The change of the light, if it is that of a lamp and was seen on enough trays to tell.
    pub(super) fn lamp(&self) -> Option<Shift> {
        self.shift(Quantity::Light).filter(|shift| shift.trays >= COMPARED && self.is_lamp())
    }

    /// Whether the light has changed as that of a lamp does: in all bands alike, and while the
    /// time-of-flight sensor, which has its own light, sees the product as before.
    pub(super) fn is_lamp(&self) -> bool {
        let Some(light) = self.evidence(Quantity::Light) else { return false };
        let light = (light.seen - light.usual).abs();
        let is_even = self.0.get(&Quantity::BandRatio).is_none_or(|chart| {
            let level = chart.level();
            chart
                .present()
                .is_none_or(|present| present <= (0.35 * light).max(3.0f64.mul_add(level.spread, level.center)))
        });
        is_even && !self.is_seen_by_both()
    }

    /// Whether the spectral sensor and the time-of-flight sensor, each with its own light, see the
    /// product darker, or both see it brighter.
    pub(super) fn is_seen_by_both(&self) -> bool {
        let clearly = |quantity| {
            let chart = self.0.get(&quantity)?;
            let present = chart.present()?;
            (chart.level().z(present).abs() > CLEARLY).then_some(present - chart.level().center)
        };
        let both = (clearly(Quantity::Light), clearly(Quantity::Reflectance));
        matches!(both, (Some(light), Some(product)) if product * light > 0.0 && product.abs() >= 0.5 * light.abs())
    }
}
