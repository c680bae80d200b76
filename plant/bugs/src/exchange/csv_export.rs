//! [`CsvExport`]: bugs as a table for spreadsheets, and for another server to import.

use std::fmt;
use std::io::{self, Write};

use csv::Writer;
use sqal_core::{Name, Timestamp};
use sqal_storage::bugs::Bug;

use super::cell::{COLUMNS, guarded, joined};
use super::times::rfc3339;

/// Writes bugs as CSV (RFC 4180), bug by bug, with a line of column names before them.
///
/// The columns are those of the documented interface. A text that a spreadsheet could take for a
/// formula has an apostrophe before it; [`read_csv`](super::read_csv) takes it away again. Names
/// and mail addresses of reporters are not written.
///
/// ```
/// use sqal_bugs::exchange::CsvExport;
///
/// let mut table = Vec::new();
/// CsvExport::new(&mut table)?.finish()?;
/// assert!(table.starts_with(b"id,title,description,severity,priority,category,status,deviceId,"));
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct CsvExport<W: Write> {
    table: Writer<W>,
}

impl<W: Write> fmt::Debug for CsvExport<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CsvExport")
    }
}

impl<W: Write> CsvExport<W> {
    /// A table without bugs.
    ///
    /// # Errors
    ///
    /// The error of `out`.
    pub fn new(out: W) -> io::Result<Self> {
        let mut table = Writer::from_writer(out);
        table.write_record(COLUMNS.map(|(name, _)| name))?;
        Ok(Self { table })
    }

    /// Adds a bug.
    ///
    /// # Errors
    ///
    /// The error of `out`.
    pub fn write(&mut self, bug: &Bug) -> io::Result<()> {
        let (content, links) = (&bug.content, &bug.content.links);
        let time = |time: Option<Timestamp>| time.map(rfc3339).unwrap_or_default();
        let row: [String; COLUMNS.len()] = [
            bug.id.to_string(),
            content.title.clone(),
            content.description.clone(),
            content.severity.to_string(),
            content.priority.to_string(),
            content.category.map(|category| category.to_string()).unwrap_or_default(),
            content.status.to_string(),
            links.device_id.map(|device| device.to_string()).unwrap_or_default(),
            links.firmware_version.map(|version| version.to_string()).unwrap_or_default(),
            content.reproduction_steps.clone(),
            joined(content.tags.iter().map(Name::as_str)),
            content.assignee.map(|person| person.to_string()).unwrap_or_default(),
            time(Some(bug.created_at)),
            time(Some(bug.updated_at)),
            time(bug.ended_at),
        ];
        self.table.write_record(row.map(|text| guarded(&text)))?;
        Ok(())
    }

    /// Writes what is not yet written.
    ///
    /// # Errors
    ///
    /// The error of `out`.
    pub fn finish(mut self) -> io::Result<()> {
        self.table.flush()
    }
}
