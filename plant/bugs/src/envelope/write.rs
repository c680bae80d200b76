//! Writing of the faults that wait, with their files.

use std::collections::{BTreeSet, VecDeque};

use sqal_core::Timestamp;
use sqal_storage::StorageError;
use sqal_storage::blobs::BlobId;
use sqal_storage::bugs::Bug;

use super::intake::FaultIntake;
use super::pending::{DropReason, FaultFile, PendingFault};
use crate::book::{BugBook, BugBookError, Occurred, author};

/// What one writing has done.
#[derive(Debug, Default)]
pub struct WriteTally {
    /// Events that were counted.
    pub events: u64,
    /// Bugs that are new.
    pub new_bugs: u64,
    /// Bugs whose fault came back after they had ended.
    pub regressed_bugs: u64,
    /// Files that were attached.
    pub files: u64,
    /// Groups that wait still, because the store does not answer or they came meanwhile.
    pub waiting: usize,
    /// Why the writing broke off: the store does not answer. The next writing tries again.
    pub failure: Option<StorageError>,
}

/// Groups that are given back to the intake unless they are written, also when the writing is
/// cancelled.
struct Unwritten<'a> {
    intake: &'a FaultIntake,
    faults: VecDeque<PendingFault>,
}

impl Drop for Unwritten<'_> {
    fn drop(&mut self) {
        self.intake.restore(std::mem::take(&mut self.faults));
    }
}

impl FaultIntake {
    /// Writes all faults that wait. A server calls it once a second, and before it ends.
    ///
    /// If the store does not answer, the rest waits for the next call, and the tally has the
    /// failure. If the call is cancelled while a group is written, its events can be counted twice.
    /// Files are attached at the time `at`, by the author of their fault: the word of its source.
    ///
    /// A project has at most [`most_new_groups`](super::IntakeLimits::most_new_groups) an hour.
    /// Further faults that no bug has are counted in one bug of the project, so that each event
    /// counts somewhere.
    pub async fn write(&self, book: &BugBook, at: Timestamp) -> WriteTally {
        let mut tally = WriteTally::default();
        let mut unwritten = Unwritten { intake: self, faults: self.drain().into() };
        while let Some(first) = unwritten.faults.front() {
            let occurred = match self.count(book, first, at).await {
                Err(BugBookError::Storage(error)) if error.is_transient() => {
                    tally.failure = Some(error);
                    break;
                }
                occurred => occurred,
            };
            let Some(written) = unwritten.faults.pop_front() else { break };
            match occurred {
                Ok(occurred) => {
                    tally.events = tally.events.saturating_add(written.seen.count);
                    tally.new_bugs += u64::from(occurred.is_new);
                    tally.regressed_bugs += u64::from(occurred.has_regressed);
                    tally.files += self.attach(book, &occurred.bug, written, at).await;
                }
                Err(error) => {
                    tracing::error!(%error, "a fault cannot be written and is dropped");
                    self.drop_some(DropReason::Refused, written.seen.count);
                }
            }
        }
        drop(unwritten);
        tally.waiting = self.waiting();
        tally
    }

    /// Counts a group in its bug; or, if it has none and its project has no room for a new one, in
    /// the bug of what is too much.
    async fn count(&self, book: &BugBook, group: &PendingFault, at: Timestamp) -> Result<Occurred, BugBookError> {
        let PendingFault { fault, seen, received, project, .. } = group;
        let Some(project) = project else { return book.occurred(fault, seen, *received).await };
        let has_room = self.bounds().has_room(project.number, at, self.limits());
        if !has_room {
            if let Some(occurred) = book.occurred_again(fault, seen, *received).await? {
                return Ok(occurred);
            }
            let flood = project.flood(self.limits()).map_err(BugBookError::Invalid)?;
            return book.occurred(&flood, seen, *received).await;
        }
        let occurred = book.occurred(fault, seen, *received).await?;
        if occurred.is_new {
            self.bounds().note_new(project.number, at);
        }
        Ok(occurred)
    }

    /// Attaches the files of a fault to its bug: at most the limit since the fault was new or came
    /// back, and the bytes that its project has this day. A content that is attached already is
    /// passed over. Returns the number of files that were attached.
    async fn attach(&self, book: &BugBook, bug: &Bug, written: PendingFault, at: Timestamp) -> u64 {
        let PendingFault { fault, files, project, .. } = written;
        let by = author(fault.source);
        if files.is_empty() {
            return 0;
        }
        let known = match book.attachments(&bug.id).await {
            Ok(known) => known,
            Err(error) => {
                tracing::warn!(%error, "the files of a fault are dropped");
                for _ in &files {
                    self.drop_some(DropReason::Content, 1);
                }
                return 0;
            }
        };
        let since = bug.group.as_ref().and_then(|group| group.regressed_at).unwrap_or(bug.created_at);
        let before = known.iter().filter(|file| file.by == by && file.at >= since).count();
        let mut blobs: BTreeSet<_> = known.iter().map(|file| file.blob).collect();
        let (mut attached, mut room) = (0, self.limits().most_files.saturating_sub(before));
        for file in files {
            let blob = BlobId::of(&file.bytes);
            if blobs.contains(&blob) {
                continue;
            }
            if room == 0 {
                self.drop_some(DropReason::Files, 1);
                continue;
            }
            let FaultFile { name, content_type, bytes } = file;
            let len = bytes.len();
            let fits = project.is_none_or(|of| self.bounds().take_bytes(of.number, len, at, self.limits()));
            if !fits {
                self.drop_some(DropReason::Files, 1);
                continue;
            }
            let declared = content_type.as_deref().or_else(|| binary(&bytes));
            match book.attach(&bug.id, &name, bytes, declared, by, at).await {
                Ok(_) => {
                    blobs.insert(blob);
                    (attached, room) = (attached + 1, room - 1);
                }
                Err(error) => {
                    tracing::warn!(%error, "a file of a fault is dropped");
                    self.drop_some(DropReason::Content, 1);
                }
            }
        }
        attached
    }
}

/// The media type of bytes that are no text and of no known type.
fn binary(bytes: &[u8]) -> Option<&'static str> {
    let is_unknown = infer::get(bytes).is_none() && std::str::from_utf8(bytes).is_err();
    is_unknown.then_some("application/octet-stream")
}
