//! [`Message`]: what is sent, through one of the channels.

use sqal_core::Name;

use super::mail::MailMessage;
use super::notify::{ChannelName, Notice};
use super::webhook::WebhookEvent;

/// The caller's name for a message, for example `alert 17 begins`. A message that is sent again
/// under its key within 30 days is sent once.
pub type DedupeKey = Name<200>;

/// What is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Message {
    /// A letter to each of its recipients.
    Mail(MailMessage),
    /// An event to each enabled endpoint whose filter lets it through.
    Webhook(WebhookEvent),
    /// A notice to one channel.
    Notice {
        /// The name of the channel.
        channel: ChannelName,
        /// The notice.
        notice: Notice,
    },
}

impl From<MailMessage> for Message {
    fn from(message: MailMessage) -> Self {
        Self::Mail(message)
    }
}

impl From<WebhookEvent> for Message {
    fn from(event: WebhookEvent) -> Self {
        Self::Webhook(event)
    }
}
