//! [`AuditEntry`]: who did what to what was kept, in a chain of hashes that a changed, removed or inserted line breaks.

use sha2::{Digest, Sha256};
use sqal_core::{Name, Timestamp};

/// Something that is to be written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// When, by the wall clock of who writes it.
    pub at: Timestamp,
    /// Who, for example `sqal purge` or a user's name.
    pub actor: Name<64>,
    /// Which kind, for example `gdpr_purge` (AUD-01).
    pub category: Name<32>,
    /// What, with its figures, as a short text.
    pub what: Name<255>,
}

/// A line of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its place, from 1.
    pub number: u64,
    /// What was done.
    pub action: Action,
    /// The hash of the line before; zeros for the first.
    pub previous: [u8; 32],
    /// The hash of this line.
    pub hash: [u8; 32],
}

/// The chain is broken: somebody has changed the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BrokenChain {
    /// A line is missing, or there twice.
    #[error("line {expected} is missing: line {found} follows")]
    Missing {
        /// The number that should come.
        expected: u64,
        /// The number that comes.
        found: u64,
    },
    /// A line does not follow from the line before it.
    #[error("line {0} does not follow from the line before it")]
    Unlinked(u64),
    /// A line is not what its hash says.
    #[error("line {0} was changed")]
    Changed(u64),
}

impl AuditEntry {
    /// The line that follows another, or the first.
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
    /// [`BrokenChain`] says which line is wrong.
    pub fn follows(&self, head: &Head) -> Result<Head, BrokenChain> {
        if self.number != head.number + 1 {
            return Err(BrokenChain::Missing { expected: head.number + 1, found: self.number });
        }
        if self.previous != head.hash {
            return Err(BrokenChain::Unlinked(self.number));
        }
        if self.hash != hash(self.number, &self.previous, &self.action) {
            return Err(BrokenChain::Changed(self.number));
        }
        Ok(Head { number: self.number, hash: self.hash })
    }
}

/// The end of a chain. Kept elsewhere, it shows that no line was cut off at the end: that no chain shows by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// How many lines there are.
    pub number: u64,
    /// The hash of the last.
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

    fn verify(entries: &[AuditEntry]) -> Result<Head, BrokenChain> {
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
            // A line cut off at the end is only seen by who knows the head.
            let cut_off = how == 0 && at == 9;
            prop_assert_eq!(verify(&entries).is_ok(), cut_off);
            prop_assert_ne!(verify(&entries).ok(), verify(&sound).ok());
        }
    }
}
