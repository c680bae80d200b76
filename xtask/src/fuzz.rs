//! `cargo xtask fuzz`: bytes that break a promise are searched for, a target at a time, and inputs
//! that reach new code are kept.

use std::path::Path;
use std::process::Command;

use crate::Failed;
use crate::process::Interrupts;
use crate::report::say;
use crate::tools::{self, FUZZ};

/// Longest time of a single input, in seconds: a hundred times what the slowest takes.
const LONGEST_SECS: u32 = 10;

/// Largest input in bytes: twice a documented frame; what is longer than a limit is
/// tried by the tests.
const LARGEST: u32 = 8192;

/// Searches each target for `minutes` (10 without a number), or only one target.
///
/// # Errors
///
/// [`Failed`] if an input breaks a promise: libFuzzer has then said where it is kept.
pub fn run(root: &Path, interrupts: &Interrupts, minutes: Option<&str>, only: Option<&str>) -> Result<(), Failed> {
    let minutes = minutes.unwrap_or("10");
    let number = minutes.parse::<u32>().map_err(|error| Failed(format!("fuzz: {minutes:?} minutes: {error}")))?;
    let program = tools::tool(root, interrupts, &FUZZ)?;
    let mut targets: Vec<_> = std::fs::read_dir(root.join("fuzz/targets"))?
        .filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_str()?.to_owned()))
        .filter(|target| only.is_none_or(|only| only == target))
        .collect();
    targets.sort();
    if targets.is_empty() {
        return Err(Failed(format!("fuzz: there is no target {:?} in fuzz/targets", only.unwrap_or_default())));
    }
    for target in targets {
        let (grown, kept) =
            (root.join("target/fuzz-corpus").join(&target), root.join("target/fuzz-kept").join(&target));
        std::fs::create_dir_all(&grown)?;
        interrupts.run(&mut corpus(root, "unpack", &target, &kept))?;
        // The toolchain of everybody: without sanitizers, for the code forbids `unsafe`, but with
        // every assertion and overflow check.
        let start = || {
            let mut command = Command::new(&program);
            command.args(["run", "--sanitizer", "none", "--fuzz-dir", "fuzz", "--target-dir", "target/fuzz", &target]);
            command.current_dir(root);
            command
        };
        say(&format!("== {target}: {number} min"));
        let mut search = start();
        search.arg(&grown).arg(&kept).args(["--", &format!("-max_total_time={}", u64::from(number) * 60)]);
        search.args([format!("-timeout={LONGEST_SECS}"), format!("-max_len={LARGEST}")]);
        search.args(["-dict=fuzz/words.dict", "-print_final_stats=1", "-verbosity=0"]);
        interrupts.run(&mut search)?;
        // Of those that were found, the fewest that reach all that is reached.
        let mut keep = start();
        keep.arg(&kept).arg(&grown).args(["--", "-set_cover_merge=1", "-use_counters=0", "-verbosity=0"]);
        interrupts.run(&mut keep)?;
        interrupts.run(&mut corpus(root, "pack", &target, &kept))?;
    }
    Ok(())
}

/// The program of the fuzzing crate that unpacks and packs the inputs of a target.
fn corpus(root: &Path, what: &str, target: &str, folder: &Path) -> Command {
    let mut command = Command::new("cargo");
    command.args(["run", "--quiet", "--package", "fuzzing", "--bin", "corpus", "--", what, target]);
    command.arg(folder).current_dir(root);
    command
}
