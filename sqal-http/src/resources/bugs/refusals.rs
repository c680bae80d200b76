//! What a book of bugs refuses, as HTTP answers it.

use sqal_bugs::BugBookError;
use sqal_bugs::change::RefusedChange;

use super::input::Written;
use crate::door::problem::Problem;

/// The problem of a change that does not fit the bug.
fn change_refused(written: &Written, refused: &RefusedChange) -> Problem {
    Problem::change_refused(written.violations(vec![refused.as_field()]))
}

impl Written {
    /// The problem of what the book refuses. Fields are named as the client wrote them.
    pub(super) fn refused(&self, error: BugBookError) -> Problem {
        match error {
            BugBookError::Invalid(invalid) => self.invalid(invalid),
            BugBookError::Refused(refused) => change_refused(self, &refused),
            BugBookError::Storage(error) => error.into(),
            BugBookError::Stale { .. } => Problem::precondition_failed(),
            BugBookError::Unknown { .. } => Problem::not_found(error.to_string()),
            BugBookError::Unreadable { .. } => Problem::record_unreadable(error.to_string()),
            BugBookError::NoBlobs => Problem::not_found("attachments are kept nowhere here"),
            BugBookError::Full { most } => {
                let limit = format!("at most {most} attachments: remove one first");
                let french = format!("au plus {most} pièces jointes : supprimez-en une d'abord");
                Problem::wrong("", "one more attachment", limit, french)
            }
            error => Problem::broken(&error.to_string()),
        }
    }
}

/// For calls whose body has no fields.
impl From<BugBookError> for Problem {
    fn from(error: BugBookError) -> Self {
        Written::default().refused(error)
    }
}
