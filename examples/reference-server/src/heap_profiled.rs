//! `sqal-server-heap`: `sqal-server` with an allocator that knows which code holds its memory, for
//! heap profiles.
//!
//! It is a program of its own, so that the tests of `sqal-server` measure the memory of the
//! allocator that `sqal-server` has. Heap profiles are taken if it is started with
//! `_RJEM_MALLOC_CONF=prof:true,prof_active:true,lg_prof_sample:19`.

use std::process::ExitCode;

#[path = "main.rs"]
mod server;

#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    server::main()
}
