//! Records about a database: [`Log`], the facts of its own audit log, and [`Expected`], the
//! statements that are kept outside of it.

use std::collections::{BTreeMap, HashMap};

use sqal_core::DeviceId;

use crate::{
    audit::{Action, AuditEntry, Head},
    custody::{Purge, Retention},
};

/// An earlier statement about the samples of a device and hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stated {
    /// The number of samples.
    pub samples: u64,
    /// The sum of their digests, modulo 2^64.
    pub sum: u64,
    /// The number of lines of the audit log at that time.
    pub lines: u64,
}

/// Earlier statements about a database, kept outside of it; an empty value expects nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// Heads of the audit log: the hash of the last line by the number of lines.
    pub heads: BTreeMap<u64, [u8; 32]>,
    /// The last statement, by device and hour since 1970.
    pub hours: BTreeMap<DeviceId, BTreeMap<i64, Stated>>,
    /// By device, the number of samples that its hours counted, and the number of lines of the
    /// audit log at that time.
    pub devices: BTreeMap<DeviceId, (u64, u64)>,
    /// The number of decisions.
    pub decisions: u64,
}

/// A line of the log about a decision, as text: the action, the actor and the time.
pub(crate) type DecisionLine = (String, String, i64);

/// The facts of an audit log that the other tables are compared with.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// The number of occurrences of each line about a decision.
    pub(crate) decisions: HashMap<DecisionLine, u32>,
    /// Samples measured before this time, in microseconds since 1970, may have been purged.
    pub(crate) samples_before: Option<i64>,
    /// Hours before this one may have been purged.
    pub(crate) hours_before: Option<i64>,
    /// The number of samples that purges removed; `None` if a line does not state it.
    pub(crate) purged: Option<u64>,
    /// The number of the last line about a purge; 0 without any.
    pub(crate) last_purge: u64,
    /// The number of the last line about the erasure of each device.
    pub(crate) erased: HashMap<String, u64>,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self { purged: Some(0), ..Self::default() }
    }

    /// Adds the facts of a line.
    pub(crate) fn read(&mut self, entry: &AuditEntry) {
        let action = &entry.action;
        match action.category.as_str() {
            "register" => *self.decisions.entry(decision_line(action)).or_default() += 1,
            "gdpr_purge" => {
                self.last_purge = entry.number;
                let (retention, samples) = purge_of(action).unzip();
                // A line in another form shows only that everything before it may be gone.
                let cut = Purge::of(&retention.unwrap_or(Retention { samples: 0, analytics: 0 }), action.at);
                self.samples_before = self.samples_before.max(Some(cut.samples_before.micros()));
                self.hours_before = self.hours_before.max(Some(cut.hours_before.number()));
                self.purged = self.purged.zip(samples).map(|(all, these)| all.saturating_add(these));
            }
            "gdpr_erase" => {
                if let Some(device) = erased_device(action) {
                    self.erased.insert(device.to_owned(), entry.number);
                }
            }
            _ => {}
        }
    }
}

/// A line about a decision as a key.
pub(crate) fn decision_line(action: &Action) -> DecisionLine {
    (action.what.as_str().to_owned(), action.actor.as_str().to_owned(), action.at.micros())
}

/// The retention of a purge and the number of samples that it removed, as `sqal purge` records
/// them.
fn purge_of(action: &Action) -> Option<(Retention, u64)> {
    let rest = action.what.as_str().strip_prefix("purge of ")?;
    let (samples, rest) = rest.split_once(" and ")?;
    let (analytics, rest) = rest.split_once(" days: ")?;
    let (gone, _) = rest.split_once(" samples")?;
    let retention = Retention { samples: samples.parse().ok()?, analytics: analytics.parse().ok()? };
    Some((retention, gone.parse().ok()?))
}

/// The device of a line about an erasure, as `sqal erase` records it.
pub(crate) fn erased_device(action: &Action) -> Option<&str> {
    let rest = action.what.as_str().strip_prefix("erased ")?;
    let (counts, device) = rest.split_once(" hours of ")?;
    counts.contains(" samples, ").then_some(device)
}

/// Whether another hash was stated for the line at the head.
pub(crate) fn differs(expected: &BTreeMap<u64, [u8; 32]>, head: &Head) -> bool {
    expected.get(&head.number).is_some_and(|hash| *hash != head.hash)
}

#[cfg(test)]
mod tests {
    use sqal_core::{Name, Timestamp};

    use super::*;

    fn line(number: u64, category: &str, what: &str) -> AuditEntry {
        let action = Action {
            at: Timestamp::from_micros(1_794_000_000_000_000).unwrap(),
            actor: Name::new("marie").unwrap(),
            category: Name::new(category).unwrap(),
            what: Name::new(what).unwrap(),
        };
        AuditEntry { number, action, previous: [0; 32], hash: [0; 32] }
    }

    #[test]
    fn purges_and_erasures_are_read_from_their_lines() {
        let mut log = Log::new();
        log.read(&line(1, "gdpr_purge", "purge of 10 and 20 days: 100 samples, 2 hours"));
        assert_eq!((log.purged, log.last_purge), (Some(100), 1));
        assert_eq!(log.samples_before, Some(1_794_000_000_000_000 - 10 * 86_400_000_000));
        log.read(&line(2, "gdpr_purge", "purge of 30 and 40 days: 5 samples, 0 hours"));
        assert_eq!(log.purged, Some(105));
        assert_eq!(log.samples_before, Some(1_794_000_000_000_000 - 10 * 86_400_000_000), "what went stays gone");
        log.read(&line(3, "gdpr_erase", "erased 7 samples, 1 hours of a device hours of night"));
        assert_eq!(log.erased.get("a device hours of night"), Some(&3));
        log.read(&line(4, "gdpr_erase", "erased 7 fields of user 7"));
        assert_eq!(log.erased.len(), 1);
        log.read(&line(5, "gdpr_purge", "another text"));
        assert_eq!((log.purged, log.samples_before), (None, Some(1_794_000_000_000_000)));
    }
}
