//! JSON shapes and their conversions both ways; no default here hides missing data.

mod document;
mod frame;
mod time;

pub use document::{Document, document};
#[cfg(feature = "ws")]
pub(crate) use frame::sample_id_of;
pub(crate) use frame::{Incoming, parse};
pub(crate) use time::rfc3339;
