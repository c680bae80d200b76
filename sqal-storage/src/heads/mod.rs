//! [`Checkpoint`]: the contents of a database at a time, signed and kept outside of it, so that a
//! writer of the database cannot change the record.
//!
//! A file of heads has one JSON object per line; `docs/storage.md` documents the format.

mod file;
mod line;
mod sign;

use std::collections::BTreeMap;

use sqal_core::{DeviceId, Name, Timestamp};

use crate::evidence::Place;
use crate::{
    StorageError,
    audit::Head,
    evidence::{Bucket, Expected, Snapshot, Stated},
    samples::Hour,
};

pub use file::{HeadFile, HeadFileError, Heads};
pub use line::{HeadError, InvalidHead};
pub use sign::{HeadSigner, InvalidPublicKey, PublicKey};

const MICROS_PER_HOUR: i64 = 3_600_000_000;

/// The contents of a database at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The time, by the wall clock of the program that made the checkpoint.
    pub at: Timestamp,
    /// The end of the audit log.
    pub audit: Head,
    /// The number of decisions in the register.
    pub decisions: u64,
    /// The number of samples that the hours of each device counted.
    pub devices: BTreeMap<DeviceId, u64>,
    /// The samples of the hours that changed since the last statement: device, hour since 1970,
    /// number and sum.
    pub hours: Vec<(DeviceId, i64, Bucket)>,
    /// Whether a backup was restored: earlier statements are then not expected any more.
    pub restored: bool,
}

impl Snapshot<'_> {
    /// The contents of the database that differ from `stated`.
    ///
    /// Only the samples of changed hours are read: of the hours that begin at `since` or later, or
    /// of all hours without `since`. Older hours do not add to the work.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the database cannot be read.
    pub async fn checkpoint(
        &mut self,
        at: Timestamp,
        since: Option<Hour>,
        stated: &Expected,
    ) -> Result<Checkpoint, StorageError> {
        let (head, decisions) = self.moment().ends().await?;
        let devices = self.moment().counted().await?.into_iter();
        let devices =
            devices.filter_map(|(name, count)| Some((Name::stored(&name).ok()?, count.unsigned_abs()))).collect();
        let mut hours = Vec::new();
        let counted = self.moment().hours_since(since.map_or(i64::MIN, Hour::number)).await?;
        for (name, hour, counted) in counted {
            let Ok(device) = DeviceId::stored(&name) else { continue };
            let before = stated.hours.get(&device).and_then(|hours| hours.get(&hour));
            if before.is_none_or(|before| before.samples != counted.unsigned_abs()) {
                hours.push((device, hour, self.bucket(&name, hour).await?));
            }
        }
        let audit = head.unwrap_or(Head::EMPTY);
        Ok(Checkpoint { at, audit, decisions, devices, hours, restored: false })
    }

    /// The samples of one device in one hour.
    async fn bucket(&mut self, device: &str, hour: i64) -> Result<Bucket, StorageError> {
        const PAGE: u16 = 500;
        let begins = hour.saturating_mul(MICROS_PER_HOUR);
        let mut bucket = Bucket::default();
        let mut after = Place { micros: begins.saturating_add(MICROS_PER_HOUR), id: vec![0; 16] };
        loop {
            let rows = self.moment().samples(Some(device), Some(&after), PAGE).await?;
            for row in &rows {
                if row.place.micros < begins {
                    return Ok(bucket);
                }
                if let Ok(stored) = &row.read {
                    bucket.samples += 1;
                    bucket.sum = bucket.sum.wrapping_add(stored.digest);
                }
            }
            let full = rows.len() >= usize::from(PAGE);
            match rows.into_iter().next_back().filter(|_| full) {
                Some(last) => after = last.place,
                None => return Ok(bucket),
            }
        }
    }
}

impl Expected {
    /// Makes a checkpoint the expectation from now on.
    pub fn expect(&mut self, checkpoint: &Checkpoint) {
        if checkpoint.restored {
            *self = Self::default();
        }
        let lines = checkpoint.audit.number;
        if lines > 0 {
            // Of two heads that contradict each other, the first counts.
            self.heads.entry(lines).or_insert(checkpoint.audit.hash);
        }
        self.decisions = checkpoint.decisions;
        for (device, counted) in &checkpoint.devices {
            self.devices.insert(*device, (*counted, lines));
        }
        for (device, hour, bucket) in &checkpoint.hours {
            let stated = Stated { samples: bucket.samples, sum: bucket.sum, lines };
            self.hours.entry(*device).or_default().insert(*hour, stated);
        }
    }

    /// Drops hours before an hour, and all heads but the last: a writer of heads does not need
    /// them.
    pub fn forget_before(&mut self, hour: Hour) {
        for hours in self.hours.values_mut() {
            *hours = hours.split_off(&hour.number());
        }
        self.hours.retain(|_, hours| !hours.is_empty());
        if let Some((lines, hash)) = self.heads.pop_last() {
            self.heads = BTreeMap::from([(lines, hash)]);
        }
    }
}
