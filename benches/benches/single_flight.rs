//! Cost of a single flight that no other caller joins, beside a peer in the same run.

use std::collections::HashMap;
use std::future::ready;
use std::hint::black_box;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};

use criterion::{Criterion, criterion_group, criterion_main};
use sqal_resilience::SingleFlight;

fn now<T>(future: impl Future<Output = T>) -> bool {
    pin!(future).poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

fn leader(c: &mut Criterion) {
    let mut group = c.benchmark_group("a flight without a second caller");
    let ours = SingleFlight::<u64, u64>::new();
    group.bench_function("SQAL", |b| b.iter(|| now(ours.run(black_box(7), || ready(black_box(1))))));
    // The minimal cost of a flight that others may join: a hash that clients cannot predict, an
    // entry in a table under a lock, an allocation that outlives the caller that made it, and the
    // removal of the entry under the lock.
    let table: Mutex<HashMap<u64, Arc<Mutex<u64>>>> = Mutex::default();
    group.bench_function("floor: an entry in a table, and out of it", |b| {
        b.iter(|| {
            let key = black_box(7);
            let flight = Arc::new(Mutex::new(0));
            table.lock().expect("no closure panics").insert(key, Arc::clone(&flight));
            *flight.lock().expect("no closure panics") = now(ready(black_box(1))).into();
            table.lock().expect("no closure panics").remove(&key)
        });
    });
    let theirs = singleflight_async::SingleFlight::<u64, u64>::new();
    group.bench_function("singleflight-async", |b| {
        b.iter(|| now(theirs.work(black_box(7), || ready(black_box(1)))));
    });
    group.finish();
}

criterion_group!(benches, leader);
criterion_main!(benches);
