//! [`Connections`]: the opened connections to a database, past its circuit breakers.

use std::sync::Arc;

use sqal_core::Timestamp;
use sqal_storage::evidence::Expected;
use sqal_storage::heads::Checkpoint;
use sqal_storage::metered::report_pools;
use sqal_storage::samples::Hour;
use sqal_storage::{PostgresStore, SqliteStore, StorageError};

/// The connections to a database. They are used past its circuit breakers, which protect the line.
pub(crate) enum Connections {
    /// An embedded database.
    Embedded(Arc<SqliteStore>),
    /// A PostgreSQL, and the file in which samples wait while it is unavailable.
    Remote(Arc<PostgresStore>, Arc<SqliteStore>),
}

impl Connections {
    /// The content of the database that is not in `stated` yet, from the hour `since` on.
    pub(crate) async fn checkpoint(
        &self,
        at: Timestamp,
        since: Hour,
        stated: &Expected,
    ) -> Result<Checkpoint, StorageError> {
        let mut snapshot = match self {
            Self::Embedded(sqlite) => sqlite.snapshot().await?,
            Self::Remote(postgres, _) => postgres.snapshot().await?,
        };
        let checkpoint = snapshot.checkpoint(at, Some(since), stated).await?;
        snapshot.close().await?;
        Ok(checkpoint)
    }

    /// Updates the gauges of the pools.
    pub(crate) fn report(&self) {
        report_pools(&match self {
            Self::Embedded(sqlite) => sqlite.pools(),
            Self::Remote(postgres, _) => postgres.pools(),
        });
    }

    /// Closes the connections. The samples in the spool stay there, and are moved at the next
    /// start.
    pub(crate) async fn close(&self) {
        match self {
            Self::Embedded(sqlite) => sqlite.close().await,
            Self::Remote(postgres, spool) => {
                postgres.close().await;
                spool.close().await;
            }
        }
    }
}
