//! [`ShownNames`]: the first names of a list in a message, and how many more there are.

use std::fmt::Display;

/// The most names that are shown. If every refusal listed a thousand names, the answer to a batch
/// would be megabytes.
const SHOWN: usize = 10;

/// A list of names as a refusal shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownNames {
    shown: String,
    more: usize,
}

impl ShownNames {
    /// The first names of a list.
    #[must_use]
    pub fn of(names: impl IntoIterator<Item: Display>) -> Self {
        let mut names = names.into_iter();
        let shown = names.by_ref().take(SHOWN).map(|name| name.to_string()).collect::<Vec<_>>().join(", ");
        Self { shown, more: names.count() }
    }

    /// The limit in English, for a value that is not one of the names.
    #[must_use]
    pub fn english(&self) -> String {
        let Self { shown, more } = self;
        if *more == 0 { format!("one of {shown}") } else { format!("one of {shown} and {more} more") }
    }

    /// The limit in French, for a value that is not one of the names.
    #[must_use]
    pub fn french(&self) -> String {
        let Self { shown, more } = self;
        if *more == 0 { format!("l'un de {shown}") } else { format!("l'un de {shown} et {more} autres") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_names_are_shown_and_the_rest_is_counted() {
        let all = ShownNames::of(1..=10);
        assert_eq!(all.english(), "one of 1, 2, 3, 4, 5, 6, 7, 8, 9, 10");
        let some = ShownNames::of(1..=1000);
        assert_eq!(some.english(), "one of 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 990 more");
        assert_eq!(some.french(), "l'un de 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 et 990 autres");
        let long = ShownNames::of((0..1000).map(|k| format!("{k:0>64}")));
        assert!(long.english().len() < 1000 && long.french().len() < 1000);
    }
}
