//! Repeats erasures after a restore: data that was erased after the backup is erased again.
//!
//! The erasures are read from the audit log of the replaced database, and from a file outside of it
//! with one JSON object a line: `{"at":1794000000000000,"device":"ESP32_001"}` or
//! `{"at":…,"subject_sha256":"…"}`. The name of a subject is personal data and is not stored. Its
//! hash is SHA-256 of `sqal subject 1`, a zero byte, and the name.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqal_core::{DeviceId, Name};
use sqal_storage::{
    audit::AuditEntry,
    custody::Gone,
    sealed::{FieldKey, KeyId, Sealed, Subject},
};

use crate::audit_line::{action, word};
use crate::command_error::CommandError;
use crate::database::Database;
use crate::fields::each_not_under;
use crate::hex::hex;

/// The device or the subject that was erased.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Erased {
    /// A device, by its name.
    Device(DeviceId),
    /// A subject, by the hash of its name.
    Subject(String),
}

/// An erasure, with the time of its line in the audit log, in microseconds since 1970.
pub(crate) type Erasure = (i64, Erased);

/// The hash that stands for a subject outside of the database.
pub(crate) fn hash_of(subject: &str) -> String {
    hex(&Sha256::new().chain_update(b"sqal subject 1\0").chain_update(subject).finalize())
}

/// The file of erasures beside a SQLite file. A PostgreSQL has one only if it is named.
pub(crate) fn beside(place: &str) -> Option<PathBuf> {
    (!place.contains("://")).then(|| Path::new(place).with_file_name("erasures.ndjson"))
}

/// Appends an erasure to a file, durably.
pub(crate) fn write_down(file: &Path, (at, erased): &Erasure) -> Result<(), CommandError> {
    let line = match erased {
        Erased::Device(device) => json!({ "at": at, "device": device.as_str() }),
        Erased::Subject(hash) => json!({ "at": at, "subject_sha256": hash }),
    };
    let failed = |source| CommandError::ErasuresFile { file: file.to_owned(), source };
    let mut open = OpenOptions::new().create(true).append(true).open(file).map_err(failed)?;
    open.write_all(format!("{line}\n").as_bytes()).and_then(|()| open.sync_data()).map_err(failed)
}

/// The erasures of a file. A line that cannot be read is an error, because the data that it erased
/// would be restored.
pub(crate) fn read(file: &Path) -> Result<BTreeSet<Erasure>, CommandError> {
    let failed = |source| CommandError::ErasuresFile { file: file.to_owned(), source };
    let text = std::fs::read_to_string(file).map_err(failed)?;
    let erasure = |line: &str| -> Option<Erasure> {
        let value: Value = serde_json::from_str(line).ok()?;
        let erased = match (value["device"].as_str(), value["subject_sha256"].as_str()) {
            (Some(device), None) => Erased::Device(Name::stored(device).ok()?),
            (None, Some(hash)) => Erased::Subject(hash.to_owned()),
            _ => return None,
        };
        Some((value["at"].as_i64()?, erased))
    };
    let invalid = |line: &str| failed(std::io::Error::other(format!("{line:?} is no erasure")));
    text.lines().map(|line| erasure(line).ok_or_else(|| invalid(line))).collect()
}

/// The text of an erasure of a device, for the audit log.
pub(crate) fn line_of_device(gone: Gone, device: &DeviceId) -> String {
    format!("erased {} samples, {} hours of {device}", gone.samples, gone.hours)
}

/// The text of an erasure of a subject, for the audit log.
pub(crate) fn line_of_subject(count: u64, subject: &Subject) -> String {
    format!("erased {count} fields of {subject}")
}

/// The erasure in a line of an audit log, as [`line_of_device`] and [`line_of_subject`] write it.
fn of_line(line: &AuditEntry) -> Option<Erasure> {
    if line.action.category.as_str() != "gdpr_erase" {
        return None;
    }
    let rest = line.action.what.as_str().strip_prefix("erased ")?;
    let erased = match (rest.split_once(" hours of "), rest.split_once(" fields of ")) {
        (Some((counts, device)), _) if counts.contains(" samples, ") => Erased::Device(Name::stored(device).ok()?),
        (_, Some((_, subject))) => Erased::Subject(hash_of(subject)),
        _ => return None,
    };
    Some((line.action.at.micros(), erased))
}

/// The erasures in the audit log of a database.
pub(crate) async fn in_log(database: &Database) -> Result<BTreeSet<Erasure>, CommandError> {
    let (custody, mut all, mut after) = (database.custody(), BTreeSet::new(), 0);
    loop {
        let lines = custody.audit(after, 1000).await?;
        let Some(last) = lines.last() else { return Ok(all) };
        after = last.number;
        all.extend(lines.iter().filter_map(of_line));
    }
}

/// The erasures that are known before a place is replaced by a restore.
#[derive(Debug, Default)]
pub(crate) struct Known {
    all: BTreeSet<Erasure>,
    /// The sources that could not be read.
    unknown: Vec<String>,
}

impl Known {
    /// Reads the erasures from the database that will be replaced, and from a file.
    pub(crate) async fn find(place: &str, file: Option<&Path>) -> Result<Self, CommandError> {
        let mut known = Self::default();
        let there = async {
            let database = Database::open_current(place).await?;
            let erasures = in_log(&database).await;
            database.close().await;
            erasures
        };
        match there.await {
            Ok(erasures) => known.all.extend(erasures),
            Err(why) => known.unknown.push(format!("the database that was there ({why})")),
        }
        match file {
            Some(file) if file.exists() => known.all.extend(read(file)?),
            Some(file) => known.unknown.push(format!("{} (it is not there)", file.display())),
            None => known.unknown.push("a file of erasures (--erasures names none)".to_owned()),
        }
        Ok(known)
    }

    /// Erases again in a restored database what was erased after its backup. Returns a text about
    /// it.
    pub(crate) async fn replay(&self, database: &Database) -> Result<String, CommandError> {
        let done = in_log(database).await?;
        let mut said = Vec::new();
        for (_, erased) in self.all.difference(&done) {
            match erased {
                Erased::Device(device) => {
                    let line =
                        move |gone: Gone| action(word("sqal restore"), "gdpr_erase", &line_of_device(gone, device));
                    let gone = database.custody().erase_device(device, &line).await?;
                    said.push(format!("{} samples of {device}", gone.samples));
                }
                Erased::Subject(hash) => {
                    for subject in subjects(database, hash).await? {
                        let line = move |count: u64| {
                            action(word("sqal restore"), "gdpr_erase", &line_of_subject(count, &subject))
                        };
                        let count = database.fields().erase_subject(&subject, &line).await?;
                        said.push(format!("{count} fields of a subject"));
                    }
                }
            }
        }
        let again = if said.is_empty() { "nothing".to_owned() } else { said.join(", ") };
        // One of the two sources is enough. If neither can be read, the result states that.
        if self.unknown.len() > 1 {
            return Ok(format!(
                "erased again: {again}; ERASURES AFTER THE BACKUP ARE NOT KNOWN from {}",
                self.unknown.join(" or ")
            ));
        }
        Ok(format!("erased again: {again}"))
    }
}

/// The subjects with this hash.
async fn subjects(database: &Database, hash: &str) -> Result<BTreeSet<Subject>, CommandError> {
    let mut found = BTreeSet::new();
    let visit = |key: &FieldKey, _: &Sealed| {
        if hash_of(key.subject.as_str()) == hash {
            found.insert(key.subject);
        }
    };
    // No field has the key of zeros, so these are all fields.
    each_not_under(&*database.fields(), KeyId::from_bytes([0; 8]), visit).await?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn erasures_are_read_as_they_are_written_and_name_no_subject() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("erasures.ndjson");
        let all = BTreeSet::from([
            (7, Erased::Device(Name::new("ESP32_001").unwrap())),
            (8, Erased::Subject(hash_of("marie"))),
        ]);
        for erasure in &all {
            write_down(&file, erasure).unwrap();
        }
        assert_eq!(read(&file).unwrap(), all);
        assert!(!std::fs::read_to_string(&file).unwrap().contains("marie"));
        std::fs::write(&file, "{\"at\":7}\n").unwrap();
        assert!(read(&file).unwrap_err().to_string().contains("is no erasure"));
        assert_eq!(beside("/data/sqal.db"), Some(PathBuf::from("/data/erasures.ndjson")));
        assert_eq!(beside("postgres://db/sqal"), None);
    }
}
