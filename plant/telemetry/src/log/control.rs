//! [`LogControl`]: changes the filter of a log for a limited time.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tokio::task::AbortHandle;
use tokio::time::sleep;
use tracing::{Subscriber, warn};
use tracing_subscriber::filter::FilterExt;
use tracing_subscriber::layer::Filter;
use tracing_subscriber::{EnvFilter, reload};

use super::change_duration::ChangeDuration;
use super::filter::LogFilter;
use super::foreign::ForeignLimit;

/// The control of a log's filter; clones control one log.
///
/// A change is laid over the usual filter, and reverts by itself: `sqal_http=debug` over `info`
/// shows the debug lines of `sqal_http` and loses none of the others. A later change replaces an
/// earlier one, with its own time. The time is that of tokio's clock, so a step of the wall clock
/// neither lengthens nor shortens a change.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use sqal_telemetry::log::{ChangeDuration, LogControl, LogFormat, LogLines};
/// use tracing_subscriber::prelude::*;
///
/// let (control, filter) = LogControl::new("info".parse()?, &["my_server"]);
/// let lines = LogLines::new(LogFormat::Text, std::io::stderr).with_filter(filter);
/// let _log = tracing_subscriber::registry().with(lines).set_default();
///
/// let now = std::time::SystemTime::UNIX_EPOCH; // the wall time, which the state names
/// let state = control.change(&"sqal_http=debug".parse()?, ChangeDuration::default(), now)?;
/// assert_eq!(state.filter.as_str(), "info,sqal_http=debug");
/// assert_eq!(control.revert()?.filter.as_str(), "info");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct LogControl(Arc<Shared>);

struct Shared {
    usual: LogFilter,
    /// Puts a filter into force; `false` if the log has ended.
    put: Box<dyn Fn(EnvFilter) -> bool + Send + Sync>,
    changes: Mutex<Changes>,
}

#[derive(Default)]
struct Changes {
    /// Counts the changes, so that the end of an earlier one does not end a later one.
    number: u64,
    now: Option<Change>,
}

/// A change in force. Dropping it ends the task that waits for its end.
struct Change {
    filter: LogFilter,
    until: SystemTime,
    end: AbortHandle,
}

impl Drop for Change {
    fn drop(&mut self) {
        self.end.abort();
    }
}

/// The filter of a log, and when the usual one is in force again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogState {
    /// The filter in force.
    pub filter: LogFilter,
    /// The filter that the program began with, and that is in force after each change.
    pub usual: LogFilter,
    /// The wall time at which the change in force ends; `None` if the usual filter is in force.
    pub until: Option<SystemTime>,
}

impl LogControl {
    /// The control of a log, and the filter for its layer: see
    /// [`with_filter`](tracing_subscriber::Layer::with_filter). `own` are the beginnings of the
    /// targets of your program, beside `sqal`: only their lines may be logged at level trace.
    #[must_use]
    pub fn new<S: Subscriber>(usual: LogFilter, own: &'static [&'static str]) -> (Self, impl Filter<S> + Send + Sync) {
        // The filter alone is replaced: a reloaded layer with its filter would keep the old one's
        // id (tracing issue 1629). `reload` asks every callsite anew, so that lines appear which
        // were off at their first use.
        let (filter, handle) = reload::Layer::<EnvFilter, S>::new(usual.to_env_filter());
        let put = move |filter: EnvFilter| handle.reload(filter).is_ok();
        let control = Self(Arc::new(Shared { usual, put: Box::new(put), changes: Mutex::default() }));
        // Outside of what is replaced: no change can lift this limit.
        (control, FilterExt::<S>::and(filter, ForeignLimit { own }))
    }

    /// The filter in force.
    #[must_use]
    pub fn state(&self) -> LogState {
        self.0.state(&self.0.changes())
    }

    /// Lays a filter over the usual one for a limited time; a change in force ends. `at` is the
    /// wall time now: the state names the wall time of the end.
    ///
    /// # Errors
    ///
    /// [`LogEndedError`] if the log that belongs to this control has ended.
    ///
    /// # Panics
    ///
    /// If called outside a tokio runtime with its timer.
    pub fn change(&self, over: &LogFilter, lasts: ChangeDuration, at: SystemTime) -> Result<LogState, LogEndedError> {
        // Made first: outside a runtime it panics, and then nothing has changed yet.
        let time = sleep(lasts.get());
        let seconds = lasts.get().as_secs_f64();
        // Written before the change, because the new filter may hide the line.
        warn!(filter = %over, seconds, "the filter of the log changes for a limited time");
        let filter = self.0.usual.under(over);
        let until = at.checked_add(lasts.get()).unwrap_or(at);
        let mut changes = self.0.changes();
        self.0.put(&filter)?;
        changes.number += 1;
        let (number, shared) = (changes.number, Arc::downgrade(&self.0));
        let waiting = tokio::spawn(async move {
            time.await;
            if let Some(shared) = shared.upgrade() {
                shared.end(number);
            }
        });
        changes.now = Some(Change { filter, until, end: waiting.abort_handle() });
        Ok(self.0.state(&changes))
    }

    /// Puts the usual filter into force now. Without a change in force this does nothing.
    ///
    /// # Errors
    ///
    /// [`LogEndedError`] if the log that belongs to this control has ended.
    pub fn revert(&self) -> Result<LogState, LogEndedError> {
        let mut changes = self.0.changes();
        if changes.now.is_some() {
            self.0.put_usual()?;
            changes.now = None;
        }
        Ok(self.0.state(&changes))
    }
}

impl Shared {
    fn changes(&self) -> MutexGuard<'_, Changes> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self, changes: &Changes) -> LogState {
        let now = changes.now.as_ref();
        LogState {
            filter: now.map_or_else(|| self.usual.clone(), |change| change.filter.clone()),
            usual: self.usual.clone(),
            until: now.map(|change| change.until),
        }
    }

    fn put(&self, filter: &LogFilter) -> Result<(), LogEndedError> {
        if (self.put)(filter.to_env_filter()) { Ok(()) } else { Err(LogEndedError) }
    }

    fn put_usual(&self) -> Result<(), LogEndedError> {
        self.put(&self.usual)?;
        warn!(filter = %self.usual, "the usual filter of the log is in force again");
        Ok(())
    }

    /// Ends a change whose time is over, unless another one has replaced it.
    fn end(&self, number: u64) {
        let mut changes = self.changes();
        if changes.number == number && changes.now.is_some() {
            // A log that has ended needs no filter.
            let _ = self.put_usual();
            changes.now = None;
        }
    }
}

impl fmt::Debug for LogControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LogControl").field(&self.state()).finish()
    }
}

/// The log that belongs to a control has ended, or was never begun: nothing is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogEndedError;

impl fmt::Display for LogEndedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the log has ended: its filter cannot be changed")
    }
}

impl Error for LogEndedError {}
