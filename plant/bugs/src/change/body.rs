//! [`EntryBody`]: what an entry of the history holds beside its status: changes, reason and note.

use serde::{Deserialize, Serialize};
use sqal_core::Name;
use sqal_storage::bugs::BesideId;

use super::field::FieldChange;

/// The version of the stored form. A form with another number is not read.
const VERSION: u64 = 1;

/// What an entry of the history says. It holds no personal datum.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EntryBody {
    /// The fields that were changed.
    #[serde(default)]
    pub changes: Vec<FieldChange>,
    /// Why, as the person who made the change has written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What else there is to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<EntryNote>,
}

/// What the server says about an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum EntryNote {
    /// The bug was reported.
    Reported,
    /// The bug was imported from another tracker.
    Imported,
    /// The fault came back after the bug had ended.
    Regressed {
        /// The version of the firmware, if it is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        firmware: Option<Name<32>>,
    },
    /// The fault was seen with a version of the firmware for the first time.
    SeenIn {
        /// The version of the firmware.
        firmware: Name<32>,
    },
    /// An attachment was removed.
    Detached {
        /// The id of the attachment.
        attachment: String,
        /// The name of the file.
        name: Name<200>,
    },
}

/// The body of an entry cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidEntryBody {
    /// It is not of the expected form.
    #[error("the body of an entry cannot be read: {0}")]
    Form(String),
    /// A newer program has written it.
    #[error("the body of an entry has version {0}, expected 1")]
    Version(u64),
}

#[derive(Serialize)]
struct Written<'a> {
    v: u64,
    #[serde(flatten)]
    body: &'a EntryBody,
}

#[derive(Deserialize)]
struct Version {
    v: u64,
}

impl EntryNote {
    /// The note about an attachment that was removed.
    #[must_use]
    pub fn detached(attachment: BesideId, name: Name<200>) -> Self {
        Self::Detached { attachment: attachment.to_string(), name }
    }
}

impl EntryBody {
    /// The body as it is stored: JSON, as in `{"v":1,"changes":[…]}`.
    #[must_use]
    pub fn to_text(&self) -> String {
        serde_json::to_string(&Written { v: VERSION, body: self })
            .unwrap_or_else(|_| unreachable!("texts and lists of texts have JSON"))
    }

    /// Reads a stored body.
    ///
    /// # Errors
    ///
    /// [`InvalidEntryBody`] if the text is not a body of version 1.
    pub fn read(text: &str) -> Result<Self, InvalidEntryBody> {
        let form = |error: serde_json::Error| InvalidEntryBody::Form(error.to_string());
        let Version { v } = serde_json::from_str(text).map_err(form)?;
        if v != VERSION {
            return Err(InvalidEntryBody::Version(v));
        }
        serde_json::from_str(text).map_err(form)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Entries live longer than a program: this text is never changed.
    const STORED: &str = r#"{"v":1,"changes":[{"field":"status","before":"resolved","after":"open"},{"field":"category","before":"x"}],"why":"again","note":{"kind":"regressed","firmware":"2.4.0"}}"#;

    #[test]
    fn the_stored_form_stays() {
        let change = |field: &str, before, after| FieldChange { field: field.to_owned(), before, after };
        let body = EntryBody {
            changes: vec![
                change("status", Some(json!("resolved")), Some(json!("open"))),
                change("category", Some(json!("x")), None),
            ],
            why: Some("again".to_owned()),
            note: Some(EntryNote::Regressed { firmware: Some(Name::new("2.4.0").unwrap()) }),
        };
        assert_eq!(body.to_text(), STORED);
        assert_eq!(EntryBody::read(STORED), Ok(body));
    }

    #[test]
    fn every_note_is_read_back() {
        let firmware = Name::new("2.4.0").unwrap();
        let name = Name::new("dump.bin").unwrap();
        for note in [
            EntryNote::Reported,
            EntryNote::Imported,
            EntryNote::Regressed { firmware: None },
            EntryNote::SeenIn { firmware },
            EntryNote::detached(BesideId::from_bytes([7; 16]), name),
        ] {
            let body = EntryBody { note: Some(note), ..EntryBody::default() };
            assert_eq!(EntryBody::read(&body.to_text()), Ok(body));
        }
    }

    #[test]
    fn other_versions_and_texts_are_refused() {
        assert_eq!(EntryBody::read(r#"{"v":2}"#), Err(InvalidEntryBody::Version(2)));
        for text in ["", "{}", "[]", r#"{"v":1,"changes":3}"#] {
            assert!(matches!(EntryBody::read(text), Err(InvalidEntryBody::Form(_))), "{text}");
        }
    }
}
