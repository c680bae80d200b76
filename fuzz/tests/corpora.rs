//! Tries again all inputs that searches have found useful, and the seeds of each target.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use fuzzing::TARGETS;
use fuzzing::corpus::{archive, inputs};

/// Each target has an archive with inputs, there are no other archives, and no input breaks a
/// promise.
#[test]
fn what_was_found_holds() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut there: Vec<_> = fs::read_dir(&corpora).unwrap().map(|entry| entry.unwrap().path()).collect();
    let mut wanted: Vec<_> = TARGETS.iter().map(|(name, _)| archive(name)).collect();
    there.sort();
    wanted.sort();
    assert_eq!(there, wanted);
    for (name, target) in TARGETS {
        let inputs = inputs(&archive(name)).unwrap();
        assert!(inputs.len() >= 3, "{name}: {} inputs", inputs.len());
        for (_, bytes) in inputs {
            target(&bytes);
        }
    }
}
