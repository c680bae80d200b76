//! [`Permit`] and [`OwnedPermit`]: permission for one call, which reports once how the call went.

use std::fmt;
use std::mem::ManuallyDrop;
use std::sync::Arc;

use super::Breaker;
use crate::{Clock, Outcome};

/// What a permit was given for: the generation, and in the lowest bit whether the call is a probe.
/// Two words, so that the claim stays in registers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    era: u64,
    /// When the call began. Only set if calls are timed, or if the breaker was not simply closed.
    pub(super) started: u64,
}

impl Claim {
    pub(super) const fn new(generation: u64, probe: bool, started: u64) -> Self {
        Self { era: generation << 1 | probe as u64, started }
    }

    pub(super) const fn generation(self) -> u64 {
        self.era >> 1
    }

    pub(super) const fn is_probe(self) -> bool {
        self.era & 1 == 1
    }
}

/// How a permit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Reported(Outcome),
    Abandoned,
}

/// How a dropped permit ends: a panic is a failure, anything else counts as abandoned.
fn dropped() -> Said {
    if std::thread::panicking() { Said::Reported(Outcome::Failure) } else { Said::Abandoned }
}

/// Permission for one call; report how the call went. A permit that is dropped counts as
/// [`Abandoned`](super::Abandoned) says. A permit that is dropped by a panic counts as a failure.
#[must_use = "a permit that is dropped is no evidence; report how the call went"]
pub struct Permit<'a, C: Clock> {
    pub(super) breaker: &'a Breaker<C>,
    pub(super) claim: Claim,
}

/// A [`Permit`] that owns its breaker, for a call that outlives a borrow. It can move into a
/// future, a stream or a body and be reported at its end.
#[must_use = "a permit that is dropped is no evidence; report how the call went"]
pub struct OwnedPermit<C: Clock> {
    /// Taken when the permit is settled.
    pub(super) breaker: Option<Arc<Breaker<C>>>,
    pub(super) claim: Claim,
}

impl<C: Clock> Permit<'_, C> {
    /// Reports how the call went.
    #[inline]
    pub fn report(self, outcome: Outcome) {
        // Already reported; `drop` must not report it again.
        let said = ManuallyDrop::new(self);
        said.breaker.finish(said.claim, Said::Reported(outcome));
    }

    /// Whether this call is a probe of a half-open breaker.
    #[must_use]
    pub const fn is_probe(&self) -> bool {
        self.claim.is_probe()
    }
}

impl<C: Clock> OwnedPermit<C> {
    /// Reports how the call went.
    pub fn report(mut self, outcome: Outcome) {
        if let Some(breaker) = self.breaker.take() {
            breaker.finish(self.claim, Said::Reported(outcome));
        }
    }

    /// Whether this call is a probe of a half-open breaker.
    #[must_use]
    pub const fn is_probe(&self) -> bool {
        self.claim.is_probe()
    }
}

impl<C: Clock> Drop for Permit<'_, C> {
    #[inline]
    fn drop(&mut self) {
        self.breaker.finish(self.claim, dropped());
    }
}

impl<C: Clock> Drop for OwnedPermit<C> {
    fn drop(&mut self) {
        if let Some(breaker) = self.breaker.take() {
            breaker.finish(self.claim, dropped());
        }
    }
}

impl<C: Clock> fmt::Debug for Permit<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("probe", &self.claim.is_probe()).finish_non_exhaustive()
    }
}

impl<C: Clock> fmt::Debug for OwnedPermit<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedPermit").field("probe", &self.claim.is_probe()).finish_non_exhaustive()
    }
}
