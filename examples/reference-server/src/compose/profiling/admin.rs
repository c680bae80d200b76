//! [`Admin`]: what the pages of administrators use.

use sqal_http::Services;
use sqal_profiling::{CpuProfiler, ProfileHistory};
use sqal_resilience::Shutdown;

/// What the pages of administrators use.
pub(super) struct Admin {
    pub(super) services: Services,
    pub(super) profiler: CpuProfiler,
    pub(super) history: ProfileHistory,
    pub(super) shutdown: Shutdown,
}
