//! Operators and functions of numbers, as Prometheus calculates them.

use std::cmp::Ordering;

use crate::query::{Arithmetic, Comparison, Function, Query};

/// The value of a query that is a scalar in PromQL.
pub(super) fn scalar(query: &Query) -> Option<f64> {
    match query {
        Query::Number(number) => Some(*number),
        Query::Arithmetic { op, left, right, .. } => Some(op.value(scalar(left)?, scalar(right)?)),
        _ => None,
    }
}

impl Arithmetic {
    pub(super) fn value(self, left: f64, right: f64) -> f64 {
        match self {
            Self::Add => left + right,
            Self::Subtract => left - right,
            Self::Multiply => left * right,
            Self::Divide => left / right,
        }
    }
}

impl Comparison {
    /// Whether the comparison holds. For NaN only `!=` does.
    pub(super) fn holds(self, left: f64, right: f64) -> bool {
        let order = left.partial_cmp(&right);
        match self {
            Self::Above => order == Some(Ordering::Greater),
            Self::AtLeast => order.is_some_and(Ordering::is_ge),
            Self::Below => order == Some(Ordering::Less),
            Self::AtMost => order.is_some_and(Ordering::is_le),
            Self::Equal => order == Some(Ordering::Equal),
            Self::Unequal => order != Some(Ordering::Equal),
        }
    }
}

impl Function {
    pub(super) fn value(self, value: f64) -> f64 {
        match self {
            Self::Sqrt => value.sqrt(),
            Self::Abs => value.abs(),
            // Go's `math.Max` gives NaN if one of its arguments is NaN and none is the greatest
            // number of all; `f64::max` gives the other argument. `math.Min` is its mirror.
            Self::ClampMin(least) => {
                let larger = value.max(least);
                if larger < f64::INFINITY && (value.is_nan() || least.is_nan()) { f64::NAN } else { larger }
            }
            Self::ClampMax(most) => {
                let smaller = value.min(most);
                if smaller > f64::NEG_INFINITY && (value.is_nan() || most.is_nan()) { f64::NAN } else { smaller }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_is_above_nothing_and_unequal_to_everything() {
        let all = [
            Comparison::Above,
            Comparison::AtLeast,
            Comparison::Below,
            Comparison::AtMost,
            Comparison::Equal,
            Comparison::Unequal,
        ];
        let holds = |left, right| all.map(|op| op.holds(left, right));
        assert_eq!(holds(f64::NAN, 1.0), [false, false, false, false, false, true]);
        assert_eq!(holds(f64::NAN, f64::NAN), [false, false, false, false, false, true]);
        assert_eq!(holds(1.0, 1.0), [false, true, false, true, true, false]);
        assert_eq!(holds(2.0, 1.0), [true, true, false, false, false, true]);
        assert_eq!(holds(1.0, 2.0), [false, false, true, true, false, true]);
    }

    #[test]
    fn a_limit_holds_for_numbers_and_leaves_nan() {
        let value = |function: Function, value| function.value(value);
        for (of, larger, smaller) in [(1.0, 2.0, 1.0), (3.0, 3.0, 2.0)] {
            assert!((value(Function::ClampMin(2.0), of) - larger).abs() < 1e-12);
            assert!((value(Function::ClampMax(2.0), of) - smaller).abs() < 1e-12);
        }
        for function in [Function::ClampMin(2.0), Function::ClampMax(2.0), Function::Abs, Function::Sqrt] {
            assert!(value(function, f64::NAN).is_nan());
        }
        assert!(value(Function::ClampMin(f64::NAN), f64::INFINITY).is_infinite());
        assert!(value(Function::ClampMin(f64::NAN), 1.0).is_nan());
        assert!(value(Function::ClampMax(f64::NAN), f64::NEG_INFINITY).is_infinite());
        assert!(value(Function::Sqrt, -1.0).is_nan());
        assert!((value(Function::Abs, -1.0) - 1.0).abs() < 1e-12);
    }
}
