//! [`Letter`]: subject, text and perhaps HTML of a mail, without its recipient.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::outbox::language::Language;

/// The longest subject, in characters.
const LONGEST_SUBJECT: usize = 200;

/// The longest text, and the longest HTML, in bytes.
const LONGEST_TEXT: usize = 256 * 1024;

/// The subject of a letter: one line of 1 to 200 characters without a control character.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subject(String);

/// A letter that is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidLetter {
    /// The subject is blank or too long.
    #[error("subject: {0} characters, expected 1 to 200, and not only blanks")]
    SubjectLength(usize),
    /// The subject has a line break or another control character, which could begin another header
    /// field.
    #[error("subject: a line break or another control character at byte {at}, expected one line")]
    SubjectControl {
        /// The place of the character in bytes.
        at: usize,
    },
    /// The text or the HTML is too long.
    #[error("{what}: {bytes} bytes, expected at most 262144")]
    TooLong {
        /// `text` or `html`.
        what: &'static str,
        /// Its length in bytes.
        bytes: usize,
    },
    /// The text or the HTML has the character U+0000, which neither mail nor a database can hold.
    #[error("{0}: the character U+0000, expected text without it")]
    Nul(&'static str),
}

impl Subject {
    /// The subject.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Subject {
    type Err = InvalidLetter;

    fn from_str(text: &str) -> Result<Self, InvalidLetter> {
        // U+2028 and U+2029 are no control characters, and break a line as well.
        let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
        if let Some((at, _)) = text.char_indices().find(|(_, c)| breaks(*c)) {
            return Err(InvalidLetter::SubjectControl { at });
        }
        match text.chars().count() {
            1..=LONGEST_SUBJECT if !text.trim().is_empty() => Ok(Self(text.to_owned())),
            length => Err(InvalidLetter::SubjectLength(length)),
        }
    }
}

impl TryFrom<String> for Subject {
    type Error = InvalidLetter;

    fn try_from(text: String) -> Result<Self, InvalidLetter> {
        text.parse()
    }
}

impl From<Subject> for String {
    fn from(subject: Subject) -> Self {
        subject.0
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What a mail says. Its `Debug` shows neither text nor HTML.
///
/// ```
/// use sqal_work::outbox::{Language, mail::Letter};
///
/// let letter = Letter::new("Station 3 est muette".parse()?, "Depuis 10 minutes.".to_owned(), Language::French)?
///     .html("<p>Depuis 10 minutes.</p>".to_owned())?;
/// assert_eq!(letter.subject().as_str(), "Station 3 est muette");
/// # Ok::<(), sqal_work::outbox::mail::InvalidLetter>(())
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Letter {
    subject: Subject,
    text: String,
    html: Option<String>,
    language: Language,
}

/// A letter as it stands in a job, before it is checked.
#[derive(Clone, Serialize, Deserialize)]
struct Written {
    subject: Subject,
    text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    html: Option<String>,
    language: Language,
}

impl Letter {
    /// A letter of plain text.
    ///
    /// # Errors
    ///
    /// [`InvalidLetter`] if the text has more than 256 KiB or the character U+0000.
    pub fn new(subject: Subject, text: String, language: Language) -> Result<Self, InvalidLetter> {
        check("text", &text)?;
        Ok(Self { subject, text, html: None, language })
    }

    /// Adds the same as HTML. The caller has escaped in it what is not markup.
    ///
    /// # Errors
    ///
    /// [`InvalidLetter`] if the HTML has more than 256 KiB or the character U+0000.
    pub fn html(mut self, html: String) -> Result<Self, InvalidLetter> {
        check("html", &html)?;
        self.html = Some(html);
        Ok(self)
    }

    /// The subject.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The plain text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The HTML, if the letter has one.
    #[must_use]
    pub fn as_html(&self) -> Option<&str> {
        self.html.as_deref()
    }

    /// The language.
    #[must_use]
    pub const fn language(&self) -> Language {
        self.language
    }
}

fn check(what: &'static str, text: &str) -> Result<(), InvalidLetter> {
    if text.len() > LONGEST_TEXT {
        return Err(InvalidLetter::TooLong { what, bytes: text.len() });
    }
    if text.contains('\0') { Err(InvalidLetter::Nul(what)) } else { Ok(()) }
}

impl TryFrom<Written> for Letter {
    type Error = InvalidLetter;

    fn try_from(Written { subject, text, html, language }: Written) -> Result<Self, InvalidLetter> {
        let letter = Self::new(subject, text, language)?;
        match html {
            Some(html) => letter.html(html),
            None => Ok(letter),
        }
    }
}

impl From<Letter> for Written {
    fn from(Letter { subject, text, html, language }: Letter) -> Self {
        Self { subject, text, html, language }
    }
}

impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Letter").field("subject", &self.subject.0).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_one_line() {
        for text in ["a", "Température : 4 °C", &"é".repeat(200)] {
            assert_eq!(text.parse::<Subject>().unwrap().as_str(), text);
        }
        for (text, at) in [("a\r\nBcc: b@c", 1), ("\n", 0), ("é\u{85}", 2), ("a\u{2028}b", 1), ("a\0", 1)] {
            assert_eq!(text.parse::<Subject>(), Err(InvalidLetter::SubjectControl { at }), "{text:?}");
        }
        for (text, length) in [(String::new(), 0), ("  ".to_owned(), 2), ("é".repeat(201), 201)] {
            assert_eq!(text.parse::<Subject>(), Err(InvalidLetter::SubjectLength(length)));
        }
    }

    #[test]
    fn a_letter_is_checked_when_it_is_read_too() {
        let letter = Letter::new("a".parse().unwrap(), "text".to_owned(), Language::English).unwrap();
        let letter = letter.html("<p>text</p>".to_owned()).unwrap();
        let json = serde_json::to_string(&letter).unwrap();
        assert_eq!(serde_json::from_str::<Letter>(&json).unwrap(), letter);
        assert!(serde_json::from_str::<Letter>(r#"{"subject":"a\nb","text":"","language":"en"}"#).is_err());
        assert!(serde_json::from_str::<Letter>(r#"{"subject":"a","text":"\u0000","language":"en"}"#).is_err());
        assert!(!format!("{letter:?}").contains("text"));
    }

    #[test]
    fn a_text_has_at_most_a_quarter_of_a_mebibyte() {
        let of = |length| Letter::new("a".parse().unwrap(), "x".repeat(length), Language::English);
        assert!(of(LONGEST_TEXT).is_ok());
        assert_eq!(of(LONGEST_TEXT + 1), Err(InvalidLetter::TooLong { what: "text", bytes: LONGEST_TEXT + 1 }));
    }
}
