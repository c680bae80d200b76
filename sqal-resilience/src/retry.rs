//! [`Retry`]: tries an operation again, within limits of number, time and budget.

use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};

use crate::budget::Call;
use crate::random::{Random, fresh_seed};
use crate::{Backoff, Clock, RetryBudget, classify::Again};

/// How often an operation is tried again, and how long that may take.
///
/// It begins with [`RetryPolicy::new`] or [`RetryPolicy::default`]; its fields are then set.
///
/// ```
/// use std::time::Duration;
/// use sqal_resilience::RetryPolicy;
///
/// let mut policy = RetryPolicy::default();
/// policy.deadline = Some(Duration::from_secs(10));
/// assert_eq!(policy.max_retries, 3);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct RetryPolicy {
    /// The maximum number of tries after the first.
    pub max_retries: u32,
    /// How long to wait between tries.
    pub backoff: Backoff,
    /// The time limit for all tries and waits together; `None` for no limit. [`Retry`] drops a try
    /// that is under way when the time is over; the layer lets it finish and begins no other.
    #[cfg_attr(feature = "serde", serde(default, with = "crate::written::optional"))]
    pub deadline: Option<Duration>,
    /// The longest wait that a target may ask for. If it asks for more, no other try is made.
    #[cfg_attr(feature = "serde", serde(with = "crate::written", default = "twenty_seconds"))]
    pub max_retry_after: Duration,
}

/// The longest wait that a target may ask for, unless a policy sets another one.
const fn twenty_seconds() -> Duration {
    Duration::from_secs(20)
}

impl Default for RetryPolicy {
    /// The documented policy (RTY-02): 3 retries, the first after 250 ms, no wait longer than 30
    /// seconds.
    fn default() -> Self {
        let backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(30));
        Self::new(3, backoff.unwrap_or_else(|_| unreachable!("constants in order")))
    }
}

impl RetryPolicy {
    /// A policy of at most `max_retries` retries with this backoff, no deadline, and a wait of at
    /// most 20 seconds if the target asks for it.
    #[must_use]
    pub const fn new(max_retries: u32, backoff: Backoff) -> Self {
        Self { max_retries, backoff, deadline: None, max_retry_after: twenty_seconds() }
    }
}

/// Why no other try was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GaveUp {
    /// The maximum number of retries has been made.
    Retries,
    /// The error is not worth another try.
    NotWorthIt,
    /// The next try would begin after the deadline.
    Deadline,
    /// The target asked for a longer wait than the policy allows.
    RetryAfter,
    /// The budget for retries is spent.
    Budget,
}

impl fmt::Display for GaveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Retries => "all retries are made",
            Self::NotWorthIt => "the error is not worth another try",
            Self::Deadline => "the next try would begin after the deadline",
            Self::RetryAfter => "the target asked for a longer wait than the policy allows",
            Self::Budget => "the budget for retries is spent",
        })
    }
}

/// The operation did not succeed: the last error, the number of tries, and why no other was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RetryError<E> {
    /// The last try failed.
    #[error("gave up at try {attempts}: {why}")]
    Failed {
        /// The error of the last try.
        #[source]
        error: E,
        /// The number of tries.
        attempts: u32,
        /// Why no other try was made.
        why: GaveUp,
    },
    /// The deadline passed while a try was under way.
    #[error("the deadline passed during try {attempts}")]
    DeadlinePassed {
        /// The number of tries, the last one included.
        attempts: u32,
    },
}

/// A retry that takes every error for worth another try, and has no function to notify.
pub type Plain<O, E> = Retry<O, fn(&E) -> Again, fn(u32, &E, Duration)>;

/// A closure that can be tried again: `(|| async { … }).retry(policy).run().await`.
pub trait Retryable<T, E>: Sized {
    /// Turns this operation into one that is tried again by the policy.
    fn retry(self, policy: RetryPolicy) -> Plain<Self, E>;
}

impl<T, E, F: Future<Output = Result<T, E>>, O: FnMut() -> F> Retryable<T, E> for O {
    fn retry(self, policy: RetryPolicy) -> Plain<Self, E> {
        Retry { operation: self, policy, when: |_| Again::Yes, notify: |_, _, _| {}, seed: None }
    }
}

/// An operation and how it is tried again.
///
/// ```
/// use std::time::Duration;
/// use sqal_resilience::{Backoff, RetryPolicy, retry::Retryable};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let policy = RetryPolicy::new(3, Backoff::new(Duration::from_millis(250), Duration::from_secs(30))?);
/// let mut tries = 0;
/// let answer = (|| {
///     tries += 1;
///     let works = tries == 3;
///     async move { if works { Ok(42) } else { Err("not yet") } }
/// })
/// .retry(policy)
/// .run()
/// .await;
/// assert_eq!((answer, tries), (Ok(42), 3));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "nothing happens before `run` is awaited"]
pub struct Retry<O, W, N> {
    operation: O,
    policy: RetryPolicy,
    when: W,
    notify: N,
    seed: Option<u64>,
}

impl<O, N, E> Retry<O, fn(&E) -> Again, N> {
    /// Decides which errors are worth another try; by default all are.
    pub fn when<V: FnMut(&E) -> Again>(self, when: V) -> Retry<O, V, N> {
        Retry { operation: self.operation, policy: self.policy, when, notify: self.notify, seed: self.seed }
    }
}

impl<O, W, E> Retry<O, W, fn(u32, &E, Duration)> {
    /// Sets a function that is called for each failed try that is followed by another one. It is
    /// given the number of the try (from 1), its error, and the wait until the next try.
    pub fn notify<M: FnMut(u32, &E, Duration)>(self, notify: M) -> Retry<O, W, M> {
        Retry { operation: self.operation, policy: self.policy, when: self.when, notify, seed: self.seed }
    }
}

impl<O, W, N> Retry<O, W, N> {
    /// Draws the jitter from a seed: equal seeds give equal delays. By default every run has its
    /// own seed.
    pub fn seeded(self, seed: u64) -> Self {
        Self { seed: Some(seed), ..self }
    }

    /// Tries until the operation succeeds, or until there is no reason to go on.
    ///
    /// # Errors
    ///
    /// [`RetryError`] with the last error, the number of tries and the reason.
    pub fn run<T, E, F>(self) -> impl Future<Output = Result<T, RetryError<E>>>
    where
        F: Future<Output = Result<T, E>>,
        O: FnMut() -> F,
        W: FnMut(&E) -> Again,
        N: FnMut(u32, &E, Duration),
    {
        self.run_within::<T, E, F, crate::SystemClock>(None)
    }

    /// Tries like [`Retry::run`], with a budget: each run earns its share, and each retry costs
    /// one.
    ///
    /// # Errors
    ///
    /// As [`Retry::run`].
    pub fn run_on<T, E, F, C: Clock>(self, budget: &RetryBudget<C>) -> impl Future<Output = Result<T, RetryError<E>>>
    where
        F: Future<Output = Result<T, E>>,
        O: FnMut() -> F,
        W: FnMut(&E) -> Again,
        N: FnMut(u32, &E, Duration),
    {
        self.run_within(Some(budget))
    }

    async fn run_within<T, E, F, C: Clock>(mut self, budget: Option<&RetryBudget<C>>) -> Result<T, RetryError<E>>
    where
        F: Future<Output = Result<T, E>>,
        O: FnMut() -> F,
        W: FnMut(&E) -> Again,
        N: FnMut(u32, &E, Duration),
    {
        let mut call = budget.map(RetryBudget::begin);
        // Without a deadline no clock is read before the first failure.
        let end = self.policy.deadline.map(|time| {
            let now = Instant::now();
            now.checked_add(time).unwrap_or(now + FAR)
        });
        let result = match end {
            Some(end) => match timeout_at(end, (self.operation)()).await {
                Ok(result) => result,
                Err(_) => return Err(RetryError::DeadlinePassed { attempts: 1 }),
            },
            None => (self.operation)().await,
        };
        match result {
            Ok(value) => Ok(value),
            // On the heap, so that a call that needs no other try does not carry what the other
            // tries need.
            Err(error) => Box::pin(self.after(error, call.as_mut(), end)).await,
        }
    }

    /// The tries after the first one, which has failed.
    async fn after<T, E, F, P: Deref<Target = RetryBudget<C>>, C: Clock>(
        mut self,
        mut error: E,
        mut call: Option<&mut Call<P, C>>,
        end: Option<Instant>,
    ) -> Result<T, RetryError<E>>
    where
        F: Future<Output = Result<T, E>>,
        O: FnMut() -> F,
        W: FnMut(&E) -> Again,
        N: FnMut(u32, &E, Duration),
    {
        let mut tries = Tries::new(&self.policy, Random(self.seed.unwrap_or_else(fresh_seed)));
        let mut attempts = 1_u32;
        loop {
            let again = (self.when)(&error);
            let next = tries.next(&self.policy, again, end, || call.as_mut().is_none_or(|call| call.retry()));
            let (delay, wake) = match next {
                Ok(next) => next,
                Err(why) => return Err(RetryError::Failed { error, attempts, why }),
            };
            (self.notify)(attempts, &error, delay);
            drop(error);
            sleep_until(wake).await;
            attempts = attempts.saturating_add(1);
            let result = match end {
                Some(end) => match timeout_at(end, (self.operation)()).await {
                    Ok(result) => result,
                    Err(_) => return Err(RetryError::DeadlinePassed { attempts }),
                },
                None => (self.operation)().await,
            };
            match result {
                Ok(value) => return Ok(value),
                Err(another) => error = another,
            }
        }
    }
}

/// Longer than any process runs, and short enough that no clock overflows.
const FAR: Duration = Duration::from_secs(1 << 30);

/// The tries of one call: how many retries have begun, and when the next one is due.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tries {
    random: Random,
    begun: u32,
    previous: Duration,
}

impl Tries {
    pub(crate) const fn new(policy: &RetryPolicy, random: Random) -> Self {
        Self { random, begun: 0, previous: policy.backoff.base() }
    }

    /// The number of retries that have begun.
    #[cfg(feature = "tower")]
    pub(crate) const fn begun(&self) -> u32 {
        self.begun
    }

    /// The wait for the next try and the instant at which it ends, or why there is no next try.
    /// `may` pays for the next try.
    pub(crate) fn next(
        &mut self,
        policy: &RetryPolicy,
        again: Again,
        end: Option<Instant>,
        may: impl FnOnce() -> bool,
    ) -> Result<(Duration, Instant), GaveUp> {
        if again == Again::Never {
            return Err(GaveUp::NotWorthIt);
        }
        if self.begun >= policy.max_retries {
            return Err(GaveUp::Retries);
        }
        let mut delay = policy.backoff.delay_after(self.begun, self.previous, self.random.next());
        self.previous = delay;
        if let Again::After(asked) = again {
            if asked > policy.max_retry_after {
                return Err(GaveUp::RetryAfter);
            }
            // Callers that were given one and the same time must not come back at one instant: each
            // comes up to one first delay later.
            let later = policy.backoff.spread(policy.max_retry_after.saturating_sub(asked), self.random.next());
            delay = delay.max(asked.saturating_add(later));
        }
        // A wait whose end no clock reaches passes any deadline.
        let wake = Instant::now().checked_add(delay).filter(|wake| end.is_none_or(|end| *wake < end));
        let wake = wake.ok_or(GaveUp::Deadline)?;
        if !may() {
            return Err(GaveUp::Budget);
        }
        self.begun += 1;
        Ok((delay, wake))
    }
}
