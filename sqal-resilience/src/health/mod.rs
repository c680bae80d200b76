//! [`HealthRegistry`]: whether the process has started, is live and is ready, by cached checks.
//!
//! - **startup**: every expected component has started once. It never goes back.
//! - **live**: the process itself is running. No dependency is ever asked, because a restart of the
//!   service does not repair its database.
//! - **ready**: every *critical* component works. A component that is not critical only degrades.
//!
//! [`HealthRegistry::run`] makes the checks, each at its own interval and within its own time
//! limit. A probe never makes a check: it reads what is known, and waits at most for a lock of some
//! nanoseconds, however often it comes.

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

/// Makes a check, which works or fails with a reason.
type Check = Arc<dyn Fn() -> Checking + Send + Sync>;

/// A check under way.
type Checking = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// What a process knows about its health. Clones share it.
///
/// ```
/// use sqal_resilience::{health::{CheckConfig, Status}, HealthRegistry, Shutdown, TokioClock};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let health = HealthRegistry::new(TokioClock, Shutdown::default());
/// health.register("database", CheckConfig::critical(), || async { Ok::<_, String>(()) })?;
/// health.register("cache", CheckConfig::optional(), || async { Err("connection refused") })?;
/// assert!(!health.is_ready()); // no check has run yet
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
    shutdown: Mutex<Shutdown>,
    born: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    components: BTreeMap<String, Known>,
    /// The names that must start, and whether each has started.
    expected: BTreeMap<String, bool>,
    /// How long starting took; `None` until it is over.
    started: Option<Duration>,
    /// When the checking task was last seen at work, and the time without it after which the
    /// process counts as dead.
    heartbeat: Option<(Instant, Duration)>,
}

/// A component that cannot be registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidComponent {
    /// A component of this name is registered already.
    #[error("component {0:?}: there is one of that name already")]
    Duplicate(String),
    /// `stale_after` is too short: an answer would expire before the next one can come.
    #[error(
        "component {name:?}: stale_after {stale_after:?} is below interval and timeout together ({least:?}): it would be unknown in between"
    )]
    Stale {
        /// The name of the component.
        name: String,
        /// How long an answer is valid.
        stale_after: Duration,
        /// The longest time until the next answer.
        least: Duration,
    },
}

/// The health of a process at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HealthReport {
    /// The worst status of all components, where a component that is not critical can only degrade.
    pub status: Status,
    /// Whether work should be sent to this process: every critical component works, and the process
    /// is not ending.
    pub ready: bool,
    /// Whether the process is ending.
    pub ending: bool,
    /// All components, by name.
    pub components: Vec<Component>,
}

impl<C: Clock> HealthRegistry<C> {
    /// A registry without components. Once the shutdown begins it is not ready, before anything
    /// else changes.
    pub fn new(clock: C, shutdown: Shutdown) -> Self {
        let born = clock.now();
        Self(Arc::new(Shared { clock, shutdown: Mutex::new(shutdown), born, state: Mutex::default() }))
    }

    /// Once this shutdown begins, instead of the one before, the registry is not ready. The
    /// components stay, and so do all clones.
    pub fn end_with(&self, shutdown: &Shutdown) {
        *self.0.shutdown.lock().unwrap_or_else(PoisonError::into_inner) = shutdown.clone();
    }

    /// Whether the process is ending.
    fn is_ending(&self) -> bool {
        !self.0.shutdown.lock().unwrap_or_else(PoisonError::into_inner).is_ready()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No foreign code runs under the lock, so a poisoned lock still guards a consistent state.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a component whose status comes from a check.
    ///
    /// # Errors
    ///
    /// [`InvalidComponent`] if the name is taken, or if an answer would expire before the next one.
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

    /// Adds a component whose status comes from its breaker: open is down, half open is degraded.
    /// No request is sent over any network.
    ///
    /// # Errors
    ///
    /// [`InvalidComponent`] if the name is taken.
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

    /// Removes a component, so that another can be registered under its name. Returns whether there
    /// was one.
    #[expect(clippy::must_use_candidate, reason = "a part that was not there is removed, too")]
    pub fn remove(&self, name: &str) -> bool {
        self.state().components.remove(name).is_some()
    }

    /// Declares that starting is not over before `name` has started.
    pub fn expect(&self, name: impl Into<String>) {
        let mut state = self.state();
        if state.started.is_none() {
            state.expected.entry(name.into()).or_insert(false);
        }
    }

    /// Declares that `name` has started. When all expected names have, starting is over for good.
    pub fn mark_started(&self, name: impl Into<String>) {
        let now = self.0.clock.now();
        let mut state = self.state();
        state.expected.insert(name.into(), true);
        if state.expected.values().all(|started| *started) {
            state.started.get_or_insert(now.saturating_duration_since(self.0.born));
        }
    }

    /// How long starting took; `None` until it is over.
    #[must_use]
    pub fn started(&self) -> Option<Duration> {
        self.state().started
    }

    /// The names that have not started yet.
    #[must_use]
    pub fn missing(&self) -> Vec<String> {
        let state = self.state();
        state.expected.iter().filter(|(_, started)| !**started).map(|(name, _)| name.clone()).collect()
    }

    /// Whether the process is running. While [`HealthRegistry::run`] runs, its task must have been
    /// at work recently, so that a blocked runtime is found out.
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

    /// Whether work should be sent to this process.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        if self.is_ending() {
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

    /// The health of the process now.
    #[must_use]
    pub fn report(&self) -> HealthReport {
        let now = self.0.clock.now();
        let said: Vec<_> = {
            let state = self.state();
            state.components.iter().map(|(name, known)| (known.component(name), known.said(now))).collect()
        };
        let told = said.into_iter().map(|(component, said)| Component { status: said.status(), ..component });
        let components: Vec<_> = told.collect();
        let ending = self.is_ending();
        let felt = |component: &Component| match component.status {
            Status::Up => Status::Up,
            status if component.critical => status,
            _ => Status::Degraded,
        };
        let status = components.iter().map(felt).max().unwrap_or(Status::Up);
        HealthReport { status, ready: !ending && status.works(), ending, components }
    }

    /// Makes all checks once, at the same time, each within its own time limit.
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

    /// Begins the checks that are due at `now`, or all checks if it is `None`.
    fn begin_due(&self, checks: &mut Checks<impl FnMut(&str, Answer)>, now: Option<Instant>) {
        let due: Vec<_> = {
            let mut state = self.state();
            let due = state.components.iter_mut().filter_map(|(name, known)| {
                let due = now.is_none_or(|now| known.is_due(now));
                due.then(|| Some((name.clone(), known.check()?, known.config.timeout))).flatten()
            });
            due.collect()
        };
        // Checks run foreign code, so they are called outside the lock.
        for (name, check, limit) in due {
            checks.begin(name, &check, limit);
        }
    }

    /// Makes the checks for as long as it is polled, each at its own interval, and shows that the
    /// runtime is at work. Components may be added meanwhile.
    ///
    /// `beat` is the interval at which it looks for due checks. After ten missed beats the process
    /// counts as dead.
    pub async fn run(&self, beat: Duration) {
        let beat = beat.max(Duration::from_millis(1));
        // If no task makes checks any more (because the process ends, for example), the process
        // does not count as dead: its answers expire.
        let _beating = Beating(self);
        let mut checks = self.checks();
        loop {
            let now = self.0.clock.now();
            self.state().heartbeat = Some((now, beat.saturating_mul(10)));
            self.begin_due(&mut checks, Some(now));
            // Checks go on over the beats, so a check that hangs delays neither the beat nor the
            // other checks.
            let pause = tokio::time::sleep(beat);
            tokio::pin!(pause);
            tokio::select! {
                () = &mut checks => pause.await,
                () = &mut pause => {}
            }
        }
    }
}

/// Clears the heartbeat when the task that makes it ends.
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
