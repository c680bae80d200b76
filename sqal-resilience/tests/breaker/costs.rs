//! Neither calls nor cycles allocate, and a snapshot is of one moment.

use std::thread;

use sqal_resilience::breaker::{State, Window};
use sqal_resilience::{Breaker, ManualClock};

use crate::breakers::{MINUTE, breaker, fail, n, rates, succeed};

#[test]
fn cb_47_48_neither_calls_nor_cycles_allocate() {
    let (breaker, clock) = breaker();
    let cycle = || {
        succeed(&breaker, 3);
        fail(&breaker, 5);
        assert!(breaker.acquire().is_err());
        clock.advance(MINUTE);
        drop(breaker.acquire());
        succeed(&breaker, 2);
    };
    cycle();
    let allocated = allocation_counter::measure(|| (0..10_000).for_each(|_| cycle()));
    assert_eq!(allocated.count_total, 0);
    // A breaker frees all the memory that it allocated.
    let (config, clock) = (rates(Window::Calls(n(100)), 10, 0.5), ManualClock::new());
    let used = allocation_counter::measure(|| drop(Breaker::new(config, clock.clone())));
    assert_eq!((used.count_current, used.bytes_current), (0, 0));
}

#[test]
fn cb_49_a_snapshot_is_of_one_moment() {
    let (breaker, clock) = breaker();
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for _ in 0..3000 {
                fail(&breaker, 5);
                clock.advance(MINUTE);
                succeed(&breaker, 2);
            }
        });
        // The loop also ends when the writer panics.
        while !writer.is_finished() {
            let s = breaker.snapshot();
            assert!(s.state == State::HalfOpen || (s.probes == 0 && s.successes == 0), "{s:?}");
            assert!(s.state == State::Closed || s.failures_in_a_row == 0, "{s:?}");
            assert_eq!(s.retry_after.is_some(), s.state == State::Open, "{s:?}");
        }
    });
}
