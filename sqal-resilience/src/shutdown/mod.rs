//! [`Shutdown`]: say that no more should come, refuse what comes, wait for what is under way, close in order, and report (SHD-01, SHD-03).
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
#[cfg(unix)]
pub use signals::Signals;
pub use tally::Kind;
use tally::Tally;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use crate::{Reason, Rejected, timeout};

/// How far the end has come. It only ever goes forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Work is taken.
    Running = 0,
    /// Work is still taken, but whoever asks is told to send it elsewhere.
    NotReady = 1,
    /// Work is refused; what is under way may finish.
    Draining = 2,
    /// What was opened is closed.
    Closing = 3,
    /// All is closed.
    Done = 4,
    /// Somebody would not wait.
    Forced = 5,
}

/// How long each phase may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct ShutdownConfig {
    /// So long work is still taken after readiness said no, until balancers have noticed; not at all by default.
    #[cfg_attr(feature = "serde", serde(with = "crate::written"))]
    pub ready_delay: Duration,
    /// So long what is under way may take; 30 seconds by default.
    #[cfg_attr(feature = "serde", serde(with = "crate::written"))]
    pub drain: Duration,
    /// So long each closer may take; 5 seconds by default.
    #[cfg_attr(feature = "serde", serde(with = "crate::written"))]
    pub close: Duration,
}

impl Default for ShutdownConfig {
    fn default() -> Self {
        Self { ready_delay: Duration::ZERO, drain: Duration::from_secs(30), close: Duration::from_secs(5) }
    }
}

/// How it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// How long it took.
    pub took: Duration,
    /// Requests that were still under way when the time was over.
    pub abandoned_requests: u32,
    /// Tasks that were.
    pub abandoned_tasks: u32,
    /// The names of those of them that have one.
    pub abandoned: Vec<String>,
    /// What panicked while it was tracked, before and during the end.
    pub panicked: Vec<String>,
    /// What was closed, in order, and how that went.
    pub closed: Vec<Closed>,
    /// Whether somebody would not wait.
    pub forced: bool,
}

impl Report {
    /// The exit code of a process that ends so: 0 if nothing was abandoned and everything was closed, else 1.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        let left = self.abandoned_requests > 0 || self.abandoned_tasks > 0;
        u8::from(self.forced || left || self.closed.iter().any(|closed| closed.how != HowClosed::Well))
    }
}

/// The coordinator of one process's end; clones share it.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use sqal_resilience::{Shutdown, ShutdownConfig, Stage};
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
    /// Something that was under way has ended, and somebody waits for that.
    ended: Notify,
    names: Names,
    closers: Closers,
    /// Whether somebody has begun to see to the end, and how it ended.
    running: AtomicBool,
    report: watch::Sender<Option<Report>>,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new(ShutdownConfig::default())
    }
}

impl Shutdown {
    /// A coordinator of a process that is running.
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

    /// How far the end has come; one load.
    #[inline]
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.0.tally.now().phase()
    }

    /// Whether new work should be sent here.
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

    /// Goes forward to a phase; whether it was not there yet. What there is to say of it is said before anybody is woken by it, so that the log
    /// has the order of the phases.
    fn advance(&self, to: Phase, say: impl FnOnce()) -> bool {
        if !self.0.tally.advance(to) {
            return false;
        }
        say();
        // Two who advance at once may come here in the other order: what is told only goes forward too.
        self.0.phase.send_if_modified(|phase| {
            let forward = *phase < to;
            *phase = (*phase).max(to);
            forward
        });
        true
    }

    /// Begins the end; `signal` is named in the log. Called again it changes nothing.
    ///
    /// Without a delay for readiness new work is refused from now on, otherwise [`Shutdown::run`] refuses it after that delay.
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

    /// Does something that is dropped as soon as new work is refused: a wait for a token, for a place, for the next try.
    ///
    /// # Errors
    ///
    /// [`Reason::ShuttingDown`] if it was.
    pub async fn unless_draining<F: Future>(&self, future: F) -> Result<F::Output, Rejected> {
        self.unless(Phase::Draining, future).await
    }

    /// Does something that is dropped as soon as the end begins, such as starting.
    ///
    /// # Errors
    ///
    /// [`Reason::ShuttingDown`] if it was.
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

    /// Registers what is to be closed. Stages are closed one after the other, and within a stage what was registered last is closed first. A closer
    /// that fails, panics or takes too long does not keep the others from closing.
    ///
    /// # Errors
    ///
    /// [`Reason::ShuttingDown`] if everything is closed already: it would never run.
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

    /// The same for something that is counted: the log says how many there are when it is closed.
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

    /// Waits for the end to begin and goes through it: the delay, the drain, the closers. Whoever calls it again gets the same report.
    ///
    /// It goes on in a task of its own, so dropping this future stops nothing.
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
            warn!(?report, "Shutdown ended after {:.1}s, and not everything in order", report.took.as_secs_f64());
        }
        report
    }

    async fn orderly(&self, report: &mut Report) {
        if !self.is_draining() {
            sleep(self.0.config.ready_delay).await;
            self.refuse();
        }
        // Whoever refuses has said so.
        self.reached(Phase::Draining).await;
        if !self.drain().await {
            // Now, not after the closers: what still runs loses what it stands on.
            self.abandon(report);
        }
        self.advance(Phase::Closing, || {});
        self.0.closers.run(self.0.config.close, &mut report.closed).await;
    }

    /// Notes what is under way as abandoned. Nothing is interrupted: it ends with the process, or when it looks at the phase.
    fn abandon(&self, report: &mut Report) {
        let left = self.0.tally.now();
        (report.abandoned_requests, report.abandoned_tasks) = (left.requests(), left.tasks());
        report.abandoned = self.0.names.under_way();
        if left.total() > 0 {
            warn!(requests = left.requests(), tasks = left.tasks(), named = ?report.abandoned, "abandoned");
        }
    }

    /// Waits until nothing is under way, at most so long as it may take; whether that was enough.
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

/// A lock that guards a whole state even if somebody panicked while holding it: no code of anybody else runs under it.
fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
