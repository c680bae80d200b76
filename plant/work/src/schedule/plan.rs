//! [`plan`]: decides what becomes of the due times since a schedule was looked at last.

use std::time::Duration;

use sqal_core::Timestamp;

use super::definition::{Missed, Schedule};
use crate::wall::{between, later, rfc3339};

/// The longest time without a look after which a plan is still made. A longer one is taken for a
/// wrong clock: it would note years of due times as missed, and nothing would be due until that
/// year.
pub const LONGEST_GAP: Duration = Duration::from_hours(400 * 24);

/// The most due times of one plan.
const MOST: usize = 500;

/// A run that is to be enqueued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The due time, without jitter.
    pub due: Timestamp,
    /// The time at which the run begins.
    pub run_at: Timestamp,
    /// The time from which the run is no longer begun.
    pub expires_at: Timestamp,
}

/// What becomes of a due time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A run is enqueued.
    Enqueue(Planned),
    /// The due time had expired before it was looked at.
    Missed(Timestamp),
    /// The schedule is paused.
    Paused(Timestamp),
}

impl Decision {
    /// The due time, without jitter.
    #[must_use]
    pub const fn due(&self) -> Timestamp {
        match *self {
            Self::Enqueue(Planned { due, .. }) | Self::Missed(due) | Self::Paused(due) => due,
        }
    }
}

/// What becomes of the due times of a span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The decisions, in the order of the due times.
    pub decisions: Vec<Decision>,
    /// The end of the span; the next plan begins there.
    pub looked_until: Timestamp,
    /// Whether the span reaches the present. If it does not, the next plan goes on at once.
    pub is_complete: bool,
}

/// No plan can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The time since the last look is longer than [`LONGEST_GAP`].
    #[error(
        "the clock shows {}, and the schedule was looked at last at {}: if the clock is right, resume the schedule to \
         begin again from now",
        rfc3339(*.now),
        rfc3339(*.looked_until)
    )]
    Gap {
        /// The end of the last look.
        looked_until: Timestamp,
        /// The present time.
        now: Timestamp,
    },
}

/// Decides what becomes of the due times after `looked_until` and until `now`.
///
/// # Laws
///
/// 1. Every due time of the span gets one decision, and plans that follow each other decide the due
///    times that one plan would decide.
/// 2. If the clock has stepped back behind `looked_until`, nothing is decided.
/// 3. A due time is missed only if it had expired by `now`, also if that is a clock that is ahead.
///    Of those, the last are caught up if the schedule says so; their runs expire as if they were
///    due now.
/// 4. A run begins within the longest jitter after its due time.
///
/// # Errors
///
/// [`PlanError::Gap`] if the time since `looked_until` is longer than [`LONGEST_GAP`].
pub fn plan(schedule: &Schedule, looked_until: Timestamp, is_paused: bool, now: Timestamp) -> Result<Plan, PlanError> {
    if now <= looked_until {
        return Ok(Plan { decisions: Vec::new(), looked_until, is_complete: true });
    }
    if between(looked_until, now) > LONGEST_GAP {
        return Err(PlanError::Gap { looked_until, now });
    }
    let mut due: Vec<Timestamp> = schedule.due(looked_until, now).take(MOST + 1).collect();
    let is_complete = due.len() <= MOST;
    due.truncate(MOST);
    if is_paused {
        let end = if is_complete { Some(now) } else { due.last().copied() };
        let decisions = due.into_iter().map(Decision::Paused).collect();
        return Ok(Plan { decisions, looked_until: end.unwrap_or(now), is_complete });
    }
    // Due times keep their order with their jitter, so those that have expired come first.
    let expired = due.iter().take_while(|due| schedule.expires_at(**due) <= now).count();
    let caught_up = match schedule.missed() {
        Missed::Skip => 0,
        Missed::CatchUp { most } => usize::from(most.get()).min(expired),
    };
    if !is_complete && caught_up > 0 && expired == due.len() {
        // Later due times may have expired too, and those would be caught up in place of these.
        due.truncate(expired - caught_up);
    }
    let missed = expired - caught_up;
    let decide = |(place, due): (usize, &Timestamp)| {
        if place < missed {
            return Decision::Missed(*due);
        }
        let run_at = schedule.run_at(*due);
        let begin = if place < expired { now } else { run_at };
        Decision::Enqueue(Planned { due: *due, run_at, expires_at: later(begin, schedule.expires_after()) })
    };
    let decisions = due.iter().enumerate().map(decide).collect();
    let end = if is_complete { Some(now) } else { due.last().copied() };
    Ok(Plan { decisions, looked_until: end.unwrap_or(now), is_complete })
}
