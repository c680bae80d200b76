//! Adoption: a trace without a parent that serves several others becomes a part of each of them.
//!
//! A commit writes the samples of many requests. Its span follows from the spans that wait for it,
//! and each of their traces that is kept shows the whole commit.

use std::sync::Arc;

use super::followed::Followed;
use super::trace::{Adopters, Adoption, Held, LocalTrace, ROOT, Relation};

/// The most spans that adopt one trace.
const MOST_ADOPTERS: usize = 4096;

/// The most traces that the spans of one trace adopt.
const MOST_ADOPTED: usize = 64;

/// Puts the trace of `follower`, a root without a parent, under the span that it follows from;
/// false if the two can only be linked.
///
/// Each trace is locked alone, so that two threads never wait for each other.
pub(crate) fn adopt(follower: &Followed, followed: &Followed) -> bool {
    if follower.at != Some(ROOT) || Arc::ptr_eq(&follower.trace, &followed.trace) {
        return false;
    }
    if !follower.trace.lock().gain_adopter() {
        return false;
    }
    // A span that its trace has no room for shows what it adopts under the root.
    let is_adopted = followed.trace.lock().gain_adopted(&follower.trace, followed.at.unwrap_or(ROOT));
    if is_adopted != Some(true) {
        follower.trace.lock().lose_adopter();
    }
    is_adopted.is_some()
}

impl Held {
    /// Counts a span that adopts this trace; false if the trace cannot be adopted.
    fn gain_adopter(&mut self) -> bool {
        if matches!(self.relation, Relation::Single) && self.remote_parent.is_none() {
            self.relation = Relation::Adopted(Adopters::default());
        }
        match &mut self.relation {
            Relation::Adopted(adopters) if adopters.count < MOST_ADOPTERS => {
                adopters.count += 1;
                true
            }
            _ => false,
        }
    }

    /// Takes back what [`gain_adopter`](Self::gain_adopter) counted.
    fn lose_adopter(&mut self) {
        if let Relation::Adopted(adopters) = &mut self.relation {
            adopters.count = adopters.count.saturating_sub(1);
            if adopters.count == 0 {
                // The trace stands for itself again, and its ids with it.
                self.relation = Relation::Single;
            }
        }
    }

    /// Puts a trace under the span at a place. Gives `Some(false)` if it is there already, and
    /// `None` if this trace cannot adopt it.
    fn gain_adopted(&mut self, trace: &Arc<LocalTrace>, under: usize) -> Option<bool> {
        if matches!(self.relation, Relation::Single) {
            self.relation = Relation::Adopts(Vec::new());
        }
        let Relation::Adopts(adopted) = &mut self.relation else { return None };
        if adopted.iter().any(|earlier| earlier.under == under && Arc::ptr_eq(&earlier.trace, trace)) {
            return Some(false);
        }
        if adopted.len() >= MOST_ADOPTED {
            return None;
        }
        adopted.push(Adoption { trace: Arc::clone(trace), under });
        Some(true)
    }

    /// Whether this adopted trace has failed, as a trace asks that adopted it and ends now.
    ///
    /// If this trace goes on and the other is not kept, a later failure of this trace has one place
    /// less where it is shown, which is noted.
    pub(crate) fn has_failed_for(&mut self, is_kept: bool) -> bool {
        let has_failed = self.has_failed();
        if let Relation::Adopted(adopters) = &mut self.relation {
            adopters.is_deserted |= !is_kept && !has_failed && !adopters.has_ended;
        }
        has_failed
    }
}
