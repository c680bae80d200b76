//! [`Outages`]: which destinations fail now, so that they are left alone for a while and the log
//! has one line at the beginning and one at the end.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqal_core::Timestamp;
use sqal_storage::queue::Job;
use tracing::{info, warn};

use super::destination::Channel;
use super::retry::{LONGEST_ASKED, longest_way};
use crate::wall::between;
use crate::worker::Running;

/// How long other messages to a destination wait after its first failure.
const FIRST_REST: Duration = Duration::from_secs(5);

/// How long other messages to a destination wait after any number of failures.
const LONGEST_REST: Duration = Duration::from_mins(5);

/// The shortest outage after which anything is given up. A process that begins after some days
/// finds messages of days ago, and its network may not be there yet.
const LASTING: Duration = Duration::from_hours(1);

/// The most deliveries of one process that are under way to one destination: half of those of a
/// channel, so that a slow destination leaves the other half to the others.
const MOST_UNDER_WAY: u8 = 2;

/// How long a delivery waits while its destination has as many as it may.
pub(crate) const UNDER_WAY_WAIT: Duration = Duration::from_secs(1);

/// A destination that fails.
#[derive(Clone, Copy, Debug)]
struct Outage {
    since: Timestamp,
    failures: u64,
    rests_until: Instant,
}

/// A delivery that is under way to a destination; dropping it makes room for the next one.
#[derive(Debug)]
pub(crate) struct Delivering<'a> {
    outages: &'a Outages,
    destination: String,
}

impl Drop for Delivering<'_> {
    fn drop(&mut self) {
        let mut under_way = self.outages.under_way();
        if let Some(number) = under_way.get_mut(&self.destination) {
            *number = number.saturating_sub(1);
            if *number == 0 {
                under_way.remove(&self.destination);
            }
        }
    }
}

/// The destinations of one channel that fail, as this process has seen them.
///
/// A destination that hangs would otherwise take the time limit of every message that waits for it.
/// After a failure its other messages are postponed: for 5 seconds, then twice as long after each
/// further failure, at most 5 minutes, or for as long as the destination asks. A postponed message
/// loses no attempt.
///
/// A destination that is slow and succeeds would take every place of the channel. At most two
/// deliveries to it are therefore under way at once.
#[derive(Debug)]
pub(crate) struct Outages {
    channel: Channel,
    failing: Mutex<HashMap<String, Outage>>,
    under_way: Mutex<HashMap<String, u8>>,
}

impl Outages {
    pub(crate) fn new(channel: Channel) -> Self {
        Self { channel, failing: Mutex::default(), under_way: Mutex::default() }
    }

    fn failing(&self) -> MutexGuard<'_, HashMap<String, Outage>> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<String, u8>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a delivery; `None` if two are under way to the destination.
    pub(crate) fn begin(&self, destination: &str) -> Option<Delivering<'_>> {
        let mut under_way = self.under_way();
        let number = under_way.entry(destination.to_owned()).or_default();
        if *number >= MOST_UNDER_WAY {
            return None;
        }
        *number += 1;
        Some(Delivering { outages: self, destination: destination.to_owned() })
    }

    /// Whether this process has seen a destination fail for an hour.
    pub(crate) fn is_lasting(&self, destination: &str, running: &Running) -> bool {
        let since = self.failing().get(destination).map(|outage| outage.since);
        since.is_some_and(|since| between(since, running.now()) >= LASTING)
    }

    /// Whether a job is to be given up in place of a postponement: its destination rests and has
    /// failed for an hour, and the job is older than a job that has had all of its attempts.
    pub(crate) fn is_given_up(&self, destination: &str, job: &Job, running: &Running) -> bool {
        self.rest(destination, running).is_some()
            && self.is_lasting(destination, running)
            && between(job.created_at, running.now()) > longest_way()
    }

    /// How long a destination is to be left alone; `None` if it may be tried now.
    pub(crate) fn rest(&self, destination: &str, running: &Running) -> Option<Duration> {
        let until = self.failing().get(destination)?.rests_until;
        until.checked_duration_since(running.clock().now()).filter(|rest| !rest.is_zero())
    }

    /// Notes a failure. `host` and `why` are for the log and hold no secret and no mail address.
    pub(crate) fn failed(&self, destination: &str, host: &str, why: &str, asked: Option<Duration>, running: &Running) {
        let (now, at) = (running.clock().now(), running.now());
        let mut failing = self.failing();
        let is_new = !failing.contains_key(destination);
        let outage =
            failing.entry(destination.to_owned()).or_insert(Outage { since: at, failures: 0, rests_until: now });
        let doublings = u32::try_from(outage.failures).unwrap_or(u32::MAX);
        let rest = FIRST_REST.saturating_mul(2_u32.saturating_pow(doublings)).min(LONGEST_REST);
        let rest = rest.max(asked.unwrap_or_default().min(LONGEST_ASKED));
        outage.failures = outage.failures.saturating_add(1);
        outage.rests_until = now.checked_add(rest).unwrap_or(now).max(outage.rests_until);
        drop(failing);
        if is_new {
            let channel = self.channel.as_str();
            warn!(
                channel,
                host,
                cause = why,
                "deliveries to this destination fail; they are tried again for three days"
            );
        }
    }

    /// Notes that a destination has accepted a message.
    pub(crate) fn ended(&self, destination: &str, host: &str, at: Timestamp) {
        if let Some(Outage { since, failures, .. }) = self.failing().remove(destination) {
            let (channel, seconds) = (self.channel.as_str(), between(since, at).as_secs());
            info!(channel, host, failures, seconds, "deliveries to this destination succeed again");
        }
    }

    /// Forgets a destination to which nothing is delivered any more.
    pub(crate) fn forget(&self, destination: &str) {
        self.failing().remove(destination);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sqal_resilience::ManualClock;
    use sqal_storage::queue::{JobId, NewJob};

    use super::*;

    #[test]
    fn each_failure_doubles_the_rest_up_to_five_minutes_and_a_success_ends_it() {
        let clock = ManualClock::new();
        let running = Running::detached(Timestamp::from_micros(0).unwrap(), Arc::new(clock.clone()));
        let outages = Outages::new(Channel::Webhook);
        assert_eq!(outages.rest("erp", &running), None);
        for seconds in [5, 10, 20, 40, 80, 160, 300, 300] {
            outages.failed("erp", "example.com", "answered 500", None, &running);
            assert_eq!(outages.rest("erp", &running), Some(Duration::from_secs(seconds)));
            assert_eq!(outages.rest("other", &running), None);
            clock.advance(Duration::from_secs(seconds));
            assert_eq!(outages.rest("erp", &running), None);
        }
        outages.ended("erp", "example.com", running.now());
        outages.failed("erp", "example.com", "answered 500", None, &running);
        assert_eq!(outages.rest("erp", &running), Some(FIRST_REST));
    }

    #[test]
    fn a_destination_that_asks_for_time_is_left_alone_for_at_most_a_day() {
        let clock = ManualClock::new();
        let running = Running::detached(Timestamp::from_micros(0).unwrap(), Arc::new(clock));
        let outages = Outages::new(Channel::Webhook);
        for (asked, rest) in [(Duration::from_secs(1), FIRST_REST), (Duration::from_mins(9), Duration::from_mins(9))] {
            outages.failed("erp", "example.com", "answered 429", Some(asked), &running);
            assert_eq!(outages.rest("erp", &running), Some(rest));
        }
        outages.failed("other", "example.com", "answered 503", Some(Duration::MAX), &running);
        assert_eq!(outages.rest("other", &running), Some(LONGEST_ASKED));
        outages.forget("other");
        assert_eq!(outages.rest("other", &running), None);
    }

    #[test]
    fn a_destination_has_two_deliveries_under_way_and_no_more() {
        let outages = Outages::new(Channel::Webhook);
        let (first, second) = (outages.begin("erp"), outages.begin("erp"));
        assert!(first.is_some() && second.is_some() && outages.begin("erp").is_none());
        assert!(outages.begin("other").is_some());
        drop(first);
        let third = outages.begin("erp");
        assert!(third.is_some() && outages.begin("erp").is_none());
        drop((second, third));
        assert!(outages.under_way().is_empty());
    }

    #[test]
    fn a_job_is_given_up_only_if_it_is_old_and_its_destination_has_failed_for_an_hour() {
        let (clock, at) = (ManualClock::new(), Timestamp::from_micros(0).unwrap());
        let running = Running::detached(at, Arc::new(clock.clone()));
        let job = |at| Job::enqueued(JobId::from_number(1), &NewJob::new(Channel::Mail.kind(), String::new(), at));
        let old = job(at);
        let outages = Outages::new(Channel::Mail);
        clock.advance(longest_way());
        outages.failed("a", "a", "away", None, &running);
        assert!(!outages.is_given_up("a", &old, &running));
        clock.advance(LASTING);
        assert!(!outages.is_given_up("a", &old, &running), "the rest is over, so the job is tried");
        outages.failed("a", "a", "away", None, &running);
        assert!(outages.is_given_up("a", &old, &running) && !outages.is_given_up("b", &old, &running));
        assert!(!outages.is_given_up("a", &job(running.now()), &running));
    }
}
