//! [`read_csv`]: bugs of a table, as another tracker or a spreadsheet writes it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::str::FromStr;

use csv::{ReaderBuilder, StringRecord};
use sqal_core::{Name, Timestamp};
use sqal_storage::bugs::{BugContent, BugId, BugLinks, BugPriority, BugSeverity, BugStatus};

use super::cell::{COLUMNS, parted, unguarded};
use super::import_file::{BugTimes, Faults, ImportFile, ImportTerms, ImportedBug, MOST_IMPORTED, content, imported};
use super::times::read_time;

/// Reads bugs from CSV with a line of column names.
///
/// Columns: `id` and `title`, which each bug needs, and `description`, `severity`, `priority`,
/// `category`, `status`, `deviceId`, `firmwareVersion`, `reproductionSteps`, `tags` (with `;`
/// between them), `assignee`, `createdAt`, `updatedAt`, `resolvedAt`, in any order; names with an
/// underscore, as in `device_id`, are accepted too. An empty severity or priority is medium, an
/// empty status is open. Cells are separated by commas, or by semicolons as in a French
/// spreadsheet. An id that is a UUID is kept; another one makes the id of the bug together with the
/// name of the other tracker. An assignee that [`ImportTerms::people`] does not name is left out,
/// unless the id is a UUID: then it is an account in an export of this crate.
///
/// ```
/// use std::collections::BTreeMap;
///
/// use sqal_bugs::exchange::{ImportTerms, read_csv};
/// use sqal_core::{Name, Timestamp};
///
/// let terms = ImportTerms {
///     system: Name::new("jira")?,
///     by: Name::new("admin")?,
///     at: Timestamp::from_micros(0)?,
///     people: BTreeMap::new(),
/// };
/// let file = read_csv("id,title,severity\nSQ-7,valve stuck,high\nSQ-8,pump loud,awful\n", &terms);
/// assert_eq!(file.bugs[0].bug.content.title, "valve stuck");
/// assert_eq!(
///     file.faults[0].to_string(),
///     "line 3: severity: found \"awful\", expected critical, high, medium or low"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn read_csv(text: &str, terms: &ImportTerms) -> ImportFile {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let first = text.lines().next().unwrap_or_default();
    let delimiter = if first.contains(';') && !first.contains(',') { b';' } else { b',' };
    let mut table = ReaderBuilder::new().flexible(true).delimiter(delimiter).from_reader(text.as_bytes());
    let (mut file, mut faults) = (ImportFile::default(), Faults::default());
    let places = match table.headers() {
        Ok(names) => places(names, &mut file.ignored, &mut faults),
        Err(error) => {
            faults.add(1, "table", &error.to_string(), "CSV with a line of column names");
            BTreeMap::new()
        }
    };
    let mut known = BTreeSet::new();
    for record in table.records() {
        if !faults.0.is_empty() && places.is_empty() || faults.is_full() {
            break;
        }
        let cells = match record {
            Ok(cells) => cells,
            Err(error) => {
                let line = error.position().map_or(1, csv::Position::line);
                faults.add(line, "table", &error.to_string(), "CSV");
                break;
            }
        };
        let line = cells.position().map_or(1, csv::Position::line);
        if file.bugs.len() >= MOST_IMPORTED {
            faults.add(line, "table", "", format!("at most {MOST_IMPORTED} bugs"));
            break;
        }
        let before = faults.0.len();
        let bug = Row { line, cells: &cells, places: &places, faults: &mut faults }.bug(terms);
        if let Some(bug) = &bug
            && !known.insert(bug.bug.id)
        {
            faults.add(line, "id", &bug.bug.id.to_string(), "an id that no line before has");
        }
        file.bugs.extend(bug.filter(|_| faults.0.len() == before));
    }
    file.faults = faults.0;
    file
}

/// Where each column stands, by its documented name; empty if one is missing that each bug needs.
fn places(names: &StringRecord, ignored: &mut BTreeSet<String>, faults: &mut Faults) -> BTreeMap<&'static str, usize> {
    let mut places = BTreeMap::new();
    for (place, name) in names.iter().map(str::trim).enumerate() {
        match COLUMNS.iter().find(|(camel, snake)| *camel == name || *snake == name) {
            None => {
                ignored.insert(name.to_owned());
            }
            Some((column, _)) => {
                if places.insert(*column, place).is_some() {
                    faults.add(1, column, name, "one column of this name");
                }
            }
        }
    }
    for column in ["id", "title"] {
        if !places.contains_key(column) {
            faults.add(1, column, "", "a column of this name");
        }
    }
    if faults.0.is_empty() { places } else { BTreeMap::new() }
}

/// A row of the table.
struct Row<'a> {
    line: u64,
    cells: &'a StringRecord,
    places: &'a BTreeMap<&'static str, usize>,
    faults: &'a mut Faults,
}

impl Row<'_> {
    /// The text of a cell, empty if there is none.
    fn cell(&self, column: &str) -> String {
        let cell = self.places.get(column).and_then(|place| self.cells.get(*place));
        unguarded(cell.unwrap_or_default()).to_owned()
    }

    /// A long text, which a store must accept.
    fn text(&mut self, column: &str) -> String {
        let text = self.cell(column);
        self.faults.text(self.line, column, text)
    }

    /// A value, or `None` for an empty cell.
    fn value<T: FromStr<Err: Display>>(&mut self, column: &str) -> Option<T> {
        let text = self.cell(column);
        self.faults.parsed(self.line, column, text.trim())
    }

    /// A word, in any case, with a space or a hyphen in place of an underscore.
    fn word<T: FromStr<Err: Display>>(&mut self, column: &str) -> Option<T> {
        let text = self.cell(column).trim().to_lowercase().replace([' ', '-'], "_");
        self.faults.parsed(self.line, column, &text)
    }

    fn time(&mut self, column: &str) -> Option<Timestamp> {
        let text = self.cell(column);
        let time = read_time(&text);
        if time.is_none() && !text.trim().is_empty() {
            self.faults.add(self.line, column, &text, "a time of RFC 3339, as in 2026-03-29T01:00:00Z");
        }
        time
    }

    /// The bug of the row; `None` if it has no id or no title.
    fn bug(mut self, terms: &ImportTerms) -> Option<ImportedBug> {
        let external = self.cell("id");
        let (external, title) = (external.trim(), self.text("title"));
        for (column, text) in [("id", external), ("title", title.trim())] {
            if text.is_empty() {
                self.faults.add(self.line, column, "", "a text");
                return None;
            }
        }
        let description = self.text("description");
        let tags = parted(&self.cell("tags"));
        let links = BugLinks {
            device_id: self.value("deviceId"),
            firmware_version: self.value("firmwareVersion"),
            ..BugLinks::default()
        };
        let content = BugContent {
            reproduction_steps: self.text("reproductionSteps"),
            severity: self.word("severity").unwrap_or(BugSeverity::Medium),
            priority: self.word("priority").unwrap_or(BugPriority::Medium),
            category: self.value("category"),
            status: self.word("status").unwrap_or(BugStatus::Open),
            tags: tags.iter().filter_map(|tag| self.faults.parsed::<Name<64>>(self.line, "tags", tag)).collect(),
            assignee: self.assignee(external, terms),
            links,
            ..content(&title, description)
        };
        let created = self.time("createdAt");
        let updated = self.time("updatedAt").or(created).unwrap_or(terms.at);
        let ended = self.time("resolvedAt").unwrap_or(updated);
        let times = BugTimes { created: created.unwrap_or(terms.at), updated, ended };
        let id = external.parse().unwrap_or_else(|_| terms.bug_id(external));
        Some(ImportedBug { line: self.line, bug: imported(id, times, content), comments: Vec::new() })
    }

    /// Who works on the bug: the account of the person. A bug whose id is a UUID comes from an
    /// export of another server, whose names are accounts and stay. Any other name or mail address
    /// is a personal datum, and is left out.
    fn assignee(&mut self, external: &str, terms: &ImportTerms) -> Option<Name<100>> {
        let text = self.cell("assignee");
        let text = text.trim();
        if let Some(account) = terms.people.get(text) {
            return Some(*account);
        }
        let is_own = external.parse::<BugId>().is_ok() && !text.contains('@');
        if is_own { self.faults.parsed(self.line, "assignee", text) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use proptest::option;
    use proptest::prelude::*;
    use sqal_storage::bugs::Bug;

    use super::super::csv_export::CsvExport;
    use super::*;

    fn terms() -> ImportTerms {
        ImportTerms {
            system: Name::new("jira").unwrap(),
            by: Name::new("admin").unwrap(),
            at: Timestamp::from_micros(9_000_000).unwrap(),
            people: [("jo@plant.fr".to_owned(), Name::new("jo").unwrap())].into(),
        }
    }

    fn name<const N: usize>() -> impl Strategy<Value = Name<N>> {
        "[!-?A-~]([ -?A-~]{0,20}[!-?A-~])?".prop_map(|text| Name::new(&text).unwrap())
    }

    prop_compose! {
        fn contents()(
            title in "[=+@\t'-]{0,2}[!-~é\"]{1,30}",
            description in "[=+@'\t\r-]{0,2}(?s:[^\0]){0,60}",
            steps in "[=+@'\t\r-]{0,2}[ -~\n\r\"]{0,60}",
            severity in prop::sample::select(BugSeverity::ALL.to_vec()),
            priority in prop::sample::select(BugPriority::ALL.to_vec()),
            status in prop::sample::select(BugStatus::ALL.to_vec()),
            category in option::of(name::<32>()),
            tags in proptest::collection::btree_set(name::<64>(), 0..4),
            assignee in option::of(name::<100>()),
            device_id in option::of(name::<100>()),
            firmware_version in option::of(name::<32>()),
        ) -> BugContent {
            let title = title.replace('\t', "=");
            BugContent {
                reproduction_steps: steps,
                severity, priority, status, category, tags, assignee,
                links: BugLinks { device_id, firmware_version, ..BugLinks::default() },
                ..content(&title, description)
            }
        }
    }

    prop_compose! {
        fn bugs()(
            contents in contents(),
            id in any::<[u8; 16]>(),
            created in 0_i64..2_000_000_000_000_000,
            later in (0_i64..9_000_000_000_000, 0_i64..9_000_000_000_000),
        ) -> Bug {
            let time = |micros| Timestamp::from_micros(micros).unwrap();
            let times =
                BugTimes { created: time(created), updated: time(created + later.0), ended: time(created + later.1) };
            imported(BugId::from_random(id), times, contents)
        }
    }

    proptest! {
        #[test]
        fn what_is_exported_is_imported_equal(bugs in proptest::collection::vec(bugs(), 0..5)) {
            let mut table = Vec::new();
            let mut export = CsvExport::new(&mut table).unwrap();
            for bug in &bugs {
                export.write(bug).unwrap();
            }
            export.finish().unwrap();
            let file = read_csv(std::str::from_utf8(&table).unwrap(), &terms());
            prop_assert!(file.faults.is_empty(), "{:?}", file.faults);
            prop_assert_eq!(file.bugs.into_iter().map(|bug| bug.bug).collect::<Vec<_>>(), bugs);
        }

        #[test]
        fn any_text_is_read_or_refused_with_a_line(text in "(?s).{0,200}", rest in "(id,title|[a-z,;\"\n'=]){0,40}") {
            for text in [text, format!("id,title\n{rest}")] {
                let file = read_csv(&text, &terms());
                prop_assert!(file.faults.iter().all(|fault| fault.line >= 1));
                prop_assert!(file.faults.len() <= super::super::MOST_IMPORT_FAULTS);
            }
        }
    }

    #[test]
    fn columns_have_either_spelling_any_order_and_an_unknown_one_is_named() {
        let text = "\u{feff}title;device_id;firmwareVersion;id;Sprint;status;assignee;created_at\n\
            valve;station-1;2.3.1;SQ-7;9;In Progress;jo@plant.fr;2009-01-01 12:00:00 +0000\n";
        let file = read_csv(text, &terms());
        assert_eq!((file.faults.as_slice(), file.ignored), (&[][..], ["Sprint".to_owned()].into()));
        let bug = &file.bugs[0].bug;
        assert_eq!(bug.id, terms().bug_id("SQ-7"));
        assert_eq!(bug.content.links.device_id.unwrap().as_str(), "station-1");
        assert_eq!(bug.content.links.firmware_version.unwrap().as_str(), "2.3.1");
        assert_eq!(bug.content.status, BugStatus::InProgress);
        assert_eq!(bug.content.assignee.unwrap().as_str(), "jo");
        assert_eq!(bug.created_at.micros(), 1_230_811_200_000_000);
    }

    #[test]
    fn each_fault_has_its_line_its_field_and_its_value() {
        let text = "id,title,severity,createdAt,tags\n1,a,low,,x\n,b,,,\n3, ,,,\n4,\"two\nlines\",bad,soon,\n1,c,,,\n";
        let file = read_csv(text, &terms());
        let faults: Vec<_> =
            file.faults.iter().map(|fault| (fault.line, fault.field.as_str(), fault.value.as_str())).collect();
        let again = terms().bug_id("1").to_string();
        let expected = [
            (3, "id", ""),
            (4, "title", ""),
            (5, "severity", "bad"),
            (5, "createdAt", "soon"),
            (7, "id", again.as_str()),
        ];
        assert_eq!(faults, expected);
        assert_eq!(file.bugs.iter().map(|bug| bug.line).collect::<Vec<_>>(), [2]);
        let missing = read_csv("title,tags\na,b\n", &terms());
        assert_eq!(missing.faults[0].to_string(), "line 1: id: found \"\", expected a column of this name");
        assert!(missing.bugs.is_empty());
    }

    #[test]
    fn a_person_without_an_account_is_imported_only_from_an_export_of_another_server() {
        let own = "0192cb0e-d580-4abc-8def-00112233445";
        let text = format!(
            "id,title,assignee\n1,a,other@plant.fr\n2,b,Marie Dupont\n3,c,jo@plant.fr\n\
             {own}1,d,marie\n{own}2,e,other@plant.fr\n"
        );
        let file = read_csv(&text, &terms());
        assert!(file.faults.is_empty(), "{:?}", file.faults);
        let assignees: Vec<_> = file.bugs.iter().map(|bug| bug.bug.content.assignee).collect();
        let account = |name: &str| Name::new(name).ok();
        assert_eq!(assignees, [None, None, account("jo"), account("marie"), None]);
    }
}
