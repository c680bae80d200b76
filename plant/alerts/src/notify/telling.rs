//! [`Telling`]: what receivers are told at one time of one incident.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sqal_core::Timestamp;

use super::view::AlertView;
use crate::rule::Severity;
use crate::words::Words;

/// The most alerts that a telling lists. The others are counted.
pub(super) const MOST_LISTED: usize = 20;

/// The longest text and the longest value of a label in a listed alert, in characters.
const LONGEST_TEXT: usize = 500;
const LONGEST_VALUE: usize = 100;

/// The most labels of a listed alert.
const MOST_LABELS: usize = 16;

/// What a telling says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TellingKind {
    /// Alerts fire, and the receivers did not know some of them.
    Trigger,
    /// Persons work on every alert of the incident that fires.
    Acknowledge,
    /// Every alert of the incident has ended.
    Resolve,
    /// No person has acknowledged the incident, and further receivers are told.
    Escalation,
    /// The incident goes on, and no person has acknowledged it.
    Reminder,
}

impl TellingKind {
    /// The word of the kind.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trigger => "trigger",
            Self::Acknowledge => "acknowledge",
            Self::Resolve => "resolve",
            Self::Escalation => "escalation",
            Self::Reminder => "reminder",
        }
    }
}

/// What receivers are told at one time of one incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Telling {
    /// The names of the receivers.
    pub to: BTreeSet<String>,
    /// What is told.
    pub kind: TellingKind,
    /// The key of the group: 32 hexadecimal digits.
    pub group_key: String,
    /// The labels of the group with their values.
    pub labels: BTreeMap<String, String>,
    /// The key of the incident: 32 hexadecimal digits. Everything that is told of the incident has
    /// it, and no other incident does.
    pub incident_key: String,
    /// At most 20 of the alerts, the most serious and then the newest first. Their texts and labels
    /// are shortened.
    pub alerts: Vec<AlertView>,
    /// The number of alerts, of which `alerts` lists the first.
    pub count: usize,
    /// When the incident was told first.
    pub opened: Timestamp,
    /// When the telling was decided.
    pub at: Timestamp,
}

impl Telling {
    /// The highest severity of the alerts.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.alerts.iter().map(|alert| alert.severity).max().unwrap_or(Severity::Warning)
    }

    /// The persons who work on the alerts, each once, in the order of their names.
    #[must_use]
    pub fn acknowledged_by(&self) -> BTreeSet<&str> {
        self.alerts.iter().filter_map(|alert| alert.acknowledged_by.as_deref()).collect()
    }
}

/// The first of some alerts, as a telling lists them.
pub(super) fn listed(mut alerts: Vec<&AlertView>) -> Vec<AlertView> {
    alerts.sort_by(|a, b| b.severity.cmp(&a.severity).then(b.began.cmp(&a.began)).then_with(|| a.key.cmp(&b.key)));
    alerts.into_iter().take(MOST_LISTED).map(shortened).collect()
}

/// An alert whose texts and labels have a bounded length, and whose value JSON can hold.
fn shortened(alert: &AlertView) -> AlertView {
    let cut = |text: &str, most| text.chars().take(most).collect::<String>();
    let words = |words: &Words| Words { en: cut(&words.en, LONGEST_TEXT), fr: cut(&words.fr, LONGEST_TEXT) };
    let labels = alert.labels.iter().take(MOST_LABELS);
    AlertView {
        labels: labels.map(|(name, value)| (cut(name, LONGEST_VALUE), cut(value, LONGEST_VALUE))).collect(),
        summary: words(&alert.summary),
        description: words(&alert.description),
        runbook: cut(&alert.runbook, LONGEST_VALUE),
        acknowledged_by: alert.acknowledged_by.as_deref().map(|name| cut(name, LONGEST_VALUE)),
        value: alert.value.filter(|value| value.is_finite()),
        ..alert.clone()
    }
}
