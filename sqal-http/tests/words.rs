//! Operators read every defect and every remark in both languages: the page has words for all that the server can say.

use sqal_core::{DefectKind, Flag};

const PAGE: &str = include_str!("../src/dashboard/script/words.js");

#[test]
fn every_defect_and_flag_has_words_in_both_languages() {
    let defects = DefectKind::ALL.map(DefectKind::as_str);
    let flags = Flag::ALL.map(Flag::as_str);
    let missing: Vec<_> = defects.iter().chain(&flags).filter(|name| !PAGE.contains(&format!("{name}: [\""))).collect();
    assert!(missing.is_empty(), "without words: {missing:?}");
}
