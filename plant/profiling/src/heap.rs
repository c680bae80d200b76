//! [`heap_profile`]: which code holds the memory of the process, by the profiler of jemalloc.
//!
//! jemalloc has to be the allocator of the program, and has to profile from its start:
//!
//! ```no_run
//! #[global_allocator]
//! static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
//! # fn main() {}
//! ```
//!
//! ```text
//! _RJEM_MALLOC_CONF=prof:true,prof_active:true,lg_prof_sample:19 my-service
//! ```
//!
//! jemalloc reads that variable before `main`. The other way is a symbol `malloc_conf` in the
//! program, which is `unsafe` to export; the third is `JEMALLOC_SYS_WITH_MALLOC_CONF` while
//! jemalloc is compiled, which puts the same text into the program. One allocation in 512 KiB
//! (`2^19` bytes) is sampled with its stack.

use std::sync::Arc;

use jemalloc_pprof::PROF_CTL;
// Compiles jemalloc with its profiler, which `jemalloc_pprof` takes for granted.
use tikv_jemallocator as _;
use tokio::task::spawn_blocking;

/// Why there is no heap profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeapProfileError {
    /// jemalloc does not profile in this process.
    #[error(
        "the heap is not profiled: start the program with \
         _RJEM_MALLOC_CONF=prof:true,prof_active:true,lg_prof_sample:19"
    )]
    Off,
    /// Another heap profile is being taken.
    #[error("another heap profile is being taken")]
    Busy,
    /// jemalloc cannot write the profile.
    #[error("the heap profile cannot be written: {0}")]
    Failed(String),
}

/// The memory that the process holds now, by the stacks that allocated it, in the format of pprof
/// (gzipped). One profile is taken at a time.
///
/// # Errors
///
/// [`HeapProfileError::Off`] if jemalloc does not profile, [`HeapProfileError::Busy`] if another
/// heap profile is being taken, and [`HeapProfileError::Failed`] if jemalloc cannot write it.
pub async fn heap_profile() -> Result<Vec<u8>, HeapProfileError> {
    let control = PROF_CTL.as_ref().ok_or(HeapProfileError::Off)?;
    let mut control = Arc::clone(control).try_lock_owned().map_err(|_| HeapProfileError::Busy)?;
    if !control.activated() {
        return Err(HeapProfileError::Off);
    }
    let dumped = spawn_blocking(move || control.dump_pprof().map_err(|error| error.to_string()));
    match dumped.await {
        Ok(Ok(profile)) => Ok(profile),
        Ok(Err(why)) => Err(HeapProfileError::Failed(why)),
        Err(ended) => Err(HeapProfileError::Failed(ended.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tests have the allocator of the system.
    #[tokio::test]
    async fn a_program_whose_heap_is_not_profiled_is_told_how_it_would_be() {
        let told = heap_profile().await.unwrap_err();
        assert_eq!(told, HeapProfileError::Off);
        assert!(told.to_string().contains("_RJEM_MALLOC_CONF=prof:true,prof_active:true,lg_prof_sample:19"));
    }
}
