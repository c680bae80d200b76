//! `sqal`: what operators do to what was kept. Each command says what it did in one line, or why not, and ends with 0 or 1.

mod backup;
mod database;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use clap::{Parser, Subcommand};
use database::Database;
use sqal_core::{DeviceId, Name, Timestamp};
use sqal_storage::{Action, BrokenChain, Contents, InvalidPostgres, Purge, Retention, SampleQuery, StorageError};

/// What operators do to what a SQAL server keeps.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Write a backup into a new file.
    Backup {
        /// A SQLite file, or a URL of PostgreSQL (`DATABASE_URL`).
        #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
        database: String,
        /// The new file.
        #[arg(long)]
        to: PathBuf,
    },
    /// Bring a backup into an empty database.
    Restore {
        /// The backup.
        #[arg(long)]
        from: PathBuf,
        /// A SQLite file, or a URL of PostgreSQL.
        #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
        database: String,
        /// Replace what is there.
        #[arg(long)]
        force: bool,
    },
    /// Back up, restore into a scratch database, compare, and print recovery time and point.
    Drill {
        /// A SQLite file, or a URL of PostgreSQL.
        #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
        database: String,
        /// A scratch database of the same kind; what is in it goes.
        #[arg(long)]
        scratch: String,
    },
    /// Read everything and check it: samples, audit log, the file.
    Verify {
        /// A SQLite file (a backup too), or a URL of PostgreSQL.
        #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
        database: String,
    },
    /// Show the version of the schema, or take it to another.
    Migrate {
        /// A SQLite file, or a URL of PostgreSQL.
        #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
        database: String,
        /// The version; the one of this program is taken when the database is opened.
        #[arg(long)]
        to: Option<i64>,
    },
    /// Take what is older than it may be.
    Purge {
        /// A SQLite file, or a URL of PostgreSQL.
        #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
        database: String,
        /// How many days samples are kept.
        #[arg(long, env = "GDPR_RETENTION_DAYS", default_value_t = Retention::default().samples)]
        samples: u32,
        /// How many days hourly figures are kept.
        #[arg(long, env = "GDPR_ANALYTICS_RETENTION_DAYS", default_value_t = Retention::default().analytics)]
        analytics: u32,
        /// Only say what would go.
        #[arg(long)]
        dry_run: bool,
        /// Who does it.
        #[arg(long, default_value = "sqal purge")]
        actor: Name<64>,
    },
    /// Take everything of one device.
    Erase {
        /// A SQLite file, or a URL of PostgreSQL.
        #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
        database: String,
        /// The device.
        #[arg(long)]
        device: DeviceId,
        /// Who does it.
        #[arg(long, default_value = "sqal erase")]
        actor: Name<64>,
    },
    /// Write every sample of a device to standard output, one JSON object a line, newest first (GDP-05).
    Export {
        /// A SQLite file, or a URL of PostgreSQL.
        #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
        database: String,
        /// The device.
        #[arg(long)]
        device: DeviceId,
    },
}

/// Why a command did not do what it should.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("{0} is not there")]
    Absent(PathBuf),
    #[error("{0} is there already (--force replaces it, where there is such a switch)")]
    InTheWay(PathBuf),
    #[error("the database holds {0} samples already; --force replaces them")]
    NotEmpty(u64),
    #[error(
        "a hypertable needs TimescaleDB's own steps around a restore: use its tools (timescaledb-backup, or a base backup)"
    )]
    Hypertable,
    #[error("what came back is not what was there: expected {expected:?}, found {found:?}")]
    Different { expected: Contents, found: Contents },
    #[error("the audit log: {0}")]
    Audit(#[from] BrokenChain),
    #[error("{0}")]
    Url(#[from] InvalidPostgres),
    #[error("{error}{}", .error.source.as_ref().map_or_else(String::new, |source| format!(": {source}")))]
    Storage {
        #[from]
        error: StorageError,
    },
    #[error("{program} cannot be run: {source}; it comes with PostgreSQL's client programs")]
    Program { program: String, source: std::io::Error },
    #[error("{program} failed: {said}")]
    Ended { program: String, said: String },
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("{0}")]
    Json(#[from] serde_json::Error),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failed::from)
        .and_then(|runtime| runtime.block_on(run(arguments.command)));
    match done {
        Ok(said) => {
            let _ = writeln!(std::io::stdout(), "{said}");
            ExitCode::SUCCESS
        }
        Err(failed) => {
            let _ = writeln!(std::io::stderr(), "sqal: {failed}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: What) -> Result<String, Failed> {
    match command {
        What::Backup { database, to } => {
            let database = Database::open(&database).await?;
            backup::backup(&database, &to).await?;
            database.close().await;
            Ok(format!("backed up into {} ({} bytes)", to.display(), std::fs::metadata(&to)?.len()))
        }
        What::Restore { from, database, force } => {
            let database = backup::restore(&from, &database, force).await?;
            let contents = Contents::of(&*database.custody()).await?;
            database.close().await;
            Ok(format!("restored {} samples, sum {:016x}", contents.samples, contents.sum))
        }
        What::Drill { database, scratch } => {
            let database = Database::open(&database).await?;
            let drill = backup::drill(&database, &scratch).await?;
            database.close().await;
            Ok(format!(
                "drill passed: {} samples, sum {:016x}, {} bytes; backup {:.1?}, recovery time (RTO) {:.1?}, recovery point (RPO) {:.1?} of samples",
                drill.contents.samples, drill.contents.sum, drill.bytes, drill.backup, drill.restore, drill.lost
            ))
        }
        What::Verify { database } => {
            let database = Database::open(&database).await?;
            if let Database::Sqlite(store) = &database {
                store.check_integrity().await?;
            }
            let head = database.custody().verify_audit().await??;
            let contents = Contents::of(&*database.custody()).await?;
            database.close().await;
            let hash = head.hash.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
            Ok(format!(
                "sound: {} samples, sum {:016x}; audit log of {} lines, head {hash}",
                contents.samples, contents.sum, head.number
            ))
        }
        What::Migrate { database, to } => {
            let database = Database::open(&database).await?;
            if let Some(version) = to {
                database.migrate_to(version).await?;
            }
            let version = database.schema_version().await?;
            database.close().await;
            Ok(format!("schema version {version}"))
        }
        What::Purge { database, samples, analytics, dry_run, actor } => {
            let database = Database::open(&database).await?;
            let purge = Purge::of(&Retention { samples, analytics }, now());
            let custody = database.custody();
            let would = custody.would_purge(&purge).await?;
            if dry_run {
                return Ok(format!("would purge {} samples and {} hours", would.samples, would.hours));
            }
            let what =
                format!("purge of {samples} and {analytics} days: {} samples, {} hours", would.samples, would.hours);
            let gone = custody.purge(&purge, action(actor, &what)).await?;
            database.close().await;
            Ok(format!("purged {} samples and {} hours", gone.samples, gone.hours))
        }
        What::Erase { database, device, actor } => {
            let database = Database::open(&database).await?;
            let gone = database.custody().erase_device(&device, action(actor, &format!("erased {device}"))).await?;
            database.close().await;
            Ok(format!("erased {} samples and {} hours of {device}", gone.samples, gone.hours))
        }
        What::Export { database, device } => {
            let database = Database::open(&database).await?;
            let custody = database.custody();
            let mut query = SampleQuery { device_id: Some(device), ..SampleQuery::newest(std::num::NonZeroU16::MIN) };
            query.limit = query.limit.saturating_add(499);
            let mut out = std::io::stdout().lock();
            loop {
                let page = custody.query(&query).await?;
                for sample in page.items {
                    serde_json::to_writer(&mut out, &sample)?;
                    out.write_all(b"\n")?;
                }
                let Some(next) = page.next else { break };
                query.after = Some(next);
            }
            drop(out);
            database.close().await;
            Ok(String::new())
        }
    }
}

/// A line of the audit log, now.
fn action(actor: Name<64>, what: &str) -> Action {
    let category = Name::new("gdpr_purge").unwrap_or_else(|_| unreachable!("a short word"));
    // A device's name may be longer than a line has room for.
    let end = what.char_indices().map(|(at, _)| at).take_while(|at| *at < 250).last().unwrap_or(0);
    let what = Name::new(what).or_else(|_| Name::new(&what[..end]));
    Action { at: now(), actor, category, what: what.unwrap_or_else(|_| unreachable!("printable words and a name")) }
}

/// The machine's wall clock.
fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "wall time enters here, and is data everywhere else")]
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let micros = i64::try_from(now.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(micros)
        .or_else(|_| Timestamp::from_micros(0))
        .unwrap_or_else(|_| unreachable!("1970 is a year"))
}
