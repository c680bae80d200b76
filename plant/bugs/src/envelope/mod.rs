//! The intake of what clients of Sentry send: [`parse()`] reads an envelope, [`event::read`] an
//! event of it, and [`FaultIntake`] counts equal events until they are written.
//!
//! ```text
//!  bytes --parse--> Envelope --take_envelope--> FaultIntake --write, each second--> BugBook
//!            |                       |               |
//!      InvalidEnvelope         InvalidEnvelope   dropped, counted by DropReason
//! ```
//!
//! The intake answers at once and works in bounded memory, however many events come: equal events
//! are one entry with a count. Sessions, traces, signs of life and reports of clients are accepted
//! and counted, because a client that is refused sends them again; they are not stored.

mod bounds;
mod crash;
mod described;
pub mod event;
mod intake;
mod limits;
mod parse;
mod pending;
mod rate;
pub(crate) mod text;
mod write;

pub use described::FaultProject;
pub use intake::{EnvelopeTally, FaultIntake};
pub use limits::IntakeLimits;
pub use parse::{Envelope, EnvelopeItem, EnvelopeLimits, InvalidEnvelope, ItemKind, parse};
pub use pending::{DropReason, FaultFile, PendingFault};
pub use rate::{EventRate, InvalidEventRate};
pub use write::WriteTally;

#[cfg(test)]
mod tests;
