//! [`ScheduleState`]: what all servers remember of a schedule, as its record holds it.

use serde::{Deserialize, Serialize};
use sqal_core::{Name, Timestamp};
use sqal_storage::queue::JobKind;

use crate::schedule::{Decision, Plan};

/// The version of the form that this program writes.
const VERSION: u32 = 1;

/// The most due times of a tally that are kept by their time.
const MOST_NEWEST: usize = 20;

/// A pause of a schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// The time at which the schedule was paused.
    pub at: Timestamp,
    /// The person that paused it, if known.
    pub by: Option<Name<64>>,
}

/// Due times that were not enqueued.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    /// The number of due times.
    pub count: u64,
    /// The newest of them, at most 20, the oldest first.
    pub newest: Vec<Timestamp>,
}

impl Noted {
    fn note(&mut self, due: Timestamp) {
        self.count = self.count.saturating_add(1);
        self.newest.push(due);
        let over = self.newest.len().saturating_sub(MOST_NEWEST);
        self.newest.drain(..over);
    }
}

/// A run that was decided and may not be in the queue yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pending {
    pub(super) due: Timestamp,
    pub(super) run_at: Timestamp,
    pub(super) expires_at: Timestamp,
    pub(super) kind: JobKind,
}

/// The newest due time that was enqueued, and the number of its job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LastEnqueued {
    pub(super) due: Timestamp,
    pub(super) job: u64,
}

/// What all servers remember of a schedule. Its names are never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ScheduleState {
    /// The due times until here are decided.
    pub(super) looked_until: Timestamp,
    pub(super) paused: Option<Pause>,
    /// The runs that were decided and may not be in the queue yet.
    pub(super) pending: Vec<Pending>,
    /// The time of the oldest decision about the pending runs.
    pub(super) decided_at: Option<Timestamp>,
    pub(super) missed: Noted,
    /// The due times while the schedule was paused.
    pub(super) skipped: Noted,
    pub(super) last: Option<LastEnqueued>,
}

#[derive(Serialize)]
struct Written<'s> {
    v: u32,
    #[serde(flatten)]
    state: &'s ScheduleState,
}

/// The part of every version.
#[derive(Deserialize)]
struct Versioned {
    v: u32,
}

/// A record is not one that this program reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RecordError {
    Newer { found: u32, known: u32 },
    Damaged(String),
}

impl ScheduleState {
    /// The state of a schedule that is looked at for the first time: its due times count from now
    /// on.
    pub(super) const fn begun(now: Timestamp) -> Self {
        Self {
            looked_until: now,
            paused: None,
            pending: Vec::new(),
            decided_at: None,
            missed: Noted { count: 0, newest: Vec::new() },
            skipped: Noted { count: 0, newest: Vec::new() },
            last: None,
        }
    }

    /// The state after a plan; the runs that it enqueues are pending.
    pub(super) fn decided(mut self, plan: &Plan, kind: &JobKind, now: Timestamp) -> Self {
        self.looked_until = plan.looked_until;
        for decision in &plan.decisions {
            match *decision {
                Decision::Missed(due) => self.missed.note(due),
                Decision::Paused(due) => self.skipped.note(due),
                Decision::Enqueue(run) => {
                    self.decided_at = self.decided_at.or(Some(now));
                    let (due, run_at, expires_at) = (run.due, run.run_at, run.expires_at);
                    self.pending.push(Pending { due, run_at, expires_at, kind: *kind });
                }
            }
        }
        self
    }

    /// The state after the pending runs were enqueued; the number is that of the last job.
    pub(super) fn enqueued(mut self, last: Option<LastEnqueued>) -> Self {
        self.pending.clear();
        self.decided_at = None;
        self.last = last.or(self.last);
        self
    }

    pub(super) fn to_body(&self) -> String {
        // Names, numbers and texts: JSON writes every one of them.
        serde_json::to_string(&Written { v: VERSION, state: self }).unwrap_or_default()
    }

    pub(super) fn of_body(body: &str) -> Result<Self, RecordError> {
        let damaged = |error: serde_json::Error| RecordError::Damaged(error.to_string());
        let Versioned { v } = serde_json::from_str(body).map_err(damaged)?;
        if v > VERSION {
            return Err(RecordError::Newer { found: v, known: VERSION });
        }
        serde_json::from_str(body).map_err(damaged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Planned;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros).unwrap()
    }

    fn state() -> ScheduleState {
        let planned = Planned { due: at(60), run_at: at(61), expires_at: at(90) };
        let decisions = vec![Decision::Missed(at(20)), Decision::Paused(at(40)), Decision::Enqueue(planned)];
        let plan = Plan { decisions, looked_until: at(70), is_complete: true };
        let state = ScheduleState {
            paused: Some(Pause { at: at(3), by: Some(Name::new("eva").unwrap()) }),
            last: Some(LastEnqueued { due: at(10), job: 7 }),
            ..ScheduleState::begun(at(5))
        };
        state.decided(&plan, &Name::new("scan").unwrap(), at(71))
    }

    /// Servers of two versions share the records: this line never changes.
    #[test]
    fn the_stored_form_is_kept_for_ever() {
        let golden = concat!(
            r#"{"v":1,"looked_until":70,"paused":{"at":3,"by":"eva"},"#,
            r#""pending":[{"due":60,"run_at":61,"expires_at":90,"kind":"scan"}],"decided_at":71,"#,
            r#""missed":{"count":1,"newest":[20]},"skipped":{"count":1,"newest":[40]},"last":{"due":10,"job":7}}"#
        );
        assert_eq!(state().to_body(), golden);
        assert_eq!(ScheduleState::of_body(golden), Ok(state()));
    }

    #[test]
    fn a_record_of_a_newer_program_is_told_from_a_damaged_one() {
        let newer = ScheduleState::of_body(r#"{"v":2}"#);
        assert_eq!(newer, Err(RecordError::Newer { found: 2, known: 1 }));
        for damaged in ["", "null", r#"{"v":1}"#, r#"{"v":"1"}"#] {
            assert!(matches!(ScheduleState::of_body(damaged), Err(RecordError::Damaged(_))), "{damaged}");
        }
    }

    #[test]
    fn enqueued_runs_are_no_longer_pending() {
        let last = LastEnqueued { due: at(60), job: 8 };
        let after = state().enqueued(Some(last));
        assert_eq!((after.pending.len(), after.decided_at, after.last), (0, None, Some(last)));
        assert_eq!(after.clone().enqueued(None).last, Some(last));
    }

    #[test]
    fn the_newest_noted_due_times_are_kept() {
        let mut noted = Noted::default();
        for due in 0..50 {
            noted.note(at(due));
        }
        assert_eq!((noted.count, noted.newest.len(), noted.newest[0]), (50, 20, at(30)));
    }
}
