//! Short constructors of [`Query`], so that a rule reads like its sentence.

use std::time::Duration;

use super::{Aggregation, Arithmetic, Comparison, Function, Labels, Over, Query, Selector};

/// A range of minutes.
const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes.saturating_mul(60))
}

/// Owned names of labels.
fn owned(labels: &[&str]) -> Vec<String> {
    labels.iter().map(|&label| label.to_owned()).collect()
}

/// Queries of selectors.
impl Query {
    /// `rate(of[…m])`: increase of counters by the second.
    #[must_use]
    pub const fn rate(of: Selector, over_minutes: u64) -> Self {
        Self::Rate { of, over: minutes(over_minutes) }
    }

    /// `increase(of[…m])`: increase of counters over a range.
    #[must_use]
    pub const fn increase(of: Selector, over_minutes: u64) -> Self {
        Self::Increase { of, over: minutes(over_minutes) }
    }

    /// `max_over_time(of[…m])` and its kin: one number for all points of a range.
    #[must_use]
    pub const fn over_time(how: Over, of: Selector, over_minutes: u64) -> Self {
        Self::OverTime { how, of, over: minutes(over_minutes) }
    }

    /// `absent(of)`: 1 if no series is found.
    #[must_use]
    pub const fn absent(of: Selector) -> Self {
        Self::Absent(of)
    }

    /// `time() - of`: seconds since the time that a gauge holds.
    #[must_use]
    pub const fn seconds_since(of: Selector) -> Self {
        Self::SecondsSince(of)
    }
}

/// Aggregations and functions.
impl Query {
    /// One number for each group of elements that agree in the labels `by`.
    #[must_use]
    pub fn aggregated(self, how: Aggregation, by: &[&str]) -> Self {
        Self::Aggregate { how, by: owned(by), of: Box::new(self) }
    }

    /// `sum(…)`: the sum of all elements.
    #[must_use]
    pub fn sum(self) -> Self {
        self.sum_by(&[])
    }

    /// `sum by (…) (…)`: the sum of each group.
    #[must_use]
    pub fn sum_by(self, by: &[&str]) -> Self {
        self.aggregated(Aggregation::Sum, by)
    }

    /// `max by (…) (…)`: the largest value of each group.
    #[must_use]
    pub fn max_by(self, by: &[&str]) -> Self {
        self.aggregated(Aggregation::Max, by)
    }

    /// `min by (…) (…)`: the smallest value of each group.
    #[must_use]
    pub fn min_by(self, by: &[&str]) -> Self {
        self.aggregated(Aggregation::Min, by)
    }

    /// `avg by (…) (…)`: the mean value of each group.
    #[must_use]
    pub fn avg_by(self, by: &[&str]) -> Self {
        self.aggregated(Aggregation::Avg, by)
    }

    /// `count by (…) (…)`: the number of elements of each group.
    #[must_use]
    pub fn count_by(self, by: &[&str]) -> Self {
        self.aggregated(Aggregation::Count, by)
    }

    /// `histogram_quantile(q, …)` of rates of buckets. What it is called on keeps the label `le`.
    #[must_use]
    pub fn quantile(self, q: f64) -> Self {
        Self::Quantile { q, of: Box::new(self) }
    }

    /// A function of each value.
    #[must_use]
    pub fn mapped(self, how: Function) -> Self {
        Self::Function { how, of: Box::new(self) }
    }

    /// `sqrt(…)`: the square root of each value.
    #[must_use]
    pub fn sqrt(self) -> Self {
        self.mapped(Function::Sqrt)
    }

    /// `abs(…)`: the absolute value of each value.
    #[must_use]
    pub fn abs(self) -> Self {
        self.mapped(Function::Abs)
    }

    /// `clamp_min(…, least)`: each value, and `least` for one that is less.
    #[must_use]
    pub fn clamp_min(self, least: f64) -> Self {
        self.mapped(Function::ClampMin(least))
    }

    /// `clamp_max(…, most)`: each value, and `most` for one that is more.
    #[must_use]
    pub fn clamp_max(self, most: f64) -> Self {
        self.mapped(Function::ClampMax(most))
    }

    /// The query under the name by which Prometheus has recorded it.
    #[must_use]
    pub fn recorded(self, name: &str) -> Self {
        self.recorded_with(name, Labels::new())
    }

    /// The query under the name and the labels by which Prometheus has recorded it. The labels
    /// tell recordings apart that share a name.
    #[must_use]
    pub fn recorded_with(self, name: &str, labels: Labels) -> Self {
        Self::Recorded { name: name.to_owned(), labels, of: Box::new(self) }
    }
}

/// Arithmetic of two queries, or of a query and a number.
impl Query {
    /// Arithmetic whose elements are matched by the labels `on`, or by all if `on` is `None`.
    #[must_use]
    pub fn combined(self, op: Arithmetic, right: impl Into<Self>, on: Option<&[&str]>) -> Self {
        Self::Arithmetic { op, left: Box::new(self), right: Box::new(right.into()), on: on.map(owned) }
    }

    /// `… + right`
    #[must_use]
    pub fn plus(self, right: impl Into<Self>) -> Self {
        self.combined(Arithmetic::Add, right, None)
    }

    /// `… - right`
    #[must_use]
    pub fn minus(self, right: impl Into<Self>) -> Self {
        self.combined(Arithmetic::Subtract, right, None)
    }

    /// `… * right`
    #[must_use]
    pub fn times(self, right: impl Into<Self>) -> Self {
        self.combined(Arithmetic::Multiply, right, None)
    }

    /// `… / right`
    #[must_use]
    pub fn divided_by(self, right: impl Into<Self>) -> Self {
        self.combined(Arithmetic::Divide, right, None)
    }
}

/// Comparisons with another query or with a number. Each keeps the elements for which it holds.
impl Query {
    /// A comparison whose elements are matched by the labels `on`, or by all if `on` is `None`.
    #[must_use]
    pub fn compared(self, op: Comparison, right: impl Into<Self>, on: Option<&[&str]>) -> Self {
        Self::Compare { op, left: Box::new(self), right: Box::new(right.into()), on: on.map(owned) }
    }

    /// `… > right`
    #[must_use]
    pub fn above(self, right: impl Into<Self>) -> Self {
        self.compared(Comparison::Above, right, None)
    }

    /// `… >= right`
    #[must_use]
    pub fn at_least(self, right: impl Into<Self>) -> Self {
        self.compared(Comparison::AtLeast, right, None)
    }

    /// `… < right`
    #[must_use]
    pub fn below(self, right: impl Into<Self>) -> Self {
        self.compared(Comparison::Below, right, None)
    }

    /// `… <= right`
    #[must_use]
    pub fn at_most(self, right: impl Into<Self>) -> Self {
        self.compared(Comparison::AtMost, right, None)
    }

    /// `… == right`
    #[must_use]
    pub fn equal_to(self, right: impl Into<Self>) -> Self {
        self.compared(Comparison::Equal, right, None)
    }

    /// `… != right`
    #[must_use]
    pub fn unequal_to(self, right: impl Into<Self>) -> Self {
        self.compared(Comparison::Unequal, right, None)
    }
}

/// Set operations, by all labels except the name or by given ones.
impl Query {
    /// `… and right`: what has a partner on the right.
    #[must_use]
    pub fn and(self, right: impl Into<Self>) -> Self {
        Self::And { left: Box::new(self), right: Box::new(right.into()), on: None }
    }

    /// `… and on(…) right`: what has a partner on the right with equal labels `on`.
    #[must_use]
    pub fn and_on(self, on: &[&str], right: impl Into<Self>) -> Self {
        Self::And { left: Box::new(self), right: Box::new(right.into()), on: Some(owned(on)) }
    }

    /// `… or right`: everything, and what the right side has beside it.
    #[must_use]
    pub fn or(self, right: impl Into<Self>) -> Self {
        Self::Or { left: Box::new(self), right: Box::new(right.into()), on: None }
    }

    /// `… or on(…) right`: everything, and what the right side has with other labels `on`.
    #[must_use]
    pub fn or_on(self, on: &[&str], right: impl Into<Self>) -> Self {
        Self::Or { left: Box::new(self), right: Box::new(right.into()), on: Some(owned(on)) }
    }

    /// `… unless right`: what has no partner on the right.
    #[must_use]
    pub fn unless(self, right: impl Into<Self>) -> Self {
        Self::Unless { left: Box::new(self), right: Box::new(right.into()), on: None }
    }

    /// `… unless on(…) right`: what has no partner on the right with equal labels `on`.
    #[must_use]
    pub fn unless_on(self, on: &[&str], right: impl Into<Self>) -> Self {
        Self::Unless { left: Box::new(self), right: Box::new(right.into()), on: Some(owned(on)) }
    }
}
