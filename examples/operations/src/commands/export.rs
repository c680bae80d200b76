//! `sqal export`: writes the data of a device or of a subject to standard output.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde_json::json;
use sqal_core::{DeviceId, Sample};
use sqal_storage::sealed::{FieldKey, Subject};

use crate::command_error::CommandError;
use crate::database::{Database, all_readable};
use crate::fields::{all_opened, unopened};
use crate::keys::Keys;
use crate::place::Place;

/// Write every sample of a device, newest first, or every confidential field of a subject to
/// standard output, one JSON object a line (GDP-05).
#[derive(Debug, Args)]
pub(crate) struct Export {
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
}

impl Export {
    pub(super) async fn run(self) -> Result<String, CommandError> {
        let database = Database::open_current(&self.database.read()?).await?;
        match (self.device, self.subject) {
            (Some(device), _) => samples(&database, &device).await?,
            (None, Some(subject)) => fields(&database, &self.keys, &subject).await?,
            (None, None) => unreachable!("one of the two is required"),
        }
        Ok(String::new())
    }
}

/// Writes the confidential fields of a subject. Those that do not open are an error at the end.
async fn fields(database: &Database, keys: &Keys, subject: &Subject) -> Result<(), CommandError> {
    let export = keys.fields(database.fields())?.export(subject).await?;
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
            Err(why) => unreadable.push(unopened(&FieldKey { subject: *subject, field }, why)),
        }
    }
    database.close().await;
    all_opened(&unreadable)
}

/// Writes the samples of a device. If a sample cannot be read, nothing is written, because the
/// export would look complete.
async fn samples(database: &Database, device: &DeviceId) -> Result<(), CommandError> {
    let mut snapshot = database.snapshot().await?;
    all_readable(snapshot.contents().await?)?;
    let mut out = std::io::stdout().lock();
    let write = |sample: &Sample| {
        serde_json::to_writer(&mut out, sample)?;
        Ok::<_, CommandError>(out.write_all(b"\n")?)
    };
    snapshot.each_of(Some(device), write).await?;
    snapshot.close().await?;
    database.close().await;
    Ok(())
}
