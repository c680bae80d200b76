//! [`InvalidProfile`]: why a profile cannot judge.

use crate::desirability::InvalidDesirability;

/// The error of a profile.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidProfile {
    /// A number is out of its range.
    #[error("{field} is {value}: expected {expected}")]
    Number {
        /// The field's path.
        field: &'static str,
        /// The number found.
        value: f64,
        /// The values that would be valid.
        expected: &'static str,
    },
    /// A specification is not valid.
    #[error("{field}: {source}")]
    Specification {
        /// The field's path.
        field: &'static str,
        /// The error of the specification.
        source: InvalidDesirability,
    },
    /// A field is given that has no meaning without another one.
    #[error("{field} needs {needs}, which is not given")]
    Incomplete {
        /// The field that is given.
        field: &'static str,
        /// The field that it needs.
        needs: &'static str,
    },
    /// The grade scale of a sensor's profile differs from that of the profile that contains it.
    #[error("{field} is not the profile's scale: leave it out, or give the same numbers")]
    Scale {
        /// The field's path.
        field: &'static str,
    },
}
