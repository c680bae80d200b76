//! Shares in percent, and numbers as records hold them.

/// A count as a floating number.
#[expect(clippy::cast_precision_loss, reason = "counts of a profile are far below 2^53")]
pub(crate) const fn number(count: u64) -> f64 {
    count as f64
}

/// A number in hundredths, as records hold numbers.
pub(crate) fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

/// A part of a whole in percent; `None` if the whole is 0.
pub(crate) fn percent(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| rounded(part / whole * 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_in_hundredths_of_a_percent_and_there_is_none_of_nothing() {
        assert_eq!(percent(1.0, 3.0).map(|share| share.to_string()).as_deref(), Some("33.33"));
        assert_eq!(percent(number(5), number(4)).map(|share| share.to_string()).as_deref(), Some("125"));
        assert_eq!((percent(0.0, 0.0), percent(1.0, -1.0)), (None, None));
        assert_eq!([rounded(-0.125), rounded(0.125)].map(|number| number.to_string()), ["-0.13", "0.13"]);
    }
}
