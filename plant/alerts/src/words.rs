//! [`Words`]: a text for people in English and French.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use sqal_work::outbox::Language;

/// A text in both languages of the plant. `{name}` stands for the value of the label `name`, and
/// `{value}` for the value that the rule found. `{value:count}` shows the value as a whole number,
/// and `{value:bytes}` as an amount of memory.
///
/// French texts are written with ordinary spaces; [`Words::text`] ties them to the punctuation.
///
/// ```
/// use std::collections::BTreeMap;
/// use sqal_alerts::Words;
/// use sqal_work::outbox::Language;
///
/// let words = Words::new("{device}: window dirty", "{device} : vitre sale");
/// let labels = BTreeMap::from([("device".to_owned(), "POSTE1".to_owned())]);
/// assert_eq!(words.filled(Language::French, &labels, Some(1.0)), "POSTE1\u{a0}: vitre sale");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// The text in English.
    pub en: String,
    /// The text in French.
    pub fr: String,
}

impl Words {
    /// A text in both languages.
    #[must_use]
    pub fn new(en: &str, fr: &str) -> Self {
        Self { en: en.to_owned(), fr: fr.to_owned() }
    }

    /// The text in a language, with its placeholders. In French a no-break space stands before
    /// `:`, `;`, `!`, `?`, `%` and `»`, and behind `«`.
    #[must_use]
    pub fn text(&self, language: Language) -> Cow<'_, str> {
        let text = match language {
            Language::English => &self.en,
            Language::French => &self.fr,
        };
        unbroken(text, language)
    }
}

/// The space at which no line ends.
pub(crate) const NO_BREAK: char = '\u{a0}';

/// A text of a language in which no line ends between a word and the punctuation that belongs to
/// it. English has no space before its punctuation.
pub(crate) fn unbroken(text: &str, language: Language) -> Cow<'_, str> {
    if language == Language::English {
        return Cow::Borrowed(text);
    }
    let mut tied = String::with_capacity(text.len());
    let mut before = None;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let is_tied = before == Some('«') || characters.peek().is_some_and(|next| ":;!?%»".contains(*next));
        tied.push(if character == ' ' && is_tied { NO_BREAK } else { character });
        before = Some(character);
    }
    Cow::Owned(tied)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn french_punctuation_stays_on_the_line_of_its_word() {
        let words = Words::new("a : b", "« oui » : 5 % ; non ! où ? ici : {value}");
        assert_eq!(words.text(Language::English), "a : b");
        assert_eq!(
            words.text(Language::French),
            "«\u{a0}oui\u{a0}»\u{a0}: 5\u{a0}%\u{a0}; non\u{a0}! où\u{a0}? ici\u{a0}: {value}"
        );
    }

    proptest! {
        /// Spaces alone are exchanged, and what is tied stays as it is.
        #[test]
        fn a_text_keeps_its_words_and_is_tied_once(text in "[a«»:;!?% \u{a0}]{0,12}") {
            let tied = unbroken(&text, Language::French);
            prop_assert_eq!(tied.replace(NO_BREAK, " "), text.replace(NO_BREAK, " "));
            prop_assert_eq!(unbroken(&tied, Language::French), &*tied);
            let pairs = [" :", " ;", " !", " ?", " %", " »", "« "];
            prop_assert!(!pairs.iter().any(|pair| tied.contains(*pair)), "{}", tied);
        }
    }
}
