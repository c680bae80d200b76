//! [`Bug`]: a fault as it was reported, and how far it was followed.

use std::collections::BTreeSet;

use sqal_core::{DeviceId, Name, SampleId, Timestamp};

use super::id::{BugId, GroupKey};
use super::search::bug_words;
use super::words::{BugPriority, BugSeverity, BugSource, BugStatus};
use crate::sealed::Subject;
use crate::{StorageError, StorageErrorKind};

/// The kind of what is wrong: an open list.
pub type BugCategory = Name<32>;

/// A word by which bugs are found.
pub type BugTag = Name<64>;

/// Who works on a bug, watches it or changes it: the name of an account, of a token, or of the
/// server. It is no personal datum.
pub type BugPerson = Name<100>;

/// The largest text of a bug, in bytes: its title, its description, its steps, or a comment.
pub const LARGEST_BUG_TEXT: usize = 1 << 18;

/// A bug as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bug {
    /// Its identity.
    pub id: BugId,
    /// Its revision: 1, and one more with each change. Occurrences leave it as it is.
    pub revision: u64,
    /// What reported it.
    pub source: BugSource,
    /// The subject of the sealed fields of its reporter, if a person's name or mail are kept.
    pub reporter: Option<Subject>,
    /// When it was reported.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// When the work on it ended; `None` while its status is [not ended](BugStatus::is_ended).
    pub ended_at: Option<Timestamp>,
    /// How often it was taken up again after it had ended.
    pub reopened: u32,
    /// What people write.
    pub content: BugContent,
    /// The faults that were grouped into it; `None` if a person reported it.
    pub group: Option<BugGroup>,
}

/// What people write about a bug.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BugContent {
    /// What is wrong, in a line.
    pub title: String,
    /// What is wrong.
    pub description: String,
    /// How it is seen again.
    pub reproduction_steps: String,
    /// How bad it is.
    pub severity: BugSeverity,
    /// How soon it shall be worked on.
    pub priority: BugPriority,
    /// The kind of what is wrong.
    pub category: Option<BugCategory>,
    /// How far the work on it is.
    pub status: BugStatus,
    /// Words by which it is found.
    pub tags: BTreeSet<BugTag>,
    /// Who works on it.
    pub assignee: Option<BugPerson>,
    /// Who is told of its changes.
    pub watchers: BTreeSet<BugPerson>,
    /// What it is about.
    pub links: BugLinks,
}

/// What a bug is about. What is named need not exist here: a device can be gone, a sample can be
/// purged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BugLinks {
    /// The device.
    pub device_id: Option<DeviceId>,
    /// The version of its firmware.
    pub firmware_version: Option<Name<32>>,
    /// The sample that shows it.
    pub sample_id: Option<SampleId>,
    /// The rollout that it came with.
    pub rollout: Option<Name<100>>,
    /// The profile by which was graded.
    pub profile: Option<Name<100>>,
    /// The bug that reports the same fault.
    pub duplicate_of: Option<BugId>,
    /// Bugs that wait for this one.
    pub blocks: BTreeSet<BugId>,
    /// Bugs that have to do with this one.
    pub relates_to: BTreeSet<BugId>,
}

/// The faults that were grouped into a bug.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BugGroup {
    /// What makes them equal.
    pub key: GroupKey,
    /// How many there were.
    pub count: u64,
    /// The time of the first.
    pub first_seen: Timestamp,
    /// The time of the last.
    pub last_seen: Timestamp,
    /// How many devices reported one.
    pub devices: u64,
    /// The version of the firmware in which the fault came back after it had been resolved;
    /// `regressed_at` says when.
    pub regressed_in: Option<Name<32>>,
    /// When the fault came back after it had been resolved.
    pub regressed_at: Option<Timestamp>,
}

/// Equal faults that are counted at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occurrences {
    /// How many.
    pub count: u64,
    /// The time of the first.
    pub first: Timestamp,
    /// The time of the last.
    pub last: Timestamp,
    /// The devices that reported them.
    pub devices: BTreeSet<DeviceId>,
}

impl BugContent {
    /// The words by which the bug is found: see [`bug_words`]. The description comes last, so that
    /// a long one leaves room for the others.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let tags = self.tags.iter().map(Name::as_str);
        let texts = [self.reproduction_steps.as_str(), self.description.as_str()];
        bug_words([self.title.as_str()].into_iter().chain(tags).chain(texts))
    }
}

impl Bug {
    /// Checks that the bug can be stored; every store calls it before it writes. `backend` is the
    /// name of the store in the error.
    ///
    /// # Errors
    ///
    /// [`StorageErrorKind::Refused`] if a text has more than [`LARGEST_BUG_TEXT`] bytes or the
    /// character U+0000, or if [`ended_at`](Self::ended_at) and the status disagree.
    pub fn check(&self, backend: &'static str) -> Result<(), StorageError> {
        let content = &self.content;
        let is_text = |text: &String| text.len() <= LARGEST_BUG_TEXT && !text.contains('\0');
        let texts = [&content.title, &content.description, &content.reproduction_steps];
        if texts.into_iter().all(is_text) && self.ended_at.is_some() == content.status.is_ended() {
            return Ok(());
        }
        Err(StorageError::new(backend, StorageErrorKind::Refused))
    }
}
