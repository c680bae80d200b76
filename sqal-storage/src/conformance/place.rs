//! [`StorePlace`]: the place of a store, where the laws can open it again and make an insert fail,
//! and the laws that need it.

use std::sync::Arc;

use async_trait::async_trait;
use sqal_core::{DeviceId, Name, Sample};

use super::assertions::{assert_absent, assert_hours, assert_listed, assert_outcomes, assert_there};
use super::readings::other_readings;
use super::{HOUR, first_of_tasks, full_sample, hours, hours_of, newest_first, pages, sample, scored};
use crate::{Inserted, SampleStore, samples::Hourly};

/// The place of a store: a folder, a file, or a schema of a database.
///
/// ```
/// use std::sync::Arc;
///
/// use async_trait::async_trait;
/// use sqal_core::DeviceId;
/// use sqal_storage::conformance::{Fault, StorePlace};
/// use sqal_storage::{MemoryStore, sample_store_conformance};
///
/// /// Memory that outlives what opens it.
/// struct Memory(Arc<MemoryStore>);
///
/// #[async_trait]
/// impl StorePlace for Memory {
///     type Store = Arc<MemoryStore>;
///
///     async fn open(&self) -> Arc<MemoryStore> {
///         Arc::clone(&self.0)
///     }
///
///     async fn refuse(&self, _: &Arc<MemoryStore>, _: &DeviceId) -> Fault {
///         Fault::Impossible
///     }
/// }
///
/// sample_store_conformance!(place: async { Memory(Arc::default()) });
/// # fn main() {}
/// ```
#[async_trait]
pub trait StorePlace: Send + Sync {
    /// The store.
    type Store: SampleStore;

    /// Opens the store, which is empty the first time. The laws drop the store before they open it
    /// again.
    ///
    /// # Panics
    ///
    /// If the store cannot be opened.
    async fn open(&self) -> Self::Store;

    /// Makes every insert fail that holds a sample of this device, as late within the insert as the
    /// store allows: by a constraint or a trigger of a database, by a file that has no room. Other
    /// inserts into the store may fail too, until it is opened again. It may be called more than
    /// once.
    ///
    /// # Panics
    ///
    /// If the fault cannot be set up.
    async fn refuse(&self, store: &Self::Store, device: &DeviceId) -> Fault;
}

/// Whether an insert can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Inserts with the named device fail from now on.
    Injected,
    /// No insert into this store can fail, because no part of it can, for example a store in
    /// memory. The law then requires that the insert succeeds.
    Impossible,
}

/// Law 1: acknowledged samples survive the end of the process: a store that is opened again has all
/// of them.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn what_was_acknowledged_is_there_when_the_store_is_opened_again<P: StorePlace>(place: &P) {
    const LAW: &str = "law 1: what was acknowledged survives the end of the process";
    let full = full_sample("a", 5 * HOUR, "full");
    let batch = vec![full.clone(), scored("a", 6 * HOUR, "scored", 0.5), sample("b", 5 * HOUR, "bare", 1.0)];
    let others = other_readings(&full);
    let store = place.open().await;
    assert_outcomes(&store, LAW, &batch, &[Inserted::Stored; 3]).await;
    // No conflicting reading may come back instead of the stored one.
    for other in &others {
        assert_outcomes(&store, LAW, std::slice::from_ref(other), &[Inserted::Conflict]).await;
    }
    assert_outcomes(&store, LAW, std::slice::from_ref(&full), &[Inserted::Duplicate]).await;
    drop(store);
    for _ in 0..2 {
        let store = place.open().await;
        for expected in &batch {
            assert_there(&store, LAW, expected).await;
        }
        assert_listed(LAW, &pages(&store, None, 2).await, &newest_first(&batch));
        assert_hours(LAW, &hours_of(&store, &hours(0, 10)).await, &Hourly::of(&batch));
        assert_outcomes(&store, LAW, &batch, &[Inserted::Duplicate; 3]).await;
        assert_outcomes(&store, LAW, std::slice::from_ref(&others[0]), &[Inserted::Conflict]).await;
    }
}

/// Law 1: if several tasks insert one id at once and the store is opened again, it has what the
/// first task stored, and not what another task sent.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn the_first_of_several_tasks_is_there_when_the_store_is_opened_again<P: StorePlace>(place: &P) {
    const LAW: &str = "law 1: what the first of several tasks stored is there when the store is opened again";
    let store = Arc::new(place.open().await);
    let firsts = first_of_tasks(&store, LAW).await;
    drop(store);
    let store = place.open().await;
    for first in &firsts {
        assert_there(&store, LAW, first).await;
    }
    assert_hours(LAW, &hours_of(&store, &hours(0, 10)).await, &Hourly::of(&firsts));
}

/// Law 4: a batch that fails has stored nothing, however large it is and wherever in it the fault
/// lies.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn a_batch_that_fails_has_stored_nothing<P: StorePlace>(place: &P) {
    const LAW: &str = "law 4: a batch that fails has stored nothing";
    let refused: DeviceId = Name::new("refused").expect("a short name");
    for size in [2, 60, 250] {
        let device = format!("line {size}");
        let good: Vec<_> = (0..size).map(|k| scored(&device, 5 * HOUR + k, &format!("{k}"), 0.5)).collect();
        let ours: DeviceId = Name::new(&device).expect("a short name");
        let mut can_fail = true;
        // A store may sort a batch: by place the refused sample is in the middle, by time it is
        // first or last.
        for time in [4 * HOUR, 6 * HOUR] {
            let bad = scored(refused.as_str(), time, &device, 0.5);
            let (first, second) = good.split_at(good.len() / 2);
            let batch = [first, std::slice::from_ref(&bad), second].concat();
            let store = place.open().await;
            can_fail = place.refuse(&store, &refused).await == Fault::Injected;
            let taken = store.insert(&batch).await.is_ok();
            if can_fail {
                assert!(!taken, "{LAW}: {} samples were taken, though one of them was to be refused", batch.len());
                assert_nothing_of(&store, LAW, &batch, ours).await;
                drop(store);
                // No sample of the batch comes back.
                assert_nothing_of(&place.open().await, LAW, &batch, ours).await;
            } else {
                assert!(taken, "{LAW}: an insert that cannot fail has failed");
                for sample in &batch {
                    assert_there(&store, LAW, sample).await;
                }
            }
        }
        if can_fail {
            // The other samples of the batch are still new.
            let store = place.open().await;
            assert_outcomes(&store, LAW, &good, &vec![Inserted::Stored; good.len()]).await;
            assert_hours(LAW, &hours_of(&store, &hours(0, 10).of_device(ours)).await, &Hourly::of(&good));
        }
    }
}

/// Panics if the store has any sample of a batch.
async fn assert_nothing_of(store: &dyn SampleStore, law: &str, batch: &[Sample], device: DeviceId) {
    for sample in batch {
        assert_absent(store, law, sample).await;
    }
    assert_listed(law, &pages(store, Some(device), 100).await, &[]);
    assert_hours(law, &hours_of(store, &hours(0, 10).of_device(device)).await, &[]);
}
