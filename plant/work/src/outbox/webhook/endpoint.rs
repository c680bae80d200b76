//! [`WebhookEndpoint`]: where events are posted to, and which.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sqal_core::Timestamp;

use super::event::EventType;
use crate::outbox::target_url::TargetUrl;

/// The id of an endpoint: 1 to 64 lower-case letters, digits, `-` and `_`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EndpointId(String);

/// An endpoint that is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidEndpoint {
    /// The text is not the id of an endpoint.
    #[error("endpoint id: expected 1 to 64 lower-case letters, digits, - and _")]
    Id,
    /// The description is too long or has a control character.
    #[error("endpoint description: expected at most 200 characters without a line break")]
    Description,
    /// A pattern of an event filter is not valid.
    #[error("event filter: expected types such as sample.rejected, or beginnings such as sample.*")]
    Filter,
    /// The filter has too many patterns, or none.
    #[error("event filter: {0} patterns, expected 1 to 100")]
    Patterns(usize),
}

impl EndpointId {
    /// The text of the id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EndpointId {
    type Err = InvalidEndpoint;

    fn from_str(text: &str) -> Result<Self, InvalidEndpoint> {
        let is_valid = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
        if !(1..=64).contains(&text.len()) || !text.bytes().all(is_valid) {
            return Err(InvalidEndpoint::Id);
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for EndpointId {
    type Error = InvalidEndpoint;

    fn try_from(text: String) -> Result<Self, InvalidEndpoint> {
        text.parse()
    }
}

impl From<EndpointId> for String {
    fn from(id: EndpointId) -> Self {
        id.0
    }
}

impl fmt::Display for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Which events an endpoint gets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub enum EventFilter {
    /// All events, also those of types that do not exist yet.
    #[default]
    All,
    /// The events of these types, and those whose type begins like one that ends in `.*`.
    Only(Vec<String>),
}

impl EventFilter {
    /// A filter of types such as `sample.rejected` and beginnings such as `sample.*`.
    ///
    /// # Errors
    ///
    /// [`InvalidEndpoint`] if there are no patterns or more than 100, or if one is not valid.
    pub fn only<T: Into<String>>(patterns: impl IntoIterator<Item = T>) -> Result<Self, InvalidEndpoint> {
        let patterns: Vec<String> = patterns.into_iter().map(Into::into).collect();
        if !(1..=100).contains(&patterns.len()) {
            return Err(InvalidEndpoint::Patterns(patterns.len()));
        }
        let is_valid = |pattern: &String| pattern.strip_suffix(".*").unwrap_or(pattern).parse::<EventType>().is_ok();
        if patterns.iter().all(is_valid) { Ok(Self::Only(patterns)) } else { Err(InvalidEndpoint::Filter) }
    }

    /// Whether the endpoint gets events of a type.
    #[must_use]
    pub fn wants(&self, kind: &EventType) -> bool {
        let Self::Only(patterns) = self else { return true };
        patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(beginning) => kind.as_str().starts_with(beginning),
            None => kind.as_str() == pattern,
        })
    }
}

/// An empty list stands for all events.
impl TryFrom<Vec<String>> for EventFilter {
    type Error = InvalidEndpoint;

    fn try_from(patterns: Vec<String>) -> Result<Self, InvalidEndpoint> {
        if patterns.is_empty() { Ok(Self::All) } else { Self::only(patterns) }
    }
}

impl From<EventFilter> for Vec<String> {
    fn from(filter: EventFilter) -> Self {
        match filter {
            EventFilter::All => Self::new(),
            EventFilter::Only(patterns) => patterns,
        }
    }
}

/// Why and since when nothing is posted to an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disabled {
    /// Since when.
    pub at: Timestamp,
    /// Why.
    pub why: String,
}

/// An endpoint that events are posted to. Its secrets are kept apart from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookEndpoint {
    id: EndpointId,
    url: TargetUrl,
    events: EventFilter,
    description: String,
    created_at: Timestamp,
    #[serde(default)]
    disabled: Option<Disabled>,
}

impl WebhookEndpoint {
    /// An enabled endpoint that gets all events.
    #[must_use]
    pub const fn new(id: EndpointId, url: TargetUrl, created_at: Timestamp) -> Self {
        Self { id, url, events: EventFilter::All, description: String::new(), created_at, disabled: None }
    }

    /// Sets the events that the endpoint gets.
    #[must_use]
    pub fn of(mut self, events: EventFilter) -> Self {
        self.events = events;
        self
    }

    /// Sets the description.
    ///
    /// # Errors
    ///
    /// [`InvalidEndpoint::Description`] if it has more than 200 characters or a control character.
    pub fn described(mut self, description: &str) -> Result<Self, InvalidEndpoint> {
        if description.chars().count() > 200 || description.contains(char::is_control) {
            return Err(InvalidEndpoint::Description);
        }
        description.clone_into(&mut self.description);
        Ok(self)
    }

    /// Sets the URL.
    #[must_use]
    pub fn at(mut self, url: TargetUrl) -> Self {
        self.url = url;
        self
    }

    /// Enables or disables the endpoint.
    #[must_use]
    pub fn with_disabled(mut self, disabled: Option<Disabled>) -> Self {
        self.disabled = disabled;
        self
    }

    /// The id.
    #[must_use]
    pub const fn id(&self) -> &EndpointId {
        &self.id
    }

    /// The URL.
    #[must_use]
    pub const fn url(&self) -> &TargetUrl {
        &self.url
    }

    /// Which events the endpoint gets.
    #[must_use]
    pub const fn events(&self) -> &EventFilter {
        &self.events
    }

    /// The description.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }

    /// When the endpoint was added.
    #[must_use]
    pub const fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// Why nothing is posted to the endpoint; `None` if it is enabled.
    #[must_use]
    pub const fn disabled(&self) -> Option<&Disabled> {
        self.disabled.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> EventType {
        text.parse().unwrap()
    }

    #[test]
    fn a_filter_knows_types_and_their_beginnings() {
        let filter = EventFilter::only(["sample.rejected", "model.*"]).unwrap();
        let wanted =
            ["sample.rejected", "model.alias.changed", "sample.graded", "sample.rejected.late", "model", "models.x"];
        assert_eq!(wanted.map(|text| filter.wants(&kind(text))), [true, true, false, false, false, false]);
        assert!(EventFilter::All.wants(&kind("a")));
        for pattern in ["", "*", "a*", "a.*.b", "a b", ".*"] {
            assert_eq!(EventFilter::only([pattern]), Err(InvalidEndpoint::Filter), "{pattern}");
        }
        assert_eq!(EventFilter::only(Vec::<String>::new()), Err(InvalidEndpoint::Patterns(0)));
        assert_eq!(EventFilter::only(vec!["a"; 101]), Err(InvalidEndpoint::Patterns(101)));
    }

    /// A database may hold this text from an earlier version: it is read for ever.
    #[test]
    fn the_first_form_of_an_endpoint_is_read_for_ever() {
        let text = r#"{"id":"erp","url":"https://erp.example/hooks?a=b","events":["sample.*"],"description":"ERP",
            "created_at":1729983600000000,"disabled":{"at":1729983600000001,"why":"gone"}}"#;
        let endpoint: WebhookEndpoint = serde_json::from_str(text).unwrap();
        assert_eq!((endpoint.id().as_str(), endpoint.url().expose()), ("erp", "https://erp.example/hooks?a=b"));
        assert!(endpoint.events().wants(&kind("sample.graded")) && !endpoint.events().wants(&kind("model.x")));
        assert_eq!(endpoint.disabled().unwrap().why, "gone");
        assert_eq!(
            serde_json::from_str::<WebhookEndpoint>(&serde_json::to_string(&endpoint).unwrap()).unwrap(),
            endpoint
        );
        assert!(!format!("{endpoint:?}").contains("hooks"));
    }

    #[test]
    fn an_id_is_short_and_plain() {
        for text in ["a", "erp-1_x", &"0".repeat(64)] {
            assert_eq!(text.parse::<EndpointId>().unwrap().as_str(), text);
        }
        for text in ["", "A", "a b", "é", "a/b", &"0".repeat(65)] {
            assert_eq!(text.parse::<EndpointId>(), Err(InvalidEndpoint::Id), "{text:?}");
        }
    }
}
