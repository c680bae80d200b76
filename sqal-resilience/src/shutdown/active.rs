//! [`Active`]: a piece of work under way, counted until it is dropped.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::task::JoinHandle;

use super::{Core, Kind, Shutdown, lock};
use crate::{Rejected, rejected::Reason};

/// The names of the work under way, and of the work that panicked.
#[derive(Debug, Default)]
pub(super) struct Names(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    next: u64,
    under_way: BTreeMap<u64, String>,
    panicked: Vec<String>,
}

/// The maximum number of panics that are remembered by name, so that a process that panics for
/// years does not grow.
const PANICS: usize = 100;

impl Names {
    pub(super) fn under_way(&self) -> Vec<String> {
        lock(&self.0).under_way.values().cloned().collect()
    }

    pub(super) fn panicked(&self) -> Vec<String> {
        lock(&self.0).panicked.clone()
    }

    fn add(&self, name: String) -> u64 {
        let mut known = lock(&self.0);
        known.next += 1;
        let id = known.next;
        known.under_way.insert(id, name);
        id
    }

    fn end(&self, id: Option<u64>, panicked: bool) {
        let mut known = lock(&self.0);
        let name = id.and_then(|id| known.under_way.remove(&id));
        if panicked && known.panicked.len() < PANICS {
            known.panicked.push(name.unwrap_or_else(|| "unnamed".to_owned()));
        }
    }
}

/// A piece of work under way; dropping it ends the work. If it is dropped by a panic, the panic is
/// reported.
#[derive(Debug)]
#[must_use = "what is dropped is no longer waited for"]
pub struct Active {
    core: Arc<Core>,
    kind: Kind,
    name: Option<u64>,
}

impl Active {
    /// A piece of work that this one has begun. It is counted too, even if new work is already
    /// refused.
    pub fn child(&self) -> Self {
        self.core.tally.enter_with(self.kind);
        Self { core: Arc::clone(&self.core), kind: self.kind, name: None }
    }
}

impl Drop for Active {
    #[inline]
    fn drop(&mut self) {
        let panicked = std::thread::panicking();
        if panicked || self.name.is_some() {
            self.core.names.end(self.name, panicked);
        }
        if self.core.tally.leave(self.kind) {
            self.core.ended.notify_one();
        }
    }
}

impl Shutdown {
    /// Begins a request: one addition now, one subtraction at its end.
    ///
    /// # Errors
    ///
    /// [`Reason::ShuttingDown`] once new work is refused.
    #[inline]
    pub fn track(&self) -> Result<Active, Rejected> {
        self.begin_work(Kind::Request, None)
    }

    /// Begins work whose name is reported if it does not end in time, or if it panics.
    ///
    /// # Errors
    ///
    /// As [`Shutdown::track`].
    pub fn track_named(&self, kind: Kind, name: impl Into<String>) -> Result<Active, Rejected> {
        self.begin_work(kind, Some(name.into()))
    }

    #[inline]
    fn begin_work(&self, kind: Kind, name: Option<String>) -> Result<Active, Rejected> {
        // Counting and looking are one step, so that no request slips between the look and the
        // drain.
        if !self.0.tally.enter(kind) {
            return Err(Rejected::because(Reason::ShuttingDown));
        }
        let mut active = Active { core: Arc::clone(&self.0), kind, name: None };
        active.name = name.map(|name| self.0.names.add(name));
        Ok(active)
    }

    /// Spawns a task that the shutdown waits for. The task should watch [`Shutdown::reached`] to
    /// know when to stop.
    ///
    /// # Errors
    ///
    /// As [`Shutdown::track`]; the future is then dropped.
    pub fn spawn<F>(&self, name: impl Into<String>, future: F) -> Result<JoinHandle<F::Output>, Rejected>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let active = self.track_named(Kind::Task, name)?;
        Ok(tokio::spawn(async move {
            let _active = active;
            future.await
        }))
    }

    /// Spawns a job on a thread for blocking work, which the shutdown waits for. The job cannot be
    /// interrupted: a runtime that is dropped waits for it, unless `Runtime::shutdown_timeout` ends
    /// the runtime.
    ///
    /// # Errors
    ///
    /// As [`Shutdown::track`]; the job is then not begun.
    pub fn spawn_blocking<T: Send + 'static>(
        &self,
        name: impl Into<String>,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<JoinHandle<T>, Rejected> {
        let active = self.track_named(Kind::Task, name)?;
        Ok(tokio::task::spawn_blocking(move || {
            let _active = active;
            job()
        }))
    }

    /// The number of requests under way.
    #[must_use]
    pub fn active_requests(&self) -> u32 {
        self.0.tally.now().requests()
    }
}
