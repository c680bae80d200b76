//! Every input that a search has found to matter is tried again, and so are those that each target must not be bored by.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use fuzzing::TARGETS;

/// The folders of the corpora are the targets, each has inputs, and none of them breaks a promise.
#[test]
fn what_was_found_holds() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut folders: Vec<_> = fs::read_dir(&corpora).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    let mut names: Vec<_> = TARGETS.iter().map(|(name, _)| std::ffi::OsString::from(name)).collect();
    folders.sort();
    names.sort();
    assert_eq!(folders, names);
    for (name, target) in TARGETS {
        let mut tried = 0;
        for entry in fs::read_dir(corpora.join(name)).unwrap() {
            target(&fs::read(entry.unwrap().path()).unwrap());
            tried += 1;
        }
        assert!(tried >= 3, "{name}: {tried} inputs");
    }
}
