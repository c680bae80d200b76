//! The device protocol: frames and answers in JSON, CBOR and CloudEvents.
//!
//! A device sends a [`frame`] in the [`encoding`] of its connection, and reads an [`answer`]. Every
//! refusal names the place, the value found and the limit, in English and French ([`problem`]). The
//! [`document`] of a stored sample has the shape of a frame, so it can be sent as one.
//!
//! ```
//! use sqal_protocol::encoding::{Encoding, Message};
//! use sqal_protocol::frame::parse;
//!
//! let message = Message::text(r#"{"type":"sensor_data","vl53l8ch":{"distance_matrix":[[1,2]]}}"#);
//! let frame = Encoding::of_subprotocol(None).decode(&message, 4096).unwrap();
//! let refused = parse(&frame).unwrap_err();
//! let grid = refused.iter().find(|one| one.pointer == "/vl53l8ch/distance_matrix").unwrap();
//! assert_eq!(grid.value, "an array of length 1");
//! assert_eq!(grid.limit, "8 rows of 8 numbers (8x8)");
//! ```
//!
//! # Features
//!
//! - `openapi`: the types that clients read have a schema (`utoipa::ToSchema`).
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod answer;
mod block;
pub mod body;
mod cbor;
pub mod contact;
pub mod document;
pub mod encoding;
pub mod frame;
pub mod french;
mod instruments;
mod item;
pub mod kinds;
pub mod problem;
pub mod reference;
#[cfg(feature = "openapi")]
pub mod schema;
pub mod talk;
pub mod time;
pub mod violation;

// The types of `sqal-core` are in the signatures, so a device's program needs no dependency of its
// own on the same version.
pub use sqal_core;

#[doc(inline)]
#[doc(inline)]
pub use document::Document;
#[doc(inline)]
pub use encoding::Encoding;
pub use item::without_mark;
#[doc(inline)]
pub use problem::Problem;
#[doc(inline)]
pub use violation::Violation;
