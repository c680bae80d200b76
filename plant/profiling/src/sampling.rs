//! [`Sampling`]: the sampler of the process, through the crate `pprof`.
//!
//! # Why the process survives it
//!
//! A sample is taken in a handler of the signal SIGPROF, which interrupts a thread at any
//! instruction. What the handler does must be sound there: it may not allocate, wait for a lock
//! that the interrupted thread holds, or read memory that is not there.
//!
//! - **The stack is walked by `framehop`**, a feature of `pprof`. By default `pprof` calls
//!   `_Unwind_Backtrace` of libgcc. That reads memory wherever the unwind tables lead it, and code
//!   whose tables are imprecise, such as the assembly of cryptography, leads it astray: processes
//!   were seen to end by SIGSEGV, on Debian 12 too, and with a list of blocked libraries as well
//!   (tikv/pprof-rs 36 and 219, grafana/pyroscope-rs 211, agentgateway 2332, heph 318). `framehop`
//!   neither allocates nor locks, and every read of the stack is tried by the kernel first. Frame
//!   pointers, the other feature, miss the interrupted function itself, and need the whole program
//!   to be compiled with them.
//! - **The tables of the program are loaded before the first sample.** `pprof` 0.15.0 loads them
//!   within the first signal, where allocating is not sound (tikv/pprof-rs 281, mended after
//!   0.15.0). So [`Sampling::prepare`] sends that first signal to its own thread, at a point where
//!   the thread holds no lock.
//! - **libgcc is still asked for the function of an address**, because `pprof` counts stacks by
//!   their functions. Since gcc 12 and glibc 2.35 that takes no lock. With an older libgcc, no
//!   sample is taken while a thread runs in the C library, its loader or libgcc itself: the time
//!   there is then missing from the profile.

use std::fs;
use std::time::Duration;

use nix::sys::signal::{Signal, raise};
use pprof::{Frames, ProfilerGuard, ProfilerGuardBuilder};
use sqal_core::Timestamp;

use crate::cpu_profile_error::CpuProfileError;
use crate::plan::ProfilePlan;
use crate::profile::{CpuProfile, Place};
use crate::usage_meter::UsageMeter;

/// Where no sample may be taken if libgcc looks for functions under a lock.
const LOCKING: [&str; 5] = ["/libc.so", "/libc-2", "/libpthread", "/libgcc_s", "/ld-"];

/// The function of the C library that finds the code of an address without a lock.
const LOCK_FREE: &[u8] = b"_dl_find_object";

impl From<pprof::Error> for CpuProfileError {
    fn from(error: pprof::Error) -> Self {
        match error {
            // Another part of the process samples it, for a time that is not known.
            pprof::Error::Running => Self::busy(Duration::ZERO),
            // Its text does not name the cause.
            pprof::Error::CreatingError => Self::Failed("the folder of temporary files cannot be written".to_owned()),
            other => Self::Failed(other.to_string()),
        }
    }
}

/// Whether this program can be sampled: on Linux with glibc, on x86-64 and ARM64.
///
/// On ARM64 `pprof` 0.15.0 begins at the caller of the interrupted function.
pub(crate) const fn is_supported() -> bool {
    cfg!(all(target_os = "linux", target_env = "gnu", any(target_arch = "x86_64", target_arch = "aarch64")))
}

/// The process while it is sampled. When this is dropped, no further sample is taken.
pub(crate) struct Sampling {
    guard: ProfilerGuard<'static>,
    plan: ProfilePlan,
    meter: UsageMeter,
}

impl Sampling {
    /// Loads the unwind tables of the program. It takes some milliseconds, and is needed once in a
    /// process before [`begin`](Self::begin).
    pub(crate) fn prepare() -> Result<(), CpuProfileError> {
        // The handler is installed while the guard lives, and then the signal is ignored. Without a
        // handler it would end the process. The timer of the guard fires once a second at most.
        let guard = ProfilerGuardBuilder::default().frequency(1).build()?;
        let raised = raise(Signal::SIGPROF);
        drop(guard);
        raised.map_err(|error| CpuProfileError::Failed(error.to_string()))
    }

    /// Begins to sample the process.
    pub(crate) fn begin(plan: ProfilePlan) -> Result<Self, CpuProfileError> {
        let mut sampler = ProfilerGuardBuilder::default().frequency(i32::from(plan.frequency()));
        if !finds_functions_without_locks() {
            sampler = sampler.blocklist(&LOCKING);
        }
        Ok(Self { guard: sampler.build()?, plan, meter: UsageMeter::begin() })
    }

    /// Ends the sampling, and names the functions of the stacks. That may take seconds, in which
    /// the process is not sampled any more.
    pub(crate) fn end(self, taken_at: Timestamp) -> Result<CpuProfile, CpuProfileError> {
        let Self { guard, plan, meter } = self;
        let report = guard.report().build_unresolved()?;
        drop(guard);
        let duration = report.timing.duration;
        let (process, system) = meter.end(duration);
        let mut profile = CpuProfile::new(taken_at, duration, plan).using(process, system);
        for (stack, samples) in report.data {
            let stack = Frames::from(stack);
            // Functions that were inlined stand before the one that they were inlined into.
            let places = stack.frames.iter().flatten().map(place_of);
            profile.add(&stack.thread_name_or_id(), places, u64::try_from(samples).unwrap_or(0));
        }
        Ok(profile)
    }
}

fn place_of(symbol: &pprof::Symbol) -> Place {
    if symbol.name.is_none() {
        return Place::unknown();
    }
    let file = symbol.filename.as_ref().map(|path| path.to_string_lossy().into_owned());
    Place { function: symbol.name(), file, line: symbol.lineno }
}

/// Whether libgcc, as it is loaded in this process, finds the function of an address without a
/// lock.
fn finds_functions_without_locks() -> bool {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    library(&maps, "/libgcc_s")
        .and_then(|path| fs::read(path).ok())
        .is_some_and(|bytes| bytes.windows(LOCK_FREE.len()).any(|name| name == LOCK_FREE))
}

/// The path of the first mapped file with this in its path, from a text like `/proc/self/maps`
/// (proc(5)).
fn library<'a>(maps: &'a str, name: &str) -> Option<&'a str> {
    let mut paths = maps.lines().filter_map(|line| line.find('/').and_then(|at| line.get(at..)));
    paths.find(|path| path.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_is_found_by_its_path() {
        let maps = "55e0-55e1 r--p 00000000 fe:00 12   /usr/local/bin/sqal-server\n\
                    7f00-7f01 rw-p 00000000 00:00 0 \n\
                    7f01-7f02 r-xp 00003000 fe:00 34   /usr/lib/x86_64-linux-gnu/libgcc_s.so.1\n\
                    7ffd-7ffe r-xp 00000000 00:00 0    [vdso]\n";
        assert_eq!(library(maps, "/libgcc_s"), Some("/usr/lib/x86_64-linux-gnu/libgcc_s.so.1"));
        assert_eq!((library(maps, "/libc.so"), library("", "/libc.so")), (None, None));
    }
}
