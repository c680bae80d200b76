//! The queue before a [`Bulkhead`]: first come, first served, and a dropped wait leaves no trace.

use std::collections::VecDeque;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use super::{Bulkhead, ONE_WAITING};
use crate::sync::{AtomicU64, Ordering};
use crate::{Clock, Rejected, SystemClock, rejected::Reason};

/// The answers that a seat can hold.
const NOTHING: u64 = 0;
const SERVED: u64 = 1;
const FULL: u64 = 2;
const OVERLOADED: u64 = 3;
const ENDING: u64 = 4;

/// A waiting caller. It gets its answer once, under the lock of the queue.
#[derive(Debug)]
pub(super) struct Seat(AtomicU64);

/// The waiting callers, the first at the front.
#[derive(Debug, Default)]
pub(super) struct Line(VecDeque<Standing>);

#[derive(Debug)]
struct Standing {
    seat: Arc<Seat>,
    came: Instant,
    /// `None` until the wait has been polled.
    waker: Option<Waker>,
}

impl Line {
    /// When the first caller came.
    pub(super) fn first_came(&self) -> Option<Instant> {
        self.0.front().map(|first| first.came)
    }

    pub(super) fn join(&mut self, now: Instant) -> Arc<Seat> {
        let seat = Arc::new(Seat(AtomicU64::new(NOTHING)));
        self.0.push_back(Standing { seat: Arc::clone(&seat), came: now, waker: None });
        seat
    }

    pub(super) fn serve_first(&mut self) -> Option<Waker> {
        self.tell_first(SERVED)
    }

    pub(super) fn send_first_away(&mut self, reason: Reason) -> Option<Waker> {
        self.tell_first(code(reason))
    }

    /// Sends all callers away.
    pub(super) fn empty(&mut self, reason: Reason) -> Vec<Option<Waker>> {
        let all = self.0.len();
        (0..all).map(|_| self.tell_first(code(reason))).collect()
    }

    fn tell_first(&mut self, what: u64) -> Option<Waker> {
        let first = self.0.pop_front()?;
        first.seat.0.store(what, Ordering::Release);
        first.waker
    }
}

const fn code(reason: Reason) -> u64 {
    match reason {
        Reason::ShuttingDown => ENDING,
        Reason::Overloaded => OVERLOADED,
        _ => FULL,
    }
}

/// The answer that a code stands for. A caller that is sent away because the queue is slow may come
/// back after `slow_after`.
const fn told(code: u64, slow_after: Option<Duration>) -> Option<Result<(), Rejected>> {
    match code {
        NOTHING => None,
        SERVED => Some(Ok(())),
        ENDING => Some(Err(Rejected::because(Reason::ShuttingDown))),
        OVERLOADED => Some(Err(Rejected { reason: Reason::Overloaded, retry_after: slow_after })),
        _ => Some(Err(Rejected::because(Reason::BulkheadFull))),
    }
}

/// The wait of one caller. It ends with a place that the caller must give back, or with a refusal.
#[derive(Debug)]
pub(crate) struct Waiting<B: Deref<Target = Bulkhead<C>>, C: Clock> {
    bulkhead: B,
    /// `None` if the caller was served at once, or has taken its answer.
    seat: Option<Arc<Seat>>,
}

impl<B: Deref<Target = Bulkhead<C>>, C: Clock> Waiting<B, C> {
    pub(super) const fn new(bulkhead: B, seat: Option<Arc<Seat>>) -> Self {
        Self { bulkhead, seat }
    }
}

impl<B: Deref<Target = Bulkhead<C>> + Unpin, C: Clock> Future for Waiting<B, C> {
    type Output = Result<(), Rejected>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let slow_after = self.bulkhead.config.slow_after;
        let Some(seat) = &self.seat else { return Poll::Ready(Ok(())) };
        if let Some(answer) = told(seat.0.load(Ordering::Acquire), slow_after) {
            self.seat = None;
            return Poll::Ready(answer);
        }
        // Wakers run foreign code, so the new waker is cloned before the lock is taken, and the old
        // one is dropped after it is released.
        let waker = context.waker().clone();
        let mut line = self.bulkhead.line();
        let standing = line.0.iter_mut().find(|standing| Arc::ptr_eq(&standing.seat, seat));
        let old = match standing {
            Some(standing) => standing.waker.replace(waker),
            // The answer has come since: a caller that is not in the queue has one.
            None => Some(waker),
        };
        let answer = told(seat.0.load(Ordering::Acquire), slow_after);
        drop(line);
        drop(old);
        match answer {
            Some(answer) => {
                self.seat = None;
                Poll::Ready(answer)
            }
            None => Poll::Pending,
        }
    }
}

impl<B: Deref<Target = Bulkhead<C>>, C: Clock> Drop for Waiting<B, C> {
    fn drop(&mut self) {
        let Some(seat) = self.seat.take() else { return };
        let mut line = self.bulkhead.line();
        let place = line.0.iter().position(|standing| Arc::ptr_eq(&standing.seat, &seat));
        let gone = place.and_then(|place| line.0.remove(place));
        if gone.is_some() {
            self.bulkhead.word.fetch_sub(ONE_WAITING, Ordering::AcqRel);
        }
        drop(line);
        if seat.0.load(Ordering::Acquire) == SERVED {
            // The place was given to this caller, which did not take it.
            self.bulkhead.leave();
        }
    }
}

/// A waker that unparks a thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Blocks this thread until the wait ends, at most for `limit` of real time.
pub(super) fn block_on<C: Clock>(waiting: Waiting<&Bulkhead<C>, C>, limit: Duration) -> Result<(), Rejected> {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut waiting = std::pin::pin!(waiting);
    let begun = SystemClock.now();
    loop {
        if let Poll::Ready(answer) = waiting.as_mut().poll(&mut Context::from_waker(&waker)) {
            return answer;
        }
        let left = limit.saturating_sub(SystemClock.now().saturating_duration_since(begun));
        if left.is_zero() {
            return Err(Rejected::because(Reason::QueueTimeout));
        }
        std::thread::park_timeout(left);
    }
}
