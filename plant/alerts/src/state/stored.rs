//! The records of alerts and silences: their collections and labels.

use sqal_storage::labels::{LabelValue, Labels};
use sqal_storage::records::Collection;

use super::alert::Alert;
use crate::stored::{collection, label};

/// The name of the book in a storage error.
pub(super) const BACKEND: &str = "alerts";

/// The label of a record with the device of its alert.
pub(super) const DEVICE: &str = "device";
/// The label of a record with the name of its rule.
pub(super) const RULE: &str = "rule";
/// The label of a record with the severity of its rule.
pub(super) const SEVERITY: &str = "severity";
/// The label of a record with the key of its alert.
pub(super) const KEY: &str = "key";

/// The alerts that are open or ended a short time ago, by key.
pub(super) fn current() -> Collection {
    collection("alerts")
}

/// The alerts that have ended, the newest first.
pub(super) fn ended() -> Collection {
    collection("alerts_ended")
}

/// The silences that are in force or will be.
pub(super) fn silences() -> Collection {
    collection("silences")
}

/// The labels by which an alert is found. A device whose name cannot be a label is found by its
/// alert's key alone.
pub(super) fn labels_of(alert: &Alert) -> Labels {
    let device = alert.labels.get("device").map(String::as_str);
    let labels = [
        (DEVICE, device),
        (RULE, Some(alert.rule.as_str())),
        (SEVERITY, Some(alert.severity.as_str())),
        (KEY, Some(alert.key.as_str())),
    ];
    let labels = labels.into_iter().filter_map(|(name, value)| Some((label(name), LabelValue::stored(value?).ok()?)));
    Labels::of(labels).unwrap_or_else(|_| unreachable!("four labels"))
}
