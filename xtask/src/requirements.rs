//! `docs/requirements.md`: one row for each requirement, whether it is met, and the tests that show
//! it; checked against the tree.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::Failed;

/// A row of the table.
#[derive(Debug, PartialEq, Eq)]
struct Row<'a> {
    id: &'a str,
    state: &'a str,
    shown_by: &'a str,
}

/// The rows of the tables of requirements; every other line is prose.
fn rows(text: &str) -> impl Iterator<Item = Row<'_>> {
    text.lines().filter_map(|line| {
        let cells: Vec<_> =
            line.strip_prefix("| ")?.trim_end().trim_end_matches('|').split(" | ").map(str::trim).collect();
        let [id, .., state, shown_by] = cells[..] else { return None };
        is_id(id).then_some(Row { id, state, shown_by })
    })
}

/// Whether a word is the id of a requirement: `MET-14`, `C-03`.
fn is_id(word: &str) -> bool {
    word.split_once('-').is_some_and(|(group, number)| {
        (1..=3).contains(&group.len())
            && group.bytes().all(|byte| byte.is_ascii_uppercase())
            && number.len() == 2
            && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// The names between backticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// The ids that a text cites, of groups that the table knows.
fn cited<'a>(text: &'a str, groups: &BTreeSet<&str>) -> BTreeSet<&'a str> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-');
    words.filter(|word| is_id(word) && word.split('-').next().is_some_and(|group| groups.contains(group))).collect()
}

/// The functions of a text, and whether each is a test: an attribute before it names `test`.
fn functions_of(text: &str) -> Vec<(&str, bool)> {
    let (mut functions, mut is_test) = (Vec::new(), false);
    for line in text.lines() {
        let code = line.trim();
        is_test |=
            code.starts_with("#[") && code.split(|letter: char| !letter.is_alphanumeric()).any(|word| word == "test");
        if let Some(name) = code.split("fn ").nth(1).filter(|_| !code.starts_with("//")) {
            let name = name.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next().unwrap_or_default();
            functions.push((name, is_test));
            is_test = false;
        } else if code.is_empty() || code.ends_with(['}', ';']) {
            is_test = false;
        }
    }
    functions
}

/// What is wrong with the table: an id twice or unknown, a state that is none of the three, a test
/// that is not there, a function that is no test, a requirement without one.
///
/// # Errors
///
/// [`Failed`] if a file cannot be read.
pub fn run(root: &Path, files: &[PathBuf]) -> Result<Vec<String>, Failed> {
    let Ok(table) = fs::read_to_string(root.join("docs/requirements.md")) else { return Ok(Vec::new()) };
    let mut sources = BTreeMap::new();
    for path in files.iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs")) {
        let shown = path.strip_prefix(root).unwrap_or(path).display().to_string();
        sources.insert(shown, fs::read_to_string(path)?);
    }
    Ok(findings(&table, &sources))
}

fn findings(table: &str, sources: &BTreeMap<String, String>) -> Vec<String> {
    let (mut functions, mut tests) = (BTreeSet::new(), BTreeSet::new());
    for (path, text) in sources {
        let is_law = path.contains("/conformance/");
        for (name, is_test) in functions_of(text) {
            functions.insert(name);
            if is_test || is_law {
                tests.insert(name);
            }
        }
    }
    let (mut found, mut known) = (Vec::new(), BTreeSet::new());
    for Row { id, state, shown_by } in rows(table) {
        let mut say = |what: &str| found.push(format!("docs/requirements.md: {id} {what}"));
        if !known.insert(id) {
            say("stands twice");
        }
        match state {
            "met" if quoted(shown_by).next().is_none() => say("names nothing that shows it"),
            "met" | "in part" | "open" => {}
            other => say(&format!("is {other:?}: expected met, in part or open")),
        }
        for name in quoted(shown_by) {
            let is_function = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if is_function && !functions.contains(name) {
                say(&format!("is shown by {name}, which is not there"));
            } else if is_function && !tests.contains(name) {
                say(&format!("is shown by {name}, which is no test and no law"));
            }
        }
    }
    let groups: BTreeSet<_> = known.iter().filter_map(|id| id.split('-').next()).collect();
    for (path, text) in sources {
        let unknown = cited(text, &groups).into_iter().filter(|id| !known.contains(id));
        found.extend(unknown.map(|id| format!("{path}: {id} is not in docs/requirements.md")));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_of_the_table_is_named() {
        let source = "/// MET-01 and X-RAY-99.\n#[tokio::test(\n    flavor = \"multi_thread\"\n)]\nasync fn it_is_shown() {}\n#[inline]\nfn helper() {}\n";
        let of = |table: &str, source: &str| findings(table, &BTreeMap::from([("a.rs".to_owned(), source.to_owned())]));
        let sound = "| id | what it asks | state | shown by |\n|---|---|---|---|\n| MET-01 | A counter. | met | `it_is_shown` |\n| MET-02 | Later. | open | – |\n";
        assert_eq!(of(sound, source), Vec::<String>::new());
        for (from, to, part) in [
            ("`it_is_shown`", "`it_was_shown`", "MET-01 is shown by it_was_shown, which is not there"),
            ("`it_is_shown`", "–", "MET-01 names nothing that shows it"),
            ("`it_is_shown`", "`helper`", "MET-01 is shown by helper, which is no test and no law"),
            ("| open |", "| done |", "MET-02 is \"done\""),
            ("MET-02", "MET-01", "MET-01 stands twice"),
            ("MET-01", "MET-03", "a.rs: MET-01 is not in docs/requirements.md"),
        ] {
            let found = of(&sound.replace(from, to), source);
            assert!(found.iter().any(|line| line.contains(part)), "{to}: {found:?}");
        }
    }
}
