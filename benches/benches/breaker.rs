//! Cost of a circuit breaker while closed, while open, and when it counts, beside two peers.
//!
//! The peers are measured in the same run.

use std::hint::black_box;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use failsafe::{CircuitBreaker as _, backoff, failure_policy};
use sqal_resilience::{
    Breaker, BreakerConfig, Clock, Outcome, SystemClock,
    breaker::{OpenFor, Rates, Window},
};

fn breaker(config: BreakerConfig) -> Breaker<SystemClock> {
    Breaker::new(config, SystemClock).expect("valid settings")
}

fn counting(window: Window) -> BreakerConfig {
    let min_calls = NonZeroU32::new(100).expect("not 0");
    let rates = Rates { window, min_calls, failure_rate: 0.5, slow: None };
    BreakerConfig { failure_threshold: None, rates: Some(rates), ..BreakerConfig::default() }
}

/// A call through a closed breaker that succeeds.
fn closed(c: &mut Criterion) {
    let mut group = c.benchmark_group("closed");
    let mut ours = |name: &str, config: BreakerConfig| {
        let breaker = breaker(config);
        group.bench_function(name, |b| {
            b.iter(|| breaker.acquire().map(|permit| permit.report(black_box(Outcome::Success))));
        });
    };
    ours("SQAL", BreakerConfig::default());
    ours("SQAL, last 100 calls", counting(Window::Calls(NonZeroU32::new(100).expect("not 0"))));
    ours("SQAL, last 10 seconds", counting(Window::Time(Duration::from_secs(10))));
    let owned = Arc::new(breaker(BreakerConfig::default()));
    group.bench_function("SQAL, owned permit", |b| {
        b.iter(|| owned.acquire_owned().map(|permit| permit.report(black_box(Outcome::Success))));
    });
    let recloser = recloser::Recloser::custom().build();
    group.bench_function("recloser", |b| b.iter(|| recloser.call(|| black_box(Ok::<_, ()>(())))));
    let policy = failure_policy::consecutive_failures(5, backoff::constant(Duration::from_mins(1)));
    let failsafe = failsafe::Config::new().failure_policy(policy).build();
    group.bench_function("failsafe", |b| b.iter(|| failsafe.call(|| black_box(Ok::<_, ()>(())))));
    group.finish();
}

/// A call that an open breaker refuses.
fn open(c: &mut Criterion) {
    let mut group = c.benchmark_group("open");
    let hour = Duration::from_hours(1);
    let ours = breaker(BreakerConfig { open_for: OpenFor::always(hour), ..BreakerConfig::default() });
    for _ in 0..5 {
        ours.acquire().expect("closed").report(Outcome::Failure);
    }
    group.bench_function("SQAL", |b| b.iter(|| black_box(ours.acquire().is_err())));
    let now = SystemClock.now();
    group.bench_function("SQAL, time known", |b| b.iter(|| black_box(ours.acquire_at(black_box(now)).is_err())));
    let recloser = recloser::Recloser::custom().closed_len(2).open_wait(hour).build();
    for _ in 0..10 {
        let _ = recloser.call(|| Err::<(), ()>(()));
    }
    group.bench_function("recloser", |b| b.iter(|| black_box(recloser.call(|| Ok::<_, ()>(())).is_err())));
    let policy = failure_policy::consecutive_failures(2, backoff::constant(hour));
    let failsafe = failsafe::Config::new().failure_policy(policy).build();
    for _ in 0..5 {
        let _ = failsafe.call(|| Err::<(), ()>(()));
    }
    group.bench_function("failsafe", |b| b.iter(|| black_box(failsafe.call(|| Ok::<_, ()>(())).is_err())));
    group.finish();
}

criterion_group!(benches, closed, open);
criterion_main!(benches);
