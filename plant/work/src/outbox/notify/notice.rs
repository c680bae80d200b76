//! [`Notice`]: what people are told, whatever the channel is.

use serde::{Deserialize, Serialize};
use sqal_core::Timestamp;

use crate::outbox::headline::Severity;
use crate::outbox::language::Language;

/// The longest title in characters, which is that of a summary in `PagerDuty`.
const LONGEST_TITLE: usize = 1024;

/// The longest text in characters; Slack shows at most 40 000.
const LONGEST_TEXT: usize = 10_000;

/// The longest key of an incident in bytes, as `PagerDuty` has it.
const LONGEST_KEY: usize = 255;

/// What a notice does to an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IncidentAction {
    /// Opens the incident, or adds to it if it is open.
    Trigger,
    /// A person works on the incident.
    Acknowledge,
    /// The incident is over.
    Resolve,
}

/// The incident that a notice belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    action: IncidentAction,
    key: String,
}

/// A notice that cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidNotice {
    /// A text is empty or too long.
    #[error("{what}: {characters} characters, expected {least} to {most}")]
    Length {
        /// The name of the text.
        what: &'static str,
        /// Its length in characters.
        characters: usize,
        /// The shortest that is valid.
        least: usize,
        /// The longest that is valid.
        most: usize,
    },
    /// The key of an incident is empty, too long, or has a control character.
    #[error("incident: a key of 1 to 255 bytes without a control character is expected")]
    Key,
    /// The link is no URL of the web.
    #[error("link: expected one that begins with https:// or http://, of at most 2000 characters without a blank")]
    Link,
}

impl Incident {
    /// An action on the incident of this key. The key names the incident: its trigger, its
    /// acknowledgement and its resolution have the same.
    ///
    /// # Errors
    ///
    /// [`InvalidNotice::Key`] if the key is empty, longer than 255 bytes, or has a control
    /// character.
    pub fn new(action: IncidentAction, key: &str) -> Result<Self, InvalidNotice> {
        if !(1..=LONGEST_KEY).contains(&key.len()) || key.contains(char::is_control) {
            return Err(InvalidNotice::Key);
        }
        Ok(Self { action, key: key.to_owned() })
    }

    /// The action.
    #[must_use]
    pub const fn action(&self) -> IncidentAction {
        self.action
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// What people are told.
///
/// ```
/// use sqal_core::Timestamp;
/// use sqal_work::outbox::{Language, Severity};
/// use sqal_work::outbox::notify::{Incident, IncidentAction, Notice};
///
/// let at = Timestamp::from_micros(1_729_983_600_000_000)?;
/// let notice = Notice::new("Station 3 is silent", "station 3", Severity::Critical, Language::English, at)?
///     .text("No frame for 10 minutes.")?
///     .link("https://sqal.example/devices/3")?
///     .of(Incident::new(IncidentAction::Trigger, "station 3 silent")?);
/// assert_eq!(notice.incident().unwrap().key(), "station 3 silent");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    title: String,
    text: String,
    source: String,
    severity: Severity,
    language: Language,
    at: Timestamp,
    link: Option<String>,
    incident: Option<Incident>,
}

impl Notice {
    /// A notice about a source, such as a station or a server.
    ///
    /// # Errors
    ///
    /// [`InvalidNotice::Length`] if the title is empty or has more than 1024 characters, or if the
    /// source is empty or has more than 200.
    pub fn new(
        title: &str,
        source: &str,
        severity: Severity,
        language: Language,
        at: Timestamp,
    ) -> Result<Self, InvalidNotice> {
        Ok(Self {
            title: checked("title", title, 1, LONGEST_TITLE)?,
            text: String::new(),
            source: checked("source", source, 1, 200)?,
            severity,
            language,
            at,
            link: None,
            incident: None,
        })
    }

    /// Sets the text below the title.
    ///
    /// # Errors
    ///
    /// [`InvalidNotice::Length`] if the text has more than 10 000 characters.
    pub fn text(mut self, text: &str) -> Result<Self, InvalidNotice> {
        self.text = checked("text", text, 0, LONGEST_TEXT)?;
        Ok(self)
    }

    /// Sets the link to more about it, for example to a runbook.
    ///
    /// # Errors
    ///
    /// [`InvalidNotice::Link`] if it does not begin with `https://` or `http://`, has a blank or
    /// another sign that could end a link, or has more than 2000 characters.
    pub fn link(mut self, link: &str) -> Result<Self, InvalidNotice> {
        let is_of_the_web = link.starts_with("https://") || link.starts_with("http://");
        let ends_a_link = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>' | '|' | '"');
        if !is_of_the_web || link.len() > 2000 || link.contains(ends_a_link) {
            return Err(InvalidNotice::Link);
        }
        self.link = Some(link.to_owned());
        Ok(self)
    }

    /// Sets the incident that the notice belongs to.
    #[must_use]
    pub fn of(mut self, incident: Incident) -> Self {
        self.incident = Some(incident);
        self
    }

    /// The title.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The text below the title; empty if there is none.
    #[must_use]
    pub fn as_text(&self) -> &str {
        &self.text
    }

    /// What the notice is about.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The severity.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        self.severity
    }

    /// The language.
    #[must_use]
    pub const fn language(&self) -> Language {
        self.language
    }

    /// When it happened.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// The link, if there is one.
    #[must_use]
    pub fn as_link(&self) -> Option<&str> {
        self.link.as_deref()
    }

    /// The incident, if there is one.
    #[must_use]
    pub const fn incident(&self) -> Option<&Incident> {
        self.incident.as_ref()
    }
}

/// A text of a length in its range. The character U+0000, which no database holds, becomes U+FFFD.
fn checked(what: &'static str, text: &str, least: usize, most: usize) -> Result<String, InvalidNotice> {
    let characters = text.chars().count();
    if !(least..=most).contains(&characters) {
        return Err(InvalidNotice::Length { what, characters, least, most });
    }
    Ok(text.replace('\0', "\u{FFFD}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(title: &str) -> Result<Notice, InvalidNotice> {
        let at = Timestamp::from_micros(0).unwrap();
        Notice::new(title, "station 3", Severity::Error, Language::French, at)
    }

    #[test]
    fn a_notice_has_a_title_and_everything_in_it_is_bounded() {
        assert!(notice(&"é".repeat(1024)).unwrap().text(&"é".repeat(10_000)).is_ok());
        for length in [0, 1025] {
            let refused = InvalidNotice::Length { what: "title", characters: length, least: 1, most: 1024 };
            assert_eq!(notice(&"x".repeat(length)), Err(refused));
        }
        assert!(notice("a").unwrap().text(&"x".repeat(10_001)).is_err());
        assert_eq!(notice("a\0b").unwrap().title(), "a\u{FFFD}b");
    }

    #[test]
    fn a_link_cannot_end_before_its_end() {
        for link in ["https://sqal.example/a?b=c#d", "http://10.0.0.1/"] {
            assert_eq!(notice("a").unwrap().link(link).unwrap().as_link(), Some(link));
        }
        for link in ["", "javascript:alert(1)", "https://a b", "https://a|b", "https://a>b", "https://a\n", "ftp://a"] {
            assert_eq!(notice("a").unwrap().link(link), Err(InvalidNotice::Link), "{link:?}");
        }
    }

    #[test]
    fn an_incident_has_a_key_of_at_most_255_bytes() {
        assert!(Incident::new(IncidentAction::Resolve, &"x".repeat(255)).is_ok());
        for key in ["", "a\nb", &"x".repeat(256)] {
            assert_eq!(Incident::new(IncidentAction::Resolve, key), Err(InvalidNotice::Key));
        }
    }

    /// Bodies wait in the queue while the program is replaced: an existing form is read for ever.
    #[test]
    fn the_first_form_of_a_notice_is_read_for_ever() {
        let text = r#"{"title":"a","text":"","source":"b","severity":"error","language":"fr","at":0,"link":null,
            "incident":{"action":"resolve","key":"k"}}"#;
        let read: Notice = serde_json::from_str(text).unwrap();
        assert_eq!(read.incident(), Some(&Incident::new(IncidentAction::Resolve, "k").unwrap()));
        assert_eq!(serde_json::from_str::<Notice>(&serde_json::to_string(&read).unwrap()).unwrap(), read);
    }
}
