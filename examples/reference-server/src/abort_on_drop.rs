//! [`AbortOnDrop`]: a task that ends with its owner.

use tokio::task::JoinHandle;

/// A task that is aborted when its handle is dropped.
pub(crate) struct AbortOnDrop<T>(pub(crate) JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
