//! Which objects a store has: those with one content, and the blobs in the order of their hashes.

use futures_util::TryStreamExt as _;
use object_store::path::Path;

use super::{ObjectBlobs, failed};
use crate::StorageError;
use crate::blobs::{BlobId, BlobInfo};

/// An object with a content.
pub(super) struct Stored {
    pub(super) info: BlobInfo,
    pub(super) location: Path,
}

impl ObjectBlobs {
    /// The objects with a content, in the order of their names: the last one is the blob.
    pub(super) async fn stored(&self, id: &BlobId) -> Result<Vec<Stored>, StorageError> {
        let mut objects = self.store.list(Some(&self.names.folder_of(id)));
        let mut stored = Vec::new();
        while let Some(object) = objects.try_next().await.map_err(failed)? {
            if let Some(info) = self.names.info_of(&object) {
                stored.push(Stored { info, location: object.location });
            }
        }
        stored.sort_unstable_by(|a, b| a.location.cmp(&b.location));
        Ok(stored)
    }

    /// At most `limit` blobs after an id, in the order of their ids.
    pub(super) async fn page(&self, after: Option<&BlobId>, limit: usize) -> Result<Vec<BlobInfo>, StorageError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let root = Some(self.names.root());
        let mut objects = match after {
            None => self.store.list(root),
            Some(after) => self.store.list_with_offset(root, &self.names.end_of(after)),
        };
        let mut listed: Vec<BlobInfo> = Vec::new();
        while let Some(object) = objects.try_next().await.map_err(failed)? {
            let Some(info) = self.names.info_of(&object) else { continue };
            if let Some(last) = listed.last_mut().filter(|last| last.id == info.id) {
                // A later object of the same content.
                *last = info;
            } else if listed.len() == limit {
                break;
            } else {
                listed.push(info);
            }
        }
        Ok(listed)
    }
}
