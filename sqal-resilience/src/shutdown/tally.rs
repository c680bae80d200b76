//! [`Tally`]: the phase and the work under way in one word, so that both are read in one step.

use super::Phase;
use crate::sync::{AtomicU64, Ordering};

/// The kind of a piece of work under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A request. The log counts requests.
    Request,
    /// Any other work: a worker, a connection, a job.
    Task,
}

impl Kind {
    const fn one(self) -> u64 {
        match self {
            Self::Request => 1,
            Self::Task => 1 << Word::TASK,
        }
    }
}

/// The word: phase (3 bits), tasks (29), requests (32).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word(u64);

impl Word {
    const PHASE: u32 = 61;
    const TASK: u32 = 32;

    pub(crate) const fn phase(self) -> Phase {
        match self.0 >> Self::PHASE {
            0 => Phase::Running,
            1 => Phase::NotReady,
            2 => Phase::Draining,
            3 => Phase::Closing,
            4 => Phase::Done,
            _ => Phase::Forced,
        }
    }

    const fn with_phase(self, phase: Phase) -> Self {
        Self(self.0 & ((1 << Self::PHASE) - 1) | (phase as u64) << Self::PHASE)
    }

    #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
    pub(crate) const fn requests(self) -> u32 {
        self.0 as u32
    }

    pub(crate) const fn tasks(self) -> u32 {
        (self.0 >> Self::TASK) as u32 & ((1 << (Self::PHASE - Self::TASK)) - 1)
    }

    /// The number of all requests and tasks under way.
    pub(crate) const fn total(self) -> u64 {
        self.requests() as u64 + self.tasks() as u64
    }
}

/// The word, shared by threads.
#[derive(Debug)]
pub(crate) struct Tally(AtomicU64);

impl Tally {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    #[inline]
    pub(crate) fn now(&self) -> Word {
        Word(self.0.load(Ordering::Acquire))
    }

    /// Counts one more, unless new work is refused. A refusal writes nothing.
    #[inline]
    pub(crate) fn enter(&self, kind: Kind) -> bool {
        let mut seen = self.0.load(Ordering::Relaxed);
        loop {
            if Word(seen).phase() >= Phase::Draining {
                return false;
            }
            match self.0.compare_exchange_weak(seen, seen + kind.one(), Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(other) => seen = other,
            }
        }
    }

    /// Counts one more piece of work that work under way has begun, whatever the phase.
    pub(crate) fn enter_with(&self, kind: Kind) {
        self.0.fetch_add(kind.one(), Ordering::AcqRel);
    }

    /// Counts one less; returns whether a drain may wait for that.
    #[inline]
    pub(crate) fn leave(&self, kind: Kind) -> bool {
        Word(self.0.fetch_sub(kind.one(), Ordering::AcqRel)).phase() >= Phase::Draining
    }

    /// Goes forward to a phase; returns whether that changed the phase.
    pub(crate) fn advance(&self, to: Phase) -> bool {
        let mut seen = self.0.load(Ordering::Acquire);
        loop {
            if Word(seen).phase() >= to {
                return false;
            }
            let next = Word(seen).with_phase(to).0;
            match self.0.compare_exchange_weak(seen, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return true,
                Err(other) => seen = other,
            }
        }
    }
}

/// Every interleaving of a few threads, by loom (SD-08).
#[cfg(all(test, model_check))]
mod interleavings {
    use std::sync::Arc;

    use loom::thread;

    use super::*;

    /// A request that comes while the shutdown begins is either counted before the drain looks, or
    /// refused and never counted.
    #[test]
    fn a_request_is_counted_or_refused() {
        loom::model(|| {
            let tally = Arc::new(Tally::new());
            let request = {
                let tally = Arc::clone(&tally);
                thread::spawn(move || tally.enter(Kind::Request))
            };
            assert!(tally.advance(Phase::Draining));
            let seen = tally.now().requests();
            let served = request.join().unwrap();
            assert_eq!(seen, u32::from(served), "what the drain sees is what was let in");
            if served {
                assert!(tally.leave(Kind::Request), "a waiting thread is woken");
            }
            assert_eq!(tally.now().total(), 0);
        });
    }

    /// Two threads advance at once: each phase is reached once, and the phase never goes back.
    #[test]
    fn a_phase_is_reached_once() {
        loom::model(|| {
            let tally = Arc::new(Tally::new());
            let other = {
                let tally = Arc::clone(&tally);
                thread::spawn(move || tally.advance(Phase::Draining))
            };
            let here = tally.advance(Phase::Draining);
            assert!(here != other.join().unwrap());
            assert!(!tally.advance(Phase::NotReady));
            assert_eq!(tally.now().phase(), Phase::Draining);
        });
    }
}
