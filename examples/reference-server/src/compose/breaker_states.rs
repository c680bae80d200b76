//! [`BreakerStates`]: which circuit breakers of the process refuse their calls.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sqal_resilience::breaker::{Event, Observer, State};

/// Which breakers are open. Clones share everything.
///
/// A breaker that is probed counts as open: while its dependency is away, it is half open at each
/// probe, and open again after it.
#[derive(Clone, Debug, Default)]
pub(super) struct BreakerStates(Arc<Mutex<BTreeMap<&'static str, bool>>>);

impl BreakerStates {
    /// What observes the breaker of a name, which is closed now.
    pub(super) fn of(&self, name: &'static str) -> ObservedBreaker {
        self.open().insert(name, false);
        ObservedBreaker { name, states: self.clone() }
    }

    /// Every breaker, each with whether it is open.
    pub(super) fn all(&self) -> Vec<(&'static str, bool)> {
        self.open().iter().map(|(name, is_open)| (*name, *is_open)).collect()
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<&'static str, bool>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Notes when a breaker opens and when it is closed again.
#[derive(Clone, Debug)]
pub(super) struct ObservedBreaker {
    name: &'static str,
    states: BreakerStates,
}

impl Observer for ObservedBreaker {
    fn changed(&self, event: &Event) {
        let is_open = matches!(event.to, State::Open | State::HalfOpen | State::ForcedOpen);
        self.states.open().insert(self.name, is_open);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sqal_resilience::breaker::OpenFor;
    use sqal_resilience::{Breaker, BreakerConfig, ManualClock, Outcome};

    use super::*;

    #[test]
    fn a_breaker_is_open_until_it_is_closed_whatever_its_probes_do() {
        let (clock, states) = (ManualClock::new(), BreakerStates::default());
        let config = BreakerConfig { open_for: OpenFor::always(Duration::from_secs(5)), ..BreakerConfig::default() };
        let breaker = Breaker::new(config, clock.clone()).unwrap();
        let breaker = breaker.observed_by(states.of("database"));
        let _other = states.of("cache");
        let fail = || {
            if let Ok(permit) = breaker.acquire() {
                permit.report(Outcome::Failure);
            }
        };
        assert_eq!(states.all(), [("cache", false), ("database", false)]);
        for _ in 0..100 {
            fail();
        }
        for _ in 0..10 {
            clock.advance(Duration::from_mins(1));
            assert_eq!(states.all(), [("cache", false), ("database", true)]);
            fail();
        }
        while states.all().iter().any(|(_, is_open)| *is_open) {
            clock.advance(Duration::from_secs(6));
            breaker.acquire().unwrap().report(Outcome::Success);
        }
    }
}
