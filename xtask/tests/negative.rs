//! The checks are tested too: a tree with one fault each, and the check that must turn red.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use xtask::process::Interrupts;
use xtask::{check, readme, tidy};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// A small workspace of the family's shape without a fault: two crates, and the real lints table.
fn sound_tree() -> TempDir {
    let tree = tempfile::tempdir().unwrap();
    let manifest = fs::read_to_string(Path::new(ROOT).join("Cargo.toml")).unwrap();
    // Everything between the heads of the lints tables and the profiles is the table itself.
    let lints = manifest.split("[workspace.lints.rust]").nth(1).unwrap().split("[profile.").next().unwrap();
    let lints = lints.split("\n# Cold builds").next().unwrap();
    let workspace = format!(
        "[workspace]\nresolver = \"3\"\nmembers = [\"sqal-core\", \"sqal-sensors\"]\n[workspace.lints.rust]{lints}\n"
    );
    write(&tree, "Cargo.toml", &workspace);
    let core = "[package]\nname = \"sqal-core\"\nversion = \"0.1.0\"\nedition = \"2024\"\nlicense = \"MIT\"\n[lints]\nworkspace = true\n";
    write(&tree, "sqal-core/Cargo.toml", core);
    write(&tree, "sqal-core/src/lib.rs", SOUND);
    let sensors =
        format!("{}[dependencies]\nsqal-core = {{ path = \"../sqal-core\" }}\n", core.replace("-core", "-sensors"));
    write(&tree, "sqal-sensors/Cargo.toml", &sensors);
    write(&tree, "sqal-sensors/src/lib.rs", SOUND);
    for path in
        ["sqal-core/LICENSE-MIT", "sqal-core/LICENSE-APACHE", "sqal-sensors/LICENSE-MIT", "sqal-sensors/LICENSE-APACHE"]
    {
        write(&tree, path, "The text of a licence.\n");
    }
    let map = "# Map\n\n## Find it in a minute\n\n| q | go to |\n|---|---|\n| why? | `sqal-core/src/lib.rs` |\n";
    write(&tree, "ARCHITECTURE.md", map);
    assert_eq!(readme::readmes(tree.path(), true).unwrap(), Vec::<String>::new());
    tree
}

const SOUND: &str =
    "//! A crate that says what it is for.\n#![no_std]\n\n/// The answer.\npub const ANSWER: u8 = 42;\n";

fn write(tree: &TempDir, path: &str, text: &str) {
    let path = tree.path().join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// What `tidy` says of a tree.
fn refused(tree: &TempDir) -> String {
    tidy::run(tree.path()).unwrap_err().to_string()
}

#[test]
fn a_sound_tree_is_green() {
    let tree = sound_tree();
    tidy::run(tree.path()).unwrap();
    check::lints(tree.path(), &Interrupts::quiet()).unwrap();
    check::docs(tree.path(), &Interrupts::quiet()).unwrap();
}

#[test]
fn this_repository_is_tidy() {
    tidy::run(&Path::new(ROOT).canonicalize().unwrap()).unwrap();
}

#[test]
fn an_illegal_arrow_is_red() {
    let tree = sound_tree();
    let manifest = fs::read_to_string(tree.path().join("sqal-core/Cargo.toml")).unwrap();
    fs::write(tree.path().join("sqal-sensors/Cargo.toml"), manifest.replace("-core", "-sensors")).unwrap();
    let backwards = format!("{manifest}[dependencies]\nsqal-sensors = {{ path = \"../sqal-sensors\" }}\n");
    fs::write(tree.path().join("sqal-core/Cargo.toml"), backwards).unwrap();
    assert!(refused(&tree).contains("sqal-core -> sqal-sensors: not an arrow of the house"));
}

#[test]
fn a_crate_outside_the_table_is_red() {
    let tree = sound_tree();
    let manifest = fs::read_to_string(tree.path().join("Cargo.toml")).unwrap();
    fs::write(
        tree.path().join("Cargo.toml"),
        manifest.replace("\"sqal-sensors\"]", "\"sqal-sensors\", \"sqal-extra\"]"),
    )
    .unwrap();
    let core = fs::read_to_string(tree.path().join("sqal-core/Cargo.toml")).unwrap();
    write(&tree, "sqal-extra/Cargo.toml", &core.replace("-core", "-extra"));
    write(&tree, "sqal-extra/src/lib.rs", SOUND);
    assert!(refused(&tree).contains("sqal-extra: this crate is not in the arrow table"));
}

#[test]
fn an_unpublished_crate_that_a_strangers_could_take_the_place_of_is_red() {
    let tree = sound_tree();
    let manifest = fs::read_to_string(tree.path().join("Cargo.toml")).unwrap();
    let manifest = manifest.replace("\"sqal-sensors\"]", "\"sqal-sensors\", \"fixtures\"]");
    fs::write(tree.path().join("Cargo.toml"), manifest).unwrap();
    let core = fs::read_to_string(tree.path().join("sqal-core/Cargo.toml")).unwrap();
    write(&tree, "fixtures/Cargo.toml", &core.replace("sqal-core", "fixtures"));
    write(&tree, "fixtures/src/lib.rs", SOUND);
    let with =
        |dependency: &str| format!("{core}[dev-dependencies]\nfixtures = {{ path = \"../fixtures\"{dependency} }}\n");
    write(&tree, "sqal-core/Cargo.toml", &with(""));
    tidy::run(tree.path()).unwrap();
    write(&tree, "sqal-core/Cargo.toml", &with(", version = \"0.1.0\""));
    assert!(refused(&tree).contains("sqal-core -> fixtures ^0.1.0: an unpublished crate must have no version"));
}

#[test]
fn a_package_without_the_text_of_its_licence_is_red() {
    let tree = sound_tree();
    fs::remove_file(tree.path().join("sqal-sensors/LICENSE-MIT")).unwrap();
    assert!(refused(&tree).contains("sqal-sensors: its package has no LICENSE-MIT"));
}

#[test]
fn a_file_named_utils_is_red() {
    let tree = sound_tree();
    write(&tree, "sqal-core/src/utils.rs", "//! Things that had no better place.\n");
    assert!(refused(&tree).contains("sqal-core/src/utils.rs: utils says nothing"));
}

#[test]
fn a_folder_named_common_is_red() {
    let tree = sound_tree();
    write(&tree, "sqal-core/src/common/mean.rs", "//! The mean of a set of numbers.\n");
    assert!(refused(&tree).contains("common says nothing"));
}

#[test]
fn a_file_without_a_first_line_is_red() {
    let tree = sound_tree();
    write(&tree, "sqal-core/src/mean.rs", "/// The mean.\npub const MEAN: u8 = 0;\n");
    assert!(refused(&tree).contains("sqal-core/src/mean.rs: the first line must be a sentence"));
}

#[test]
fn an_undocumented_public_item_is_red() {
    let tree = sound_tree();
    write(&tree, "sqal-core/src/lib.rs", &format!("{SOUND}\npub const SECRET: u8 = 7;\n"));
    tidy::run(tree.path()).unwrap();
    assert!(check::lints(tree.path(), &Interrupts::quiet()).is_err(), "clippy with the table must refuse it");
}

#[test]
fn a_broken_link_in_the_docs_is_red() {
    let tree = sound_tree();
    write(&tree, "sqal-core/src/lib.rs", &SOUND.replace("The answer.", "The [`Question`]."));
    assert!(check::docs(tree.path(), &Interrupts::quiet()).is_err());
}

#[test]
fn unsafe_code_is_red() {
    let tree = sound_tree();
    let text = format!("{SOUND}\n/// Reads.\npub fn read(p: *const u8) -> u8 {{\n    unsafe {{ *p }}\n}}\n");
    write(&tree, "sqal-core/src/lib.rs", &text);
    assert!(check::lints(tree.path(), &Interrupts::quiet()).is_err());
}

#[test]
fn unfinished_work_is_red() {
    let tree = sound_tree();
    let mark = ["todo", "!()"].concat();
    write(&tree, "sqal-core/src/mean.rs", &format!("//! The mean of a set of numbers.\nfn mean() {{ {mark} }}\n"));
    assert!(refused(&tree).contains("sqal-core/src/mean.rs:2: unfinished"));
}

#[test]
fn no_std_that_depends_on_a_feature_is_red() {
    let tree = sound_tree();
    write(&tree, "sqal-core/src/lib.rs", &SOUND.replace("#![no_std]", "#![cfg_attr(not(feature = \"std\"), no_std)]"));
    assert!(refused(&tree).contains("sqal-core: #![no_std] must not depend on a feature"));
}

#[test]
fn a_signpost_to_nowhere_is_red() {
    let tree = sound_tree();
    let map = fs::read_to_string(tree.path().join("ARCHITECTURE.md")).unwrap();
    fs::write(tree.path().join("ARCHITECTURE.md"), map.replace("src/lib.rs", "src/gone.rs")).unwrap();
    assert!(refused(&tree).contains("sqal-core/src/gone.rs, which is not there"));
    fs::write(tree.path().join("ARCHITECTURE.md"), "# Map\n").unwrap();
    assert!(refused(&tree).contains("there is no find-it table"));
}

/// A command that runs is ended with its servers when an interrupt comes; here the drop of the
/// guard alone.
#[test]
fn a_child_does_not_outlive_its_guard() {
    use std::process::Command;
    let interrupts = Interrupts::default();
    let marker = tempfile::tempdir().unwrap();
    let path = marker.path().join("pid");
    // The shell starts a grandchild and waits: both are in the child's process group.
    let script = format!("sleep 300 & echo $! > {}; echo ready; wait", path.display());
    let mut running =
        interrupts.spawn(Command::new("sh").args(["-c", &script]).stdout(std::process::Stdio::piped())).unwrap();
    running.until("ready").unwrap();
    let grandchild = fs::read_to_string(&path).unwrap();
    let alive =
        || fs::read_to_string(format!("/proc/{}/stat", grandchild.trim())).is_ok_and(|stat| !stat.contains(") Z "));
    assert!(alive());
    drop(running);
    // The grandchild was killed with its group; its end is recorded by the process that inherits
    // it.
    while alive() {}
}

#[test]
fn a_comment_that_hides_who_acts_is_red() {
    let tree = sound_tree();
    let hiding = format!("{SOUND}// Whoever calls this waits.\n");
    write(&tree, "sqal-core/src/lib.rs", &hiding);
    assert!(refused(&tree).contains("\"whoever\" hides who acts"));
}

#[test]
fn a_readme_that_is_not_the_head_of_its_library_is_red() {
    let tree = sound_tree();
    write(&tree, "sqal-core/README.md", "# sqal-core\n\nOther words.\n");
    assert!(refused(&tree).contains("sqal-core/README.md is not the head of its lib.rs"));
}

#[test]
fn a_requirement_shown_by_a_test_that_is_not_there_is_red() {
    let tree = sound_tree();
    let row =
        "| id | what it asks | state | shown by |\n|---|---|---|---|\n| MET-01 | A counter. | met | `no_such_test` |\n";
    write(&tree, "docs/requirements.md", row);
    assert!(refused(&tree).contains("MET-01 is shown by no_such_test, which is not there"));
}
