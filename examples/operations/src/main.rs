//! `sqal`: the operators' commands for stored data, which report success or failure in one line.
//!
//! The exit code is 0 or 1.

mod backup;
mod database;
mod erasures;
mod heads;
mod keys;
mod place;
mod rotation;
mod tokens;

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{ArgGroup, Parser, Subcommand};
use database::{Database, all_readable};
use heads::StatedElsewhere;
use keys::Keys;
use place::{Place, shows_password};
use rustix::fs::Mode;
use rustix::process::umask;
use serde_json::json;
use sqal_core::{DeviceId, Name, Timestamp};
use sqal_storage::{
    Cache, Redis, RedisCache, StorageError,
    audit::{Action, ChainError},
    cache::CacheScope,
    custody::{Gone, Purge, Retention},
    evidence::{Contents, Findings},
    heads::{HeadError, HeadFileError, HeadSigner},
    postgres::InvalidPostgres,
    sealed::{FieldError, FieldKey, FieldName, InvalidKeyRing, Subject},
};

/// Operators' commands for the data that a SQAL server stores.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Write a backup to a new file.
    Backup {
        #[command(flatten)]
        database: Place,
        /// The new file.
        #[arg(long)]
        to: PathBuf,
    },
    /// Restore a backup into an empty database.
    Restore {
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
        /// A file of heads, to which the restore is appended; earlier heads are then not compared
        /// any more.
        #[arg(long)]
        heads: Option<PathBuf>,
        #[command(flatten)]
        keys: Keys,
    },
    /// Back up, restore into a scratch database, compare, and print recovery time and point.
    Drill {
        #[command(flatten)]
        database: Place,
        /// An empty scratch database of the same kind.
        #[arg(long)]
        scratch: String,
        /// Replace the contents of the scratch database.
        #[arg(long)]
        force: bool,
    },
    /// Read everything as of one moment and check it (samples, hours, decisions, audit log, schema,
    /// the file), and compare it with heads.
    Verify {
        #[command(flatten)]
        database: Place,
        #[command(flatten)]
        stated: StatedElsewhere,
    },
    /// State the contents of a database in a file outside of it, signed, and compare them later.
    Audit {
        #[command(subcommand)]
        what: heads::Audit,
    },
    /// Show the version of the schema, or migrate to another.
    Migrate {
        #[command(flatten)]
        database: Place,
        /// The version to migrate to.
        #[arg(long)]
        to: Option<i64>,
        /// Allow an older version, and delete what it does not support: confidential fields, the
        /// audit log, hours whose samples were purged.
        #[arg(long)]
        force: bool,
    },
    /// Delete data that is older than its retention. A SQLite file accepts no other writes
    /// meanwhile.
    Purge {
        #[command(flatten)]
        database: Place,
        /// The retention of samples, in days.
        #[arg(long, env = "GDPR_RETENTION_DAYS", default_value_t = Retention::default().samples)]
        samples: u32,
        /// The retention of hourly figures, in days.
        #[arg(long, env = "GDPR_ANALYTICS_RETENTION_DAYS", default_value_t = Retention::default().analytics)]
        analytics: u32,
        /// Only report what would be deleted.
        #[arg(long)]
        dry_run: bool,
        /// The actor in the audit log.
        #[arg(long, default_value = "sqal purge")]
        actor: Name<64>,
    },
    /// Delete all data of one device, or all confidential fields of one subject. Running servers
    /// may show its figures for 25 minutes more.
    Erase {
        #[command(flatten)]
        database: Place,
        /// The device.
        #[arg(long, required_unless_present = "subject", value_parser = DeviceId::stored)]
        device: Option<DeviceId>,
        /// The subject.
        #[arg(long, conflicts_with_all = ["device", "spool"], value_parser = Subject::stored)]
        subject: Option<Subject>,
        /// The file in which samples wait while the database is unavailable (`spool.db` of the data
        /// folder): the device is erased there too.
        #[arg(long)]
        spool: Option<String>,
        /// The Redis in which servers share their cache: the whole cache is cleared.
        #[arg(long, env = "REDIS_URL", hide_env_values = true)]
        redis: Option<String>,
        /// The file in which the erasure is recorded outside of the database, so that a restore
        /// erases again; without it `erasures.ndjson` beside a SQLite file.
        #[arg(long)]
        erasures: Option<PathBuf>,
        /// The actor in the audit log.
        #[arg(long, default_value = "sqal erase")]
        actor: Name<64>,
    },
    /// Write every sample of a device, newest first, or every confidential field of a subject to
    /// standard output, one JSON object a line (GDP-05).
    Export {
        #[command(flatten)]
        database: Place,
        /// The device.
        #[arg(long, required_unless_present = "subject", value_parser = DeviceId::stored)]
        device: Option<DeviceId>,
        /// The subject.
        #[arg(long, conflicts_with = "device", value_parser = Subject::stored)]
        subject: Option<Subject>,
        #[command(flatten)]
        keys: Keys,
    },
    /// Make a token for a device, a gateway or a person. It is printed once, and not stored; its
    /// entry goes into the token file of the server.
    #[command(group = ArgGroup::new("grant").args(["device", "gateway", "role"]).required(true))]
    Token {
        /// The name of the token's holder.
        #[arg(long)]
        name: Name<64>,
        /// Allow samples of this device.
        #[arg(long)]
        device: Option<DeviceId>,
        /// Allow samples of any device.
        #[arg(long)]
        gateway: bool,
        /// Allow the actions of this role, for a person.
        #[arg(long, value_enum)]
        role: Option<tokens::Role>,
    },
    /// Seal standard input, without the end of the last line, as a confidential field of a subject;
    /// an earlier value is replaced.
    Seal {
        #[command(flatten)]
        database: Place,
        /// The subject that the field is about.
        #[arg(long)]
        subject: Subject,
        /// The name of the field.
        #[arg(long)]
        field: FieldName,
        /// Seal the end of the last line too: for keys and other bytes.
        #[arg(long)]
        exact: bool,
        #[command(flatten)]
        keys: Keys,
    },
    /// Seal every confidential field again that is not under the master key. The server may run,
    /// and an interrupted rotation can be continued.
    Rotate {
        #[command(flatten)]
        database: Place,
        /// The number of fields that are read at a time.
        #[arg(long, default_value = "500")]
        batch: NonZeroU16,
        /// Only report how many fields are under each other key.
        #[arg(long)]
        dry_run: bool,
        /// The actor in the audit log.
        #[arg(long, default_value = "sqal rotate")]
        actor: Name<64>,
        #[command(flatten)]
        keys: Keys,
    },
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("{0} is not there")]
    Absent(PathBuf),
    #[error("{0} is there already (--force replaces it, where there is such a switch)")]
    InTheWay(PathBuf),
    #[error("{0} would be replaced by itself")]
    Itself(PathBuf),
    #[error("{0} is open: stop the server that runs on it first")]
    InUse(PathBuf),
    #[error("the scratch database must be another one of the same kind")]
    NoScratch,
    #[error("{0} samples are damaged and cannot be read; restore a backup, or look at the log of the server")]
    Damaged(u64),
    #[error("{}", unsound(.0))]
    Unsound(Findings),
    #[error(
        "the database has schema version {version}, this program works on version {newest}: `sqal migrate --to {newest}` first"
    )]
    Older { version: i64, newest: i64 },
    #[error(
        "version {to} is older than {version} and does not know everything: --force gives it up (take a backup first)"
    )]
    Downgrade { version: i64, to: i64 },
    #[error("what came back is not what was there: expected {expected:?}, found {found:?}")]
    Different { expected: Contents, found: Contents },
    /// The restored database has decisions that differ from those of the backed-up one.
    #[error(
        "the restored database has other profiles or calibrations decided on ({found} names) than the one that was backed up ({expected})"
    )]
    DecisionsDiffer { expected: usize, found: usize },
    #[error("there is no key: give MASTER_ENCRYPTION_KEY, or a file of it with --master-key-file")]
    NoKey,
    #[error("{0}")]
    Keys(InvalidKeyRing),
    #[error("the key file {} cannot be read: {source}", .file.display())]
    KeyFile { file: PathBuf, source: std::io::Error },
    #[error("the audit log: {0}")]
    Audit(#[from] ChainError),
    #[error("{0}")]
    Heads(#[from] HeadError),
    #[error("the heads: {0}")]
    HeadFile(#[from] HeadFileError),
    #[error("the file of heads {} cannot be read: {source}", .file.display())]
    HeadsFile { file: PathBuf, source: std::io::Error },
    #[error("the file of erasures {}: {source}", .file.display())]
    ErasuresFile { file: PathBuf, source: std::io::Error },
    #[error("{} is not restored: its schema is not ours, and may act on every sample: {}", .file.display(), .foreign.join("; "))]
    Foreign { file: PathBuf, foreign: Vec<String> },
    #[error("the file of the database's URL {} cannot be read: {source}", .file.display())]
    UrlFile { file: PathBuf, source: std::io::Error },
    #[error("{count} confidential fields cannot be opened, the first: {first}")]
    Unreadable { count: usize, first: String },
    #[error(
        "sealed {resealed} fields anew, and somebody still seals with another key: give everyone the new one, and rotate again"
    )]
    StillSealing { resealed: usize },
    #[error("no random bits: {0}")]
    NoRandomness(getrandom::Error),
    #[error("{0}")]
    Field(#[from] FieldError),
    #[error("{said}; but Redis may give it for 25 minutes more: {why}")]
    Remembered { said: String, why: String },
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

/// All differences, one line each.
fn unsound(findings: &Findings) -> String {
    let mut said = vec![format!("{} things are not as they were written:", findings.count)];
    said.extend(findings.first.iter().map(ToString::to_string));
    let unlisted = findings.count.saturating_sub(u64::try_from(findings.first.len()).unwrap_or(u64::MAX));
    if unlisted > 0 {
        said.push(format!("and {unlisted} more"));
    }
    said.join("\n  ")
}

fn main() -> ExitCode {
    // Backups and restored files are for this user only, whatever the umask of the command is.
    let _ = umask(Mode::RWXG | Mode::RWXO);
    let arguments = Arguments::parse();
    if std::env::args_os().any(|argument| shows_password(&argument.to_string_lossy())) {
        let _ = writeln!(
            std::io::stderr(),
            "sqal: a password stands on the command line, where every user of this machine can read it; use DATABASE_URL or --database-url-file"
        );
    }
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
            let database = Database::open(&database.read()?).await?;
            backup::backup(&database, &to).await?;
            database.close().await;
            Ok(format!("backed up into {} ({} bytes)", to.display(), std::fs::metadata(&to)?.len()))
        }
        What::Restore { from, database, force, erasures: file, heads: stated, keys } => {
            let place = database.read()?;
            let file = file.or_else(|| erasures::beside(&place));
            let known = erasures::Known::find(&place, file.as_deref()).await?;
            let database = backup::restore(&from, &place, force).await?;
            let contents = database.contents().await?;
            let version = database.schema_version().await?;
            let mut said = vec![format!(
                "restored {} samples, sum {:016x}, schema version {version}",
                contents.samples, contents.sum
            )];
            if version == database.newest() {
                let what = format!("restored a backup of {} samples", contents.samples);
                database.custody().log_action(action(word("sqal restore"), "restore", &what)).await?;
                said.push(known.replay(&database).await?);
                if let Some(stated) = stated {
                    let signer = keys.ring_if_any()?.as_ref().map(HeadSigner::of);
                    said.push(heads::state(&database, &stated, signer, true).await?);
                }
            } else {
                let older = "ERASURES AFTER THE BACKUP ARE NOT ERASED AGAIN: its schema is older, take it to the newest with `sqal migrate` and erase them with `sqal erase`";
                said.push(older.to_owned());
            }
            database.close().await;
            Ok(said.join("; "))
        }
        What::Drill { database: place, scratch, force } => {
            let place = place.read()?;
            let database = Database::open(&place).await?;
            let drill = backup::drill(&place, &database, &scratch, force).await?;
            database.close().await;
            Ok(format!(
                "drill passed: {} samples, sum {:016x}, {} bytes; backup {:.1?}, recovery time (RTO) {:.1?}, recovery point (RPO) {:.1?} of samples",
                drill.contents.samples, drill.contents.sum, drill.bytes, drill.backup, drill.restore, drill.lost
            ))
        }
        What::Verify { database, stated } => heads::verify(&database.read()?, &stated).await,
        What::Audit { what } => heads::audit(what).await,
        What::Migrate { database, to, force } => {
            let database = Database::open(&database.read()?).await?;
            let version = database.schema_version().await?;
            if let Some(to) = to {
                if to < version && !force {
                    return Err(Failed::Downgrade { version, to });
                }
                database.migrate_to(to).await?;
            }
            let (version, newest) = (database.schema_version().await?, database.newest());
            database.close().await;
            Ok(format!("schema version {version} of {newest}"))
        }
        What::Purge { database, samples, analytics, dry_run, actor } => {
            let database = Database::open_current(&database.read()?).await?;
            let purge = Purge::of(&Retention { samples, analytics }, now());
            let custody = database.custody();
            let said = if dry_run {
                let would = custody.would_purge(&purge).await?;
                format!("would purge {} samples and {} hours", would.samples, would.hours)
            } else {
                let line = move |gone: Gone| {
                    let what = format!(
                        "purge of {samples} and {analytics} days: {} samples, {} hours",
                        gone.samples, gone.hours
                    );
                    action(actor, "gdpr_purge", &what)
                };
                let gone = custody.purge(&purge, &line).await?;
                format!("purged {} samples and {} hours", gone.samples, gone.hours)
            };
            database.close().await;
            Ok(said)
        }
        What::Erase { database, device: None, subject, actor, erasures: file, .. } => {
            let subject = subject.unwrap_or_else(|| unreachable!("one of the two is required"));
            let place = database.read()?;
            let database = Database::open_current(&place).await?;
            let at = now();
            let line = move |count: u64| {
                let what = format!("erased {count} fields of {subject}");
                Action { at, ..action(actor, "gdpr_erase", &what) }
            };
            let count = database.fields().erase_subject(&subject, &line).await?;
            database.close().await;
            if let Some(file) = file.or_else(|| erasures::beside(&place)) {
                let hash = erasures::hash_of(subject.as_str());
                erasures::write_down(&file, &(at.micros(), erasures::Erased::Subject(hash)))?;
            }
            Ok(format!("erased {count} fields of {subject}"))
        }
        What::Erase { database, device: Some(device), spool, redis, actor, erasures: file, .. } => {
            let (place, at) = (database.read()?, now());
            let file = file.or_else(|| erasures::beside(&place));
            let line = move |gone: Gone| {
                let what = format!("erased {} samples, {} hours of {device}", gone.samples, gone.hours);
                Action { at, ..action(actor, "gdpr_erase", &what) }
            };
            let mut total = Gone::default();
            // The spool is erased first, so that samples that are moved meanwhile are erased in the
            // database.
            for place in spool.into_iter().chain([place]) {
                let database = Database::open_current(&place).await?;
                let gone = database.custody().erase_device(&device, &line).await?;
                database.close().await;
                total = Gone { samples: total.samples + gone.samples, hours: total.hours + gone.hours };
            }
            if let Some(file) = file {
                erasures::write_down(&file, &(at.micros(), erasures::Erased::Device(device)))?;
            }
            let said = format!("erased {} samples and {} hours of {device}", total.samples, total.hours);
            if let Some(redis) = redis {
                // Figures of a device are also part of the cached figures of the line, so the whole
                // cache is cleared.
                forget(&redis).await.map_err(|why| Failed::Remembered { said: said.clone(), why })?;
            }
            Ok(said)
        }
        What::Token { name, device, role, gateway: _ } => {
            tokens::token(name, device, role).map_err(Failed::NoRandomness)
        }
        What::Seal { database, subject, field, exact, keys } => {
            let database = Database::open_current(&database.read()?).await?;
            let fields = keys.fields(database.fields())?;
            let mut value = Vec::new();
            // The limit is far above the largest field, so a longer input is refused.
            std::io::stdin().take(1 << 20).read_to_end(&mut value)?;
            let line = value.strip_suffix(b"\n").filter(|_| !exact);
            let value = line.map_or(&value[..], |line| line.strip_suffix(b"\r").unwrap_or(line));
            fields.write(&FieldKey { subject, field }, value).await?;
            database.close().await;
            Ok(format!("sealed {field} of {subject} with the key {}", fields.ring().active()))
        }
        What::Rotate { database, batch, dry_run, actor, keys } => {
            let database = Database::open_current(&database.read()?).await?;
            let fields = keys.fields(database.fields())?;
            let said = if dry_run {
                rotation::look(&database, &fields).await?
            } else {
                rotation::rotate(&database, &fields, batch, actor).await?
            };
            database.close().await;
            Ok(said)
        }
        What::Export { database, device: None, subject, keys } => {
            let subject = subject.unwrap_or_else(|| unreachable!("one of the two is required"));
            let database = Database::open_current(&database.read()?).await?;
            let export = keys.fields(database.fields())?.export(&subject).await?;
            let (mut out, mut unreadable) = (std::io::stdout().lock(), Vec::new());
            for (field, value) in export {
                match value {
                    // Bytes that are not UTF-8 are written as base64.
                    Ok(value) => {
                        let (name, value) = match std::str::from_utf8(value.as_bytes()) {
                            Ok(text) => ("value", text.to_owned()),
                            Err(_) => ("base64", STANDARD.encode(value.as_bytes())),
                        };
                        let line = json!({ "subject": subject.as_str(), "field": field.as_str(), name: value });
                        writeln!(out, "{line}")?;
                    }
                    Err(why) => unreadable.push(format!("{field} of {subject}: {why}")),
                }
            }
            database.close().await;
            rotation::all_opened(&unreadable)?;
            Ok(String::new())
        }
        What::Export { database, device: Some(device), .. } => {
            let database = Database::open_current(&database.read()?).await?;
            let mut snapshot = database.snapshot().await?;
            // If a sample cannot be read, nothing is exported, because the export would look
            // complete.
            all_readable(snapshot.contents().await?)?;
            let mut out = std::io::stdout().lock();
            let write = |sample: &sqal_core::Sample| {
                serde_json::to_writer(&mut out, sample)?;
                Ok::<_, Failed>(out.write_all(b"\n")?)
            };
            snapshot.each_of(Some(&device), write).await?;
            snapshot.close().await?;
            database.close().await;
            Ok(String::new())
        }
    }
}

/// Clears the cache that reference servers share.
async fn forget(url: &str) -> Result<(), String> {
    let redis = Redis::connect(url).map_err(|error| error.to_string())?;
    let cleared = RedisCache::new(&redis, RedisCache::USUAL_PREFIX).clear(&CacheScope::All).await;
    let _ = redis.close().await;
    cleared.map_err(|away| away.to_string())
}

/// A short text as a name.
fn word<const N: usize>(text: &str) -> Name<N> {
    Name::new(text).unwrap_or_else(|_| unreachable!("a short word"))
}

/// An entry for the audit log, with the present time.
fn action(actor: Name<64>, category: &str, what: &str) -> Action {
    let category = word(category);
    // The name of a device may be longer than an entry allows, so the text is cut.
    let end = what.char_indices().map(|(at, _)| at).take_while(|at| *at < 250).last().unwrap_or(0);
    let what = Name::stored(what).or_else(|_| Name::stored(&what[..end]));
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
