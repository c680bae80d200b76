//! What a flight costs that nobody joins; a peer beside it in the same run.

use std::future::ready;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Waker};

use criterion::{Criterion, criterion_group, criterion_main};
use sqal_resilience::SingleFlight;

fn now<T>(future: impl Future<Output = T>) -> bool {
    pin!(future).poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

fn leader(c: &mut Criterion) {
    let mut group = c.benchmark_group("a flight that nobody joins");
    let ours = SingleFlight::<u64, u64>::new();
    group.bench_function("SQAL", |b| b.iter(|| now(ours.run(black_box(7), || ready(black_box(1))))));
    let theirs = singleflight_async::SingleFlight::<u64, u64>::new();
    group.bench_function("singleflight-async", |b| {
        b.iter(|| now(theirs.work(black_box(7), || ready(black_box(1)))));
    });
    group.finish();
}

criterion_group!(benches, leader);
criterion_main!(benches);
