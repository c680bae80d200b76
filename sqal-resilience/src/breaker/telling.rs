//! How the observer of a breaker receives its events: in order, outside the lock, by one thread at
//! a time.

use super::Breaker;
use super::inner::Inner;
use crate::Clock;
use crate::sync::MutexGuard;

impl<C: Clock> Breaker<C> {
    /// Releases the lock and reports what happened to the observer, in order. One thread reports at
    /// a time.
    pub(super) fn unlock<'a>(&'a self, mut inner: MutexGuard<'a, Inner>) {
        if std::mem::take(&mut inner.opened) {
            drop(inner);
            self.waiting.wake();
            inner = self.lock();
        }
        let Some(observer) = &self.observer else { return };
        if inner.telling || inner.untold.is_empty() || std::thread::panicking() {
            return;
        }
        inner.telling = true;
        drop(inner);
        let mut telling = Telling { breaker: self, done: false };
        loop {
            let mut inner = self.lock();
            let Some(event) = inner.untold.pop_front() else {
                // Cleared under the lock under which no event was found: a thread that adds an
                // event from now on reports it.
                inner.telling = false;
                telling.done = true;
                return;
            };
            drop(inner);
            observer.changed(&event);
        }
    }
}

/// Ends the reporting of events if an observer panics.
struct Telling<'a, C: Clock> {
    breaker: &'a Breaker<C>,
    done: bool,
}

impl<C: Clock> Drop for Telling<'_, C> {
    fn drop(&mut self) {
        if !self.done {
            self.breaker.lock().telling = false;
        }
    }
}
