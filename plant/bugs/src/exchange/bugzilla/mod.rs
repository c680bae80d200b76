//! [`read_bugzilla`]: bugs of the XML that Bugzilla writes for `show_bug.cgi?ctype=xml`.

mod draft;
mod words;

use std::collections::BTreeMap;

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};

use self::draft::{Draft, DraftComment};
use super::import_file::{Faults, ImportFile, ImportTerms, ImportedBug, MOST_IMPORTED};

/// The most elements that stand within each other.
const DEEPEST: usize = 32;

/// Elements of a bug that are imported.
const IMPORTED: [&str; 17] = [
    "assigned_to",
    "blocked",
    "bug_id",
    "bug_severity",
    "bug_status",
    "component",
    "creation_ts",
    "delta_ts",
    "dependson",
    "dup_id",
    "keywords",
    "long_desc",
    "priority",
    "product",
    "resolution",
    "short_desc",
    "version",
];

/// Reads bugs from the XML of Bugzilla.
///
/// | Bugzilla | here |
/// |---|---|
/// | UNCONFIRMED, NEW, CONFIRMED, REOPENED | open |
/// | ASSIGNED, `IN_PROGRESS` | in progress |
/// | RESOLVED | resolved, at the time of the last change |
/// | VERIFIED, CLOSED | closed, at the time of the last change |
/// | blocker, critical, S1 | critical |
/// | major, S2 | high |
/// | minor, trivial, enhancement, S4 | low |
/// | another severity | medium, and a tag with its word |
/// | Highest, P1; High, P2; Low, Lowest, P4, P5 | urgent; high; low |
/// | another priority | medium |
/// | component, version | category, version of the firmware |
/// | keywords, product, resolution | tags |
/// | first comment | description |
/// | duplicate of, blocks, depends on | links |
///
/// Names and mail addresses of people are not imported, but for those of
/// [`ImportTerms::people`]. Attachments, activity and votes are not imported.
///
/// ```
/// use std::collections::BTreeMap;
///
/// use sqal_bugs::exchange::{ImportTerms, read_bugzilla};
/// use sqal_core::{Name, Timestamp};
/// use sqal_storage::bugs::BugStatus;
///
/// let terms = ImportTerms {
///     system: Name::new("bugzilla")?,
///     by: Name::new("admin")?,
///     at: Timestamp::from_micros(0)?,
///     people: BTreeMap::new(),
/// };
/// let xml = "<bugzilla><bug><bug_id>7</bug_id><short_desc>valve &amp; pump</short_desc>\
///     <bug_status>ASSIGNED</bug_status></bug></bugzilla>";
/// let bug = &read_bugzilla(xml, &terms).bugs[0].bug;
/// assert_eq!(bug.content.title, "valve & pump");
/// assert_eq!(bug.content.status, BugStatus::InProgress);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn read_bugzilla(xml: &str, terms: &ImportTerms) -> ImportFile {
    let xml = xml.strip_prefix('\u{feff}').unwrap_or(xml);
    let mut reader = Reader::from_str(xml);
    reader.config_mut().expand_empty_elements = true;
    let mut walk = Walk::new(xml);
    while !walk.is_done && !walk.faults.is_full() {
        match reader.read_event() {
            Ok(event) => walk.step(event, reader.buffer_position(), terms),
            Err(error) => {
                let line = walk.line(reader.error_position());
                walk.faults.add(line, "XML", &error.to_string(), "well-formed XML");
                break;
            }
        }
    }
    let ImportFile { bugs, ignored, .. } = walk.file;
    ImportFile { bugs: linked(bugs, &walk.waits, terms), faults: walk.faults.0, ignored }
}

/// Where the reader stands, and what was read.
struct Walk<'a> {
    xml: &'a str,
    /// A byte of the file, and its line.
    place: (usize, u64),
    /// The names of the elements around the place.
    path: Vec<String>,
    /// The text of the innermost element.
    text: String,
    draft: Option<Draft>,
    /// The number of faults before the bug.
    before: usize,
    /// For each place in the list of bugs, the ids of the bugs for which the bug waits.
    waits: BTreeMap<usize, Vec<String>>,
    file: ImportFile,
    faults: Faults,
    is_done: bool,
}

impl<'a> Walk<'a> {
    fn new(xml: &'a str) -> Self {
        Self {
            xml,
            place: (0, 1),
            path: Vec::new(),
            text: String::new(),
            draft: None,
            before: 0,
            waits: BTreeMap::new(),
            file: ImportFile::default(),
            faults: Faults::default(),
            is_done: false,
        }
    }

    /// The line of a byte, which is not before the last one that was asked for.
    fn line(&mut self, byte: u64) -> u64 {
        let end = usize::try_from(byte).unwrap_or(usize::MAX).min(self.xml.len());
        let (start, line) = self.place;
        let passed = self.xml.as_bytes().get(start..end).unwrap_or_default();
        #[expect(clippy::naive_bytecount, reason = "each byte of a file is counted once")]
        let breaks = passed.iter().filter(|byte| **byte == b'\n').count();
        let line = line.saturating_add(u64::try_from(breaks).unwrap_or(u64::MAX));
        self.place = (end.max(start), line);
        line
    }

    fn step(&mut self, event: Event<'_>, position: u64, terms: &ImportTerms) {
        match event {
            Event::Start(start) => {
                let line = self.line(position);
                self.start(&start, line);
            }
            Event::End(_) => {
                let line = self.line(position);
                self.end(line, terms);
            }
            Event::Text(text) if self.is_text_wanted() => {
                let decoded = text.xml10_content();
                self.add_text(decoded.as_deref().ok(), position);
            }
            Event::CData(text) if self.is_text_wanted() => {
                let decoded = text.xml10_content();
                self.add_text(decoded.as_deref().ok(), position);
            }
            Event::GeneralRef(entity) if self.is_text_wanted() => {
                let text = character(&entity);
                self.add_text(text.as_deref(), position);
            }
            Event::Eof => {
                self.is_done = true;
                if let Some(open) = self.path.last().cloned() {
                    let line = self.line(position);
                    self.faults.add(line, &open, "the end of the file", "the end of the element");
                }
            }
            _ => {}
        }
    }

    /// Whether the element is a part of a bug or of a comment.
    fn is_text_wanted(&self) -> bool {
        let is_comment = self.path.get(2).is_some_and(|name| name == "long_desc");
        self.draft.is_some() && self.path.len() == if is_comment { 4 } else { 3 }
    }

    fn add_text(&mut self, text: Option<&str>, position: u64) {
        if let Some(text) = text {
            self.text.push_str(text);
        } else {
            let line = self.line(position);
            let field = self.path.last().cloned().unwrap_or_default();
            self.faults.add(line, &field, "", "text in UTF-8 with the entities of XML");
        }
    }

    fn start(&mut self, start: &BytesStart<'_>, line: u64) {
        let name = String::from_utf8_lossy(start.name().as_ref()).into_owned();
        let attribute = |name: &str| {
            let found = start.try_get_attribute(name).ok().flatten();
            found.map(|attribute| String::from_utf8_lossy(&attribute.value).into_owned())
        };
        match (self.path.len(), name.as_str()) {
            (0, "bugzilla") => {}
            (0, other) => {
                self.faults.add(line, "XML", other, "the element bugzilla");
                self.is_done = true;
            }
            (1, "bug") => {
                self.draft = Some(Draft::new(line, attribute("error")));
                self.before = self.faults.0.len();
            }
            (2, "long_desc") => {
                if let Some(draft) = &mut self.draft {
                    draft.comments.push(DraftComment::new(line, attribute("isprivate").as_deref() == Some("1")));
                }
            }
            (DEEPEST.., _) => {
                self.faults.add(line, &name, "", format!("at most {DEEPEST} elements within each other"));
                self.is_done = true;
            }
            _ => {}
        }
        self.text.clear();
        self.path.push(name);
    }

    fn end(&mut self, line: u64, terms: &ImportTerms) {
        let Some(name) = self.path.pop() else { return };
        let text = std::mem::take(&mut self.text);
        let text = text.trim();
        let depth = self.path.len();
        if depth == 1 {
            self.finish(line, terms);
        } else if let Some(draft) = &mut self.draft {
            if depth == 2 {
                if !text.is_empty() {
                    draft.fields.entry(name.clone()).or_default().push(text.to_owned());
                }
                if !IMPORTED.contains(&name.as_str()) {
                    self.file.ignored.insert(name);
                }
            } else if depth == 3
                && self.path.last().is_some_and(|parent| parent == "long_desc")
                && let Some(comment) = draft.comments.last_mut()
            {
                comment.fields.insert(name, text.to_owned());
            }
        }
    }

    /// Ends a bug.
    fn finish(&mut self, line: u64, terms: &ImportTerms) {
        let Some(draft) = self.draft.take() else { return };
        if self.file.bugs.len() >= MOST_IMPORTED {
            self.faults.add(line, "bug", "", format!("at most {MOST_IMPORTED} bugs"));
            self.is_done = true;
            return;
        }
        let bug = draft.bug(terms, &mut self.faults);
        if let Some(bug) = bug.filter(|_| self.faults.0.len() == self.before) {
            let waits = draft.fields.get("dependson").cloned().unwrap_or_default();
            if !waits.is_empty() {
                self.waits.insert(self.file.bugs.len(), waits);
            }
            self.file.bugs.push(bug);
        }
    }
}

/// The text of `&amp;`, `&#233;` and their like; `None` for an entity that XML does not have.
fn character(entity: &BytesRef<'_>) -> Option<String> {
    if let Some(character) = entity.resolve_char_ref().ok()? {
        return Some(character.to_string());
    }
    let name = entity.decode().ok()?;
    resolve_predefined_entity(&name).map(str::to_owned)
}

/// The bugs with the links of those that wait: a bug of the file gets the link, because here the
/// bug that blocks names the one that waits. If it is not in the file, the two are related.
fn linked(mut bugs: Vec<ImportedBug>, waits: &BTreeMap<usize, Vec<String>>, terms: &ImportTerms) -> Vec<ImportedBug> {
    let places: BTreeMap<_, _> = bugs.iter().enumerate().map(|(place, bug)| (bug.bug.id, place)).collect();
    for (place, external) in waits.iter().flat_map(|(place, ids)| ids.iter().map(move |id| (*place, id))) {
        let blocking = terms.bug_id(external);
        let Some(waiting) = bugs.get(place).map(|bug| bug.bug.id).filter(|id| *id != blocking) else { continue };
        let known = places.get(&blocking).copied();
        let Some(bug) = bugs.get_mut(known.unwrap_or(place)) else { continue };
        let links = &mut bug.bug.content.links;
        if known.is_some() {
            links.blocks.insert(waiting);
        } else {
            links.relates_to.insert(blocking);
        }
    }
    bugs
}

#[cfg(test)]
mod tests;
