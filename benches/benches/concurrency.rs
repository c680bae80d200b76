//! Cost of a bulkhead place, a time limit, a shutdown guard and a layer, beside other crates.
//!
//! The other crates are tokio, tokio-util and tower, in the same run.

use std::future::{Ready, ready};
use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use sqal_resilience::layer::{BreakerLayer, BulkheadLayer, CallErrors, RetryLayer, TimeoutLayer};
use sqal_resilience::{
    Backoff, Breaker, BreakerConfig, Bulkhead, BulkheadConfig, CallError, HealthRegistry, RetryPolicy, Shutdown,
    SystemClock, TokioClock, health::CheckConfig, timeout,
};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::{Layer, Service};

const SECOND: Duration = Duration::from_secs(1);

fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("ready at once"),
    }
}

/// A service that answers at once.
#[derive(Clone)]
struct Answers;

impl Service<u64> for Answers {
    type Response = u64;
    type Error = tower::BoxError;
    type Future = Ready<Result<u64, tower::BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), tower::BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: u64) -> Self::Future {
        ready(Ok(request))
    }
}

fn call<S: Service<u64>>(service: &mut S) -> bool {
    let ready = service.poll_ready(&mut Context::from_waker(Waker::noop())).is_ready();
    ready && now(service.call(black_box(7))).is_ok()
}

fn place(c: &mut Criterion) {
    let mut group = c.benchmark_group("a place");
    let bulkhead = Arc::new(Bulkhead::new(BulkheadConfig::default(), SystemClock).expect("valid"));
    group.bench_function("SQAL", |b| b.iter(|| black_box(bulkhead.try_acquire().is_ok())));
    group.bench_function("SQAL, owned", |b| b.iter(|| black_box(bulkhead.try_acquire_owned().is_ok())));
    let semaphore = Arc::new(tokio::sync::Semaphore::new(25));
    group.bench_function("tokio", |b| b.iter(|| black_box(semaphore.try_acquire().is_ok())));
    group.bench_function("tokio, owned", |b| b.iter(|| black_box(Arc::clone(&semaphore).try_acquire_owned().is_ok())));
    group.finish();
}

fn limit(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let _entered = runtime.enter();
    let mut group = c.benchmark_group("a time limit, ready at once");
    group.bench_function("SQAL", |b| b.iter(|| now(timeout(black_box(SECOND), ready(black_box(7)))).is_ok()));
    group.bench_function("tokio", |b| {
        b.iter(|| now(tokio::time::timeout(black_box(SECOND), ready(black_box(7)))).is_ok());
    });
    group.finish();
}

fn end(c: &mut Criterion) {
    let mut group = c.benchmark_group("under way");
    let (shutdown, tracker) = (Shutdown::default(), TaskTracker::new());
    group.bench_function("SQAL", |b| b.iter(|| black_box(shutdown.track().is_ok())));
    group.bench_function("tokio-util", |b| b.iter(|| drop(black_box(tracker.token()))));
    group.finish();
    let mut group = c.benchmark_group("is it ending");
    let token = CancellationToken::new();
    group.bench_function("SQAL", |b| b.iter(|| black_box(shutdown.is_draining())));
    group.bench_function("tokio-util", |b| b.iter(|| black_box(token.is_cancelled())));
    group.finish();
    let mut group = c.benchmark_group("health");
    let health = HealthRegistry::new(TokioClock, shutdown);
    for name in ["database", "cache", "writer"] {
        health.register(name, CheckConfig::critical(), || async { Ok::<_, String>(()) }).expect("a new name");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(health.look());
    group.bench_function("is_ready of three", |b| b.iter(|| black_box(health.is_ready())));
    group.bench_function("report of three", |b| b.iter(|| black_box(health.report())));
    group.finish();
}

fn layers(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let _entered = runtime.enter();
    let mut group = c.benchmark_group("a layer");
    group.bench_function("none", |b| b.iter(|| call(&mut Answers)));
    let breaker = Arc::new(Breaker::new(BreakerConfig::default(), SystemClock).expect("valid"));
    let mut broken = BreakerLayer::new(Arc::clone(&breaker)).layer(Answers);
    group.bench_function("breaker, closed", |b| b.iter(|| call(&mut broken)));
    let bulkhead = Arc::new(Bulkhead::new(BulkheadConfig::default(), SystemClock).expect("valid"));
    let mut placed = BulkheadLayer::new(bulkhead).layer(Answers);
    group.bench_function("bulkhead", |b| b.iter(|| call(&mut placed)));
    let mut theirs = tower::limit::ConcurrencyLimit::new(Answers, 25);
    group.bench_function("tower, concurrency limit", |b| b.iter(|| call(&mut theirs)));
    let mut timed = TimeoutLayer::new(SECOND).layer(Answers);
    group.bench_function("timeout", |b| b.iter(|| call(&mut timed)));
    let mut theirs = tower::timeout::Timeout::new(Answers, SECOND);
    group.bench_function("tower, timeout", |b| b.iter(|| call(&mut theirs)));
    let policy = RetryPolicy::new(3, Backoff::new(SECOND, SECOND).expect("in order"));
    let mut retried = RetryLayer::new(policy).layer(Answers);
    group.bench_function("retry, first try", |b| b.iter(|| call(&mut retried)));
    let mut stack = BulkheadLayer::new(Arc::new(Bulkhead::new(BulkheadConfig::default(), SystemClock).expect("valid")))
        .layer(
            TimeoutLayer::new(SECOND).layer(
                RetryLayer::new(policy).layer(BreakerLayer::new(breaker.clone()).layer(CallErrors.layer(Answers))),
            ),
        );
    group.bench_function("all of them", |b| b.iter(|| call(&mut stack)));
    breaker.force_open();
    let refused = |service: &mut sqal_resilience::layer::BreakerService<_, _>| {
        let ready = service.poll_ready(&mut Context::from_waker(Waker::noop())).is_ready();
        ready && matches!(now(service.call(black_box(7))), Err(CallError::Rejected(_)))
    };
    let mut open = BreakerLayer::new(breaker).layer(CallErrors.layer(Answers));
    group.bench_function("breaker, open", |b| b.iter(|| refused(&mut open)));
    group.finish();
}

criterion_group!(benches, place, limit, end, layers);
criterion_main!(benches);
