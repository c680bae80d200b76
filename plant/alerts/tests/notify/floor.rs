//! [`Floor`]: alerts that begin, are acknowledged and end, and a notifier that looks every five
//! seconds.

use std::collections::{BTreeMap, BTreeSet};

use sqal_alerts::notify::{AlertView, Notifier, Telling, TellingKind, read_plan};
use sqal_alerts::{Severity, Words};
use sqal_core::Timestamp;

/// 2024-10-21T06:00:00Z, a Monday; 08:00 in Paris.
const BEGAN: i64 = 1_729_490_400_000_000;

/// The seconds between two looks.
pub(crate) const STEP: i64 = 5;

/// The time that is some seconds after the beginning of the test.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(BEGAN + seconds * 1_000_000).unwrap()
}

/// The seconds from the beginning of the test to a time.
pub(crate) fn seconds(time: Timestamp) -> i64 {
    (time.micros() - BEGAN) / 1_000_000
}

/// An alert of a station that began some seconds after the beginning of the test.
pub(crate) fn alert(name: &str, device: &str, severity: Severity, began: i64) -> AlertView {
    AlertView {
        key: format!("{name} {device}"),
        alertname: name.to_owned(),
        severity,
        labels: BTreeMap::from([("device".to_owned(), device.to_owned())]),
        summary: Words::new("{device} is silent", "{device} est muet"),
        description: Words::new("No tray of {device} is judged.", "Aucune barquette de {device} n'est jugée."),
        runbook: "station-silent".to_owned(),
        began: at(began),
        resolved: None,
        acknowledged_by: None,
        value: Some(1.0),
    }
}

/// A plan with one receiver that gets everything.
pub(crate) const ONE: &str = "
base_url: https://sqal.example
receivers: {all: {webhook: true}}
routes: [{to: [all]}]
";

/// The alerts of a plant and their notifier.
pub(crate) struct Floor {
    pub(crate) notifier: Notifier,
    pub(crate) alerts: BTreeMap<String, AlertView>,
    pub(crate) silenced: BTreeSet<String>,
    pub(crate) now: i64,
}

/// Kind, second, receivers and number of alerts of a telling.
pub(crate) type Short = (TellingKind, i64, Vec<String>, usize);

pub(crate) fn short(tellings: &[Telling]) -> Vec<Short> {
    let one = |told: &Telling| (told.kind, seconds(told.at), told.to.iter().cloned().collect(), told.count);
    tellings.iter().map(one).collect()
}

/// A [`Short`] whose receivers are separated by blanks.
pub(crate) fn told(kind: TellingKind, second: i64, to: &str, count: usize) -> Short {
    (kind, second, to.split_whitespace().map(str::to_owned).collect(), count)
}

impl Floor {
    pub(crate) fn new(plan: &str) -> Self {
        Self {
            notifier: Notifier::new(read_plan(plan).unwrap()),
            alerts: BTreeMap::new(),
            silenced: BTreeSet::new(),
            now: 0,
        }
    }

    /// `StationSilent` of a device begins as a warning.
    pub(crate) fn fire(&mut self, device: &str) {
        self.fire_as("StationSilent", device, Severity::Warning);
    }

    pub(crate) fn fire_as(&mut self, name: &str, device: &str, severity: Severity) {
        let alert = alert(name, device, severity, self.now);
        self.alerts.insert(device.to_owned(), alert);
    }

    pub(crate) fn end(&mut self, device: &str) {
        self.alerts.get_mut(device).unwrap().resolved = Some(at(self.now));
    }

    pub(crate) fn acknowledge(&mut self, device: &str) {
        self.alerts.get_mut(device).unwrap().acknowledged_by = Some("marie".to_owned());
    }

    /// Looks now.
    pub(crate) fn look(&mut self) -> Vec<Telling> {
        let alerts: Vec<_> = self.alerts.values().cloned().collect();
        let silenced = self.silenced.clone();
        let is_silenced = |alert: &AlertView| silenced.contains(alert.label("device").unwrap_or_default());
        self.notifier.advance(&alerts, &is_silenced, at(self.now))
    }

    /// Looks now, and every five seconds until some seconds have passed; the last look is not
    /// taken, and is the first of the next run.
    pub(crate) fn run(&mut self, seconds: i64) -> Vec<Telling> {
        let end = self.now + seconds;
        let mut all = Vec::new();
        while self.now < end {
            all.extend(self.look());
            self.now += STEP;
        }
        all
    }
}
