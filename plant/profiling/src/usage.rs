//! [`ProcessUsage`] and [`SystemUsage`]: the CPU and the memory that are used during a profile.

use serde::{Deserialize, Serialize};

/// What the process used. An unknown value is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProcessUsage {
    /// The CPU time in percent of one core: above 100 if several cores worked.
    pub cpu_percent: Option<f64>,
    /// The resident memory in bytes.
    pub memory_bytes: Option<u64>,
}

/// What the whole machine used. An unknown value is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SystemUsage {
    /// The CPU time in percent of all cores.
    pub cpu_percent: Option<f64>,
    /// The memory in bytes.
    pub memory_total_bytes: Option<u64>,
    /// The memory in bytes that programs can still get without swapping.
    pub memory_available_bytes: Option<u64>,
}
