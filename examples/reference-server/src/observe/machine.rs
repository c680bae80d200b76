//! [`Machine`]: the memory, the descriptors, the disk and the clock of this process, as metrics.
//!
//! Memory and descriptors are read from `/proc`, so they have metrics on Linux only.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use metrics::{counter, gauge};
use rustix::fs::statvfs;
use sqal_core::Timestamp;
use sqal_resilience::Clock;

/// The difference between the steps of both clocks from which the wall clock has stepped. A clock
/// that is corrected little by little is never off by a second between two looks.
const STEP: Duration = Duration::from_secs(1);

/// The most time in which both clocks are read for a look that counts: a process that is held up in
/// between reads times that do not belong together.
const AT_ONCE: Duration = Duration::from_millis(100);

/// What is reported of the machine.
#[derive(Debug)]
pub(crate) struct Machine {
    data_dir: PathBuf,
    begun: Timestamp,
    steps: Mutex<ClockSteps>,
}

impl Machine {
    /// The machine of a process with this data folder, which began at this time.
    pub(crate) fn new(data_dir: &Path, begun: Timestamp) -> Self {
        Self { data_dir: data_dir.to_owned(), begun, steps: Mutex::default() }
    }

    /// Sets the gauges, and counts the step of the wall clock if there was one since the last look.
    /// What cannot be read keeps its last value, and has none before.
    pub(crate) fn report(&self, clock: &impl Clock, wall: impl Fn() -> Timestamp) {
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970, to a microsecond")]
        gauge!("process_start_time_seconds").set(self.begun.micros() as f64 / 1e6);
        if let Some(bytes) = resident_bytes() {
            gauge!("process_resident_memory_bytes").set(bytes);
        }
        if let Some(count) = open_descriptors() {
            gauge!("process_open_fds").set(count);
        }
        if let Some(ratio) = free_ratio(&self.data_dir) {
            gauge!("data_dir_free_ratio").set(ratio);
        }
        let before = clock.now();
        let wall = wall();
        let now = clock.now();
        let is_at_once = now.saturating_duration_since(before) <= AT_ONCE;
        if is_at_once && self.steps.lock().unwrap_or_else(PoisonError::into_inner).look(wall, now) {
            counter!("server_clock_steps_total").increment(1);
        }
    }
}

/// Finds steps of the wall clock by comparing it with the monotonic clock.
#[derive(Debug, Default)]
struct ClockSteps {
    /// Both clocks at the last look.
    last: Option<(Timestamp, Instant)>,
}

impl ClockSteps {
    /// Whether the wall clock has stepped since the last look: whether both clocks have gone on by
    /// times that differ by more than a second. A look that is earlier than the last one by the
    /// monotonic clock comes from another thread, and says nothing.
    fn look(&mut self, wall: Timestamp, now: Instant) -> bool {
        let Some((last_wall, last)) = self.last else {
            self.last = Some((wall, now));
            return false;
        };
        let Some(passed) = now.checked_duration_since(last) else { return false };
        self.last = Some((wall, now));
        let passed = i128::try_from(passed.as_micros()).unwrap_or(i128::MAX);
        let on_wall = i128::from(wall.micros()) - i128::from(last_wall.micros());
        on_wall.abs_diff(passed) > STEP.as_micros()
    }
}

/// The resident memory of this process; `None` if this system does not say it.
fn resident_bytes() -> Option<f64> {
    resident_in(&std::fs::read_to_string("/proc/self/status").ok()?)
}

/// The resident memory in the text of `/proc/self/status`.
fn resident_in(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: f64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024.0)
}

/// The open file descriptors of this process; `None` if this system does not say it.
#[expect(clippy::cast_precision_loss, reason = "a gauge is a floating number")]
fn open_descriptors() -> Option<f64> {
    let open = std::fs::read_dir("/proc/self/fd").ok()?.count();
    // One of them lists the others.
    Some(open.saturating_sub(1) as f64)
}

/// The share of a disk that this process can still fill, of all that is not kept for the system.
fn free_ratio(folder: &Path) -> Option<f64> {
    let found = statvfs(folder).ok()?;
    ratio(found.f_bavail, found.f_blocks.saturating_sub(found.f_bfree))
}

/// The share of the available blocks among them and the used ones; `None` if there are neither.
#[expect(clippy::cast_precision_loss, reason = "a share of blocks")]
fn ratio(available: u64, used: u64) -> Option<f64> {
    let all = available.checked_add(used).filter(|all| *all > 0)?;
    Some(available as f64 / all as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sqal_resilience::ManualClock;

    use super::*;

    fn wall(micros: i64) -> Timestamp {
        Timestamp::from_micros(1_794_000_000_000_000 + micros).unwrap()
    }

    proptest! {
        /// Looks at any times, at a wall clock that runs up to a part in a thousand fast or slow:
        /// up to a quarter of an hour lies between two looks.
        #[test]
        fn a_clock_that_runs_a_little_wrong_has_not_stepped(
            waits in proptest::collection::vec(0..900_000_000_i64, 1..50),
            parts in -1_000_i64..=1_000,
        ) {
            let (clock, mut steps, mut at) = (ManualClock::new(), ClockSteps::default(), 0);
            prop_assert!(!steps.look(wall(0), clock.now()));
            for wait in waits {
                clock.advance(Duration::from_micros(u64::try_from(wait).unwrap()));
                at += wait + wait * parts / 1_000_000;
                prop_assert!(!steps.look(wall(at), clock.now()));
            }
        }

        /// A step forward or back is counted once, however long after it both clocks are read.
        #[test]
        fn a_step_of_more_than_a_second_is_counted_once(
            step in 1_000_001_i64..1_000_000_000_000,
            is_back: bool,
            waits in proptest::collection::vec(0..900_000_000_i64, 2..20),
        ) {
            let (clock, mut steps, mut at) = (ManualClock::new(), ClockSteps::default(), 0);
            steps.look(wall(0), clock.now());
            for (number, wait) in waits.into_iter().enumerate() {
                clock.advance(Duration::from_micros(u64::try_from(wait).unwrap()));
                at += wait;
                if number == 0 {
                    at += if is_back { -step } else { step };
                }
                prop_assert_eq!(steps.look(wall(at), clock.now()), number == 0);
            }
        }

        #[test]
        fn a_share_of_a_disk_is_a_share(available: u64, used: u64) {
            match ratio(available, used) {
                Some(ratio) => prop_assert!((0.0..=1.0).contains(&ratio), "{}", ratio),
                None => prop_assert!(available.checked_add(used).is_none_or(|all| all == 0)),
            }
        }
    }

    #[test]
    fn a_second_is_no_step_and_a_look_of_the_past_says_nothing() {
        let (clock, mut steps) = (ManualClock::new(), ClockSteps::default());
        let earlier = clock.now();
        clock.advance(Duration::from_secs(10));
        steps.look(wall(10_000_000), clock.now());
        assert!(!steps.look(wall(0), earlier), "another thread has read both clocks before");
        clock.advance(Duration::from_secs(10));
        assert!(!steps.look(wall(21_000_000), clock.now()), "a second");
        clock.advance(Duration::from_secs(10));
        assert!(steps.look(wall(29_999_999), clock.now()), "a second and a microsecond back");
    }

    #[test]
    fn the_memory_is_read_as_linux_writes_it() {
        let status = "Name:\tsqal-server\nVmPeak:\t  900000 kB\nVmRSS:\t   51234 kB\nThreads:\t9\n";
        assert_eq!(resident_in(status), Some(51_234.0 * 1024.0));
        for text in ["", "VmRSS:", "VmRSS: 5 MB", "VmRSS: x kB"] {
            assert_eq!(resident_in(text), None, "{text}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_memory_descriptors_and_a_disk() {
        let folder = tempfile::tempdir().unwrap();
        assert!(resident_bytes().unwrap() > 100_000.0);
        assert!(open_descriptors().unwrap() >= 1.0);
        assert!((0.0..=1.0).contains(&free_ratio(folder.path()).unwrap()));
        assert_eq!(free_ratio(&folder.path().join("not-there")), None);
    }
}
