//! Each script is one module of several files, which write no markup.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use sqal_dashboard::{BUGS_SCRIPT, SCRIPT};

/// The files of a folder of scripts: their names and their texts.
fn files(folder: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder);
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| (path.display().to_string(), std::fs::read_to_string(path).unwrap())).collect()
}

/// Every file of a folder is joined to the script of its page, exactly once.
#[test]
fn every_file_of_a_script_is_served() {
    for (folder, script) in [("script", SCRIPT), ("bugs/script", BUGS_SCRIPT)] {
        let files = files(folder);
        assert!(!files.is_empty(), "{folder}");
        for (name, text) in files {
            assert_eq!(script.matches(&text).count(), 1, "{name}");
        }
    }
}

/// The script of a page is its files, and the page of bugs has files of the live page beside its
/// own.
#[test]
fn a_script_is_nothing_but_its_files() {
    let length = |files: &[(String, String)], script: &str| {
        files.iter().filter(|(_, text)| script.contains(text.as_str())).map(|(_, text)| text.len()).sum::<usize>()
    };
    let (shared, own) = (files("script"), files("bugs/script"));
    assert_eq!(length(&shared, SCRIPT), SCRIPT.len());
    assert_eq!(length(&shared, BUGS_SCRIPT) + length(&own, BUGS_SCRIPT), BUGS_SCRIPT.len());
}

/// A text of a device or of a person becomes no markup: the scripts have no function that reads
/// markup or code from a text.
#[test]
fn no_script_makes_markup_or_code_of_a_text() {
    let readers = ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "DOMParser", "eval(", "Function("];
    for script in [SCRIPT, BUGS_SCRIPT] {
        for reader in readers {
            assert!(!script.contains(reader), "{reader}");
        }
    }
}

/// In the French words of the page of bugs, the space before a colon and its like does not break.
#[test]
fn french_punctuation_stays_on_the_line_of_its_word() {
    let (_, words) = files("bugs/script").into_iter().find(|(name, _)| name.ends_with("words.js")).unwrap();
    for mark in [" :", " ;", " !", " ?", " %"] {
        assert!(!words.contains(mark), "a plain space in {mark:?}");
    }
}
