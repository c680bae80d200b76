//! [`Blobs`]: large contents that are stored under their SHA-256: firmware images, attachments,
//! PDFs, model files.

use std::error::Error;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;
use sha2::{Digest, Sha256};
use sqal_core::Timestamp;

use crate::StorageError;

/// The number of hexadecimal digits of a [`BlobId`].
const DIGITS: usize = 64;

/// The size of the parts of a slice that is put, in bytes.
const PART: usize = 64 * 1024;

/// The number of blobs that [`sweep_blobs`] lists at a time.
const PAGE: u16 = 100;

/// The identity of a blob: the SHA-256 of its content (FIPS 180-4), written as 64 hexadecimal
/// digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobId([u8; 32]);

impl BlobId {
    /// The id of a content.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The id with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes of the id.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for BlobId {
    type Err = InvalidBlobId;

    /// Reads 64 hexadecimal digits, small or capital.
    fn from_str(text: &str) -> Result<Self, InvalidBlobId> {
        let found = text.chars().count();
        if found != DIGITS {
            return Err(InvalidBlobId::Length { found });
        }
        let mut bytes = [0_u8; 32];
        for (at, character) in text.chars().enumerate() {
            let digit = character.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            let digit = digit.ok_or(InvalidBlobId::Character { character, at })?;
            bytes[at / 2] = (bytes[at / 2] << 4) | digit;
        }
        Ok(Self(bytes))
    }
}

/// A text is not the id of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidBlobId {
    /// The text has another length.
    #[error("expected the id of a blob, 64 hexadecimal digits, found {found} characters")]
    Length {
        /// The number of characters found.
        found: usize,
    },
    /// The text has a character that is not a hexadecimal digit.
    #[error("expected the id of a blob, 64 hexadecimal digits, found {character:?} at index {at}")]
    Character {
        /// The first character that is not a digit.
        character: char,
        /// The index of that character, from 0.
        at: usize,
    },
}

/// What a store knows of a blob without its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlobInfo {
    /// The SHA-256 of the content.
    pub id: BlobId,
    /// The number of bytes.
    pub len: u64,
    /// The time of the last put, by the wall clock of the callers: the latest of all puts.
    pub put_at: Timestamp,
}

impl BlobInfo {
    /// The information about a blob, for stores outside this crate.
    #[must_use]
    pub const fn new(id: BlobId, len: u64, put_at: Timestamp) -> Self {
        Self { id, len, put_at }
    }
}

/// What a put accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PutLimits {
    /// The largest accepted number of bytes.
    pub most: u64,
    /// The only accepted content, for example the hash that a manifest states; `None` if any
    /// content is accepted.
    pub expected: Option<BlobId>,
}

impl PutLimits {
    /// Accepts any content of at most `most` bytes.
    #[must_use]
    pub const fn at_most(most: u64) -> Self {
        Self { most, expected: None }
    }

    /// Accepts only the content with this id.
    #[must_use]
    pub const fn expecting(self, id: BlobId) -> Self {
        Self { expected: Some(id), ..self }
    }
}

/// A stream of bytes that is put: the body of a request, a file, a slice.
///
/// A `&[u8]` is a source of parts of 64 KiB. A store writes each part separately: parts of 64 KiB
/// to 1 MiB are fastest.
#[async_trait]
pub trait BlobSource: Send {
    /// The next part, or `None` at the end. An empty part is not the end. A store does not call
    /// this function again after the end or after an error.
    ///
    /// # Errors
    ///
    /// [`SourceError`] if the source breaks off before its end.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, SourceError>;
}

#[async_trait]
impl BlobSource for &[u8] {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, SourceError> {
        let (part, rest) = self.split_at(self.len().min(PART));
        let part = part.to_vec();
        *self = rest;
        Ok((!part.is_empty()).then_some(part))
    }
}

/// A [`BlobSource`] broke off before its end.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct SourceError(Box<dyn Error + Send + Sync>);

impl SourceError {
    /// Wraps the error of a source, or a text that says why it broke off.
    #[must_use]
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(error.into())
    }
}

/// A blob was not stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PutError {
    /// The source broke off; the sender may send the content again.
    #[error("the source of the blob broke off")]
    Source(#[from] SourceError),
    /// The content is longer than the limit of the put.
    #[error("the blob has more than {most} bytes")]
    TooLarge {
        /// The largest accepted number of bytes.
        most: u64,
    },
    /// The content has another hash than the put expects.
    #[error("the blob has the hash {found}, expected {expected}")]
    OtherContent {
        /// The hash that the put expects.
        expected: BlobId,
        /// The hash of the content.
        found: BlobId,
    },
    /// The store failed. Whether the blob is stored may then be unknown; putting it again is safe.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Keeps contents of up to hundreds of megabytes under their SHA-256; `MemoryBlobs`,
/// `FolderBlobs` and `ObjectBlobs` implement it.
///
/// A blob has no name and no owner. Other stores, for example of reports or firmware versions, name
/// it by its id, and a [`sweep_blobs`] removes the blobs that no other store names.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use sqal_storage::sqal_core::Timestamp;
/// use sqal_storage::blobs::PutLimits;
/// use sqal_storage::{Blobs, memory::MemoryBlobs};
///
/// let blobs = MemoryBlobs::new();
/// let now = Timestamp::from_micros(1_794_000_000_000_000)?;
/// let mut image: &[u8] = b"firmware 1.7";
/// let put = blobs.put(&mut image, &PutLimits::at_most(1_000_000), now).await?;
/// assert_eq!(put.len, 12);
/// assert_eq!(blobs.read(&put.id, 9..1_000).await?.as_deref(), Some(&b"1.7"[..]));
/// # Ok(()) }
/// ```
///
/// # Laws
///
/// Each is a test in `conformance` that every store runs.
///
/// 1. *What was put is read back under its hash*, byte for byte, whatever its length and the sizes
///    of its parts. An empty part is not the end of a source.
/// 2. *A range is cut to the blob*: a range that begins after the end is empty, and so is a range
///    that ends before it begins.
/// 3. *Absent is not an error*: an unknown id has no information, no bytes and nothing to remove.
/// 4. *Putting again renews and doubles nothing*: a content that is put twice is stored once, with
///    the later of both times.
/// 5. *A put that fails leaves nothing* that can be read or listed: if the source breaks off, if
///    the content is larger than the limit, or if it has another hash than expected. A blob that
///    was there before stays as it was, with its time. A source that is too large is not read to
///    its end.
/// 6. *Blobs are listed once in order* of their ids, page by page; only the last page is shorter
///    than its limit.
/// 7. *A blob is removed only if it was put before* the given time, also if it was put again
///    meanwhile. A removed content that is put once more is stored with its new time.
/// 8. *A sweep keeps what is named or new*, and removes every other blob.
/// 9. *Of tasks that put one content at once all succeed*, and the latest of their times counts.
#[async_trait]
pub trait Blobs: fmt::Debug + Send + Sync + 'static {
    /// Stores the content of a source and returns its id, its length and its time. If the store has
    /// the content already, it keeps it once, and the time becomes the later of both.
    ///
    /// If the future is dropped before it is done, the blob is either stored whole or not stored.
    ///
    /// # Errors
    ///
    /// [`PutError`] says whether the source, the limits or the store is the reason.
    async fn put(&self, source: &mut dyn BlobSource, limits: &PutLimits, now: Timestamp) -> Result<BlobInfo, PutError>;

    /// What the store knows of a blob; `None` if it is absent.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read.
    async fn info(&self, id: &BlobId) -> Result<Option<BlobInfo>, StorageError>;

    /// The bytes of a range, cut to the length of the blob; `None` if the blob is absent. The range
    /// `0..u64::MAX` reads the whole blob.
    ///
    /// The store does not compare the bytes with the hash. A caller that needs this reads the whole
    /// blob and compares [`BlobId::of`].
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read.
    async fn read(&self, id: &BlobId, range: Range<u64>) -> Result<Option<Vec<u8>>, StorageError>;

    /// Blobs after an id, in the order of ids; if `after` is `None`, from the first. A page with
    /// fewer blobs than `limit` is the last.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read.
    async fn list(&self, after: Option<&BlobId>, limit: u16) -> Result<Vec<BlobInfo>, StorageError>;

    /// Removes a blob if its last put was before a time; returns whether it was removed.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store fails. Whether the blob was removed may then be unknown.
    async fn remove(&self, id: &BlobId, put_before: Timestamp) -> Result<bool, StorageError>;
}

#[async_trait]
impl<B: Blobs + ?Sized> Blobs for Arc<B> {
    async fn put(&self, source: &mut dyn BlobSource, limits: &PutLimits, now: Timestamp) -> Result<BlobInfo, PutError> {
        (**self).put(source, limits, now).await
    }

    async fn info(&self, id: &BlobId) -> Result<Option<BlobInfo>, StorageError> {
        (**self).info(id).await
    }

    async fn read(&self, id: &BlobId, range: Range<u64>) -> Result<Option<Vec<u8>>, StorageError> {
        (**self).read(id, range).await
    }

    async fn list(&self, after: Option<&BlobId>, limit: u16) -> Result<Vec<BlobInfo>, StorageError> {
        (**self).list(after, limit).await
    }

    async fn remove(&self, id: &BlobId, put_before: Timestamp) -> Result<bool, StorageError> {
        (**self).remove(id, put_before).await
    }
}

/// Removes the blobs that were last put before a time and for which `is_named` returns `false`;
/// returns the number of removed blobs.
///
/// A caller puts a blob before it commits the name of the blob. `put_before` must therefore be
/// further in the past than the longest time from the `now` of the put, which is before its upload,
/// to the commit. A caller that names a content which
/// is stored already puts it again first, so that no sweep removes it meanwhile.
///
/// The future is `Send` if `is_named` and its futures are.
///
/// # Errors
///
/// [`StorageError`] if the store fails, or the error of `is_named`. Blobs that were removed before
/// the error stay removed.
pub async fn sweep_blobs(
    blobs: &dyn Blobs,
    put_before: Timestamp,
    is_named: impl AsyncFn(&BlobId) -> Result<bool, StorageError>,
) -> Result<u64, StorageError> {
    let mut removed = 0;
    let mut after = None;
    loop {
        let page = blobs.list(after.as_ref(), PAGE).await?;
        for blob in page.iter().filter(|blob| blob.put_at < put_before) {
            if !is_named(&blob.id).await? && blobs.remove(&blob.id, put_before).await? {
                removed += 1;
            }
        }
        if page.len() < usize::from(PAGE) {
            return Ok(removed);
        }
        after = page.last().map(|last| last.id);
    }
}

/// Counts and hashes the parts of a put, and refuses what its limits do not accept.
pub(crate) struct PutCheck {
    limits: PutLimits,
    len: u64,
    hash: Sha256,
}

impl PutCheck {
    pub(crate) fn new(limits: PutLimits) -> Self {
        Self { limits, len: 0, hash: Sha256::new() }
    }

    /// Takes the next part of the content.
    ///
    /// # Errors
    ///
    /// [`PutError::TooLarge`] if the content is now longer than the limit.
    pub(crate) fn take(&mut self, part: &[u8]) -> Result<(), PutError> {
        self.len = self.len.saturating_add(u64::try_from(part.len()).unwrap_or(u64::MAX));
        if self.len > self.limits.most {
            return Err(PutError::TooLarge { most: self.limits.most });
        }
        self.hash.update(part);
        Ok(())
    }

    /// The id and the length of the whole content.
    ///
    /// # Errors
    ///
    /// [`PutError::OtherContent`] if the content has another hash than expected.
    pub(crate) fn finish(&self) -> Result<(BlobId, u64), PutError> {
        let found = BlobId(self.hash.clone().finalize().into());
        match self.limits.expected {
            Some(expected) if expected != found => Err(PutError::OtherContent { expected, found }),
            _ => Ok((found, self.len)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_written_and_read_as_64_digits() {
        let id = BlobId::of(b"abc");
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(id.to_string(), text);
        assert_eq!(format!("{id:?}"), text);
        assert_eq!(text.parse::<BlobId>(), Ok(id));
        assert_eq!(text.to_uppercase().parse::<BlobId>(), Ok(id));
        assert_eq!(BlobId::from_bytes(*id.as_bytes()), id);
    }

    #[test]
    fn a_text_that_is_not_an_id_is_refused_with_its_length_or_its_first_wrong_character() {
        let why = |text: &str| text.parse::<BlobId>().unwrap_err();
        assert_eq!(why(""), InvalidBlobId::Length { found: 0 });
        assert_eq!(why(&"0".repeat(63)), InvalidBlobId::Length { found: 63 });
        assert_eq!(why(&"é".repeat(65)), InvalidBlobId::Length { found: 65 });
        assert_eq!(why(&format!("{}+0", "0".repeat(62))), InvalidBlobId::Character { character: '+', at: 62 });
        assert_eq!(why(&"é".repeat(64)), InvalidBlobId::Character { character: 'é', at: 0 });
        let said = why("abc").to_string();
        assert_eq!(said, "expected the id of a blob, 64 hexadecimal digits, found 3 characters");
    }

    #[tokio::test]
    async fn a_slice_is_a_source_of_parts() {
        let bytes = vec![7_u8; 150_000];
        let mut source = bytes.as_slice();
        let mut lens = Vec::new();
        while let Some(part) = source.next().await.unwrap() {
            lens.push(part.len());
        }
        assert_eq!(lens, [65_536, 65_536, 18_928]);
    }

    #[test]
    fn the_error_of_a_source_says_what_the_source_said() {
        let error = PutError::from(SourceError::new("the client has gone"));
        assert_eq!(error.to_string(), "the source of the blob broke off");
        assert_eq!(error.source().unwrap().to_string(), "the client has gone");
    }
}
