//! What a real profile sees: the function that computes, its callers, and the usage of the process.

use std::sync::Arc;
use std::time::Duration;

use sqal_profiling::{CpuProfiler, HotFunctions, ProfilePlan};
use sqal_resilience::SystemClock;

use super::busy::Busy;
use super::{ONE_AT_A_TIME, tuesday};

#[tokio::test]
async fn prf_01_a_loop_of_a_known_name_is_the_hottest_function_and_its_caller_is_seen() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let busy = Busy::begin();
    let profiler = CpuProfiler::new(Arc::new(SystemClock));
    let profile = profiler.profile(ProfilePlan::new(1, 100).unwrap(), tuesday()).await.unwrap();
    drop(busy);
    assert!(profile.samples() >= 10, "{}", profile.samples());
    let hot = HotFunctions::of(&profile);
    let hottest = &hot[0];
    assert!(hottest.function.ends_with("::loop_that_is_easy_to_find"), "{hot:?}");
    assert!(hottest.self_samples * 2 > profile.samples(), "{hot:?}");
    let with_its_caller: u64 = profile
        .stacks()
        .filter_map(|(_, mut places, samples)| {
            let is_named = |name: &str, place: Option<&sqal_profiling::Place>| {
                place.is_some_and(|place| place.function.ends_with(name))
            };
            let (leaf, caller) = (places.next(), places.next());
            (is_named("::loop_that_is_easy_to_find", leaf) && is_named("::caller_of_the_loop", caller))
                .then_some(samples)
        })
        .sum();
    assert!(with_its_caller * 10 >= hottest.self_samples * 9, "{with_its_caller} of {hot:?}");
    // It is at least the second that was planned, by the clock of the system.
    assert!(profile.duration() >= Duration::from_millis(990), "{:?}", profile.duration());
    assert_eq!((profile.taken_at(), profile.frequency()), (tuesday(), 100));
    assert!(profile.process().cpu_percent.is_some_and(|percent| percent > 1.0), "{:?}", profile.process());
    assert!(profile.process().memory_bytes.is_some_and(|bytes| bytes > 1 << 20), "{:?}", profile.process());
    assert!(profile.system().memory_available_bytes.is_some(), "{:?}", profile.system());
}
