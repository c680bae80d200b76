//! `sqal purge`: deletes data that is older than its retention.

use clap::Args;
use sqal_core::Name;
use sqal_storage::custody::{self, Gone, Retention};

use crate::audit_line::action;
use crate::command_error::CommandError;
use crate::database::Database;
use crate::place::Place;
use crate::wall_clock::now;

/// The documented retention of samples, in days: seven years (GDP-01).
const SAMPLE_DAYS: u32 = 2555;

/// The documented retention of hourly figures, in days: ten years (GDP-01).
const ANALYTICS_DAYS: u32 = 3650;

/// Delete data that is older than its retention. A SQLite file accepts no other writes meanwhile.
#[derive(Debug, Args)]
pub(crate) struct Purge {
    #[command(flatten)]
    database: Place,
    /// The retention of samples, in days.
    #[arg(long, env = "GDPR_RETENTION_DAYS", default_value_t = SAMPLE_DAYS)]
    samples: u32,
    /// The retention of hourly figures, in days.
    #[arg(long, env = "GDPR_ANALYTICS_RETENTION_DAYS", default_value_t = ANALYTICS_DAYS)]
    analytics: u32,
    /// Only report what would be deleted.
    #[arg(long)]
    dry_run: bool,
    /// The actor in the audit log.
    #[arg(long, default_value = "sqal purge")]
    actor: Name<64>,
}

impl Purge {
    pub(super) async fn run(self) -> Result<String, CommandError> {
        let Self { database, samples, analytics, dry_run, actor } = self;
        let database = Database::open_current(&database.read()?).await?;
        let purge = custody::Purge::of(&Retention { samples, analytics }, now());
        let custody = database.custody();
        let said = if dry_run {
            let would = custody.would_purge(&purge).await?;
            format!("would purge {} samples and {} hours", would.samples, would.hours)
        } else {
            let line = move |gone: Gone| {
                let what =
                    format!("purge of {samples} and {analytics} days: {} samples, {} hours", gone.samples, gone.hours);
                action(actor, "gdpr_purge", &what)
            };
            let gone = custody.purge(&purge, &line).await?;
            format!("purged {} samples and {} hours", gone.samples, gone.hours)
        };
        database.close().await;
        Ok(said)
    }
}
