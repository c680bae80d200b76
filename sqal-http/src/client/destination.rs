//! [`DestinationConfig`]: where a destination is, how long it may take, and how often it is tried.

use std::num::NonZeroU32;
use std::time::Duration;

use sqal_resilience::{Backoff, BreakerConfig, InvalidBreaker, InvalidBudget, RetryPolicy};

use super::{AddressRefused, Origin};

/// The settings of one destination.
#[derive(Clone, Debug)]
pub struct DestinationConfig {
    /// Where it is; every request is a path under it.
    pub origin: Origin,
    /// Whether it may be plain `http`, which everybody on the way can read and change. Otherwise such an origin is refused.
    pub plain_allowed: bool,
    /// The longest time to find an address, to connect and to prove who is there; above 0.
    pub connect: Duration,
    /// The longest time of one attempt, from looking for a connection to the last byte of the answer; at least `connect`.
    pub attempt: Duration,
    /// The longest time of all attempts and the waits between them; at least `attempt`. What is left of the caller's own [`sqal_resilience::Deadline`] is never exceeded
    /// either.
    pub total: Duration,
    /// The longest body of an answer that is read, in bytes.
    pub max_answer: usize,
    /// When calls stop because the destination fails. An answer of 500 or above is a failure, and so is a connection that cannot be made, breaks or takes too long;
    /// any other answer is none.
    pub breaker: BreakerConfig,
    /// How often and after which waits a request is tried again; its `deadline`, if it has one, shortens `total`.
    pub retries: RetryPolicy,
    /// Which share of the requests may be tried again.
    pub budget: RetryShare,
}

/// How many retries there may be, as a share of the requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryShare {
    /// Retries per request, above 0 and at most 1.
    pub ratio: f64,
    /// At most so many are saved up.
    pub saved: NonZeroU32,
    /// A reserve of so many per second, for those who ask seldom.
    pub per_second: NonZeroU32,
}

impl Default for RetryShare {
    /// A tenth of the requests, ten saved up, and one per second.
    fn default() -> Self {
        Self { ratio: 0.1, saved: NonZeroU32::MIN.saturating_add(9), per_second: NonZeroU32::MIN }
    }
}

impl DestinationConfig {
    /// For what a person or a line waits for, such as a message to a station: 10 seconds in all (HTC-02), 5 to connect.
    ///
    /// As all three: `https` only, answers of at most 1 MiB, the usual breaker (5 failures in a row, 60 seconds), and 3 retries after 250 ms · 2ⁿ ± 50 %, at most 5 s,
    /// of at most a tenth of the requests. One attempt may take all of the time: an answer that comes late is worth more than another try.
    #[must_use]
    pub fn usual(origin: Origin) -> Self {
        let backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(5))
            .unwrap_or_else(|_| unreachable!("a quarter of a second is less than five"));
        Self {
            origin,
            plain_allowed: false,
            connect: Duration::from_secs(5),
            attempt: Duration::from_secs(10),
            total: Duration::from_secs(10),
            max_answer: 1 << 20,
            breaker: BreakerConfig::default(),
            retries: RetryPolicy::new(3, backoff),
            budget: RetryShare::default(),
        }
    }

    /// For what computes before it answers, such as a bot: 15 seconds in all (HTC-02), 5 to connect; otherwise the [usual](Self::usual).
    #[must_use]
    pub fn slow(origin: Origin) -> Self {
        Self { attempt: Duration::from_secs(15), total: Duration::from_secs(15), ..Self::usual(origin) }
    }

    /// For what everything else waits for, such as signing in: 5 seconds in all (HTC-02), 2 to connect; otherwise the [usual](Self::usual).
    #[must_use]
    pub fn quick(origin: Origin) -> Self {
        Self {
            connect: Duration::from_secs(2),
            attempt: Duration::from_secs(5),
            total: Duration::from_secs(5),
            ..Self::usual(origin)
        }
    }

    /// Whether the times are in order.
    pub(super) fn check(&self) -> Result<(), InvalidDestination> {
        let at_least = |name, value: Duration, least: Duration, expected| {
            if value >= least { Ok(()) } else { Err(InvalidDestination::Time { name, value, expected, least }) }
        };
        at_least("connect", self.connect, Duration::from_millis(1), "")?;
        at_least("attempt", self.attempt, self.connect, "connect, ")?;
        at_least("total", self.total, self.attempt, "attempt, ")?;
        if self.origin.is_plain() && !self.plain_allowed {
            return Err(InvalidDestination::Plain { origin: self.origin.clone() });
        }
        Ok(())
    }
}

/// Settings that no destination can have.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidDestination {
    /// Plain `http`, which was not allowed.
    #[error("origin {origin}: expected https, for plain_allowed is false")]
    Plain {
        /// Where it would have been.
        origin: Origin,
    },
    /// An address that may not be called.
    #[error(transparent)]
    AddressRefused(#[from] AddressRefused),
    /// A time that is shorter than one it holds.
    #[error("{name} is {value:?}: expected at least {expected}{least:?}")]
    Time {
        /// Which one.
        name: &'static str,
        /// How long it is.
        value: Duration,
        /// What it must hold.
        expected: &'static str,
        /// How long that is.
        least: Duration,
    },
    /// The breaker.
    #[error("breaker: {0}")]
    Breaker(#[from] InvalidBreaker),
    /// The share of retries.
    #[error("budget: {0}")]
    Budget(#[from] InvalidBudget),
}
