//! [`Remark`]: what a person writes about an alert or a silence, in a few sentences.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A text of a person: 1 to 500 characters, more than blanks, and without control characters other
/// than line feeds.
///
/// ```
/// use sqal_alerts::state::{InvalidRemark, Remark};
///
/// assert_eq!(Remark::new("window cleaned")?.as_str(), "window cleaned");
/// assert_eq!(Remark::new(" \n"), Err(InvalidRemark::Blank));
/// # Ok::<(), InvalidRemark>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Remark(String);

/// Why a text is not a [`Remark`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRemark {
    /// The text is empty, or has only blanks.
    #[error("is empty: expected 1 to {} characters", Remark::LONGEST)]
    Blank,
    /// The text is too long.
    #[error("has {found} characters: expected 1 to {}", Remark::LONGEST)]
    TooLong {
        /// The number of characters.
        found: usize,
    },
    /// The text has a control character.
    #[error("has a control character at character {at}: expected printable text and line feeds")]
    Control {
        /// The place of the character, from 1.
        at: usize,
    },
}

impl Remark {
    /// The largest number of characters.
    pub const LONGEST: usize = 500;

    /// Checks a text. Blanks around it are removed.
    ///
    /// # Errors
    ///
    /// [`InvalidRemark`] if the text is blank, has more than [`Remark::LONGEST`] characters, or has
    /// a control character that is no line feed.
    pub fn new(text: &str) -> Result<Self, InvalidRemark> {
        let text = text.trim();
        let found = text.chars().count();
        if found == 0 {
            return Err(InvalidRemark::Blank);
        }
        if found > Self::LONGEST {
            return Err(InvalidRemark::TooLong { found });
        }
        match (1..).zip(text.chars()).find(|(_, c)| c.is_control() && *c != '\n') {
            Some((at, _)) => Err(InvalidRemark::Control { at }),
            None => Ok(Self(text.to_owned())),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Remark {
    type Error = InvalidRemark;

    fn try_from(text: String) -> Result<Self, InvalidRemark> {
        Self::new(&text)
    }
}

impl From<Remark> for String {
    fn from(remark: Remark) -> Self {
        remark.0
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_remark_says_something_in_at_most_500_characters() {
        for text in ["a", "é\nb", &"é".repeat(500)] {
            assert_eq!(Remark::new(&format!(" {text}\n")).unwrap().as_str(), text);
        }
        assert_eq!(Remark::new("\u{a0} \n"), Err(InvalidRemark::Blank));
        assert_eq!(Remark::new(&"é".repeat(501)), Err(InvalidRemark::TooLong { found: 501 }));
        assert_eq!(Remark::new("ab\0"), Err(InvalidRemark::Control { at: 3 }));
        let said = InvalidRemark::TooLong { found: 501 }.to_string();
        assert_eq!(said, "has 501 characters: expected 1 to 500");
    }

    proptest! {
        #[test]
        fn a_remark_is_read_back_as_it_was_written(text in "\\PC{0,40}") {
            if let Ok(remark) = Remark::new(&text) {
                prop_assert_eq!(remark.as_str(), text.trim());
                let written = serde_json::to_string(&remark).unwrap();
                prop_assert_eq!(serde_json::from_str::<Remark>(&written).unwrap(), remark);
            }
        }
    }
}
