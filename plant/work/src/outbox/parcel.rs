//! [`Parcel`]: the body of a job that delivers one message to one destination.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::worker::WorkError;

/// The newest form of a body that this program knows.
const VERSION: u32 = 1;

/// One message on its way to one destination. A parcel is written once, so every retry delivers the
/// stored message under the stored id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Parcel<M> {
    v: u32,
    /// The id of the message, equal in all attempts.
    pub(crate) id: String,
    /// The name of the destination in its channel.
    pub(crate) to: String,
    pub(crate) content: Content<M>,
}

/// What a parcel holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Content<M> {
    /// A message of the caller.
    Message(M),
    /// The digest of the messages that were collected for the destination.
    Digest {
        /// The number of the batch at its destination.
        batch: u64,
        /// Whether this is a replay of a digest that another job has delivered.
        #[serde(default)]
        replayed: bool,
    },
}

/// The part of a body that every form of it has.
#[derive(Deserialize)]
struct Versioned {
    v: u32,
}

impl<M> Parcel<M> {
    pub(crate) fn new(id: String, to: String, content: Content<M>) -> Self {
        Self { v: VERSION, id, to, content }
    }
}

impl<M: DeserializeOwned> Parcel<M> {
    /// Reads the body of a job.
    ///
    /// # Errors
    ///
    /// [`WorkError::Newer`] if a newer program wrote the body; [`WorkError::Permanent`] if the body
    /// is damaged. Neither repeats the body.
    pub(crate) fn read(body: &str) -> Result<Self, WorkError> {
        let damaged = |error: serde_json::Error| {
            let (line, column) = (error.line(), error.column());
            WorkError::permanent(format!("the body of the job is damaged at line {line}, column {column}"))
        };
        let Versioned { v } = serde_json::from_str(body).map_err(damaged)?;
        if v > VERSION {
            return Err(WorkError::Newer { found: v, known: VERSION });
        }
        serde_json::from_str(body).map_err(damaged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parcel_is_read_back_as_it_was_written() {
        for content in [Content::Message("text".to_owned()), Content::Digest { batch: 7, replayed: true }] {
            let parcel = Parcel::new("id".to_owned(), "erp".to_owned(), content);
            assert_eq!(Parcel::read(&serde_json::to_string(&parcel).unwrap()), Ok(parcel));
        }
    }

    /// Bodies wait in the queue while the program is replaced: an existing form is read for ever.
    #[test]
    fn the_first_form_is_read_for_ever() {
        let body = r#"{"v":1,"id":"a","to":"erp","content":{"digest":{"batch":2}}}"#;
        let content = Content::Digest { batch: 2, replayed: false };
        assert_eq!(Parcel::<String>::read(body), Ok(Parcel::new("a".to_owned(), "erp".to_owned(), content)));
    }

    #[test]
    fn a_newer_body_goes_back_and_a_damaged_one_fails_without_being_repeated() {
        let newer = r#"{"v":2,"something":"else"}"#;
        assert_eq!(Parcel::<String>::read(newer), Err(WorkError::Newer { found: 2, known: 1 }));
        for damaged in ["", "{}", "hunter2", r#"{"v":1,"id":"hunter2"}"#] {
            let Err(WorkError::Permanent { why }) = Parcel::<String>::read(damaged) else { panic!("{damaged}") };
            assert!(why.starts_with("the body of the job is damaged") && !why.contains("hunter2"), "{why}");
        }
    }
}
