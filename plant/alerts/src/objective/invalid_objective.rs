//! [`InvalidObjective`]: what of an objective was refused, with its value and what was expected.

/// An objective that cannot be built: one place of it, the value there, and the limit.
///
/// ```
/// use sqal_alerts::objective::Target;
///
/// let refused = Target::new(99.0).unwrap_err();
/// assert_eq!(refused.place, "target");
/// assert!(refused.to_string().starts_with("target 99: expected a share from 0.000001 to 0.999999"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place} {value}: expected {limit}")]
pub struct InvalidObjective {
    /// The part of the objective: `name`, `target`, `bad`, `good`, `total`, `split_by`.
    pub place: &'static str,
    /// What stands there. A text is quoted.
    pub value: String,
    /// What can stand there.
    pub limit: &'static str,
}

impl InvalidObjective {
    /// A text that was refused.
    pub(super) fn text(place: &'static str, value: &str, limit: &'static str) -> Self {
        Self { place, value: format!("{value:?}"), limit }
    }

    /// A number that was refused.
    pub(super) fn number(place: &'static str, value: f64, limit: &'static str) -> Self {
        Self { place, value: value.to_string(), limit }
    }
}
