//! [`RefusedChange`]: why a valid patch does not fit a bug, in both languages.

use std::fmt;

use sqal_storage::bugs::BugStatus;

use super::transition::Transition;
use crate::report::{InvalidField, Limit};

/// Why a valid patch does not fit a bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefusedChange {
    /// There is no such [`Transition`].
    Transition {
        /// The status of the bug.
        from: BugStatus,
        /// The status that was asked for.
        to: BugStatus,
    },
    /// The transition [needs a reason](Transition::needs_why), and the patch has none.
    WhyMissing {
        /// The status of the bug.
        from: BugStatus,
        /// The status that was asked for.
        to: BugStatus,
    },
    /// The bug is linked to itself.
    Itself {
        /// The field: `duplicate_of`, `blocks` or `relates_to`.
        field: &'static str,
    },
}

impl RefusedChange {
    /// The refusal as a field with its value and its limit in both languages.
    #[must_use]
    pub fn as_field(&self) -> InvalidField {
        let words = |from: BugStatus| -> Vec<_> { Transition::all_from(from).map(|step| step.to().as_str()).collect() };
        match *self {
            Self::Transition { from, to } => {
                let limit = Limit::new(
                    format!("{}: what can follow {from}", words(from).join(" or ")),
                    format!("{} : ce qui peut suivre {from}", words(from).join(" ou ")),
                );
                InvalidField::new("status", to.as_str(), limit)
            }
            Self::WhyMissing { from, to } => {
                let limit = if from.is_ended() {
                    Limit::new(
                        format!("a reason: a step from {from} to {to} needs one"),
                        format!("une raison : passer de {from} à {to} en exige une"),
                    )
                } else {
                    Limit::new(
                        "a reason: closing without resolving needs one",
                        "une raison : clore sans résoudre en exige une",
                    )
                };
                InvalidField::new("why", "", limit)
            }
            Self::Itself { field } => {
                InvalidField::new(field, "the bug itself", Limit::new("another bug", "une autre anomalie"))
            }
        }
    }
}

impl fmt::Display for RefusedChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.as_field(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_field_value_and_limit_in_both_languages() {
        let refused = RefusedChange::Transition { from: BugStatus::Closed, to: BugStatus::Resolved }.as_field();
        assert_eq!((refused.field, refused.value.as_str()), ("status", "resolved"));
        assert_eq!(refused.limit, "open or in_progress: what can follow closed");
        assert_eq!(refused.limit_fr, "open ou in_progress : ce qui peut suivre closed");
        let refused = RefusedChange::WhyMissing { from: BugStatus::Open, to: BugStatus::Closed };
        assert_eq!(refused.as_field().field, "why");
        assert!(refused.to_string().contains("a reason: closing without resolving needs one"));
        let refused = RefusedChange::WhyMissing { from: BugStatus::Closed, to: BugStatus::Open }.as_field();
        assert_eq!(refused.limit, "a reason: a step from closed to open needs one");
        assert_eq!(refused.limit_fr, "une raison : passer de closed à open en exige une");
    }
}
