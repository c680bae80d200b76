//! [`AlertKey`]: names an alert on every server, at every time.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sqal_core::Name;
use sqal_storage::records::RecordKey;
use sqal_storage::register::EntryName;

use crate::{RuleName, Severity};

/// The key of an alert: 64 hexadecimal digits in lower case, the SHA-256 of the rule's name, its
/// severity and the labels.
///
/// An alert that ends and begins again has the key that it had before, so the key also names the
/// incident at a pager.
///
/// ```
/// use std::collections::BTreeMap;
/// use sqal_alerts::state::AlertKey;
/// use sqal_alerts::{RuleName, Severity};
///
/// let labels = BTreeMap::from([("device".to_owned(), "POSTE1".to_owned())]);
/// let key = AlertKey::of(&RuleName::new("StationSilent")?, Severity::Warning, &labels);
/// assert_eq!(key.as_str().parse::<AlertKey>(), Ok(key));
/// # Ok::<(), sqal_alerts::InvalidRule>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AlertKey(Name<64>);

/// A text that is not the key of an alert.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("alert key {0:?}: expected 64 hexadecimal digits in lower case")]
pub struct InvalidAlertKey(pub String);

impl AlertKey {
    /// The key of the alert of a rule with these labels, which are those beside `alertname` and
    /// `severity`.
    #[must_use]
    pub fn of(rule: &RuleName, severity: Severity, labels: &BTreeMap<String, String>) -> Self {
        let mut hash = Sha256::new();
        let mut feed = |text: &str| {
            // The length first: no two lists of texts feed the same bytes.
            hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(text.as_bytes());
        };
        feed("sqal alert 1");
        feed(rule.as_str());
        feed(severity.as_str());
        for (name, value) in labels {
            feed(name);
            feed(value);
        }
        let digits = hash.finalize().iter().fold(String::with_capacity(64), |text, byte| text + &format!("{byte:02x}"));
        Self(Name::new(&digits).unwrap_or_else(|_| unreachable!("64 hexadecimal digits")))
    }

    /// The text of the key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The key of the alert's record.
    pub(super) fn record(&self) -> RecordKey {
        Name::new(self.as_str()).unwrap_or_else(|_| unreachable!("64 hexadecimal digits"))
    }

    /// The name of the alert in the register.
    pub(super) fn entry(&self) -> EntryName {
        Name::new(self.as_str()).unwrap_or_else(|_| unreachable!("64 hexadecimal digits"))
    }
}

impl FromStr for AlertKey {
    type Err = InvalidAlertKey;

    fn from_str(text: &str) -> Result<Self, InvalidAlertKey> {
        let name = Name::new(text).ok().filter(|_| is_hexadecimal(text, 64));
        // A path or a query may hold a text of any length.
        name.map(Self).ok_or_else(|| InvalidAlertKey(text.chars().take(64).collect()))
    }
}

/// Whether a text is this number of hexadecimal digits in lower case.
pub(super) fn is_hexadecimal(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

impl TryFrom<String> for AlertKey {
    type Error = InvalidAlertKey;

    fn try_from(text: String) -> Result<Self, InvalidAlertKey> {
        text.parse()
    }
}

impl From<AlertKey> for String {
    fn from(key: AlertKey) -> Self {
        key.as_str().to_owned()
    }
}

impl fmt::Display for AlertKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(rule: &str, severity: Severity, labels: &BTreeMap<String, String>) -> AlertKey {
        AlertKey::of(&RuleName::new(rule).unwrap(), severity, labels)
    }

    /// Incidents at a pager and records in the database live longer than a program.
    #[test]
    fn a_key_stays_the_same_in_later_versions() {
        let labels = BTreeMap::from([("device".to_owned(), "POSTE1".to_owned())]);
        let key = key("StationSilent", Severity::Warning, &labels);
        assert_eq!(key.as_str(), "b99094ca058ecf570d983bffb4abff45194727206e4d67abf2b79a91942a46d9");
    }

    #[test]
    fn a_text_that_is_no_hash_is_refused_and_shortened() {
        for text in ["", "a", &"A".repeat(64), &"g".repeat(64), &"a".repeat(65), &"é".repeat(32)] {
            let shown = text.chars().take(64).collect();
            assert_eq!(text.parse::<AlertKey>(), Err(InvalidAlertKey(shown)), "{text}");
        }
    }

    proptest! {
        #[test]
        fn alerts_with_other_labels_have_other_keys(
            one in prop::collection::btree_map("[a-z]{0,3}", "[a-z=\n]{0,3}", 0..4),
            two in prop::collection::btree_map("[a-z]{0,3}", "[a-z=\n]{0,3}", 0..4),
        ) {
            let (of_one, of_two) = (key("A", Severity::Warning, &one), key("A", Severity::Warning, &two));
            prop_assert_eq!(of_one == of_two, one == two);
            prop_assert_ne!(of_one, key("A", Severity::Critical, &one));
            prop_assert_ne!(of_one, key("B", Severity::Warning, &one));
            prop_assert_eq!(serde_json::from_str::<AlertKey>(&serde_json::to_string(&of_one).unwrap()).unwrap(), of_one);
        }
    }
}
