//! `sqal drill`: backs up, restores into a scratch database, compares, and measures both (BKP-01 to
//! BKP-05).

use std::path::Path;
use std::time::{Duration, Instant};

use clap::Args;
use sqal_storage::evidence::{Contents, Expected};

use crate::backups;
use crate::command_error::CommandError;
use crate::database::Database;
use crate::place::Place;

/// Back up, restore into a scratch database, compare, and print recovery time and point.
#[derive(Debug, Args)]
pub(crate) struct Drill {
    #[command(flatten)]
    database: Place,
    /// An empty scratch database of the same kind.
    #[arg(long)]
    scratch: String,
    /// Replace the contents of the scratch database.
    #[arg(long)]
    force: bool,
}

impl Drill {
    pub(super) async fn run(self) -> Result<String, CommandError> {
        let place = self.database.read()?;
        let database = Database::open(&place).await?;
        let drill = drill(&place, &database, &self.scratch, self.force).await?;
        database.close().await;
        Ok(format!(
            "drill passed: {} samples, sum {:016x}, {} bytes; backup {:.1?}, recovery time (RTO) {:.1?}, recovery point (RPO) {:.1?} of samples",
            drill.contents.samples, drill.contents.sum, drill.bytes, drill.backup, drill.restore, drill.lost
        ))
    }
}

/// The results of a drill.
#[derive(Debug)]
struct Figures {
    /// The contents that were backed up and restored.
    contents: Contents,
    /// The duration of the backup.
    backup: Duration,
    /// The duration of the restore until the store answered: the recovery time.
    restore: Duration,
    /// The age of the backup's newest sample relative to that of the database at the end of the
    /// drill: the time span that would have been lost.
    lost: Duration,
    /// The size of the backup in bytes.
    bytes: u64,
}

#[expect(clippy::disallowed_methods, reason = "a drill measures time")]
fn now() -> Instant {
    Instant::now()
}

/// Backs up, restores into the scratch database, and compares, because only a restored backup is
/// known to be good.
async fn drill(place: &str, database: &Database, scratch: &str, force: bool) -> Result<Figures, CommandError> {
    let same = match database {
        Database::Sqlite(_) => backups::same_file(Path::new(place), Path::new(scratch)),
        Database::Postgres(_, url) => scratch.contains("://") && backups::same_database(url, scratch)?,
    };
    if same || scratch.contains("://") != place.contains("://") {
        return Err(CommandError::NoScratch);
    }
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("drill.backup");
    let (before, decided) = (database.contents().await?, database.decisions().await?);
    let begun = now();
    backups::write(database, &file).await?;
    let backup = begun.elapsed();
    let begun = now();
    let restored = backups::restore(&file, scratch, force).await?;
    restored.custody().ping().await?;
    let restore = begun.elapsed();
    let brought_back = restored.decisions().await?;
    // If the schema is older, only the samples can be compared.
    let contents = if restored.schema_version().await? == restored.newest() {
        restored.examine(&Expected::default()).await?.contents
    } else {
        restored.contents().await?
    };
    restored.close().await;
    // The line may store samples during the backup, so the backup holds between the number before
    // and the number after it.
    let after = database.contents().await?;
    let between = before.samples <= contents.samples && contents.samples <= after.samples;
    if !between || (before == after && contents != before) {
        return Err(CommandError::Different { expected: before, found: contents });
    }
    // Decisions are rare. If one is made during the drill, they are not compared.
    if brought_back != decided && database.decisions().await? == decided {
        return Err(CommandError::DecisionsDiffer { expected: decided.len(), found: brought_back.len() });
    }
    let newest = |contents: &Contents| contents.newest.map_or(0, sqal_core::Timestamp::micros);
    let lost = Duration::from_micros(u64::try_from(newest(&after) - newest(&contents)).unwrap_or(0));
    Ok(Figures { contents, backup, restore, lost, bytes: std::fs::metadata(&file)?.len() })
}
