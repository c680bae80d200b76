//! `cargo xtask seeded`: six bugs that circuit breakers of the field have, put into a copy of ours
//! one at a time; the suite must go red at each.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::Failed;
use crate::report::say;

/// A bug: what it is, and the edits that make it.
struct Bug {
    name: &'static str,
    edits: &'static [(&'static str, &'static str)],
}

/// Where the breaker is: each text of an edit stands once in the files of this folder.
const FOLDER: &str = "sqal-resilience/src/breaker";

const BUGS: [Bug; 6] = [
    Bug {
        name: "M1: results of another generation count",
        edits: &[
            ("if word.generation() == claim.generation() {", "if word.generation() >= claim.generation() {"),
            (
                "if inner.generation == claim.generation() {\n            self.count",
                "if inner.generation >= claim.generation() {\n            self.count",
            ),
        ],
    },
    Bug {
        name: "M2: a dropped probe keeps its place",
        edits: &[("if claim.is_probe() {", "if claim.is_probe() && said != Said::Abandoned {")],
    },
    Bug {
        name: "M3: the number of probes is not checked",
        edits: &[(
            "State::HalfOpen if inner.probes + inner.successes < inner.config.half_open_max_calls.get() => {",
            "State::HalfOpen if inner.probes + inner.successes < u32::MAX => {",
        )],
    },
    Bug {
        name: "M4: the change to half open is not looked at again under the lock",
        edits: &[(
            "self.settle(&mut inner, now);\n        let admitted",
            "if word.state() == State::Open && inner.state == State::HalfOpen {\n            \
             self.change(&mut inner, State::HalfOpen, Cause::OpenTimeOver, now);\n        }\n        \
             self.settle(&mut inner, now);\n        let admitted",
        )],
    },
    Bug {
        name: "M5: a probe that hangs blocks the breaker",
        edits: &[(
            "State::HalfOpen => self.change(inner, State::HalfOpen, Cause::ProbesHung, now),",
            "State::HalfOpen => {}",
        )],
    },
    Bug {
        name: "M6: a reset keeps the generation",
        edits: &[(
            "inner.generation += 1;\n        match (from, to)",
            "inner.generation += u64::from(cause != Cause::ByHand);\n        match (from, to)",
        )],
    },
];

/// Which tests go red with a bug: by example, by the simple machine, by every interleaving.
const SUITES: [(&str, &[&str], &str); 3] = [
    ("examples", &["--all-features", "--test", "breaker"], ""),
    ("machine", &["--all-features", "--test", "machine"], ""),
    ("interleavings", &["--features", "tokio", "--test", "interleavings"], "--cfg model_check"),
];

/// The files of a folder by their names.
fn sources(folder: &Path) -> Result<BTreeMap<OsString, String>, Failed> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        files.insert(entry.file_name(), fs::read_to_string(entry.path())?);
    }
    Ok(files)
}

/// Writes the files of a folder.
fn write(folder: &Path, files: &BTreeMap<OsString, String>) -> Result<(), Failed> {
    for (name, text) in files {
        fs::write(folder.join(name), text)?;
    }
    Ok(())
}

/// The files with a bug.
fn edited(
    name: &str,
    edits: &[(&str, &str)],
    sound: &BTreeMap<OsString, String>,
) -> Result<BTreeMap<OsString, String>, Failed> {
    let mut files = sound.clone();
    for (from, to) in edits {
        let count = files.values().map(|text| text.matches(from).count()).sum::<usize>();
        let file = files.values_mut().find(|text| text.contains(from)).filter(|_| count == 1);
        let Some(text) = file else {
            return Err(Failed(format!("{name}: {from:?} does not stand once in the files of {FOLDER}")));
        };
        *text = text.replace(from, to);
    }
    Ok(files)
}

/// Runs the suites against each bug.
///
/// # Errors
///
/// [`Failed`] if a bug is not caught by any of them, or cannot be put in.
pub fn run(root: &Path) -> Result<(), Failed> {
    let copy = root.join("target/seeded");
    let tracked = Command::new("git").args(["ls-files", "-z"]).current_dir(root).output()?;
    for name in String::from_utf8_lossy(&tracked.stdout).split_terminator('\0') {
        let to = copy.join(name);
        fs::create_dir_all(to.parent().unwrap_or(&copy))?;
        fs::copy(root.join(name), to)?;
    }
    let sound = sources(&root.join(FOLDER))?;
    let mut missed = Vec::new();
    for Bug { name, edits } in BUGS {
        write(&copy.join(FOLDER), &edited(name, edits, &sound)?)?;
        let mut caught = Vec::new();
        for (suite, arguments, flags) in SUITES {
            let mut test = Command::new("cargo");
            test.args(["test", "--quiet", "-p", "sqal-resilience"]).args(arguments).current_dir(&copy);
            test.env("CARGO_TARGET_DIR", copy.join(format!("target-{}", flags.len()))).env("RUSTFLAGS", flags);
            let output = test.output()?;
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            // A mutant that does not compile was not caught by a test.
            if !output.status.success() && !said.contains("test result: FAILED") && !said.contains("running") {
                return Err(Failed(format!("{name}: {}", String::from_utf8_lossy(&output.stderr))));
            }
            if !output.status.success() {
                caught.push(suite);
            }
        }
        say(&format!("{name}: caught by {}", if caught.is_empty() { "nothing".to_owned() } else { caught.join(", ") }));
        if caught.is_empty() {
            missed.push(name);
        }
    }
    write(&copy.join(FOLDER), &sound)?;
    if missed.is_empty() { Ok(()) } else { Err(Failed(format!("not caught: {}", missed.join("; ")))) }
}
