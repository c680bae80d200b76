//! What the deletion of an object comes to: an absent object is deleted, and a deletion that no
//! blob needs may fail.

use object_store::path::Path;
use tracing::warn;

/// The result of a deletion; an absent object is deleted.
pub(super) fn unless_absent(deleted: object_store::Result<()>) -> object_store::Result<()> {
    match deleted {
        Err(object_store::Error::NotFound { .. }) => Ok(()),
        deleted => deleted,
    }
}

/// Logs the failure of a deletion that changes no blob.
pub(super) fn report(location: &Path, deleted: object_store::Result<()>) {
    if let Err(error) = unless_absent(deleted) {
        warn!(%location, %error, "an object that no blob needs cannot be deleted, and takes room in the bucket");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_absence_is_absent() {
        let absent = object_store::Error::NotFound { path: "a".to_owned(), source: "it is absent".into() };
        assert!(unless_absent(Err(absent)).is_ok());
        let other = object_store::Error::Generic { store: "S3", source: "down".into() };
        assert!(unless_absent(Err(other)).is_err());
        assert!(unless_absent(Ok(())).is_ok());
    }
}
