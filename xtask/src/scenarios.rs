//! `cargo xtask scenarios`: runs the tests that bear the id of a scenario and writes what came of
//! them into `docs/resilience.md`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::Failed;
use crate::report::say;

/// The groups of scenarios: prefix, what they are about, and how many there are.
const GROUPS: [(&str, &str, u32); 11] = [
    ("cb", "circuit breaker", 53),
    ("rl", "rate limiter", 29),
    ("rt", "retry, backoff, budget, replay", 29),
    ("to", "timeout and deadline", 9),
    ("bh", "bulkhead, adaptive limit, shedding", 14),
    ("sf", "single-flight", 13),
    ("sd", "shutdown", 27),
    ("hr", "health", 15),
    ("tw", "tower integration", 12),
    ("dx", "distributed buckets", 10),
    ("ev", "events, metrics, configuration", 8),
];

/// What a test that bears its id would not show better: the id, and why.
const ARGUED: [(&str, u32, &str); 1] = [(
    "sf",
    10,
    "not detected: a call inside a flight that asks for the key of this flight waits for itself, as with a lock. To detect it, every flight would \
     have to record its callers. Documented on `SingleFlight`.",
)];

/// The crates whose tests bear ids, and how those tests are called.
const TESTS: [&[&str]; 4] = [
    &["-p", "sqal-resilience", "--all-features", "--tests"],
    &["-p", "sqal-storage", "--all-features", "--test", "shared_limits"],
    &["-p", "sqal-http", "--all-features", "--tests"],
    &["-p", "reference-server", "--test", "line", "--", "--skip", "postgres"],
];

/// The marks between which the table stands.
const MARKS: [&str; 2] = ["<!-- scenarios -->\n", "<!-- /scenarios -->"];

/// A test's name, taken apart: the ids it shows, and what it says.
fn parts(name: &str) -> Option<(&'static str, Vec<u32>, String)> {
    let name = name.rsplit("::").next()?;
    let (prefix, mut rest) = name.split_once('_')?;
    let (prefix, ..) = GROUPS.into_iter().find(|(group, ..)| *group == prefix)?;
    let mut ids = Vec::new();
    while let Some((word, after)) = rest.split_once('_')
        && let Ok(id) = word.parse()
    {
        ids.push(id);
        rest = after;
    }
    (!ids.is_empty()).then(|| (prefix, ids, rest.replace('_', " ")))
}

/// The table of all scenarios, from the lines that the test runner prints for each crate. Of
/// several tests of one scenario the first by name, without its module, of the first crate stands
/// there, whatever order they ran in, unless one has failed.
fn table<'a>(outputs: impl IntoIterator<Item = &'a str>) -> Result<String, std::fmt::Error> {
    let mut shown = BTreeMap::<(&str, u32), (String, &str)>::new();
    for output in outputs {
        let mut lines: Vec<_> =
            output.lines().filter_map(|line| line.strip_prefix("test ")?.split_once(" ... ")).collect();
        lines.sort_unstable_by_key(|(name, _)| name.rsplit("::").next());
        for (name, result) in lines {
            let Some((prefix, ids, says)) = parts(name) else { continue };
            for id in ids {
                let told = shown.entry((prefix, id)).or_insert_with(|| (says.clone(), result));
                if result == "FAILED" {
                    *told = (says.clone(), result);
                }
            }
        }
    }
    for (prefix, id, why) in ARGUED {
        shown.entry((prefix, id)).or_insert((why.to_owned(), "argued"));
    }
    let mut text = String::from("| scenarios | shown by a test, or argued | of |\n|---|---:|---:|\n");
    for (prefix, about, of) in GROUPS {
        let count = shown.keys().filter(|(group, _)| *group == prefix).count();
        writeln!(text, "| {}: {about} | {count} | {of} |", prefix.to_uppercase())?;
    }
    text.push_str("\n| id | what is shown | result |\n|---|---|---|\n");
    for ((prefix, id), (says, result)) in shown {
        writeln!(text, "| {}-{id:02} | {says} | {result} |", prefix.to_uppercase())?;
    }
    Ok(text)
}

/// Runs the tests and writes the table.
///
/// # Errors
///
/// [`Failed`] if the tests cannot run, one fails, or the document has no marks.
pub fn run(root: &Path) -> Result<(), Failed> {
    let (mut printed, mut complaints) = (Vec::new(), String::new());
    for tests in TESTS {
        let output = Command::new("cargo").args(["test", "--no-fail-fast"]).args(tests).current_dir(root).output()?;
        printed.push(String::from_utf8_lossy(&output.stdout).into_owned());
        if !output.status.success() {
            complaints.push_str(&String::from_utf8_lossy(&output.stderr));
        }
    }
    let table = table(printed.iter().map(String::as_str)).map_err(|error| Failed(error.to_string()))?;
    let path = root.join("docs/resilience.md");
    let text = fs::read_to_string(&path)?;
    let between = text.split_once(MARKS[0]).and_then(|(before, rest)| Some((before, rest.split_once(MARKS[1])?.1)));
    let Some((before, after)) = between else {
        return Err(Failed(format!("{}: there are no marks {MARKS:?}", path.display())));
    };
    fs::write(&path, format!("{before}{}{table}{}{after}", MARKS[0], MARKS[1]))?;
    say(&table);
    if complaints.is_empty() { Ok(()) } else { Err(Failed(complaints)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_which_scenarios_it_shows() {
        let says = |name: &str| parts(name).map(|(prefix, ids, says)| (prefix.to_owned(), ids, says));
        assert_eq!(says("cb_13_14_late_ones"), Some(("cb".to_owned(), vec![13, 14], "late ones".to_owned())));
        assert_eq!(says("waiting::cb_13_x"), Some(("cb".to_owned(), vec![13], "x".to_owned())));
        assert_eq!(says("cb_late_ones"), None);
        assert_eq!(says("xx_13_late"), None);
    }

    #[test]
    fn of_several_tests_of_a_scenario_the_first_by_name_stands_there_whatever_its_module() {
        let table = table(["test z::cb_01_a ... ok\ntest a::cb_01_b ... ok\n"]).unwrap_or_default();
        assert!(table.contains("| CB-01 | a | ok |"), "{table}");
    }

    #[test]
    fn a_failed_test_is_a_failed_scenario() {
        let first =
            "test cb_02_d ... ok\ntest cb_01_a_b ... ok\ntest cb_02_c ... FAILED\nrunning 3 tests\ntest other ... ok\n";
        let table = table([first, "test cb_01_a ... ok\n"]).unwrap_or_default();
        assert!(table.contains("| CB: circuit breaker | 2 | 53 |") && table.contains("| RL: rate limiter | 0 | 29 |"));
        assert!(table.contains("| CB-01 | a b | ok |\n| CB-02 | c | FAILED |\n"));
    }
}
