//! [`Places`]: which samples of a family have a place in OpenMetrics.

use std::collections::HashSet;

use super::family::{Family, FamilyType};
use super::line::SampleLine;

/// The rules of a family for its samples. What counts only grows, so it is neither negative nor
/// NaN.
pub(super) struct Places<'f> {
    name: &'f str,
    kind: FamilyType,
    /// Whether a bucket has a negative bound: a sum could then shrink.
    has_negative_bounds: bool,
    /// The labels of series whose sum is negative or NaN.
    without_sum: HashSet<&'f str>,
}

impl<'f> Places<'f> {
    pub(super) fn of(family: &Family<'f>) -> Self {
        let (name, kind) = (family.name, family.kind);
        let of_histogram = family.samples.iter().filter(|_| kind == FamilyType::Histogram);
        let has_negative_bounds =
            of_histogram.clone().any(|sample| sample.number_of("le").is_some_and(|bound| bound < 0.0));
        let sums = of_histogram.filter(|sample| sample.name.ends_with("_sum") && !counts(sample.value));
        let without_sum = sums.map(|sum| sum.labels).collect();
        Self { name, kind, has_negative_bounds, without_sum }
    }

    /// Whether a sample of the family has a place.
    pub(super) fn has(&self, sample: SampleLine<'_>) -> bool {
        let behind = sample.name.strip_prefix(self.name).unwrap_or_default();
        match (self.kind, behind) {
            (FamilyType::Histogram, "_sum" | "_count") => {
                !self.has_negative_bounds && !self.without_sum.contains(sample.labels)
            }
            (FamilyType::Counter, _) | (FamilyType::Summary, "_sum" | "_count") => counts(sample.value),
            (FamilyType::Summary, _) => counts(sample.value) || sample.value.is_nan(),
            _ => true,
        }
    }
}

/// Whether a number can be a count or a sum of what was counted.
fn counts(value: f64) -> bool {
    value >= 0.0
}
