//! [`Schedule`]: a name, a cron expression, and what is enqueued at each due time.

use std::num::{NonZeroU8, NonZeroU16};
use std::time::Duration;

use sqal_core::{Name, Timestamp};
use sqal_storage::queue::JobKind;

use super::cron::Cron;
use super::frequency::Frequency;
use crate::draw;
use crate::wall::later;

/// The name of a schedule.
pub type ScheduleName = Name<64>;

/// The attempts of a scheduled job, unless the schedule says otherwise.
const ATTEMPTS: NonZeroU16 = NonZeroU16::new(3).unwrap();

/// What becomes of due times that no server has looked at before they expired, because all of them
/// were stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missed {
    /// They are noted as missed.
    #[default]
    Skip,
    /// The last of them are enqueued at once, and those before are noted as missed.
    CatchUp {
        /// The most due times that are enqueued.
        most: NonZeroU8,
    },
}

/// A time after which a run expires that no run could keep, or that is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a run expires after {0:?}: expected 1 second to 31 days")]
pub struct InvalidExpiry(pub Duration);

/// Work that is due by a cron expression.
///
/// The runs of each due time are spread by a jitter, so that schedules that are due together do not
/// begin together. The jitter is drawn from the name and the due time: it is the same on every
/// server and after every restart.
///
/// ```
/// use sqal_core::{Name, Timestamp};
/// use sqal_work::schedule::{Cron, Frequency, Missed, Schedule};
/// use std::time::Duration;
///
/// let cron = Cron::new("0 3 * * *", "Europe/Paris".parse()?)?;
/// let schedule = Schedule::new(Name::new("planning-compliance-scan")?, cron, Name::new("scan")?);
/// assert_eq!(schedule.frequency(), Frequency::Daily);
/// assert_eq!(schedule.longest_jitter(), Duration::from_secs(300));
/// assert_eq!(schedule.expires_after(), Duration::from_hours(6));
///
/// let evening = Timestamp::from_micros(1_794_002_400_000_000)?;
/// let due = schedule.next_after(evening).ok_or("no due time")?;
/// assert!(schedule.jitter(due) <= Duration::from_secs(300));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    name: ScheduleName,
    cron: Cron,
    kind: JobKind,
    body: String,
    missed: Missed,
    attempts: NonZeroU16,
    frequency: Frequency,
    longest_jitter: Duration,
    expires_after: Duration,
}

impl Schedule {
    /// A schedule whose jobs have an empty body and 3 attempts, and whose missed due times are
    /// noted. Its jitter and its expiry are those of its [`Frequency`].
    ///
    /// The kind belongs to schedules alone: its ended jobs are forgotten by the
    /// [`Scheduler`](crate::scheduler::Scheduler).
    #[must_use]
    pub fn new(name: ScheduleName, cron: Cron, kind: JobKind) -> Self {
        let shortest = cron.shortest_interval();
        let frequency = Frequency::of(shortest);
        let interval = shortest.unwrap_or(Duration::from_hours(31 * 24));
        let (longest_jitter, expires_after) = (frequency.longest_jitter(interval), frequency.expiry(interval));
        let (body, missed, attempts) = (String::new(), Missed::default(), ATTEMPTS);
        Self { name, cron, kind, body, missed, attempts, frequency, longest_jitter, expires_after }
    }

    /// Sets what is to be done, as a text that only the kind can interpret.
    #[must_use]
    pub fn with_body(self, body: impl Into<String>) -> Self {
        Self { body: body.into(), ..self }
    }

    /// Sets what becomes of missed due times.
    #[must_use]
    pub fn on_missed(self, missed: Missed) -> Self {
        Self { missed, ..self }
    }

    /// Sets the most attempts of each job.
    #[must_use]
    pub fn with_attempts(self, attempts: NonZeroU16) -> Self {
        Self { attempts, ..self }
    }

    /// Sets how long after its begin, which includes the jitter, a run may wait for a worker.
    ///
    /// # Errors
    ///
    /// [`InvalidExpiry`] if it is below 1 second or above 31 days.
    pub fn expiring_after(self, expires_after: Duration) -> Result<Self, InvalidExpiry> {
        if !(Duration::from_secs(1)..=Duration::from_hours(31 * 24)).contains(&expires_after) {
            return Err(InvalidExpiry(expires_after));
        }
        Ok(Self { expires_after, ..self })
    }

    /// The name.
    #[must_use]
    pub const fn name(&self) -> &ScheduleName {
        &self.name
    }

    /// The cron expression.
    #[must_use]
    pub const fn cron(&self) -> &Cron {
        &self.cron
    }

    /// The kind of the jobs.
    #[must_use]
    pub const fn kind(&self) -> &JobKind {
        &self.kind
    }

    /// What is to be done, as a text that only the kind can interpret.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.body
    }

    /// What becomes of missed due times.
    #[must_use]
    pub const fn missed(&self) -> Missed {
        self.missed
    }

    /// The most attempts of each job.
    #[must_use]
    pub const fn attempts(&self) -> NonZeroU16 {
        self.attempts
    }

    /// How often the schedule is due.
    #[must_use]
    pub const fn frequency(&self) -> Frequency {
        self.frequency
    }

    /// The longest jitter.
    #[must_use]
    pub const fn longest_jitter(&self) -> Duration {
        self.longest_jitter
    }

    /// How long after its begin a run may wait for a worker.
    #[must_use]
    pub const fn expires_after(&self) -> Duration {
        self.expires_after
    }

    /// The first due time after a time, without jitter; `None` if there is none.
    #[must_use]
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        self.cron.next_after(after)
    }

    /// The due times after a time and until another one, which is included, without jitter.
    pub fn due(&self, after: Timestamp, until: Timestamp) -> impl Iterator<Item = Timestamp> + '_ {
        std::iter::successors(self.next_after(after), |due| self.next_after(*due)).take_while(move |due| *due <= until)
    }

    /// How long after a due time the run begins: from 0 to the longest jitter.
    #[must_use]
    pub fn jitter(&self, due: Timestamp) -> Duration {
        let micros = u64::try_from(self.longest_jitter.as_micros()).unwrap_or(u64::MAX - 1);
        let drawn = draw::number(&[b"jitter", self.name.as_str().as_bytes(), &due.micros().to_le_bytes()]);
        Duration::from_micros(drawn % (micros + 1))
    }

    /// The time at which the run of a due time begins.
    #[must_use]
    pub fn run_at(&self, due: Timestamp) -> Timestamp {
        later(due, self.jitter(due))
    }

    /// The time from which the run of a due time is no longer begun.
    #[must_use]
    pub fn expires_at(&self, due: Timestamp) -> Timestamp {
        later(self.run_at(due), self.expires_after)
    }
}
