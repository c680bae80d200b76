//! Heads: statements of a database's contents in a file outside of it, and their comparison.

use std::path::{Path, PathBuf};

use clap::Args;
use sqal_storage::evidence::Expected;
use sqal_storage::heads::{HeadFile, HeadSigner, Heads, PublicKey};

use crate::command_error::CommandError;
use crate::database::Database;
use crate::keys::Keys;
use crate::wall_clock::now;

/// The heads to compare with, and the trusted keys.
#[derive(Debug, Args)]
pub(crate) struct StatedElsewhere {
    /// A file of heads to compare with (`heads.ndjson` of the data folder, or a copy from another
    /// machine).
    #[arg(long)]
    heads: Option<PathBuf>,
    /// A public key that heads must be signed with (`sqal audit key` prints it); without one the
    /// keys of the ring are trusted, and without a ring any key, which is reported.
    #[arg(long, value_name = "HEXADECIMAL")]
    public_key: Vec<PublicKey>,
    #[command(flatten)]
    pub(crate) keys: Keys,
}

impl StatedElsewhere {
    /// The expected contents, and a text about the signatures of the heads.
    pub(crate) fn read(&self) -> Result<Option<(Heads, &'static str)>, CommandError> {
        let Some(path) = &self.heads else { return Ok(None) };
        let (trusted, who) = if self.public_key.is_empty() {
            match self.keys.ring_if_any()? {
                Some(ring) => (Some(HeadSigner::public_keys(&ring)), "all signed by the ring"),
                None => (None, "the signer is not known: no public key is given"),
            }
        } else {
            (Some(self.public_key.clone()), "all signed by the given keys")
        };
        let text =
            std::fs::read_to_string(path).map_err(|source| CommandError::HeadsFile { file: path.clone(), source })?;
        Ok(Some((Heads::read(&text, trusted.as_deref())?, who)))
    }
}

/// Appends a head for a database to a file.
pub(crate) async fn state(
    database: &Database,
    path: &Path,
    signer: Option<HeadSigner>,
    restored: bool,
) -> Result<String, CommandError> {
    let who = signer.as_ref().map_or_else(|| "not signed".to_owned(), |signer| format!("signed with {}", signer.id()));
    let mut file = HeadFile::open(path, signer)?;
    let mut snapshot = database.snapshot().await?;
    let nothing = Expected::default();
    let stated = if restored { &nothing } else { &file.heads().expected };
    let mut checkpoint = snapshot.checkpoint(now(), None, stated).await?;
    snapshot.close().await?;
    checkpoint.restored = restored;
    file.append(&checkpoint)?;
    Ok(format!(
        "stated {} lines of the audit log and {} hours in {}, {who}",
        checkpoint.audit.number,
        checkpoint.hours.len(),
        path.display()
    ))
}
