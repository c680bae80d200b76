//! [`AllBugs`]: all bugs of a database, page by page, however many there are.

use std::sync::Arc;

use sqal_storage::Bugs;
use sqal_storage::bugs::{Bug, BugId, BugStatus};

use crate::command_error::CommandError;

/// The bugs that are read at once.
const PAGE: u16 = 500;

/// Reads the bugs of a database in the order of their ids. Writers continue meanwhile; a bug that
/// is reported meanwhile may be read.
pub(crate) struct AllBugs {
    bugs: Arc<dyn Bugs>,
    status: Option<BugStatus>,
    /// The last bug that was read.
    last: Option<BugId>,
}

impl AllBugs {
    /// All bugs, or those with a status.
    pub(crate) fn of(bugs: Arc<dyn Bugs>, status: Option<BugStatus>) -> Self {
        Self { bugs, status, last: None }
    }

    /// The next bugs, which are none if all that were read have another status; `None` after the
    /// last.
    ///
    /// # Errors
    ///
    /// [`CommandError`] if the store cannot be read.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Bug>>, CommandError> {
        let mut page = self.bugs.bugs_after(self.last.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(None) };
        self.last = Some(last.id);
        page.retain(|bug| self.status.is_none_or(|status| bug.content.status == status));
        Ok(Some(page))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sqal_bugs::exchange::{ImportTerms, import, read_csv};
    use sqal_core::{Name, Timestamp};
    use sqal_storage::MemoryStore;

    use super::*;

    /// A store with bugs of one time; those with a `true` are in progress, and the others are open.
    async fn store(in_progress: &[bool]) -> Arc<MemoryStore> {
        let store = Arc::new(MemoryStore::new());
        let (system, by) = (Name::new("test").unwrap(), Name::new("anna").unwrap());
        let at = Timestamp::from_micros(1_794_000_000_000_000).unwrap();
        let terms = ImportTerms { system, by, at, people: std::collections::BTreeMap::new() };
        let row = |(id, in_progress): (usize, &bool)| {
            let status = if *in_progress { BugStatus::InProgress } else { BugStatus::Open };
            format!("{id},x,{status},2026-11-29T06:00:00Z\n")
        };
        let rows: String = in_progress.iter().enumerate().map(row).collect();
        let file = read_csv(&format!("id,title,status,createdAt\n{rows}"), &terms);
        assert!(file.faults.is_empty(), "{:?}", file.faults);
        import(&*store, &file.bugs, by).await.unwrap();
        store
    }

    async fn read(store: Arc<MemoryStore>, status: Option<BugStatus>) -> Vec<Bug> {
        let (mut all, mut read) = (AllBugs::of(store, status), Vec::new());
        while let Some(page) = all.next().await.unwrap() {
            read.extend(page);
        }
        read
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20))]
        #[test]
        fn every_bug_is_read_once_in_the_order_of_the_ids(
            in_progress in proptest::collection::vec(any::<bool>(), 0..1_300),
        ) {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            let (all, some) = runtime.block_on(async {
                let store = store(&in_progress).await;
                (read(store.clone(), None).await, read(store, Some(BugStatus::InProgress)).await)
            });
            prop_assert_eq!(all.len(), in_progress.len());
            prop_assert!(all.windows(2).all(|pair| pair[0].id < pair[1].id));
            let of_status: Vec<Bug> =
                all.into_iter().filter(|bug| bug.content.status == BugStatus::InProgress).collect();
            prop_assert_eq!(some.len(), in_progress.iter().filter(|is| **is).count());
            prop_assert_eq!(some, of_status);
        }
    }
}
