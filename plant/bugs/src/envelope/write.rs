//! Writing of the faults that wait, with their files.

use std::collections::VecDeque;

use sqal_core::Timestamp;
use sqal_storage::blobs::BlobId;
use sqal_storage::bugs::{Bug, BugPerson};

use super::intake::FaultIntake;
use super::pending::{DropReason, FaultFile, PendingFault};
use crate::book::{BugBook, BugBookError};

/// What one writing has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteTally {
    /// Events that were counted.
    pub events: u64,
    /// Bugs that are new.
    pub new_bugs: u64,
    /// Bugs whose fault came back after they had ended.
    pub regressed_bugs: u64,
    /// Files that were attached.
    pub files: u64,
    /// Groups that wait still, because the store does not answer.
    pub waiting: usize,
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
    /// If the store does not answer, the rest waits for the next call. If the call is cancelled
    /// while a group is written, its events can be counted twice. `by` is the name under which the
    /// intake acts, and `at` the time.
    pub async fn write(&self, book: &BugBook, by: BugPerson, at: Timestamp) -> WriteTally {
        let mut tally = WriteTally::default();
        let mut unwritten = Unwritten { intake: self, faults: self.drain().into() };
        while let Some(first) = unwritten.faults.front() {
            let occurred = book.occurred(&first.fault, &first.seen).await;
            if let Err(BugBookError::Storage(error)) = &occurred
                && error.is_transient()
            {
                tracing::warn!(%error, "faults are kept in memory until the store of bugs answers");
                break;
            }
            let Some(written) = unwritten.faults.pop_front() else { break };
            match occurred {
                Ok(occurred) => {
                    tally.events = tally.events.saturating_add(written.seen.count);
                    tally.new_bugs += u64::from(occurred.is_new);
                    tally.regressed_bugs += u64::from(occurred.has_regressed);
                    tally.files += self.attach(book, &occurred.bug, written.files, by, at).await;
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

    /// Attaches files to a bug: at most the limit since its fault was new or came back. A content
    /// that is attached already is passed over. Returns the number of files that were attached.
    async fn attach(&self, book: &BugBook, bug: &Bug, files: Vec<FaultFile>, by: BugPerson, at: Timestamp) -> u64 {
        if files.is_empty() {
            return 0;
        }
        let known = match book.attachments(&bug.id).await {
            Ok(known) => known,
            Err(error) => {
                tracing::warn!(%error, "the files of a fault are dropped");
                files.iter().for_each(|_| self.drop_some(DropReason::Content, 1));
                return 0;
            }
        };
        let since = bug.group.as_ref().and_then(|group| group.regressed_at).unwrap_or(bug.created_at);
        let before = known.iter().filter(|file| file.by == by && file.at >= since).count();
        let (mut attached, mut room) = (0, self.limits().most_files.saturating_sub(before));
        for file in files {
            let blob = BlobId::of(&file.bytes);
            if known.iter().any(|one| one.blob == blob) {
                continue;
            }
            if room == 0 {
                self.drop_some(DropReason::Files, 1);
                continue;
            }
            let FaultFile { name, content_type, bytes } = file;
            let declared = content_type.as_deref().or_else(|| binary(&bytes));
            match book.attach(&bug.id, &name, bytes, declared, by, at).await {
                Ok(_) => (attached, room) = (attached + 1, room - 1),
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
