//! [`CommandError`]: why a command failed, in the words of the operator.

use std::path::PathBuf;

use sqal_alerts::objective::UnreachableBurnError;
use sqal_storage::StorageError;
use sqal_storage::audit::ChainError;
use sqal_storage::evidence::{Contents, Findings};
use sqal_storage::heads::{HeadError, HeadFileError};
use sqal_storage::postgres::InvalidPostgres;
use sqal_storage::sealed::FieldError;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
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
    Keys(String),
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
        "sealed {resealed} fields anew, but another process still seals with an earlier key: give every process the new key, and rotate again"
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
    #[error("the settings of mail cannot be used:\n  {}", .0.join("\n  "))]
    MailSettings(Vec<String>),
    /// The test mail was not accepted.
    #[error("{why}{}\n  what to do: {remedy}", steps(.done))]
    MailFailed { done: Vec<String>, why: String, remedy: &'static str },
    /// Mistakes in files of objectives, or in plans of who is told, each with its file.
    #[error("these files about alerts have mistakes:\n  {}", .0.join("\n  "))]
    AlertFiles(Vec<String>),
    #[error("{} cannot be read: {source}", .file.display())]
    Unread { file: PathBuf, source: std::io::Error },
    #[error("{} is not a mapping of people to accounts: {why}", .file.display())]
    InvalidPeople { file: PathBuf, why: String },
    /// Some bugs of a file were not imported.
    #[error("{said}:\n  {}", .lines.join("\n  "))]
    RefusedBugs { said: String, lines: Vec<String> },
    /// An objective that no reader of files has refused has a burn rate that it cannot reach.
    #[error("{0}")]
    UnreachableBurn(#[from] UnreachableBurnError),
    #[error("{} cannot be written: {source}", .file.display())]
    Unwritten { file: PathBuf, source: std::io::Error },
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("{0}")]
    Json(#[from] serde_json::Error),
}

impl CommandError {
    /// The exit code of `sysexits.h` for an invalid configuration, as `sqal-server config check`
    /// has it.
    const INVALID_FILE: u8 = 78;

    /// The exit code of the command.
    pub(crate) const fn exit_code(&self) -> u8 {
        match self {
            Self::AlertFiles(_) | Self::UnreachableBurn(_) => Self::INVALID_FILE,
            _ => 1,
        }
    }
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

/// The steps that have succeeded before a failure, one line each.
fn steps(done: &[String]) -> String {
    let line = |step: &String| ["\n  before that, ", step.as_str()].concat();
    done.iter().map(line).collect()
}
