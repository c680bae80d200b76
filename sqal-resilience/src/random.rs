//! [`Random`]: numbers from a seed, for jitter; not for secrets.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

/// Numbers from a seed (`SplitMix64`; Steele, Lea and Flood 2014): equal seeds give equal numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// The next number, from 0 to 1.
    pub(crate) fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        // The upper 32 bits: enough for a jitter.
        f64::from(u32::try_from(z >> 32).unwrap_or(u32::MAX)) / f64::from(u32::MAX)
    }
}

/// A seed that differs from call to call and from process to process: the standard library's hasher
/// is keyed at random.
#[must_use]
pub fn fresh_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The upper halves of the algorithm's numbers, computed elsewhere (in Python).
    #[test]
    fn the_numbers_are_those_of_the_algorithm() {
        for (seed, upper) in
            [(0, [0xe220_a839_u32, 0x6e78_9e6a, 0x06c4_5d18]), (1_234_567, [0x599e_d017, 0x2c73_f084, 0x883e_bce5])]
        {
            let mut random = Random(seed);
            for expected in upper {
                let found = random.next() * f64::from(u32::MAX);
                assert!((found - f64::from(expected)).abs() < 0.01, "{found} {expected}");
            }
        }
    }

    /// The sum of the first thousand numbers of a seed, computed elsewhere (in Python): it shows an
    /// error in any bit.
    #[test]
    fn the_sum_of_a_thousand_is_that_of_the_algorithm() {
        let mut random = Random(42);
        let sum: f64 = (0..1000).map(|_| (random.next() * f64::from(u32::MAX)).round()).sum();
        assert_eq!(format!("{sum}"), "2103566242333");
    }

    #[test]
    fn fresh_seeds_differ() {
        assert_ne!(fresh_seed(), fresh_seed());
    }
}
