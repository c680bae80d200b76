//! [`MeteredBreaker`]: a breaker with metrics of its state and its calls (MET-25, CBR-06).

use std::sync::Arc;

use metrics::{Counter, Gauge, counter, gauge};

use crate::{
    Breaker, Clock, Outcome, Rejected,
    breaker::{Event, InvalidBreaker, Observer, OwnedPermit, State},
};

/// The gauge `circuit_breaker_state` of one name, in the `metrics` facade: 0 closed, 1 open, 2 half
/// open, 3 disabled, 4 forced open, 5 metrics only. It exists from the beginning, at 0.
#[derive(Clone)]
pub struct StateGauge(Gauge);

impl std::fmt::Debug for StateGauge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("StateGauge").finish_non_exhaustive()
    }
}

impl StateGauge {
    /// The gauge of a name. The name is a label, so it should be one of a few that are known when
    /// the process starts.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        let gauge = gauge!("circuit_breaker_state", "name" => name);
        gauge.set(f64::from(State::Closed as u8));
        Self(gauge)
    }
}

impl Observer for StateGauge {
    fn changed(&self, event: &Event) {
        self.0.set(f64::from(event.to as u8));
    }
}

/// The outcomes of a call, as the label `outcome` of `circuit_breaker_calls_total`. A call is
/// counted once.
#[derive(Clone)]
struct Calls {
    success: Counter,
    failure: Counter,
    ignored: Counter,
    rejected: Counter,
    abandoned: Counter,
}

/// A breaker that counts its calls and shows its state, through the `metrics` facade. The plain
/// [`Breaker`] knows nothing about metrics, and pays nothing for them.
///
/// ```
/// use sqal_resilience::{Breaker, BreakerConfig, metered::MeteredBreaker, Outcome, SystemClock};
///
/// let database = MeteredBreaker::new("database", BreakerConfig::default(), SystemClock)?;
/// database.acquire()?.report(Outcome::Success); // circuit_breaker_calls_total{name="database",outcome="success"} 1
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct MeteredBreaker<C> {
    breaker: Arc<Breaker<C>>,
    calls: Arc<Calls>,
}

impl<C> Clone for MeteredBreaker<C> {
    fn clone(&self) -> Self {
        Self { breaker: Arc::clone(&self.breaker), calls: Arc::clone(&self.calls) }
    }
}

impl<C: std::fmt::Debug> std::fmt::Debug for MeteredBreaker<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("MeteredBreaker").field(&self.breaker).finish()
    }
}

impl<C: Clock> MeteredBreaker<C> {
    /// A closed breaker with the label `name`. Each of its series exists from now on, at 0.
    ///
    /// # Errors
    ///
    /// [`InvalidBreaker`] names the setting that is not valid.
    pub fn new(name: &'static str, config: crate::BreakerConfig, clock: C) -> Result<Self, InvalidBreaker> {
        Self::observed_by(name, config, clock, |_: &Event| {})
    }

    /// A closed breaker with the label `name`, which reports its changes of state to `observer`.
    ///
    /// # Errors
    ///
    /// As [`MeteredBreaker::new`].
    pub fn observed_by(
        name: &'static str,
        config: crate::BreakerConfig,
        clock: C,
        observer: impl Observer + 'static,
    ) -> Result<Self, InvalidBreaker> {
        let count = |outcome: &'static str| {
            let counter = counter!("circuit_breaker_calls_total", "name" => name, "outcome" => outcome);
            counter.increment(0);
            counter
        };
        let calls = Calls {
            success: count("success"),
            failure: count("failure"),
            ignored: count("ignored"),
            rejected: count("rejected"),
            abandoned: count("abandoned"),
        };
        let breaker = Breaker::new(config, clock)?.observed_by((StateGauge::new(name), observer));
        Ok(Self { breaker: Arc::new(breaker), calls: Arc::new(calls) })
    }

    /// The breaker itself. Calls through it show in the state and are not counted.
    #[must_use]
    pub const fn breaker(&self) -> &Arc<Breaker<C>> {
        &self.breaker
    }

    /// Asks for permission to call the target.
    ///
    /// # Errors
    ///
    /// As [`Breaker::acquire`].
    pub fn acquire(&self) -> Result<MeteredPermit<C>, Rejected> {
        match self.breaker.acquire_owned() {
            Ok(permit) => Ok(MeteredPermit { permit: Some(permit), calls: Arc::clone(&self.calls) }),
            Err(refused) => {
                self.calls.rejected.increment(1);
                Err(refused)
            }
        }
    }
}

/// Permission for one call, which is counted when it is reported or dropped.
#[must_use = "a permit that is dropped is no evidence; report how the call went"]
pub struct MeteredPermit<C: Clock> {
    /// Taken when the permit is reported.
    permit: Option<OwnedPermit<C>>,
    calls: Arc<Calls>,
}

impl<C: Clock> std::fmt::Debug for MeteredPermit<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("MeteredPermit").field(&self.permit).finish()
    }
}

impl<C: Clock> MeteredPermit<C> {
    /// Reports how the call went.
    pub fn report(mut self, outcome: Outcome) {
        let counter = match outcome {
            Outcome::Success => &self.calls.success,
            Outcome::Failure => &self.calls.failure,
            Outcome::Ignored => &self.calls.ignored,
        };
        counter.increment(1);
        if let Some(permit) = self.permit.take() {
            permit.report(outcome);
        }
    }
}

impl<C: Clock> Drop for MeteredPermit<C> {
    fn drop(&mut self) {
        if self.permit.is_some() {
            // As in the breaker itself: a panic is a failure, anything else is abandoned.
            let counter = if std::thread::panicking() { &self.calls.failure } else { &self.calls.abandoned };
            counter.increment(1);
        }
    }
}
