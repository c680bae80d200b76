//! [`SharedBuckets`]: one limit for several processes, kept by a backend, or locally in an outage.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::decision::Answer;
use super::keyed::KeyedBuckets;
use super::quota::{InvalidQuota, Quota};
use crate::{
    Breaker, BreakerConfig, Clock, Outcome, SystemClock,
    breaker::{InvalidBreaker, OpenFor},
    timeout,
};

/// The store that keeps the buckets, such as a Redis. The store's own clock counts, because the
/// clocks of its clients may differ.
pub trait BucketBackend: Send + Sync {
    /// Why the backend gave no answer.
    type Error: std::error::Error + Send;

    /// Takes `n` tokens of a key in one atomic step, if they are there.
    fn take(&self, key: &str, n: u32) -> impl Future<Output = Result<Answer, Self::Error>> + Send;
}

/// What is answered while the backend is not available.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum OnOutage {
    /// Every request is allowed, also beyond the limit.
    Allow,
    /// Every request is refused, also below the limit.
    Deny,
    /// A bucket of this process alone decides, so each process admits as much as all of them
    /// together should.
    #[default]
    Local,
}

/// The settings of shared buckets. They begin with [`SharedConfig::new`]; the fields are then set.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct SharedConfig {
    /// The limit of each key. The backend must have the same limit.
    pub quota: Quota,
    /// What is answered while the backend is not available.
    pub on_outage: OnOutage,
    /// How long an answer may take before the backend counts as failed; 50 ms by default.
    pub patience: Duration,
    /// When the backend is not asked any more: by default after 5 failures in a row, for one
    /// second.
    pub breaker: BreakerConfig,
    /// The maximum number of keys that are remembered as refused, and of keys that have a local
    /// bucket; 10 000 by default.
    pub most_keys: usize,
}

impl SharedConfig {
    /// The default settings for a limit.
    #[must_use]
    pub fn new(quota: Quota) -> Self {
        let open_for = OpenFor::always(Duration::from_secs(1));
        Self {
            quota,
            on_outage: OnOutage::default(),
            patience: Duration::from_millis(50),
            breaker: BreakerConfig { open_for, ..BreakerConfig::default() },
            most_keys: 10_000,
        }
    }
}

/// Settings that are not valid for shared buckets.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidShared {
    /// The limit is not a valid quota.
    #[error(transparent)]
    Quota(#[from] InvalidQuota),
    /// The settings of the breaker around the backend are not valid.
    #[error(transparent)]
    Breaker(#[from] InvalidBreaker),
}

/// Where an answer comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnsweredBy {
    /// The backend.
    Backend,
    /// An earlier answer of the backend: the key is refused until the time that the backend gave.
    Memory,
    /// The setting for an outage, because the backend is not available.
    Outage,
}

/// Buckets that several processes share.
///
/// If a key was refused, the backend is not asked for it again before the time is over, so a caller
/// that hammers costs no round trips. If the backend fails or is slow, a breaker cuts it off, and
/// [`OnOutage`] answers. No caller waits longer than [`SharedConfig::patience`]. No lock is held
/// while a request is under way. If the backend loses its counts (a failover to a replica that
/// lagged), at most one more burst passes.
#[derive(Debug)]
pub struct SharedBuckets<B, C = SystemClock> {
    backend: B,
    config: SharedConfig,
    breaker: Breaker<C>,
    refused: Mutex<Memory>,
    local: KeyedBuckets<String>,
    outages: AtomicU64,
    clock: C,
}

/// The keys that were refused.
#[derive(Debug)]
struct Memory {
    refused: HashMap<String, Refused>,
    /// The next time at which a sweep of a full memory can find something to forget.
    sweep_after: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Refused {
    /// The number of tokens that were asked for; at `until` there will be as many.
    n: u32,
    until: Instant,
    full_at: Instant,
    answer: Answer,
}

impl<B: BucketBackend, C: Clock + Clone> SharedBuckets<B, C> {
    /// Buckets kept by a backend.
    ///
    /// # Errors
    ///
    /// [`InvalidShared`] names the setting that is not valid.
    pub fn new(backend: B, config: SharedConfig, clock: C) -> Result<Self, InvalidShared> {
        Ok(Self {
            backend,
            breaker: Breaker::new(config.breaker, clock.clone())?,
            refused: Mutex::new(Memory { refused: HashMap::new(), sweep_after: clock.now() }),
            local: KeyedBuckets::new(config.quota, config.most_keys)?,
            outages: AtomicU64::new(0),
            config,
            clock,
        })
    }

    /// Takes `n` tokens of a key if they are there. Returns the answer and its source.
    pub async fn take(&self, key: &str, n: u32) -> (Answer, AnsweredBy) {
        if let Some(answer) = self.remembered(key, n) {
            return (answer, AnsweredBy::Memory);
        }
        let Ok(permit) = self.breaker.acquire() else { return (self.without(key, n), AnsweredBy::Outage) };
        let Ok(Ok(answer)) = timeout(self.config.patience, self.backend.take(key, n)).await else {
            permit.report(Outcome::Failure);
            return (self.without(key, n), AnsweredBy::Outage);
        };
        permit.report(Outcome::Success);
        if !answer.allowed {
            self.remember(key, n, answer);
        }
        (answer, AnsweredBy::Backend)
    }

    /// The number of answers that the setting for an outage gave.
    #[must_use]
    pub fn outages(&self) -> u64 {
        self.outages.load(Ordering::Relaxed)
    }

    /// The backend.
    #[must_use]
    pub const fn backend(&self) -> &B {
        &self.backend
    }

    fn without(&self, key: &str, n: u32) -> Answer {
        self.outages.fetch_add(1, Ordering::Relaxed);
        #[cfg(feature = "metrics")]
        metrics::counter!("rate_limit_outages_total").increment(1);
        let quota = self.config.quota;
        let answer = |allowed, remaining| Answer {
            allowed,
            limit: quota.burst.get(),
            remaining,
            // The backend is tried again when the open time of the breaker is over.
            retry_after: Some(if allowed { Duration::ZERO } else { self.config.breaker.open_for.base }),
            reset_after: Duration::ZERO,
        };
        match self.config.on_outage {
            OnOutage::Allow => answer(true, quota.burst.get()),
            OnOutage::Deny => answer(false, 0),
            OnOutage::Local => self.local.take(key.to_owned(), n, self.clock.now()).answer(),
        }
    }

    /// The refusal of this key, if it still holds.
    fn remembered(&self, key: &str, n: u32) -> Option<Answer> {
        let now = self.clock.now();
        let refused = *self.refused.lock().unwrap_or_else(PoisonError::into_inner).refused.get(key)?;
        let until = |time: Instant| time.saturating_duration_since(now);
        let answer =
            Answer { retry_after: Some(until(refused.until)), reset_after: until(refused.full_at), ..refused.answer };
        // Fewer tokens may be there, and more tokens take longer.
        (n == refused.n && now < refused.until).then_some(answer)
    }

    fn remember(&self, key: &str, n: u32, answer: Answer) {
        let now = self.clock.now();
        // A refusal without a time is not remembered, so a caller may ask the backend again.
        let Some(until) = answer.retry_after.and_then(|time| now.checked_add(time)) else { return };
        let full_at = now.checked_add(answer.reset_after).unwrap_or(until);
        let mut memory = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let Memory { refused, sweep_after } = &mut *memory;
        let known = refused.contains_key(key);
        if !known && refused.len() >= self.config.most_keys && now >= *sweep_after {
            refused.retain(|_, refused| now < refused.until);
            // Nothing more can be forgotten before the earliest refusal ends.
            *sweep_after = refused.values().map(|refused| refused.until).min().unwrap_or(now);
        }
        if known || refused.len() < self.config.most_keys {
            refused.insert(key.to_owned(), Refused { n, until, full_at, answer });
        }
    }
}
