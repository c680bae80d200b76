//! Cost of two threads at one object: nanoseconds of an operation as one thread measures it.
//!
//! Peers are measured in the same run.

use std::hint::black_box;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use failsafe::{CircuitBreaker as _, backoff, failure_policy};
use governor::RateLimiter;
use governor::clock::MonotonicClock;
use governor::state::{InMemoryState, NotKeyed};
use sqal_resilience::{
    Breaker, BreakerConfig, Bulkhead, BulkheadConfig, KeyedBuckets, Outcome, Quota, RetryBudget, Shutdown, SystemClock,
    TokenBucket,
};
use tokio_util::task::TaskTracker;
use tower::retry::budget::{Budget as _, TpsBudget};

const PLENTY: NonZeroU32 = NonZeroU32::new(4_000_000_000).expect("not 0");

/// The time of the slower one of two threads that each run `operations` operations.
fn by_two(operations: u64, operation: impl Fn() + Sync) -> Duration {
    let begin = Barrier::new(2);
    let work = || {
        begin.wait();
        #[expect(clippy::disallowed_methods, reason = "a bench measures time")]
        let begun = Instant::now();
        for _ in 0..operations {
            operation();
        }
        begun.elapsed()
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(work);
        let here = work();
        other.join().map_or(here, |there| here.max(there))
    })
}

#[expect(clippy::too_many_lines, reason = "one group for each primitive")]
fn two_threads(c: &mut Criterion) {
    let mut group = c.benchmark_group("two threads");
    group.sample_size(20).measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(300));
    let mut bench = |name: &str, operation: &(dyn Fn() + Sync)| {
        group.bench_function(name, |b| b.iter_custom(|n| by_two(n, operation)));
    };
    let breaker = Breaker::new(BreakerConfig::default(), SystemClock).expect("valid");
    bench("closed breaker: SQAL", &|| {
        let _ = black_box(breaker.acquire().map(|permit| permit.report(Outcome::Success)));
    });
    let recloser = recloser::Recloser::custom().build();
    bench("closed breaker: recloser", &|| drop(black_box(recloser.call(|| Ok::<_, ()>(())))));
    let policy = failure_policy::consecutive_failures(5, backoff::constant(Duration::from_mins(1)));
    let failsafe = failsafe::Config::new().failure_policy(policy).build();
    bench("closed breaker: failsafe", &|| drop(black_box(failsafe.call(|| Ok::<_, ()>(())))));

    let quota = Quota::new(PLENTY, Duration::from_secs(1));
    let bucket = TokenBucket::new(quota, SystemClock).expect("a rate");
    bench("token: SQAL", &|| {
        black_box(bucket.take(1).allowed);
    });
    let theirs = governor::Quota::per_second(NonZeroU32::new(1_000_000_000).expect("not 0")).allow_burst(PLENTY);
    let governor: RateLimiter<NotKeyed, InMemoryState, MonotonicClock> =
        RateLimiter::direct_with_clock(theirs, MonotonicClock);
    bench("token: governor, same clock", &|| {
        black_box(governor.check().is_ok());
    });
    // The minimal cost of a bucket that is one word: a read of the clock, and a change of the word
    // that the other thread changes too.
    let word = AtomicU64::new(0);
    bench("token: floor, the clock and one compare-and-swap", &|| {
        let now = black_box(sqal_resilience::Clock::now(&SystemClock));
        let mut seen = word.load(Ordering::Relaxed);
        while let Err(other) = word.compare_exchange_weak(seen, seen + 1, Ordering::Relaxed, Ordering::Relaxed) {
            seen = other;
        }
        black_box(now);
    });
    // The minimal cost with as much arithmetic between read and change as a rate needs. The cache
    // line is lost to the other thread in between.
    let word = AtomicU64::new(0);
    bench("token: floor, a few nanoseconds between look and change", &|| {
        let now = black_box(sqal_resilience::Clock::now(&SystemClock));
        let mut seen = word.load(Ordering::Relaxed);
        loop {
            let next = (0..6).fold(seen, |next, _| black_box(next).wrapping_mul(0x9E37_79B9_7F4A_7C15));
            match word.compare_exchange_weak(seen, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => break,
                Err(other) => seen = other,
            }
        }
        black_box(now);
    });
    let keyed = KeyedBuckets::new(quota, 100_000).expect("a rate");
    let now = sqal_resilience::Clock::now(&SystemClock);
    bench("token of one hot key: SQAL, time known", &|| {
        black_box(keyed.take(7_u64, 1, now).allowed);
    });
    let keyed = RateLimiter::dashmap_with_clock(theirs, governor::clock::FakeRelativeClock::default());
    bench("token of one hot key: governor, time known", &|| {
        black_box(keyed.check_key(&7_u64).is_ok());
    });

    let bulkhead = Arc::new(Bulkhead::new(BulkheadConfig::default(), SystemClock).expect("valid"));
    bench("place: SQAL", &|| {
        black_box(bulkhead.try_acquire().is_ok());
    });
    bench("place, owned: SQAL", &|| {
        black_box(bulkhead.try_acquire_owned().is_ok());
    });
    let semaphore = Arc::new(tokio::sync::Semaphore::new(25));
    bench("place: tokio", &|| {
        black_box(semaphore.try_acquire().is_ok());
    });
    bench("place, owned: tokio", &|| {
        black_box(Arc::clone(&semaphore).try_acquire_owned().is_ok());
    });

    let most = NonZeroU32::new(1000).expect("not 0");
    let ours = RetryBudget::new(1.0, most, NonZeroU32::MIN, SystemClock).expect("a ratio");
    bench("budget: SQAL", &|| {
        ours.earn();
        black_box(ours.spend());
    });
    let tps = TpsBudget::new(Duration::from_secs(10), 10, 1.0);
    bench("budget: tower", &|| {
        tps.deposit();
        black_box(tps.withdraw());
    });
    let (shutdown, tracker) = (Shutdown::default(), TaskTracker::new());
    bench("under way: SQAL", &|| {
        black_box(shutdown.track().is_ok());
    });
    bench("under way: tokio-util", &|| drop(black_box(tracker.token())));
    group.finish();
}

criterion_group!(benches, two_threads);
criterion_main!(benches);
