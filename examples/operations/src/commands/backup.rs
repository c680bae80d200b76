//! `sqal backup`: writes a backup to a new file.

use std::path::PathBuf;

use clap::Args;

use crate::backups;
use crate::command_error::CommandError;
use crate::database::Database;
use crate::place::Place;

/// Write a backup to a new file.
#[derive(Debug, Args)]
pub(crate) struct Backup {
    #[command(flatten)]
    database: Place,
    /// The new file.
    #[arg(long)]
    to: PathBuf,
}

impl Backup {
    pub(super) async fn run(self) -> Result<String, CommandError> {
        let database = Database::open(&self.database.read()?).await?;
        backups::write(&database, &self.to).await?;
        database.close().await;
        Ok(format!("backed up into {} ({} bytes)", self.to.display(), std::fs::metadata(&self.to)?.len()))
    }
}
