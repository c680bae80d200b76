//! [`Transition`]: a step from one status of a bug to another that is allowed.

use sqal_storage::bugs::BugStatus;

/// A step from one status to another that is allowed.
///
/// ```
/// use sqal_bugs::change::Transition;
/// use sqal_storage::bugs::BugStatus::{Closed, Open, Resolved};
///
/// assert!(Transition::between(Open, Resolved).is_some_and(|step| !step.needs_why()));
/// assert!(Transition::between(Resolved, Open).is_some_and(|step| step.is_reopening() && step.needs_why()));
/// assert_eq!(Transition::between(Closed, Resolved), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    from: BugStatus,
    to: BugStatus,
}

impl Transition {
    /// The step from one status to another; `None` if it is not allowed. A status is no step from
    /// itself.
    #[must_use]
    pub const fn between(from: BugStatus, to: BugStatus) -> Option<Self> {
        use BugStatus::{Closed, InProgress, Open, Resolved};
        match (from, to) {
            (Open, InProgress | Resolved | Closed)
            | (InProgress, Open | Resolved | Closed)
            | (Resolved, Open | InProgress | Closed)
            | (Closed, Open | InProgress) => Some(Self { from, to }),
            _ => None,
        }
    }

    /// The steps that are allowed from a status.
    pub fn all_from(status: BugStatus) -> impl Iterator<Item = Self> {
        BugStatus::ALL.into_iter().filter_map(move |to| Self::between(status, to))
    }

    /// The status after the step.
    #[must_use]
    pub const fn to(self) -> BugStatus {
        self.to
    }

    /// Whether the bug had ended and is taken up again.
    #[must_use]
    pub const fn is_reopening(self) -> bool {
        self.from.is_ended() && !self.to.is_ended()
    }

    /// Whether the step needs a reason: reopening, and closing what was not resolved.
    #[must_use]
    pub const fn needs_why(self) -> bool {
        self.is_reopening() || (!self.from.is_ended() && matches!(self.to, BugStatus::Closed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_are_those_of_the_drawing_and_no_others() {
        use BugStatus::{Closed, InProgress, Open, Resolved};
        let allowed = [
            (Open, InProgress, false),
            (Open, Resolved, false),
            (Open, Closed, true),
            (InProgress, Open, false),
            (InProgress, Resolved, false),
            (InProgress, Closed, true),
            (Resolved, Open, true),
            (Resolved, InProgress, true),
            (Resolved, Closed, false),
            (Closed, Open, true),
            (Closed, InProgress, true),
        ];
        let steps =
            BugStatus::ALL.into_iter().flat_map(|from| Transition::all_from(from).map(move |step| (from, step)));
        let steps: Vec<_> = steps.map(|(from, step)| (from, step.to(), step.needs_why())).collect();
        assert_eq!(steps, allowed);
    }
}
