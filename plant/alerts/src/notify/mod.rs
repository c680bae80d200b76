//! Who is told of an alert: receivers, shifts, routes, escalation, and one message where there
//! would be two hundred.
//!
//! ```text
//!    alerts ---> group ---> pending -- group_wait --> incident: Trigger -- all ended --> Resolve
//!  (AlertView)  (labels)                                |        ^
//!                                   a person works ---->|        +-- no person: Escalation,
//!                                   on all: Acknowledge |            the next shift, Reminder
//! ```
//!
//! A [`NotifyPlan`] is a file of the plant. A [`Notifier`] decides at each moment what is told, as
//! pure functions of the plan, the alerts and the time. A [`Teller`] makes messages of a
//! [`Telling`], and a [`NotifierBook`] keeps the state in a store, so that of several servers each
//! decision is taken by one and sent once.
//!
//! # How this differs from Alertmanager
//!
//! - The group remembers that it was told after its incident has ended, so that a station that
//!   flaps each minute is told at most once in a `group_interval`.
//! - An incident that persons work on takes no further alerts: an alert that begins later opens
//!   another incident, and is not hidden behind the acknowledgement of the first.
//! - The end of a silenced alert is told if its beginning was, because a pager closes an incident
//!   only if it is told.
//! - At the change of shifts the receivers of the new shift are told of what is still going on.

mod book;
mod group;
mod incident;
mod keys;
mod moments;
mod notifier;
mod plan;
mod sentences;
mod sighting;
mod teller;
mod telling;
mod view;

pub use book::NotifierBook;
pub use group::AlertGroup;
pub use notifier::Notifier;
pub use plan::{EscalationStep, InvalidPlan, NotifyPlan, PlanMistake, Receiver, Route, Shift, is_plan, read_plan};
pub use teller::Teller;
pub use telling::{Telling, TellingKind};
pub use view::AlertView;
