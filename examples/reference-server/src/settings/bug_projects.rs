//! [`BugProject`]: a group of senders that report their faults, from a file of the plant.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::path::Path;

use serde_json::{Map, Value};
use sqal_bugs::envelope::EventRate;
use sqal_core::Name;
use sqal_http::TokenHash;
use sqal_storage::bugs::BugSource;

use crate::plain_file;

/// The largest id of a project. Clients of Sentry read a project as an integer.
const LARGEST_ID: u64 = 999_999;

/// The number of hexadecimal digits of a public key.
const KEY_DIGITS: usize = 32;

/// The most keys of a project.
const MOST_KEYS: usize = 10;

/// The most projects of a file.
const MOST_PROJECTS: usize = 1_000;

/// The members that a project of the file can have.
const KNOWN: [&str; 7] = ["id", "name", "kind", "key", "key_file", "keys", "events_per_minute"];

/// A group of senders that report their faults with one key, or with several while a key is
/// replaced by another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BugProject {
    /// The number in the path of the intake.
    pub id: NonZeroU32,
    /// The name, for people.
    pub name: Name<64>,
    /// What sends the events: devices, pages or servers.
    pub source: BugSource,
    /// The SHA-256 of each public key.
    pub keys: Vec<TokenHash>,
    /// The first public key, if the project is of pages: the pages of the server are given it.
    pub page_key: Option<String>,
    /// How many events each key may send in a minute.
    pub rate: EventRate,
}

/// Reads a file of projects. No mistake repeats a key, because a key lets its holder report faults.
///
/// # Errors
///
/// Every mistake of the file, each with the path of the file.
pub(super) fn read(path: &Path) -> Result<Vec<BugProject>, Vec<String>> {
    let text = plain_file::text(path).map_err(|why| vec![why])?;
    let of_file = |what: String| format!("{}: {what}", path.display());
    let entries = entries(&text).map_err(|what| vec![of_file(what)])?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let (mut projects, mut mistakes) = (Vec::new(), Vec::new());
    for (number, value) in (1_usize..).zip(&entries) {
        match value.as_object() {
            Some(members) => {
                let place = format!("project {number}");
                projects.extend(ProjectEntry { place, folder, mistakes: &mut mistakes }.project(members));
            }
            None => mistakes.push(format!("project {number}: expected a mapping with id, name, kind and key")),
        }
    }
    refuse_twice(&projects, &mut mistakes);
    if mistakes.is_empty() { Ok(projects) } else { Err(mistakes.into_iter().map(of_file).collect()) }
}

/// The list of a file.
fn entries(text: &str) -> Result<Vec<Value>, String> {
    let value: Value = serde_saphyr::from_str(text).map_err(|error| {
        let line = error.location().map(|location| format!(" at line {}", location.line())).unwrap_or_default();
        format!("this is not YAML{line}")
    })?;
    match value {
        Value::Array(entries) if entries.len() <= MOST_PROJECTS => Ok(entries),
        Value::Array(entries) => Err(format!("{} projects, expected at most {MOST_PROJECTS}", entries.len())),
        _ => Err("expected a list of projects".to_owned()),
    }
}

/// Adds a mistake for each id that two projects have.
fn refuse_twice(projects: &[BugProject], mistakes: &mut Vec<String>) {
    let mut ids = BTreeSet::new();
    for project in projects.iter().filter(|project| !ids.insert(project.id)) {
        mistakes.push(format!("id {}: another project has it", project.id));
    }
}

/// A project of a file that is being read.
struct ProjectEntry<'a> {
    /// How mistakes name the project.
    place: String,
    folder: &'a Path,
    mistakes: &'a mut Vec<String>,
}

impl ProjectEntry<'_> {
    fn wrong(&mut self, member: &str, what: &str) {
        self.mistakes.push(format!("{}.{member}: {what}", self.place));
    }

    /// The project of a mapping. Every member is read, so that all mistakes are told.
    fn project(mut self, members: &Map<String, Value>) -> Option<BugProject> {
        if members.keys().any(|member| !KNOWN.contains(&member.as_str())) {
            // An unknown member may be a key at the wrong place, so it is not shown.
            self.mistakes.push(format!(
                "{}: an unknown member, expected no other than {}",
                self.place,
                KNOWN.join(", ")
            ));
        }
        let member = |name: &str| members.get(name).filter(|value| !value.is_null());
        let id = self.id(member("id"));
        let name = self.name(member("name"));
        let source = self.source(member("kind"));
        let keys = self.keys(member("key"), member("key_file"), member("keys"));
        let rate = self.rate(member("events_per_minute"));
        let (source, keys) = (source?, keys?);
        let page_key = keys.first().filter(|_| source == BugSource::Page).cloned();
        let keys = keys.iter().map(|key| TokenHash::of(key)).collect();
        Some(BugProject { id: id?, name: name?, source, keys, page_key, rate: rate? })
    }

    fn id(&mut self, value: Option<&Value>) -> Option<NonZeroU32> {
        let number = value.and_then(Value::as_u64).filter(|number| *number <= LARGEST_ID);
        let id = number.and_then(|number| u32::try_from(number).ok()).and_then(NonZeroU32::new);
        if id.is_none() {
            self.wrong("id", "expected an integer from 1 to 999999");
        }
        id
    }

    fn name(&mut self, value: Option<&Value>) -> Option<Name<64>> {
        let name = value.and_then(Value::as_str).and_then(|text| Name::new(text).ok());
        if name.is_none() {
            self.wrong("name", "expected printable text of 1 to 64 bytes");
        }
        name
    }

    fn source(&mut self, value: Option<&Value>) -> Option<BugSource> {
        let source = match value.and_then(Value::as_str) {
            Some("device") => Some(BugSource::Device),
            Some("page") => Some(BugSource::Page),
            Some("server") => Some(BugSource::Server),
            _ => None,
        };
        if source.is_none() {
            self.wrong("kind", "expected device, page or server");
        }
        source
    }

    /// How many events each key may send in a minute.
    fn rate(&mut self, value: Option<&Value>) -> Option<EventRate> {
        let Some(value) = value else { return Some(EventRate::default()) };
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        let rate = number.and_then(|number| EventRate::per_minute(number).ok());
        if rate.is_none() {
            self.wrong("events_per_minute", &format!("expected an integer from 1 to {}", EventRate::MOST));
        }
        rate
    }

    /// The keys that stand here or in a file: one or more.
    fn keys(&mut self, one: Option<&Value>, file: Option<&Value>, list: Option<&Value>) -> Option<Vec<String>> {
        match (one, file, list) {
            (Some(value), None, None) => Some(vec![self.key("key", value.as_str())?]),
            (None, Some(value), None) => {
                let text = self.file(value)?;
                Some(vec![self.key("key_file", Some(&text))?])
            }
            (None, None, Some(value)) => self.listed(value),
            _ => {
                self.wrong("key", "expected one of a public key, key_file and keys");
                None
            }
        }
    }

    /// The keys of a list. Each of them is read, so that all mistakes are told.
    fn listed(&mut self, value: &Value) -> Option<Vec<String>> {
        let Some(values) = value.as_array().filter(|values| (1..=MOST_KEYS).contains(&values.len())) else {
            self.wrong("keys", &format!("expected a list of 1 to {MOST_KEYS} public keys"));
            return None;
        };
        let read = |(number, value): (usize, &Value)| self.key(&format!("keys.{number}"), value.as_str());
        let keys: Vec<_> = (1..).zip(values).map(read).collect();
        let keys: Vec<_> = keys.into_iter().collect::<Option<_>>()?;
        if keys.iter().collect::<BTreeSet<_>>().len() < keys.len() {
            self.wrong("keys", "a key is there twice");
            return None;
        }
        Some(keys)
    }

    /// A public key.
    fn key(&mut self, member: &str, text: Option<&str>) -> Option<String> {
        let is_key = |text: &&str| {
            text.len() == KEY_DIGITS && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        let key = text.map(str::trim).filter(is_key).map(str::to_owned);
        if key.is_none() {
            self.wrong(member, "expected 32 small hexadecimal digits; a key of digits alone is in quotes");
        }
        key
    }

    /// The text of a file, whose path is relative to the folder of the file of projects.
    fn file(&mut self, value: &Value) -> Option<String> {
        let Some(path) = value.as_str() else {
            self.wrong("key_file", "expected the path of a file");
            return None;
        };
        let text = plain_file::text_of_unnamed(&self.folder.join(path));
        text.map_err(|why| self.wrong("key_file", &format!("the file cannot be read: {why}"))).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    fn file(folder: &tempfile::TempDir, text: &str) -> std::path::PathBuf {
        let path = folder.path().join("projects.yaml");
        std::fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn projects_are_read_with_keys_of_the_file_and_of_files_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("page.key"), format!("{}\n", "f".repeat(32))).unwrap();
        let text = format!(
            "- {{ id: 1, name: Postes, kind: device, key: {KEY} }}\n\
             - {{ id: 999999, name: page, kind: page, key_file: page.key }}\n\
             - {{ id: 3, name: tools, kind: server, key: '{}' }}\n",
            "1".repeat(32)
        );
        let projects = read(&file(&folder, &text)).unwrap();
        let short: Vec<_> = projects.iter().map(|one| (one.id.get(), one.source, one.keys.as_slice())).collect();
        assert_eq!(
            short,
            [
                (1, BugSource::Device, &[TokenHash::of(KEY)][..]),
                (999_999, BugSource::Page, &[TokenHash::of(&"f".repeat(32))][..]),
                (3, BugSource::Server, &[TokenHash::of(&"1".repeat(32))][..]),
            ]
        );
        let page_keys: Vec<_> = projects.iter().map(|one| one.page_key.clone()).collect();
        assert_eq!(page_keys, [None, Some("f".repeat(32)), None], "only a page is given its key");
        assert!(projects.iter().all(|one| one.rate == EventRate::default()));
        assert_eq!(read(&file(&folder, "[]")).unwrap(), []);
    }

    #[test]
    fn a_project_has_a_key_and_the_key_after_it_and_a_rate_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let next = "b".repeat(32);
        let text = format!("- {{ id: 1, name: a, kind: page, keys: [{next}, {KEY}], events_per_minute: 600000 }}");
        let [project]: [BugProject; 1] = read(&file(&folder, &text)).unwrap().try_into().unwrap();
        assert_eq!(project.keys, [next.as_str(), KEY].map(TokenHash::of));
        assert_eq!((project.page_key, project.rate.get()), (Some(next), 600_000), "the first key is the page's");
    }

    #[test]
    fn every_mistake_is_told_at_once_and_no_key_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "- {{ id: 0, name: '', kind: phone, key: hunter2 }}\n\
             - {{ id: 1000000, name: a, kind: page, hunter2: x }}\n\
             - {{ id: 5, name: a, kind: page, key: '{KEY}', key_file: x }}\n\
             - {{ id: 6, name: a, kind: page, key_file: hunter2 }}\n\
             - hunter2\n\
             - {{ id: 7, name: a, kind: page, key: '{KEY}' }}\n\
             - {{ id: 7, name: b, kind: page, key: '{KEY}' }}\n\
             - {{ id: 8, name: b, kind: page, key: '{}' }}\n\
             - {{ id: 9, name: b, kind: page, keys: [{KEY}, hunter2, 7], events_per_minute: 0 }}\n\
             - {{ id: 10, name: b, kind: page, keys: [{KEY}, {KEY}], events_per_minute: 600001 }}\n\
             - {{ id: 11, name: b, kind: page, keys: [], events_per_minute: hunter2 }}\n\
             - {{ id: 12, name: b, kind: page, keys: {KEY}, key: {KEY} }}\n",
            KEY.to_uppercase()
        );
        let path = file(&folder, &text);
        let told = read(&path).unwrap_err();
        for right in [
            "project 1.id: expected an integer from 1 to 999999",
            "project 1.name: expected",
            "project 1.kind: expected device, page or server",
            "project 1.key: expected 32 small",
            "project 2: an unknown member",
            "project 2.id: expected",
            "project 2.key: expected one of",
            "project 3.key: expected one of",
            "project 4.key_file: the file cannot be read: No such file",
            "project 5: expected a mapping",
            "project 8.key: expected 32 small",
            "project 9.keys.2: expected 32 small",
            "project 9.keys.3: expected 32 small",
            "project 9.events_per_minute: expected an integer from 1 to 600000",
            "project 10.keys: a key is there twice",
            "project 10.events_per_minute: expected an integer",
            "project 11.keys: expected a list of 1 to 10",
            "project 11.events_per_minute: expected an integer",
            "project 12.key: expected one of",
            "id 7: another project has it",
        ] {
            let begin = format!("{}: {right}", path.display());
            assert_eq!(told.iter().filter(|line| line.starts_with(&begin)).count(), 1, "{right}: {told:#?}");
        }
        assert_eq!(told.len(), 20, "{told:#?}");
        let all = told.join("\n").to_lowercase();
        assert!(!all.contains("hunter2") && !all.contains(KEY), "{all}");
    }

    #[test]
    fn a_file_that_is_no_list_is_refused_and_not_repeated() {
        let folder = tempfile::tempdir().unwrap();
        for (text, why) in [("hunter2", "expected a list"), ("a: hunter2", "expected a list"), ("[hunter2", "not YAML")]
        {
            let told = read(&file(&folder, text)).unwrap_err();
            assert!(told.len() == 1 && told[0].contains(why) && !told[0].contains("hunter2"), "{text}: {told:?}");
        }
        assert!(read(&folder.path().join("nothing")).unwrap_err()[0].contains("No such file"));
    }
}
