//! How the end of a call counts: as a success or a failure, in a row and in the window, slow or
//! not.

use super::inner::Inner;
use super::permit::{Claim, Said};
use super::window::{Calls, Kind};
use super::{Abandoned, Breaker, Cause, State};
use crate::{Clock, Outcome};

impl<C: Clock> Breaker<C> {
    /// Counts the end of a call that was admitted in this generation. If a rule is met, changes the
    /// state.
    pub(super) fn count(&self, inner: &mut Inner, claim: Claim, said: Said) {
        if claim.is_probe() {
            inner.probes = inner.probes.saturating_sub(1);
        }
        // Reading the clock is the most expensive part of a report, so it is read only where
        // something depends on it.
        let slow_from = inner.config.rates.and_then(|rates| rates.slow).map(|slow| slow.from.as_nanos());
        let slow = slow_from.is_some_and(|from| u128::from(self.now().saturating_sub(claim.started)) >= from);
        let abandoned = said == Said::Abandoned;
        let outcome = match (said, inner.config.abandoned) {
            (Said::Reported(outcome), _) => outcome,
            (Said::Abandoned, Abandoned::AsFailure) => Outcome::Failure,
            (Said::Abandoned, Abandoned::Ignore | Abandoned::RateAbove(_)) => Outcome::Ignored,
        };
        match inner.state {
            State::Closed | State::MetricsOnly => self.count_call(inner, outcome, slow, abandoned),
            State::HalfOpen => match outcome {
                Outcome::Failure => self.change(inner, State::Open, Cause::ProbeFailed, self.now()),
                // A slow success is neither a sign of health nor a failure.
                Outcome::Success if !slow => {
                    inner.successes += 1;
                    if inner.successes >= inner.config.success_threshold.get() {
                        self.change(inner, State::Closed, Cause::ProbesSucceeded, self.now());
                    }
                }
                Outcome::Success | Outcome::Ignored => {}
            },
            State::Open | State::Disabled | State::ForcedOpen => {}
        }
    }

    fn count_call(&self, inner: &mut Inner, outcome: Outcome, slow: bool, abandoned: bool) {
        match outcome {
            Outcome::Success => inner.failures = 0,
            Outcome::Failure => inner.failures = inner.failures.saturating_add(1).min(u32::from(u16::MAX)),
            Outcome::Ignored => {}
        }
        let judged =
            outcome != Outcome::Ignored || (abandoned && matches!(inner.config.abandoned, Abandoned::RateAbove(_)));
        let now = if inner.calls.as_ref().is_some_and(Calls::depends_on_time) { self.now() } else { 0 };
        if let Some(calls) = inner.calls.as_mut().filter(|_| judged) {
            calls.record(Kind { failed: outcome == Outcome::Failure, slow, abandoned }, now);
        }
        if inner.state == State::Closed
            && let Some(cause) = inner.trips(now)
        {
            self.change(inner, State::Open, cause, self.now());
        }
    }
}
