//! [`Line`]: a pool of connections of which none that was left in the middle of something is ever used again.

use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnection, PgPool, Postgres};

use super::error::{refused, storage_error};
use crate::{PoolUse, StorageError, StorageErrorKind};

/// A pool, and how many of its connections are out.
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

    /// How full it is.
    pub(super) fn pool_use(&self, name: &'static str) -> PoolUse {
        PoolUse { name, most: self.most, in_use: self.out.load(Ordering::Relaxed) }
    }

    /// A connection; whoever is done with it says so.
    ///
    /// The pool waits as long for a server that is down as for a connection that is out, and says the same: here the two are told apart.
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

    /// Does something with a connection, which is closed if it was left in the middle: by a deadline, or because the line is broken.
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

/// Whether the server has answered, if only with an error: the connection is as sound as before.
pub(super) const fn is_an_answer(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(_) | sqlx::Error::RowNotFound | sqlx::Error::ColumnDecode { .. })
}

/// A connection in the middle of something: dropped there it is closed and never used again.
///
/// Given back to its pool it would be asked first whether it is alive, without a limit; one that hangs would be missing for ever.
#[derive(Debug)]
pub(super) struct Taken<'a> {
    connection: Option<PoolConnection<Postgres>>,
    line: &'a Line,
}

impl Taken<'_> {
    /// # Panics
    ///
    /// Never: it is there until it is finished, which takes this value.
    pub(super) fn get(&mut self) -> &mut PgConnection {
        self.connection.as_mut().expect("there until it is finished")
    }

    /// It is sound, and goes back to its pool.
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
