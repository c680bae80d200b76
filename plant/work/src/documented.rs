//! The scheduled jobs of the system that SQAL takes the place of, as shapes: their names,
//! intervals, jitters and expiries (JOB-03).
//!
//! What they do belongs to the service that runs them. It implements a
//! [`ScheduledTask`](crate::scheduler::ScheduledTask) for the kind of each, which is its name.

use sqal_core::Name;

use crate::schedule::{Cron, Schedule, Zone};

/// The names and cron expressions of the documented jobs.
const DOCUMENTED: [(&str, &str); 3] = [
    ("dispatch-autorun", "*/5 * * * *"),
    ("realtime-monitoring", "*/2 * * * *"),
    ("planning-compliance-scan", "0 4 * * *"),
];

/// The three documented jobs, in a time zone.
///
/// - `dispatch-autorun`, every 5 minutes with a jitter of up to 30 seconds. Its cron expression
///   takes the place of an interval in seconds (`DISPATCH_AUTORUN_INTERVAL_SEC`), which was counted
///   from the start of a process.
/// - `realtime-monitoring`, every 2 minutes with a jitter of up to 15 seconds; a run expires after
///   240 seconds.
/// - `planning-compliance-scan`, every day at 04:00 with a jitter of up to 300 seconds; a run
///   expires after 6 hours.
///
/// ```
/// use sqal_work::documented::documented_schedules;
///
/// let [autorun, ..] = documented_schedules(&"Europe/Paris".parse()?);
/// assert_eq!(autorun.name().as_str(), "dispatch-autorun");
/// assert_eq!(autorun.cron().to_string(), "*/5 * * * * Europe/Paris");
/// # Ok::<(), sqal_work::schedule::InvalidZone>(())
/// ```
#[must_use]
pub fn documented_schedules(zone: &Zone) -> [Schedule; 3] {
    DOCUMENTED.map(|(name, expression)| {
        let cron = Cron::new(expression, zone.clone()).unwrap_or_else(|_| unreachable!("a constant expression"));
        let kind = Name::new(name).unwrap_or_else(|_| unreachable!("a short name"));
        let name = Name::new(name).unwrap_or_else(|_| unreachable!("a short name"));
        Schedule::new(name, cron, kind)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn job_03_the_documented_jobs_have_the_documented_jitters_and_expiries() {
        let shapes = documented_schedules(&Zone::utc())
            .map(|job| (job.name().to_string(), job.longest_jitter().as_secs(), job.expires_after().as_secs()));
        let documented = [("dispatch-autorun", 30, 600), ("realtime-monitoring", 15, 240)];
        let documented = documented.into_iter().chain([("planning-compliance-scan", 300, 21_600)]);
        assert!(shapes.into_iter().eq(documented.map(|(name, jitter, expiry)| (name.to_owned(), jitter, expiry))));
    }
}
