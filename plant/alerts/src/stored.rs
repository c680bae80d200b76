//! The bodies of stored records: JSON with the version of its form, and the names of collections.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sqal_core::Name;
use sqal_storage::labels::LabelName;
use sqal_storage::records::Collection;
use sqal_storage::{StorageError, StorageErrorKind};

/// The newest form of a body that this program knows.
const VERSION: u32 = 1;

/// A stored value with the version of its form. Its names are never changed.
#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    v: u32,
    content: T,
}

/// The version of a body; `None` if the body has none.
#[derive(Deserialize)]
struct VersionOnly {
    v: Option<u32>,
}

/// A body that this program cannot read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UnreadableError {
    /// A newer program wrote it.
    #[error("it has form {0}, and this program knows forms up to {VERSION}")]
    Newer(u32),
    /// It is damaged.
    #[error("it is damaged: {0}")]
    Damaged(String),
}

/// The body of a value. `backend` is the name of the store in the error.
///
/// # Errors
///
/// [`StorageErrorKind::Internal`] if the value has no JSON.
pub(crate) fn written(backend: &'static str, content: &impl Serialize) -> Result<String, StorageError> {
    let versioned = Versioned { v: VERSION, content };
    serde_json::to_string(&versioned).map_err(|_| StorageError::new(backend, StorageErrorKind::Internal))
}

/// Reads a body. Its version is read first, because only that of a newer form is known.
///
/// # Errors
///
/// [`UnreadableError`] if a newer program wrote it, if it has no version, or if it is damaged.
pub(crate) fn parsed<T: DeserializeOwned>(body: &str) -> Result<T, UnreadableError> {
    match version(body)? {
        Some(_) => content(body),
        None => Err(UnreadableError::Damaged("it has no version `v`".to_owned())),
    }
}

/// Reads a body of records whose first form had no version: such a body is the value itself.
///
/// # Errors
///
/// [`UnreadableError`] if a newer program wrote it, or if it is damaged.
pub(crate) fn parsed_with_or_without_version<T: DeserializeOwned>(body: &str) -> Result<T, UnreadableError> {
    match version(body)? {
        Some(_) => content(body),
        None => serde_json::from_str(body).map_err(damaged),
    }
}

/// The version of a body, which is no newer than this program.
fn version(body: &str) -> Result<Option<u32>, UnreadableError> {
    let VersionOnly { v } = serde_json::from_str(body).map_err(damaged)?;
    match v {
        Some(newer) if newer > VERSION => Err(UnreadableError::Newer(newer)),
        known => Ok(known),
    }
}

fn content<T: DeserializeOwned>(body: &str) -> Result<T, UnreadableError> {
    serde_json::from_str::<Versioned<T>>(body).map(|versioned| versioned.content).map_err(damaged)
}

#[expect(clippy::needless_pass_by_value, reason = "given to `map_err`")]
fn damaged(error: serde_json::Error) -> UnreadableError {
    UnreadableError::Damaged(error.to_string())
}

/// The collection with a name that is known to be valid.
pub(crate) fn collection(name: &'static str) -> Collection {
    Name::new(name).unwrap_or_else(|_| unreachable!("each collection has a valid name"))
}

/// The label, of records or of the register, with a name that is known to be valid.
pub(crate) fn label(name: &'static str) -> LabelName {
    LabelName::new(name).unwrap_or_else(|_| unreachable!("each label has a valid name"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_value_is_read_back_as_it_was_written(value: Vec<(u32, String)>) {
            let body = written("test", &value).unwrap();
            prop_assert_eq!(parsed::<Vec<(u32, String)>>(&body), Ok(value.clone()));
            prop_assert_eq!(parsed_with_or_without_version(&body), Ok(value));
        }

        #[test]
        fn the_version_of_a_newer_form_is_read_whatever_follows_it(newer in 2_u32.., field in "[a-uw-z]{1,8}") {
            let body = format!(r#"{{"{field}":[],"v":{newer}}}"#);
            prop_assert_eq!(parsed::<u32>(&body), Err(UnreadableError::Newer(newer)));
            prop_assert_eq!(parsed_with_or_without_version::<u32>(&body), Err(UnreadableError::Newer(newer)));
        }
    }

    #[test]
    fn a_body_without_a_version_is_the_value_itself_only_where_the_first_form_had_none() {
        #[derive(Debug, PartialEq, Deserialize)]
        struct Size {
            grams: u32,
        }
        let body = r#"{"grams":480}"#;
        assert_eq!(parsed_with_or_without_version(body), Ok(Size { grams: 480 }));
        assert!(matches!(parsed::<Size>(body), Err(UnreadableError::Damaged(_))));
        for damaged in ["", "{}", r#"{"v":1}"#, r#"{"v":1,"content":{}}"#] {
            assert!(matches!(parsed::<Size>(damaged), Err(UnreadableError::Damaged(_))), "{damaged}");
            let read = parsed_with_or_without_version::<Size>(damaged);
            assert!(matches!(read, Err(UnreadableError::Damaged(_))), "{damaged}");
        }
    }
}
