//! [`Signals`]: the first signal begins the shutdown, the second one forces it.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Shutdown;

/// Handlers of signals. They are installed when this is made, so that a signal is not lost if it
/// comes before a task listens.
#[derive(Debug)]
pub struct Signals(Vec<(&'static str, Signal)>);

impl Signals {
    /// Installs handlers for SIGTERM and SIGINT.
    ///
    /// # Errors
    ///
    /// [`io::Error`] if the system does not allow it.
    pub fn install() -> io::Result<Self> {
        let usual = [("SIGTERM", SignalKind::terminate()), ("SIGINT", SignalKind::interrupt())];
        Ok(Self(usual.into_iter().map(|(name, kind)| Ok((name, signal(kind)?))).collect::<io::Result<_>>()?))
    }

    /// Also installs a handler for SIGHUP, which otherwise ends a process at once when its terminal
    /// goes away.
    ///
    /// # Errors
    ///
    /// As [`Signals::install`].
    pub fn and_hangup(mut self) -> io::Result<Self> {
        self.0.push(("SIGHUP", signal(SignalKind::hangup())?));
        Ok(self)
    }

    /// Waits for the next signal and returns its name.
    pub async fn next(&mut self) -> &'static str {
        std::future::poll_fn(|context| {
            let came =
                self.0.iter_mut().find_map(|(name, signal)| signal.poll_recv(context).is_ready().then_some(*name));
            came.map_or(std::task::Poll::Pending, std::task::Poll::Ready)
        })
        .await
    }
}

impl Shutdown {
    /// Waits for two signals: the first one begins the shutdown, the second one forces it.
    pub async fn listen(&self, mut signals: Signals) {
        self.begin(signals.next().await);
        signals.next().await;
        self.force();
    }
}
