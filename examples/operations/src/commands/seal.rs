//! `sqal seal`: seals standard input as a confidential field of a subject.

use std::io::Read;

use clap::Args;
use sqal_storage::sealed::{FieldKey, FieldName, Subject};

use crate::command_error::CommandError;
use crate::database::Database;
use crate::keys::Keys;
use crate::place::Place;

/// Seal standard input, without the end of the last line, as a confidential field of a subject; an
/// earlier value is replaced.
#[derive(Debug, Args)]
pub(crate) struct Seal {
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
}

impl Seal {
    pub(super) async fn run(self) -> Result<String, CommandError> {
        let Self { database, subject, field, exact, keys } = self;
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
}
