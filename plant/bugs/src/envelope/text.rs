//! Texts of strangers: cut to a length, without control characters, without mail addresses.

/// The beginning of a text with at most this number of bytes, cut between two characters.
pub(crate) fn cut(text: &str, most: usize) -> &str {
    if text.len() <= most {
        return text;
    }
    let ends = text.char_indices().map(|(at, character)| at + character.len_utf8());
    let end = ends.take_while(|end| *end <= most).last().unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

/// The first characters of a text, with an ellipsis if there are more.
pub(crate) fn first_characters(text: &str, most: usize) -> String {
    if text.chars().nth(most).is_none() {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// A text without control characters but newlines and tabs.
pub(crate) fn without_controls(text: &str) -> String {
    text.chars().filter(|character| !character.is_control() || matches!(character, '\n' | '\t')).collect()
}

/// A text with its white space and control characters as single spaces.
pub(crate) fn in_a_line(text: &str) -> String {
    let is_gap = |character: char| character.is_whitespace() || character.is_control();
    text.split(is_gap).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// A text in which `…` stands for each mail address: messages of faults can name a person.
pub(crate) fn without_mail(text: &str) -> String {
    let is_edge = |character: char| {
        character.is_whitespace() || matches!(character, '<' | '>' | '"' | '\'' | '`' | '(' | ')' | ',' | ';' | '=')
    };
    let is_mail = |word: &str| {
        word.split_once('@').is_some_and(|(name, place)| {
            let end = place.trim_end_matches('.').rsplit_once('.').map_or("", |(_, end)| end);
            !name.is_empty() && end.len() >= 2 && end.chars().all(char::is_alphabetic)
        })
    };
    text.split_inclusive(is_edge)
        .map(|piece| {
            let word = piece.trim_end_matches(is_edge);
            if is_mail(word) { piece.replacen(word, "…", 1) } else { piece.to_owned() }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cut_text_is_the_longest_beginning_that_fits(text in ".{0,60}", most in 0_usize..80) {
            let short = cut(&text, most);
            prop_assert!(text.starts_with(short) && short.len() <= most);
            prop_assert!(short == text || text[short.len()..].chars().next().unwrap().len_utf8() + short.len() > most);
            prop_assert!(first_characters(&text, most.max(1)).chars().count() <= most.max(1));
        }

        #[test]
        fn a_line_has_no_control_character_and_no_outer_space(text in "[\\x00-\\x7f]{0,40}") {
            let line = in_a_line(&text);
            prop_assert!(!line.chars().any(char::is_control) && line.trim() == line);
        }
    }

    #[test]
    fn a_mail_address_is_left_out_and_the_rest_stays() {
        assert_eq!(without_mail("no mail to <a.b@example.org>, 3 tries"), "no mail to <…>, 3 tries");
        assert_eq!(without_mail("user='x@y.fr'\nat @decorator app@1.2.3 e@"), "user='…'\nat @decorator app@1.2.3 e@");
    }
}
