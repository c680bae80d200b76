//! [`WorkConfig`]: how the jobs of one kind are done.

use std::num::NonZeroU16;
use std::time::Duration;

use sqal_resilience::Backoff;
use sqal_storage::queue::JobKind;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// The shortest time for which a worker keeps ended jobs before it forgets them.
pub const LEAST_KEPT: Duration = DAY;

/// How the jobs of one work are done. A [`Worker`](super::Worker) checks it when the work is added.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WorkConfig {
    /// The duration of a lease; 30 seconds by default, 1 second to 1 day. If this process dies,
    /// another worker takes the job after that.
    pub lease: Duration,
    /// The interval at which a lease is renewed and a cancellation is noticed; 5 seconds by
    /// default, at most a third of the lease.
    pub heartbeat: Duration,
    /// The interval at which the queue is asked for due jobs; 1 second by default, at most 1 hour.
    pub look_every: Duration,
    /// The most jobs of the kind that this process does at once; 1 by default.
    pub at_once: NonZeroU16,
    /// The waits between attempts; by default 15 seconds, doubled at each attempt up to 1 hour,
    /// each spread by half. The spread is drawn from the id of the job and its attempt.
    pub backoff: Backoff,
    /// The longest run, after which the attempt is dropped and counts as a transient failure; by
    /// default there is none.
    pub longest_run: Option<Duration>,
    /// How long a run may go on after the process has begun to drain. A run that has not ended by
    /// then is dropped, and its job goes back to the queue without a lost attempt. 0 by default;
    /// below the time limit of the drain
    /// ([`ShutdownConfig::drain`](sqal_resilience::ShutdownConfig::drain)), so that the end of the
    /// run can be stored. A work that sends messages sets it: if it is dropped while it waits for
    /// an answer, the message is sent again.
    pub finish_within: Duration,
    /// The wait before a job with a [newer](super::WorkError::Newer) body is offered again; 1
    /// minute by default, 1 second to 1 day.
    pub newer_after: Duration,
    /// How long ended jobs of the kind are kept, at least [`LEAST_KEPT`]; by default the worker
    /// forgets none. For the kind of a schedule it must stay `None`: the
    /// [`Scheduler`](crate::scheduler::Scheduler) forgets those jobs, because it knows which keys
    /// are still needed.
    pub kept_for: Option<Duration>,
}

impl Default for WorkConfig {
    fn default() -> Self {
        let backoff = Backoff::new(Duration::from_secs(15), HOUR);
        Self {
            lease: Duration::from_secs(30),
            heartbeat: Duration::from_secs(5),
            look_every: SECOND,
            at_once: NonZeroU16::MIN,
            backoff: backoff.unwrap_or_else(|_| unreachable!("constants in order")),
            longest_run: None,
            finish_within: Duration::ZERO,
            newer_after: Duration::from_mins(1),
            kept_for: None,
        }
    }
}

/// A work cannot be done as it is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidWork {
    /// The lease is too short or too long, or too short for its heartbeat.
    #[error(
        "a lease of {lease:?} with a heartbeat every {heartbeat:?}: expected a lease of 1 s to 1 day, and a heartbeat \
         above 0 and of at most a third of it"
    )]
    Lease {
        /// The duration of a lease.
        lease: Duration,
        /// The interval of its renewals.
        heartbeat: Duration,
    },
    /// The queue would be asked without a pause, or too rarely.
    #[error("the queue is asked every {0:?}: expected above 0 and at most 1 hour")]
    LookEvery(Duration),
    /// No run could end in time.
    #[error("a longest run of 0: expected above 0, or none")]
    LongestRun,
    /// A job of a newer program would be offered too often or too rarely.
    #[error("a job of a newer program waits {0:?}: expected 1 s to 1 day")]
    NewerAfter(Duration),
    /// Ended jobs would be forgotten too early.
    #[error("ended jobs are kept for {0:?}: expected at least 1 day")]
    KeptFor(Duration),
    /// The worker has a work of this kind already.
    #[error("two works of the kind {0}: expected one")]
    Twice(JobKind),
}

impl WorkConfig {
    /// Checks every value.
    ///
    /// # Errors
    ///
    /// [`InvalidWork`] with the first value that is out of its range.
    pub fn check(&self) -> Result<(), InvalidWork> {
        let Self {
            lease,
            heartbeat,
            look_every,
            longest_run,
            newer_after,
            kept_for,
            finish_within: _,
            at_once: _,
            backoff: _,
        } = *self;
        let beats = !heartbeat.is_zero() && heartbeat <= lease / 3;
        if !(SECOND..=DAY).contains(&lease) || !beats {
            return Err(InvalidWork::Lease { lease, heartbeat });
        }
        if look_every.is_zero() || look_every > HOUR {
            return Err(InvalidWork::LookEvery(look_every));
        }
        if longest_run.is_some_and(|longest| longest.is_zero()) {
            return Err(InvalidWork::LongestRun);
        }
        if !(SECOND..=DAY).contains(&newer_after) {
            return Err(InvalidWork::NewerAfter(newer_after));
        }
        match kept_for {
            Some(kept) if kept < LEAST_KEPT => Err(InvalidWork::KeptFor(kept)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_out_of_its_range_is_refused_by_its_name() {
        let usual = WorkConfig::default;
        usual().check().unwrap();
        let seconds = Duration::from_secs;
        for (config, part) in [
            (WorkConfig { lease: seconds(0), ..usual() }, "lease of 0ns"),
            (WorkConfig { lease: seconds(14), ..usual() }, "a heartbeat every 5s"),
            (WorkConfig { lease: seconds(86_401), ..usual() }, "lease of 86401s"),
            (WorkConfig { heartbeat: seconds(0), ..usual() }, "a heartbeat every 0ns"),
            (WorkConfig { look_every: seconds(0), ..usual() }, "asked every 0ns"),
            (WorkConfig { look_every: seconds(3_601), ..usual() }, "asked every 3601s"),
            (WorkConfig { longest_run: Some(seconds(0)), ..usual() }, "longest run of 0"),
            (WorkConfig { newer_after: seconds(0), ..usual() }, "newer program waits 0ns"),
            (WorkConfig { kept_for: Some(seconds(86_399)), ..usual() }, "kept for 86399s"),
        ] {
            let told = config.check().unwrap_err().to_string();
            assert!(told.contains(part), "{told}");
        }
        WorkConfig { lease: seconds(15), kept_for: Some(LEAST_KEPT), ..usual() }.check().unwrap();
    }
}
