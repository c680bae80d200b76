//! [`Findings`]: which alerts a fault has, after how long, and which of them people are told.

use std::collections::{BTreeMap, BTreeSet};

use sqal_alerts::Severity;
use sqal_alerts::catalogue::Explanations;
use sqal_alerts::notify::AlertView;
use sqal_alerts::state::{Alert, Evaluation};
use sqal_core::Name;

use crate::faults::Fault;
use crate::lapse::SCRAPES_A_MINUTE;

/// When an alert fired first, and when it did so while no other one explained it: in pages since
/// the fault began.
#[derive(Clone, Copy, Debug)]
struct Found {
    fired: u32,
    told: Option<u32>,
}

/// The alerts since a fault began, by name and severity, without those that fired before.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// The keys of the alerts that fired before the fault.
    before: BTreeSet<String>,
    found: BTreeMap<(String, Severity), Found>,
    has_begun: bool,
    /// Pages since the fault began.
    pages: u32,
}

impl Findings {
    /// Takes what fires at a page.
    pub(crate) fn take(&mut self, evaluation: &Evaluation) {
        let server = Name::new("line-1").unwrap();
        let found = evaluation.firing.iter().map(|finding| Alert::found(finding, &server, evaluation.at));
        let firing: Vec<_> = found.map(|alert| AlertView::from(&alert)).collect();
        let explanations = Explanations::of(&firing);
        self.pages += 1;
        for alert in &firing {
            if !self.has_begun {
                self.before.insert(alert.key.clone());
            } else if self.before.contains(&alert.key) {
                continue;
            }
            let of_name = (alert.alertname.clone(), alert.severity);
            let found = self.found.entry(of_name).or_insert(Found { fired: self.pages, told: None });
            if !explanations.explains(alert) {
                found.told.get_or_insert(self.pages);
            }
        }
    }

    /// Begins to count anew: what fires from now on is due to the fault.
    pub(crate) fn fault_begins(&mut self) {
        self.found.clear();
        (self.has_begun, self.pages) = (true, 0);
    }

    /// Whether an alert of this name has fired.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.found.keys().any(|(found, _)| found == name)
    }

    /// The alerts that call a person.
    pub(crate) fn calls(&self) -> impl Iterator<Item = &str> {
        let calls =
            self.found.iter().filter(|((_, severity), found)| *severity == Severity::Critical && found.told.is_some());
        calls.map(|((name, _), _)| name.as_str())
    }

    /// The row of a fault in the table.
    pub(crate) fn row(&self, fault: &Fault) -> String {
        let (mut critical, mut warning, mut explained) = (Vec::new(), Vec::new(), Vec::new());
        for ((name, severity), found) in &self.found {
            let (cell, pages) = match (severity, found.told) {
                (Severity::Critical, Some(pages)) => (&mut critical, pages),
                (Severity::Warning, Some(pages)) => (&mut warning, pages),
                (_, None) => (&mut explained, found.fired),
            };
            cell.push((pages, name.as_str()));
        }
        let cells = [critical, warning, explained].map(cell);
        format!("| {} | {} | {} |", fault.name, fault.made, cells.join(" | "))
    }
}

/// Alerts in the order in which they fired, with the minutes since the fault began.
fn cell(mut alerts: Vec<(u32, &str)>) -> String {
    alerts.sort_unstable();
    let one = |(pages, name): &(u32, &str)| format!("`{name}` {} min", f64::from(*pages) / f64::from(SCRAPES_A_MINUTE));
    if alerts.is_empty() { "–".to_owned() } else { alerts.iter().map(one).collect::<Vec<_>>().join(", ") }
}
