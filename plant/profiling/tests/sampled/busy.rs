//! [`Busy`]: a thread that computes in a function of a known name until it is dropped.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// A thread that computes until this is dropped.
pub(crate) struct Busy {
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<u64>>,
}

impl Busy {
    pub(crate) fn begin() -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&ends);
        Self { ends, thread: Some(std::thread::spawn(move || caller_of_the_loop(&told))) }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            black_box(thread.join().unwrap_or_default());
        }
    }
}

#[inline(never)]
fn caller_of_the_loop(ends: &AtomicBool) -> u64 {
    let mut state = 1;
    while !ends.load(Ordering::Relaxed) {
        state = loop_that_is_easy_to_find(black_box(state));
    }
    black_box(state)
}

/// Marsaglia's xorshift: it needs no function of a library, in a debug build either.
#[inline(never)]
fn loop_that_is_easy_to_find(mut state: u64) -> u64 {
    let mut left = 1_000_000_u32;
    while left > 0 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        left -= 1;
    }
    state
}
