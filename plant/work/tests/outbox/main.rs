//! Messages that leave, against servers on this machine that do what a script says.
//!
//! The clocks of most tests are moved by hand: three days of attempts take milliseconds.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod crashes;
mod line;
mod logged;
mod mails;
mod metered;
mod notices;
mod receiver;
mod slow;
mod storms;
mod strangers;
mod verified;
mod webhooks;
mod worker;
