//! [`Pending`]: the groups of equal faults that wait to be written, in bounded memory.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use sqal_core::{Name, Timestamp};
use sqal_storage::bugs::{GroupKey, Occurrences};

use super::described::FaultProject;
use super::limits::IntakeLimits;
use super::parse::ItemKind;
use crate::book::Fault;

/// Equal faults that wait to be written.
#[derive(Debug)]
pub struct PendingFault {
    /// The fault.
    pub fault: Fault,
    /// How often it was seen, when, and by which devices.
    pub seen: Occurrences,
    /// The files that came with it.
    pub files: Vec<FaultFile>,
    /// The project whose client has sent it; `None` if the server itself has seen it.
    pub project: Option<FaultProject>,
    /// When the last of them was received.
    pub received: Timestamp,
}

/// A file that came with a fault: a log, a minidump, a core dump.
#[derive(Clone, PartialEq, Eq)]
pub struct FaultFile {
    /// Its name.
    pub name: String,
    /// The media type that the client declares.
    pub content_type: Option<String>,
    /// Its content.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for FaultFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FaultFile({:?}, {} bytes)", self.name, self.bytes.len())
    }
}

/// Why something was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// An event, and each of its files: too many groups wait to be written.
    Groups,
    /// An event: it cannot be read, or not be written, whatever is tried.
    Refused,
    /// The device of an event that was counted: too many devices of its group wait to be written.
    Devices,
    /// A file: its group or its project has enough of them, or its project is one of pages.
    Files,
    /// A file: it is too large.
    LargeFile,
    /// A file: the files that wait to be written take too much memory.
    Memory,
    /// A file: no event came with it.
    Alone,
    /// A file: it is not what it says to be, or could not be written.
    Content,
}

impl DropReason {
    /// Every reason.
    pub const ALL: [Self; 8] = [
        Self::Groups,
        Self::Refused,
        Self::Devices,
        Self::Files,
        Self::LargeFile,
        Self::Memory,
        Self::Alone,
        Self::Content,
    ];

    /// The word of the reason, for metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Groups => "groups",
            Self::Refused => "refused",
            Self::Devices => "devices",
            Self::Files => "files",
            Self::LargeFile => "large_file",
            Self::Memory => "memory",
            Self::Alone => "alone",
            Self::Content => "content",
        }
    }
}

/// The versions of a group are counted apart, so that each is found as a tag of its bug and as the
/// version of a regression.
type PendingKey = (GroupKey, Option<Name<32>>);

/// The groups that wait, and the numbers of what was taken and dropped.
#[derive(Debug, Default)]
pub(super) struct Pending {
    groups: BTreeMap<PendingKey, PendingFault>,
    file_bytes: usize,
    dropped: BTreeMap<DropReason, u64>,
    items: BTreeMap<ItemKind, u64>,
}

impl Pending {
    /// Adds occurrences of a fault to those that wait. A file whose content waits already is passed
    /// over.
    pub(super) fn merge(&mut self, new: PendingFault, limits: &IntakeLimits) {
        let PendingFault { fault, seen, files, project, received } = new;
        let key = (fault.key, fault.firmware);
        if self.groups.len() >= limits.most_groups && !self.groups.contains_key(&key) {
            self.drop_some(DropReason::Groups, seen.count);
            for _ in &files {
                self.drop_some(DropReason::Groups, 1);
            }
            return;
        }
        let none = Occurrences { count: 0, first: seen.first, last: seen.last, devices: BTreeSet::new() };
        let fresh = || PendingFault { fault, seen: none, files: Vec::new(), project, received };
        let group = self.groups.entry(key).or_insert_with(fresh);
        group.received = group.received.max(received);
        let known = &mut group.seen;
        known.count = known.count.saturating_add(seen.count);
        known.first = known.first.min(seen.first);
        known.last = known.last.max(seen.last);
        let mut dropped = Vec::new();
        for device in seen.devices {
            if known.devices.len() < limits.most_devices || known.devices.contains(&device) {
                known.devices.insert(device);
            } else {
                dropped.push(DropReason::Devices);
            }
        }
        for file in files {
            let len = file.bytes.len();
            if group.files.iter().any(|known| known.bytes == file.bytes) {
                continue;
            }
            if len > limits.largest_file {
                dropped.push(DropReason::LargeFile);
            } else if group.files.len() >= limits.most_files {
                dropped.push(DropReason::Files);
            } else if self.file_bytes.saturating_add(len) > limits.most_file_bytes {
                dropped.push(DropReason::Memory);
            } else {
                self.file_bytes += len;
                group.files.push(file);
            }
        }
        for reason in dropped {
            self.drop_some(reason, 1);
        }
    }

    /// Takes all groups that wait.
    pub(super) fn drain(&mut self) -> Vec<PendingFault> {
        self.file_bytes = 0;
        std::mem::take(&mut self.groups).into_values().collect()
    }

    /// The number of groups that wait.
    pub(super) fn len(&self) -> usize {
        self.groups.len()
    }

    /// Counts what was not kept.
    pub(super) fn drop_some(&mut self, reason: DropReason, count: u64) {
        let sum = self.dropped.entry(reason).or_default();
        *sum = sum.saturating_add(count);
    }

    /// Counts an item that was taken.
    pub(super) fn count_item(&mut self, kind: ItemKind) {
        *self.items.entry(kind).or_default() += 1;
    }

    /// What was not kept until now, by reason.
    pub(super) const fn dropped(&self) -> &BTreeMap<DropReason, u64> {
        &self.dropped
    }

    /// The items that were taken until now, by kind.
    pub(super) const fn items(&self) -> &BTreeMap<ItemKind, u64> {
        &self.items
    }
}
