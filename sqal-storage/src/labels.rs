//! [`Labels`]: a few names with values, by which stored things are found.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use sqal_core::{Name, name::InvalidName};

/// The name of a label: 1 to 32 ASCII lower-case letters, digits, `_`, `-` and `.`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LabelName(Name<32>);

/// The value of a label.
pub type LabelValue = Name<100>;

/// Why a text is not the name of a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidLabelName {
    /// The text is empty or too long.
    #[error("the name of a label {0}")]
    Length(InvalidName),
    /// The text has a character that the name of a label cannot have.
    #[error("the name of a label has another character than a-z, 0-9, `_`, `-` and `.` at byte {at}")]
    Character {
        /// The place of the character in bytes.
        at: usize,
    },
}

impl LabelName {
    /// A checked name.
    ///
    /// # Errors
    ///
    /// [`InvalidLabelName`] if the text is empty, has more than 32 bytes, or has another character
    /// than `a` to `z`, `0` to `9`, `_`, `-` and `.`.
    pub fn new(text: &str) -> Result<Self, InvalidLabelName> {
        let is_allowed = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '_' | '-' | '.');
        if let Some((at, _)) = text.char_indices().find(|(_, c)| !is_allowed(*c)) {
            return Err(InvalidLabelName::Character { at });
        }
        Name::new(text).map(Self).map_err(InvalidLabelName::Length)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for LabelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for LabelName {
    type Err = InvalidLabelName;

    fn from_str(text: &str) -> Result<Self, InvalidLabelName> {
        Self::new(text)
    }
}

/// At most 16 labels; each name has one value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels(BTreeMap<LabelName, LabelValue>);

/// More labels than one thing can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("has {found} labels: expected at most {most}")]
pub struct InvalidLabels {
    /// The number of labels.
    pub found: usize,
    /// The largest number of labels.
    pub most: usize,
}

impl Labels {
    /// The largest number of labels.
    pub const MOST: usize = 16;

    /// No labels.
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Labels from names and values; if a name occurs several times, its last value counts.
    ///
    /// # Errors
    ///
    /// [`InvalidLabels`] if there are more than [`Labels::MOST`] different names.
    pub fn of(labels: impl IntoIterator<Item = (LabelName, LabelValue)>) -> Result<Self, InvalidLabels> {
        let labels: BTreeMap<_, _> = labels.into_iter().collect();
        if labels.len() > Self::MOST {
            return Err(InvalidLabels { found: labels.len(), most: Self::MOST });
        }
        Ok(Self(labels))
    }

    /// The value of a label, if there is one of this name.
    #[must_use]
    pub fn get(&self, name: &LabelName) -> Option<&LabelValue> {
        self.0.get(name)
    }

    /// The labels in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&LabelName, &LabelValue)> {
        self.0.iter()
    }

    /// The number of labels.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no label.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The labels as the text of a column: `name=value` and a line feed for each, in the order of
    /// the names.
    ///
    /// Names have no `=` and values have no control character, so the text has one meaning.
    pub(crate) fn to_text(&self) -> String {
        self.iter().fold(String::new(), |text, (name, value)| text + name.as_str() + "=" + value.as_str() + "\n")
    }

    /// Reads the text of a column; the error says what is wrong with the text.
    #[cfg(any(feature = "postgres", feature = "sqlite", test))]
    pub(crate) fn from_text(text: &str) -> Result<Self, String> {
        let pairs = text.lines().map(|line| -> Result<_, String> {
            let (name, value) = line.split_once('=').ok_or_else(|| "a label without `=`".to_owned())?;
            let name = LabelName::new(name).map_err(|error| error.to_string())?;
            // An earlier version may have accepted a value that this version refuses.
            let value = LabelValue::stored(value).map_err(|error| format!("the value of a label {error}"))?;
            Ok((name, value))
        });
        let pairs = pairs.collect::<Result<Vec<_>, _>>()?;
        let labels = Self::of(pairs).map_err(|error| error.to_string())?;
        // A repeated name, another order or another line end would not be written by `to_text`.
        if labels.to_text() == text { Ok(labels) } else { Err("labels in another form".to_owned()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        let pair = |(name, value): &(&str, &str)| (LabelName::new(name).unwrap(), LabelValue::new(value).unwrap());
        Labels::of(pairs.iter().map(pair)).unwrap()
    }

    #[test]
    fn a_label_name_has_few_characters_and_at_most_32_bytes() {
        assert_eq!(LabelName::new("a.b-c_9").unwrap().as_str(), "a.b-c_9");
        assert!(LabelName::new(&"a".repeat(32)).is_ok());
        assert!(matches!(LabelName::new(&"a".repeat(33)), Err(InvalidLabelName::Length(_))));
        assert!(matches!(LabelName::new(""), Err(InvalidLabelName::Length(_))));
        for text in ["a=b", "aB", "a b", "aé", "a\n"] {
            assert_eq!(LabelName::new(text), Err(InvalidLabelName::Character { at: 1 }), "{text:?}");
        }
    }

    #[test]
    fn there_are_at_most_16_labels() {
        let label = |k: usize| (LabelName::new(&format!("n{k}")).unwrap(), LabelValue::new("x").unwrap());
        let numbered = |count: usize| Labels::of((0..count).map(label));
        assert_eq!(numbered(16).unwrap().len(), 16);
        assert_eq!(numbered(17), Err(InvalidLabels { found: 17, most: 16 }));
        assert_eq!(numbered(17).unwrap_err().to_string(), "has 17 labels: expected at most 16");
        assert!(numbered(0).unwrap().is_empty());
    }

    #[test]
    fn the_last_value_of_a_name_counts() {
        let twice = labels(&[("state", "open"), ("state", "done")]);
        assert_eq!(twice.len(), 1);
        assert_eq!(twice.get(&LabelName::new("state").unwrap()).map(LabelValue::as_str), Some("done"));
        assert_eq!(twice.get(&LabelName::new("owner").unwrap()), None);
    }

    #[test]
    fn labels_are_read_back_from_their_text() {
        let two = labels(&[("b", "x=y = 1"), ("a", "é '%")]);
        for labels in [Labels::new(), two] {
            assert_eq!(Labels::from_text(&labels.to_text()), Ok(labels));
        }
        assert_eq!(labels(&[("b", "x=y"), ("a", "é")]).to_text(), "a=é\nb=x=y\n");
    }

    #[test]
    fn a_damaged_text_is_an_error() {
        for text in ["a", "a=1", "=1\n", "a=\n", "A=1\n", "a=1\n\n", "a=1\na=2\n", "b=1\na=1\n", "a=1\r\n", "\n"] {
            assert!(Labels::from_text(text).is_err(), "{text:?}");
        }
        let seventeen = (10..27).fold(String::new(), |text, k| text + &format!("n{k}=x\n"));
        assert_eq!(Labels::from_text(&seventeen), Err("has 17 labels: expected at most 16".to_owned()));
    }
}
