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

/// How the sign between the name and the place of a mail address is written: in a URL it is
/// encoded, and in a URL within a URL it is encoded twice.
const MARKS: [&str; 3] = ["@", "%40", "%2540"];

/// A text in which `…` stands for each mail address: messages of faults can name a person. An
/// address is found whatever stands before and after it.
pub(crate) fn without_mail(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let (mut copied, mut looked) = (0, 0);
    while let Some((at, mark)) = next_mark(text, looked) {
        looked = at + mark;
        let domain = text.get(looked..).map_or(0, domain_len);
        let before = text.get(copied..at).unwrap_or_default();
        let name = if domain == 0 { 0 } else { name_len(before) };
        if name > 0 {
            kept.push_str(before.get(..before.len() - name).unwrap_or_default());
            kept.push('…');
            looked += domain;
            copied = looked;
        }
    }
    kept.push_str(text.get(copied..).unwrap_or_default());
    kept
}

/// Whether a text has a mail address.
pub(crate) fn has_mail(text: &str) -> bool {
    without_mail(text) != text
}

/// The place and the length of the first sign of an address from a place on.
fn next_mark(text: &str, mut from: usize) -> Option<(usize, usize)> {
    loop {
        let at = from + text.get(from..)?.find(['@', '%'])?;
        let rest = text.get(at..)?;
        if let Some(mark) = MARKS.iter().find(|mark| rest.starts_with(**mark)) {
            return Some((at, mark.len()));
        }
        from = at + 1;
    }
}

/// The number of bytes at the end of a text that can be the name in an address.
fn name_len(text: &str) -> usize {
    let is_part = |character: char| character.is_alphanumeric() || matches!(character, '.' | '_' | '%' | '+' | '-');
    text.len() - text.trim_end_matches(is_part).len()
}

/// The number of bytes at the beginning of a text that are the domain of an address; 0 if there is
/// none. A domain has a dot, and after a dot two letters: a version has not.
fn domain_len(text: &str) -> usize {
    let is_part = |character: char| character.is_alphanumeric() || matches!(character, '.' | '_' | '-');
    let end = text.find(|character: char| !is_part(character)).unwrap_or(text.len());
    let run = text.get(..end).unwrap_or_default();
    let is_place = |label: &str| label.chars().take(2).filter(|character| character.is_alphabetic()).count() == 2;
    if run.starts_with('.') || !run.split('.').skip(1).any(is_place) {
        return 0;
    }
    run.trim_end_matches(['.', '_', '-']).len()
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

        #[test]
        fn no_mail_address_stays_whatever_stands_around_it(
            before in "(?s).{0,20}",
            signs in "[@%a-z0-9. /=-]{0,12}",
            address in "[A-Za-z0-9._%+-]{1,12}(@|%40|%2540)([a-z0-9-]{1,6}\\.){1,3}[a-z]{2,5}",
            after in "(?s).{0,20}",
        ) {
            for text in [
                format!("{before}{address}{after}"),
                format!("{signs}{address}{signs}"),
                format!("{address}{address}"),
                format!("{address}{signs}{address}"),
            ] {
                let kept = without_mail(&text);
                prop_assert!(!kept.contains(&address), "{text} is {kept}");
                prop_assert_eq!(without_mail(&kept), kept);
            }
        }

        #[test]
        fn a_text_without_the_sign_of_an_address_stays(text in "(?s)[^@%]{0,60}") {
            prop_assert_eq!(without_mail(&text), text);
        }
    }

    #[test]
    fn a_mail_address_is_left_out_and_the_rest_stays() {
        for (text, expected) in [
            ("no mail to <a.b@example.org>, 3 tries", "no mail to <…>, 3 tries"),
            ("user='x@y.fr'\nat @decorator app@1.2.3 e@", "user='…'\nat @decorator app@1.2.3 e@"),
            ("to jo@plant.fr: timeout", "to …: timeout"),
            ("GET /login?email=jo@plant.fr&next=/", "GET /login?email=…&next=/"),
            ("GET /login?email=jo%40plant.fr&next=/", "GET /login?email=…&next=/"),
            ("[jo@plant.fr] {jo@plant.fr}", "[…] {…}"),
            ("jo@plant.fr/x jo@plant.fr! jo@plant.fr.", "…/x …! …."),
            ("mailto:jo%2Btest%2540plant.co.uk", "mailto:…"),
            ("jö.müller@bücher.de", "…"),
            ("react-dom@18.2.0_react@18.2.0 station@2.3.1-rc.1 50%40 @plant.fr", ""),
            ("at open@https://plant.fr/x.js:3", ""),
        ] {
            let expected = if expected.is_empty() { text } else { expected };
            assert_eq!(without_mail(text), expected);
            assert_eq!(has_mail(text), text != expected, "{text}");
        }
    }

    #[test]
    fn a_long_text_of_signs_takes_no_long_time() {
        for sign in ["@", "%40", "a@", "a%40", "@a.b", "a.bc@"] {
            let text = sign.repeat((1 << 20) / sign.len());
            assert!(without_mail(&text).len() <= text.len());
        }
    }
}
