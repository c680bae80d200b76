//! [`StationWatch`]: what is known of the instruments of one station, tray by tray.

use serde::{Deserialize, Serialize};
use sqal_core::Timestamp;
use sqal_core::defect::ZoneSet;

use super::absence::ShareChart;
use super::cause::Cause;
use super::chart::Shift;
use super::charts::{Charts, OF_PRODUCT};
use super::clock::Ages;
use super::fault::{Evidence, Quantity, StationFault};
use super::observation::Observation;
use super::reference::{LEARNED_TRAYS, Reference};
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

/// A tray that is older than the newest by more, in microseconds, was kept and is sent later. It
/// says nothing of the instruments as they are now.
const KEPT_MICROS: i64 = 60_000_000;

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
            missing_tof: ShareChart::of_readings(),
            missing_spectrum: ShareChart::of_readings(),
            wrong_transfers: ShareChart::unlearned(),
            disagreements: ShareChart::unlearned(),
            window: Window::unlearned(),
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

    /// Takes the next tray. Of one that its device has kept, and that is older than the newest by
    /// more than a minute, only the age counts.
    pub fn take(&mut self, tray: &Observation) -> Vec<Change> {
        self.trays += 1;
        self.ages.push(tray.age_seconds(), tray.received_at);
        if self.is_kept(tray) {
            return Vec::new();
        }
        self.watch(tray);
        let at = self.last.map_or(tray.at, |last| last.min(tray.received_at).max(tray.at));
        let mut changes = self.ended(at);
        changes.extend(self.begun(at));
        changes.extend(self.learn(tray));
        changes
    }

    /// Whether a tray was kept by its device. A newest tray from the future, which a clock that was
    /// wrong has given, does not count. Nothing is kept while the clock is behind: each tray is as
    /// old as the one before.
    fn is_kept(&self, tray: &Observation) -> bool {
        if self.ages.error().is_some() {
            return false;
        }
        let newest = self.last.map(|last| last.min(tray.received_at));
        newest.is_some_and(|newest| newest.micros().saturating_sub(tray.at.micros()) > KEPT_MICROS)
    }

    fn watch(&mut self, tray: &Observation) {
        self.last = self.last.filter(|last| *last <= tray.received_at).max(Some(tray.at));
        self.missing_tof.push(tray.tof.is_none(), tray.at);
        self.missing_spectrum.push(!tray.has_spectrum, tray.at);
        self.wrong_transfers.push(tray.is_wrongly_transferred, tray.at);
        self.disagreements.push(tray.do_sensors_disagree, tray.at);
        if let Some(sight) = &tray.tof {
            self.window.push(sight.valid, tray.at);
        }
        // A reading that was transferred wrongly says nothing about what was read.
        if let (Some(reference), false) = (&self.reference, tray.is_wrongly_transferred) {
            self.charts.push(tray, reference);
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
        let shares = [&self.missing_tof, &self.missing_spectrum, &self.wrong_transfers];
        let is_lamp = self.charts.suspicion(Quantity::Light) > SUSPECTED && self.charts.is_lamp();
        is_lamp
            || shares.iter().any(|share| share.suspicion() > SUSPECTED)
            || [Quantity::Signal, Quantity::Floor].iter().any(|one| self.charts.suspicion(*one) > SUSPECTED)
            || !self.window.covered().is_empty()
    }

    /// The causes that have become certain with this tray.
    fn begun(&mut self, at: Timestamp) -> Vec<Change> {
        if self.is_instrument_at_fault() {
            self.charts.begin_again(OF_PRODUCT);
            self.disagreements.begin_again();
            self.patience = [0; 2];
        }
        let mut begun = Vec::new();
        for cause in Cause::ALL {
            let is_known = self.lasts(cause) || self.is_explained(cause);
            let Some((shift, evidence)) = self.found(cause).filter(|_| !is_known) else { continue };
            let fault =
                StationFault { cause, since: shift.since, found: at, delay: shift.trays, evidence, ended: None };
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

    /// By what change a cause is shown now, and its evidence.
    fn found(&mut self, cause: Cause) -> Option<(Shift, Vec<Evidence>)> {
        let charts = &self.charts;
        let seen = |first, second: Option<Quantity>| -> Vec<Evidence> {
            [Some(first), second].into_iter().flatten().filter_map(|quantity| charts.evidence(quantity)).collect()
        };
        Some(match cause {
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
                let found = charts.shift(Quantity::Signal).filter(|shift| !shift.is_above)?;
                (found, seen(Quantity::Signal, Some(Quantity::Noise)))
            }
            Cause::FloorMoved => (charts.shift(Quantity::Floor)?, seen(Quantity::Floor, None)),
            Cause::LampFading => (charts.lamp()?, seen(Quantity::Light, Some(Quantity::BandRatio))),
            Cause::ClockWrong => {
                let evidence = Evidence { quantity: Quantity::Age, usual: 0.0, seen: self.ages.error()? };
                (Shift { since: self.ages.since()?, trays: 0, is_above: true }, vec![evidence])
            }
            Cause::SensorsDisagree => self.without_instrument(false)?,
            Cause::ProductChanged => self.without_instrument(true)?,
        })
    }

    /// A change that no instrument explains: of the product, or that the sensors contradict each
    /// other. It must be found on some trays in a row while no instrument is suspected.
    fn without_instrument(&mut self, is_product: bool) -> Option<(Shift, Vec<Evidence>)> {
        let is_seen_by_both = self.charts.is_seen_by_both();
        let found = if is_product { self.change_of_product() } else { self.contradiction(is_seen_by_both) };
        let is_doubted = is_product && self.disagreements.suspicion() > DOUBTED && !is_seen_by_both;
        let is_held_up = is_doubted || self.is_instrument_suspected();
        let patience = &mut self.patience[usize::from(is_product)];
        *patience = if found.is_some() && !is_held_up { patience.saturating_add(1) } else { 0 };
        let least = if is_product { PATIENCE_WITH_PRODUCT } else { PATIENCE };
        found.filter(|_| *patience > least)
    }

    /// Sensors that see one change alike do not contradict each other, whatever their scores say.
    /// After a person has said that what is now is usual, how often they contradict each other is
    /// being learned.
    fn contradiction(&self, is_seen_by_both: bool) -> Option<(Shift, Vec<Evidence>)> {
        share(Quantity::Disagreements, &self.disagreements).filter(|_| !is_seen_by_both && !self.is_asked)
    }

    fn change_of_product(&self) -> Option<(Shift, Vec<Evidence>)> {
        let charts = &self.charts;
        let of = |quantity| Some((charts.shift(quantity)?, vec![charts.evidence(quantity)?]));
        let light = of(Quantity::Light).filter(|_| !charts.is_lamp());
        light.or_else(|| OF_PRODUCT.into_iter().find_map(of))
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
            Cause::WindowFilmed => charts.is_calm(Quantity::Signal),
            Cause::FloorMoved => charts.is_calm(Quantity::Floor),
            Cause::LampFading => charts.is_calm(Quantity::Light),
            Cause::ClockWrong => self.ages.is_right(),
            Cause::SensorsDisagree => self.disagreements.is_calm(),
            Cause::ProductChanged => {
                charts.is_calm(Quantity::Light) && OF_PRODUCT.iter().all(|quantity| charts.is_calm(*quantity))
            }
        }
    }

    fn begin_again(&mut self, cause: Cause) {
        match cause {
            Cause::SensorBlind => {
                self.missing_tof.begin_again();
                self.missing_spectrum.begin_again();
            }
            Cause::BusErrors => self.wrong_transfers.begin_again(),
            Cause::SensorsDisagree => self.disagreements.begin_again(),
            Cause::WindowDirty | Cause::ClockWrong => {}
            Cause::WindowFilmed => self.charts.begin_again([Quantity::Signal]),
            Cause::FloorMoved => self.charts.begin_again([Quantity::Floor]),
            Cause::LampFading => self.charts.begin_again([Quantity::Light]),
            Cause::ProductChanged => self.charts.begin_again(OF_PRODUCT.into_iter().chain([Quantity::Light])),
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

/// The end of a fault. A fault does not end before it began.
fn over(fault: StationFault, at: Timestamp) -> Change {
    Change::Ended(StationFault { ended: Some(at.max(fault.since)), ..fault })
}

/// What the chart of a share shows now.
fn share(quantity: Quantity, chart: &ShareChart) -> Option<(Shift, Vec<Evidence>)> {
    let found = chart.shift()?;
    Some((found, vec![Evidence { quantity, usual: chart.usual(), seen: chart.seen() }]))
}
