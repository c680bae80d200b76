//! The process survives samples at any instruction: while it allocates, unwinds, reads the clock,
//! and walks its own stack.

use std::collections::HashMap;
use std::hint::black_box;
use std::panic::{catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqal_profiling::{CpuProfiler, ProfilePlan};
use sqal_resilience::{Clock, SystemClock};

use super::{ONE_AT_A_TIME, tuesday};

/// Each is where a sampler that is not sound ends or blocks the process: locks of the allocator, of
/// the unwinder and of the loader, code of the kernel's library, and reallocated stacks of threads.
const WORK: [fn(); 5] = [
    || drop(black_box((0..500).map(|n| (n, vec![0_u8; n])).collect::<HashMap<_, _>>())),
    || drop(black_box(catch_unwind(|| -> u8 { resume_unwind(Box::new("no message")) }))),
    || drop(black_box(std::backtrace::Backtrace::force_capture())),
    || drop(black_box((0..500).map(|_| SystemClock.now()).collect::<Vec<_>>())),
    || drop(std::thread::spawn(|| black_box(String::from("short"))).join()),
];

#[tokio::test]
async fn the_process_survives_samples_while_it_allocates_unwinds_and_walks_its_stack() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let ends = Arc::new(AtomicBool::new(false));
    let threads = WORK.map(|work| {
        let ends = Arc::clone(&ends);
        std::thread::spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                work();
            }
        })
    });
    let profiler = CpuProfiler::new(Arc::new(SystemClock));
    for _ in 0..3 {
        let profile = profiler.profile(ProfilePlan::new(1, 1_000).unwrap(), tuesday()).await.unwrap();
        assert!(profile.samples() > 0);
    }
    ends.store(true, Ordering::Relaxed);
    for thread in threads {
        thread.join().unwrap();
    }
}
