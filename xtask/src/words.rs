//! Words behind which the acting part or a number hides: refused in comments, documents and
//! messages.

use std::borrow::Cow;

/// The refused words. The halves of a pair are joined here, so that this list does not refuse
/// itself.
const HIDING: [&str; 8] = [
    "whoever",
    "whom",
    "nobody",
    "somebody",
    "anybody",
    concat!("so ", "many"),
    concat!("so ", "long"),
    concat!("so ", "often"),
];

/// What is wrong with a text: the first refused word in it, in any case.
pub(crate) fn hiding(text: &str) -> Option<String> {
    let word = HIDING.iter().find(|word| holds(text, word))?;
    Some(format!("{word:?} hides who acts, or how many: name it"))
}

/// A line with the first half of a pair of words, if the line before ends with it.
pub(crate) fn joined<'a>(before: &str, line: &'a str) -> Cow<'a, str> {
    match before.split_whitespace().next_back() {
        Some(last) if last.eq_ignore_ascii_case("so") => format!("{last} {}", line.trim_start()).into(),
        _ => line.into(),
    }
}

/// Whether a text holds a word as a word, in any case.
fn holds(text: &str, word: &str) -> bool {
    let text = text.to_lowercase();
    let is_edge = |letter: Option<char>| letter.is_none_or(|letter| !letter.is_alphanumeric() && letter != '_');
    text.match_indices(word)
        .any(|(at, _)| is_edge(text[..at].chars().next_back()) && is_edge(text[at + word.len()..].chars().next()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_in_any_case_and_only_as_a_word() {
        for text in ["Whoever calls", "it is nobody's", "(so many)", "asks\u{a0}whom?"] {
            assert!(hiding(text).is_some(), "{text}");
        }
        for text in ["whomever", "anybodys", "a_nobody", "also many", "so  many"] {
            assert_eq!(hiding(text), None, "{text}");
        }
    }

    #[test]
    fn a_pair_is_found_over_the_end_of_a_line() {
        assert!(hiding(&joined("It waits so", "long as the queue is full.")).is_some());
        assert_eq!(hiding(&joined("It waits also", "long as the queue is full.")), None);
        assert_eq!(hiding(&joined("It is nobody", "who waits.")), None, "of the line before, only the half of a pair");
    }
}
