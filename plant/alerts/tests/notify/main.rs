//! Who is told of an alert: the laws of the notifier, its examples, its state in a store, and its
//! messages.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod acknowledgement;
mod book;
mod escalation;
mod floor;
mod groups;
mod laws;
mod messages;
mod outgoing;
mod shifts;
