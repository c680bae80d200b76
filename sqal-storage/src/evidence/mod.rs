//! [`Snapshot`]: the whole contents of a database as of one moment, read during writes, and checked
//! against itself.

mod columns;
mod examination;
mod moment;
mod written;

use sqal_core::{DeviceId, Sample};

use crate::StorageError;
use crate::register::Entry;

pub use crate::digest::Contents;
pub(crate) use columns::Columns;
pub use examination::{Bucket, DeviceEvidence, Evidence, Finding, Findings};
pub(crate) use moment::{
    DecisionRow, HourRow, LineRow, Moment, Place, SampleRow, SchemaFound, SchemaObject, StoredSample, same_objects,
};
pub use written::{Expected, Stated};

/// A database as of one moment.
///
/// Later writes are not seen, so counts and pages of one snapshot belong together.
///
/// A snapshot holds one reading connection until it is closed or dropped.
#[derive(Debug)]
pub struct Snapshot<'a> {
    moment: Box<dyn Moment + 'a>,
}

/// The number of rows per read.
const PAGE: u16 = 500;

impl<'a> Snapshot<'a> {
    pub(crate) fn new(moment: impl Moment + 'a) -> Self {
        Self { moment: Box::new(moment) }
    }

    /// The transaction of the snapshot.
    #[cfg(feature = "sign")]
    pub(crate) fn moment(&mut self) -> &mut (dyn Moment + 'a) {
        &mut *self.moment
    }

    /// Reads every sample, of one device or of all, newest first, and calls `each` with every
    /// sample that can be read.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the database cannot be read, or the error of `each`, which ends the
    /// reading.
    pub async fn each_of<E: From<StorageError>>(
        &mut self,
        device: Option<&DeviceId>,
        mut each: impl FnMut(&Sample) -> Result<(), E>,
    ) -> Result<Contents, E> {
        let mut contents = Contents::default();
        let mut after: Option<Place> = None;
        loop {
            let rows = self.moment.samples(device.map(DeviceId::as_str), after.as_ref(), PAGE).await?;
            for row in &rows {
                match &row.read {
                    Ok(stored) => {
                        contents.add(stored.digest, stored.sample.key.timestamp);
                        each(&stored.sample)?;
                    }
                    Err(_) => contents.unreadable += 1,
                }
            }
            let full = rows.len() >= usize::from(PAGE);
            after = rows.into_iter().next_back().map(|row| row.place);
            if !full {
                return Ok(contents);
            }
        }
    }

    /// The contents of the database.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the database cannot be read. Rows that cannot be read as a sample are
    /// counted and are not an error.
    pub async fn contents(&mut self) -> Result<Contents, StorageError> {
        self.each_of(None, |_| Ok::<_, StorageError>(())).await
    }

    /// Every version of every decision that can be read, in the order of kind, name and version.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the database cannot be read.
    pub async fn decisions(&mut self) -> Result<Vec<Entry>, StorageError> {
        let mut all = Vec::new();
        let mut after: Option<DecisionRow> = None;
        loop {
            let rows = self.moment.decisions(after.as_ref(), PAGE).await?;
            let full = rows.len() >= usize::from(PAGE);
            all.extend(rows.iter().filter_map(|row| row.read.clone().ok()));
            after = rows.into_iter().next_back();
            if !full {
                return Ok(all);
            }
        }
    }

    /// Reads the whole database and compares it: columns with the binary forms, ids with keys,
    /// hours with samples, decisions with their lines of the audit log, the chain of the log, the
    /// schema with the one that this program makes, and all of it with earlier statements from
    /// outside the database.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the database cannot be read. Differences are in [`Evidence::findings`]
    /// and are not an error.
    pub async fn examine(&mut self, expected: &Expected) -> Result<Evidence, StorageError> {
        examination::examine(&mut *self.moment, expected).await
    }

    /// Ends the snapshot and gives its connection back.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the connection is broken.
    pub async fn close(self) -> Result<(), StorageError> {
        self.moment.close().await
    }
}
