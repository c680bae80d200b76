//! [`BugBook`]: all that is done with bugs, over the ports of the stores.
//!
//! ```text
//!   report, change, comment, attach        occurred (equal faults, counted)
//!            |                                       |
//!            v                                       v
//!   sealed fields (persons) -> Bugs (bug + entry in one transaction) -> events
//!                              Blobs (contents of attachments)
//! ```

mod error;
mod files;
mod grouping;
mod reading;
mod reporters;
mod writing;

use std::fmt;
use std::sync::Arc;

use sqal_core::Timestamp;
use sqal_storage::bugs::{BesideId, Bug, BugId, BugPerson, BugStatus};
use sqal_storage::sealed::Confidential;
use sqal_storage::{Blobs, Bugs, SealedFields};

use crate::events::{BugEvent, BugEventKind, BugEvents};

pub use error::BugBookError;
pub use grouping::{Fault, Occurred};
pub use reporters::reporter_of;

pub(crate) use grouping::author;

/// How often a write is tried that other callers overtake.
const ATTEMPTS: u8 = 64;

/// The sealed names and mail addresses of reporters.
pub type ReporterFields = Confidential<Arc<dyn SealedFields>>;

/// Where random bytes come from, of which the ids of bugs, comments and attachments are made.
pub type RandomIds = Arc<dyn Fn() -> [u8; 16] + Send + Sync>;

/// All that is done with bugs. Clones share everything.
///
/// Each call stores what it does before it tells it to the [`BugEvents`].
///
/// # Laws
///
/// 1. *Each revision has its entry*, and the entries give the bug.
/// 2. *Of several changes at once none is lost*: a change of what was read is refused as
///    [`Stale`](BugBookError::Stale), and a change without a revision is applied to the bug as it
///    is then.
/// 3. *Equal faults are one bug*: of several servers that see a fault at once, one reports it, all
///    are counted, and one reopens it.
/// 4. *A person stands in sealed fields alone*: not in a bug, an entry, an event or an error.
#[derive(Clone)]
pub struct BugBook {
    parts: Arc<Parts>,
}

struct Parts {
    bugs: Arc<dyn Bugs>,
    blobs: Option<Arc<dyn Blobs>>,
    confidential: Option<Arc<ReporterFields>>,
    events: Arc<dyn BugEvents>,
    random: RandomIds,
}

impl BugBook {
    /// A book over stores. Without `blobs` it takes no attachments, without `confidential` no names
    /// and mail addresses of reporters.
    #[must_use]
    pub fn new(
        bugs: Arc<dyn Bugs>,
        blobs: Option<Arc<dyn Blobs>>,
        confidential: Option<Arc<ReporterFields>>,
        events: Arc<dyn BugEvents>,
        random: RandomIds,
    ) -> Self {
        Self { parts: Arc::new(Parts { bugs, blobs, confidential, events, random }) }
    }

    /// An id that no other bug has.
    fn id(&self) -> BugId {
        BugId::from_random((self.parts.random)())
    }

    async fn tell(
        &self,
        (kind, from): (BugEventKind, Option<BugStatus>),
        bug: &Bug,
        by: BugPerson,
        at: Timestamp,
        comment: Option<BesideId>,
    ) {
        self.parts.events.tell(BugEvent { kind, from, bug: bug.clone(), by, at, comment }).await;
    }
}

impl fmt::Debug for BugBook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { bugs, blobs, confidential, events, random: _ } = &*self.parts;
        f.debug_struct("BugBook")
            .field("bugs", bugs)
            .field("blobs", blobs)
            .field("has_key", &confidential.is_some())
            .field("events", events)
            .finish_non_exhaustive()
    }
}
