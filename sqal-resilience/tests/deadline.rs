//! The scenarios of timeout and deadline (TO-03 to TO-05, TO-07 to TO-09), and of hedging (RT-29).
#![cfg(feature = "tokio")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::cell::Cell;
use std::num::NonZeroU32;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use sqal_resilience::{
    Breaker, BreakerConfig, CallError, Deadline, ManualClock, RetryBudget, TimeoutError, breaker::State, hedge, timeout,
};
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn to_02_a_future_that_is_ready_at_once_needs_no_timer() {
    // Outside a runtime a timer cannot be made: making one would panic.
    let answer = pin!(timeout(SECOND, async { 42 })).poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!(answer, Poll::Ready(Ok(42)));
}

#[tokio::test(start_paused = true)]
async fn to_03_if_both_come_together_the_result_wins() {
    assert_eq!(timeout(SECOND, sleep(SECOND)).await, Ok(()));
    assert_eq!(timeout(SECOND, sleep(SECOND + Duration::from_millis(1))).await, Err(TimeoutError { after: SECOND }));
}

#[tokio::test(start_paused = true)]
async fn to_04_no_time_and_all_the_time_there_is() {
    let begun = Instant::now();
    assert!(timeout(Duration::ZERO, std::future::pending::<()>()).await.is_err());
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(timeout(Duration::ZERO, async { 1 }).await, Ok(1), "what is there is taken");
    assert_eq!(timeout(Duration::MAX, sleep(SECOND)).await, Ok(()));
    let forever = Deadline::after(Duration::MAX);
    assert_eq!((forever, forever.remaining()), (Deadline::NEVER, None));
    assert_eq!(forever.within(sleep(SECOND)).await, Ok(()));
    assert!(Deadline::after(Duration::ZERO).within(std::future::pending::<()>()).await.is_err());
}

/// Counts how often it is dropped.
struct Counted(Rc<Cell<u32>>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn to_05_the_future_is_dropped_once_and_before_the_error() {
    let dropped = Rc::new(Cell::new(0));
    let counted = Counted(Rc::clone(&dropped));
    let mut waiting = pin!(timeout(SECOND, async move {
        let _counted = counted;
        std::future::pending::<()>().await;
    }));
    assert_eq!(waiting.as_mut().await, Err(TimeoutError { after: SECOND }));
    assert_eq!(dropped.get(), 1, "while the timeout still exists");
    assert!(waiting.as_mut().await.is_err(), "asked again it says so again");
    assert_eq!(dropped.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn to_07_the_earlier_deadline_is_seen_and_kept_below() {
    let begun = Instant::now();
    let outer = Deadline::after(5 * SECOND).within(async {
        sleep(SECOND).await;
        let seen = Deadline::after(10 * SECOND).within(async { Deadline::current().remaining() }).await;
        assert_eq!(seen, Ok(Some(4 * SECOND)));
        let shorter = Deadline::after(SECOND).within(async { Deadline::current().remaining() }).await;
        assert_eq!(shorter, Ok(Some(SECOND)));
        Deadline::after(10 * SECOND).within(std::future::pending::<()>()).await
    });
    let ended = outer.await;
    assert!(matches!(ended, Err(_) | Ok(Err(_))), "{ended:?}");
    assert_eq!(begun.elapsed(), 5 * SECOND);
    assert_eq!(Deadline::current(), Deadline::NEVER);
}

#[tokio::test(start_paused = true)]
async fn to_08_a_timeout_inside_a_breaker_is_a_failure_and_a_caller_that_leaves_is_not() {
    let clock = ManualClock::new();
    let one = BreakerConfig { failure_threshold: NonZeroU32::new(1), ..BreakerConfig::default() };
    let breaker = Breaker::new(one, clock).unwrap();
    let left =
        timeout(SECOND, breaker.call(|| async { std::future::pending::<Result<(), TimeoutError>>().await })).await;
    assert!(left.is_err());
    assert_eq!(breaker.state(), State::Closed);
    let slow = breaker.call(|| timeout(SECOND, std::future::pending::<()>())).await;
    assert_eq!(slow, Err(CallError::Inner(TimeoutError { after: SECOND })));
    assert_eq!(breaker.state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn to_09_what_never_yields_is_not_interrupted() {
    let mut polls = 0;
    let computes = timeout(
        Duration::ZERO,
        std::future::poll_fn(|_| {
            polls += 1;
            Poll::Ready(42)
        }),
    );
    assert_eq!(computes.await, Ok(42), "a result that comes late and without a pause is a result");
    assert_eq!(polls, 1);
}

fn budget(reserve: u32) -> RetryBudget<ManualClock> {
    let reserve = NonZeroU32::new(reserve).unwrap();
    RetryBudget::new(0.01, NonZeroU32::MIN, reserve, ManualClock::new()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn rt_29_of_two_calls_the_first_success_wins_and_the_other_is_dropped() {
    let (budget, dropped) = (budget(2), Rc::new(Cell::new(0)));
    let call = |times: Vec<(Duration, Result<u32, u32>)>| {
        let (mut times, dropped) = (times.into_iter(), Rc::clone(&dropped));
        move || {
            let (time, result) = times.next().unwrap();
            let counted = Counted(Rc::clone(&dropped));
            async move {
                let _counted = counted;
                sleep(time).await;
                result
            }
        }
    };
    // The first call is in time, so there is no second call.
    let quick = hedge(SECOND, &budget, call(vec![(SECOND / 2, Ok(1))])).await;
    assert_eq!((quick.result, quick.begun, quick.second_won), (Ok(1), 1, false));
    // The first call is slow: the second one wins, and the first one is dropped.
    let begun = Instant::now();
    let slow = hedge(SECOND, &budget, call(vec![(9 * SECOND, Ok(1)), (SECOND, Ok(2))])).await;
    assert_eq!((slow.result, slow.begun, slow.second_won), (Ok(2), 2, true));
    assert_eq!((begun.elapsed(), dropped.get()), (2 * SECOND, 3));
    // The second call fails, so the result is that of the first one.
    let first = hedge(SECOND, &budget, call(vec![(9 * SECOND, Ok(1)), (SECOND, Err(2))])).await;
    assert_eq!((first.result, first.begun, first.second_won), (Ok(1), 2, false));
    // The budget (a reserve of two) is spent, so there is no second call.
    let spent = hedge(SECOND, &budget, call(vec![(9 * SECOND, Ok(1))])).await;
    assert_eq!((spent.result, spent.begun), (Ok(1), 1));
}

#[tokio::test(start_paused = true)]
async fn a_hedge_whose_calls_both_fail_gives_the_last_error() {
    let mut errors = 1..;
    let budget = budget(2);
    let both = hedge(SECOND, &budget, || {
        let error = errors.next().unwrap();
        async move {
            sleep(Duration::from_millis(1500)).await;
            Err::<(), i32>(error)
        }
    });
    let both = both.await;
    assert_eq!((both.result, both.begun, both.second_won), (Err(2), 2, false));
    let quick = hedge(SECOND, &budget, || async { Err::<(), i32>(7) }).await;
    assert_eq!((quick.result, quick.begun), (Err(7), 1), "a first call that fails is not hedged");
}

/// A future that uses up the budget of its task at every poll, as a loop over a channel that is
/// never empty does.
async fn greedy() {
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    sender.send(()).unwrap();
    while receiver.recv().await.is_some() {
        sender.send(()).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_future_that_uses_up_its_budget_at_every_poll_times_out_too() {
    // Tokio pauses such a task; its time limit must not be paused with it.
    let mut waiting = pin!(timeout(SECOND, greedy()));
    let once = |waiting: std::pin::Pin<&mut _>| Future::poll(waiting, &mut Context::from_waker(Waker::noop()));
    assert_eq!(once(waiting.as_mut()), Poll::Pending);
    tokio::time::advance(SECOND).await;
    assert_eq!(once(waiting.as_mut()), Poll::Ready(Err(TimeoutError { after: SECOND })));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_is_an_instant_and_not_a_time_from_the_first_pause() {
    let begun = Instant::now();
    let late = Deadline::after(SECOND).within(async {
        tokio::time::advance(SECOND / 2).await; // half a second of computing
        std::future::pending::<()>().await;
    });
    assert!(late.await.is_err());
    assert_eq!(begun.elapsed(), SECOND);
}

#[tokio::test(start_paused = true)]
async fn hedges_at_a_time_are_bounded() {
    let budget = RetryBudget::new(1.0, NonZeroU32::new(1000).unwrap(), NonZeroU32::MIN, ManualClock::new()).unwrap();
    let (budget, calls) = (budget.at_a_time(0.1, 1).unwrap(), Cell::new(0));
    let slow = || {
        calls.set(calls.get() + 1);
        async {
            sleep(9 * SECOND).await;
            Ok::<_, ()>(())
        }
    };
    let hedged = futures_util::future::join_all((0..100).map(|_| hedge(SECOND, &budget, slow))).await;
    assert!(hedged.iter().all(|hedged| hedged.result.is_ok()));
    assert_eq!(calls.get(), 110, "a tenth of those under way");
}
