//! One profile is taken at a time, and a caller that leaves ends its profile.

use std::sync::Arc;
use std::time::Duration;

use sqal_profiling::{CpuProfileError, CpuProfiler, ProfilePlan};
use sqal_resilience::TokioClock;
use tokio::time::timeout;

use super::{ONE_AT_A_TIME, tuesday};

fn plan(seconds: u16) -> ProfilePlan {
    ProfilePlan::new(seconds, 100).unwrap()
}

/// Time is paused: it moves on while every task waits and nothing is done on other threads.
#[tokio::test(start_paused = true)]
async fn a_second_caller_is_told_when_to_come_back_and_a_caller_that_leaves_ends_its_profile() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let profiler = CpuProfiler::new(Arc::new(TokioClock));
    let mut first = Box::pin(profiler.profile(plan(30), tuesday()));
    assert!(timeout(Duration::from_secs(10), &mut first).await.is_err(), "it samples for 30 s");
    let told = profiler.profile(plan(1), tuesday()).await.unwrap_err();
    assert_eq!(told, CpuProfileError::Busy { free_after: Duration::from_secs(20) });
    // Another profiler of the process has no part in the turn, and one sampler there is.
    let other = CpuProfiler::new(Arc::new(TokioClock));
    let told = other.profile(plan(1), tuesday()).await.unwrap_err();
    assert_eq!(told, CpuProfileError::Busy { free_after: Duration::from_secs(1) });
    drop(first);
    for free in [&profiler, &other, &profiler] {
        free.profile(plan(1), tuesday()).await.unwrap();
    }
}

/// After a profile the signal is ignored: a late one ends no process.
#[tokio::test(start_paused = true)]
async fn between_profiles_the_signal_is_ignored() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let profiler = CpuProfiler::new(Arc::new(TokioClock));
    profiler.profile(plan(1), tuesday()).await.unwrap();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    let ignored = u64::from_str_radix(ignored.trim(), 16).unwrap();
    // SIGPROF is 27 on Linux, and a mask has the first signal in its lowest bit (proc(5)).
    assert_eq!((ignored >> 26) & 1, 1, "{ignored:x}");
}
