//! How a bug changes: the machine of transitions, and the entry that each change leaves in the
//! history.
//!
//! | from | without a reason to | with a reason to |
//! |---|---|---|
//! | open | in progress, resolved | closed |
//! | in progress | open, resolved | closed |
//! | resolved | closed | open, in progress: it is reopened |
//! | closed | | open, in progress: it is reopened |
//!
//! A closed bug is not resolved again: it is reopened first. All functions are pure; a
//! [`BugBook`](crate::BugBook) stores what they return.

mod apply;
mod body;
mod field;
mod refused;
mod transition;

pub use apply::{apply, firmware_tag, first_entry, missing_tag, noted, regress, seen_in};
pub use body::{EntryBody, EntryNote, InvalidEntryBody};
pub use field::{FieldChange, differences, field_values};
pub use refused::RefusedChange;
pub use transition::Transition;
