//! How few events it takes to be certain that too many of them are bad.
//!
//! With few events, a share says little: one bad event of three is a third. The bad events of a
//! window are taken as a binomial sample, and the rule fires only if the lower bound of Wilson's
//! score interval for the share (E. B. Wilson, "Probable Inference, the Law of Succession, and
//! Statistical Inference", *Journal of the American Statistical Association* 22 (1927), 209-212) is
//! above the limit.
//!
//! Wilson's interval holds exactly those shares p that the score test does not reject, that is
//! |share - p| ≤ z √(p (1 - p) / n). So its lower bound is above a limit p if and only if
//!
//! ```text
//! share > p + z √(p (1 - p)) / √n
//! ```
//!
//! which needs no quadratic formula in `PromQL`: of a fixed limit, z √(p (1 - p)) is a number.

use crate::query::Query;

/// The quantile of the normal distribution that 97.5 % lie below: if the true share is at the
/// limit, a window seems to be certainly above it in about 1 of 40 cases.
const Z: f64 = 1.959_963_984_540_054;

/// How far above a limit the share of `n` events must be, times √n. Rounded up to six digits, so
/// that a rule can be read.
fn margin(limit: f64) -> f64 {
    (Z * (limit * (1.0 - limit)).sqrt() * 1e6).ceil() / 1e6
}

/// The elements of `share` that are above `limit` with certainty, given the number of events that
/// each is of.
pub(super) fn certainly_above(share: Query, events: Query, limit: f64) -> Query {
    let of_chance = Query::Number(margin(limit)).divided_by(events.sqrt());
    share.above(Query::Number(limit).plus(of_chance))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::query::Selector;

    /// The lower bound of Wilson's interval by its published formula.
    fn lower_bound(bad: u32, events: u32) -> f64 {
        let (n, share) = (f64::from(events), f64::from(bad) / f64::from(events));
        let z2 = Z * Z;
        let spread = Z * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
        (share + z2 / (2.0 * n) - spread) / (1.0 + z2 / n)
    }

    fn is_certainly_above(bad: u32, events: u32, limit: f64) -> bool {
        f64::from(bad) / f64::from(events) > limit + margin(limit) / f64::from(events).sqrt()
    }

    /// The interval of 1 of 10 is published as (0.018, 0.404), for example by Agresti and Coull,
    /// "Approximate Is Better than Exact" (1998).
    #[test]
    fn the_formula_of_the_test_has_a_published_value() {
        assert!((lower_bound(1, 10) - 0.0179).abs() < 1e-4);
    }

    #[test]
    fn one_bad_event_of_three_is_not_certainly_above_a_tenth() {
        assert!(!is_certainly_above(1, 3, 0.1));
        assert!(is_certainly_above(3, 3, 0.1));
        assert!(is_certainly_above(334, 1000, 0.3));
    }

    #[test]
    fn the_query_is_the_formula() {
        let of = |metric| Query::from(Selector::new(metric));
        let query = certainly_above(of("share"), of("events"), 0.144);
        assert_eq!(query.promql(), "share > 0.144 + 0.688124 / sqrt(events)");
    }

    proptest! {
        #[test]
        fn a_share_is_certainly_above_a_limit_if_wilsons_lower_bound_is(
            (events, bad) in (1_u32..5000).prop_flat_map(|events| (Just(events), 0..=events)), limit in 1e-6_f64..0.999,
        ) {
            let bound = lower_bound(bad, events);
            // Of a bound that is the limit to six digits, rounding decides.
            prop_assume!((bound - limit).abs() > 1e-5);
            prop_assert_eq!(is_certainly_above(bad, events, limit), bound > limit);
        }
    }
}
