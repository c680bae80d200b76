//! No law is forgotten: each law stands in the macro that runs it on every store, and in the list
//! of laws that stores with a bug must break.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The laws that stand in no list, each with the file of its laws.
///
/// `what_was_changed_is_not_given` takes a function that changes a row behind the store, in the
/// language of its engine. A macro that gets only a store cannot run it: the tests of each engine
/// and of the mutants call it by name.
const BY_NAME: [(&str, &str); 1] = [("register", "what_was_changed_is_not_given")];

/// The laws of a port, and the words of its macro.
#[derive(Debug, Default)]
struct Port {
    laws: BTreeSet<String>,
    in_macro: BTreeSet<String>,
}

/// The laws of samples stand beside those of the other ports, in files without a name of their own.
const SAMPLES: &str = "mod";

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The Rust files of a folder and of the folders in it.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = paths.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] });
    files.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '_').filter(|word| !word.is_empty())
}

/// The blocks in braces that follow a text.
fn blocks<'a>(text: &'a str, begin: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(begin).skip(1).map(|rest| {
        let mut depth = 0;
        let closes = |(_, letter): &(usize, char)| {
            depth += i32::from(*letter == '{') - i32::from(*letter == '}');
            *letter == '}' && depth == 0
        };
        let (end, _) = rest.char_indices().find(closes).unwrap();
        &rest[..end]
    })
}

/// The ports by the name of their file or folder under `src/conformance`.
fn ports() -> BTreeMap<String, Port> {
    let root = folder("src/conformance");
    let mut ports = BTreeMap::<String, Port>::new();
    for path in sources(&root) {
        let within = path.strip_prefix(&root).unwrap().with_extension("");
        let name = within.iter().next().unwrap().to_str().unwrap().to_owned();
        let (text, port) = (text(&path), ports.entry(name).or_default());
        let laws = text.lines().filter_map(|line| line.strip_prefix("pub async fn "));
        port.laws.extend(laws.filter_map(|rest| words(rest).next()).map(str::to_owned));
        port.in_macro.extend(blocks(&text, "macro_rules! ").flat_map(words).map(str::to_owned));
    }
    // What stands in a file without a macro belongs to samples.
    let (mut ports, others): (BTreeMap<String, Port>, BTreeMap<_, _>) =
        ports.into_iter().partition(|(name, port)| name == SAMPLES || !port.in_macro.is_empty());
    ports.entry(SAMPLES.to_owned()).or_default().laws.extend(others.into_values().flat_map(|port| port.laws));
    ports
}

fn is_listed(port: &str, law: &str) -> bool {
    !BY_NAME.contains(&(port, law))
}

#[test]
fn every_law_stands_in_the_macro_that_runs_it_on_a_store() {
    for (name, port) in ports() {
        assert!(!port.laws.is_empty(), "{name} has a macro and no law");
        let left_out = port.laws.difference(&port.in_macro).filter(|law| is_listed(&name, law));
        assert_eq!(left_out.collect::<Vec<_>>(), Vec::<&String>::new(), "no store of {name} is tested for these laws");
    }
}

#[test]
fn every_law_stands_in_the_list_of_laws_that_stores_with_a_bug_must_break() {
    for (name, port) in ports() {
        let file = if name == SAMPLES { "mutants.rs".to_owned() } else { format!("{name}_mutants.rs") };
        let text = text(&folder("tests").join(&file));
        let tested: BTreeSet<_> =
            ["run! ", "broken! "].into_iter().flat_map(|list| blocks(&text, list)).flat_map(words).collect();
        let left_out = port.laws.iter().filter(|law| is_listed(&name, law) && !tested.contains(law.as_str()));
        assert_eq!(left_out.collect::<Vec<_>>(), Vec::<&String>::new(), "{file}: no bug is tested against these laws");
    }
}

#[test]
fn a_law_that_stands_in_no_list_is_called_for_both_engines_and_for_the_mutants() {
    let ports = ports();
    for (port, law) in BY_NAME {
        assert!(ports[port].laws.contains(law), "{port} has no law {law}");
        let called = format!("{law}(");
        let calls = sources(&folder("tests")).into_iter().map(|path| text(&path).matches(&called).count());
        assert!(calls.sum::<usize>() >= 3, "{law} is called too seldom");
    }
}
