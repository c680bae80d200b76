//! [`Name`]: short printable texts, held in place.

use core::fmt;
use core::str::FromStr;

use arrayvec::ArrayString;

/// A short text without control characters, 1 to `N` bytes of UTF-8, held in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "ArrayString<N>", into = "ArrayString<N>"))]
pub struct Name<const N: usize>(ArrayString<N>);

/// Why a text is not a [`Name`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAName {
    /// The text is empty.
    #[error("is empty: expected 1 to {max} bytes")]
    Empty {
        /// The largest length in bytes.
        max: usize,
    },
    /// The text is too long.
    #[error("has {len} bytes: expected 1 to {max}")]
    TooLong {
        /// Its length in bytes.
        len: usize,
        /// The largest length in bytes.
        max: usize,
    },
    /// The text has a control character or an invisible one, which would corrupt logs and terminals, or read as another name.
    #[error("has a control or invisible character at byte {at}: expected printable text")]
    Control {
        /// Where the character begins.
        at: usize,
    },
}

impl<const N: usize> Name<N> {
    /// A checked name.
    ///
    /// # Errors
    ///
    /// [`NotAName`] if the text is empty, longer than `N` bytes, or has a control character.
    pub fn new(text: &str) -> Result<Self, NotAName> {
        if text.is_empty() {
            return Err(NotAName::Empty { max: N });
        }
        if let Some((at, _)) = text.char_indices().find(|(_, c)| c.is_control() || is_invisible(*c)) {
            return Err(NotAName::Control { at });
        }
        ArrayString::from(text).map(Self).map_err(|_| NotAName::TooLong { len: text.len(), max: N })
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// Characters that show nothing and change how a text reads: zero-width ones, line separators, direction marks.
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{00AD}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
}

impl<const N: usize> fmt::Display for Name<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl<const N: usize> FromStr for Name<N> {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        Self::new(text)
    }
}

impl<const N: usize> TryFrom<ArrayString<N>> for Name<N> {
    type Error = NotAName;

    fn try_from(text: ArrayString<N>) -> Result<Self, NotAName> {
        Self::new(&text)
    }
}

impl<const N: usize> From<Name<N>> for ArrayString<N> {
    fn from(name: Name<N>) -> Self {
        name.0
    }
}

/// The name of a device, 1 to 100 bytes (TSB-02).
pub type DeviceId = Name<100>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_printable_and_bounded() {
        assert_eq!(Name::<4>::new(""), Err(NotAName::Empty { max: 4 }));
        assert_eq!(Name::<4>::new("abcde"), Err(NotAName::TooLong { len: 5, max: 4 }));
        assert_eq!(Name::<4>::new("a\n"), Err(NotAName::Control { at: 1 }));
        assert_eq!(Name::<9>::new("a\u{202E}b"), Err(NotAName::Control { at: 1 }));
        assert_eq!(Name::<4>::new("é1").unwrap().as_str(), "é1");
    }
}
