//! Adding a route touches one file: everything else that knows of it reads its declaration.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The resource that gets the route.
const FILE: &str = "sqal-http/src/resources/metrics.rs";

/// The route, as it would be written by hand.
const ROUTE: &str = r#"
        get("/api/v1/throw-away", crate::route::VIEWER, Class::Read, text)
            .objective(crate::route::objective::Objective::MANY)
            .described("throwAway", "Health", "A route for a test")
            .gives_text("text/plain; version=0.0.4; charset=utf-8")
            .problems(&[404])
            .line("a route for a test", "0"),"#;

/// A copy of the tracked files.
fn copy(root: &Path, to: &Path) -> BTreeSet<PathBuf> {
    let tracked = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .unwrap();
    let names = String::from_utf8(tracked.stdout).unwrap();
    let mut files = BTreeSet::new();
    for name in names.split_terminator('\0').filter(|name| root.join(name).is_file()) {
        let place = to.join(name);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::copy(root.join(name), place).unwrap();
        files.insert(PathBuf::from(name));
    }
    files
}

fn tests_of_the_interface(copy: &Path, target: &Path, write: bool) {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["test", "--quiet", "--package", "sqal-http", "--all-features"]);
    cargo.args(["--test", "contract", "--test", "openapi", "--test", "documented"]);
    cargo.current_dir(copy).env("CARGO_TARGET_DIR", target);
    if write {
        cargo.env("SQAL_WRITE", "1");
    } else {
        cargo.env_remove("SQAL_WRITE");
    }
    let output = cargo.output().unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A throw-away route in one file passes the tests of the interface: its callers, its quota, its
/// metrics and its example calls are tested, and the two generated files have it.
#[test]
fn a_new_route_touches_one_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    // Always the same folder, so that its crates are built into the same files at each run.
    let folder = root.join("target/new-route");
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    let files = copy(root, &folder);
    let file = folder.join(FILE);
    let text = fs::read_to_string(&file).unwrap();
    let (before, after) = text.split_once("vec![").unwrap();
    fs::write(&file, format!("{before}vec![{ROUTE}{after}")).unwrap();
    // A folder of its own for what is built: the crates of the copy have the names and the hashes
    // of ours, and would replace them.
    let target = root.join("target/new-route-build");
    tests_of_the_interface(&folder, &target, true);
    tests_of_the_interface(&folder, &target, false);
    let read = |root: &Path, name: &Path| fs::read(root.join(name)).unwrap();
    let changed: Vec<_> =
        files.iter().filter(|name| read(root, name) != read(&folder, name)).map(PathBuf::as_path).collect();
    // The last two are generated.
    assert_eq!(changed, ["docs/http.md", "openapi/v1.json", FILE].map(Path::new));
    for generated in &changed[..2] {
        let text = fs::read_to_string(folder.join(generated)).unwrap();
        assert!(text.contains("/api/v1/throw-away"), "{} has the route", generated.display());
    }
    fs::remove_dir_all(&folder).unwrap();
}
