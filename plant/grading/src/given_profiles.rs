//! [`GivenProfiles`]: the profiles that this server was given, and how they compare with those of
//! other servers.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sqal_storage::register::EntryName;

use crate::profile::Profiles;

/// The profiles that this server was given, and where they differ from what other servers were
/// given.
#[derive(Clone, Debug)]
pub(crate) struct GivenProfiles {
    /// `None` if they are placeholders, which are not announced to other servers.
    pub(crate) profiles: Option<Profiles>,
    known: Arc<Mutex<Known>>,
}

#[derive(Debug, Default)]
pub(crate) struct Known {
    /// For each name that was compared, the number of its newest record; 0 before the first.
    pub(crate) compared: HashMap<EntryName, u32>,
    /// Names under which this server has recorded its own content, or has found it to be the
    /// newest.
    pub(crate) recorded: HashSet<EntryName>,
    /// The names under which contents differ, with the other hash. Each difference is logged once.
    pub(crate) differing: BTreeMap<EntryName, [u8; 16]>,
}

impl GivenProfiles {
    pub(crate) fn new(given: Profiles) -> Self {
        Self { profiles: Some(given), known: Arc::default() }
    }

    pub(crate) fn placeholders() -> Self {
        Self { profiles: None, known: Arc::default() }
    }

    pub(crate) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
