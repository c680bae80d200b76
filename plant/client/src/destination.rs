//! [`DestinationConfig`]: where a destination is, how long it may take, and how often it is tried.

use std::num::NonZeroU32;
use std::time::Duration;

use sqal_resilience::{Backoff, BreakerConfig, RetryPolicy, breaker::InvalidBreaker, budget::InvalidBudget};

use super::{AddressRefusedError, Origin};

/// The settings of one destination. They begin with [`DestinationConfig::usual`] or another
/// constructor; the fields are then set.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DestinationConfig {
    /// Where it is. Every request is a path under it.
    pub origin: Origin,
    /// Whether it may be plain `http`, which every network in between can read and change. If this
    /// is false, such an origin is refused.
    pub plain_allowed: bool,
    /// The longest time to resolve the name, connect and authenticate the server; at least 1 ms.
    pub connect: Duration,
    /// The longest time of one attempt, from the search for a connection to the last byte of the
    /// answer; at least `connect`.
    pub attempt: Duration,
    /// The longest time of all attempts and the waits between them; at least `attempt`. The time
    /// left of the caller's own [`sqal_resilience::Deadline`] is not exceeded either.
    pub total: Duration,
    /// The longest body of an answer that is read, in bytes.
    pub max_answer: usize,
    /// When the breaker stops calls because the destination fails. An answer of 500 or above is a
    /// failure. A connection that cannot be made, breaks or takes too long is a failure as well.
    /// Any other answer is a success.
    pub breaker: BreakerConfig,
    /// How often, and after which waits, a request is tried again. If it has a `deadline`, the
    /// deadline shortens `total`.
    pub retries: RetryPolicy,
    /// Which share of the requests may be tried again.
    pub budget: RetryShare,
}

/// The limit of retries, as a share of the requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryShare {
    /// Retries per request, above 0 and at most 1.
    pub ratio: f64,
    /// The most retries that are saved up.
    pub saved: NonZeroU32,
    /// A reserve of retries per second, for callers that send few requests.
    pub per_second: NonZeroU32,
}

impl Default for RetryShare {
    /// A tenth of the requests, ten saved up, and one per second.
    fn default() -> Self {
        Self { ratio: 0.1, saved: NonZeroU32::MIN.saturating_add(9), per_second: NonZeroU32::MIN }
    }
}

impl DestinationConfig {
    /// Settings for what a person or a line waits for, such as a message to a station: 10 seconds
    /// in all (HTC-02), 5 to connect.
    ///
    /// The settings of [`slow`](Self::slow) and [`quick`](Self::quick) share these values: `https`
    /// only, answers of at most 1 MiB, the usual breaker (5 failures in a row, 60 seconds), and 3
    /// retries after 250 ms · 2ⁿ ± 50 %, at most 5 s, of at most a tenth of the requests. One
    /// attempt may take all of the time, because a late answer is worth more than another attempt.
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

    /// Settings for services that compute before they answer, such as a bot: 15 seconds in all
    /// (HTC-02), 5 to connect; otherwise the [usual](Self::usual).
    #[must_use]
    pub fn slow(origin: Origin) -> Self {
        Self { attempt: Duration::from_secs(15), total: Duration::from_secs(15), ..Self::usual(origin) }
    }

    /// Settings for calls that everything else waits for, such as signing in: 5 seconds in all
    /// (HTC-02), 2 to connect; otherwise the [usual](Self::usual).
    #[must_use]
    pub fn quick(origin: Origin) -> Self {
        Self {
            connect: Duration::from_secs(2),
            attempt: Duration::from_secs(5),
            total: Duration::from_secs(5),
            ..Self::usual(origin)
        }
    }

    /// Checks that the times are in order, and that a plain origin is allowed.
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

/// Settings that are not valid for any destination.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidDestination {
    /// Plain `http`, which was not allowed.
    #[error("origin {origin}: expected https, for plain_allowed is false")]
    Plain {
        /// The refused origin.
        origin: Origin,
    },
    /// An address that may not be called.
    #[error(transparent)]
    AddressRefused(#[from] AddressRefusedError),
    /// A time that is shorter than a time that it must include.
    #[error("{name} is {value:?}: expected at least {expected}{least:?}")]
    Time {
        /// The name of the time.
        name: &'static str,
        /// Its value.
        value: Duration,
        /// The name of the time that it must include, followed by a comma; empty if there is none.
        expected: &'static str,
        /// The least value that is valid.
        least: Duration,
    },
    /// The settings of the breaker are not valid.
    #[error("breaker: {0}")]
    Breaker(#[from] InvalidBreaker),
    /// The share of retries is not valid.
    #[error("budget: {0}")]
    Budget(#[from] InvalidBudget),
}
