//! JSON shapes and their conversions both ways; no default here hides missing data.

mod document;
mod frame;
mod reference;
mod statistics;
#[cfg(feature = "ws")]
mod talk;
mod time;

pub(crate) use document::frame_of;
pub use document::{Document, document};
pub(crate) use frame::{Incoming, parse, pointer, sample_id_of};
pub(crate) use reference::{Reference, hash};
pub(crate) use statistics::{DeviceStatistics, HourDocument, Totals};
#[cfg(feature = "ws")]
pub(crate) use talk::{Command, CommandAck, Done, Hello, Talk, Welcome, talk};
pub use time::parse as timestamp;
pub(crate) use time::{rfc3339, rfc3339_or_none};
