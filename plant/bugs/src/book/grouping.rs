//! Equal faults: the first makes a bug, the others are counted, and one that comes after the end of
//! its bug opens the bug again.
//!
//! ```text
//!              no bug of the group --> a new bug --+
//!   fault --+  the bug is not ended ---------------+--> counted
//!              the bug is ended ------> reopened --+
//!              the bug is ended, and the version is older, --> counted only
//!              or the fault is late, or it is a duplicate
//! ```
//!
//! A bug has the time of the server: that of the receipt of a fault. The time that a client says
//! stands in the first and the last time of the group alone, because the clock of a client can be
//! wrong. A fault that is received after the end of its bug and happened before it, as its client
//! says, is late: it is counted only, if it was seen with its version before.
//!
//! Devices get a new version one after another, so those that have the old one still report the
//! fault after its bug was resolved. Such a fault is counted and opens nothing, if the bug names
//! the version that has the repair: by the tag `fixed_in:2.4.1`, or because the fault has come back
//! in another version before. Only a version with which the fault was seen counts as old.
//!
//! The key of a group has no firmware in it, because a fault that comes back with another firmware
//! would then make another bug, and no bug could regress. The versions with which a fault was seen
//! are tags of its bug: `firmware:2.4.0`.

use sqal_core::{Name, Timestamp};
use sqal_storage::bugs::{Bug, BugEntry, BugGroup, BugPerson, BugSource, GroupKey, Occurrences};

use super::error::BugBookError;
use super::{ATTEMPTS, BugBook};
use crate::change::{firmware_tag, missing_tag, regress, seen_in};
use crate::events::BugEventKind;
use crate::report::NewBug;

/// What stands before the version with the repair, in a tag that a person gives to a bug.
const FIXED_IN: &str = "fixed_in:";

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
    /// again, unless it ended as a duplicate of another one, or all the faults are older than its
    /// end or come from an older version than the one with the repair.
    ///
    /// What changes has the time `at`, at which the last fault was received, and is done by the
    /// word of the source, for example `device`. The times of `seen` are what clients say.
    ///
    /// # Errors
    ///
    /// The error of the store, or [`BugBookError::NoKey`] if the new bug has a reporter and there
    /// is no key. Then nothing was counted.
    pub async fn occurred(&self, fault: &Fault, seen: &Occurrences, at: Timestamp) -> Result<Occurred, BugBookError> {
        self.count(fault, seen, at, true).await?.ok_or_else(BugBookError::contended)
    }

    /// Counts equal faults as [`occurred`](Self::occurred) does, if they have a bug; `None` if they
    /// have none, which is not made.
    ///
    /// # Errors
    ///
    /// The error of the store; then nothing was counted.
    pub async fn occurred_again(
        &self,
        fault: &Fault,
        seen: &Occurrences,
        at: Timestamp,
    ) -> Result<Option<Occurred>, BugBookError> {
        self.count(fault, seen, at, false).await
    }

    /// Counts equal faults in their bug, which is made only if `makes_bug`.
    async fn count(
        &self,
        fault: &Fault,
        seen: &Occurrences,
        at: Timestamp,
        makes_bug: bool,
    ) -> Result<Option<Occurred>, BugBookError> {
        let by = author(fault.source);
        for _ in 0..ATTEMPTS {
            let Some(bug) = self.parts.bugs.bug_of_group(&fault.key).await? else {
                if !makes_bug {
                    return Ok(None);
                }
                if let Some(occurred) = self.first(fault, seen, by, at).await? {
                    return Ok(Some(occurred));
                }
                continue;
            };
            let (change, has_regressed) = follow_up(&bug, fault, seen.last, by, at);
            if let Some((changed, entry)) = &change
                && !self.parts.bugs.change_bug(changed, entry).await?
            {
                continue;
            }
            let counted = self.parts.bugs.count_occurrences(&fault.key, seen).await;
            if let Some((changed, _)) = &change {
                let kind = if has_regressed { BugEventKind::Regressed } else { BugEventKind::Changed };
                let told = of_revision(counted.as_ref().ok().and_then(Option::as_ref), changed);
                self.tell((kind, Some(bug.content.status)), told, by, at, None).await;
            }
            // Without a bug it was removed meanwhile, and is made anew.
            if let Some(bug) = counted? {
                return Ok(Some(Occurred { bug, is_new: false, has_regressed }));
            }
        }
        Err(BugBookError::contended())
    }

    /// Makes the bug of a group and counts the faults; `None` if the group has a bug now.
    async fn first(
        &self,
        fault: &Fault,
        seen: &Occurrences,
        by: BugPerson,
        at: Timestamp,
    ) -> Result<Option<Occurred>, BugBookError> {
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
        let Some(added) = self.add(&new, fault.source, Some(group), by, at).await? else {
            return Ok(None);
        };
        let counted = self.parts.bugs.count_occurrences(&fault.key, seen).await;
        let told = of_revision(counted.as_ref().ok().and_then(Option::as_ref), &added);
        self.tell((BugEventKind::Created, None), told, by, at, None).await;
        Ok(counted?.map(|bug| Occurred { bug, is_new: true, has_regressed: false }))
    }
}

/// How a bug changes because its fault was seen again, and whether the fault has come back. It was
/// received at the time `at`, and `happened` is what its client says.
fn follow_up(
    bug: &Bug,
    fault: &Fault,
    happened: Timestamp,
    by: BugPerson,
    at: Timestamp,
) -> (Option<(Bug, BugEntry)>, bool) {
    let is_known = fault.firmware.is_some_and(|firmware| bug.content.tags.contains(&firmware_tag(firmware)));
    match bug.ended_at {
        Some(ended_at) if at < ended_at || (is_known && happened < ended_at) => (None, false),
        Some(_) if bug.content.links.duplicate_of.is_some() => (None, false),
        Some(_) if fault.firmware.is_some_and(|firmware| is_older_version(bug, firmware)) => (None, false),
        Some(_) => {
            let change = regress(bug, fault.firmware, by, at);
            let has_regressed = change.is_some();
            (change, has_regressed)
        }
        None => (fault.firmware.and_then(|firmware| seen_in(bug, firmware, by, at)), false),
    }
}

/// Whether the repair of a bug is in another version than this one, with which its fault was seen.
fn is_older_version(bug: &Bug, firmware: Name<32>) -> bool {
    let tags = &bug.content.tags;
    let mut repaired: Vec<_> = tags.iter().filter_map(|tag| tag.as_str().strip_prefix(FIXED_IN)).collect();
    if repaired.is_empty() {
        let regressed_in = bug.group.as_ref().and_then(|group| group.regressed_in.as_ref());
        repaired.extend(regressed_in.map(Name::as_str));
    }
    let is_other = !repaired.is_empty() && !repaired.contains(&firmware.as_str());
    is_other && tags.contains(&firmware_tag(firmware))
}

/// The bug with its count, unless another caller has changed it meanwhile: an event tells one
/// change.
fn of_revision<'a>(counted: Option<&'a Bug>, changed: &'a Bug) -> &'a Bug {
    counted.filter(|counted| counted.revision == changed.revision).unwrap_or(changed)
}

/// Who acts when faults report themselves: the word of the source, for example `device`.
pub(crate) fn author(source: BugSource) -> BugPerson {
    Name::new(source.as_str()).unwrap_or_else(|_| unreachable!("the word of a source is a name"))
}
