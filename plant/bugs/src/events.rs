//! What happens to bugs, told after it is stored: to an outbox, to live pages, or to no receiver.

use std::fmt::Debug;

use async_trait::async_trait;
use sqal_core::Timestamp;
use sqal_storage::bugs::{BesideId, Bug, BugPerson, BugStatus};

/// Something that happened to a bug, and is stored. It holds no personal datum: its reporter is
/// named by a subject alone. Internal comments make no event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BugEvent {
    /// What happened.
    pub kind: BugEventKind,
    /// The status of the bug before it; `None` for a new bug.
    pub from: Option<BugStatus>,
    /// The bug after it.
    pub bug: Bug,
    /// Who did it.
    pub by: BugPerson,
    /// When.
    pub at: Timestamp,
    /// The comment that was written.
    pub comment: Option<BesideId>,
}

/// What can happen to a bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BugEventKind {
    /// It was reported.
    Created,
    /// It was changed.
    Changed,
    /// A comment was written that is not internal.
    Commented,
    /// Its fault came back after it had ended.
    Regressed,
}

impl BugEventKind {
    /// The type of the event, as in `bug.created`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "bug.created",
            Self::Changed => "bug.changed",
            Self::Commented => "bug.commented",
            Self::Regressed => "bug.regressed",
        }
    }
}

/// Takes events. `()` takes them and does nothing.
#[async_trait]
pub trait BugEvents: Debug + Send + Sync + 'static {
    /// Takes an event. A receiver that fails logs it: what happened is stored whatever becomes of
    /// its event.
    async fn tell(&self, event: BugEvent);
}

#[async_trait]
impl BugEvents for () {
    async fn tell(&self, _: BugEvent) {}
}
