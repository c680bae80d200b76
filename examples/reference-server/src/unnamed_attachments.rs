//! [`UnnamedAttachments`]: the nightly removal of files that no bug has any more.

use std::num::NonZeroU8;
use std::sync::Arc;

use async_trait::async_trait;
use sqal_core::{Name, Timestamp};
use sqal_storage::queue::JobKind;
use sqal_storage::{Blobs, Bugs, StorageError};
use sqal_work::schedule::{Cron, Missed, Occasion, Schedule, ScheduleName, Zone};
use sqal_work::scheduler::ScheduledTask;
use sqal_work::{Running, WorkError};

/// The files that are listed at a time.
const PAGE: u16 = 100;

/// The age from which on a file without a bug is removed, in microseconds: a day. A file is put
/// before its attachment is committed, and that takes no longer than a request.
const LEAST_AGE_MICROS: i64 = 24 * 60 * 60 * 1_000_000;

/// Removes the files of attachments that were detached, or whose bug was removed.
///
/// Detaching removes no file, because another attachment may have the same content.
#[derive(Debug)]
pub(crate) struct UnnamedAttachments {
    kind: JobKind,
    blobs: Arc<dyn Blobs>,
    bugs: Arc<dyn Bugs>,
}

impl UnnamedAttachments {
    /// The removal from these blobs of what these bugs do not name.
    pub(crate) fn new(blobs: Arc<dyn Blobs>, bugs: Arc<dyn Bugs>) -> Self {
        Self { kind: kind(), blobs, bugs }
    }

    /// Every day at 04:00 of a time zone. One missed removal is made up for when a server starts.
    pub(crate) fn schedule(zone: Zone) -> Schedule {
        let name = ScheduleName::new("unnamed-attachments").unwrap_or_else(|_| unreachable!("a short name"));
        let cron = Cron::new("0 4 * * *", zone).unwrap_or_else(|_| unreachable!("a constant expression"));
        Schedule::new(name, cron, kind()).on_missed(Missed::CatchUp { most: NonZeroU8::MIN })
    }

    /// Removes every file that is old enough and that no attachment has, as `sweep_blobs` does.
    /// Returns their number. A future over that function's closure is not `Send` for every
    /// lifetime, as a scheduled task must be.
    async fn sweep(&self, running: &Running) -> Result<u64, StorageError> {
        let put_before = before(running.now());
        let (mut removed, mut after) = (0, None);
        loop {
            let page = self.blobs.list(after.as_ref(), PAGE).await?;
            for blob in page.iter().filter(|blob| blob.put_at < put_before) {
                if !self.bugs.names_blob(&blob.id).await? && self.blobs.remove(&blob.id, put_before).await? {
                    removed += 1;
                }
            }
            running.more(u64::try_from(page.len()).unwrap_or(u64::MAX));
            if page.len() < usize::from(PAGE) {
                return Ok(removed);
            }
            after = page.last().map(|last| last.id);
        }
    }
}

/// The time before which a file must have been put to be removed now.
fn before(now: Timestamp) -> Timestamp {
    Timestamp::from_micros(now.micros().saturating_sub(LEAST_AGE_MICROS)).unwrap_or(now)
}

fn kind() -> JobKind {
    Name::new("unnamed_attachments").unwrap_or_else(|_| unreachable!("a short name"))
}

#[async_trait]
impl ScheduledTask for UnnamedAttachments {
    fn kind(&self) -> &JobKind {
        &self.kind
    }

    async fn run(&self, _: &Occasion, running: &Running) -> Result<String, WorkError> {
        let removed = self.sweep(running).await?;
        Ok(format!("{removed} files of attachments that no bug has were removed"))
    }
}

#[cfg(test)]
mod tests {
    use sqal_bugs::{BugBook, BugFields, NewBug};
    use sqal_resilience::ManualClock;
    use sqal_storage::MemoryStore;
    use sqal_storage::blobs::{BlobId, PutLimits};
    use sqal_storage::bugs::BugSource;
    use sqal_storage::memory::MemoryBlobs;

    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_micros(1_794_000_000_000_000 + hours * 3_600_000_000).unwrap()
    }

    fn bug() -> NewBug {
        let text = |text: &str| Some(text.to_owned());
        let fields = BugFields {
            title: text("The window is dirty"),
            description: text("See the picture."),
            severity: text("low"),
            priority: text("low"),
            ..BugFields::default()
        };
        NewBug::of(fields).unwrap()
    }

    #[tokio::test]
    async fn a_file_is_removed_a_day_after_its_last_attachment_is_gone_and_no_other() {
        let (store, blobs) = (Arc::new(MemoryStore::new()), Arc::new(MemoryBlobs::new()));
        let random = || {
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&sqal_resilience::fresh_seed().to_le_bytes());
            bytes
        };
        let book = BugBook::new(store.clone(), Some(blobs.clone()), None, Arc::new(()), Arc::new(random));
        let by = Name::new("anna").unwrap();
        let reported = book.report(bug(), BugSource::Person, by, at(0)).await.unwrap();
        let attach = |name: &'static str, text: &str| {
            book.attach(&reported.id, name, text.as_bytes().to_vec(), Some("text/plain"), by, at(0))
        };
        let kept = attach("kept.txt", "kept").await.unwrap();
        let gone = attach("gone.txt", "gone").await.unwrap();
        // Put by a request that has ended before its attachment was committed.
        let mut stray: &[u8] = b"stray";
        blobs.put(&mut stray, &PutLimits::at_most(10), at(30)).await.unwrap();
        book.detach(&reported.id, &gone.id, by, at(1)).await.unwrap();

        let task = UnnamedAttachments::new(blobs.clone(), store.clone());
        let sweep =
            async |hours| task.sweep(&Running::detached(at(hours), Arc::new(ManualClock::new()))).await.unwrap();
        assert_eq!(sweep(24).await, 0);
        assert_eq!(sweep(25).await, 1);
        assert_eq!(sweep(54).await, 0);
        assert_eq!(sweep(55).await, 1);
        let left: Vec<_> = blobs.list(None, 10).await.unwrap().iter().map(|blob| blob.id).collect();
        assert_eq!(left, [BlobId::of(b"kept")]);
        assert_eq!(kept.blob, left[0]);
    }
}
