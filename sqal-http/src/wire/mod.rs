//! JSON shapes and their conversions both ways; no default here hides missing data.

mod block;
#[cfg(feature = "ws")]
mod cbor;
mod document;
mod frame;
mod instruments;
mod item;
mod reference;
mod serde_words;
mod statistics;
#[cfg(feature = "ws")]
mod talk;
mod time;

#[cfg(feature = "ws")]
pub(crate) use cbor::json_of;
pub(crate) use document::frame_of;
pub use document::{Document, document};
pub(crate) use frame::{Incoming, Measured, parse, sample_id_of};
#[cfg(feature = "ws")]
pub(crate) use item::Item;
pub(crate) use item::without_mark;
pub(crate) use reference::{Reference, hash};
pub(crate) use serde_words::read_body;
pub(crate) use statistics::{DeviceStatistics, HourDocument, Totals};
#[cfg(feature = "ws")]
pub(crate) use talk::{Command, CommandAck, Done, Hello, Talk, Welcome, talk};
pub use time::parse as timestamp;
pub(crate) use time::{rfc3339, rfc3339_or_none};
