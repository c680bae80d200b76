//! The closers of a shutdown: stage by stage, the last registered first, each within its time.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Mutex;
use std::time::Duration;

use tokio::task::JoinSet;
use tracing::{info, warn};

use super::lock;
use crate::{Rejected, rejected::Reason, timeout};

/// When something is closed: a smaller stage is closed earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stage(pub u8);

impl Stage {
    /// What brings work, such as sockets and subscriptions.
    pub const CONNECTIONS: Self = Self(0);
    /// What does work, such as writers and jobs.
    pub const WORKERS: Self = Self(64);
    /// What keeps results, such as databases.
    pub const STORES: Self = Self(128);
    /// What keeps copies, such as caches.
    pub const CACHES: Self = Self(192);
}

/// The result of closing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HowClosed {
    /// It was closed without an error.
    Well,
    /// Closing failed with this reason.
    Failed(String),
    /// Closing panicked.
    Panicked,
    /// Closing took too long and was dropped.
    TimedOut,
    /// Closing was not begun, or was dropped half-way, because the shutdown was forced.
    Forced,
}

impl fmt::Display for HowClosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Well => "closed",
            Self::Failed(why) => why,
            Self::Panicked => "panicked",
            Self::TimedOut => "took too long",
            Self::Forced => "was not closed",
        })
    }
}

/// Something that was closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// The name under which it was registered.
    pub name: String,
    /// The result of closing it.
    pub how: HowClosed,
}

type Closing = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;
type Close = Box<dyn FnOnce() -> Closing + Send>;
type Count = Box<dyn FnOnce() -> usize + Send>;

struct Closer {
    stage: Stage,
    name: String,
    count: Option<Count>,
    close: Close,
}

/// The closers that have not run; `None` once no more are accepted.
pub(super) struct Closers(Mutex<Option<Vec<Closer>>>);

impl Default for Closers {
    fn default() -> Self {
        Self(Mutex::new(Some(Vec::new())))
    }
}

impl Closers {
    pub(super) fn add<F, E>(
        &self,
        stage: Stage,
        name: String,
        count: Option<Count>,
        close: impl FnOnce() -> F + Send + 'static,
    ) -> Result<(), Rejected>
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: fmt::Display,
    {
        let mut closers = lock(&self.0);
        let closers = closers.as_mut().ok_or(Rejected::because(Reason::ShuttingDown))?;
        let close = move || -> Closing {
            let closing = close();
            Box::pin(async move { closing.await.map_err(|error| error.to_string()) })
        };
        closers.push(Closer { stage, name, count, close: Box::new(close) });
        Ok(())
    }

    /// Takes the next closer: the last registered one of the earliest stage. If there is none, no
    /// more closers are accepted.
    fn next(&self) -> Option<Closer> {
        let mut closers = lock(&self.0);
        let waiting = closers.as_mut()?;
        let earliest = waiting.iter().map(|closer| closer.stage).min();
        let next = waiting.iter().rposition(|closer| Some(closer.stage) == earliest);
        if let Some(next) = next {
            Some(waiting.remove(next))
        } else {
            *closers = None;
            None
        }
    }

    /// Runs all closers, also those that are registered meanwhile. If this future is dropped, the
    /// closer under way is dropped too, and stays noted as forced.
    pub(super) async fn run(&self, limit: Duration, closed: &mut Vec<Closed>) {
        while let Some(Closer { name, count, close, .. }) = self.next() {
            // A count runs foreign code: if it panics, the log line goes without it.
            if let Some(count) = count.and_then(|count| catch_unwind(AssertUnwindSafe(count)).ok()) {
                info!("Closing {name} ({count} active)");
            } else {
                info!("Closing {name}");
            }
            closed.push(Closed { name: name.clone(), how: HowClosed::Forced });
            // A task of its own: a panic of the closer ends this task and nothing else. It ends
            // with this future, too.
            let mut task = JoinSet::new();
            task.spawn(async move { close().await });
            let how = match timeout(limit, task.join_next()).await {
                Ok(Some(Ok(Err(why)))) => HowClosed::Failed(why),
                Ok(Some(Err(_))) => HowClosed::Panicked,
                Ok(Some(Ok(Ok(()))) | None) => HowClosed::Well,
                Err(_) => HowClosed::TimedOut,
            };
            if how != HowClosed::Well {
                warn!(what = name, %how, "a part did not close in order");
            }
            if let Some(closed) = closed.last_mut() {
                closed.how = how;
            }
        }
    }

    /// Accepts no more closers, and names those that have not run.
    pub(super) fn give_up(&self) -> Vec<Closed> {
        let left = lock(&self.0).take().unwrap_or_default();
        left.into_iter().map(|closer| Closed { name: closer.name, how: HowClosed::Forced }).collect()
    }
}

impl fmt::Debug for Closers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let closers = lock(&self.0);
        let names = closers.iter().flatten().map(|closer| &closer.name);
        f.debug_list().entries(names).finish()
    }
}
