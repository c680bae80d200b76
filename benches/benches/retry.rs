//! Cost of retrying without a failure, of a delay, and of a budget, beside other crates.
//!
//! The other crates are backon and tower, in the same run.

use std::future::ready;
use std::hint::black_box;
use std::num::NonZeroU32;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use criterion::{Criterion, criterion_group, criterion_main};
use sqal_resilience::{Backoff, RetryBudget, RetryPolicy, SystemClock, backoff::Jitter, retry::Retryable};
use tower::retry::budget::{Budget as _, TpsBudget};

fn now<T>(future: impl Future<Output = T>) -> bool {
    pin!(future).poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

fn first_try(c: &mut Criterion) {
    let mut group = c.benchmark_group("first try");
    let backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(30)).expect("in order");
    let policy = RetryPolicy::new(3, backoff);
    group.bench_function("SQAL", |b| {
        b.iter(|| now(Retryable::retry(|| ready(black_box(Ok::<_, ()>(1))), black_box(policy)).run()));
    });
    // The cost of the harness itself: the policy is copied, a future is made and polled, and
    // nothing is retried.
    group.bench_function("floor: the policy copied, a future polled", |b| {
        b.iter(|| {
            let (policy, operation) = (black_box(policy), || ready(black_box(Ok::<_, ()>(1))));
            now(async move {
                let result = operation().await;
                if result.is_err() { black_box(policy.max_retries) } else { 0 }
            })
        });
    });
    group.bench_function("backon", |b| {
        b.iter(|| {
            now(backon::Retryable::retry(|| ready(black_box(Ok::<_, ()>(1))), black_box(ExponentialBuilder::default()))
                .sleep(|_| ready(()))
                .into_future())
        });
    });
    group.finish();
}

fn delay(c: &mut Criterion) {
    let mut group = c.benchmark_group("delay with jitter");
    let backoff = Backoff::new(Duration::from_millis(1), Duration::from_secs(30)).expect("in order");
    let full = backoff.with_jitter(Jitter::Full).expect("no share");
    let mut random = 0.0;
    let mut delays = full.delays(move || {
        random = (random + 0.618_033_988_749_895) % 1.0;
        random
    });
    group.bench_function("SQAL", |b| b.iter(|| black_box(delays.next())));
    let builder = ExponentialBuilder::default().with_jitter().with_max_times(usize::MAX);
    let mut theirs = builder.build();
    group.bench_function("backon", |b| b.iter(|| black_box(theirs.next())));
    group.finish();
}

fn budget(c: &mut Criterion) {
    let mut group = c.benchmark_group("budget");
    let most = NonZeroU32::new(1000).expect("not 0");
    let ours = RetryBudget::new(1.0, most, NonZeroU32::MIN, SystemClock).expect("a ratio");
    let theirs = TpsBudget::new(Duration::from_secs(10), 10, 1.0);
    group.bench_function("SQAL, earn and spend", |b| {
        b.iter(|| {
            ours.earn();
            black_box(ours.spend())
        });
    });
    // The minimal cost of a budget that several threads share: one atomic change to earn, and one
    // to spend.
    let word = AtomicU64::new(1 << 20);
    group.bench_function("floor: two compare-and-swaps of one word", |b| {
        b.iter(|| {
            let change = |by: u64| {
                let seen = word.load(Ordering::Relaxed);
                word.compare_exchange(seen, seen.wrapping_add(by), Ordering::Relaxed, Ordering::Relaxed)
            };
            (black_box(change(1)), black_box(change(u64::MAX)))
        });
    });
    group.bench_function("tower, deposit and withdraw", |b| {
        b.iter(|| {
            theirs.deposit();
            black_box(theirs.withdraw())
        });
    });
    group.finish();
}

criterion_group!(benches, first_try, delay, budget);
criterion_main!(benches);
