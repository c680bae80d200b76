//! [`HealthRegistry`]: has it started, is it alive, should work come here; checks are cached, bounded and never made by whoever asks.
//!
//! - **startup**: every expected component has started once. It never goes back.
//! - **live**: the process itself goes on. No dependency is ever asked: to restart a service because its database is down helps nobody.
//! - **ready**: every *critical* component works. One that is not critical only degrades.
//!
//! [`HealthRegistry::run`] makes the checks, each at its own interval and within its own time; probes read what is known, at most a lock of some
//! nanoseconds away, however often they come.

mod checks;
mod component;

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use checks::Checks;
use component::{Answer, Known, Said, Source};
pub use component::{CheckConfig, Component, Status};

use crate::{Breaker, Clock, Shutdown};

/// A check: works, or says why not.
type Check = Arc<dyn Fn() -> Checking + Send + Sync>;

/// A check under way.
type Checking = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// What a process knows of its health; clones share it.
///
/// ```
/// use sqal_resilience::{CheckConfig, HealthRegistry, Shutdown, Status, TokioClock};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let health = HealthRegistry::new(TokioClock, Shutdown::default());
/// health.register("database", CheckConfig::critical(), || async { Ok::<_, String>(()) })?;
/// health.register("cache", CheckConfig::optional(), || async { Err("connection refused") })?;
/// assert!(!health.is_ready()); // nobody has looked yet
/// health.look().await;
/// assert!(health.is_ready()); // degraded, and that is no reason to send work elsewhere
/// assert_eq!(health.report().status, Status::Degraded);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct HealthRegistry<C>(Arc<Shared<C>>);

struct Shared<C> {
    clock: C,
    shutdown: Shutdown,
    born: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    components: BTreeMap<String, Known>,
    /// What must start, and whether it has.
    expected: BTreeMap<String, bool>,
    /// How long starting took, once it is over.
    started: Option<Duration>,
    /// When the checking task was last seen at work, and after how long it is missed.
    heartbeat: Option<(Instant, Duration)>,
}

/// A component that cannot be watched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidComponent {
    /// There is one of that name.
    #[error("component {0:?}: there is one of that name already")]
    Duplicate(String),
    /// Its answers would be forgotten before the next one can come.
    #[error(
        "component {name:?}: stale_after {stale_after:?} is below interval and timeout together ({least:?}): it would be unknown in between"
    )]
    Stale {
        /// Its name.
        name: String,
        /// How long an answer is believed.
        stale_after: Duration,
        /// How long until the next one at most.
        least: Duration,
    },
}

/// What is known at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthReport {
    /// The worst of all, where what is not critical can only degrade.
    pub status: Status,
    /// Whether work should come here: every critical component works, and the process is not ending.
    pub ready: bool,
    /// Whether the process is ending.
    pub ending: bool,
    /// Every component, by name.
    pub components: Vec<Component>,
}

impl<C: Clock> HealthRegistry<C> {
    /// Knows nothing yet. Once the shutdown begins it is not ready, before anything else changes.
    pub fn new(clock: C, shutdown: Shutdown) -> Self {
        let born = clock.now();
        Self(Arc::new(Shared { clock, shutdown, born, state: Mutex::default() }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code of anybody else runs under the lock, so a poisoned one still guards a whole state.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a component that is checked by asking it.
    ///
    /// # Errors
    ///
    /// [`InvalidComponent`] if there is one of that name, or its answers would be forgotten too soon.
    pub fn register<F, E>(
        &self,
        name: impl Into<String>,
        config: CheckConfig,
        check: impl Fn() -> F + Send + Sync + 'static,
    ) -> Result<(), InvalidComponent>
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: fmt::Display,
    {
        let check = move || -> Checking {
            let checking = check();
            Box::pin(async move { checking.await.map_err(|error| error.to_string()) })
        };
        self.add(name.into(), config, Source::Check(Arc::new(check)))
    }

    /// Adds a component whose breaker says how it is: open is down, half open is degraded. Nothing is asked over any network.
    ///
    /// # Errors
    ///
    /// [`InvalidComponent`] if there is one of that name, or its answers would be forgotten too soon.
    pub fn register_breaker<D: Clock + 'static>(
        &self,
        name: impl Into<String>,
        critical: bool,
        breaker: Arc<Breaker<D>>,
    ) -> Result<(), InvalidComponent> {
        let config = if critical { CheckConfig::critical() } else { CheckConfig::optional() };
        self.add(name.into(), config, Source::Breaker(Arc::new(move || breaker.state())))
    }

    fn add(&self, name: String, config: CheckConfig, source: Source) -> Result<(), InvalidComponent> {
        let least = config.interval.saturating_add(config.timeout);
        if config.stale_after < least {
            return Err(InvalidComponent::Stale { name, stale_after: config.stale_after, least });
        }
        let mut state = self.state();
        if state.components.contains_key(&name) {
            return Err(InvalidComponent::Duplicate(name));
        }
        state.components.insert(name, Known::new(config, source));
        Ok(())
    }

    /// Forgets a component, so that another can be registered under its name; says whether there was one.
    #[expect(clippy::must_use_candidate, reason = "a part that was not there is removed, too")]
    pub fn remove(&self, name: &str) -> bool {
        self.state().components.remove(name).is_some()
    }

    /// Says that starting is not over before this has started.
    pub fn expect(&self, name: impl Into<String>) {
        let mut state = self.state();
        if state.started.is_none() {
            state.expected.entry(name.into()).or_insert(false);
        }
    }

    /// Says that it has. When all that is expected has, starting is over for good.
    pub fn mark_started(&self, name: impl Into<String>) {
        let now = self.0.clock.now();
        let mut state = self.state();
        state.expected.insert(name.into(), true);
        if state.expected.values().all(|started| *started) {
            state.started.get_or_insert(now.saturating_duration_since(self.0.born));
        }
    }

    /// How long starting took; `None` while it is not over.
    #[must_use]
    pub fn started(&self) -> Option<Duration> {
        self.state().started
    }

    /// What has not started yet.
    #[must_use]
    pub fn missing(&self) -> Vec<String> {
        let state = self.state();
        state.expected.iter().filter(|(_, started)| !**started).map(|(name, _)| name.clone()).collect()
    }

    /// Whether the process goes on. If [`HealthRegistry::run`] has run, its task must have been at work lately: a runtime that is blocked is found out.
    #[must_use]
    pub fn is_live(&self) -> bool {
        let now = self.0.clock.now();
        self.state().heartbeat.is_none_or(|(seen, patience)| now.saturating_duration_since(seen) <= patience)
    }

    /// How long the process has been running.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.0.clock.now().saturating_duration_since(self.0.born)
    }

    /// Whether work should come here.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        if !self.0.shutdown.is_ready() {
            return false;
        }
        let now = self.0.clock.now();
        let mut breakers = Vec::new();
        {
            let state = self.state();
            for known in state.components.values().filter(|known| known.config.critical) {
                match known.said(now) {
                    Said::Status(status) if status.works() => {}
                    Said::Status(_) => return false,
                    asked @ Said::Ask(_) => breakers.push(asked),
                }
            }
        }
        breakers.into_iter().all(|asked| asked.status().works())
    }

    /// What is known now.
    #[must_use]
    pub fn report(&self) -> HealthReport {
        let now = self.0.clock.now();
        let said: Vec<_> = {
            let state = self.state();
            state.components.iter().map(|(name, known)| (known.component(name), known.said(now))).collect()
        };
        let told = said.into_iter().map(|(component, said)| Component { status: said.status(), ..component });
        let components: Vec<_> = told.collect();
        let ending = !self.0.shutdown.is_ready();
        let felt = |component: &Component| match component.status {
            Status::Up => Status::Up,
            status if component.critical => status,
            _ => Status::Degraded,
        };
        let status = components.iter().map(felt).max().unwrap_or(Status::Up);
        HealthReport { status, ready: !ending && status.works(), ending, components }
    }

    /// Checks everything once, all at the same time, each within its own time.
    pub async fn look(&self) {
        let mut checks = self.checks();
        self.begin_due(&mut checks, None);
        checks.await;
    }

    fn checks(&self) -> Checks<impl FnMut(&str, Answer) + use<'_, C>> {
        Checks::new(|name: &str, answer| {
            let now = self.0.clock.now();
            if let Some(known) = self.state().components.get_mut(name) {
                known.learn(answer, now);
            }
        })
    }

    /// Begins the checks that are due at a time, or all.
    fn begin_due(&self, checks: &mut Checks<impl FnMut(&str, Answer)>, now: Option<Instant>) {
        let due: Vec<_> = {
            let mut state = self.state();
            let due = state.components.iter_mut().filter_map(|(name, known)| {
                let due = now.is_none_or(|now| known.is_due(now));
                due.then(|| Some((name.clone(), known.check()?, known.config.timeout))).flatten()
            });
            due.collect()
        };
        // Checks are somebody else's code: outside the lock.
        for (name, check, limit) in due {
            checks.begin(name, &check, limit);
        }
    }

    /// Makes the checks for as long as it is polled, each at its own interval, and shows that the runtime is at work. Components may be added meanwhile.
    ///
    /// `beat` is how often it looks what is due; after ten missed beats the process is taken for dead.
    pub async fn run(&self, beat: Duration) {
        let beat = beat.max(Duration::from_millis(1));
        // When nobody makes checks any more (the process ends, say) that is no sign of death: what was known grows old.
        let _beating = Beating(self);
        let mut checks = self.checks();
        loop {
            let now = self.0.clock.now();
            self.state().heartbeat = Some((now, beat.saturating_mul(10)));
            self.begin_due(&mut checks, Some(now));
            // Checks go on over the beats: one that hangs delays neither the beat nor the others.
            let pause = tokio::time::sleep(beat);
            tokio::pin!(pause);
            tokio::select! {
                () = &mut checks => pause.await,
                () = &mut pause => {}
            }
        }
    }
}

/// Ends the heartbeat with the task that makes it.
struct Beating<'a, C: Clock>(&'a HealthRegistry<C>);

impl<C: Clock> Drop for Beating<'_, C> {
    fn drop(&mut self) {
        self.0.state().heartbeat = None;
    }
}

impl<C> fmt::Debug for HealthRegistry<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("HealthRegistry").field("components", &state.components.keys()).finish_non_exhaustive()
    }
}
