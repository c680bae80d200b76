//! `sqal migrate`: shows the version of the schema, or migrates to another.

use clap::Args;

use crate::command_error::CommandError;
use crate::database::Database;
use crate::place::Place;

/// Show the version of the schema, or migrate to another.
#[derive(Debug, Args)]
pub(crate) struct Migrate {
    #[command(flatten)]
    database: Place,
    /// The version to migrate to.
    #[arg(long)]
    to: Option<i64>,
    /// Allow an older version, and delete what it does not support: confidential fields, the audit
    /// log, hours whose samples were purged.
    #[arg(long)]
    force: bool,
}

impl Migrate {
    pub(super) async fn run(self) -> Result<String, CommandError> {
        let database = Database::open(&self.database.read()?).await?;
        let version = database.schema_version().await?;
        if let Some(to) = self.to {
            if to < version && !self.force {
                return Err(CommandError::Downgrade { version, to });
            }
            database.migrate_to(to).await?;
        }
        let (version, newest) = (database.schema_version().await?, database.newest());
        database.close().await;
        Ok(format!("schema version {version} of {newest}"))
    }
}
