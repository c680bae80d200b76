//! How comments are written: words that hide who acts, openings that need the item before, and
//! lines that are too wide.

use crate::words::{hiding, joined};

/// Openings of a doc comment that an IDE shows without the item before it.
const DEPENDENT: [&str; 2] = ["The same", "As above"];

/// The widest comment, in columns.
const WIDTH: usize = 100;

/// What is wrong with the comments of a Rust file; `shown` is its path in a finding.
#[must_use]
pub fn findings(shown: &str, text: &str) -> Vec<String> {
    let (mut found, mut in_code, mut opens, mut before) = (Vec::new(), false, true, "");
    for (number, line) in (1..).zip(text.lines()) {
        let Some(comment) = line.trim_start().strip_prefix("//") else {
            (in_code, opens, before) = (false, true, "");
            continue;
        };
        let is_doc = comment.starts_with(['/', '!']);
        let words = comment.trim_start_matches(['/', '!']).trim();
        let mut say = |what: String| found.push(format!("{shown}:{number}: {what}"));
        if words.starts_with("```") {
            in_code = !in_code;
        } else if in_code {
            // Of an example, the comment behind its code.
            if let Some(what) = words.split_once("// ").and_then(|(_, comment)| hiding(comment)) {
                say(what);
            }
        } else {
            if is_doc
                && opens
                && let Some(opening) = DEPENDENT.iter().find(|opening| words.starts_with(**opening))
            {
                say(format!("a doc comment stands alone and does not open with {opening:?}"));
            }
            if let Some(what) = hiding(&joined(before, words)) {
                say(what);
            }
            let width = line.chars().count();
            if width > WIDTH && !is_unbreakable(words) {
                say(format!("a comment of {width} columns: at most {WIDTH}"));
            }
        }
        (opens, before) = (false, words);
    }
    found
}

/// Rows of tables, drawings, and what a blank cannot break.
fn is_unbreakable(words: &str) -> bool {
    words.starts_with('|') || words.contains("://") || !words.contains(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_is_broken_by_one_line() {
        let of = |text: &str| findings("x.rs", text);
        let wide = format!("// {}", "word ".repeat(20));
        for (text, part) in [
            ("/// The same for two.", "x.rs:1: a doc comment stands alone"),
            ("fn a() {}\n    /// As above.", "x.rs:2: a doc comment stands alone"),
            ("// Whoever calls is refused.", "\"whoever\" hides"),
            ("//! Keeps so many rows.", "\"so many\" hides"),
            ("/// ```\n/// let a = 1; // nobody waits\n/// ```", "x.rs:2: \"nobody\" hides"),
            ("/// It waits so\n/// long.", "x.rs:2: \"so long\" hides"),
            (wide.as_str(), "a comment of 103 columns"),
        ] {
            assert!(of(text).iter().any(|line| line.contains(part)), "{text}: {:?}", of(text));
        }
        for sound in [
            "/// One.\n/// The same in a second line.",
            "let text = \"nobody\";",
            "/// ```\n/// let nobody = 1;\n/// ```",
            "// anybodys, whomever",
            "/// | a table | may be as wide as its cells need, which is often more than a hundred columns in a row | yes |",
        ] {
            assert_eq!(of(sound), Vec::<String>::new(), "{sound}");
        }
    }
}
