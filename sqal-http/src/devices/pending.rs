//! Frames of a device that wait for their answer.

use std::pin::Pin;

/// The limit of unanswered frames on one connection. At the limit the connection is not read until
/// the oldest frame is answered, and TCP's flow control slows the device down.
pub(crate) const CREDIT: usize = 64;

/// The text of an answer that is not known yet.
pub(super) type PendingAnswer = Pin<Box<dyn Future<Output = String> + Send>>;
