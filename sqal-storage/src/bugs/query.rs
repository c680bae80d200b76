//! [`BugQuery`]: which bugs are listed, in which order.

use std::num::NonZeroU16;

use sqal_core::{DeviceId, Name, Timestamp};

use super::bug::{Bug, BugCategory, BugPerson, BugTag};
use super::search::bug_words;
use super::words::{BugPriority, BugSeverity, BugStatus};
use crate::{StorageError, StorageErrorKind};

/// The most bugs that a list can pass over.
pub const MOST_SKIPPED: u32 = 10_000;

/// The number from which on bugs are not counted one by one, if a list asks for more than status,
/// severity and category.
pub const COUNTED_BUGS: u64 = 10_000;

/// The most different words of a search: a query with more is refused.
pub const MOST_SEARCHED_WORDS: usize = 8;

/// Which bugs are listed. A bug is listed if it meets all conditions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BugQuery {
    /// The status.
    pub status: Option<BugStatus>,
    /// The severity.
    pub severity: Option<BugSeverity>,
    /// The category.
    pub category: Option<BugCategory>,
    /// The priority.
    pub priority: Option<BugPriority>,
    /// The device that it is about.
    pub device_id: Option<DeviceId>,
    /// The version of the firmware that it is about.
    pub firmware_version: Option<Name<32>>,
    /// Who works on it.
    pub assignee: Option<BugPerson>,
    /// A tag that it has.
    pub tag: Option<BugTag>,
    /// Words that are all in its title, description, steps or tags: see [`bug_words`].
    pub words: Vec<String>,
    /// It was reported at this time or later.
    pub from: Option<Timestamp>,
    /// It was reported before this time.
    pub until: Option<Timestamp>,
    /// The order.
    pub order: BugOrder,
    /// How many bugs, in the order, are passed over: at most [`MOST_SKIPPED`].
    pub skip: u32,
    /// The most bugs of the page.
    pub limit: NonZeroU16,
}

impl BugQuery {
    /// All bugs, the newest first.
    #[must_use]
    pub const fn newest(limit: NonZeroU16) -> Self {
        Self {
            status: None,
            severity: None,
            category: None,
            priority: None,
            device_id: None,
            firmware_version: None,
            assignee: None,
            tag: None,
            words: Vec::new(),
            from: None,
            until: None,
            order: BugOrder { by: BugSort::CreatedAt, is_descending: true },
            skip: 0,
            limit,
        }
    }

    /// Whether the query asks for status, severity and category at most: such bugs are counted
    /// exactly.
    #[must_use]
    pub const fn is_counted(&self) -> bool {
        self.priority.is_none()
            && self.device_id.is_none()
            && self.firmware_version.is_none()
            && self.assignee.is_none()
            && self.tag.is_none()
            && self.words.is_empty()
            && self.from.is_none()
            && self.until.is_none()
    }

    /// The different words that are searched, as they are found: see [`bug_words`].
    #[must_use]
    pub fn searched_words(&self) -> Vec<String> {
        bug_words(self.words.iter().map(String::as_str))
    }

    /// Checks that the query can be answered; every store calls it before it reads. `backend` is
    /// the name of the store in the error.
    ///
    /// ```
    /// use std::num::NonZeroU16;
    ///
    /// use sqal_storage::bugs::BugQuery;
    ///
    /// let words = vec!["one two three four five six seven eight".to_owned()];
    /// let mut query = BugQuery { words, ..BugQuery::newest(NonZeroU16::MIN) };
    /// assert!(query.check("memory").is_ok());
    /// query.words.push("nine".to_owned());
    /// assert!(query.check("memory").is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// [`StorageErrorKind::Refused`] if the query passes over more than [`MOST_SKIPPED`] bugs, or
    /// searches more than [`MOST_SEARCHED_WORDS`] different words.
    pub fn check(&self, backend: &'static str) -> Result<(), StorageError> {
        if self.skip > MOST_SKIPPED || self.searched_words().len() > MOST_SEARCHED_WORDS {
            return Err(StorageError::new(backend, StorageErrorKind::Refused));
        }
        Ok(())
    }
}

/// The order of a list. Of bugs that are equal in it, those with the larger id come first if it is
/// descending, and last if it is ascending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BugOrder {
    /// By what.
    pub by: BugSort,
    /// Whether the latest comes first: for a severity or a priority, the worst or the soonest.
    pub is_descending: bool,
}

/// By what bugs are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BugSort {
    /// When it was reported.
    CreatedAt,
    /// When it was changed last.
    UpdatedAt,
    /// How bad it is.
    Severity,
    /// How soon it shall be worked on.
    Priority,
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BugPage {
    /// The bugs.
    pub bugs: Vec<Bug>,
    /// How many bugs meet the conditions: at most [`COUNTED_BUGS`] if `is_total` is false.
    pub total: u64,
    /// Whether `total` is all of them; otherwise there may be more.
    pub is_total: bool,
}
