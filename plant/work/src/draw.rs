//! Numbers that are drawn from names by a hash: the same names give the same number on every
//! server, at every time.

use sha2::{Digest, Sha256};

/// A number that is drawn from texts, each value equally often.
pub(crate) fn number(parts: &[&[u8]]) -> u64 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        hash.update(part);
    }
    let hash = hash.finalize();
    hash.first_chunk().map_or(0, |first| u64::from_le_bytes(*first))
}

/// A share from 0 to 1 that is drawn from texts.
pub(crate) fn share(parts: &[&[u8]]) -> f64 {
    let drawn = u32::try_from(number(parts) >> 32).unwrap_or(u32::MAX);
    f64::from(drawn) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Servers of two versions draw the same numbers: these never change.
    #[test]
    fn a_number_is_drawn_for_ever() {
        assert_eq!(number(&[b"a", b"bc"]), number(&[b"a", b"bc"]));
        assert_ne!(number(&[b"a", b"bc"]), number(&[b"ab", b"c"]));
        // The first 8 bytes of SHA-256 over no byte at all: e3b0c44298fc1c14.
        assert_eq!(number(&[]), u64::from_le_bytes([0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14]));
    }

    #[test]
    fn shares_fill_the_range() {
        let shares: Vec<f64> = (0..1_000_u32).map(|n| share(&[&n.to_le_bytes()])).collect();
        assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)));
        let mean = shares.iter().sum::<f64>() / 1_000.0;
        assert!((0.45..0.55).contains(&mean), "{mean}");
    }
}
