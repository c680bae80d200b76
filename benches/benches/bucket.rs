//! Cost of a token bucket when it grants and when it refuses, beside governor in the same run.
//!
//! It is measured with and without reading the clock.

use std::hint::black_box;
use std::num::NonZeroU32;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use governor::clock::{FakeRelativeClock, MonotonicClock};
use governor::{RateLimiter, state::InMemoryState, state::NotKeyed};
use sqal_resilience::{Clock, KeyedBuckets, Quota, SystemClock, TokenBucket};

/// A limit that is high enough that no bench exhausts it.
const PLENTY: NonZeroU32 = NonZeroU32::new(4_000_000_000).expect("not 0");

fn gives(c: &mut Criterion) {
    let mut group = c.benchmark_group("gives");
    let quota = Quota::new(PLENTY, Duration::from_secs(1));
    let bucket = TokenBucket::new(quota, SystemClock).expect("a rate");
    group.bench_function("SQAL", |b| b.iter(|| black_box(bucket.take(1).allowed)));
    let now = SystemClock.now();
    group.bench_function("SQAL, time known", |b| b.iter(|| black_box(bucket.take_at(1, black_box(now)).allowed)));
    let keyed = KeyedBuckets::new(quota, 100_000).expect("a rate");
    let mut key = 0_u64;
    group.bench_function("SQAL, 10 000 keys, time known", |b| {
        b.iter(|| {
            key = (key + 7919) % 10_000;
            black_box(keyed.take(key, 1, black_box(now)).allowed)
        });
    });
    // The finest interval of governor is a nanosecond.
    let quota = governor::Quota::per_second(NonZeroU32::new(1_000_000_000).expect("not 0")).allow_burst(PLENTY);
    let same_clock: RateLimiter<NotKeyed, InMemoryState, MonotonicClock> =
        RateLimiter::direct_with_clock(quota, MonotonicClock);
    group.bench_function("governor, same clock", |b| b.iter(|| black_box(same_clock.check().is_ok())));
    let no_clock = RateLimiter::direct_with_clock(quota, FakeRelativeClock::default());
    group.bench_function("governor, time known", |b| b.iter(|| black_box(no_clock.check().is_ok())));
    let keyed = RateLimiter::dashmap_with_clock(quota, FakeRelativeClock::default());
    group.bench_function("governor, 10 000 keys, time known", |b| {
        b.iter(|| {
            key = (key + 7919) % 10_000;
            black_box(keyed.check_key(&key).is_ok())
        });
    });
    group.finish();
}

fn refuses(c: &mut Criterion) {
    let mut group = c.benchmark_group("refuses");
    let one = NonZeroU32::MIN;
    let bucket = TokenBucket::new(Quota::new(one, Duration::from_hours(10)), SystemClock).expect("a rate");
    let now = SystemClock.now();
    let _ = bucket.take_at(1, now);
    group.bench_function("SQAL, time known", |b| b.iter(|| black_box(bucket.take_at(1, black_box(now)).allowed)));
    let quota = governor::Quota::with_period(Duration::from_hours(10)).expect("not 0");
    let limiter = RateLimiter::direct_with_clock(quota, FakeRelativeClock::default());
    let _ = limiter.check();
    group.bench_function("governor, time known", |b| b.iter(|| black_box(limiter.check().is_ok())));
    group.finish();
}

criterion_group!(benches, gives, refuses);
criterion_main!(benches);
