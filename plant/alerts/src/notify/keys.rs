//! The keys of groups and incidents: hashes, so that labels of any length and any sign make a key.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};
use sqal_core::Timestamp;

/// The key of the alerts that match `matched` and have these values of the labels of groups.
pub(super) fn group_key(matched: &str, labels: &BTreeMap<String, String>) -> String {
    let texts = labels.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]);
    hashed(["alert group 1", matched].into_iter().chain(texts))
}

/// The key of the incident that a group has opened at a time. A later incident of the group has
/// another key, so a resolution that is delivered late does not close it.
pub(super) fn incident_key(group_key: &str, opened: Timestamp) -> String {
    hashed(["alert incident 1", group_key, &opened.micros().to_string()])
}

/// The first 128 bits of the SHA-256 of some texts, as 32 hexadecimal digits. The length of each
/// text is hashed with it, so that no two lists of texts give the same bytes.
fn hashed<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(text.as_bytes());
    }
    hash.finalize().iter().take(16).fold(String::with_capacity(32), |mut digits, byte| {
        // Writing to a string cannot fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Incidents at a pager live longer than a program. The two hashes were computed in Python.
    #[test]
    fn the_keys_stay_the_same_in_later_versions() {
        let labels = BTreeMap::from([("alertname".to_owned(), "StationSilent".to_owned())]);
        let group = group_key("{}", &labels);
        assert_eq!(group, "75869094cfd1c4e4bec18eff5b7ca6d5");
        assert_eq!(
            incident_key(&group, Timestamp::from_micros(1_729_983_600_000_000).unwrap()),
            "c4359afb994fc3849007efd4604994ca"
        );
    }

    #[test]
    fn other_labels_and_another_match_make_another_group() {
        let of = |pairs: &[(&str, &str)]| {
            let labels = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            group_key("{}", &labels)
        };
        assert_ne!(of(&[("a", "b")]), of(&[("ab", "")]));
        assert_ne!(of(&[("a", "")]), of(&[]));
        assert_ne!(of(&[]), group_key("", &BTreeMap::new()));
    }
}
