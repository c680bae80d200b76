//! The scenarios of the bulkhead: limits, queue, shedding, adaptive size.
//!
//! They are BH-01 to BH-14, except BH-08, which is tested with the layers.
#![cfg(feature = "tokio")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use proptest::prelude::*;
use sqal_resilience::{
    AdaptiveBulkhead, Bulkhead, BulkheadConfig, Clock, ManualClock, Outcome, SystemClock, TokioClock,
    bulkhead::Shed,
    limit::{Aimd, Gradient, Limit, Observation, Range},
    rejected::Reason,
};

fn n(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap()
}

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

fn with_line(running: u32, waiting: u32, wait: Duration) -> BulkheadConfig {
    let mut config = BulkheadConfig::default();
    config.max_concurrent = n(running);
    config.max_queued = waiting;
    config.max_wait = wait;
    config
}

fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[tokio::test]
async fn bh_01_the_twenty_sixth_is_refused_at_once() {
    let bulkhead = Bulkhead::new(BulkheadConfig::default(), SystemClock).unwrap();
    let running: Vec<_> = (0..25).map(|_| bulkhead.try_acquire().unwrap()).collect();
    assert_eq!(bulkhead.try_acquire().unwrap_err().reason, Reason::BulkheadFull);
    assert_eq!(bulkhead.acquire().await.unwrap_err().reason, Reason::BulkheadFull);
    assert_eq!(bulkhead.acquire_blocking().unwrap_err().reason, Reason::BulkheadFull);
    drop(running);
    assert_eq!(bulkhead.occupancy().running, 0);
}

#[tokio::test(start_paused = true)]
async fn bh_02_the_line_is_served_in_order_and_ends() {
    let bulkhead = Arc::new(Bulkhead::new(with_line(1, 10, 100 * MS), TokioClock).unwrap());
    let running = bulkhead.try_acquire().unwrap();
    let served = Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut tasks = Vec::new();
    for k in 0..10 {
        let (bulkhead, served) = (Arc::clone(&bulkhead), Arc::clone(&served));
        tasks.push(tokio::spawn(async move {
            let place = bulkhead.acquire().await;
            if place.is_ok() {
                served.lock().unwrap().push(k);
            }
            place.map(drop)
        }));
        tokio::task::yield_now().await;
    }
    assert_eq!(bulkhead.occupancy().waiting, 10);
    assert_eq!(bulkhead.acquire().await.unwrap_err().reason, Reason::BulkheadFull, "the eleventh");
    assert_eq!(bulkhead.try_acquire().unwrap_err().reason, Reason::BulkheadFull, "nobody overtakes the line");
    drop(running);
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(*served.lock().unwrap(), (0..10).collect::<Vec<_>>());

    let running = bulkhead.try_acquire().unwrap();
    let begun = tokio::time::Instant::now();
    assert_eq!(bulkhead.acquire().await.unwrap_err().reason, Reason::QueueTimeout);
    assert_eq!(begun.elapsed(), 100 * MS);
    assert_eq!(bulkhead.occupancy().waiting, 0, "its place in line is free");
    drop(running);
}

#[test]
fn bh_03_a_call_that_leaves_the_line_leaves_nothing_behind() {
    let bulkhead = Arc::new(Bulkhead::new(with_line(1, 3, Duration::from_secs(9)), SystemClock).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _entered = runtime.enter();
    let running = bulkhead.try_acquire().unwrap();
    let (mut first, second, mut third) =
        (Box::pin(bulkhead.acquire()), Box::pin(bulkhead.acquire()), Box::pin(bulkhead.acquire()));
    let mut second = Some(second);
    assert!(poll(first.as_mut()).is_pending());
    assert!(second.as_mut().is_some_and(|second| poll(second.as_mut()).is_pending()));
    assert!(poll(third.as_mut()).is_pending());
    drop(second.take());
    assert_eq!(bulkhead.occupancy().waiting, 2);
    drop(running);
    // The first caller was served but gives up before it looks: the third one follows.
    assert_eq!((bulkhead.occupancy().running, bulkhead.occupancy().waiting), (1, 1));
    drop(first);
    let Poll::Ready(Ok(place)) = poll(third.as_mut()) else { panic!("the third is served") };
    assert_eq!((bulkhead.occupancy().running, bulkhead.occupancy().waiting), (1, 0));
    drop(place);
    assert_eq!(bulkhead.occupancy().running, 0);
}

#[test]
fn bh_04_a_call_that_panics_gives_its_place_back() {
    let bulkhead = Arc::new(Bulkhead::new(with_line(1, 0, Duration::ZERO), SystemClock).unwrap());
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _place = bulkhead.try_acquire().unwrap();
        panic!("the call");
    }));
    assert!(panicked.is_err());
    drop(bulkhead.try_acquire_owned().unwrap());
    assert_eq!(bulkhead.occupancy().running, 0);
}

#[test]
fn bh_06_a_smaller_bulkhead_lets_those_inside_finish() {
    let bulkhead = Bulkhead::new(BulkheadConfig::default(), SystemClock).unwrap();
    let mut running: Vec<_> = (0..20).map(|_| bulkhead.try_acquire().unwrap()).collect();
    bulkhead.resize(n(5));
    assert_eq!((bulkhead.occupancy().running, bulkhead.occupancy().limit), (20, 5));
    while running.len() > 5 {
        running.pop();
        assert_eq!(bulkhead.try_acquire().is_ok(), running.len() < 5);
    }
    running.pop();
    running.push(bulkhead.try_acquire().unwrap());
    bulkhead.resize(n(6));
    assert!(bulkhead.try_acquire().is_ok());
}

#[test]
fn a_larger_bulkhead_serves_the_line() {
    let bulkhead = Bulkhead::new(with_line(1, 2, Duration::from_secs(9)), SystemClock).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _entered = runtime.enter();
    let _running = bulkhead.try_acquire().unwrap();
    let (mut first, mut second) = (pin!(bulkhead.acquire()), pin!(bulkhead.acquire()));
    assert!(poll(first.as_mut()).is_pending() && poll(second.as_mut()).is_pending());
    bulkhead.resize(n(3));
    assert!(matches!((poll(first), poll(second)), (Poll::Ready(Ok(_)), Poll::Ready(Ok(_)))));
}

#[test]
fn bh_07_two_threads_are_never_inside_one_place() {
    let bulkhead = Arc::new(Bulkhead::new(with_line(1, 2, Duration::from_secs(300)), SystemClock).unwrap());
    let inside = AtomicU32::new(0);
    let enter = || {
        for k in 0..200_000 {
            let place = if k % 10 == 0 { bulkhead.acquire_blocking() } else { bulkhead.try_acquire() };
            if let Ok(_place) = place {
                assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                inside.fetch_sub(1, Ordering::SeqCst);
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(enter);
        enter();
    });
    assert_eq!((bulkhead.occupancy().running, bulkhead.occupancy().waiting), (0, 0));
}

#[test]
fn bh_09_a_thread_that_sleeps_in_line_is_woken() {
    let bulkhead = Bulkhead::new(with_line(1, 1, Duration::from_secs(300)), SystemClock).unwrap();
    std::thread::scope(|scope| {
        let place = bulkhead.try_acquire().unwrap();
        let sleeper = scope.spawn(|| bulkhead.acquire_blocking().map(drop));
        while bulkhead.occupancy().waiting == 0 {
            assert!(!sleeper.is_finished());
            std::thread::yield_now();
        }
        drop(place);
        assert_eq!(sleeper.join().unwrap(), Ok(()));
    });
    let _place = bulkhead.try_acquire().unwrap();
    let short = Bulkhead::new(with_line(1, 1, MS), SystemClock).unwrap();
    let _taken = short.try_acquire().unwrap();
    assert_eq!(short.acquire_blocking().unwrap_err().reason, Reason::QueueTimeout);
}

/// A sample of a call that begins now and takes this time.
fn sample(clock: &ManualClock, in_flight: u32, took: Duration, dropped: bool) -> Observation {
    let began = clock.now();
    clock.advance(took);
    Observation { began, ended: clock.now(), in_flight, dropped }
}

#[test]
fn bh_10_a_limit_that_is_not_used_does_not_grow() {
    let clock = ManualClock::new();
    let range = Range { least: n(1), first: n(40), most: n(200) };
    let limits: [&mut dyn Limit; 2] = [&mut Aimd::new(range), &mut Gradient::new(range)];
    for limit in limits {
        for _ in 0..1000 {
            limit.learn(&sample(&clock, 19, 10 * MS, false));
        }
        assert_eq!(limit.current(), n(40));
        for _ in 0..1000 {
            limit.learn(&sample(&clock, 200, 10 * MS, false));
        }
        assert!(limit.current() > n(40), "used, it grows");
    }
}

#[test]
fn bh_11_a_burst_of_drops_lowers_the_limit_once() {
    let clock = ManualClock::new();
    let range = Range { least: n(1), first: n(100), most: n(200) };
    let limits: [&mut dyn Limit; 2] = [&mut Aimd::new(range), &mut Gradient::new(range)];
    for limit in limits {
        let began = clock.now();
        clock.advance(10 * MS);
        for _ in 0..50 {
            limit.learn(&Observation { began, ended: clock.now(), in_flight: 100, dropped: true });
        }
        assert_eq!(limit.current(), n(90), "all of them began before it was lowered");
        clock.advance(MS);
        limit.learn(&sample(&clock, 90, MS, true));
        assert_eq!(limit.current(), n(81));
    }
}

#[test]
fn bh_12_what_says_nothing_leaves_the_limit_and_gives_its_place_back() {
    let clock = ManualClock::new();
    let range = Range { least: n(1), first: n(2), most: n(9) };
    let bulkhead = AdaptiveBulkhead::new(BulkheadConfig::default(), Aimd::new(range), clock.clone()).unwrap();
    bulkhead.try_acquire().unwrap().report(Outcome::Ignored);
    drop(bulkhead.try_acquire().unwrap());
    assert_eq!((bulkhead.occupancy().running, bulkhead.occupancy().limit), (0, 2));
    for _ in 0..9 {
        let (a, b) = (bulkhead.try_acquire().unwrap(), bulkhead.try_acquire().unwrap());
        clock.advance(MS);
        a.report(Outcome::Success);
        b.report(Outcome::Success);
    }
    assert!(bulkhead.occupancy().limit > 2, "success makes room");
    let before = bulkhead.occupancy().limit;
    clock.advance(MS);
    bulkhead.try_acquire().unwrap().report(Outcome::Failure);
    assert!(bulkhead.occupancy().limit < before, "a drop takes it");
}

#[test]
fn a_target_that_slows_down_gets_fewer_calls() {
    let clock = ManualClock::new();
    let mut gradient = Gradient::new(Range { least: n(1), first: n(20), most: n(200) });
    for _ in 0..600 {
        let in_flight = gradient.current().get();
        gradient.learn(&sample(&clock, in_flight, 10 * MS, false));
    }
    let fast = gradient.current().get();
    assert_eq!(fast, 200, "nothing slowed down: all the way up");
    for _ in 0..20 {
        let in_flight = gradient.current().get();
        gradient.learn(&sample(&clock, in_flight, 60 * MS, false));
    }
    assert!(gradient.current().get() < fast / 3, "six times slower: {}", gradient.current());
}

/// A limit that jumps at a sample.
struct Jumps(NonZeroU32);

impl Limit for Jumps {
    fn current(&self) -> NonZeroU32 {
        self.0
    }

    fn learn(&mut self, _: &Observation) {
        self.0 = n(3);
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_grows_lets_in_who_waits() {
    let mut config = BulkheadConfig::default();
    config.max_queued = 5;
    config.max_wait = Duration::from_secs(60);
    let bulkhead = AdaptiveBulkhead::new(config, Jumps(n(1)), TokioClock).unwrap();
    let first = bulkhead.try_acquire().unwrap();
    let (mut second, mut third) = (pin!(bulkhead.acquire()), pin!(bulkhead.acquire()));
    let mut fourth = pin!(bulkhead.acquire());
    assert!(poll(second.as_mut()).is_pending() && poll(third.as_mut()).is_pending());
    assert!(poll(fourth.as_mut()).is_pending());
    tokio::time::advance(SECOND).await;
    assert_eq!(first.elapsed(), SECOND);
    first.report(Outcome::Success);
    // One place became free, and two are new.
    assert_eq!(bulkhead.occupancy().waiting, 0);
    let mut places = Vec::new();
    for waiting in [second, third, fourth] {
        let mut waiting = waiting;
        match poll(waiting.as_mut()) {
            Poll::Ready(place) => places.push(place.unwrap()),
            Poll::Pending => panic!("there is a place"),
        }
    }
    assert_eq!(bulkhead.occupancy().running, 3);
}

#[tokio::test(start_paused = true)]
async fn bh_13_a_line_that_is_too_slow_refuses_a_call() {
    for shed in [Shed::Newest, Shed::Oldest] {
        let mut config = with_line(1, 5, Duration::from_secs(9));
        config.shed = shed;
        config.slow_after = Some(50 * MS);
        let bulkhead = Arc::new(Bulkhead::new(config, TokioClock).unwrap());
        let running = bulkhead.try_acquire().unwrap();
        let spawn = || tokio::spawn(Arc::clone(&bulkhead).acquire_owned());
        let old = spawn();
        tokio::time::sleep(50 * MS).await;
        let exactly = spawn();
        tokio::task::yield_now().await;
        assert_eq!(bulkhead.occupancy().waiting, 2, "fifty are not too many");
        exactly.abort();
        tokio::time::sleep(MS).await;
        let new = spawn();
        tokio::task::yield_now().await;
        let (sent_away, stays) = if shed == Shed::Newest { (new, old) } else { (old, new) };
        let refused = sent_away.await.unwrap().unwrap_err();
        assert_eq!((refused.reason, refused.retry_after), (Reason::Overloaded, Some(50 * MS)));
        assert_eq!((refused.reason.http_status(), refused.retry_after_seconds()), (503, Some(1)));
        drop(running);
        assert!(stays.await.unwrap().is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_line_sheds_the_oldest_if_so_configured() {
    let mut config = with_line(1, 1, Duration::from_secs(9));
    config.shed = Shed::Oldest;
    let bulkhead = Arc::new(Bulkhead::new(config, TokioClock).unwrap());
    let running = bulkhead.try_acquire().unwrap();
    let old = tokio::spawn(Arc::clone(&bulkhead).acquire_owned());
    tokio::task::yield_now().await;
    let new = tokio::spawn(Arc::clone(&bulkhead).acquire_owned());
    assert_eq!(old.await.unwrap().unwrap_err().reason, Reason::BulkheadFull);
    assert_eq!(bulkhead.occupancy().waiting, 1);
    drop(running);
    assert!(new.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn bh_14_when_the_end_begins_the_line_is_sent_away_and_the_running_finish() {
    let bulkhead = Arc::new(Bulkhead::new(with_line(1, 10, Duration::from_secs(9)), TokioClock).unwrap());
    let running = bulkhead.try_acquire().unwrap();
    let waiting: Vec<_> = (0..10).map(|_| tokio::spawn(Arc::clone(&bulkhead).acquire_owned())).collect();
    tokio::task::yield_now().await;
    bulkhead.close();
    for waiting in waiting {
        assert_eq!(waiting.await.unwrap().unwrap_err().reason, Reason::ShuttingDown);
    }
    let seen = bulkhead.occupancy();
    assert_eq!((seen.running, seen.waiting, seen.closed), (1, 0, true));
    drop(running);
    assert_eq!(bulkhead.try_acquire().unwrap_err().reason, Reason::ShuttingDown);
    assert_eq!(bulkhead.acquire().await.unwrap_err().reason, Reason::ShuttingDown);
    assert_eq!(bulkhead.occupancy().running, 0);
}

/// A model of a bulkhead, as simple as possible: which calls run and which wait, in order.
#[derive(Default)]
struct Simple {
    running: Vec<u32>,
    waiting: Vec<u32>,
    limit: usize,
    most_waiting: usize,
}

impl Simple {
    fn serve(&mut self) {
        while self.running.len() < self.limit && !self.waiting.is_empty() {
            let first = self.waiting.remove(0);
            self.running.push(first);
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Come,
    Try,
    Finish(usize),
    GiveUp(usize),
    Resize(u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Come),
        1 => Just(Step::Try),
        3 => (0..8_usize).prop_map(Step::Finish),
        2 => (0..8_usize).prop_map(Step::GiveUp),
        1 => (1..5_u32).prop_map(Step::Resize),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_bulkhead_does_what_the_simple_one_does(steps in prop::collection::vec(step(), 0..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let _entered = runtime.enter();
        let bulkhead = Arc::new(Bulkhead::new(with_line(2, 3, Duration::from_secs(3600)), SystemClock).unwrap());
        let mut simple = Simple { limit: 2, most_waiting: 3, ..Simple::default() };
        let (mut inside, mut line) = (Vec::new(), Vec::new());
        for (k, step) in (0..).zip(steps) {
            let room = simple.running.len() < simple.limit && simple.waiting.is_empty();
            match step {
                Step::Come => {
                    let mut coming = Box::pin(Arc::clone(&bulkhead).acquire_owned());
                    match poll(coming.as_mut()) {
                        Poll::Ready(Ok(place)) => {
                            prop_assert!(room);
                            simple.running.push(k);
                            inside.push((k, place));
                        }
                        Poll::Ready(Err(refused)) => {
                            prop_assert!(!room && simple.waiting.len() == simple.most_waiting, "{:?}", refused);
                        }
                        Poll::Pending => {
                            prop_assert!(!room && simple.waiting.len() < simple.most_waiting);
                            simple.waiting.push(k);
                            line.push((k, coming));
                        }
                    }
                }
                Step::Try => match bulkhead.try_acquire_owned() {
                    Ok(place) => {
                        prop_assert!(room);
                        simple.running.push(k);
                        inside.push((k, place));
                    }
                    Err(_) => prop_assert!(!room),
                },
                Step::Finish(which) if !inside.is_empty() => {
                    let (who, place) = inside.remove(which % inside.len());
                    drop(place);
                    simple.running.retain(|running| *running != who);
                }
                Step::GiveUp(which) if !line.is_empty() => {
                    let (who, coming) = line.remove(which % line.len());
                    drop(coming);
                    simple.waiting.retain(|waiting| *waiting != who);
                }
                Step::Resize(to) => {
                    bulkhead.resize(n(to));
                    simple.limit = usize::try_from(to).unwrap();
                }
                Step::Finish(_) | Step::GiveUp(_) => {}
            }
            simple.serve();
            for (who, mut coming) in std::mem::take(&mut line) {
                if simple.running.contains(&who) {
                    let Poll::Ready(Ok(place)) = poll(coming.as_mut()) else { panic!("{who} was served") };
                    inside.push((who, place));
                } else {
                    prop_assert!(poll(coming.as_mut()).is_pending());
                    line.push((who, coming));
                }
            }
            let seen = bulkhead.occupancy();
            prop_assert_eq!(seen.running as usize, simple.running.len());
            prop_assert_eq!(seen.waiting as usize, simple.waiting.len());
        }
    }
}
