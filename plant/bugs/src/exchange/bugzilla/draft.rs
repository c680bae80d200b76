//! [`Draft`]: the elements of a bug of Bugzilla, and the bug that they make.

use std::collections::{BTreeMap, BTreeSet};

use sqal_core::{Name, Timestamp};
use sqal_storage::bugs::{BugComment, BugContent, BugLinks, BugTag};

use super::words::{priority, severity, status};
use crate::envelope::text::cut;
use crate::exchange::import_file::{BugTimes, Faults, ImportTerms, ImportedBug, content, imported};
use crate::exchange::times::read_time;

/// The elements of a bug.
#[derive(Debug)]
pub(super) struct Draft {
    line: u64,
    /// Why Bugzilla does not show the bug.
    error: Option<String>,
    /// The texts of its elements, by their name.
    pub(super) fields: BTreeMap<String, Vec<String>>,
    /// Its comments; the first is its description.
    pub(super) comments: Vec<DraftComment>,
}

/// The elements of a comment.
#[derive(Debug)]
pub(super) struct DraftComment {
    line: u64,
    is_private: bool,
    /// The texts of its elements, by their name.
    pub(super) fields: BTreeMap<String, String>,
}

impl DraftComment {
    /// A comment without elements.
    pub(super) const fn new(line: u64, is_private: bool) -> Self {
        Self { line, is_private, fields: BTreeMap::new() }
    }

    fn field(&self, name: &str) -> &str {
        self.fields.get(name).map(String::as_str).unwrap_or_default()
    }
}

impl Draft {
    /// A bug without elements.
    pub(super) fn new(line: u64, error: Option<String>) -> Self {
        Self { line, error, fields: BTreeMap::new(), comments: Vec::new() }
    }

    /// The bug; `None` if it has no id, no title or no known status.
    pub(super) fn bug(&self, terms: &ImportTerms, faults: &mut Faults) -> Option<ImportedBug> {
        if let Some(error) = &self.error {
            faults.add(self.line, "bug", error, "a bug that Bugzilla shows");
            return None;
        }
        let (external, title) = (self.field("bug_id"), self.field("short_desc"));
        for (field, text) in [("bug_id", external), ("short_desc", title)] {
            if text.is_empty() {
                faults.add(self.line, field, "", "a text");
                return None;
            }
        }
        let word = self.field("bug_status");
        let Some(status) = status(word, self.field("resolution")) else {
            faults.add(self.line, "bug_status", word, "a status that Bugzilla has at its installation");
            return None;
        };
        let created = self.time("creation_ts", faults);
        let updated = self.time("delta_ts", faults).or(created).unwrap_or(terms.at);
        let times = BugTimes { created: created.unwrap_or(terms.at), updated, ended: updated };
        let description = self.comments.first().map(|comment| comment.field("thetext")).filter(|text| !text.is_empty());
        let description = description.unwrap_or(title).to_owned();
        let description = faults.text(self.line, "thetext", description);
        let title = faults.text(self.line, "short_desc", title.to_owned());
        let content = BugContent {
            severity: severity(self.field("bug_severity")).0,
            priority: priority(self.field("priority")),
            category: Name::new(cut(self.field("component"), 32).trim_end()).ok(),
            status,
            tags: self.tags(),
            assignee: terms.people.get(self.field("assigned_to")).copied(),
            links: self.links(terms),
            ..content(&title, description)
        };
        let bug = imported(terms.bug_id(external), times, content);
        let comments = self.comments.iter().enumerate().skip(1);
        let comments =
            comments.filter_map(|(place, comment)| self.comment(place, comment, (terms, bug.created_at), faults));
        let comments = comments.collect();
        Some(ImportedBug { line: self.line, bug, comments })
    }

    /// The first text of an element, empty if there is none.
    fn field(&self, name: &str) -> &str {
        self.fields(name).first().map(String::as_str).unwrap_or_default()
    }

    fn fields(&self, name: &str) -> &[String] {
        self.fields.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    fn time(&self, field: &str, faults: &mut Faults) -> Option<Timestamp> {
        time(self.line, field, self.field(field), faults)
    }

    /// Keywords, the product, the resolution, and what has no field of its own.
    fn tags(&self) -> BTreeSet<BugTag> {
        let keywords =
            self.fields("keywords").iter().flat_map(|text| text.split(',')).map(|word| word.trim().to_owned());
        let word = self.field("bug_severity");
        let component = self.field("component");
        let marked = [
            ("product", self.field("product")),
            ("resolution", self.field("resolution")),
            ("severity", if severity(word).1 { "" } else { word }),
            ("component", if component.len() > 32 { component } else { "" }),
        ];
        let marked = marked.into_iter().filter(|(_, text)| !text.is_empty());
        let marked = marked.map(|(mark, text)| format!("{mark}:{}", text.to_lowercase()));
        keywords.chain(marked).filter_map(|text| Name::new(cut(&text, 64).trim_end()).ok()).collect()
    }

    fn links(&self, terms: &ImportTerms) -> BugLinks {
        let version = Some(self.field("version")).filter(|version| !version.eq_ignore_ascii_case("unspecified"));
        let own = self.field("bug_id");
        let duplicate_of = Some(self.field("dup_id")).filter(|id| !id.is_empty() && *id != own);
        let blocked = self.fields("blocked").iter().filter(|id| *id != own);
        BugLinks {
            firmware_version: version.and_then(|version| Name::new(version).ok()),
            duplicate_of: duplicate_of.map(|id| terms.bug_id(id)),
            blocks: blocked.map(|id| terms.bug_id(id)).collect(),
            ..BugLinks::default()
        }
    }

    /// A comment; `None` if it says nothing. `terms` has the time of the bug beside it, for a
    /// comment without a time.
    fn comment(
        &self,
        place: usize,
        comment: &DraftComment,
        (terms, created): (&ImportTerms, Timestamp),
        faults: &mut Faults,
    ) -> Option<BugComment> {
        let text = Some(comment.field("thetext")).filter(|text| !text.is_empty())?;
        let text = faults.text(comment.line, "thetext", text.to_owned());
        let at = time(comment.line, "bug_when", comment.field("bug_when"), faults).unwrap_or(created);
        let external = self.field("bug_id");
        let id = match comment.field("commentid") {
            "" => terms.comment_id(external, &format!("place {place}")),
            id => terms.comment_id(external, id),
        };
        let by = terms.people.get(comment.field("who")).copied().unwrap_or(terms.by);
        Some(BugComment { id, bug: terms.bug_id(external), at, by, is_internal: comment.is_private, text })
    }
}

fn time(line: u64, field: &str, text: &str, faults: &mut Faults) -> Option<Timestamp> {
    let time = read_time(text);
    if time.is_none() && !text.is_empty() {
        faults.add(line, field, text, "a time, as in 2009-01-01 12:00:00 +0000");
    }
    time
}
