//! [`AuditEntry`]: a line of the audit log, in a chain of hashes that breaks if a line is changed,
//! removed or inserted.

use sha2::{Digest, Sha256};
use sqal_core::{Name, Timestamp};

/// An action that the audit log records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// The time of the action, by the wall clock of the process that records it.
    pub at: Timestamp,
    /// The program or user that acted, for example `sqal purge` or a user's name.
    pub actor: Name<64>,
    /// The kind of the action, for example `gdpr_purge` (AUD-01).
    pub category: Name<32>,
    /// What was done, with its figures, as a short text.
    pub what: Name<255>,
}

/// A line of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// The place of the line in the log, from 1.
    pub number: u64,
    /// The recorded action.
    pub action: Action,
    /// The hash of the previous line; zeros for the first line.
    pub previous: [u8; 32],
    /// The hash of this line.
    pub hash: [u8; 32],
}

/// The chain is broken: the log was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// A line is missing or occurs twice.
    #[error("line {expected} is missing: line {found} follows")]
    Missing {
        /// The expected number.
        expected: u64,
        /// The number found.
        found: u64,
    },
    /// A line does not follow from the line before it.
    #[error("line {0} does not follow from the line before it")]
    Unlinked(u64),
    /// The content of a line does not match its hash.
    #[error("line {0} was changed")]
    Changed(u64),
}

impl AuditEntry {
    /// The line that follows `last`, or the first line if `last` is `None`.
    #[must_use]
    pub fn after(last: Option<&Head>, action: Action) -> Self {
        let Head { number, hash: previous } = last.copied().unwrap_or(Head::EMPTY);
        let number = number + 1;
        Self { hash: hash(number, &previous, &action), number, action, previous }
    }

    /// Checks that this line follows from the head of a chain, and gives the new head.
    ///
    /// # Errors
    ///
    /// [`ChainError`] names the wrong line.
    pub fn follows(&self, head: &Head) -> Result<Head, ChainError> {
        if self.number != head.number + 1 {
            return Err(ChainError::Missing { expected: head.number + 1, found: self.number });
        }
        if self.previous != head.hash {
            return Err(ChainError::Unlinked(self.number));
        }
        if self.hash != hash(self.number, &self.previous, &self.action) {
            return Err(ChainError::Changed(self.number));
        }
        Ok(Head { number: self.number, hash: self.hash })
    }
}

/// The end of a chain.
///
/// A chain by itself does not show that lines were cut off at its end. A head that is kept
/// elsewhere shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The number of lines.
    pub number: u64,
    /// The hash of the last line.
    pub hash: [u8; 32],
}

impl Head {
    /// The head of an empty log.
    pub const EMPTY: Self = Self { number: 0, hash: [0; 32] };
}

fn hash(number: u64, previous: &[u8; 32], action: &Action) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(number.to_be_bytes());
    hash.update(previous);
    hash.update(action.at.micros().to_be_bytes());
    // Lengths first, so that no two different lines feed the same bytes.
    for text in [action.actor.as_str(), action.category.as_str(), action.what.as_str()] {
        hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(text);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn chain(count: u64) -> Vec<AuditEntry> {
        let mut head = Head::EMPTY;
        (0..count)
            .map(|k| {
                let what = Name::new(&format!("{k} samples")).unwrap();
                let at = Timestamp::from_micros(k.cast_signed()).unwrap();
                let action =
                    Action { at, actor: Name::new("test").unwrap(), category: Name::new("gdpr_purge").unwrap(), what };
                let entry = AuditEntry::after(Some(&head), action);
                head = entry.follows(&head).unwrap();
                entry
            })
            .collect()
    }

    fn verify(entries: &[AuditEntry]) -> Result<Head, ChainError> {
        entries.iter().try_fold(Head::EMPTY, |head, entry| entry.follows(&head))
    }

    proptest! {
        #[test]
        fn whatever_is_changed_is_noticed(at in 0..10_usize, how in 0..7) {
            let (sound, mut entries) = (chain(10), chain(10));
            prop_assert_eq!(verify(&sound).unwrap().number, 10);
            match how {
                0 => drop(entries.remove(at)),
                1 => entries.insert(at, sound[at].clone()),
                2 => entries[at].action.what = Name::new("nothing").unwrap(),
                3 => entries[at].action.at = Timestamp::from_micros(99).unwrap(),
                4 => entries[at].hash[7] ^= 1,
                5 => entries[at].previous[0] ^= 1,
                _ => entries.swap(at, (at + 1) % 10),
            }
            // A line that is cut off at the end is detected only with the head.
            let cut_off = how == 0 && at == 9;
            prop_assert_eq!(verify(&entries).is_ok(), cut_off);
            prop_assert_ne!(verify(&entries).ok(), verify(&sound).ok());
        }
    }
}
