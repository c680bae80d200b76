//! Operators read every defect and every remark in both languages.
//!
//! The live page has words for every defect, flag and role that the server can name.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use sqal_core::{DefectKind, Flag, Verdict};
use sqal_http::Role;

const PAGE: &str = include_str!("../src/dashboard/script/words.js");

#[test]
fn every_defect_and_flag_has_words_in_both_languages() {
    let defects = DefectKind::ALL.map(DefectKind::as_str);
    let flags = Flag::ALL.map(Flag::as_str);
    let missing: Vec<_> = defects.iter().chain(&flags).filter(|name| !PAGE.contains(&format!("{name}: [\""))).collect();
    assert!(missing.is_empty(), "without words: {missing:?}");
}

#[test]
fn every_role_has_words_in_both_languages() {
    for role in [Role::Viewer, Role::QualityEngineer, Role::Administrator] {
        let name = serde_json::to_value(role).unwrap();
        assert!(PAGE.contains(&format!("{}: [\"", name.as_str().unwrap())), "without words: {name}");
    }
}

/// The page and the explanation agree on when a score is not measurable.
#[test]
fn the_page_and_the_explanation_agree_on_what_is_not_measurable() {
    let numbers = include_str!("../src/dashboard/script/numbers.js");
    assert!(numbers.contains(&format!("const NOT_MEASURABLE_U = {};", Verdict::NOT_MEASURABLE_U)));
}

/// Every file of the script is joined to it, exactly once.
#[test]
fn every_file_of_the_script_is_served() {
    let joined = include_str!("../src/dashboard/mod.rs");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/dashboard/script");
    let mut files = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert_eq!(joined.matches(&format!("include_str!(\"script/{name}\")")).count(), 1, "{name}");
        files += 1;
    }
    assert_eq!(joined.matches("include_str!(\"script/").count(), files);
}
