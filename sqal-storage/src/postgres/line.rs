//! [`Line`]: a pool of connections that never uses a connection again after an interrupted call.

use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnection, PgPool, Postgres};

use super::error::{refused, storage_error};
use crate::{StorageError, StorageErrorKind, pool_use::PoolUse};

/// A pool, with the number of its connections in use.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) pool: PgPool,
    most: u32,
    out: AtomicU32,
}

impl Line {
    pub(super) const fn new(pool: PgPool, most: u32) -> Self {
        Self { pool, most, out: AtomicU32::new(0) }
    }

    /// The size of the pool, and the number of its connections in use.
    pub(super) fn pool_use(&self, name: &'static str) -> PoolUse {
        PoolUse { name, most: self.most, in_use: self.out.load(Ordering::Relaxed) }
    }

    /// Takes a connection; the caller ends its use with [`Taken::finished`].
    ///
    /// If the server is down, the pool waits as long as for a connection in use, and returns the
    /// same error. This function tells the two cases apart.
    pub(super) async fn take(&self) -> Result<Taken<'_>, StorageError> {
        match self.pool.acquire().await {
            Ok(connection) => {
                self.out.fetch_add(1, Ordering::Relaxed);
                Ok(Taken { connection: Some(connection), line: self })
            }
            Err(sqlx::Error::PoolTimedOut) if self.out.load(Ordering::Relaxed) < self.most => {
                Err(refused(StorageErrorKind::Unavailable))
            }
            Err(error) => Err(storage_error(error)),
        }
    }

    /// Runs `work` with a connection. If a deadline or a broken line interrupts the work, the
    /// connection is closed.
    pub(super) async fn with<T>(
        &self,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, StorageError> {
        let mut taken = self.take().await?;
        let done = work(taken.get()).await;
        if done.as_ref().err().is_none_or(is_an_answer) {
            taken.finished();
        }
        done.map_err(storage_error)
    }
}

/// Whether the server has answered, if only with an error: the connection is then as sound as
/// before.
pub(super) const fn is_an_answer(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(_) | sqlx::Error::RowNotFound | sqlx::Error::ColumnDecode { .. })
}

/// A connection in use. If it is dropped before [`finished`](Self::finished), it is closed and
/// never used again.
///
/// A pool that took it back would first ask whether it is alive, without a time limit; a connection
/// that hangs would be lost to the pool.
#[derive(Debug)]
pub(super) struct Taken<'a> {
    connection: Option<PoolConnection<Postgres>>,
    line: &'a Line,
}

impl Taken<'_> {
    /// # Panics
    ///
    /// Never: the connection is there until `finished`, which takes this value.
    pub(super) fn get(&mut self) -> &mut PgConnection {
        self.connection.as_mut().expect("there until it is finished")
    }

    /// Returns the connection, which is sound, to its pool.
    pub(super) fn finished(mut self) {
        self.connection = None;
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.line.out.fetch_sub(1, Ordering::Relaxed);
        if let Some(mut connection) = self.connection.take() {
            connection.close_on_drop();
        }
    }
}
