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
use component::{Answer, Known, Source};
pub use component::{CheckConfig, Component, Status};

use crate::{Breaker, Clock, Shutdown};

/// A check: works, or says why not.
pub(crate) type Check = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync>;

/// What a process knows of its health; clones share it.
///
/// ```
/// use sqal_resilience::{CheckConfig, HealthRegistry, Shutdown, Status, TokioClock};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let health = HealthRegistry::new(TokioClock, Shutdown::default());
/// health.register("database", CheckConfig::critical(), || async { Ok(()) })?;
/// health.register("cache", CheckConfig::optional(), || async { Err("connection refused".to_owned()) })?;
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

/// There is a component of that name already.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("component {0:?}: there is one of that name already")]
pub struct DuplicateComponent(pub String);

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
    /// [`DuplicateComponent`] if there is one of that name.
    pub fn register<F>(
        &self,
        name: impl Into<String>,
        config: CheckConfig,
        check: impl Fn() -> F + Send + Sync + 'static,
    ) -> Result<(), DuplicateComponent>
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.add(name.into(), config, Source::Check(Arc::new(move || Box::pin(check()))))
    }

    /// Adds a component whose breaker says how it is: open is down, half open is degraded. Nothing is asked over any network.
    ///
    /// # Errors
    ///
    /// [`DuplicateComponent`] if there is one of that name.
    pub fn register_breaker<D: Clock + 'static>(
        &self,
        name: impl Into<String>,
        critical: bool,
        breaker: Arc<Breaker<D>>,
    ) -> Result<(), DuplicateComponent> {
        let config = if critical { CheckConfig::critical() } else { CheckConfig::optional() };
        self.add(name.into(), config, Source::Breaker(Box::new(move || breaker.state())))
    }

    fn add(&self, name: String, config: CheckConfig, source: Source) -> Result<(), DuplicateComponent> {
        let mut state = self.state();
        if state.components.contains_key(&name) {
            return Err(DuplicateComponent(name));
        }
        state.components.insert(name, Known::new(config, source));
        Ok(())
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
        let state = self.state();
        state.components.values().all(|known| !known.config.critical || known.status(now).works())
    }

    /// What is known now.
    #[must_use]
    pub fn report(&self) -> HealthReport {
        let now = self.0.clock.now();
        let components: Vec<_> =
            self.state().components.iter().map(|(name, known)| known.component(name, now)).collect();
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

impl<C> fmt::Debug for HealthRegistry<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("HealthRegistry").field("components", &state.components.keys()).finish_non_exhaustive()
    }
}
