//! [`Opening`]: waits until a breaker refuses calls, on any executor.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};

use super::Breaker;
use crate::sync::{Mutex, MutexGuard};
use crate::{Clock, SystemClock};

/// The wait until a breaker refuses calls, from [`Breaker::opening`].
///
/// It is for tasks that wait for something else of the target, such as its readiness: once the
/// breaker is open, the call is refused and the wait is for nothing.
#[must_use = "a future does nothing unless it is polled"]
pub struct Opening<C = SystemClock> {
    breaker: Arc<Breaker<C>>,
    /// The place of this task among those that wait.
    place: Option<usize>,
}

impl<C> Opening<C> {
    pub(super) const fn of(breaker: Arc<Breaker<C>>) -> Self {
        Self { breaker, place: None }
    }
}

impl<C: Clock> Future for Opening<C> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if this.breaker.refuses() {
            return Poll::Ready(());
        }
        this.breaker.waiting.enter(&mut this.place, context.waker());
        // The breaker may have opened before this task had its place.
        if this.breaker.refuses() { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl<C> Drop for Opening<C> {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.breaker.waiting.leave(place);
        }
    }
}

impl<C> fmt::Debug for Opening<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening").field("waits", &self.place.is_some()).finish_non_exhaustive()
    }
}

/// The tasks that wait for a breaker to open, each in a place of its own.
#[derive(Default)]
pub(super) struct Waiting(Mutex<Vec<Place>>);

#[derive(Default)]
enum Place {
    #[default]
    Free,
    /// A task has the place; its waker is `None` after it was woken.
    Taken(Option<Waker>),
}

impl Waiting {
    fn places(&self) -> MutexGuard<'_, Vec<Place>> {
        // No foreign code runs under the lock but the clone of a waker, which leaves the places as
        // they were if it panics.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers how to wake a task, in its place or in a new one.
    fn enter(&self, place: &mut Option<usize>, waker: &Waker) {
        let mut places = self.places();
        let at = *place.get_or_insert_with(|| {
            places.iter().position(|place| matches!(place, Place::Free)).unwrap_or(places.len())
        });
        match places.get_mut(at) {
            Some(Place::Taken(Some(known))) if known.will_wake(waker) => {}
            Some(taken) => *taken = Place::Taken(Some(waker.clone())),
            None => places.push(Place::Taken(Some(waker.clone()))),
        }
    }

    fn leave(&self, place: usize) {
        let mut places = self.places();
        // The waker is dropped outside the lock: it is foreign code.
        let left = places.get_mut(place).map(std::mem::take);
        drop(places);
        drop(left);
    }

    /// Wakes all tasks that wait. Wakers are foreign code, so they are called outside the lock.
    pub(super) fn wake(&self) {
        let wakers: Vec<Waker> = self
            .places()
            .iter_mut()
            .filter_map(|place| if let Place::Taken(waker) = place { waker.take() } else { None })
            .collect();
        for waker in wakers {
            waker.wake();
        }
    }
}

#[cfg(all(test, not(model_check)))]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::Wake;

    use super::*;
    use crate::breaker::BreakerConfig;

    #[derive(Default)]
    struct Woken(AtomicU32);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn breaker() -> Arc<Breaker> {
        Arc::new(
            Breaker::new(BreakerConfig::default(), SystemClock)
                .unwrap_or_else(|_| unreachable!("the default is valid")),
        )
    }

    #[test]
    fn all_that_wait_are_woken_once_when_the_breaker_opens() {
        let breaker = breaker();
        let tasks: Vec<_> = (0..3).map(|_| Arc::new(Woken::default())).collect();
        let mut waits: Vec<_> = tasks.iter().map(|_| Box::pin(breaker.opening())).collect();
        for (wait, task) in waits.iter_mut().zip(&tasks) {
            let waker = Waker::from(Arc::clone(task));
            for _ in 0..2 {
                assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            }
        }
        breaker.metrics_only();
        breaker.reset();
        assert!(tasks.iter().all(|task| task.0.load(Ordering::SeqCst) == 0), "it has not opened");
        breaker.force_open();
        assert!(tasks.iter().all(|task| task.0.load(Ordering::SeqCst) == 1));
        let mut context = Context::from_waker(Waker::noop());
        assert!(waits.iter_mut().all(|wait| wait.as_mut().poll(&mut context).is_ready()));
        breaker.reset();
        breaker.force_open();
        assert!(tasks.iter().all(|task| task.0.load(Ordering::SeqCst) == 1), "woken once");
    }

    #[test]
    fn an_open_breaker_is_not_waited_for() {
        let breaker = breaker();
        breaker.force_open();
        assert!(Box::pin(breaker.opening()).as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
    }

    #[test]
    fn a_wait_that_is_given_up_leaves_its_place_to_the_next() {
        let breaker = breaker();
        for _ in 0..100 {
            let task = Arc::new(Woken::default());
            let mut wait = Box::pin(breaker.opening());
            assert!(wait.as_mut().poll(&mut Context::from_waker(&Waker::from(Arc::clone(&task)))).is_pending());
            drop(wait);
            assert_eq!(Arc::strong_count(&task), 1, "its waker is dropped");
        }
        assert_eq!(breaker.waiting.places().len(), 1);
    }
}
