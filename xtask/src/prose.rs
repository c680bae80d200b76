//! How Markdown is written: the words of comments are refused in its prose, and code is left alone.

use crate::words::{hiding, joined};

/// What is wrong with the prose of a Markdown file; `shown` is its path in a finding.
pub(crate) fn findings(shown: &str, text: &str) -> Vec<String> {
    let (mut found, mut in_code, mut before) = (Vec::new(), false, String::new());
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
            before.clear();
        } else if !in_code {
            let words = without_code(line);
            found.extend(hiding(&joined(&before, &words)).map(|what| format!("{shown}:{number}: {what}")));
            before = words;
        }
    }
    found
}

/// A line without what stands between backticks.
fn without_code(line: &str) -> String {
    let parts: Vec<_> = line.split('`').collect();
    // A backtick without its other half opens no code.
    let is_prose = |at: usize| at.is_multiple_of(2) || (at + 1 == parts.len() && parts.len().is_multiple_of(2));
    let prose: Vec<_> = parts.iter().enumerate().filter(|(at, _)| is_prose(*at)).map(|(_, part)| *part).collect();
    prose.join("`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_refused_in_prose_and_not_in_code() {
        for (text, place) in [
            ("# Title\n\nWhoever calls waits.", "x.md:3: \"whoever\""),
            ("| a row | of `code` for anybody |", "x.md:1: \"anybody\""),
            ("```\ncode\n```\nsomebody", "x.md:4: \"somebody\""),
            ("It waits so\nlong.", "x.md:2: \"so long\""),
            ("An odd ` and nobody", "x.md:1: \"nobody\""),
        ] {
            assert!(findings("x.md", text).iter().any(|line| line.starts_with(place)), "{text}");
        }
        for text in ["The caller waits.", "`nobody` is a word", "```sh\nid nobody\n```\n", "`it_is_so`\n\nlong lines"] {
            assert_eq!(findings("x.md", text), Vec::<String>::new(), "{text}");
        }
    }
}
