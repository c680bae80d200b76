//! [`Reading`]: a read that SQLite stops when its caller stops waiting, at a deadline or because
//! the caller is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::Sqlite;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnection, SqlitePool};

/// The number of instructions of SQLite's machine between two checks whether the read is still
/// wanted: about a millisecond.
const LOOK_EVERY: i32 = 20_000;

/// A connection that reads for one caller.
///
/// If it is dropped before [`finished`](Self::finished), it interrupts the running statement, and
/// the connection is closed: it must not interrupt the next caller's statement.
#[derive(Debug)]
pub(super) struct Reading {
    connection: Option<PoolConnection<Sqlite>>,
    wanted: Arc<AtomicBool>,
}

impl Reading {
    pub(super) async fn begin(pool: &SqlitePool) -> Result<Self, sqlx::Error> {
        let mut connection = pool.acquire().await?;
        let wanted = Arc::new(AtomicBool::new(true));
        let goes_on = {
            let wanted = Arc::clone(&wanted);
            move || wanted.load(Ordering::Relaxed)
        };
        connection.lock_handle().await?.set_progress_handler(LOOK_EVERY, goes_on);
        Ok(Self { connection: Some(connection), wanted })
    }

    /// # Panics
    ///
    /// Never: the connection is there until `finished` takes this value.
    pub(super) fn get(&mut self) -> &mut SqliteConnection {
        self.connection.as_mut().expect("there until it is finished")
    }

    /// Gives the connection back to its pool.
    pub(super) async fn finished(mut self) -> Result<(), sqlx::Error> {
        if let Some(mut connection) = self.connection.take() {
            connection.lock_handle().await?.remove_progress_handler();
        }
        Ok(())
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        if let Some(mut connection) = self.connection.take() {
            self.wanted.store(false, Ordering::Relaxed);
            connection.close_on_drop();
        }
    }
}
