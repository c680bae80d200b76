//! The script is one module of several files.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

/// Every file of the script is joined to it, exactly once.
#[test]
fn every_file_of_the_script_is_served() {
    let joined = include_str!("../src/lib.rs");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/script");
    let mut files = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert_eq!(joined.matches(&format!("include_str!(\"script/{name}\")")).count(), 1, "{name}");
        files += 1;
    }
    assert_eq!(joined.matches("include_str!(\"script/").count(), files);
}
