//! [`Receiver`]: the people or the program that a telling goes to, and the ways to them.

use sqal_work::outbox::Language;
use sqal_work::outbox::mail::MailAddress;
use sqal_work::outbox::notify::ChannelName;

/// A receiver: at least one mail address, notice channel, or the webhooks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receiver {
    pub(super) mail: Vec<MailAddress>,
    pub(super) notice: Vec<ChannelName>,
    pub(super) webhook: bool,
    pub(super) language: Option<Language>,
}

impl Receiver {
    /// The mail addresses.
    #[must_use]
    pub fn mail(&self) -> &[MailAddress] {
        &self.mail
    }

    /// The notice channels.
    #[must_use]
    pub fn notice(&self) -> &[ChannelName] {
        &self.notice
    }

    /// Whether an event is sent to the webhooks that want it.
    #[must_use]
    pub const fn has_webhook(&self) -> bool {
        self.webhook
    }

    /// The language of the receiver, if it is not that of the plan.
    #[must_use]
    pub const fn language(&self) -> Option<Language> {
        self.language
    }

    /// Whether nothing can be sent to the receiver.
    pub(super) fn is_unreachable(&self) -> bool {
        self.mail.is_empty() && self.notice.is_empty() && !self.webhook
    }
}
