//! [`Breakers`]: one breaker per target, with bounded memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Breaker, BreakerConfig, InvalidBreaker, State};
use crate::Clock;

/// A breaker per key. When the table is full, healthy breakers that nobody holds are forgotten; one that is not closed, or
/// has seen a failure, never is. What is forgotten with them are successes only, which a rate over calls would have counted.
#[derive(Debug)]
pub struct Breakers<K, C> {
    config: BreakerConfig,
    clock: C,
    most: usize,
    watched: Mutex<HashMap<K, Arc<Breaker<C>>>>,
}

/// The table is full of breakers that must not be forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{most} targets are watched already and none of them can be forgotten")]
pub struct NoRoom {
    /// How many targets there can be.
    pub most: usize,
}

impl<K: Eq + Hash, C: Clock + Clone> Breakers<K, C> {
    /// A registry whose breakers all have the same settings, for at most so many targets.
    ///
    /// # Errors
    ///
    /// [`InvalidBreaker`] names the setting that no breaker can have.
    pub fn new(config: BreakerConfig, clock: C, most: usize) -> Result<Self, InvalidBreaker> {
        config.check()?;
        Ok(Self { config, clock, most, watched: Mutex::default() })
    }

    /// The breaker of a target; a new one is closed.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if the target is new and the table is full of breakers that must not be forgotten.
    pub fn get(&self, key: K) -> Result<Arc<Breaker<C>>, NoRoom> {
        let mut breakers = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(breaker) = breakers.get(&key) {
            return Ok(Arc::clone(breaker));
        }
        if breakers.len() >= self.most {
            breakers.retain(|_, breaker| Arc::strong_count(breaker) > 1 || !is_like_new(breaker));
        }
        let room = breakers.len() < self.most;
        // The settings were checked when the registry was made.
        let breaker = room.then(|| Breaker::new(self.config, self.clock.clone()).ok()).flatten();
        let breaker = Arc::new(breaker.ok_or(NoRoom { most: self.most })?);
        breakers.insert(key, Arc::clone(&breaker));
        Ok(breaker)
    }

    /// How many targets are watched.
    #[must_use]
    pub fn len(&self) -> usize {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether no target is watched.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Whether a breaker has seen nothing but successes.
fn is_like_new<C: Clock>(breaker: &Breaker<C>) -> bool {
    let snapshot = breaker.snapshot();
    snapshot.state == State::Closed
        && snapshot.failures_in_a_row == 0
        && snapshot.level == 0
        && snapshot.window.is_none_or(|counts| counts.failures + counts.slow + counts.abandoned == 0)
}
