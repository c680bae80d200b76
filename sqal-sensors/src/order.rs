//! [`ordered`]: sorts a few dozen numbers without a branch that depends on them.
//!
//! On noise, the processor predicts half of the branches of a comparison sort wrongly. Counting the
//! smaller numbers for each number needs more comparisons, but they run side by side. That is
//! faster for the two dozen zones of a tray.

/// The numbers in ascending order, in the first places of an array, and their count; at most 64 are
/// taken.
pub(crate) fn ordered(numbers: impl Iterator<Item = f64>) -> ([f64; 64], usize) {
    let mut given = [f64::INFINITY; 64];
    let mut n = 0;
    for (slot, number) in given.iter_mut().zip(numbers) {
        *slot = number;
        n += 1;
    }
    let mut sorted = [f64::INFINITY; 64];
    for (k, number) in given[..n].iter().enumerate() {
        // Equal numbers keep their order, so that each number has a rank of its own.
        let before = given[..k].iter().map(|other| usize::from(other <= number)).sum::<usize>();
        let after = given[k + 1..n].iter().map(|other| usize::from(other < number)).sum::<usize>();
        sorted[before + after] = *number;
    }
    (sorted, n)
}

/// The median of a few dozen numbers: the middle one, or the mean of the two in the middle; `None`
/// if there are none.
pub(crate) fn median(numbers: impl Iterator<Item = f64>) -> Option<f64> {
    let (sorted, n) = ordered(numbers);
    (n > 0).then(|| f64::midpoint(sorted[(n - 1) / 2], sorted[n / 2]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    proptest! {
        #[test]
        fn the_order_is_that_of_the_library(values in prop::collection::vec(-3..3_i8, 0..64)) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let (sorted, n) = ordered(values.iter().copied());
            let mut expected = values;
            expected.sort_by(f64::total_cmp);
            prop_assert_eq!(&sorted[..n], &expected[..]);
        }
    }

    #[test]
    fn a_median_is_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 3.0].into_iter()), Some(2.5));
        assert_eq!(median(core::iter::empty()), None);
    }
}
