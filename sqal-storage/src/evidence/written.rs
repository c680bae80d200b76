//! What was written down about a database: [`Log`], the facts of its own audit log, and [`Expected`], what was stated outside of it.

use std::collections::{BTreeMap, HashMap};

use sqal_core::DeviceId;

use super::Evidence;
use crate::{Action, AuditEntry, Head, Purge, Retention};

/// What was stated before about the samples of a device and hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stated {
    /// How many samples there were.
    pub samples: u64,
    /// The sum of their digests, modulo 2^64.
    pub sum: u64,
    /// How many lines the audit log had then.
    pub lines: u64,
}

/// What was stated about a database, outside of it, at earlier times. An empty one expects nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// Heads of the audit log: the hash of the last line by the number of lines.
    pub heads: BTreeMap<u64, [u8; 32]>,
    /// By device and hour since 1970, what was stated last.
    pub hours: BTreeMap<DeviceId, BTreeMap<i64, Stated>>,
    /// By device, how many samples its hours counted, and how many lines the audit log had then.
    pub devices: BTreeMap<DeviceId, (u64, u64)>,
    /// How many decisions there were.
    pub decisions: u64,
}

impl Expected {
    /// Takes what was found as what is expected from now on.
    pub fn state(&mut self, evidence: &Evidence) {
        let lines = evidence.audit.number;
        if lines > 0 {
            self.heads.insert(lines, evidence.audit.hash);
        }
        self.decisions = evidence.decisions;
        for (device, found) in &evidence.devices {
            self.devices.insert(*device, (found.counted, lines));
            let hours = self.hours.entry(*device).or_default();
            for (hour, bucket) in &found.hours {
                hours.insert(*hour, Stated { samples: bucket.samples, sum: bucket.sum, lines });
            }
        }
    }
}

/// A line of the log about a decision, as text: what, who, and when.
pub(crate) type DecisionLine = (String, String, i64);

/// The facts of an audit log that the other tables are compared with.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// How often each line about a decision is there.
    pub(crate) decisions: HashMap<DecisionLine, u32>,
    /// Samples measured before this time, in microseconds since 1970, may have been purged.
    pub(crate) samples_before: Option<i64>,
    /// Hours before this one may have been purged.
    pub(crate) hours_before: Option<i64>,
    /// How many samples purges took; `None` if a line does not say it.
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

    /// Takes a line into account.
    pub(crate) fn read(&mut self, entry: &AuditEntry) {
        let action = &entry.action;
        match action.category.as_str() {
            "register" => *self.decisions.entry(decision_line(action)).or_default() += 1,
            "gdpr_purge" => {
                self.last_purge = entry.number;
                let (retention, samples) = purge_of(action).unzip();
                // A line in another form says only that everything before it may be gone.
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

/// How long what was kept, and how many samples went, as `sqal purge` writes it down.
fn purge_of(action: &Action) -> Option<(Retention, u64)> {
    let rest = action.what.as_str().strip_prefix("purge of ")?;
    let (samples, rest) = rest.split_once(" and ")?;
    let (analytics, rest) = rest.split_once(" days: ")?;
    let (gone, _) = rest.split_once(" samples")?;
    let retention = Retention { samples: samples.parse().ok()?, analytics: analytics.parse().ok()? };
    Some((retention, gone.parse().ok()?))
}

/// The device of a line about an erasure, as `sqal erase` writes it down.
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
