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

#[test]
fn a_document_that_hides_who_acts_is_red() {
    let tree = sound_tree();
    write(&tree, "docs/storage.md", "# Storage\n\nThe store answers `nobody`.\n");
    tidy::run(tree.path()).unwrap();
    write(&tree, "docs/storage.md", "# Storage\n\nThe store answers whoever asks.\n");
    assert!(refused(&tree).contains("docs/storage.md:3: \"whoever\" hides who acts"));
}

#[test]
fn a_message_that_hides_who_acts_is_red() {
    let tree = sound_tree();
    let with = |text: &str| format!("{SOUND}\n/// A text.\npub const TEXT: &str = \"{text}\";\n");
    write(&tree, "sqal-core/src/lib.rs", &with("nobody"));
    tidy::run(tree.path()).unwrap();
    write(&tree, "sqal-core/src/lib.rs", &with("nobody is asked"));
    assert!(refused(&tree).contains("sqal-core/src/lib.rs:8: in a message, \"nobody\" hides who acts"));
}

#[test]
fn a_file_that_is_no_rust_is_red() {
    let tree = sound_tree();
    write(&tree, "sqal-core/src/lib.rs", &format!("{SOUND}fn\n"));
    assert!(refused(&tree).contains("sqal-core/src/lib.rs:"));
}

#[test]
fn an_error_with_the_name_of_something_else_is_red() {
    let tree = sound_tree();
    let with = |name: &str| {
        format!("{SOUND}\n/// The cache is away.\npub struct {name};\nimpl core::error::Error for {name} {{}}\n")
    };
    for name in ["CacheError", "InvalidCache"] {
        write(&tree, "sqal-core/src/lib.rs", &with(name));
        tidy::run(tree.path()).unwrap();
    }
    write(&tree, "sqal-core/src/lib.rs", &with("CacheAway"));
    assert!(refused(&tree).contains("CacheAway is an error and neither ends in Error nor begins with Invalid"));
    write(&tree, "sqal-core/src/lib.rs", &with("NotCached"));
    assert!(refused(&tree).contains("NotCached is named after what is not"));
}

#[test]
fn a_general_word_at_the_root_of_a_crate_is_red() {
    let tree = sound_tree();
    write(&tree, "docs/surface/sqal-core.txt", "enum breaker::State\n");
    tidy::run(tree.path()).unwrap();
    write(&tree, "docs/surface/sqal-core.txt", "enum State\n");
    assert!(refused(&tree).contains("sqal-core: State (where a state machine stands) stands in a module"));
}

#[test]
fn two_types_of_one_name_in_a_crate_are_red() {
    let tree = sound_tree();
    write(&tree, "docs/surface/sqal-core.txt", "struct a::Config\nstruct b::Config\n");
    assert!(refused(&tree).contains("sqal-core: Config is the name of several types: a::Config, b::Config"));
}

#[test]
fn a_root_of_many_names_is_red() {
    let tree = sound_tree();
    let names = |count: usize| (0..count).map(|k| format!("struct A{k}")).collect::<Vec<_>>().join("\n");
    write(&tree, "docs/surface/sqal-core.txt", &names(30));
    tidy::run(tree.path()).unwrap();
    write(&tree, "docs/surface/sqal-core.txt", &names(31));
    assert!(refused(&tree).contains("sqal-core: 31 names at the root of the crate, at most 30"));
}

#[test]
fn a_function_of_many_lines_is_red() {
    let tree = sound_tree();
    write(&tree, "clippy.toml", &fs::read_to_string(Path::new(ROOT).join("clippy.toml")).unwrap());
    let with = |lines: usize| {
        let steps = "    sum = sum.wrapping_mul(31);\n".repeat(lines);
        let head = "/// Mixes a number.\n#[must_use]\npub const fn mixed(mut sum: u32) -> u32 {";
        format!("{SOUND}\n{head}\n{steps}    sum\n}}\n")
    };
    write(&tree, "sqal-core/src/lib.rs", &with(55));
    check::lints(tree.path(), &Interrupts::quiet()).unwrap();
    write(&tree, "sqal-core/src/lib.rs", &with(65));
    assert!(check::lints(tree.path(), &Interrupts::quiet()).is_err());
}

#[test]
fn a_library_that_reads_the_environment_is_red() {
    let tree = sound_tree();
    write(&tree, "sqal-http/src/address.rs", "//! The address of the server.\nuse std::env;\n");
    assert!(refused(&tree).contains("sqal-http/src/address.rs:2: a library does not read the environment"));
}

#[test]
fn a_library_that_names_a_setting_of_a_program_is_red() {
    let tree = sound_tree();
    let settings = "//! The settings of the server.\npub const ADDRESS: &str = \"SQAL_ADDRESS\";\n";
    write(&tree, "examples/reference-server/src/settings.rs", settings);
    tidy::run(tree.path()).unwrap();
    let text = "//! The address of the server.\nconst HELP: &str = \"set SQAL_ADDRESS\";\n";
    write(&tree, "sqal-http/src/address.rs", text);
    assert!(
        refused(&tree).contains("sqal-http/src/address.rs:2: a library names no setting of a program: SQAL_ADDRESS")
    );
}

#[test]
fn a_store_that_names_a_header_field_is_red() {
    let tree = sound_tree();
    let text = "//! The queries of a request.\nconst COUNT: &str = \"X-DB-Query-Count\";\n";
    write(&tree, "sqal-http/src/queries.rs", text);
    tidy::run(tree.path()).unwrap();
    write(&tree, "sqal-storage/src/queries.rs", text);
    assert!(refused(&tree).contains("sqal-storage/src/queries.rs:2: the store names no header field of HTTP"));
}

#[test]
fn a_log_line_with_the_debug_form_of_a_value_is_red() {
    let tree = sound_tree();
    let with =
        |field: &str| format!("{SOUND}\n/// Tells.\npub fn tell() {{\n    tracing::warn!({field}, \"away\");\n}}\n");
    write(&tree, "sqal-core/src/lib.rs", &with("error = %error"));
    tidy::run(tree.path()).unwrap();
    write(&tree, "sqal-core/src/lib.rs", &with("?error"));
    assert!(refused(&tree).contains("sqal-core/src/lib.rs:9: a line of the log has no debug form of a Rust value"));
}

#[test]
fn a_comment_that_is_too_wide_is_red() {
    let tree = sound_tree();
    let wide = format!("{SOUND}// {}\n", "word ".repeat(20));
    write(&tree, "sqal-core/src/lib.rs", &wide);
    assert!(refused(&tree).contains("sqal-core/src/lib.rs:6: a comment of 103 columns: at most 100"));
}

#[test]
fn a_doc_comment_that_needs_the_item_before_it_is_red() {
    let tree = sound_tree();
    write(&tree, "sqal-core/src/lib.rs", &SOUND.replace("The answer.", "The same for two."));
    assert!(refused(&tree).contains("a doc comment stands alone and does not open with \"The same\""));
}
