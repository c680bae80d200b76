//! [`Channel`] and [`Destination`]: the way that a message goes, and the place that it goes to.

use std::fmt::{self, Write as _};

use sha2::{Digest as _, Sha256};
use sqal_core::Name;
use sqal_storage::queue::JobKind;

/// The way that a message goes. Each channel has jobs of its own kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// E-mail.
    Mail,
    /// Standard Webhooks.
    Webhook,
    /// JSON notifications, Slack and `PagerDuty`.
    Notice,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 3] = [Self::Mail, Self::Webhook, Self::Notice];

    /// The word of the channel, as the label `channel` of metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Webhook => "webhook",
            Self::Notice => "notice",
        }
    }

    /// The kind of the channel's jobs: `outbox_mail`, `outbox_webhook` or `outbox_notice`.
    #[must_use]
    pub fn kind(self) -> JobKind {
        let text = match self {
            Self::Mail => "outbox_mail",
            Self::Webhook => "outbox_webhook",
            Self::Notice => "outbox_notice",
        };
        Name::new(text).unwrap_or_else(|_| unreachable!("each of the three texts is a kind"))
    }
}

/// The place that a message goes to: a mail address, a webhook's endpoint or a notice channel.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Destination {
    /// The channel.
    pub channel: Channel,
    /// The mail address, the id of the endpoint, or the name of the notice channel.
    pub name: String,
}

impl Destination {
    pub(crate) fn new(channel: Channel, name: impl Into<String>) -> Self {
        Self { channel, name: name.into() }
    }

    /// The key of the destination in records and jobs: a hash, so that no address stands in a key.
    pub(crate) fn key(&self) -> String {
        hashed(&["destination", self.channel.as_str(), &self.name])
    }

    /// The id of the message to this destination that the caller's key names.
    pub(crate) fn message_id(&self, key: &str) -> String {
        hashed(&["message", self.channel.as_str(), &self.name, key])
    }

    /// The id of the digest of one batch of messages to this destination.
    pub(crate) fn digest_id(&self, batch: u64) -> String {
        hashed(&["digest", self.channel.as_str(), &self.name, &batch.to_string()])
    }
}

/// Shows only the domain of a mail address, because logs must not name persons.
impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = match (self.channel, self.name.rsplit_once('@')) {
            (Channel::Mail, Some((_, domain))) => format!("…@{domain}"),
            (Channel::Mail, None) => "…".to_owned(),
            _ => self.name.clone(),
        };
        write!(f, "{}:{shown}", self.channel.as_str())
    }
}

/// The first 128 bits of the SHA-256 of some texts, as 32 hexadecimal digits. The length of each
/// text is hashed with it, so that no two lists of texts give the same bytes.
pub(crate) fn hashed(texts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(text.as_bytes());
    }
    hash.finalize().iter().take(16).fold(String::with_capacity(32), |mut digits, byte| {
        // Writing to a string cannot fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_channel_has_a_kind_of_its_own() {
        let kinds = Channel::ALL.map(|channel| channel.kind().as_str().to_owned());
        assert_eq!(kinds, ["outbox_mail", "outbox_webhook", "outbox_notice"]);
    }

    /// The SHA-256 of the bytes was computed elsewhere (in Python).
    #[test]
    fn a_key_is_the_beginning_of_a_sha_256_of_lengths_and_texts() {
        assert_eq!(hashed(&["a", "bc"]), "3fafa1cf2f19a7c1129beb20cf0983f7");
        assert_ne!(hashed(&["a", "bc"]), hashed(&["ab", "c"]));
        assert_ne!(hashed(&["a", ""]), hashed(&["a"]));
    }

    #[test]
    fn a_debug_text_names_no_person() {
        let shown = |channel, name: &str| format!("{:?}", Destination::new(channel, name));
        assert_eq!(shown(Channel::Mail, "marie@example.com"), "mail:…@example.com");
        assert_eq!(shown(Channel::Webhook, "erp"), "webhook:erp");
    }

    #[test]
    fn a_message_a_digest_and_a_destination_share_no_id() {
        let erp = Destination::new(Channel::Webhook, "erp");
        let all = [erp.key(), erp.message_id("1"), erp.digest_id(1), erp.message_id("2"), erp.digest_id(2)];
        let different: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
        assert_ne!(erp.message_id("1"), Destination::new(Channel::Notice, "erp").message_id("1"));
    }
}
