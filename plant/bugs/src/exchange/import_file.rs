//! [`ImportFile`]: the bugs that a file of another tracker names, and what is wrong with the file.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};
use sqal_core::{Name, Timestamp};
use sqal_storage::bugs::{
    Bug, BugComment, BugContent, BugId, BugLinks, BugPerson, BugPriority, BugSeverity, BugSource, BugStatus,
    LARGEST_BUG_TEXT,
};

use crate::envelope::text::{first_characters, in_a_line};
use crate::report::LONGEST_TITLE;

/// The most bugs of a file.
pub const MOST_IMPORTED: usize = 100_000;

/// The number of faults after which a file is read no further.
pub const MOST_IMPORT_FAULTS: usize = 100;

/// The most characters of a refused value that are shown.
const LONGEST_SHOWN: usize = 100;

/// What the reader of a file has to know beside the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportTerms {
    /// The name of the other tracker, for example `bugzilla.plant.example`. Ids are made of it:
    /// another name makes other bugs.
    pub system: Name<64>,
    /// Who imports. Comments of people that [`people`](Self::people) does not name have this name.
    pub by: BugPerson,
    /// The time of the import, for bugs whose file says no time.
    pub at: Timestamp,
    /// The accounts of people, by the name or mail address that they have in the other tracker.
    /// Other names and mail addresses are personal data and are not imported.
    pub people: BTreeMap<String, BugPerson>,
}

/// A bug of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedBug {
    /// The line of the file on which it begins, from 1.
    pub line: u64,
    /// The bug, of revision 1.
    pub bug: Bug,
    /// Its comments, in the order of the file.
    pub comments: Vec<BugComment>,
}

/// A fault of a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {field}: found {value:?}, expected {expected}")]
pub struct InvalidImport {
    /// The line, from 1.
    pub line: u64,
    /// The field, as the file names it.
    pub field: String,
    /// The value, cut to 100 characters.
    pub value: String,
    /// What is expected.
    pub expected: String,
}

/// What a file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportFile {
    /// Its bugs, in the order of the file.
    pub bugs: Vec<ImportedBug>,
    /// What is wrong: at most [`MOST_IMPORT_FAULTS`]. Bugs with a fault are not in
    /// [`bugs`](Self::bugs).
    pub faults: Vec<InvalidImport>,
    /// Columns or elements that are not imported.
    pub ignored: BTreeSet<String>,
}

/// The faults that were found.
#[derive(Debug, Default)]
pub(super) struct Faults(pub(super) Vec<InvalidImport>);

impl Faults {
    /// Notes a fault.
    pub(super) fn add(&mut self, line: u64, field: &str, value: &str, expected: impl Into<String>) {
        if !self.is_full() {
            let value = first_characters(value, LONGEST_SHOWN);
            self.0.push(InvalidImport { line, field: field.to_owned(), value, expected: expected.into() });
        }
    }

    /// Whether there are too many to read on.
    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= MOST_IMPORT_FAULTS
    }

    /// A value that is parsed from a text; `None` for an empty text, and after its fault was noted.
    pub(super) fn parsed<T: FromStr<Err: Display>>(&mut self, line: u64, field: &str, text: &str) -> Option<T> {
        if text.is_empty() {
            return None;
        }
        let refused = |error: T::Err| {
            let text = error.to_string();
            text.rsplit_once("expected ").map_or(text.clone(), |(_, expected)| expected.to_owned())
        };
        text.parse::<T>().map_err(|error| self.add(line, field, text, refused(error))).ok()
    }

    /// A text that a store accepts.
    pub(super) fn text(&mut self, line: u64, field: &str, text: String) -> String {
        if text.len() > LARGEST_BUG_TEXT || text.contains('\0') {
            self.add(line, field, &text, format!("at most {LARGEST_BUG_TEXT} bytes without the character U+0000"));
        }
        text
    }
}

impl ImportTerms {
    /// The id of a bug of the other tracker.
    #[must_use]
    pub fn bug_id(&self, external: &str) -> BugId {
        self.derived(&[external])
    }

    /// The id of a comment on a bug of the other tracker.
    pub(super) fn comment_id(&self, external: &str, comment: &str) -> BugId {
        self.derived(&[external, "comment", comment])
    }

    fn derived(&self, parts: &[&str]) -> BugId {
        let mut hash = Sha256::new();
        // Lengths first, so that no two different lists feed the same bytes.
        for part in ["import", self.system.as_str()].iter().chain(parts) {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        let digest: [u8; 32] = hash.finalize().into();
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(digest).for_each(|(byte, of)| *byte = of);
        BugId::from_random(bytes)
    }
}

/// The times of a bug in a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct BugTimes {
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
    pub(super) ended: Timestamp,
}

/// A bug of revision 1 that was imported. It ends not before it was reported.
pub(super) fn imported(id: BugId, times: BugTimes, content: BugContent) -> Bug {
    Bug {
        id,
        revision: 1,
        source: BugSource::Import,
        reporter: None,
        created_at: times.created,
        updated_at: times.updated.max(times.created),
        ended_at: content.status.is_ended().then_some(times.ended.max(times.created)),
        reopened: 0,
        content,
        group: None,
    }
}

/// A content with its title and its description. A title that is too long is cut, and stands whole
/// before the description.
pub(super) fn content(title: &str, description: String) -> BugContent {
    let line = if title.contains(['\n', '\r', '\t']) { in_a_line(title) } else { title.to_owned() };
    let short = first_characters(&line, LONGEST_TITLE);
    let description = if short == line { description } else { format!("{line}\n\n{description}") };
    BugContent {
        title: short,
        description,
        reproduction_steps: String::new(),
        severity: BugSeverity::Medium,
        priority: BugPriority::Medium,
        category: None,
        status: BugStatus::Open,
        tags: BTreeSet::new(),
        assignee: None,
        watchers: BTreeSet::new(),
        links: BugLinks::default(),
    }
}
