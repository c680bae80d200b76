//! How faults are reported and followed until they are gone: by people, by devices, by pages and by
//! the server itself.
//!
//! A [`BugBook`] keeps bugs in a store ([`sqal_storage::Bugs`]). [`report`] checks what a person
//! writes, and [`change`] holds the machine of transitions and the history. [`envelope`] reads what
//! clients of Sentry send, [`group`] finds equal faults, [`own`] decides which faults a server
//! reports of its own, and [`exchange`] reads and writes bugs of other trackers.
//!
//! ```
//! use sqal_bugs::{BugFields, NewBug};
//!
//! let text = |text: &str| Some(text.to_owned());
//! let fields = BugFields {
//!     title: text("Station 3 shows no spectrum"),
//!     description: text("Since the restart at 6:00."),
//!     severity: text("high"),
//!     priority: text("urgent"),
//!     ..BugFields::default()
//! };
//! assert!(NewBug::of(fields.clone()).is_ok());
//!
//! let refused = NewBug::of(BugFields { severity: text("awful"), ..fields }).unwrap_err();
//! assert_eq!(refused[0].field, "severity");
//! assert_eq!(refused[0].limit, "critical, high, medium or low");
//! assert_eq!(refused[0].limit_fr, "critical, high, medium ou low");
//! ```
//!
//! # Laws
//!
//! 1. *A person is never shown by accident*: names and mail addresses of reporters are sealed, and
//!    stand in no debug text, in no history and in no event.
//! 2. *The history is complete*: the changes of all entries, applied in their order, give the bug.
//! 3. *Equal faults are one bug*, however many servers and devices report them at once.

pub mod attachment;
pub mod book;
pub mod change;
pub mod envelope;
pub mod events;
pub mod exchange;
pub mod group;
mod outbox;
pub mod own;
pub mod report;

#[doc(inline)]
pub use book::{BugBook, BugBookError, Fault, Occurred};
#[doc(inline)]
pub use events::{BugEvent, BugEvents};
pub use outbox::OutboxEvents;
#[doc(inline)]
pub use report::{BugFields, BugPatch, InvalidField, NewBug, PatchFields, Reporter};
