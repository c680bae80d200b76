//! The records of alerts and silences: their collections, labels, and bodies as JSON.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sqal_core::Name;
use sqal_storage::labels::{LabelName, LabelValue, Labels};
use sqal_storage::records::Collection;
use sqal_storage::{StorageError, StorageErrorKind};

use super::alert::Alert;

/// The name of the book in a storage error.
pub(super) const BACKEND: &str = "alerts";

/// The newest form of a body that this program knows.
const VERSION: u32 = 1;

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

fn collection(text: &'static str) -> Collection {
    Name::new(text).unwrap_or_else(|_| unreachable!("each collection has a valid name"))
}

/// A stored value with the version of its form. Its names are never changed.
#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    v: u32,
    content: T,
}

/// The part of a body that every form of it has.
#[derive(Deserialize)]
struct VersionOnly {
    v: u32,
}

/// A body that this program cannot read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum UnreadableError {
    /// A newer program wrote it.
    #[error("it has form {0}, and this program knows forms up to {VERSION}")]
    Newer(u32),
    /// It is damaged.
    #[error("it is damaged: {0}")]
    Damaged(String),
}

/// The body of a value.
///
/// # Errors
///
/// [`StorageErrorKind::Internal`] if the value has no JSON.
pub(super) fn written<T: Serialize>(content: &T) -> Result<String, StorageError> {
    let versioned = Versioned { v: VERSION, content };
    serde_json::to_string(&versioned).map_err(|_| StorageError::new(BACKEND, StorageErrorKind::Internal))
}

/// Reads a body.
///
/// # Errors
///
/// [`UnreadableError`] if a newer program wrote it, or if it is damaged.
pub(super) fn parsed<T: DeserializeOwned>(body: &str) -> Result<T, UnreadableError> {
    let damaged = |error: serde_json::Error| UnreadableError::Damaged(error.to_string());
    let VersionOnly { v } = serde_json::from_str(body).map_err(damaged)?;
    if v > VERSION {
        return Err(UnreadableError::Newer(v));
    }
    serde_json::from_str::<Versioned<T>>(body).map(|versioned| versioned.content).map_err(damaged)
}

/// The name of a label of records and of the register.
pub(super) fn label(name: &'static str) -> LabelName {
    LabelName::new(name).unwrap_or_else(|_| unreachable!("each label has a valid name"))
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
