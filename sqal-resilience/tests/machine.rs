//! The breaker against a simple model of thirty lines: any operations in any order, any settings.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::num::NonZeroU32;
use std::time::Duration;

use proptest::prelude::*;
use sqal_resilience::{
    Breaker, BreakerConfig, ManualClock, Outcome,
    breaker::{OpenFor, Permit, State},
};

/// One operation, with a number that chooses among the living permits.
#[derive(Clone, Copy, Debug)]
enum Step {
    Acquire,
    Report(usize, Outcome),
    Drop(usize),
    Advance(u64),
    Reset,
    ForceOpen,
    ForceHalfOpen,
    Disable,
}

/// The model: plain numbers, one thread, no packed words and no locks. Times are in milliseconds.
#[derive(Debug)]
struct Model {
    failures_to_open: u32,
    successes_to_close: u32,
    most_probes: u32,
    open_ms: u64,
    now: u64,
    state: State,
    until: u64,
    era: u32,
    failures: u32,
    successes: u32,
    /// The eras of the living permits.
    permits: Vec<u32>,
}

impl Model {
    fn enter(&mut self, state: State) {
        (self.state, self.failures, self.successes, self.until) = (state, 0, 0, self.now + self.open_ms);
        self.era += 1;
    }

    fn pass_time(&mut self) {
        if matches!(self.state, State::Open | State::HalfOpen) && self.now >= self.until {
            self.enter(State::HalfOpen);
        }
    }

    fn probes(&self) -> u32 {
        let in_era = self.permits.iter().filter(|era| **era == self.era).count();
        if self.state == State::HalfOpen { u32::try_from(in_era).unwrap() } else { 0 }
    }

    fn acquire(&mut self) -> bool {
        self.pass_time();
        let admitted = match self.state {
            State::Open | State::ForcedOpen => false,
            State::HalfOpen => self.probes() + self.successes < self.most_probes,
            State::Closed | State::Disabled | State::MetricsOnly => true,
        };
        if admitted {
            self.permits.push(self.era);
        }
        admitted
    }

    fn report(&mut self, permit: usize, outcome: Outcome) {
        if self.permits.remove(permit) != self.era {
            return;
        }
        match (self.state, outcome) {
            (State::Closed, Outcome::Success) => self.failures = 0,
            (State::Closed, Outcome::Failure) => {
                self.failures += 1;
                if self.failures == self.failures_to_open {
                    self.enter(State::Open);
                }
            }
            (State::HalfOpen, Outcome::Success) => {
                self.successes += 1;
                if self.successes == self.successes_to_close {
                    self.enter(State::Closed);
                }
            }
            (State::HalfOpen, Outcome::Failure) => self.enter(State::Open),
            _ => {}
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    let outcome = prop_oneof![Just(Outcome::Success), Just(Outcome::Failure), Just(Outcome::Ignored)];
    prop_oneof![
        8 => Just(Step::Acquire),
        8 => (any::<usize>(), outcome).prop_map(|(k, outcome)| Step::Report(k, outcome)),
        2 => any::<usize>().prop_map(Step::Drop),
        3 => prop_oneof![Just(999), Just(1000), Just(1), 0..3000_u64].prop_map(Step::Advance),
        1 => prop_oneof![Just(Step::Reset), Just(Step::ForceOpen), Just(Step::ForceHalfOpen), Just(Step::Disable)],
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn the_breaker_is_the_obvious_machine(
        failures in 1..6_u32, successes in 1..4_u32, more in 0..3_u32, steps in prop::collection::vec(step(), 1..80),
    ) {
        let n = |n| NonZeroU32::new(n).unwrap();
        let config = BreakerConfig {
            failure_threshold: Some(n(failures)),
            success_threshold: n(successes),
            half_open_max_calls: n(successes + more),
            open_for: OpenFor::always(Duration::from_secs(1)),
            half_open_max_wait: Some(Duration::from_secs(1)),
            ..BreakerConfig::default()
        };
        let clock = ManualClock::new();
        let breaker = Breaker::new(config, clock.clone()).unwrap();
        let mut permits: Vec<Permit<'_, ManualClock>> = Vec::new();
        let mut model = Model {
            failures_to_open: failures,
            successes_to_close: successes,
            most_probes: successes + more,
            open_ms: 1000,
            now: 0,
            state: State::Closed,
            until: 0,
            era: 0,
            failures: 0,
            successes: 0,
            permits: Vec::new(),
        };
        for step in steps {
            match step {
                Step::Acquire => {
                    let permit = breaker.acquire();
                    prop_assert_eq!(permit.is_ok(), model.acquire());
                    permits.extend(permit);
                }
                Step::Report(k, outcome) if !permits.is_empty() => {
                    let k = k % permits.len();
                    permits.remove(k).report(outcome);
                    model.report(k, outcome);
                }
                Step::Drop(k) if !permits.is_empty() => {
                    let k = k % permits.len();
                    drop(permits.remove(k));
                    model.report(k, Outcome::Ignored);
                }
                Step::Report(..) | Step::Drop(_) => {}
                Step::Advance(ms) => {
                    clock.advance(Duration::from_millis(ms));
                    model.now += ms;
                }
                Step::Reset => { breaker.reset(); model.enter(State::Closed); }
                Step::ForceOpen => { breaker.force_open(); model.enter(State::ForcedOpen); }
                Step::ForceHalfOpen => { breaker.force_half_open(); model.enter(State::HalfOpen); }
                Step::Disable => { breaker.disable(); model.enter(State::Disabled); }
            }
            model.pass_time();
            let seen = breaker.snapshot();
            prop_assert_eq!(
                (seen.state, seen.failures_in_a_row, seen.successes, seen.probes),
                (model.state, model.failures, model.successes, model.probes())
            );
        }
    }
}
