//! [`Name`]: short printable texts, held in place.

use core::fmt;
use core::str::FromStr;

use arrayvec::ArrayString;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

/// A short text in which every character can be seen, 1 to `N` bytes of UTF-8, held in place.
///
/// Which characters are refused follows from their Unicode general category: control, format,
/// unassigned, private use, line and paragraph separators, and every space but U+0020; and from the
/// property `Default_Ignorable_Code_Point`. A space at an end and a combining mark at the beginning
/// are refused too. Names that only look alike (Cyrillic `А` and Latin `A`) are different names.
///
/// A name that is read back from a store may have been accepted by an earlier version under other
/// rules: see [`Name::stored`], which `serde` uses as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "ArrayString<N>", into = "ArrayString<N>"))]
pub struct Name<const N: usize>(ArrayString<N>);

/// Why a text is not a [`Name`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidName {
    /// The text is empty.
    #[error("is empty: expected 1 to {max} bytes")]
    Empty {
        /// The largest length in bytes.
        max: usize,
    },
    /// The text is too long.
    #[error("has {len} bytes: expected 1 to {max}")]
    TooLong {
        /// The length of the text in bytes.
        len: usize,
        /// The largest length in bytes.
        max: usize,
    },
    /// The text has a control character or an invisible one, which would corrupt logs and terminals
    /// or read as another name.
    #[error("has a control or invisible character at byte {at}: expected printable text")]
    Control {
        /// Where the character begins.
        at: usize,
    },
    /// The text begins or ends with a space.
    #[error("begins or ends with a space: expected printable text without one at an end")]
    OuterSpace,
    /// The text begins with a combining mark, which changes the character before the name.
    #[error("begins with a combining mark: expected a character before it")]
    LeadingMark,
}

impl<const N: usize> Name<N> {
    /// A checked name.
    ///
    /// # Errors
    ///
    /// [`InvalidName`] if the text is empty, longer than `N` bytes, has a character that cannot be
    /// seen, begins or ends with a space, or begins with a combining mark.
    pub fn new(text: &str) -> Result<Self, InvalidName> {
        let name = Self::bounded(text)?;
        if let Some((at, _)) = text.char_indices().find(|(_, c)| !is_visible(*c)) {
            return Err(InvalidName::Control { at });
        }
        if text.starts_with(' ') || text.ends_with(' ') {
            return Err(InvalidName::OuterSpace);
        }
        if text.chars().next().is_some_and(is_mark) {
            return Err(InvalidName::LeadingMark);
        }
        Ok(name)
    }

    /// Checks a name that was stored or is looked up.
    ///
    /// An earlier version, whose rules were wider, may have accepted it.
    ///
    /// # Errors
    ///
    /// [`InvalidName`] if the text is empty, longer than `N` bytes, or has a character that no
    /// version has accepted.
    pub fn stored(text: &str) -> Result<Self, InvalidName> {
        let name = Self::bounded(text)?;
        let refused = |(_, c): &(usize, char)| c.is_control() || was_always_refused(*c);
        match text.char_indices().find(refused) {
            Some((at, _)) => Err(InvalidName::Control { at }),
            None => Ok(name),
        }
    }

    fn bounded(text: &str) -> Result<Self, InvalidName> {
        if text.is_empty() {
            return Err(InvalidName::Empty { max: N });
        }
        ArrayString::from(text).map(Self).map_err(|_| InvalidName::TooLong { len: text.len(), max: N })
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// Whether a character shows something, or is the space of ASCII.
fn is_visible(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    let unseen = matches!(
        c.general_category(),
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::Surrogate
            | GeneralCategory::PrivateUse
            | GeneralCategory::Unassigned
            | GeneralCategory::SpaceSeparator
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
    );
    !unseen && !is_ignorable(c) && !is_blank(c)
}

/// Letters and marks of the property `Default_Ignorable_Code_Point` (Unicode 18,
/// `DerivedCoreProperties.txt`); its other members are format characters or unassigned.
const fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{034F}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180D}' | '\u{180F}' | '\u{3164}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{FFA0}' | '\u{E0100}'..='\u{E01EF}')
}

/// Symbols whose glyph is empty: a Braille cell without a dot, a note without a head.
const fn is_blank(c: char) -> bool {
    matches!(c, '\u{2800}' | '\u{1D159}')
}

/// Whether a character changes the one before it.
fn is_mark(c: char) -> bool {
    !c.is_ascii() && c.general_category_group() == GeneralCategoryGroup::Mark
}

/// The invisible characters that every version has refused: zero-width ones, line separators,
/// direction marks.
const fn was_always_refused(c: char) -> bool {
    matches!(c, '\u{00AD}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
}

impl<const N: usize> fmt::Display for Name<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl<const N: usize> FromStr for Name<N> {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        Self::new(text)
    }
}

/// Applies the rules of [`Name::stored`], so that `serde` reads every name that an earlier version
/// has written.
impl<const N: usize> TryFrom<ArrayString<N>> for Name<N> {
    type Error = InvalidName;

    fn try_from(text: ArrayString<N>) -> Result<Self, InvalidName> {
        Self::stored(&text)
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
    use alloc::format;
    use alloc::string::String;
    use proptest::prelude::*;

    /// The categories that Unicode 14 gives its characters, by Perl's `\p{…}`: `refused` or
    /// `taken`, first and last code point.
    const UNICODE: &str = include_str!("../tests/unicode_14_names.txt");

    /// A name with a character in its middle.
    fn around(c: char) -> Result<Name<16>, InvalidName> {
        Name::new(&format!("D{c}1"))
    }

    #[test]
    fn names_are_printable_and_bounded() {
        assert_eq!(Name::<4>::new(""), Err(InvalidName::Empty { max: 4 }));
        assert_eq!(Name::<4>::new("abcde"), Err(InvalidName::TooLong { len: 5, max: 4 }));
        assert_eq!(Name::<4>::new("a\n"), Err(InvalidName::Control { at: 1 }));
        assert_eq!(Name::<9>::new("a\u{202E}b"), Err(InvalidName::Control { at: 1 }));
        assert_eq!(Name::<4>::new("é1").unwrap().as_str(), "é1");
        assert_eq!(Name::<9>::new(" a"), Err(InvalidName::OuterSpace));
        assert_eq!(Name::<9>::new("a "), Err(InvalidName::OuterSpace));
        assert_eq!(Name::<9>::new("\u{0301}a"), Err(InvalidName::LeadingMark));
        assert_eq!(Name::<9>::new("a b").unwrap().as_str(), "a b");
    }

    #[test]
    fn every_character_of_unicode_14_is_refused_or_taken_as_its_properties_say() {
        let (mut refused, mut taken) = (0, 0);
        for line in UNICODE.lines().filter(|line| !line.starts_with('#')) {
            let mut words = line.split(' ');
            let what = words.next().unwrap();
            let [first, last] = [(); 2].map(|()| u32::from_str_radix(words.next().unwrap(), 16).unwrap());
            for c in (first..=last).filter_map(char::from_u32) {
                match what {
                    "refused" => {
                        assert_eq!(around(c), Err(InvalidName::Control { at: 1 }), "U+{:04X}", u32::from(c));
                        refused += 1;
                    }
                    "taken" => {
                        assert!(around(c).is_ok(), "U+{:04X}", u32::from(c));
                        taken += 1;
                    }
                    other => unreachable!("{other}"),
                }
            }
        }
        assert!(refused > 130_000 && taken > 140_000, "{refused} {taken}");
    }

    #[test]
    fn names_that_an_earlier_version_has_taken_are_read_back() {
        for old in [
            "LINE_\u{061C}1",
            "LINE_\u{E0031}1",
            "LINE_1\u{3164}",
            "LINE_\u{034F}1",
            "LINE_1\u{180E}",
            "LINE_1 ",
            "\u{A0}LINE_1",
        ] {
            assert!(Name::<100>::new(old).is_err(), "{old:?}");
            assert_eq!(Name::<100>::stored(old).unwrap().as_str(), old);
        }
        for never in ["", "a\n", "a\u{202E}b", "\u{FEFF}a"] {
            assert!(Name::<100>::stored(never).is_err(), "{never:?}");
        }
    }

    proptest! {
        #[test]
        fn a_name_is_its_text_shows_every_character_and_is_read_back(text in ".{0,20}") {
            if let Ok(name) = Name::<100>::new(&text) {
                prop_assert_eq!(name.as_str(), text.as_str());
                prop_assert_eq!(Name::<100>::stored(&text), Ok(name));
                prop_assert_eq!(text.trim(), text.as_str());
                prop_assert!(text.chars().all(is_visible));
            }
        }

        #[test]
        fn an_invisible_character_anywhere_makes_another_text_that_is_no_name(
            at in 0..5_usize,
            c in prop::sample::select(alloc::vec!['\u{7F}', '\u{AD}', '\u{200D}', '\u{2003}', '\u{E0001}', '\u{FE0F}', '\u{E000}', '\u{FFFE}', '\u{2800}']),
        ) {
            let mut text = String::from("LINE");
            text.insert(at, c);
            prop_assert!(Name::<100>::new(&text).is_err());
        }
    }
}
