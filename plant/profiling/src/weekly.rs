//! [`WeeklyProfiling`]: the weekly profile of the server, which is kept for a year (PRF-01).

use std::fs;
use std::sync::Arc;

use async_trait::async_trait;
use sqal_core::{Name, Timestamp};
use sqal_storage::Records;
use sqal_storage::queue::JobKind;
use sqal_work::schedule::{Cron, Occasion, Schedule, ScheduleName, Zone};
use sqal_work::scheduler::ScheduledTask;
use sqal_work::{Running, WorkError};

use crate::cpu_profile_error::CpuProfileError;
use crate::history::ProfileHistory;
use crate::plan::ProfilePlan;
use crate::profiler::CpuProfiler;
use crate::record::ProfileRecord;
use crate::report::generate_profiling_report;

/// Takes a profile of the process each week, and keeps its ten hottest functions, what the process
/// and the machine used, and the difference to the profile before.
///
/// One server of all that share a database takes it. If another profile is being taken there, the
/// run waits for its end. A run that is done twice leaves one record.
#[derive(Debug)]
pub struct WeeklyProfiling {
    kind: JobKind,
    profiler: CpuProfiler,
    plan: ProfilePlan,
    history: ProfileHistory,
}

impl WeeklyProfiling {
    /// The weekly profile by a profiler, which other callers may share.
    #[must_use]
    pub fn new(profiler: CpuProfiler, plan: ProfilePlan, records: Arc<dyn Records>) -> Self {
        Self { kind: kind(), profiler, plan, history: ProfileHistory::new(records) }
    }

    /// Every Tuesday at 10:00 of a time zone, with a jitter of up to 30 minutes: on a working
    /// morning, because an idle server has no hot function. A missed run is not made up for: a
    /// server that has just started does other work than usual.
    #[must_use]
    pub fn schedule(zone: Zone) -> Schedule {
        let name = ScheduleName::new("weekly-profiling").unwrap_or_else(|_| unreachable!("a short name"));
        let cron = Cron::new("0 10 * * 2", zone).unwrap_or_else(|_| unreachable!("a constant expression"));
        Schedule::new(name, cron, kind())
    }

    /// Keeps the record of this week and the report that is made with it.
    async fn keep(&self, due: Timestamp, record: &ProfileRecord, running: &Running) -> Result<(), WorkError> {
        self.history.keep(due, record, running.now()).await?;
        let report = generate_profiling_report(&self.history.all(running.now()).await?);
        Ok(self.history.keep_report(due, record, &report, running.now()).await?)
    }
}

/// The documented name of the job.
fn kind() -> JobKind {
    Name::new("run_weekly_profiling").unwrap_or_else(|_| unreachable!("a short name"))
}

#[async_trait]
impl ScheduledTask for WeeklyProfiling {
    fn kind(&self) -> &JobKind {
        &self.kind
    }

    async fn run(&self, occasion: &Occasion, running: &Running) -> Result<String, WorkError> {
        let profile = self.profiler.profile(self.plan, running.now()).await;
        let profile = profile.map_err(|error| work_error(&error))?;
        let previous = self.history.before(occasion.due, running.now()).await?;
        let record = ProfileRecord::of(occasion.due, &profile, machine(), previous.as_ref());
        self.keep(occasion.due, &record, running).await?;
        Ok(told(&record))
    }
}

/// The name of this machine, if the system says it (proc(5)).
fn machine() -> Option<String> {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// The result of a run, which its job shows.
fn told(record: &ProfileRecord) -> String {
    let head = format!("{}: {} samples", record.week, record.samples);
    match record.functions.first() {
        Some(hottest) => format!("{head}; the hottest function is {} ({} %)", hottest.function, hottest.self_percent),
        None => head,
    }
}

/// A profile under way elsewhere delays the run and costs it no attempt.
fn work_error(error: &CpuProfileError) -> WorkError {
    let why = error.to_string();
    match error {
        CpuProfileError::Busy { free_after } => WorkError::Postponed { why, retry_after: *free_after },
        CpuProfileError::Unsupported => WorkError::permanent(why),
        CpuProfileError::Failed(_) => WorkError::transient(why),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sqal_work::schedule::{Frequency, Missed};

    use super::*;

    #[test]
    fn prf_01_the_profile_is_due_on_a_working_morning_of_each_week() {
        let schedule = WeeklyProfiling::schedule("Europe/Paris".parse().unwrap());
        // 2026-03-28T12:00:00Z, a Saturday before the night in which summer time begins.
        let saturday = Timestamp::from_micros(1_774_699_200_000_000).unwrap();
        let due: Vec<_> = schedule
            .due(saturday, Timestamp::from_micros(saturday.micros() + 14 * 86_400_000_000).unwrap())
            .map(Timestamp::micros)
            .collect();
        // Tuesdays at 10:00 of summer time: 2026-03-31T08:00:00Z and a week later.
        assert_eq!(due, [1_774_944_000_000_000, 1_775_548_800_000_000]);
        assert_eq!((schedule.frequency(), schedule.longest_jitter()), (Frequency::Weekly, Duration::from_mins(30)));
        assert_eq!((schedule.missed(), schedule.kind().as_str()), (Missed::Skip, "run_weekly_profiling"));
    }

    #[test]
    fn a_profile_of_another_caller_delays_the_run_and_a_failure_is_tried_again() {
        let busy = CpuProfileError::Busy { free_after: Duration::from_secs(7) };
        assert!(matches!(work_error(&busy), WorkError::Postponed { retry_after, .. } if retry_after.as_secs() == 7));
        assert!(matches!(work_error(&CpuProfileError::Failed("x".to_owned())), WorkError::Transient { .. }));
        assert!(matches!(work_error(&CpuProfileError::Unsupported), WorkError::Permanent { .. }));
    }
}
