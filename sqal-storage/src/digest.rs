//! [`Contents`]: the number of samples in a database and a sum over all of them, to compare a
//! restored database with the one that was backed up.

use sha2::{Digest, Sha256};
use sqal_core::Timestamp;

/// The contents of a database in a few numbers.
///
/// Two databases of any kind with the same samples have equal numbers; the order of the samples
/// does not matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// The number of samples that can be read.
    pub samples: u64,
    /// The sum of the samples' digests, modulo 2^64.
    pub sum: u64,
    /// The timestamp of the newest sample.
    pub newest: Option<Timestamp>,
    /// The number of rows that cannot be read as a sample.
    pub unreadable: u64,
}

impl Contents {
    /// Counts a sample.
    pub(crate) fn add(&mut self, digest: u64, timestamp: Timestamp) {
        self.samples += 1;
        self.sum = self.sum.wrapping_add(digest);
        self.newest = self.newest.max(Some(timestamp));
    }
}

/// The digest of a stored sample: of its id, the time when it was received, and both binary forms
/// as they are stored.
///
/// The digest is taken of the stored bytes, not of what this program would write today. A recorded
/// sum therefore stays comparable when the binary form gets a new version. Every other column is a
/// function of these bytes and is compared with them.
pub(crate) fn digest(id: &[u8], received_at: i64, frame: &[u8], findings: &[u8]) -> u64 {
    let length = |bytes: &[u8]| u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes();
    let hash = Sha256::new()
        .chain_update(b"sqal sample 1\0")
        .chain_update(id)
        .chain_update(received_at.to_be_bytes())
        .chain_update(length(frame))
        .chain_update(frame)
        .chain_update(length(findings))
        .chain_update(findings)
        .finalize();
    hash.first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_changed_byte_changes_the_digest(
            id: [u8; 16], at: i64, frame in prop::collection::vec(any::<u8>(), 1..50), findings in prop::collection::vec(any::<u8>(), 1..50),
            place in any::<prop::sample::Index>(), bit in 0..8_u32,
        ) {
            let sound = digest(&id, at, &frame, &findings);
            let (mut other_id, mut other_frame, mut other_findings) = (id, frame.clone(), findings.clone());
            other_id[place.index(16)] ^= 1 << bit;
            let (at_frame, at_findings) = (place.index(frame.len()), place.index(findings.len()));
            other_frame[at_frame] ^= 1 << bit;
            other_findings[at_findings] ^= 1 << bit;
            prop_assert_ne!(digest(&other_id, at, &frame, &findings), sound);
            prop_assert_ne!(digest(&id, at.wrapping_add(1), &frame, &findings), sound);
            prop_assert_ne!(digest(&id, at, &other_frame, &findings), sound);
            prop_assert_ne!(digest(&id, at, &frame, &other_findings), sound);
            // A byte that moves from one binary form to the other is a change too.
            let (moved, rest) = (findings[0], &findings[1..]);
            let longer: Vec<u8> = frame.iter().copied().chain([moved]).collect();
            prop_assert_ne!(digest(&id, at, &longer, rest), sound);
        }
    }
}
