//! [`Shutdown`]: refuse work, wait for the rest, close in order, and report (SHD-01, SHD-03).
//!
//! ```text
//! RUNNING --begin--> NOT_READY ----------> DRAINING ----------> CLOSING ----------> DONE
//!                    readiness says 503,   new work is refused, closers run,
//!                    work is still done    the rest may finish  stage by stage
//!                    (ready_delay)         (drain)              (close, each)
//!                          \___________________|____________________/
//!                                   force (a second signal) --> FORCED
//! ```

mod active;
mod closers;
mod report;
#[cfg(unix)]
mod signals;
mod tally;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

pub use active::Active;
use active::Names;
use closers::Closers;
pub use closers::{Closed, HowClosed, Stage};
pub use report::Report;
#[cfg(unix)]
pub use signals::Signals;
pub use tally::Kind;
use tally::Tally;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use crate::{Rejected, rejected::Reason, timeout};

/// How far the shutdown has come. It only ever goes forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// New work is accepted.
    Running = 0,
    /// New work is still accepted, but the readiness probe says to send it elsewhere.
    NotReady = 1,
    /// New work is refused; work under way may finish.
    Draining = 2,
    /// The closers run.
    Closing = 3,
    /// All closers have run.
    Done = 4,
    /// The shutdown was forced, without waiting for its end.
    Forced = 5,
}

/// How long each phase may take. It begins with [`ShutdownConfig::default`]; its fields are then
/// set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct ShutdownConfig {
    /// How long work is still accepted after readiness has become false, so that balancers notice;
    /// 0 by default.
    #[cfg_attr(feature = "serde", serde(with = "crate::written"))]
    pub ready_delay: Duration,
    /// How long work under way may take to finish; 30 seconds by default.
    #[cfg_attr(feature = "serde", serde(with = "crate::written"))]
    pub drain: Duration,
    /// The time limit of each closer; 5 seconds by default.
    #[cfg_attr(feature = "serde", serde(with = "crate::written"))]
    pub close: Duration,
}

impl ShutdownConfig {
    /// The default limits, for a constant: no delay, 30 seconds to finish, 5 seconds to close.
    pub const USUAL: Self =
        Self { ready_delay: Duration::ZERO, drain: Duration::from_secs(30), close: Duration::from_secs(5) };
}

impl Default for ShutdownConfig {
    fn default() -> Self {
        Self::USUAL
    }
}

/// Coordinates the shutdown of one process. Clones share it.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use sqal_resilience::{Shutdown, ShutdownConfig, shutdown::Stage};
///
/// let shutdown = Shutdown::new(ShutdownConfig::default());
/// shutdown.on_close(Stage::STORES, "database pool", || async { Ok::<_, String>(()) }).unwrap();
/// let request = shutdown.track().unwrap();       // a request under way
/// shutdown.begin("SIGTERM");
/// assert!(shutdown.track().is_err());            // new ones are refused
/// drop(request);
/// let report = shutdown.run().await;             // waits, closes, reports
/// assert_eq!((report.exit_code(), report.closed[0].name.as_str()), (0, "database pool"));
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Shutdown(Arc<Core>);

#[derive(Debug)]
struct Core {
    config: ShutdownConfig,
    tally: Tally,
    phase: watch::Sender<Phase>,
    /// Notified when work under way has ended and a drain may wait for it.
    ended: Notify,
    names: Names,
    closers: Closers,
    /// Whether a task goes through the shutdown, and (`report`) how it ended.
    running: AtomicBool,
    report: watch::Sender<Option<Report>>,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new(ShutdownConfig::default())
    }
}

impl Shutdown {
    /// The coordinator of a process that is running.
    #[must_use]
    pub fn new(config: ShutdownConfig) -> Self {
        Self(Arc::new(Core {
            config,
            tally: Tally::new(),
            phase: watch::Sender::new(Phase::Running),
            ended: Notify::new(),
            names: Names::default(),
            closers: Closers::default(),
            running: AtomicBool::new(false),
            report: watch::Sender::new(None),
        }))
    }

    /// How long each phase may take.
    #[must_use]
    pub fn config(&self) -> ShutdownConfig {
        self.0.config
    }

    /// How far the shutdown has come. This costs one load.
    #[inline]
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.0.tally.now().phase()
    }

    /// Whether new work should be sent to this process.
    #[inline]
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.phase() == Phase::Running
    }

    /// Whether new work is refused.
    #[inline]
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.phase() >= Phase::Draining
    }

    /// Goes forward to a phase; returns whether that changed the phase. `say` writes to the log
    /// before any waiting task is woken, so that the log has the order of the phases.
    fn advance(&self, to: Phase, say: impl FnOnce()) -> bool {
        if !self.0.tally.advance(to) {
            return false;
        }
        say();
        // Two threads that advance at once may come here in the other order, so the published phase
        // only goes forward too.
        self.0.phase.send_if_modified(|phase| {
            let forward = *phase < to;
            *phase = (*phase).max(to);
            forward
        });
        true
    }

    /// Begins the shutdown; `signal` is named in the log. If the shutdown has begun already, this
    /// changes nothing.
    ///
    /// Without a delay for readiness, new work is refused from now on. Otherwise [`Shutdown::run`]
    /// refuses it after that delay.
    pub fn begin(&self, signal: &str) {
        let said = || info!("Shutdown signal received ({signal})");
        if self.advance(Phase::NotReady, said) && self.0.config.ready_delay.is_zero() {
            self.refuse();
        }
    }

    fn refuse(&self) {
        self.advance(Phase::Draining, || info!("Rejecting new requests (503)"));
    }

    /// Waits no longer: [`Shutdown::run`] returns at once.
    pub fn force(&self) {
        if self.phase() < Phase::Done && self.advance(Phase::Forced, || {}) {
            warn!("Shutdown forced");
        }
    }

    /// Waits until a phase is reached, or passed.
    pub async fn reached(&self, phase: Phase) {
        let mut seen = self.0.phase.subscribe();
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = seen.wait_for(|now| *now >= phase).await;
    }

    /// Runs a future that is dropped as soon as new work is refused, such as a wait for a token,
    /// for a place or for the next try.
    ///
    /// # Errors
    ///
    /// [`Reason::ShuttingDown`] if the future was dropped.
    pub async fn unless_draining<F: Future>(&self, future: F) -> Result<F::Output, Rejected> {
        self.unless(Phase::Draining, future).await
    }

    /// Runs a future that is dropped as soon as the shutdown begins, such as starting.
    ///
    /// # Errors
    ///
    /// [`Reason::ShuttingDown`] if the future was dropped.
    pub async fn unless_begun<F: Future>(&self, future: F) -> Result<F::Output, Rejected> {
        self.unless(Phase::NotReady, future).await
    }

    async fn unless<F: Future>(&self, phase: Phase, future: F) -> Result<F::Output, Rejected> {
        tokio::select! {
            biased;
            () = self.reached(phase) => Err(Rejected::because(Reason::ShuttingDown)),
            output = future => Ok(output),
        }
    }

    /// Registers a closer. Stages are closed one after the other, and within a stage the closer
    /// that was registered last runs first. If a closer fails, panics or takes too long, the others
    /// still run.
    ///
    /// # Errors
    ///
    /// [`Reason::ShuttingDown`] if all closers have run already: this one would never run.
    pub fn on_close<F, E>(
        &self,
        stage: Stage,
        name: impl Into<String>,
        close: impl FnOnce() -> F + Send + 'static,
    ) -> Result<(), Rejected>
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: std::fmt::Display,
    {
        self.0.closers.add(stage, name.into(), None, close)
    }

    /// Registers a closer for something that is counted: the log has the count when it is closed.
    ///
    /// # Errors
    ///
    /// As [`Shutdown::on_close`].
    pub fn on_close_counted<F, E>(
        &self,
        stage: Stage,
        name: impl Into<String>,
        count: impl FnOnce() -> usize + Send + 'static,
        close: impl FnOnce() -> F + Send + 'static,
    ) -> Result<(), Rejected>
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: std::fmt::Display,
    {
        self.0.closers.add(stage, name.into(), Some(Box::new(count)), close)
    }

    /// Waits for the shutdown to begin and goes through it: the delay, the drain, the closers.
    /// Every further call returns the report of the first one.
    ///
    /// The shutdown runs in a task of its own, so dropping this future stops nothing.
    pub async fn run(&self) -> Report {
        if !self.0.running.swap(true, Ordering::AcqRel) {
            let shutdown = self.clone();
            tokio::spawn(async move {
                let report = shutdown.end().await;
                shutdown.0.report.send_replace(Some(report));
            });
        }
        let mut report = self.0.report.subscribe();
        // The sender lives as long as `self`, so waiting cannot fail.
        let report = report.wait_for(Option::is_some).await;
        report.ok().and_then(|report| Option::clone(&report)).unwrap_or_default()
    }

    async fn end(&self) -> Report {
        self.reached(Phase::NotReady).await;
        let begun = Instant::now();
        let mut report = Report::default();
        tokio::select! {
            biased;
            () = self.reached(Phase::Forced) => {}
            () = self.orderly(&mut report) => {}
        }
        self.advance(Phase::Done, || {});
        report.forced = self.phase() == Phase::Forced;
        if report.forced {
            self.abandon(&mut report);
        }
        report.closed.extend(self.0.closers.give_up());
        report.panicked = self.0.names.panicked();
        report.took = begun.elapsed();
        if report.exit_code() == 0 {
            info!("Graceful shutdown completed in {:.1}s", report.took.as_secs_f64());
        } else {
            warn!(faults = %report, "Shutdown ended after {:.1}s with faults", report.took.as_secs_f64());
        }
        report
    }

    async fn orderly(&self, report: &mut Report) {
        if !self.is_draining() {
            sleep(self.0.config.ready_delay).await;
            self.refuse();
        }
        // `refuse` has logged the phase change when this phase is reached.
        self.reached(Phase::Draining).await;
        if !self.drain().await {
            // Noted now, not after the closers: the work that still runs then loses what it depends
            // on.
            self.abandon(report);
        }
        self.advance(Phase::Closing, || {});
        self.0.closers.run(self.0.config.close, &mut report.closed).await;
    }

    /// Notes the work under way as abandoned. Nothing is interrupted: the work ends with the
    /// process, or when it looks at the phase.
    fn abandon(&self, report: &mut Report) {
        let left = self.0.tally.now();
        (report.abandoned_requests, report.abandoned_tasks) = (left.requests(), left.tasks());
        report.abandoned = self.0.names.under_way();
        if left.total() > 0 {
            warn!(
                requests = left.requests(),
                tasks = left.tasks(),
                named = report.abandoned.join(", "),
                "abandoned: the work under way did not end in time"
            );
        }
    }

    /// Waits until no work is under way, at most for the time of the drain. Returns whether that
    /// was enough.
    async fn drain(&self) -> bool {
        let now = || self.0.tally.now();
        let mut told = now().requests();
        if told > 0 {
            info!("Waiting for {told} active request{} to complete...", plural(told));
        }
        let emptied = async {
            while now().total() > 0 {
                self.0.ended.notified().await;
                let left = now().requests();
                if left > 0 && left != told {
                    info!("{left} active request{} remaining...", plural(left));
                }
                told = left;
            }
        };
        let in_time = timeout(self.0.config.drain, emptied).await.is_ok();
        if in_time {
            info!("All requests completed");
        }
        in_time
    }
}

const fn plural(n: u32) -> &'static str {
    if n == 1 { "" } else { "s" }
}

/// Locks a mutex, also if a thread panicked while holding it: no foreign code runs under the lock,
/// so the state is always consistent.
fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
