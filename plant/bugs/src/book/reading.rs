//! What a book reads: bugs, lists, comments, the history and the sums.

use std::ops::Range;

use sqal_core::{DeviceId, Timestamp};
use sqal_storage::bugs::{Bug, BugCategory, BugComment, BugDay, BugEntry, BugId, BugPage, BugQuery, BugSummary};

use super::BugBook;
use super::error::BugBookError;
use crate::change::{EntryBody, InvalidEntryBody};

/// The most categories that are listed.
const MOST_CATEGORIES: u16 = 500;

/// The comments that are read at once while internal ones are left out.
const COMMENTS_AT_ONCE: u16 = 200;

impl BugBook {
    /// A bug.
    ///
    /// # Errors
    ///
    /// [`BugBookError::Unknown`] if there is none with this id, or the error of the store.
    pub async fn get(&self, id: &BugId) -> Result<Bug, BugBookError> {
        self.parts.bugs.bug(id).await?.ok_or_else(|| BugBookError::unknown_bug(id))
    }

    /// The entries of the history after a revision, in their order, each with what it says.
    ///
    /// # Errors
    ///
    /// [`BugBookError::Unknown`] if there is no such bug, [`BugBookError::Unreadable`] if an entry
    /// cannot be read, or the error of the store.
    pub async fn history(
        &self,
        id: &BugId,
        after: u64,
        limit: u16,
    ) -> Result<Vec<(BugEntry, EntryBody)>, BugBookError> {
        self.get(id).await?;
        let read = |entry: BugEntry| -> Result<_, BugBookError> {
            let unreadable = |error: InvalidEntryBody| BugBookError::Unreadable {
                what: format!("entry {} of the bug {} ({error})", entry.revision, entry.bug),
            };
            let body = EntryBody::read(&entry.body).map_err(unreadable)?;
            Ok((entry, body))
        };
        self.parts.bugs.bug_entries(id, after, limit).await?.into_iter().map(read).collect()
    }

    /// The comments of a bug, the oldest first, after `skip` of them; internal ones only if
    /// `with_internal`.
    ///
    /// # Errors
    ///
    /// [`BugBookError::Unknown`] if there is no such bug, or the error of the store.
    pub async fn comments(
        &self,
        id: &BugId,
        with_internal: bool,
        skip: u32,
        limit: u16,
    ) -> Result<Vec<BugComment>, BugBookError> {
        self.get(id).await?;
        if with_internal {
            return Ok(self.parts.bugs.comments(id, skip, limit).await?);
        }
        let (mut shown, mut to_skip, mut read) = (Vec::new(), skip, 0_u32);
        while shown.len() < usize::from(limit) {
            let page = self.parts.bugs.comments(id, read, COMMENTS_AT_ONCE).await?;
            let is_last = page.len() < usize::from(COMMENTS_AT_ONCE);
            for comment in page.into_iter().filter(|comment| !comment.is_internal) {
                if to_skip > 0 {
                    to_skip -= 1;
                } else if shown.len() < usize::from(limit) {
                    shown.push(comment);
                }
            }
            if is_last {
                break;
            }
            read = read.saturating_add(u32::from(COMMENTS_AT_ONCE));
        }
        Ok(shown)
    }

    /// The devices that have reported one of the equal faults of a bug, in the order of bytes: at
    /// most `limit`. There are none if a person has reported the bug, or if it is not stored.
    ///
    /// # Errors
    ///
    /// The error of the store.
    pub async fn devices(&self, id: &BugId, limit: u16) -> Result<Vec<DeviceId>, BugBookError> {
        Ok(self.parts.bugs.bug_devices(id, limit).await?)
    }

    /// A page of bugs.
    ///
    /// # Errors
    ///
    /// The error of the store.
    pub async fn list(&self, query: &BugQuery) -> Result<BugPage, BugBookError> {
        Ok(self.parts.bugs.bugs(query).await?)
    }

    /// How many bugs there are, and what happened in a span of time.
    ///
    /// # Errors
    ///
    /// The error of the store.
    pub async fn summary(&self, span: Range<Timestamp>) -> Result<BugSummary, BugBookError> {
        Ok(self.parts.bugs.bug_summary(span).await?)
    }

    /// How it went in consecutive days, at most
    /// [`MOST_BUG_DAYS`](sqal_storage::bugs::MOST_BUG_DAYS): `bounds` are their beginnings and the
    /// end of the last.
    ///
    /// # Errors
    ///
    /// The error of the store.
    pub async fn days(&self, bounds: &[Timestamp]) -> Result<Vec<BugDay>, BugBookError> {
        Ok(self.parts.bugs.bug_days(bounds).await?)
    }

    /// The categories that bugs have, each with the number of its bugs.
    ///
    /// # Errors
    ///
    /// The error of the store.
    pub async fn categories(&self) -> Result<Vec<(BugCategory, u64)>, BugBookError> {
        Ok(self.parts.bugs.bug_categories(MOST_CATEGORIES).await?)
    }
}
