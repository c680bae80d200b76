//! [`Breakers`]: one breaker per target, with bounded memory.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Breaker, BreakerConfig, InvalidBreaker, Observer, State};
use crate::{Clock, Rejected, rejected::Reason};

/// One breaker per key. If the table is full, healthy breakers that no caller holds are forgotten.
/// A breaker is never forgotten if it is not closed, or if it still counts a failure, a slow call,
/// an abandoned call or a failed recovery. With a healthy breaker only successes are forgotten,
/// which a rate over calls would have counted.
#[derive(Debug)]
pub struct Breakers<K, C> {
    config: BreakerConfig,
    clock: C,
    most: usize,
    watched: Mutex<HashMap<K, Arc<Breaker<C>>>>,
    observe: Option<Observe<K>>,
}

/// Makes the observer for the breaker of a key.
struct Observe<K>(Box<ObserverOf<K>>);

type ObserverOf<K> = dyn Fn(&K) -> Arc<dyn Observer> + Send + Sync;

impl<K> fmt::Debug for Observe<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observe")
    }
}

/// The table is full of breakers that must not be forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{most} targets are watched already and none of them can be forgotten")]
pub struct RegistryFullError {
    /// The maximum number of targets.
    pub most: usize,
}

impl From<RegistryFullError> for Rejected {
    fn from(_: RegistryFullError) -> Self {
        Self::because(Reason::Overloaded)
    }
}

impl<K: Eq + Hash, C: Clock + Clone> Breakers<K, C> {
    /// A registry for at most `most` targets, whose breakers all have these settings.
    ///
    /// # Errors
    ///
    /// [`InvalidBreaker`] names the setting that is not valid.
    pub fn new(config: BreakerConfig, clock: C, most: usize) -> Result<Self, InvalidBreaker> {
        config.check()?;
        Ok(Self { config, clock, most, watched: Mutex::default(), observe: None })
    }

    /// Makes an observer for the breaker of each key, which receives its changes of state. Shared
    /// metrics should not be labelled by a key that clients from outside choose.
    #[must_use]
    pub fn observed_by(self, observe: impl Fn(&K) -> Arc<dyn Observer> + Send + Sync + 'static) -> Self {
        Self { observe: Some(Observe(Box::new(observe))), ..self }
    }

    /// All watched targets, each with its breaker.
    #[must_use]
    pub fn all(&self) -> Vec<(K, Arc<Breaker<C>>)>
    where
        K: Clone,
    {
        let breakers = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        breakers.iter().map(|(key, breaker)| (key.clone(), Arc::clone(breaker))).collect()
    }

    /// The breaker of a target. If the target is new, its breaker is closed.
    ///
    /// # Errors
    ///
    /// [`RegistryFullError`] if the target is new and the table is full of breakers that must not
    /// be forgotten.
    pub fn get(&self, key: K) -> Result<Arc<Breaker<C>>, RegistryFullError> {
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
        let mut breaker = breaker.ok_or(RegistryFullError { most: self.most })?;
        breaker.observer = self.observe.as_ref().map(|observe| (observe.0)(&key));
        let breaker = Arc::new(breaker);
        breakers.insert(key, Arc::clone(&breaker));
        Ok(breaker)
    }

    /// The number of watched targets.
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

/// Whether a breaker is closed and counts nothing but successes.
fn is_like_new<C: Clock>(breaker: &Breaker<C>) -> bool {
    let snapshot = breaker.snapshot();
    snapshot.state == State::Closed
        && snapshot.failures_in_a_row == 0
        && snapshot.level == 0
        && snapshot.window.is_none_or(|counts| counts.failures + counts.slow + counts.abandoned == 0)
}
