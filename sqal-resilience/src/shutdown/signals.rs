//! [`Signals`]: the first one begins the end, the second one forces it.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Shutdown;

/// Handlers of signals, installed when this is made: a signal that comes before anybody listens is not lost.
#[derive(Debug)]
pub struct Signals(Vec<(&'static str, Signal)>);

impl Signals {
    /// SIGTERM and SIGINT.
    ///
    /// # Errors
    ///
    /// [`io::Error`] if the system does not let us.
    pub fn install() -> io::Result<Self> {
        let usual = [("SIGTERM", SignalKind::terminate()), ("SIGINT", SignalKind::interrupt())];
        Ok(Self(usual.into_iter().map(|(name, kind)| Ok((name, signal(kind)?))).collect::<io::Result<_>>()?))
    }

    /// Also SIGHUP, which otherwise ends a process at once when its terminal goes away.
    ///
    /// # Errors
    ///
    /// As [`Signals::install`].
    pub fn and_hangup(mut self) -> io::Result<Self> {
        self.0.push(("SIGHUP", signal(SignalKind::hangup())?));
        Ok(self)
    }

    /// The name of the next signal.
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
    /// Listens until the process ends: the first signal begins the end, any further one forces it.
    pub async fn listen(&self, mut signals: Signals) {
        self.begin(signals.next().await);
        signals.next().await;
        self.force();
    }
}
