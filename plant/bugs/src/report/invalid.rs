//! [`InvalidField`]: a value that a bug cannot have, with its limit in English and French.

/// The most characters of a refused value that are shown.
const LONGEST_SHOWN: usize = 100;

/// What stands for a value that is a personal datum.
const PERSONAL: &str = "…";

/// A value that was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: found {value:?}, expected {limit}")]
pub struct InvalidField {
    /// The name of the field, in `snake_case`.
    pub field: &'static str,
    /// The value, cut to 100 characters; `…` if it is a personal datum.
    pub value: String,
    /// What is expected, in English.
    pub limit: String,
    /// What is expected, in French.
    pub limit_fr: String,
}

/// What is expected, in both languages.
#[derive(Clone, Debug)]
pub(crate) struct Limit {
    en: String,
    fr: String,
}

impl Limit {
    /// A limit from its two texts.
    pub(crate) fn new(en: impl Into<String>, fr: impl Into<String>) -> Self {
        Self { en: en.into(), fr: fr.into() }
    }
}

impl InvalidField {
    /// A value that is shown.
    pub(crate) fn new(field: &'static str, value: &str, limit: Limit) -> Self {
        let mut shown: String = value.chars().take(LONGEST_SHOWN).collect();
        if shown.len() < value.len() {
            shown.pop();
            shown.push('…');
        }
        Self { field, value: shown, limit: limit.en, limit_fr: limit.fr }
    }

    /// A personal datum, which is not shown.
    pub(crate) fn personal(field: &'static str, limit: Limit) -> Self {
        Self { field, value: PERSONAL.to_owned(), limit: limit.en, limit_fr: limit.fr }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_shown_up_to_100_characters_and_a_personal_one_never() {
        let of = |value: &str| InvalidField::new("title", value, Limit::new("x", "y")).value;
        assert_eq!(of(&"é".repeat(100)), "é".repeat(100));
        assert_eq!(of(&"é".repeat(101)), format!("{}…", "é".repeat(99)));
        assert_eq!(InvalidField::personal("reported_by", Limit::new("x", "y")).value, "…");
        let said = InvalidField::new("title", "", Limit::new("a text", "un texte")).to_string();
        assert_eq!(said, "title: found \"\", expected a text");
    }
}
