//! [`StationWatch`]: what is known of the instruments of one station, tray by tray.

use serde::{Deserialize, Serialize};
use sqal_core::Timestamp;
use sqal_core::defect::ZoneSet;

use super::absence::ShareChart;
use super::cause::Cause;
use super::chart::{Shift, SteadyChart};
use super::clock::Ages;
use super::fault::{Evidence, Quantity, StationFault};
use super::observation::Observation;
use super::reference::{LEARNED_TRAYS, Reference, reflectance};
use super::window::Window;

/// An instrument whose chart is that near to finding a change is under suspicion.
const SUSPECTED: f64 = 0.5;

/// The trays for which a contradiction of the sensors must be found while neither is suspected.
const PATIENCE: u32 = 5;

/// The trays for which a change of the product must be found while no instrument is suspected. It
/// is judged as it is, so there is no hurry to say so.
const PATIENCE_WITH_PRODUCT: u32 = 12;

/// The sensors may contradict each other although it is not certain yet.
const DOUBTED: f64 = 0.25;

/// The trays of a change after which most of the last nine show it, so that what the other sensor
/// sees can be compared.
const COMPARED: u32 = 7;

/// The deviation, in spreads, of the median of nine trays that is no chance.
const CLEARLY: f64 = 1.5;

/// What a tray has changed in the knowledge of a station.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A fault was found.
    Began(StationFault),
    /// A fault is over.
    Ended(StationFault),
    /// A reference was learned.
    Learned {
        /// Its number.
        version: u32,
    },
}

/// What is known of the instruments of one station. It is stored and read back as it is; only the
/// trays of a reference that is being learned are not stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StationWatch {
    trays: u64,
    last: Option<Timestamp>,
    reference: Option<Reference>,
    charts: Charts,
    missing_tof: ShareChart,
    missing_spectrum: ShareChart,
    wrong_transfers: ShareChart,
    disagreements: ShareChart,
    window: Window,
    ages: Ages,
    /// The trays for which the product, or a contradiction of the sensors, was the explanation.
    patience: [u32; 2],
    faults: Vec<StationFault>,
    /// Whether a person has asked for a new reference, so that faults do not hold it up.
    is_asked: bool,
    versions: u32,
    #[serde(skip)]
    learning: Vec<Observation>,
}

/// The charts of the quantities that are learned.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Charts {
    signal: Option<SteadyChart>,
    noise: Option<SteadyChart>,
    floor: Option<SteadyChart>,
    light: Option<SteadyChart>,
    ratio: Option<SteadyChart>,
    reflectance: Option<SteadyChart>,
    height: Option<SteadyChart>,
}

/// The values of a tray that the charts take.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Values {
    signal: Option<f64>,
    noise: Option<f64>,
    floor: Option<f64>,
    light: Option<f64>,
    ratio: Option<f64>,
    reflectance: Option<f64>,
    height: Option<f64>,
}

impl Values {
    fn of(tray: &Observation, reference: &Reference) -> Self {
        let sight = tray.tof.as_ref();
        let shade = reference.bands.shade(&tray.bands);
        Self {
            signal: sight.and_then(|sight| reference.signal(sight)),
            noise: sight.and_then(|sight| reference.noise(sight)),
            floor: sight.and_then(|sight| reference.floor(sight)),
            light: shade.map(|shade| shade.light),
            ratio: shade.map(|shade| shade.ratio),
            reflectance: sight.and_then(reflectance),
            height: tray.height_mm,
        }
    }
}

impl Charts {
    /// The charts of the trays that were learned. Beside each is the smallest change that matters.
    fn learned(trays: &[Observation], reference: &Reference) -> Self {
        let values: Vec<Values> = trays.iter().map(|tray| Values::of(tray, reference)).collect();
        let chart = |of: fn(&Values) -> Option<f64>, least: f64| {
            let all: Vec<f64> = values.iter().filter_map(of).collect();
            SteadyChart::learned(&all, least)
        };
        Self {
            signal: chart(|values| values.signal, 0.05),
            noise: chart(|values| values.noise, 0.1),
            floor: chart(|values| values.floor, 0.5),
            light: chart(|values| values.light, 0.03),
            ratio: chart(|values| values.ratio, 0.02),
            reflectance: chart(|values| values.reflectance, 0.05),
            height: chart(|values| values.height, 0.5),
        }
    }

    fn push(&mut self, values: Values, at: Timestamp) {
        let Values { signal, noise, floor, light, ratio, reflectance, height } = values;
        for (chart, value) in [
            (&mut self.signal, signal),
            (&mut self.noise, noise),
            (&mut self.floor, floor),
            (&mut self.light, light),
            (&mut self.ratio, ratio),
            (&mut self.reflectance, reflectance),
            (&mut self.height, height),
        ] {
            if let (Some(chart), Some(value)) = (chart.as_mut(), value) {
                chart.push(value, at);
            }
        }
    }

    /// The charts that show the product as well as the instruments.
    fn of_product(&mut self) -> impl Iterator<Item = &mut SteadyChart> {
        [&mut self.ratio, &mut self.reflectance, &mut self.height].into_iter().flatten()
    }

    /// Whether the light has changed as that of a lamp does: in all bands alike, and while the
    /// time-of-flight sensor, which has its own light, sees the product as before.
    fn is_lamp(&self) -> bool {
        let Some(light) = moved(self.light.as_ref()) else { return false };
        let ratio = self.ratio.as_ref().and_then(|chart| Some((chart.level(), chart.present()?)));
        let is_even = ratio.is_none_or(|(level, present)| {
            present <= (0.35 * light.abs()).max(3.0f64.mul_add(level.spread, level.center))
        });
        is_even && !self.is_seen_by_both()
    }

    /// Whether the spectral sensor and the time-of-flight sensor, each with its own light, see the
    /// product darker, or both see it brighter.
    fn is_seen_by_both(&self) -> bool {
        let clearly = |chart: Option<&SteadyChart>| {
            let chart = chart?;
            let present = chart.present()?;
            (chart.level().z(present).abs() > CLEARLY).then_some(present - chart.level().center)
        };
        let both = (clearly(self.light.as_ref()), clearly(self.reflectance.as_ref()));
        matches!(both, (Some(light), Some(product)) if product * light > 0.0 && product.abs() >= 0.5 * light.abs())
    }
}

/// How far the present value of a chart lies from its level.
fn moved(chart: Option<&SteadyChart>) -> Option<f64> {
    let chart = chart?;
    Some(chart.present()? - chart.level().center)
}

fn shift(chart: Option<&SteadyChart>) -> Option<Shift> {
    chart.and_then(SteadyChart::shift)
}

fn suspicion(chart: Option<&SteadyChart>) -> f64 {
    chart.map_or(0.0, SteadyChart::suspicion)
}

fn is_calm(chart: Option<&SteadyChart>) -> bool {
    chart.is_none_or(SteadyChart::is_calm)
}

fn all_zones() -> ZoneSet {
    ZoneSet::from_bits(u64::MAX)
}

impl Default for StationWatch {
    fn default() -> Self {
        Self::new()
    }
}

impl StationWatch {
    /// A station of which nothing is known yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            trays: 0,
            last: None,
            reference: None,
            charts: Charts::default(),
            missing_tof: ShareChart::unlearned(),
            missing_spectrum: ShareChart::unlearned(),
            wrong_transfers: ShareChart::unlearned(),
            disagreements: ShareChart::unlearned(),
            window: Window::watching(all_zones()),
            ages: Ages::default(),
            patience: [0; 2],
            faults: Vec::new(),
            is_asked: false,
            versions: 0,
            learning: Vec::new(),
        }
    }

    /// The faults that last now.
    #[must_use]
    pub fn faults(&self) -> &[StationFault] {
        &self.faults
    }

    /// What is usual here; `None` while it is being learned.
    #[must_use]
    pub const fn reference(&self) -> Option<&Reference> {
        self.reference.as_ref()
    }

    /// The number of trays that are still needed to learn what is usual.
    #[must_use]
    pub fn trays_to_learn(&self) -> usize {
        if self.reference.is_some() { 0 } else { LEARNED_TRAYS - self.learning.len().min(LEARNED_TRAYS) }
    }

    /// The number of trays that were seen.
    #[must_use]
    pub const fn trays(&self) -> u64 {
        self.trays
    }

    /// The device's time of the newest tray.
    #[must_use]
    pub const fn last(&self) -> Option<Timestamp> {
        self.last
    }

    /// Forgets what is usual, and learns it from the next trays: after a repair, a calibration, or
    /// another product. All faults end.
    pub fn relearn(&mut self, now: Timestamp) -> Vec<Change> {
        let ended = std::mem::take(&mut self.faults).into_iter().map(|fault| over(fault, now)).collect();
        let (versions, trays, last) = (self.versions, self.trays, self.last);
        *self = Self { versions, trays, last, is_asked: true, ..Self::new() };
        ended
    }

    /// Takes the next tray.
    pub fn take(&mut self, tray: &Observation) -> Vec<Change> {
        self.watch(tray);
        let mut changes = self.ended(tray.at);
        changes.extend(self.begun(tray.at));
        changes.extend(self.learn(tray));
        changes
    }

    fn watch(&mut self, tray: &Observation) {
        self.trays += 1;
        self.last = self.last.max(Some(tray.at));
        self.ages.push(tray.age_seconds(), tray.received_at);
        self.missing_tof.push(tray.tof.is_none(), tray.at);
        self.missing_spectrum.push(!tray.has_spectrum, tray.at);
        self.wrong_transfers.push(tray.is_wrongly_transferred, tray.at);
        self.disagreements.push(tray.do_sensors_disagree, tray.at);
        if let Some(sight) = &tray.tof {
            self.window.push(sight.valid, tray.at);
        }
        // A reading that was transferred wrongly says nothing about what was read.
        if let (Some(reference), false) = (&self.reference, tray.is_wrongly_transferred) {
            self.charts.push(Values::of(tray, reference), tray.at);
        }
    }

    /// Whether an instrument is at fault now.
    fn is_instrument_at_fault(&self) -> bool {
        self.faults.iter().any(|fault| fault.cause.makes_doubtful())
    }

    fn lasts(&self, cause: Cause) -> bool {
        self.faults.iter().any(|fault| fault.cause == cause)
    }

    /// Whether an instrument may be at fault, although it is not certain yet.
    fn is_instrument_suspected(&self) -> bool {
        let shares = [self.missing_tof, self.missing_spectrum, self.wrong_transfers];
        let charts = [&self.charts.signal, &self.charts.floor];
        let is_lamp = suspicion(self.charts.light.as_ref()) > SUSPECTED && self.charts.is_lamp();
        is_lamp
            || shares.iter().any(|share| share.suspicion() > SUSPECTED)
            || charts.iter().any(|chart| suspicion(chart.as_ref()) > SUSPECTED)
            || !self.window.covered().is_empty()
    }

    /// The causes that have become certain with this tray.
    fn begun(&mut self, at: Timestamp) -> Vec<Change> {
        if self.is_instrument_at_fault() {
            for chart in self.charts.of_product() {
                chart.begin_again();
            }
            self.disagreements.begin_again();
            self.patience = [0; 2];
        }
        let mut begun = Vec::new();
        for cause in Cause::ALL {
            let is_known = self.lasts(cause) || self.is_explained(cause);
            let Some((since, delay, evidence)) = self.found(cause).filter(|_| !is_known) else { continue };
            let fault = StationFault { cause, since, found: at, delay, evidence, ended: None };
            begun.push(Change::Began(fault.clone()));
            self.faults.push(fault);
        }
        if self.is_instrument_at_fault() {
            // What was said of the product is taken back: the instrument is the better explanation.
            begun.extend(self.take_back(Cause::ProductChanged, at));
        }
        begun
    }

    fn take_back(&mut self, cause: Cause, at: Timestamp) -> Option<Change> {
        let place = self.faults.iter().position(|fault| fault.cause == cause)?;
        Some(over(self.faults.remove(place), at))
    }

    /// Whether a fault that lasts explains what the cause would be named for.
    fn is_explained(&self, cause: Cause) -> bool {
        match cause {
            Cause::WindowDirty | Cause::WindowFilmed | Cause::FloorMoved => {
                self.lasts(Cause::SensorBlind) && self.missing_tof.suspicion() > SUSPECTED
            }
            Cause::LampFading => self.lasts(Cause::SensorBlind) && self.missing_spectrum.suspicion() > SUSPECTED,
            Cause::SensorsDisagree | Cause::ProductChanged => self.is_instrument_at_fault(),
            Cause::SensorBlind | Cause::BusErrors | Cause::ClockWrong => false,
        }
    }

    /// Since when and by what a cause is shown now, and by how many trays.
    fn found(&mut self, cause: Cause) -> Option<(Timestamp, u32, Vec<Evidence>)> {
        let charts = &self.charts;
        let seen = |quantity, chart: Option<&SteadyChart>| {
            chart.and_then(|chart| Some(Evidence { quantity, usual: chart.level().center, seen: chart.present()? }))
        };
        let (shift, evidence) = match cause {
            Cause::SensorBlind => {
                let of_tof = share(Quantity::MissingTof, &self.missing_tof);
                of_tof.or_else(|| share(Quantity::MissingSpectrum, &self.missing_spectrum))?
            }
            Cause::BusErrors => share(Quantity::WrongTransfers, &self.wrong_transfers)?,
            Cause::WindowDirty => {
                let (since, trays) = self.window.since()?;
                let covered = f64::from(self.window.covered().len());
                let evidence = Evidence { quantity: Quantity::InvalidZones, usual: 0.0, seen: covered };
                (Shift { since, trays, is_above: true }, vec![evidence])
            }
            Cause::WindowFilmed => {
                let found = shift(charts.signal.as_ref()).filter(|shift| !shift.is_above)?;
                let noise = seen(Quantity::Noise, charts.noise.as_ref());
                (found, seen(Quantity::Signal, charts.signal.as_ref()).into_iter().chain(noise).collect())
            }
            Cause::FloorMoved => {
                let found = shift(charts.floor.as_ref())?;
                (found, seen(Quantity::Floor, charts.floor.as_ref()).into_iter().collect())
            }
            Cause::LampFading => {
                let is_lamp = |shift: &Shift| shift.trays >= COMPARED && charts.is_lamp();
                let found = shift(charts.light.as_ref()).filter(is_lamp)?;
                let ratio = seen(Quantity::BandRatio, charts.ratio.as_ref());
                (found, seen(Quantity::Light, charts.light.as_ref()).into_iter().chain(ratio).collect())
            }
            Cause::ClockWrong => {
                let evidence = Evidence { quantity: Quantity::Age, usual: 0.0, seen: self.ages.error()? };
                (Shift { since: self.ages.since()?, trays: 0, is_above: true }, vec![evidence])
            }
            Cause::SensorsDisagree | Cause::ProductChanged => return self.without_instrument(cause),
        };
        Some((shift.since, shift.trays, evidence))
    }

    /// A change that no instrument explains. It must be found on some trays in a row while no
    /// instrument is suspected.
    fn without_instrument(&mut self, cause: Cause) -> Option<(Timestamp, u32, Vec<Evidence>)> {
        let charts = &self.charts;
        let found = if cause == Cause::SensorsDisagree && self.is_asked {
            // A person has said that what is now is usual; how often the sensors then contradict
            // each other is being learned.
            None
        } else if cause == Cause::SensorsDisagree {
            // Sensors that see one change alike do not contradict each other, whatever their scores
            // say.
            share(Quantity::Disagreements, &self.disagreements).filter(|_| !charts.is_seen_by_both())
        } else {
            let of = |quantity, chart: &Option<SteadyChart>| {
                let chart = chart.as_ref()?;
                let found = chart.shift()?;
                Some((found, vec![Evidence { quantity, usual: chart.level().center, seen: chart.present()? }]))
            };
            let light = of(Quantity::Light, &charts.light).filter(|_| !charts.is_lamp());
            light
                .or_else(|| of(Quantity::BandRatio, &charts.ratio))
                .or_else(|| of(Quantity::Reflectance, &charts.reflectance))
                .or_else(|| of(Quantity::Height, &charts.height))
        };
        let is_product = cause == Cause::ProductChanged;
        let is_doubted = is_product && self.disagreements.suspicion() > DOUBTED && !charts.is_seen_by_both();
        let is_held_up = is_doubted || self.is_instrument_suspected();
        let patience = &mut self.patience[usize::from(is_product)];
        *patience = if found.is_some() && !is_held_up { patience.saturating_add(1) } else { 0 };
        let least = if is_product { PATIENCE_WITH_PRODUCT } else { PATIENCE };
        let (shift, evidence) = found.filter(|_| *patience > least)?;
        Some((shift.since, shift.trays, evidence))
    }

    /// The faults that are over with this tray.
    fn ended(&mut self, at: Timestamp) -> Vec<Change> {
        let (lasting, ended): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.faults).into_iter().partition(|fault| !self.is_over(fault.cause));
        self.faults = lasting;
        for fault in &ended {
            self.begin_again(fault.cause);
        }
        ended.into_iter().map(|fault| over(fault, at)).collect()
    }

    fn is_over(&self, cause: Cause) -> bool {
        let charts = &self.charts;
        match cause {
            Cause::SensorBlind => self.missing_tof.is_calm() && self.missing_spectrum.is_calm(),
            Cause::BusErrors => self.wrong_transfers.is_calm(),
            Cause::WindowDirty => self.window.is_free(),
            Cause::WindowFilmed => is_calm(charts.signal.as_ref()),
            Cause::FloorMoved => is_calm(charts.floor.as_ref()),
            Cause::LampFading => is_calm(charts.light.as_ref()),
            Cause::ClockWrong => self.ages.is_right(),
            Cause::SensorsDisagree => self.disagreements.is_calm(),
            Cause::ProductChanged => [&charts.light, &charts.ratio, &charts.reflectance, &charts.height]
                .into_iter()
                .all(|chart| is_calm(chart.as_ref())),
        }
    }

    fn begin_again(&mut self, cause: Cause) {
        let charts = &mut self.charts;
        match cause {
            Cause::SensorBlind => {
                self.missing_tof.begin_again();
                self.missing_spectrum.begin_again();
            }
            Cause::BusErrors => self.wrong_transfers.begin_again(),
            Cause::SensorsDisagree => self.disagreements.begin_again(),
            Cause::WindowDirty | Cause::ClockWrong => {}
            Cause::WindowFilmed => charts.signal.iter_mut().for_each(SteadyChart::begin_again),
            Cause::FloorMoved => charts.floor.iter_mut().for_each(SteadyChart::begin_again),
            Cause::LampFading => charts.light.iter_mut().for_each(SteadyChart::begin_again),
            Cause::ProductChanged => {
                charts.light.iter_mut().for_each(SteadyChart::begin_again);
                charts.of_product().for_each(SteadyChart::begin_again);
            }
        }
    }

    /// Learns from a tray if there is no reference. A fault holds learning up and discards what was
    /// learned, unless a person has asked for the reference.
    fn learn(&mut self, tray: &Observation) -> Option<Change> {
        if self.reference.is_some() {
            return None;
        }
        if self.is_instrument_at_fault() && !self.is_asked {
            self.learning.clear();
            return None;
        }
        self.learning.push(tray.clone());
        if self.learning.len() < LEARNED_TRAYS {
            return None;
        }
        let learned = std::mem::take(&mut self.learning);
        let version = self.versions + 1;
        let reference = Reference::of(&learned, version)?;
        self.charts = Charts::learned(&learned, &reference);
        let chart = |holds: fn(&Observation) -> bool| {
            let events = learned.iter().filter(|tray| holds(tray)).count();
            ShareChart::learned(
                u32::try_from(events).unwrap_or(u32::MAX),
                u32::try_from(learned.len()).unwrap_or(u32::MAX),
            )
        };
        self.missing_tof = chart(|tray| tray.tof.is_none());
        self.missing_spectrum = chart(|tray| !tray.has_spectrum);
        self.wrong_transfers = chart(|tray| tray.is_wrongly_transferred);
        self.disagreements = chart(|tray| tray.do_sensors_disagree);
        self.window = Window::watching(ZoneSet::from_bits(reference.valid));
        (self.versions, self.is_asked) = (version, false);
        self.reference = Some(reference);
        Some(Change::Learned { version })
    }
}

fn over(fault: StationFault, at: Timestamp) -> Change {
    Change::Ended(StationFault { ended: Some(at), ..fault })
}

/// What the chart of a share shows now.
fn share(quantity: Quantity, chart: &ShareChart) -> Option<(Shift, Vec<Evidence>)> {
    let found = chart.shift()?;
    Some((found, vec![Evidence { quantity, usual: chart.usual(), seen: chart.seen() }]))
}
