//! Notifications to people and to what wakes them: a POST of JSON, Slack and `PagerDuty`.
//!
//! A [`Notice`] goes to a [`NoticeChannel`], which a process configures under a name. The channel
//! gives the notice its form; the delivery is that of a webhook, at the
//! [documented times](super::RETRY_WAITS).
//!
//! | channel | body |
//! |---|---|
//! | JSON | `{"id", "title", "text", "severity", "source", "link", "incident", "timestamp", "language"}` |
//! | Slack | `{"text"}`, for an incoming webhook |
//! | `PagerDuty` | an event of the Events API v2: trigger, acknowledge, resolve, with a stable `dedup_key` |
//!
//! # What an answer means
//!
//! 2xx is delivered. 400, 410, 413 and 422 have failed for good, because the channel refuses this
//! body or is gone. Everything else is tried again: also 401, 403 and 404, because an operator can
//! correct the secret or the URL. A wait that an answer asks for in `Retry-After` is granted.
//!
//! # Incidents in a storm
//!
//! `PagerDuty` closes an incident only if it is told, so the limits treat the notices of an
//! incident as one: if its trigger was sent, its resolution is sent whatever the limits are; if its
//! trigger was counted in a digest, its acknowledgements and its resolution are counted as well.
//! The limits decide about every other acknowledgement, and about a resolution without a trigger.

mod body;
mod channel;
mod notice;
mod work;

pub use channel::{ChannelName, InvalidChannel, NoticeChannel};
pub use notice::{Incident, IncidentAction, InvalidNotice, Notice};
pub use work::NoticeWork;
