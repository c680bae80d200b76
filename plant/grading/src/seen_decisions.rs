//! [`SeenDecisions`]: which decisions of the register this server has read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sqal_storage::register::{Entry, EntryName};

/// The version of each entry that was read, by name. An entry that did not change is neither read
/// nor logged again.
#[derive(Clone, Debug, Default)]
pub(crate) struct SeenDecisions(Arc<Mutex<HashMap<EntryName, u32>>>);

impl SeenDecisions {
    /// Whether this version of an entry is read for the first time.
    pub(crate) fn is_new(&self, entry: &Entry) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.insert(entry.name, entry.version) != Some(entry.version)
    }
}
