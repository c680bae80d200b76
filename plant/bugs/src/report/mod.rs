//! What people write about a bug, checked: a new bug, a change of one, and who reports it.
//!
//! Every constructor reports all wrong values at once, each with its field, its value and its limit
//! in English and French.

mod check;
mod invalid;
mod new_bug;
mod patch;
mod person;

pub use check::{LONGEST_TEXT, LONGEST_TITLE, LONGEST_WHY, MOST_LINKED_BUGS, MOST_TAGS, MOST_WATCHERS};
pub use invalid::InvalidField;
pub use new_bug::{BugFields, NewBug};
pub use patch::{BugPatch, MergeValue, PatchFields};
pub use person::{InvalidMailAddress, InvalidPersonName, MailAddress, PersonName, Reporter};

pub(crate) use check::check_comment;
pub(crate) use invalid::Limit;
