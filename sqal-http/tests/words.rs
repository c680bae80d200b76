//! Operators read every defect and every remark in both languages.
//!
//! The live page has words for every defect, flag and role that the server can name.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use sqal_core::{DefectKind, Flag, Verdict};
use sqal_dashboard::SCRIPT;
use sqal_http::Role;

#[test]
fn every_defect_and_flag_has_words_in_both_languages() {
    let defects = DefectKind::ALL.map(DefectKind::as_str);
    let flags = Flag::ALL.map(Flag::as_str);
    let missing: Vec<_> =
        defects.iter().chain(&flags).filter(|name| !SCRIPT.contains(&format!("{name}: [\""))).collect();
    assert!(missing.is_empty(), "without words: {missing:?}");
}

#[test]
fn every_role_has_words_in_both_languages() {
    for role in [Role::Viewer, Role::QualityEngineer, Role::Administrator] {
        let name = serde_json::to_value(role).unwrap();
        assert!(SCRIPT.contains(&format!("{}: [\"", name.as_str().unwrap())), "without words: {name}");
    }
}

/// The page and the explanation agree on when a score is not measurable.
#[test]
fn the_page_and_the_explanation_agree_on_what_is_not_measurable() {
    assert!(SCRIPT.contains(&format!("const NOT_MEASURABLE_U = {};", Verdict::NOT_MEASURABLE_U)));
}
