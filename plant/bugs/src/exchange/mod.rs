//! Bugs of other trackers: [`read_csv`] and [`read_bugzilla`] read a file, [`import`] adds its bugs
//! to a store, and [`CsvExport`] writes bugs as a file for spreadsheets and for another server.
//!
//! Reading is pure: the faults of a file are found, each with its line, before anything is stored.
//! Importing is idempotent: the id of a bug is made of the name of the other tracker and the id of
//! the bug there, so that a second import adds nothing.

mod bugzilla;
mod cell;
mod csv_export;
mod csv_import;
mod import_file;
mod importing;
pub(crate) mod times;

pub use bugzilla::read_bugzilla;
pub use csv_export::CsvExport;
pub use csv_import::read_csv;
pub use import_file::{ImportFile, ImportTerms, ImportedBug, InvalidImport, MOST_IMPORT_FAULTS, MOST_IMPORTED};
pub use importing::{ImportTally, import};
