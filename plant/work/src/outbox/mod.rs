//! Messages that leave: e-mail, signed webhooks and notifications, each as a durable job.
//!
//! An [`Outbox`] takes a [`Message`] and makes one job of it for each destination. A
//! [`Worker`](crate::worker::Worker) delivers the jobs, with one work for each channel:
//! [`MailWork`](mail), [`WebhookWork`](webhook::WebhookWork), [`NoticeWork`](notify::NoticeWork).
//!
//! ```text
//!                          +--> one job: the message, at most 10 attempts in 3 days --> delivered
//!   send(message, key) ----+                                                        \-> failed, visible
//!        |                 +--> counted -- one job: a digest that says how many ----^
//!        +--> repeated: nothing is added
//! ```
//!
//! - **Once.** The caller's key makes an event one message, on every server and after a crash. Each
//!   destination sees one id in all attempts: `webhook-id`, `Message-ID`, `dedup_key`.
//! - **Never a storm.** Each destination has [`StormLimits`]. Messages above them are counted, and
//!   the destination gets one digest that says exactly how many there were.
//! - **Not for ever.** A delivery is tried at the [documented times](RETRY_WAITS). While a
//!   destination fails, its other messages wait without losing an attempt, so that it cannot hold
//!   up the deliveries to others. At most two webhooks or two notices to one destination are under
//!   way at once in a process, so that a slow destination holds up no other either.
//! - **Not remembered for ever.** What is remembered of a message expires after 30 days. The
//!   [`Scheduler`](crate::scheduler::Scheduler) or [`Outbox::remove_expired`] removes it.
//! - **Told once.** The log has one line when a destination begins to fail and one when it succeeds
//!   again, with the number of failures. No line holds a secret or a mail address.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use sqal_core::{Name, Timestamp};
//! use sqal_storage::MemoryStore;
//! use sqal_work::outbox::mail::{Letter, MailMessage};
//! use sqal_work::outbox::{Dispatched, Language, Outbox, StormLimits};
//!
//! let store = Arc::new(MemoryStore::new());
//! let outbox = Outbox::new(store.clone(), store, StormLimits::default());
//!
//! let letter = Letter::new("Station 3 is silent".parse()?, "For 10 minutes.".to_owned(), Language::English)?;
//! let message = MailMessage::new(["quality@example.com".parse()?], letter)?.into();
//! let (key, now) = (Name::new("alert 17 begins")?, Timestamp::from_micros(1_729_983_600_000_000)?);
//! let sent = outbox.send(&message, &key, now).await?;
//! assert!(matches!(sent[0].outcome, Dispatched::Queued(_)));
//! // Another server has seen the same alert.
//! assert_eq!(outbox.send(&message, &key, now).await?[0].outcome, Dispatched::Repeated);
//! # Ok(()) }
//! ```
//!
//! # Metrics
//!
//! - `outbox_messages_total`, by `channel` (`mail`, `webhook`, `notice`) and `outcome`: when a
//!   message is taken `queued`, `collected` or `repeated`; when it is delivered `delivered`,
//!   `retried` or `failed`. A digest is delivered as one message.
//! - `outbox_pending`, by `channel`: see [`report_pending`].

mod destination;
mod gate;
mod headline;
mod incidents;
mod language;
pub mod mail;
mod message;
mod meter;
pub mod notify;
mod outage;
mod parcel;
mod post;
mod retry;
mod secret;
mod send;
mod stored;
mod target_url;
pub mod webhook;
mod words;

pub use destination::{Channel, Destination};
pub use gate::{InvalidStormLimits, StormLimits};
pub use headline::Severity;
pub use language::Language;
pub use message::{DedupeKey, Message};
pub use meter::report_pending;
pub use post::PostLimits;
pub use retry::{ATTEMPTS, LONGEST_ASKED, RETRY_WAITS};
pub use secret::Secret;
pub use send::{Dispatch, Dispatched, Outbox, delivery_config};
pub use target_url::{InvalidTargetUrl, TargetUrl};
