//! The program as a quality engineer uses it: simulate or collect, fit, verify; and its refusals.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn calibrate(arguments: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_calibrate")).args(arguments).current_dir(folder).output().unwrap()
}

fn said(output: &Output) -> (String, String) {
    (String::from_utf8(output.stdout.clone()).unwrap(), String::from_utf8(output.stderr.clone()).unwrap())
}

#[test]
fn what_was_fitted_on_one_line_holds_on_another() {
    let folder = tempfile::tempdir().unwrap();
    for (name, seed) in [("known.csv", "1"), ("new.csv", "77")] {
        let (csv, complaint) = said(&calibrate(&["simulate", "--trays", "1500", "--seed", seed], folder.path()));
        assert_eq!((csv.lines().count(), complaint.as_str()), (1501, ""));
        fs::write(folder.path().join(name), csv).unwrap();
    }
    let (calibration, _) = said(&calibrate(&["fit", "known.csv", "--version", "3"], folder.path()));
    assert!(calibration.contains("\"version\": 3") && calibration.contains("\"labels\": 1500"), "{calibration}");
    fs::write(folder.path().join("calibration.json"), calibration).unwrap();

    let ece = |arguments: &[&str]| -> f64 {
        let (report, complaint) = said(&calibrate(arguments, folder.path()));
        assert!(report.contains("grade sets of 90 %"), "{report}{complaint}");
        let figure = report.split("ECE ").nth(1).and_then(|rest| rest.split(',').next()).unwrap();
        figure.parse().unwrap()
    };
    let (raw, calibrated) = (ece(&["verify", "new.csv"]), ece(&["verify", "new.csv", "calibration.json"]));
    assert!(calibrated < 0.05 && calibrated < raw / 2.0, "{raw} {calibrated}");
}

#[test]
fn what_cannot_be_fitted_is_refused_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let (csv, _) = said(&calibrate(&["simulate", "--trays", "40"], folder.path()));
    fs::write(folder.path().join("few.csv"), &csv).unwrap();
    let refused = calibrate(&["fit", "few.csv", "--version", "1"], folder.path());
    assert!(!refused.status.success());
    assert!(said(&refused).1.contains("at least 50 are needed"), "{:?}", said(&refused));

    fs::write(folder.path().join("broken.csv"), csv.replace("REJECT", "GOOD")).unwrap();
    let refused = calibrate(&["verify", "broken.csv"], folder.path());
    assert!(!refused.status.success() && said(&refused).1.contains("line"), "{:?}", said(&refused));
}

#[test]
fn the_study_prints_its_table_and_writes_it_between_the_marks_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fusion.md");
    fs::write(&path, "before\n<!-- study -->\nold\n<!-- /study -->\nafter\n").unwrap();
    let (table, complaint) = said(&calibrate(&["study", "--trays", "600", "--write", "fusion.md"], folder.path()));
    assert!(table.contains("truly REJECT among accepted"), "{complaint}");
    let written = fs::read_to_string(&path).unwrap();
    assert_eq!(written, format!("before\n<!-- study -->\n{table}<!-- /study -->\nafter\n"));
    fs::write(&path, "no marks").unwrap();
    assert!(!calibrate(&["study", "--trays", "10", "--write", "fusion.md"], folder.path()).status.success());
}
