//! [`Partial`]: a content that is being uploaded in parts, and what remains of it when a put ends
//! or is dropped.

use std::sync::Arc;

use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt as _};
use tokio::runtime::Handle;

use super::deletion::report;

/// A content that is being uploaded, before its hash is known.
pub(super) struct Partial {
    location: Path,
    upload: Box<dyn MultipartUpload>,
    /// Whether the upload is complete: its parts are then an object.
    is_whole: bool,
}

impl Partial {
    /// Begins an upload to a name.
    pub(super) async fn begin(store: &Arc<dyn ObjectStore>, location: Path) -> object_store::Result<Self> {
        let upload = store.put_multipart(&location).await?;
        Ok(Self { location, upload, is_whole: false })
    }

    /// The name of the object that the upload becomes.
    pub(super) const fn location(&self) -> &Path {
        &self.location
    }

    /// Sends a part, and waits until it is stored.
    pub(super) async fn write(&mut self, part: Vec<u8>) -> object_store::Result<()> {
        self.upload.put_part(part.into()).await
    }

    /// Joins the parts to an object.
    pub(super) async fn complete(&mut self) -> object_store::Result<()> {
        self.upload.complete().await?;
        self.is_whole = true;
        Ok(())
    }

    /// Removes the parts and the object. If the request that completes the upload has failed,
    /// either may exist.
    async fn remove(&mut self, store: &Arc<dyn ObjectStore>) {
        if !self.is_whole {
            report(&self.location, self.upload.abort().await);
        }
        report(&self.location, store.delete(&self.location).await);
    }
}

/// The partial object of a put. It is removed at the end of the put; if the put is dropped before
/// its end, it is removed in the background.
pub(super) struct Remains {
    store: Arc<dyn ObjectStore>,
    pub(super) partial: Option<Partial>,
}

impl Remains {
    /// What remains of a put that has not begun an upload.
    pub(super) fn none(store: &Arc<dyn ObjectStore>) -> Self {
        Self { store: Arc::clone(store), partial: None }
    }

    /// Removes the partial object, if there is one.
    pub(super) async fn remove(&mut self) {
        if let Some(partial) = &mut self.partial {
            partial.remove(&self.store).await;
        }
        self.partial = None;
    }
}

impl Drop for Remains {
    fn drop(&mut self) {
        let Some(mut partial) = self.partial.take() else { return };
        // Without a runtime, the lifecycle rule of the bucket removes it.
        if let Ok(runtime) = Handle::try_current() {
            let store = Arc::clone(&self.store);
            runtime.spawn(async move { partial.remove(&store).await });
        }
    }
}
