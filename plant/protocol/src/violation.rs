//! [`Violation`]: one value that is not valid: its place, the value found, and the limit.

use std::fmt;

use serde::Serialize;

/// One error in a request: the place, the value found, and the limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Violation {
    /// A JSON pointer (RFC 6901) into the body, `?name` for a query parameter, or the name of a
    /// header field.
    pub pointer: String,
    /// The value found.
    pub value: String,
    /// The limit: what a valid value would be.
    pub limit: String,
    #[serde(skip)]
    pub(crate) french: String,
}

impl Violation {
    /// A violation with its limit in English and French.
    pub fn new(
        pointer: impl Into<String>,
        value: impl fmt::Display,
        limit: impl Into<String>,
        french: impl Into<String>,
    ) -> Self {
        // The client's text is echoed, but not megabytes of it.
        let (pointer, value) = (cut(pointer.into(), 120), cut(value.to_string(), 240));
        Self { pointer, value, limit: limit.into(), french: french.into() }
    }
}

/// Cuts a text to at most this number of characters.
#[must_use]
pub fn cut(mut text: String, most: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(most) {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_value_is_cut_between_two_characters() {
        let violation = Violation::new("/x".repeat(100), "é".repeat(300), "short", "court");
        assert_eq!(violation.value, format!("{}…", "é".repeat(240)));
        assert_eq!(violation.pointer, format!("{}…", "/x".repeat(60)));
        assert_eq!(cut("as it is".to_owned(), 8), "as it is");
    }
}
