//! Attachments of bugs: files whose content is checked, stored under their hash.

use sqal_core::{Name, Timestamp};
use sqal_storage::blobs::{BlobId, PutError, PutLimits};
use sqal_storage::bugs::{BesideId, BugAttachment, BugId, BugPerson};
use sqal_storage::{Blobs, StorageError, StorageErrorKind};

use super::error::BugBookError;
use super::{ATTEMPTS, BugBook};
use crate::attachment::{LARGEST_ATTACHMENT, MOST_ATTACHMENTS, media_type};
use crate::change::{EntryNote, noted};
use crate::events::BugEventKind;
use crate::report::{InvalidField, Limit};

impl BugBook {
    /// Attaches a file. Of its name, folders before it are left out. An attachment makes no entry
    /// in the history: it holds itself who attached it, and when.
    ///
    /// If several callers attach at once, a bug can get a few attachments more than
    /// [`MOST_ATTACHMENTS`].
    ///
    /// # Errors
    ///
    /// [`BugBookError::NoBlobs`] without a store for contents, [`BugBookError::Invalid`] if the
    /// name is not printable or the content is not [what it says](media_type),
    /// [`BugBookError::Unknown`] if there is no such bug, [`BugBookError::Full`] if it has the most
    /// attachments, or the error of a store.
    pub async fn attach(
        &self,
        id: &BugId,
        name: &str,
        bytes: Vec<u8>,
        declared: Option<&str>,
        by: BugPerson,
        at: Timestamp,
    ) -> Result<BugAttachment, BugBookError> {
        let blobs = self.blobs()?;
        let (name, kind) = (file_name(name), media_type(name, declared, &bytes));
        let (name, media_type) = match (name, kind) {
            (Ok(name), Ok(kind)) => (name, kind),
            (name, kind) => return Err(BugBookError::Invalid(name.err().into_iter().chain(kind.err()).collect())),
        };
        if self.attachments(id).await?.len() >= usize::from(MOST_ATTACHMENTS) {
            return Err(BugBookError::Full { most: usize::from(MOST_ATTACHMENTS) });
        }
        let most = u64::try_from(LARGEST_ATTACHMENT).unwrap_or(u64::MAX);
        let mut content: &[u8] = &bytes;
        let put = blobs.put(&mut content, &PutLimits::at_most(most), at).await.map_err(put_error)?;
        let attachment =
            BugAttachment { id: self.id(), bug: *id, at, by, name, media_type, len: put.len, blob: put.id };
        if self.parts.bugs.attach(&attachment).await? { Ok(attachment) } else { Err(BugBookError::unknown_bug(id)) }
    }

    /// The attachments of a bug, the oldest first.
    ///
    /// # Errors
    ///
    /// [`BugBookError::Unknown`] if there is no such bug, or the error of the store.
    pub async fn attachments(&self, id: &BugId) -> Result<Vec<BugAttachment>, BugBookError> {
        self.get(id).await?;
        // A few more than the most can be there, after several callers have attached at once.
        Ok(self.parts.bugs.attachments(id, MOST_ATTACHMENTS.saturating_mul(2)).await?)
    }

    /// An attachment with its content, which is compared with its hash.
    ///
    /// # Errors
    ///
    /// [`BugBookError::NoBlobs`] without a store for contents, [`BugBookError::Unknown`] if there
    /// is no such bug or attachment, [`BugBookError::Unreadable`] if the content is gone or
    /// damaged, or the error of a store.
    pub async fn open_attachment(
        &self,
        bug: &BugId,
        attachment: &BesideId,
    ) -> Result<(BugAttachment, Vec<u8>), BugBookError> {
        let blobs = self.blobs()?;
        let attachment = self.attachment(bug, attachment).await?;
        match blobs.read(&attachment.blob, 0..u64::MAX).await? {
            Some(bytes) if BlobId::of(&bytes) == attachment.blob => Ok((attachment, bytes)),
            _ => Err(BugBookError::Unreadable { what: format!("the content {} of an attachment", attachment.blob) }),
        }
    }

    /// Removes an attachment; the history keeps its name, and who removed it. The content is
    /// removed by a sweep of the store, if no other attachment has it.
    ///
    /// # Errors
    ///
    /// [`BugBookError::Unknown`] if there is no such bug or attachment, or the error of the store:
    /// then the attachment may be removed without an entry in the history.
    pub async fn detach(
        &self,
        bug: &BugId,
        attachment: &BesideId,
        by: BugPerson,
        at: Timestamp,
    ) -> Result<(), BugBookError> {
        let removed = self.attachment(bug, attachment).await?;
        if !self.parts.bugs.detach(bug, attachment).await? {
            return Err(BugBookError::unknown_attachment(attachment));
        }
        let note = EntryNote::detached(removed.id, removed.name);
        for _ in 0..ATTEMPTS {
            let before = self.get(bug).await?;
            let (after, entry) = noted(&before, note.clone(), by, at);
            if self.parts.bugs.change_bug(&after, &entry).await? {
                let what = (BugEventKind::Changed, Some(before.content.status));
                self.tell(what, &after, by, after.updated_at, None).await;
                return Ok(());
            }
        }
        Err(BugBookError::contended())
    }

    /// An attachment without its content, for example to compare its hash with the one that a
    /// client has.
    ///
    /// # Errors
    ///
    /// [`BugBookError::Unknown`] if there is no such bug or attachment, or the error of the store.
    pub async fn attachment(&self, bug: &BugId, id: &BesideId) -> Result<BugAttachment, BugBookError> {
        let mut all = self.attachments(bug).await?.into_iter();
        all.find(|attachment| attachment.id == *id).ok_or_else(|| BugBookError::unknown_attachment(id))
    }

    fn blobs(&self) -> Result<&dyn Blobs, BugBookError> {
        self.parts.blobs.as_deref().ok_or(BugBookError::NoBlobs)
    }
}

/// The name of a file without the folders before it.
fn file_name(name: &str) -> Result<Name<200>, InvalidField> {
    let base = name.rsplit(['/', '\\']).next().unwrap_or_default();
    Name::new(base).map_err(|_| {
        let limit = Limit::new(
            "the name of a file: 1 to 200 bytes of printable text",
            "un nom de fichier : 1 à 200 octets de texte imprimable",
        );
        InvalidField::new("name", name, limit)
    })
}

/// What a refusal of the store of contents means: length and content were checked before.
fn put_error(error: PutError) -> BugBookError {
    match error {
        PutError::Storage(error) => BugBookError::Storage(error),
        _ => BugBookError::Storage(StorageError::new("blobs", StorageErrorKind::Refused)),
    }
}
