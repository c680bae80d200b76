//! The token bucket's scenarios RL-01 to RL-29, each by its id.
//!
//! The scenarios of HTTP and of several processes are tested in other crates.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(
    clippy::duration_suboptimal_units,
    clippy::suboptimal_flops,
    clippy::unchecked_time_subtraction,
    reason = "times as the scenarios print them"
)]

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use proptest::prelude::*;
use sqal_resilience::{Clock, KeyedBuckets, ManualClock, Quota, TokenBucket, bucket::take_all};

fn n(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap()
}

fn bucket(quota: Quota) -> (TokenBucket<ManualClock>, ManualClock) {
    let clock = ManualClock::new();
    (TokenBucket::new(quota, clock.clone()).unwrap(), clock)
}

const NANO: Duration = Duration::from_nanos(1);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn rl_01_a_new_bucket_is_full() {
    let (bucket, _) = bucket(Quota::default());
    for left in (0..100).rev() {
        let decision = bucket.take(1);
        assert!(decision.allowed && decision.remaining() == left && decision.limit() == 100);
        assert_eq!(decision.retry_after(), Some(Duration::ZERO));
    }
    let refused = bucket.take(1);
    assert!(!refused.allowed && refused.remaining() == 0);
    assert_eq!(
        (refused.retry_after(), refused.reset_after()),
        (Some(Duration::from_millis(600)), Duration::from_secs(60))
    );
    assert_eq!(refused.into_result().unwrap_err().retry_after, refused.retry_after());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn rl_02_in_any_window_no_more_than_the_burst_and_the_rate_pass(
        burst in 1..20_u32, refill in 1..20_u32, millis in 1..2000_u64,
        steps in prop::collection::vec((0..300_u64, 1..4_u32), 1..200),
    ) {
        let quota = Quota { burst: n(burst), refill: n(refill), period: Duration::from_millis(millis) };
        let (bucket, clock) = bucket(quota);
        let start = clock.now();
        let mut passed: Vec<(f64, u32)> = Vec::new();
        for (step, ask) in steps {
            clock.advance(Duration::from_millis(step));
            if bucket.take(ask).allowed {
                passed.push((clock.now().duration_since(start).as_secs_f64(), ask));
            }
        }
        for from in 0..passed.len() {
            let mut sum = 0;
            for (at, count) in &passed[from..] {
                sum += count;
                let window = at - passed[from].0;
                prop_assert!(f64::from(sum) <= f64::from(burst) + window * quota.per_second() + 1e-6);
            }
        }
    }

    #[test]
    fn rl_03_04_13_14_a_refusal_names_the_very_instant_and_changes_nothing(
        burst in 1..20_u32, refill in 1..50_u32, nanos in 1..5_000_000_000_u64,
        steps in prop::collection::vec((0..500_000_000_u64, 0..22_u32), 1..60),
    ) {
        let quota = Quota { burst: n(burst), refill: n(refill), period: Duration::from_nanos(nanos) };
        let (bucket, clock) = bucket(quota);
        for (step, ask) in steps {
            clock.advance(Duration::from_nanos(step));
            let before = bucket.peek(0);
            let foreseen = bucket.peek(ask);
            let decision = bucket.take(ask);
            prop_assert_eq!(foreseen, decision, "peek says what take says");
            if decision.allowed {
                continue;
            }
            prop_assert_eq!(bucket.peek(0), before, "a refusal changes nothing");
            let Some(wait) = decision.retry_after() else {
                prop_assert!(ask > burst);
                continue;
            };
            let now = clock.now();
            let fork = |at| { clock.advance(at); let decision = bucket.peek(ask); clock.rewind(at); decision.allowed };
            prop_assert!(fork(wait), "{:?}", wait);
            prop_assert!(wait <= NANO || !fork(wait - NANO));
            prop_assert_eq!(clock.now(), now);
        }
    }
}

#[test]
fn rl_05_05b_after_a_step_back_one_refill_is_waited_for_and_no_more() {
    let (bucket, clock) = bucket(Quota::default());
    assert!(bucket.take(100).allowed);
    clock.rewind(Duration::from_secs(3600));
    let refused = bucket.take(1);
    assert_eq!(refused.retry_after(), Some(Duration::from_millis(600)));
    // Only refused requests follow. The step back is remembered from the first one, and not found
    // again by each.
    for _ in 0..5 {
        clock.advance(Duration::from_millis(100));
        assert!(!bucket.take(1).allowed);
    }
    clock.advance(Duration::from_millis(100));
    assert!(bucket.take(1).allowed);
}

#[test]
fn rl_06_a_clock_that_goes_to_and_fro_mints_nothing_by_going_back() {
    let (bucket, clock) = bucket(Quota::default());
    let mut passed = 0;
    let mut forward = 0.0;
    for k in 0..1000_u64 {
        let step = Duration::from_millis(k * 37 % 1000);
        clock.advance(step);
        forward += step.as_secs_f64();
        passed += u32::from(bucket.take(1).allowed);
        clock.rewind(Duration::from_millis(k * 53 % 1000));
        passed += u32::from(bucket.take(1).allowed);
    }
    assert!(f64::from(passed) <= 100.0 + forward * 100.0 / 60.0 + 1.0, "{passed} in {forward} s of going forward");
}

#[test]
fn rl_07_17_23_threads_that_race_share_exactly_what_there_is() {
    let (bucket, _) = bucket(Quota::new(n(10_000), Duration::from_secs(3600)));
    let passed = AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5000 {
                    passed.fetch_add(u32::from(bucket.take(1).allowed), Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(passed.load(Ordering::Relaxed), 10_000);

    let (a, b) = (
        self::bucket(Quota::new(n(1000), Duration::from_secs(3600))).0,
        self::bucket(Quota::new(n(300), Duration::from_secs(3600))).0,
    );
    let wins = AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..200 {
                    wins.fetch_add(u32::from(take_all(&[(&a, 1), (&b, 1)]).unwrap().allowed), Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!((wins.load(Ordering::Relaxed), b.usage().current), (300, 0));
    assert_eq!(a.usage().current, 700, "what was taken of a and not of b was put back");

    let keyed = KeyedBuckets::new(Quota::new(n(500), Duration::from_secs(3600)), 10).unwrap();
    let (now, passed) = (ManualClock::new().now(), AtomicU32::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..500 {
                    passed.fetch_add(u32::from(keyed.take("hot", 1, now).allowed), Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(passed.load(Ordering::Relaxed), 500);
}

#[test]
fn rl_08_two_clocks_a_millisecond_apart_differ_by_a_millisecond_and_no_more() {
    let (bucket, clock) = bucket(Quota::new(n(1000), Duration::from_secs(1)));
    for k in 0..500_u32 {
        let skewed = clock.now() - Duration::from_millis(u64::from(k % 2));
        assert!(bucket.take_at(1, skewed).allowed, "{k}");
        clock.advance(Duration::from_millis(1));
    }
    assert!(bucket.usage().current >= 998);
}

/// Callers whose times are out of order gain no tokens, however often they ask.
#[test]
fn times_out_of_order_mint_nothing() {
    let (bucket, clock) = bucket(Quota::default());
    let begin = clock.now();
    assert!(bucket.take_at(100, begin + Duration::from_secs(10)).allowed);
    let mut passed = 0;
    for _ in 0..1000 {
        passed += u32::from(bucket.take_at(1, begin + Duration::from_millis(9100)).allowed);
        passed += u32::from(bucket.take_at(1, begin + Duration::from_secs(10)).allowed);
    }
    assert_eq!(passed, 0);
}

#[test]
fn rl_09_a_slow_quota_with_a_large_burst_does_not_overflow() {
    let (bucket, clock) = bucket(Quota::new(n(1), Duration::from_secs(86400)).with_burst(n(250_000)));
    let decision = bucket.take(100_000);
    assert_eq!((decision.allowed, decision.remaining()), (true, 150_000));
    assert!(bucket.take(150_000).allowed);
    let refused = bucket.take(1);
    assert!(
        refused.retry_after().unwrap() <= Duration::from_secs(86400)
            && refused.retry_after().unwrap() > Duration::from_secs(82800)
    );
    clock.advance(Duration::from_secs(86400) + Duration::from_secs(1));
    assert!(bucket.take(1).allowed && !bucket.take(1).allowed);
}

#[test]
fn rl_10_two_tokens_a_nanosecond_are_counted() {
    let (bucket, clock) = bucket(Quota::new(n(2_000_000_000), Duration::from_secs(1)).with_burst(n(10)));
    assert!(bucket.take(10).allowed);
    let mut passed = 0;
    for _ in 0..10_000 {
        clock.advance(Duration::from_nanos(3));
        passed += (0..10).filter(|_| bucket.take(1).allowed).count();
    }
    assert!((59_400..=60_600).contains(&passed), "{passed} in 30 µs");
}

#[test]
fn rl_11_12_nothing_is_always_there_and_too_much_never() {
    let (bucket, _) = bucket(Quota::default());
    assert!(bucket.take(0).allowed && bucket.take(0).remaining() == 100);
    let never = bucket.take(101);
    assert_eq!((never.allowed, never.retry_after(), never.remaining()), (false, None, 100));
    assert!(!bucket.take(u32::MAX).allowed);
    assert!(bucket.take(100).allowed && bucket.take(0).allowed, "nothing is there even when nothing is left");
}

#[test]
fn rl_15_what_is_put_back_is_there_and_never_more_than_the_burst() {
    let (bucket, clock) = bucket(Quota::default());
    let _ = bucket.take(5);
    bucket.refund(5);
    assert_eq!(bucket.usage().current, 100);
    bucket.refund(50);
    assert_eq!((bucket.take(100).allowed, bucket.take(1).allowed), (true, false));
    bucket.refund(u32::MAX);
    assert_eq!((bucket.take(100).allowed, bucket.take(1).allowed), (true, false));
    clock.advance(Duration::from_secs(6));
    assert_eq!(bucket.usage().current, 10);
}

#[test]
fn rl_16_all_or_none() {
    let ((a, _), (b, _), (c, _)) = (
        bucket(Quota::default()),
        bucket(Quota::new(n(2), Duration::from_secs(10))),
        bucket(Quota::new(n(1), Duration::from_secs(100))),
    );
    assert_eq!(take_all::<ManualClock>(&[]), None);
    let both = take_all(&[(&a, 1), (&b, 2)]).unwrap();
    assert_eq!((both.allowed, both.remaining, both.limit), (true, 0, 2));
    let _ = c.take(1);
    let refused = take_all(&[(&a, 1), (&b, 1), (&c, 1)]).unwrap();
    assert_eq!((refused.allowed, refused.retry_after), (false, Some(Duration::from_secs(100))), "the longest of all");
    assert_eq!((a.usage().current, b.usage().current), (99, 0));
    assert_eq!(take_all(&[(&a, 1), (&b, 3)]).unwrap().retry_after, None, "b never holds three");
    assert_eq!(a.usage().current, 99);
}

#[test]
fn rl_21_a_quota_can_be_changed_while_it_runs() {
    let (bucket, clock) = bucket(Quota::default());
    let _ = bucket.take(40);
    bucket.set_quota(Quota::new(n(200), Duration::from_secs(20))).unwrap();
    assert_eq!((bucket.usage().current, bucket.usage().max), (160, 200), "forty are missing, of two hundred");
    clock.advance(Duration::from_secs(1));
    assert_eq!(bucket.usage().current, 170, "ten a second from now on");
    bucket.set_quota(Quota::new(n(10), Duration::from_secs(10))).unwrap();
    assert_eq!((bucket.usage().current, bucket.usage().max), (0, 10), "more are missing than it holds now");
    let coarse =
        TokenBucket::new(Quota::new(n(1), Duration::from_secs(86400)).with_burst(n(u32::MAX)), ManualClock::new())
            .unwrap();
    assert!(coarse.set_quota(Quota::new(n(10_000), Duration::from_secs(1))).is_err(), "it tells time too coarsely");
    assert!(coarse.set_quota(Quota::new(n(2), Duration::from_secs(86400))).is_ok());
    assert!(bucket.set_quota(Quota::new(n(1), Duration::MAX).with_burst(n(u32::MAX))).is_err());
    assert_eq!(bucket.usage().max, 10);
}

#[test]
fn rl_22_a_million_strangers_take_a_bounded_table_and_free_no_limited_key() {
    let keyed = KeyedBuckets::new(Quota::new(n(2), Duration::from_secs(1)), 1000).unwrap();
    let clock = ManualClock::new();
    let mut now = clock.now();
    assert!(keyed.is_empty() && keyed.take(u64::MAX, 2, now).allowed && !keyed.is_empty());
    for key in 0..1_000_000_u64 {
        let _ = keyed.take(key, 1, now);
    }
    assert_eq!(keyed.len(), 1000);
    assert!(!keyed.take(u64::MAX, 1, now).allowed, "it is still limited");
    let stranger = keyed.take(5_000_000, 1, now);
    assert_eq!((stranger.allowed, stranger.remaining()), (false, 0));
    assert_eq!(stranger.retry_after(), Some(Duration::from_millis(500)), "when the first is full again there is room");
    assert_eq!(keyed.take(5_000_000, 3, now).retry_after(), None, "three are never there");
    now += Duration::from_millis(500);
    assert!(keyed.take(5_000_000, 1, now).allowed);
    assert_eq!(keyed.len(), 2, "the full ones were forgotten, the limited one was not");
    assert!(keyed.take(u64::MAX, 1, now).allowed && !keyed.take(u64::MAX, 1, now).allowed);
}

#[test]
fn a_caller_who_slept_gives_no_tokens_of_a_key_back() {
    let quota = Quota::new(n(10), Duration::from_secs(1));
    let keyed = KeyedBuckets::new(quota, 100).unwrap();
    let (clock, minute) = (ManualClock::new(), Duration::from_secs(60));
    let early = clock.now();
    clock.advance(minute);
    let now = clock.now();
    assert!(keyed.take("tray", 10, now).allowed);
    assert!(!keyed.take("tray", 1, early).allowed, "it read the clock a minute ago");
    assert!(!keyed.take("tray", 1, now).allowed, "and gave nothing back");
    // A clock that did step back is believed when sixty-four callers in a row bring the earlier
    // time. Then one refill is waited for, and no more.
    for _ in 0..64 {
        assert!(!keyed.take("tray", 1, early).allowed);
    }
    assert!(keyed.take("tray", 1, early + Duration::from_millis(100)).allowed);
}

#[test]
fn rl_25_header_fields_are_those_of_the_draft() {
    let (bucket, clock) = bucket(Quota::default());
    let _ = bucket.take(100);
    clock.advance(Duration::from_millis(400));
    let refused = bucket.take(1).answer();
    assert_eq!(refused.retry_after_seconds(), Some(1));
    assert_eq!(refused.field("default"), r#""default";r=0;t=60"#);
    assert_eq!(Quota::default().field("default"), r#""default";q=100;w=60"#);
    assert_eq!(Quota::default().field("a\"b\\c\nd é"), r#""abcd ";q=100;w=60"#, "a name cannot break out of its field");
    assert_eq!(bucket.take(7).answer().retry_after_seconds(), Some(4), "3.8 seconds, rounded up");
    assert_eq!(bucket.take(101).answer().retry_after_seconds(), None);
}

#[test]
fn rl_27_usage_is_what_an_operator_reads() {
    let (bucket, _) = bucket(Quota::default());
    (0..15).for_each(|_| _ = bucket.take(1));
    let usage = bucket.usage();
    assert_eq!((usage.current, usage.max), (85, 100));
    assert!((usage.refill_rate - 1.6667).abs() < 1e-4);
}

#[test]
fn rl_28_quotas_at_the_ends_of_time_are_kept_or_refused() {
    for quota in [Quota::new(n(u32::MAX), Duration::from_nanos(1)), Quota::new(n(5), Duration::ZERO)] {
        assert!(TokenBucket::new(quota, ManualClock::new()).is_err() || quota.period > Duration::ZERO, "{quota:?}");
    }
    for period in [Duration::from_nanos(1), Duration::from_hours(24 * 365 * 500), Duration::MAX] {
        let (bucket, clock) = bucket(Quota::new(n(1), period));
        assert!(bucket.take(1).allowed && !bucket.take(1).allowed, "{period:?}");
        clock.rewind(Duration::from_secs(5));
        assert!(!bucket.take(1).allowed);
    }
}

#[test]
fn rl_29_a_day_at_exactly_the_rate_is_never_refused() {
    // 600 ms, and a third of a second, which is not a binary fraction.
    for (quota, step) in [
        (Quota::default().with_burst(n(1)), Duration::from_millis(600)),
        (Quota::new(n(3), Duration::from_secs(1)).with_burst(n(1)), Duration::from_nanos(333_333_334)),
    ] {
        let (bucket, clock) = bucket(quota);
        for k in 0..144_000 {
            assert!(bucket.take(1).allowed, "{k}");
            clock.advance(step);
        }
    }
}

#[cfg(feature = "tokio")]
mod waiting {
    use std::future::Future;
    use std::pin::Pin;
    use std::sync::atomic::AtomicUsize;
    use std::sync::{Arc, Mutex};
    use std::task::{Context, Poll};
    use std::time::Instant;

    use sqal_resilience::bucket::FairBucket;

    use super::*;

    /// Tokio's clock, which stands still in these tests until all tasks sleep.
    #[derive(Clone, Copy, Debug)]
    struct Paused;

    impl Clock for Paused {
        fn now(&self) -> Instant {
            tokio::time::Instant::now().into_std()
        }
    }

    fn line(burst: u32, refill: u32) -> Arc<FairBucket<Paused>> {
        let quota = Quota { burst: n(burst), refill: n(refill), period: Duration::from_secs(1) };
        Arc::new(FairBucket::new(TokenBucket::new(quota, Paused).unwrap()))
    }

    /// Counts how often a future is polled.
    struct Polled<F>(Pin<Box<F>>, Arc<AtomicUsize>);

    impl<F: Future> Future for Polled<F> {
        type Output = F::Output;

        fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
            self.1.fetch_add(1, Ordering::Relaxed);
            self.0.as_mut().poll(context)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn rl_18_fifty_waiters_are_served_in_order_and_sleep() {
        let line = line(1, 100);
        assert!(line.bucket().take(1).allowed);
        let (served, polls) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
        let begin = Paused.now();
        let tasks: Vec<_> = (0..50)
            .map(|k| {
                let (line, served) = (Arc::clone(&line), Arc::clone(&served));
                let waiting = async move {
                    let _ = line.acquire(1).await.unwrap();
                    served.lock().unwrap().push(k);
                };
                tokio::spawn(Polled(Box::pin(waiting), Arc::clone(&polls)))
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*served.lock().unwrap(), (0..50).collect::<Vec<_>>());
        assert!(polls.load(Ordering::Relaxed) <= 150, "{}", polls.load(Ordering::Relaxed));
        let took = Paused.now().duration_since(begin);
        assert!(took >= Duration::from_millis(500) && took < Duration::from_millis(600), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn rl_19_20_a_waiter_that_leaves_costs_nothing_and_a_large_one_is_not_overtaken() {
        let line = line(10, 10);
        assert!(line.bucket().take(10).allowed);
        let served = Arc::new(Mutex::new(Vec::new()));
        let wait = |k: u32, tokens: u32| {
            let (line, served) = (Arc::clone(&line), Arc::clone(&served));
            tokio::spawn(async move {
                let _ = line.acquire(tokens).await.unwrap();
                served.lock().unwrap().push(k);
            })
        };
        let large = wait(0, 10);
        let leaves = wait(1, 5);
        let small: Vec<_> = (2..5).map(|k| wait(k, 1)).collect();
        tokio::task::yield_now().await;
        leaves.abort();
        let begin = Paused.now();
        large.await.unwrap();
        for task in small {
            task.await.unwrap();
        }
        assert_eq!(*served.lock().unwrap(), [0, 2, 3, 4]);
        let took = Paused.now().duration_since(begin);
        assert!(took >= Duration::from_millis(1290) && took <= Duration::from_millis(1310), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_waiting_call_sees_tokens_that_are_put_back() {
        let quota = Quota::new(n(1), Duration::from_secs(3600));
        let line = Arc::new(FairBucket::new(TokenBucket::new(quota, Paused).unwrap()));
        assert!(line.bucket().take(1).allowed);
        let waiting = {
            let line = Arc::clone(&line);
            tokio::spawn(async move { line.acquire(1).await })
        };
        tokio::time::sleep(Duration::from_millis(500)).await;
        line.bucket().refund(1);
        let begin = Paused.now();
        assert!(waiting.await.unwrap().unwrap().allowed);
        assert!(Paused.now().duration_since(begin) <= Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn rl_12_too_much_is_refused_and_not_waited_for() {
        let line = line(10, 10);
        let refused = line.acquire(11).await.unwrap_err();
        assert_eq!((refused.asked, refused.limit), (11, 10));
        assert!(line.acquire(10).await.unwrap().allowed);
    }
}

#[test]
fn a_caller_who_slept_mints_nothing() {
    let quota = Quota::new(n(10), Duration::from_secs(1));
    let (bucket, clock) = bucket(quota);
    let before = clock.now();
    clock.advance(Duration::from_secs(60));
    assert!(bucket.take(10).allowed);
    // The caller's time is a minute old. The clock did not step back, because it still gives the
    // current time.
    assert!(!bucket.take_at(1, before).allowed);
    assert!(!bucket.take(1).allowed, "the bucket is as empty as it was");
}

#[test]
fn of_several_buckets_also_those_that_were_not_asked_say_how_long_to_wait() {
    let clock = ManualClock::new();
    let bucket = |period: Duration| TokenBucket::new(Quota::new(n(1), period), clock.clone()).unwrap();
    let (short, long) = (bucket(SECOND), bucket(MINUTE));
    assert!(take_all(&[(&short, 1), (&long, 1)]).unwrap().allowed);
    // The first bucket refuses, and the second was not asked.
    let answer = take_all(&[(&short, 1), (&long, 1)]).unwrap();
    assert_eq!((answer.allowed, answer.retry_after), (false, Some(MINUTE)));
    let answer = take_all(&[(&long, 1), (&short, 1)]).unwrap();
    assert_eq!((answer.allowed, answer.retry_after), (false, Some(MINUTE)));
}

#[test]
fn a_stranger_who_finds_no_room_is_told_when_to_come_back() {
    let start = some_instant();
    let buckets = KeyedBuckets::new(Quota::new(n(10), 10 * SECOND), 1).unwrap();
    assert!(buckets.take("a", 10, start).allowed);
    // A request for all tokens that a bucket holds has a time after which it is allowed.
    let refused = buckets.take("b", 10, start).answer();
    assert!(!refused.allowed);
    assert_eq!(refused.retry_after, Some(10 * SECOND));
    assert_eq!(buckets.take("b", 11, start).answer().retry_after, None);
}

/// A sweep looks at every key, so there is at most one in a sixty-fourth of the time in which a
/// bucket fills.
#[test]
fn a_full_table_is_not_swept_for_every_stranger() {
    let start = some_instant();
    let tenths = |count: u32| start + count * SECOND / 10;
    let buckets = KeyedBuckets::new(Quota::new(n(640), 64 * SECOND), 1).unwrap();
    assert!(buckets.take("a", 1, start).allowed);
    assert!(buckets.take("b", 1, tenths(1)).allowed, "the first is full again and makes room");
    let refused = buckets.take("c", 1, tenths(3)).answer();
    assert_eq!((refused.allowed, refused.retry_after), (false, Some(SECOND * 8 / 10)), "not swept yet");
    assert!(buckets.take("c", 1, tenths(11)).allowed);
}

/// A caller that slept after it read the clock gives no tokens back to any key.
#[test]
fn an_old_time_mints_no_tokens() {
    let start = some_instant();
    let buckets = KeyedBuckets::new(Quota::new(n(1), 10 * SECOND), 10).unwrap();
    assert!(buckets.take("other", 1, start).allowed);
    assert!(buckets.take("a", 1, start + 10 * SECOND).allowed);
    assert!(!buckets.take("a", 1, start + 5 * SECOND).allowed);
    assert!(!buckets.take("a", 1, start + 16 * SECOND).allowed);
    assert!(buckets.take("a", 1, start + 20 * SECOND).allowed);
}

#[expect(clippy::disallowed_methods, reason = "some instant to count from; none can be made otherwise")]
fn some_instant() -> std::time::Instant {
    std::time::Instant::now()
}
