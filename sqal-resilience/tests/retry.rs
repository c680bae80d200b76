//! Scenarios of retry, backoff and budget, each by its id.
//!
//! The scenarios of bodies and of tower are tested with the layers.
#![cfg(feature = "tokio")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::duration_suboptimal_units,
    clippy::suboptimal_flops,
    reason = "numbers as the scenarios print them"
)]

use std::cell::{Cell, RefCell};
use std::num::NonZeroU32;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use proptest::prelude::*;
use sqal_resilience::{
    Backoff, ManualClock, RetryBudget, RetryPolicy,
    backoff::Jitter,
    budget::InvalidBudget,
    classify::Again,
    retry::{GaveUp, RetryError, Retryable},
};
use tokio::time::Instant;

fn n(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap()
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn backoff(base: u64, cap: u64, jitter: Jitter) -> Backoff {
    Backoff::new(millis(base), millis(cap)).unwrap().with_jitter(jitter).unwrap()
}

/// Numbers from 0 to 1 that fill the interval evenly (van der Corput).
fn evenly() -> impl FnMut() -> f64 {
    let mut k = 0_u32;
    move || {
        k += 1;
        f64::from(k.reverse_bits()) / f64::from(u32::MAX)
    }
}

proptest! {
    #[test]
    fn rt_01_03_04_delays_keep_to_their_jitter_and_never_pass_the_cap(
        base in 1..5000_u64, factor in 1..100_u64, attempt in any::<u32>(), previous in 1..1_000_000_u64, random in 0.0..=1.0_f64,
        share in 0.0..=1.0_f64,
    ) {
        let cap = base * factor;
        let plain = (base as f64 * 2.0_f64.powi(attempt.min(60).cast_signed())).min(cap as f64) / 1000.0;
        let delay = |jitter| backoff(base, cap, jitter).delay_after(attempt, millis(previous), random).as_secs_f64();
        let within = |delay: f64, low: f64, high: f64| delay >= low - 1e-6 && delay <= high.min(cap as f64 / 1000.0) + 1e-6;
        prop_assert!(within(delay(Jitter::None), plain, plain));
        prop_assert!(within(delay(Jitter::Full), 0.0, plain));
        prop_assert!(within(delay(Jitter::Equal), plain / 2.0, plain));
        prop_assert!(within(delay(Jitter::Proportional(share)), plain * (1.0 - share), plain * (1.0 + share)));
        prop_assert!(within(delay(Jitter::Proportional(0.5)), plain / 2.0, plain * 1.5));
        let three = (3.0 * previous as f64 / 1000.0).max(base as f64 / 1000.0);
        prop_assert!(within(delay(Jitter::Decorrelated), base as f64 / 1000.0, three));
    }
}

#[test]
fn rt_02_full_jitter_is_even_from_nothing_to_the_delay() {
    let backoff = backoff(1000, 1000, Jitter::Full);
    let mut random = evenly();
    let drawn: Vec<f64> = (0..100_000).map(|_| backoff.delay(0, random()).as_secs_f64()).collect();
    let mean = drawn.iter().sum::<f64>() / 1e5;
    assert!((mean - 0.5).abs() < 1e-3, "{mean}");
    for tenth in 0..10 {
        let inside = drawn.iter().filter(|delay| (**delay * 10.0) as u32 == tenth).count();
        assert!((9900..=10_100).contains(&inside), "{tenth}: {inside}");
    }
}

#[test]
fn rt_04_the_last_attempt_there_can_be_waits_for_the_cap() {
    for jitter in [Jitter::None, Jitter::Full, Jitter::Equal, Jitter::Proportional(1.0), Jitter::Decorrelated] {
        let extreme = Backoff::new(Duration::from_nanos(1), Duration::MAX).unwrap().with_jitter(jitter).unwrap();
        for attempt in [0, 31, 32, 63, 64, u32::MAX] {
            let _ = extreme.delay_after(attempt, Duration::MAX, 1.0);
        }
        let mut delays = extreme.delays(|| 1.0);
        assert!((0..200).all(|_| delays.next().is_some()));
    }
    assert_eq!(backoff(1000, 30_000, Jitter::None).delay(u32::MAX, 0.5), millis(30_000));
}

#[tokio::test(start_paused = true)]
async fn rt_05_the_same_seed_gives_the_same_delays() {
    let run = async |seed| {
        let seen = RefCell::new(Vec::new());
        let policy = RetryPolicy::new(6, backoff(100, 10_000, Jitter::Full));
        let result = (async || Err::<(), _>(()))
            .retry(policy)
            .seeded(seed)
            .notify(|_, (): &(), delay| seen.borrow_mut().push(delay))
            .run()
            .await;
        assert!(result.is_err());
        seen.into_inner()
    };
    let (one, again, other) = (run(7).await, run(7).await, run(8).await);
    assert_eq!(one, again);
    assert_ne!(one, other);
}

#[test]
fn rt_06_clients_that_failed_together_do_not_come_back_together() {
    let backoff = backoff(1000, 1000, Jitter::Full);
    let mut random = evenly();
    let mut slots = [0_u32; 100];
    for _ in 0..1000 {
        slots[((backoff.delay(0, random()).as_secs_f64() * 100.0) as usize).min(99)] += 1;
    }
    assert!(slots.iter().all(|count| *count <= 30), "{slots:?}");
}

/// Fails this number of times, then works. Counts how often it was called.
fn works_after(failures: u32, asked: &Cell<u32>) -> impl FnMut() -> std::future::Ready<Result<u32, u32>> {
    move || {
        asked.set(asked.get() + 1);
        std::future::ready(if asked.get() > failures { Ok(asked.get()) } else { Err(asked.get()) })
    }
}

fn quick() -> RetryPolicy {
    RetryPolicy::new(3, backoff(250, 30_000, Jitter::None))
}

#[tokio::test(start_paused = true)]
async fn rt_07_three_retries_are_four_tries_and_the_last_error() {
    let asked = Cell::new(0);
    let begin = Instant::now();
    let result = works_after(100, &asked).retry(quick()).run().await;
    assert_eq!(result, Err(RetryError::Failed { error: 4, attempts: 4, why: GaveUp::Retries }));
    assert_eq!((asked.get(), begin.elapsed()), (4, millis(250 + 500 + 1000)));
}

#[tokio::test(start_paused = true)]
async fn rt_08_who_wants_to_know_is_told_of_each_retry_once() {
    let (asked, told) = (Cell::new(0), RefCell::new(Vec::new()));
    let result = works_after(1, &asked)
        .retry(quick())
        .notify(|attempt, error: &u32, delay| told.borrow_mut().push((attempt, *error, delay)))
        .run()
        .await;
    assert_eq!((result, asked.get()), (Ok(2), 2));
    assert_eq!(told.into_inner(), [(1, 1, millis(250))]);
}

#[tokio::test(start_paused = true)]
async fn rt_09_a_wait_that_would_pass_the_deadline_is_not_begun() {
    let asked = Cell::new(0);
    let mut policy = RetryPolicy::new(3, backoff(2000, 2000, Jitter::None));
    policy.deadline = Some(millis(1000));
    let begin = Instant::now();
    let result = works_after(100, &asked).retry(policy).run().await;
    assert_eq!(result, Err(RetryError::Failed { error: 1, attempts: 1, why: GaveUp::Deadline }));
    assert_eq!((begin.elapsed(), asked.get()), (Duration::ZERO, 1));
}

#[tokio::test(start_paused = true)]
async fn rt_10_a_try_that_is_under_way_is_cut_at_the_deadline() {
    let mut policy = quick();
    policy.deadline = Some(millis(1000));
    let begin = Instant::now();
    let result = (std::future::pending::<Result<(), ()>>).retry(policy).run().await;
    assert_eq!((result, begin.elapsed()), (Err(RetryError::DeadlinePassed { attempts: 1 }), millis(1000)));
    let mut endless = quick();
    endless.deadline = Some(Duration::MAX);
    assert_eq!(works_after(1, &Cell::new(0)).retry(endless).run().await, Ok(2));
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_would_begin_at_the_deadline_is_not_waited_for() {
    let backoff = backoff(1000, 60_000, Jitter::None);
    for (deadline, attempts, waited) in [(millis(1000), 1, Duration::ZERO), (millis(1500), 2, millis(1000))] {
        let begun = Instant::now();
        let mut policy = RetryPolicy::new(5, backoff);
        policy.deadline = Some(deadline);
        let result = (|| async { Err::<(), _>("away") }).retry(policy).run().await;
        let RetryError::Failed { attempts: made, why, .. } = result.unwrap_err() else { panic!("it failed") };
        assert_eq!((made, why, begun.elapsed()), (attempts, GaveUp::Deadline, waited));
    }
}

#[tokio::test(start_paused = true)]
async fn rt_11_12_a_target_is_obeyed_within_reason() {
    let asks = |seconds: u64| move |_: &u32| Again::After(Duration::from_secs(seconds));
    let begin = Instant::now();
    let asked = Cell::new(0);
    let result = works_after(1, &asked).retry(quick()).when(asks(3600)).run().await;
    assert_eq!(result, Err(RetryError::Failed { error: 1, attempts: 1, why: GaveUp::RetryAfter }));
    assert_eq!(begin.elapsed(), Duration::ZERO);
    assert_eq!(works_after(1, &Cell::new(0)).retry(quick()).when(asks(7)).run().await, Ok(2));
    assert_eq!(begin.elapsed(), millis(7000));
    // A date that has passed asks for no wait, so the usual delay applies.
    assert_eq!(works_after(1, &Cell::new(0)).retry(quick()).when(asks(0)).run().await, Ok(2));
    assert_eq!(begin.elapsed(), millis(7250));
}

/// Each jitter against its formula at five numbers from 0 to 1.
#[test]
fn rt_01_jitter_is_what_it_says() {
    for random in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let at = |jitter, attempt| backoff(100, 10_000, jitter).delay(attempt, random).as_secs_f64();
        for (attempt, plain) in [(0, 0.1), (3, 0.8), (6, 6.4), (7, 10.0), (60, 10.0)] {
            let close = |jitter, expected: f64| {
                let delay = at(jitter, attempt);
                assert!(
                    (delay - expected.min(10.0)).abs() < 1e-9,
                    "{jitter:?} {attempt} {random}: {delay}, expected {expected}"
                );
            };
            close(Jitter::None, plain);
            close(Jitter::Full, plain * random);
            close(Jitter::Equal, plain * (0.5 + 0.5 * random));
            close(Jitter::Proportional(0.3), plain * (1.0 + 0.3 * (2.0 * random - 1.0)));
            close(Jitter::Decorrelated, 0.1 + random * 0.2);
        }
    }
}

#[test]
fn delays_are_those_of_the_backoff() {
    let backoff = backoff(1000, 60_000, Jitter::None);
    let delays: Vec<_> = backoff.delays(|| 0.5).take(8).map(|delay| delay.as_secs()).collect();
    assert_eq!(delays, [1, 2, 4, 8, 16, 32, 60, 60]);
}

#[tokio::test(start_paused = true)]
async fn those_who_were_told_the_same_do_not_come_back_at_the_same_instant() {
    let policy = RetryPolicy::new(1, Backoff::new(millis(1000), millis(9000)).unwrap());
    let mut delays = Vec::new();
    for seed in 0..200 {
        let (seen, asked) = (Cell::new(Duration::ZERO), Cell::new(0));
        let again = works_after(1, &asked).retry(policy).seeded(seed).when(|_| Again::After(millis(19_500)));
        assert_eq!(again.notify(|_, _, delay| seen.set(delay)).run().await, Ok(2));
        delays.push(seen.get());
    }
    assert!(
        delays.iter().all(|delay| (millis(19_500)..=millis(20_000)).contains(delay)),
        "no earlier, and within the policy"
    );
    delays.sort();
    delays.dedup();
    assert!(delays.len() > 90, "{} different ones", delays.len());
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_ever_is_not_begun() {
    let mut forever = quick();
    forever.max_retry_after = Duration::MAX;
    let result = works_after(1, &Cell::new(0)).retry(forever).when(|_: &u32| Again::After(Duration::MAX)).run().await;
    assert_eq!(result, Err(RetryError::Failed { error: 1, attempts: 1, why: GaveUp::Deadline }));
    let decorrelated = RetryPolicy::new(1, backoff(1000, 60_000, Jitter::Decorrelated));
    for seed in 0..200 {
        let (seen, asked) = (Cell::new(Duration::ZERO), Cell::new(0));
        let run = works_after(1, &asked).retry(decorrelated).seeded(seed).notify(|_, _: &u32, delay| seen.set(delay));
        assert!(run.run().await.is_ok());
        assert!(seen.get() >= millis(1000) && seen.get() <= millis(3000), "{:?}", seen.get());
    }
}

#[tokio::test(start_paused = true)]
async fn rt_13_what_is_not_worth_it_is_not_tried_again() {
    let asked = Cell::new(0);
    let result = works_after(9, &asked).retry(quick()).when(|_: &u32| Again::Never).run().await;
    assert_eq!(result, Err(RetryError::Failed { error: 1, attempts: 1, why: GaveUp::NotWorthIt }));
    assert_eq!(asked.get(), 1);
}

#[test]
fn rt_21_27_every_ratio_is_kept_exactly_and_the_reserve_is_time() {
    for percent in 1..=100_u32 {
        let clock = ManualClock::new();
        let budget = RetryBudget::new(f64::from(percent) / 100.0, n(10_000), n(3), clock.clone()).unwrap();
        let reserve = (0..10).filter(|_| budget.spend()).count();
        assert_eq!(reserve, 3, "the reserve of the first second");
        (0..1000).for_each(|_| budget.earn());
        let retries = (0..2000).filter(|_| budget.spend()).count();
        assert!(retries.abs_diff(percent as usize * 10) <= 1, "{percent} %: {retries}");
        // A clock that steps back neither adds retries nor blocks them.
        clock.rewind(Duration::from_secs(3600));
        assert!(!budget.spend());
        clock.advance(millis(1001));
        assert_eq!((0..10).filter(|_| budget.spend()).count(), 3);
    }
    for ratio in [0.0, -0.1, 1.1, f64::NAN] {
        assert!(matches!(RetryBudget::new(ratio, n(1), n(1), ManualClock::new()), Err(InvalidBudget::Ratio(_))));
    }
    let few = RetryBudget::new(0.5, n(2), n(1), ManualClock::new()).unwrap();
    (0..100).for_each(|_| few.earn());
    assert_eq!((0..10).filter(|_| few.spend()).count(), 3, "two saved and one of the reserve");
}

#[test]
fn rt_22_a_token_is_spent_once() {
    for _ in 0..50 {
        let budget = RetryBudget::new(1.0, n(1000), n(1), ManualClock::new()).unwrap();
        assert!(budget.spend());
        (0..500).for_each(|_| budget.earn());
        let spent = AtomicU32::new(0);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        spent.fetch_add(u32::from(budget.spend()), Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(spent.load(Ordering::Relaxed), 500);
    }
}

#[tokio::test(start_paused = true)]
async fn rt_23_a_spent_budget_gives_the_error_itself() {
    let budget = RetryBudget::new(0.1, n(10), n(1), ManualClock::new()).unwrap();
    assert!(budget.spend());
    let asked = Cell::new(0);
    let result = works_after(9, &asked).retry(quick()).run_on(&budget).await;
    assert_eq!(result, Err(RetryError::Failed { error: 1, attempts: 1, why: GaveUp::Budget }));
    // Ten calls that succeed earn one retry.
    for _ in 0..9 {
        assert!(works_after(0, &Cell::new(0)).retry(quick()).run_on(&budget).await.is_ok());
    }
    assert_eq!(works_after(1, &Cell::new(0)).retry(quick()).run_on(&budget).await, Ok(2));
}

#[tokio::test(start_paused = true)]
async fn rt_25_a_run_that_is_dropped_while_it_waits_tries_no_more() {
    let asked = Cell::new(0);
    let run = works_after(9, &asked).retry(quick()).run();
    assert!(tokio::time::timeout(millis(100), run).await.is_err());
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(asked.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn rt_28_a_panic_is_not_tried_again() {
    let asked = AtomicU32::new(0);
    let run = async {
        (|| {
            asked.fetch_add(1, Ordering::Relaxed);
            async { if asked.load(Ordering::Relaxed) > 0 { panic!("on purpose") } else { Ok::<_, ()>(()) } }
        })
        .retry(quick())
        .run()
        .await
    };
    let mut run = Box::pin(run);
    let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| {
        let waker = std::task::Waker::noop();
        run.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_ready()
    }));
    assert!(outcome.is_err());
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_first_try_that_succeeds_allocates_nothing_and_reads_no_clock() {
    let policy = quick();
    let allocated = allocation_counter::measure(|| {
        let mut run = std::pin::pin!((|| std::future::ready(Ok::<_, ()>(1))).retry(policy).run());
        let waker = std::task::Waker::noop();
        assert!(run.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_ready());
    });
    assert_eq!(allocated.count_total, 0);
}
