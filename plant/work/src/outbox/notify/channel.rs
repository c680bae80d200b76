//! [`NoticeChannel`]: where notices are posted to, and in which form.

use std::fmt;
use std::str::FromStr;

use crate::outbox::secret::Secret;
use crate::outbox::target_url::TargetUrl;

/// The name of a notice channel: 1 to 64 lower-case letters, digits, `-` and `_`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelName(String);

/// A channel that is not valid. The error holds no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidChannel {
    /// The text is not the name of a channel.
    #[error("channel name: expected 1 to 64 lower-case letters, digits, - and _")]
    Name,
    /// The routing key of `PagerDuty` is not 32 letters and digits.
    #[error("routing key: expected 32 letters and digits")]
    RoutingKey,
    /// The token has a character that a header field cannot have.
    #[error("token: expected visible ASCII characters")]
    Token,
}

impl ChannelName {
    /// The text of the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ChannelName {
    type Err = InvalidChannel;

    fn from_str(text: &str) -> Result<Self, InvalidChannel> {
        let is_valid = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
        if !(1..=64).contains(&text.len()) || !text.bytes().all(is_valid) {
            return Err(InvalidChannel::Name);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The form in which a channel wants its notices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Our own JSON, perhaps with a bearer token.
    Json(Option<Secret>),
    /// The JSON of Slack's incoming webhooks.
    Slack,
    /// The JSON of `PagerDuty`'s Events API v2, with the routing key of a service.
    PagerDuty(Secret),
}

/// A channel for notices. Its `Debug` shows neither the path of its URL nor a secret.
///
/// ```
/// use sqal_work::outbox::notify::NoticeChannel;
///
/// let url = "https://hooks.slack.com/services/T0/B0/hunter2".parse()?;
/// let slack = NoticeChannel::slack("quality".parse()?, url);
/// assert!(!format!("{slack:?}").contains("hunter2"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeChannel {
    name: ChannelName,
    url: TargetUrl,
    form: Form,
}

impl NoticeChannel {
    /// A channel that takes our own JSON, with a bearer token if it wants one.
    ///
    /// # Errors
    ///
    /// [`InvalidChannel::Token`] if the token is empty or has another character than visible ASCII.
    pub fn json(name: ChannelName, url: TargetUrl, token: Option<Secret>) -> Result<Self, InvalidChannel> {
        let is_valid =
            |token: &Secret| !token.expose().is_empty() && token.expose().bytes().all(|byte| byte.is_ascii_graphic());
        if token.as_ref().is_some_and(|token| !is_valid(token)) {
            return Err(InvalidChannel::Token);
        }
        Ok(Self { name, url, form: Form::Json(token) })
    }

    /// A channel of Slack; the URL is that of an incoming webhook.
    #[must_use]
    pub const fn slack(name: ChannelName, url: TargetUrl) -> Self {
        Self { name, url, form: Form::Slack }
    }

    /// A service of `PagerDuty`; the URL is that of its Events API v2, usually
    /// `https://events.pagerduty.com/v2/enqueue`.
    ///
    /// # Errors
    ///
    /// [`InvalidChannel::RoutingKey`] if the key is not 32 letters and digits.
    pub fn pager_duty(name: ChannelName, url: TargetUrl, routing_key: Secret) -> Result<Self, InvalidChannel> {
        let key = routing_key.expose();
        if key.len() != 32 || !key.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(InvalidChannel::RoutingKey);
        }
        Ok(Self { name, url, form: Form::PagerDuty(routing_key) })
    }

    /// The name.
    #[must_use]
    pub const fn name(&self) -> &ChannelName {
        &self.name
    }

    /// The URL.
    #[must_use]
    pub const fn url(&self) -> &TargetUrl {
        &self.url
    }

    pub(super) const fn form(&self) -> &Form {
        &self.form
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_no_service_has_is_refused_and_none_is_shown() {
        let name = || "quality".parse::<ChannelName>().unwrap();
        let url = || "https://events.example/hunter2".parse::<TargetUrl>().unwrap();
        for key in ["", "hunter2", &"x".repeat(33), &"é".repeat(16)] {
            let refused = NoticeChannel::pager_duty(name(), url(), Secret::new(key)).unwrap_err();
            assert_eq!(refused, InvalidChannel::RoutingKey);
        }
        for token in ["", "hunter2 ", "a\r\nb"] {
            let refused = NoticeChannel::json(name(), url(), Some(Secret::new(token))).unwrap_err();
            assert_eq!(refused, InvalidChannel::Token);
        }
        let service = NoticeChannel::pager_duty(name(), url(), Secret::new("hunter2x".repeat(4))).unwrap();
        assert!(!format!("{service:?}").contains("hunter2"));
    }
}
