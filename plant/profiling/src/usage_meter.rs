//! [`UsageMeter`]: measures what the process and the machine use during a profile.

use std::fs;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::share::{number, percent};
use crate::usage::{ProcessUsage, SystemUsage};

/// Measures CPU time from its begin to its end, and memory at its end.
///
/// The numbers are those of proc(5); on other systems than Linux most of them are unknown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UsageMeter {
    process: Duration,
    system: Option<CpuTicks>,
}

impl UsageMeter {
    /// Begins to measure.
    pub(crate) fn begin() -> Self {
        Self { process: cpu_time(), system: read("/proc/stat").as_deref().and_then(CpuTicks::of) }
    }

    /// The usage since the begin, which was this long ago.
    pub(crate) fn end(self, elapsed: Duration) -> (ProcessUsage, SystemUsage) {
        let now = Self::begin();
        let used = now.process.saturating_sub(self.process);
        let status = read("/proc/self/status").unwrap_or_default();
        let memory = read("/proc/meminfo").unwrap_or_default();
        let process = ProcessUsage {
            cpu_percent: percent(used.as_secs_f64(), elapsed.as_secs_f64()),
            memory_bytes: bytes(&status, "VmRSS:"),
        };
        let system = SystemUsage {
            cpu_percent: self.system.zip(now.system).and_then(|(begin, end)| end.busy_percent_since(begin)),
            memory_total_bytes: bytes(&memory, "MemTotal:"),
            memory_available_bytes: bytes(&memory, "MemAvailable:"),
        };
        (process, system)
    }
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()
}

/// The CPU time that the process has used.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let (seconds, nanos) = (u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0));
    Duration::new(seconds, nanos)
}

/// The CPU time of all cores since the machine was started, in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct CpuTicks {
    idle: u64,
    all: u64,
}

impl CpuTicks {
    /// Reads the line `cpu` of `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal;
    /// guests are part of user and nice.
    fn of(text: &str) -> Option<Self> {
        let line = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
        let ticks: Vec<u64> = line.split_whitespace().take(8).map_while(|ticks| ticks.parse().ok()).collect();
        let (idle, wait) = (ticks.get(3)?, ticks.get(4).unwrap_or(&0));
        Some(Self { idle: idle.saturating_add(*wait), all: ticks.iter().sum() })
    }

    fn busy_percent_since(self, earlier: Self) -> Option<f64> {
        let all = self.all.checked_sub(earlier.all)?;
        // The time for which cores wait for a disk may step back (proc(5)).
        let idle = self.idle.saturating_sub(earlier.idle).min(all);
        percent(number(all - idle), number(all))
    }
}

/// A size of `/proc`, which is written in kB.
fn bytes(text: &str, name: &str) -> Option<u64> {
    let size = text.lines().find_map(|line| line.strip_prefix(name))?;
    size.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STAT: &str = "cpu  100 20 30 800 50 0 0 0 7 0\ncpu0 1 2 3 4 5 6 7 8 9 0\nintr 5\n";

    #[test]
    fn the_ticks_of_all_cores_are_read_and_guests_are_not_counted_twice() {
        assert_eq!(CpuTicks::of(STAT), Some(CpuTicks { idle: 850, all: 1_000 }));
        assert_eq!(CpuTicks::of("cpu  1 2 3 4"), Some(CpuTicks { idle: 4, all: 10 }), "of an old kernel");
        for damaged in ["", "cpu0 1 2 3 4", "cpu  1 2", "cpu  1 x 3 4"] {
            assert_eq!(CpuTicks::of(damaged), None, "{damaged:?}");
        }
    }

    #[test]
    fn a_size_is_read_in_bytes() {
        let text = "Name:\tsqal\nVmRSS:\t    1908 kB\nThreads:\t4\n";
        assert_eq!((bytes(text, "VmRSS:"), bytes(text, "VmHWM:")), (Some(1_908 * 1024), None));
        for damaged in ["VmRSS: 5", "VmRSS: x kB", "VmRSS: -1 kB", "VmRSS: 18446744073709551615 kB"] {
            assert_eq!(bytes(damaged, "VmRSS:"), None, "{damaged}");
        }
    }

    proptest! {
        #[test]
        fn the_machine_is_busy_from_0_to_100_percent(
            (idle, busy, later_idle, later_busy) in (0..9_u64, 0..9_u64, 0..9_u64, 0..9_u64),
        ) {
            let begin = CpuTicks { idle, all: idle + busy };
            let end = CpuTicks { idle: idle + later_idle, all: begin.all + later_idle + later_busy };
            match end.busy_percent_since(begin) {
                None => prop_assert_eq!(later_idle + later_busy, 0),
                Some(percent) => {
                    let expected = number(later_busy * 100) / number(later_idle + later_busy);
                    prop_assert!((percent - expected).abs() < 0.006, "{} {}", percent, expected);
                }
            }
        }
    }

    /// On Linux every value is known. The process has used CPU time, and lies in memory.
    #[cfg(target_os = "linux")]
    #[test]
    fn the_usage_of_this_process_is_that_of_a_process() {
        let meter = UsageMeter { process: Duration::ZERO, system: Some(CpuTicks { idle: 0, all: 0 }) };
        let (process, system) = meter.end(Duration::from_secs(1));
        assert!(process.cpu_percent.is_some_and(|percent| percent > 0.0), "{process:?}");
        assert!(system.cpu_percent.is_some_and(|percent| (0.0..=100.0).contains(&percent)), "{system:?}");
        let (total, available) = (system.memory_total_bytes.unwrap(), system.memory_available_bytes.unwrap());
        assert!(process.memory_bytes.is_some_and(|bytes| (1..=total).contains(&bytes)), "{process:?} {system:?}");
        assert!(available <= total);
        assert_eq!(UsageMeter::begin().end(Duration::ZERO).0.cpu_percent, None, "no time has passed");
    }
}
