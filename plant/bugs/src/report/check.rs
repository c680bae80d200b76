//! Checks of single values: texts, names, words, ids and lists. Faults are collected.

use std::collections::BTreeSet;
use std::str::FromStr;

use sqal_core::{Name, SampleId};
use sqal_storage::bugs::{BugId, InvalidBugWord};

use super::invalid::{InvalidField, Limit};

/// The longest title, in characters.
pub const LONGEST_TITLE: usize = 200;

/// The longest description, reproduction steps or comment, in characters.
pub const LONGEST_TEXT: usize = 20_000;

/// The longest reason of a change, in characters.
pub const LONGEST_WHY: usize = 500;

/// The most tags of a bug.
pub const MOST_TAGS: usize = 20;

/// The most watchers of a bug.
pub const MOST_WATCHERS: usize = 20;

/// The most bugs in each of `blocks` and `relates_to`.
pub const MOST_LINKED_BUGS: usize = 50;

/// Makes a value from a text of the named field.
pub(super) type Check<T> = fn(&'static str, &str) -> Result<T, InvalidField>;

/// The values that were refused until now.
#[derive(Debug, Default)]
pub(super) struct Faults(pub(super) Vec<InvalidField>);

impl Faults {
    /// The value, or `None` after its fault was noted.
    pub(super) fn keep<T>(&mut self, checked: Result<T, InvalidField>) -> Option<T> {
        checked.map_err(|fault| self.0.push(fault)).ok()
    }

    /// A value that must be there: an absent one is refused as an empty text.
    pub(super) fn required<T>(&mut self, field: &'static str, value: Option<String>, check: Check<T>) -> Option<T> {
        let value = value.unwrap_or_default();
        self.keep(check(field, &value))
    }

    /// A value that may be absent.
    pub(super) fn optional<T>(&mut self, field: &'static str, value: Option<String>, check: Check<T>) -> Option<T> {
        let value = value?;
        self.keep(check(field, &value))
    }

    /// The different values of a list; an absent list is empty.
    pub(super) fn list<T: Ord>(
        &mut self,
        field: &'static str,
        values: Option<Vec<String>>,
        most: usize,
        check: Check<T>,
    ) -> BTreeSet<T> {
        let values = values.unwrap_or_default();
        if values.len() > most {
            let limit = Limit::new(format!("at most {most} values"), format!("au plus {most} valeurs"));
            self.0.push(InvalidField::new(field, &format!("{} values", values.len()), limit));
            return BTreeSet::new();
        }
        values.into_iter().filter_map(|value| self.keep(check(field, &value))).collect()
    }
}

/// A text of a length, not blank, without control characters other than line feeds and tabs.
fn bounded(field: &'static str, text: String, most: usize) -> Result<String, InvalidField> {
    let is_allowed = |c: char| !c.is_control() || matches!(c, '\n' | '\t');
    let is_blank = text.trim().is_empty();
    if is_blank || text.chars().count() > most || !text.chars().all(is_allowed) {
        let limit = Limit::new(
            format!("1 to {most} characters, not all blank, without control characters other than line feeds and tabs"),
            format!(
                "1 à {most} caractères, pas tous blancs, sans caractère de contrôle autre que sauts de ligne et \
                 tabulations"
            ),
        );
        return Err(InvalidField::new(field, &text, limit));
    }
    Ok(text)
}

/// A title: one line. Line breaks and tabs become a blank, and blanks at its ends are removed.
pub(super) fn check_title(field: &'static str, text: &str) -> Result<String, InvalidField> {
    let parts = text.split(['\n', '\r', '\t']).map(str::trim).filter(|part| !part.is_empty());
    bounded(field, parts.collect::<Vec<_>>().join(" "), LONGEST_TITLE)
}

/// A text of several lines, whose line breaks become line feeds.
pub(super) fn check_text(field: &'static str, text: &str) -> Result<String, InvalidField> {
    bounded(field, text.replace("\r\n", "\n"), LONGEST_TEXT)
}

/// A text of several lines that may be empty.
pub(super) fn check_steps(field: &'static str, text: &str) -> Result<String, InvalidField> {
    if text.is_empty() { Ok(String::new()) } else { check_text(field, text) }
}

/// The reason of a change, without blanks at its ends.
pub(super) fn check_why(field: &'static str, text: &str) -> Result<String, InvalidField> {
    bounded(field, text.replace("\r\n", "\n").trim().to_owned(), LONGEST_WHY)
}

/// The text of a comment.
pub(crate) fn check_comment(text: &str) -> Result<String, InvalidField> {
    check_text("comment", text)
}

/// One of the words of a field.
pub(super) fn check_word<T: FromStr<Err = InvalidBugWord>>(field: &'static str, text: &str) -> Result<T, InvalidField> {
    let limit = |InvalidBugWord { expected }| Limit::new(expected, expected.replace(" or ", " ou "));
    text.parse().map_err(|invalid| InvalidField::new(field, text, limit(invalid)))
}

/// A name.
pub(super) fn check_name<const N: usize>(field: &'static str, text: &str) -> Result<Name<N>, InvalidField> {
    Name::new(text).map_err(|_| InvalidField::new(field, text, name_limit(N)))
}

/// What is expected of a name of at most `most` bytes.
pub(super) fn name_limit(most: usize) -> Limit {
    Limit::new(
        format!("1 to {most} bytes of printable text without a blank at its ends"),
        format!("1 à {most} octets de texte imprimable, sans blanc aux extrémités"),
    )
}

/// The id of a bug.
pub(super) fn check_bug_id(field: &'static str, text: &str) -> Result<BugId, InvalidField> {
    text.parse().map_err(|_| InvalidField::new(field, text, uuid_limit()))
}

/// The id of a sample.
pub(super) fn check_sample_id(field: &'static str, text: &str) -> Result<SampleId, InvalidField> {
    text.parse().map_err(|_| InvalidField::new(field, text, uuid_limit()))
}

fn uuid_limit() -> Limit {
    let example = "7f2c1a9e-5b1d-4c3e-8a77-0d9e6f1b2a34";
    Limit::new(format!("a UUID such as {example}"), format!("un UUID, par exemple {example}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_title_that_is_accepted_is_one_line_within_its_limit_and_is_accepted_again(text in "[\\PC\n\r\t]{0,220}") {
            match check_title("title", &text) {
                Ok(title) => {
                    prop_assert!((1..=LONGEST_TITLE).contains(&title.chars().count()));
                    prop_assert!(!title.contains(['\n', '\r', '\t']) && title.trim() == title);
                    prop_assert_eq!(check_title("title", &title), Ok(title));
                }
                Err(refused) => {
                    prop_assert_eq!(refused.field, "title");
                    let length = text.trim().chars().count();
                    prop_assert!(length == 0 || length > LONGEST_TITLE, "{text:?}");
                }
            }
        }

        #[test]
        fn a_text_is_kept_as_it_was_written_but_for_its_line_breaks(text in "[\\PC\n\t]{1,200}") {
            match check_text("description", &text.replace('\n', "\r\n")) {
                Ok(kept) => prop_assert_eq!(kept, text),
                Err(_) => prop_assert!(text.trim().is_empty()),
            }
        }
    }

    #[test]
    fn titles_and_texts_are_refused_just_beyond_their_limits() {
        let checks: [(usize, Check<String>); 3] =
            [(LONGEST_TITLE, check_title), (LONGEST_TEXT, check_text), (LONGEST_WHY, check_why)];
        for (most, check) in checks {
            assert!(check("x", "é").is_ok());
            assert_eq!(check("x", &"é".repeat(most)), Ok("é".repeat(most)));
            let refused = check("x", &"é".repeat(most + 1)).unwrap_err();
            assert!(refused.limit.starts_with(&format!("1 to {most} ")), "{}", refused.limit);
            assert!(refused.limit_fr.starts_with(&format!("1 à {most} ")), "{}", refused.limit_fr);
            for text in ["", " ", "\u{a0}\n", "a\0b", "a\u{1b}[31mb", "a\u{85}b"] {
                assert!(check("x", text).is_err(), "{text:?}");
            }
        }
        assert!(check_text("x", "a\rb").is_err(), "a carriage return alone");
        assert_eq!(check_steps("x", ""), Ok(String::new()));
        assert!(check_steps("x", " ").is_err());
    }

    #[test]
    fn an_id_of_a_sample_is_the_uuid_that_is_shown() {
        let text = "0192cb0e-d580-7abc-8def-001122334455";
        assert_eq!(check_sample_id("sample_id", text).unwrap().to_string(), text);
        assert!(check_sample_id("sample_id", "42").is_err());
        assert!(check_bug_id("duplicate_of", "42").is_err());
    }
}
