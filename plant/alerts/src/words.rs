//! [`Words`]: a text for people in English and French.

use serde::{Deserialize, Serialize};
use sqal_work::outbox::Language;

/// A text in both languages of the plant. `{name}` stands for the value of the label `name`, and
/// `{value}` for the value that the rule found.
///
/// ```
/// use std::collections::BTreeMap;
/// use sqal_alerts::Words;
/// use sqal_work::outbox::Language;
///
/// let words = Words::new("{device}: window dirty", "{device} : vitre sale");
/// let labels = BTreeMap::from([("device".to_owned(), "POSTE1".to_owned())]);
/// assert_eq!(words.filled(Language::French, &labels, Some(1.0)), "POSTE1 : vitre sale");
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

    /// The text in a language, with its placeholders.
    #[must_use]
    pub fn text(&self, language: Language) -> &str {
        match language {
            Language::English => &self.en,
            Language::French => &self.fr,
        }
    }
}
