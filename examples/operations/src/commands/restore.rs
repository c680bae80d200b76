//! `sqal restore`: restores a backup, and erases again what was erased after it.

use std::path::PathBuf;

use clap::Args;
use sqal_storage::heads::HeadSigner;

use crate::audit_line::{action, word};
use crate::command_error::CommandError;
use crate::keys::Keys;
use crate::place::Place;
use crate::{backups, erasures, heads};

/// What is reported of a backup whose schema is older than that of this program.
const OLDER: &str = "ERASURES AFTER THE BACKUP ARE NOT ERASED AGAIN: its schema is older, take it to the newest with `sqal migrate` and erase them with `sqal erase`";

/// Restore a backup into an empty database.
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The backup file.
    #[arg(long)]
    from: PathBuf,
    #[command(flatten)]
    database: Place,
    /// Replace the contents of the database.
    #[arg(long)]
    force: bool,
    /// The file of erasures, by which data erased after the backup is erased again; without it
    /// `erasures.ndjson` beside a SQLite file.
    #[arg(long)]
    erasures: Option<PathBuf>,
    /// A file of heads, to which the restore is appended; earlier heads are then not compared any
    /// more.
    #[arg(long)]
    heads: Option<PathBuf>,
    #[command(flatten)]
    keys: Keys,
}

impl Restore {
    pub(super) async fn run(self) -> Result<String, CommandError> {
        let place = self.database.read()?;
        let file = self.erasures.or_else(|| erasures::beside(&place));
        let known = erasures::Known::find(&place, file.as_deref()).await?;
        let database = backups::restore(&self.from, &place, self.force).await?;
        let contents = database.contents().await?;
        let version = database.schema_version().await?;
        let mut said =
            vec![format!("restored {} samples, sum {:016x}, schema version {version}", contents.samples, contents.sum)];
        if version == database.newest() {
            let what = format!("restored a backup of {} samples", contents.samples);
            database.custody().log_action(action(word("sqal restore"), "restore", &what)).await?;
            said.push(known.replay(&database).await?);
            if let Some(stated) = self.heads {
                let signer = self.keys.ring_if_any()?.as_ref().map(HeadSigner::of);
                said.push(heads::state(&database, &stated, signer, true).await?);
            }
        } else {
            said.push(OLDER.to_owned());
        }
        database.close().await;
        Ok(said.join("; "))
    }
}
