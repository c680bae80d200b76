//! Which alerts there are: the state of each rule, the book of alerts that all servers share, and
//! silences.
//!
//! ```text
//!                    holds                held for `before`
//!   Inactive ---------------> Pending ----------------------> Firing
//!      ^                         |                              |
//!      +---- holds no longer ----+      does not hold for `after`
//!      +--------------------------------------------------------+
//! ```
//!
//! An [`Evaluator`] asks every rule and moves a [`RuleState`] for each label set, as Prometheus
//! does. The result is an [`Evaluation`], which an [`AlertBook`] takes. Servers that share a
//! database share the book: if two servers find one alert, there is one [`Alert`], and it ends when
//! the last of them no longer finds it. What people do with an alert is an [`AlertDeed`] in the
//! register, with its author and a [`Remark`]. A [`Silence`] keeps alerts from being told for a
//! time; they stay in the book.

mod alert;
mod alert_records;
mod author;
mod book;
mod book_error;
mod deed_log;
mod deeds;
mod evaluator;
mod filter;
mod finding;
mod key;
mod listing;
mod remark;
mod rule_state;
mod sightings;
mod silence;
mod silence_book;
mod stored;

pub use alert::{Acknowledgement, Alert, AssignedCause};
pub use alert_records::KEPT_AFTER_END;
pub use author::{Author, ServerName};
pub use book::{AlertBook, BookUpdate, FLAP_WITHIN, UNCONFIRMED_AFTER};
pub use book_error::AlertBookError;
pub use deeds::{AlertDeed, DeedEntry};
pub use evaluator::{Evaluation, Evaluator, MOST_ALERTS};
pub use filter::{AlertCursor, AlertFilter, AlertPage, AlertScope, InvalidAlertCursor};
pub use finding::Finding;
pub use key::{AlertKey, InvalidAlertKey};
pub use remark::{InvalidRemark, Remark};
pub use rule_state::RuleState;
pub use silence::{InvalidSilence, Silence, SilenceEnd, SilenceId, SilenceTerms};
pub use silence_book::{SilenceBook, SilenceBookError};
