//! [`Faulty`]: object storage in memory with a fault.

use std::fmt;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// A fault of object storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Objects are listed, and are then not found, neither to read nor to copy them.
    FindsNothing,
    /// A copy is reported as made and is not made.
    CopiesNothing,
}

/// Object storage in memory with a fault.
#[derive(Debug)]
pub(super) struct Faulty {
    memory: InMemory,
    fault: Fault,
}

impl Faulty {
    /// Empty storage with this fault.
    pub(super) fn new(fault: Fault) -> Self {
        Self { memory: InMemory::new(), fault }
    }

    fn absent(location: &Path) -> Error {
        Error::NotFound { path: location.to_string(), source: "it is not found".into() }
    }
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faulty")
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.memory.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.memory.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        match self.fault {
            Fault::FindsNothing => Err(Self::absent(location)),
            Fault::CopiesNothing => self.memory.get_opts(location, options).await,
        }
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.memory.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.memory.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.memory.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        match self.fault {
            Fault::FindsNothing => Err(Self::absent(from)),
            Fault::CopiesNothing => Ok(()),
        }
    }
}
