//! [`share`]: a count as a share of another.

/// The share of a count in a whole; 0 if both are 0.
pub(crate) fn share(count: usize, of: usize) -> f64 {
    let number = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    number(count) / number(of).max(1.0)
}
