//! Equal faults: the first makes a bug, the others are counted, and one that comes after the end of
//! its bug opens the bug again.
//!
//! ```text
//!              no bug of the group --> a new bug --+
//!   fault --+  the bug is not ended ---------------+--> counted
//!              the bug is ended ------> reopened --+
//! ```
//!
//! The key of a group has no firmware in it, because a fault that comes back with another firmware
//! would then make another bug, and no bug could regress. The versions with which a fault was seen
//! are tags of its bug: `firmware:2.4.0`.

use sqal_core::{Name, Timestamp};
use sqal_storage::bugs::{Bug, BugEntry, BugGroup, BugPerson, BugSource, GroupKey, Occurrences};

use super::error::BugBookError;
use super::{ATTEMPTS, BugBook};
use crate::change::{missing_tag, regress, seen_in};
use crate::events::BugEventKind;
use crate::report::NewBug;

/// A fault that a device, a page or a server has reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What makes it equal to others.
    pub key: GroupKey,
    /// What has reported it.
    pub source: BugSource,
    /// The bug that is made of it if there is none yet.
    pub new: NewBug,
    /// The version of the firmware, if it is known.
    pub firmware: Option<Name<32>>,
}

/// What became of a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occurred {
    /// The bug in which it is counted.
    pub bug: Bug,
    /// Whether the bug was made for it.
    pub is_new: bool,
    /// Whether the bug had ended, and was opened again for it.
    pub has_regressed: bool,
}

impl BugBook {
    /// Counts equal faults in their bug. Without one it is made; a bug that has ended is opened
    /// again, unless all the faults are older than its end.
    ///
    /// What changes has the time of the last fault, and is done by the word of the source, for
    /// example `device`.
    ///
    /// # Errors
    ///
    /// The error of the store, or [`BugBookError::NoKey`] if the new bug has a reporter and there
    /// is no key. Then nothing was counted.
    pub async fn occurred(&self, fault: &Fault, seen: &Occurrences) -> Result<Occurred, BugBookError> {
        let (by, at) = (author(fault.source), seen.last);
        for _ in 0..ATTEMPTS {
            let Some(bug) = self.parts.bugs.bug_of_group(&fault.key).await? else {
                if let Some(occurred) = self.first(fault, seen, by).await? {
                    return Ok(occurred);
                }
                continue;
            };
            let (change, has_regressed) = follow_up(&bug, fault, by, at);
            if let Some((changed, entry)) = &change
                && !self.parts.bugs.change_bug(changed, entry).await?
            {
                continue;
            }
            let counted = self.parts.bugs.count_occurrences(&fault.key, seen).await;
            if let Some((changed, _)) = &change {
                let kind = if has_regressed { BugEventKind::Regressed } else { BugEventKind::Changed };
                let told = counted.as_ref().ok().and_then(Option::as_ref).unwrap_or(changed);
                self.tell(kind, told, by, at, None).await;
            }
            // Without a bug it was removed meanwhile, and is made anew.
            if let Some(bug) = counted? {
                return Ok(Occurred { bug, is_new: false, has_regressed });
            }
        }
        Err(BugBookError::contended())
    }

    /// Makes the bug of a group and counts the faults; `None` if the group has a bug now.
    async fn first(&self, fault: &Fault, seen: &Occurrences, by: BugPerson) -> Result<Option<Occurred>, BugBookError> {
        // Counted from zero: only the count of occurrences notes the devices by their names.
        let group = BugGroup {
            key: fault.key,
            count: 0,
            first_seen: seen.first,
            last_seen: seen.last,
            devices: 0,
            regressed_in: None,
            regressed_at: None,
        };
        let tag = fault.firmware.and_then(|firmware| missing_tag(fault.new.content(), firmware));
        let new = fault.new.clone().tagged(tag);
        let Some(added) = self.add(&new, fault.source, Some(group), by, seen.last).await? else {
            return Ok(None);
        };
        let counted = self.parts.bugs.count_occurrences(&fault.key, seen).await;
        let told = counted.as_ref().ok().and_then(Option::as_ref).unwrap_or(&added);
        self.tell(BugEventKind::Created, told, by, seen.last, None).await;
        Ok(counted?.map(|bug| Occurred { bug, is_new: true, has_regressed: false }))
    }
}

/// How a bug changes because its fault was seen again, and whether the fault has come back.
fn follow_up(bug: &Bug, fault: &Fault, by: BugPerson, at: Timestamp) -> (Option<(Bug, BugEntry)>, bool) {
    match bug.ended_at {
        Some(ended_at) if at < ended_at => (None, false),
        Some(_) => {
            let change = regress(bug, fault.firmware, by, at);
            let has_regressed = change.is_some();
            (change, has_regressed)
        }
        None => (fault.firmware.and_then(|firmware| seen_in(bug, firmware, by, at)), false),
    }
}

/// Who acts when faults report themselves.
fn author(source: BugSource) -> BugPerson {
    Name::new(source.as_str()).unwrap_or_else(|_| unreachable!("the word of a source is a name"))
}
