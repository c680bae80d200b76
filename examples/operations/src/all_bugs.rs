//! [`AllBugs`]: all bugs of a database, page by page, however many there are.

use std::collections::BTreeSet;
use std::num::NonZeroU16;
use std::sync::Arc;

use sqal_core::Timestamp;
use sqal_storage::Bugs;
use sqal_storage::bugs::{Bug, BugId, BugOrder, BugQuery, BugSort, BugStatus, MOST_SKIPPED};

use crate::command_error::CommandError;

/// The bugs of a page.
const PAGE: u16 = 500;

/// Reads the bugs of a database, the oldest first. Writers continue meanwhile; a bug that is
/// reported meanwhile may be read.
///
/// A store passes over a limited number of bugs. So each page begins at the time of the last bug
/// that was read, and passes over those of that time.
pub(crate) struct AllBugs {
    bugs: Arc<dyn Bugs>,
    query: BugQuery,
    /// The time of the last bug that was read, and the bugs of that time.
    last: Option<(Timestamp, BTreeSet<BugId>)>,
    is_done: bool,
}

impl AllBugs {
    /// All bugs, or those with a status.
    pub(crate) fn of(bugs: Arc<dyn Bugs>, status: Option<BugStatus>) -> Self {
        let limit = NonZeroU16::new(PAGE).unwrap_or(NonZeroU16::MIN);
        let order = BugOrder { by: BugSort::CreatedAt, is_descending: false };
        Self { bugs, query: BugQuery { status, order, ..BugQuery::newest(limit) }, last: None, is_done: false }
    }

    /// The next bugs; `None` after the last.
    ///
    /// # Errors
    ///
    /// [`CommandError`] if the store cannot be read, or if more bugs have one time than a store
    /// passes over.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Bug>>, CommandError> {
        if self.is_done {
            return Ok(None);
        }
        if self.query.skip > MOST_SKIPPED {
            return Err(CommandError::BugsOfOneTime);
        }
        let page = self.bugs.bugs(&self.query).await?.bugs;
        self.is_done = page.len() < usize::from(PAGE);
        let is_known = |bug: &Bug| self.last.as_ref().is_some_and(|(_, ids)| ids.contains(&bug.id));
        let new: Vec<_> = page.into_iter().filter(|bug| !is_known(bug)).collect();
        self.note(&new);
        Ok(Some(new))
    }

    /// Notes what was read, and where the next page begins.
    fn note(&mut self, new: &[Bug]) {
        for bug in new {
            match &mut self.last {
                Some((at, ids)) if *at == bug.created_at => {
                    ids.insert(bug.id);
                }
                _ => self.last = Some((bug.created_at, BTreeSet::from([bug.id]))),
            }
        }
        if let Some((at, ids)) = &self.last {
            self.query.from = Some(*at);
            self.query.skip = u32::try_from(ids.len()).unwrap_or(u32::MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sqal_bugs::exchange::{ImportTerms, import, read_csv};
    use sqal_core::Name;
    use sqal_storage::MemoryStore;

    use super::*;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(1_794_000_000_000_000 + micros).unwrap()
    }

    /// A store with a bug for each time, in seconds.
    async fn store(times: &[u32]) -> Arc<MemoryStore> {
        let store = Arc::new(MemoryStore::new());
        let (system, by) = (Name::new("test").unwrap(), Name::new("anna").unwrap());
        let terms = ImportTerms { system, by, at: at(0), people: std::collections::BTreeMap::new() };
        let row =
            |(id, second): (usize, &u32)| format!("{id},x,2026-11-29T{:02}:{:02}:00Z\n", second / 60, second % 60);
        let rows: String = times.iter().enumerate().map(row).collect();
        let file = read_csv(&format!("id,title,createdAt\n{rows}"), &terms);
        assert!(file.faults.is_empty(), "{:?}", file.faults);
        import(&*store, &file.bugs, by).await.unwrap();
        store
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20))]
        #[test]
        fn every_bug_is_read_once_in_the_order_of_time(
            times in proptest::collection::vec(0_u32..5, 0..1_300),
        ) {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            let read = runtime.block_on(async {
                let (mut all, mut read) = (AllBugs::of(store(&times).await, None), Vec::new());
                while let Some(page) = all.next().await.unwrap() {
                    read.extend(page);
                }
                read
            });
            let ids: BTreeSet<_> = read.iter().map(|bug| bug.id).collect();
            prop_assert_eq!((read.len(), ids.len()), (times.len(), times.len()));
            prop_assert!(read.is_sorted_by_key(|bug| bug.created_at));
        }
    }
}
