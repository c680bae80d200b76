//! [`Contents`]: how many samples a store holds and a sum over all of them, to compare a restored store with the one that was backed up.

use sha2::{Digest, Sha256};
use sqal_core::{Sample, Timestamp};

use crate::{SampleQuery, SampleStore, StorageError, encode_frame};

/// What a store holds, in three numbers. Two stores of any kind with the same samples have the same; the order does not matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// How many samples.
    pub samples: u64,
    /// The sum of the samples' digests, modulo 2^64.
    pub sum: u64,
    /// When the newest was measured.
    pub newest: Option<Timestamp>,
}

impl Contents {
    /// Reads a store through, page by page.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the store cannot be read.
    ///
    /// # Panics
    ///
    /// Never; the limit is a constant.
    pub async fn of(store: &dyn SampleStore) -> Result<Self, StorageError> {
        let mut query = SampleQuery::newest(1000.try_into().expect("not zero"));
        let mut contents = Self::default();
        loop {
            let page = store.query(&query).await?;
            for sample in &page.items {
                contents.samples += 1;
                contents.sum = contents.sum.wrapping_add(digest(sample));
                contents.newest = contents.newest.max(Some(sample.key.timestamp));
            }
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(contents),
            }
        }
    }
}

/// Of the identity, the raw readings and the verdict's figures: what a restored store must give back.
fn digest(sample: &Sample) -> u64 {
    let verdict = &sample.inspection.verdict;
    let score = verdict.score.map_or([0; 16], |score| {
        let (value, u) = (score.value().to_be_bytes(), score.u().to_be_bytes());
        core::array::from_fn(|k| if k < 8 { value[k] } else { u[k - 8] })
    });
    let hash = Sha256::new()
        .chain_update(sample.id().as_bytes())
        .chain_update(sample.received_at.micros().to_be_bytes())
        .chain_update(encode_frame(sample.tof.as_ref(), sample.spectrum.as_ref()))
        .chain_update(score)
        .chain_update(verdict.grade.as_str())
        .finalize();
    hash.first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}
