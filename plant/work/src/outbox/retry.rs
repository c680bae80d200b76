//! [`RETRY_WAITS`]: the documented times at which a delivery is tried again.

use std::num::NonZeroU16;
use std::time::Duration;

use http::HeaderMap;
use http::header::{DATE, HeaderName, RETRY_AFTER};
use sqal_core::Timestamp;
use sqal_storage::queue::Job;

use crate::draw;
use crate::worker::WorkError;

/// The waits before the attempts of a delivery: the first attempt is made at once, the last one 75
/// hours and 35 minutes after it.
///
/// The waits are those of the example schedule in the specification of Standard Webhooks 1.0.0
/// (section "Deliverability and reliability"). Every channel uses them. Up to a tenth is added to
/// each wait, by the number of the job, so that deliveries that failed together are not repeated
/// together.
pub const RETRY_WAITS: [Duration; 10] = [
    Duration::ZERO,
    Duration::from_secs(5),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(5),
    Duration::from_hours(10),
    Duration::from_hours(14),
    Duration::from_hours(20),
    Duration::from_hours(24),
];

/// The most attempts of a delivery: one for each of [`RETRY_WAITS`].
pub const ATTEMPTS: NonZeroU16 = NonZeroU16::MIN.saturating_add(9);

/// The longest wait that a destination is granted if it asks for one.
pub const LONGEST_ASKED: Duration = Duration::from_hours(24);

/// The time from the first attempt of a delivery to its last one, if no destination asks for a
/// longer wait: the sum of [`RETRY_WAITS`], and the tenth that is added at most.
pub(crate) fn longest_way() -> Duration {
    RETRY_WAITS.iter().sum::<Duration>() * 11 / 10
}

/// How long a job waits that could not be begun because a store does not answer.
const STORE_AWAY: Duration = Duration::from_secs(15);

/// The failure of an attempt that is tried again at its documented time, or later if the
/// destination has asked for that.
pub(crate) fn again(job: &Job, why: String, asked: Option<Duration>) -> WorkError {
    let wait = RETRY_WAITS.get(usize::from(job.attempts)).map(|wait| *wait + *wait * spread(job) / 1000);
    let asked = asked.map(|asked| asked.min(LONGEST_ASKED));
    WorkError::Transient { why, retry_after: wait.max(asked) }
}

/// A job that could not be begun because a store does not answer: it goes back without a lost
/// attempt. Any other error of a store is permanent.
pub(crate) fn not_begun(error: impl Into<WorkError>) -> WorkError {
    match error.into() {
        WorkError::Transient { why, retry_after } => {
            WorkError::Postponed { why, retry_after: retry_after.unwrap_or(STORE_AWAY) }
        }
        error => error,
    }
}

/// A number from 0 to 100 that is drawn from the job and its attempt: thousandths of the wait.
fn spread(job: &Job) -> u32 {
    let (id, attempt) = (job.id.number().to_le_bytes(), job.attempts.to_le_bytes());
    u32::try_from(draw::number(&[b"outbox", &id, &attempt]) % 101).unwrap_or(0)
}

/// The wait that an answer asks for in `Retry-After`: seconds, or the time until a date. A date is
/// counted from the answer's own `Date`, or from `now` if the answer has none. `None` if the field
/// is missing or cannot be read.
pub(crate) fn asked_wait(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok().map(str::trim);
    let asked = text(RETRY_AFTER)?;
    if !asked.is_empty() && asked.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number of seconds that does not fit is longer than any limit.
        return Some(Duration::from_secs(asked.parse().unwrap_or(u64::MAX)));
    }
    let until = httpdate::parse_http_date(asked).ok()?;
    let said = text(DATE).and_then(|date| httpdate::parse_http_date(date).ok()).unwrap_or_else(|| {
        std::time::SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(now.micros()).unwrap_or(0))
    });
    Some(until.duration_since(said).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sqal_storage::queue::{JobId, NewJob};

    use super::*;
    use crate::outbox::destination::Channel;

    fn job(number: u64, attempts: u16) -> Job {
        let now = Timestamp::from_micros(0).unwrap();
        let mut job = Job::enqueued(JobId::from_number(number), &NewJob::new(Channel::Mail.kind(), String::new(), now));
        job.attempts = attempts;
        job
    }

    fn wait(job: &Job, asked: Option<Duration>) -> Option<Duration> {
        let WorkError::Transient { retry_after, .. } = again(job, String::new(), asked) else { panic!("lasting") };
        retry_after
    }

    /// The column "time since start" of the specification.
    #[test]
    fn the_attempts_are_those_of_the_specification() {
        assert_eq!(RETRY_WAITS.len(), usize::from(ATTEMPTS.get()));
        let mut since = Duration::ZERO;
        let starts = RETRY_WAITS.map(|wait| {
            since += wait;
            let seconds = since.as_secs();
            format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
        });
        let specified = [
            "00:00:00", "00:00:05", "00:05:05", "00:35:05", "02:35:05", "07:35:05", "17:35:05", "31:35:05", "51:35:05",
            "75:35:05",
        ];
        assert_eq!(starts, specified);
    }

    proptest! {
        #[test]
        fn a_wait_is_never_shorter_than_documented_nor_longer_by_more_than_a_tenth(number: u64, attempts in 1_u16..10) {
            let documented = RETRY_WAITS[usize::from(attempts)];
            let found = wait(&job(number, attempts), None).unwrap();
            prop_assert!(found >= documented && found <= documented * 11 / 10, "{found:?}");
        }

        #[test]
        fn a_destination_that_asks_for_time_gets_it_up_to_a_day(asked in 0_u64..10_000_000, attempts in 1_u16..10) {
            let asked = Duration::from_secs(asked);
            let found = wait(&job(1, attempts), Some(asked)).unwrap();
            prop_assert_eq!(found, wait(&job(1, attempts), None).unwrap().max(asked.min(LONGEST_ASKED)));
        }
    }

    #[test]
    fn jobs_that_failed_together_are_not_repeated_together() {
        let waits: std::collections::BTreeSet<_> = (1..=1000).map(|number| wait(&job(number, 2), None)).collect();
        assert!(waits.len() > 90, "{}", waits.len());
    }

    fn asked(retry_after: &str, date: Option<&str>) -> Option<u64> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, retry_after.parse().unwrap());
        if let Some(date) = date {
            headers.insert(DATE, date.parse().unwrap());
        }
        asked_wait(&headers, Timestamp::from_micros(784_111_777_000_000).unwrap()).map(|wait| wait.as_secs())
    }

    #[test]
    fn both_spellings_of_retry_after_are_read() {
        let date = Some("Sun, 06 Nov 1994 08:48:37 GMT");
        for (text, date, seconds) in [
            ("0", None, Some(0)),
            ("120", None, Some(120)),
            ("99999999999999999999", None, Some(u64::MAX)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", None, Some(60)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", date, Some(120)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some("today"), Some(60)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", None, Some(0)),
            ("", None, None),
            ("soon", None, None),
            ("-1", None, None),
        ] {
            assert_eq!(asked(text, date), seconds, "{text:?} {date:?}");
        }
        assert_eq!(asked_wait(&HeaderMap::new(), Timestamp::from_micros(0).unwrap()), None);
    }
}
