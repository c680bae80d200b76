//! [`Bilingual`]: a text for people in English and French, as clients read it.

use std::collections::BTreeMap;

use serde::Serialize;
use sqal_alerts::Words;
use sqal_work::outbox::Language;

/// A text in both languages of the plant.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(super) struct Bilingual {
    en: String,
    fr: String,
}

impl Bilingual {
    /// The text with its placeholders filled.
    pub(super) fn filled(words: &Words, labels: &BTreeMap<String, String>, value: Option<f64>) -> Self {
        let filled = |language| words.filled(language, labels, value);
        Self { en: filled(Language::English), fr: filled(Language::French) }
    }
}

/// A text without placeholders.
impl From<Words> for Bilingual {
    fn from(Words { en, fr }: Words) -> Self {
        Self { en, fr }
    }
}
