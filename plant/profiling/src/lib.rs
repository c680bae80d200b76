//! Profiles of a running process: where its CPU time goes, week by week, and what its memory holds.
//!
//! A [`CpuProfiler`] samples the process for some seconds; `go tool pprof` opens the
//! [`CpuProfile`]. [`WeeklyProfiling`] takes one each week and keeps the ten [`HotFunctions`], what
//! the process and the machine used, and the difference to the week before. A report over several
//! weeks has recommendations in English and French: [`generate_profiling_report`].
//!
//! ```
//! use std::time::Duration;
//! use sqal_core::{Timestamp, verdict::Language};
//! use sqal_profiling::{CpuProfile, Place, ProfilePlan, ProfileRecord, generate_profiling_report};
//!
//! // Profiles of two weeks; a service takes them with `CpuProfiler::profile`.
//! let profile = |due, parsing, storing| {
//!     let mut profile = CpuProfile::new(due, Duration::from_secs(30), ProfilePlan::default());
//!     profile.add("worker", ["frame::parse", "receive"].map(Place::of), parsing);
//!     profile.add("worker", ["store::write", "receive"].map(Place::of), storing);
//!     profile
//! };
//! let due = |week: i64| Timestamp::from_micros(1_795_514_400_000_000 + week * 604_800_000_000);
//! let first = ProfileRecord::of(due(0)?, &profile(due(0)?, 700, 300), None, None);
//! let second = ProfileRecord::of(due(1)?, &profile(due(1)?, 800, 200), None, Some(&first));
//! assert_eq!((second.week.as_str(), second.functions[0].function.as_str()), ("2026-W49", "frame::parse"));
//! assert_eq!(second.changes[0].points.to_string(), "10");
//!
//! let report = generate_profiling_report(&[first, second]).to_text(Language::English);
//! assert!(report.contains("frame::parse uses 80.0 % of the CPU time"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! - `sample`: the sampler of CPU profiles, through `pprof`. Without it, a [`CpuProfiler`] refuses.
//! - `heap`: heap profiles by jemalloc, on Linux.

mod change;
mod cpu_profile_error;
mod encoding;
#[cfg(all(feature = "heap", target_os = "linux"))]
pub mod heap;
mod history;
mod hot_functions;
mod plan;
mod profile;
mod profiler;
mod protobuf;
mod recommendation;
mod record;
mod report;
mod report_text;
#[cfg(feature = "sample")]
mod sampling;
mod share;
mod short_name;
#[cfg(not(feature = "sample"))]
mod unsampled;
mod usage;
#[cfg(feature = "sample")]
mod usage_meter;
mod wall_time;
mod weekly;

pub use change::{ChangeKind, FunctionChange};
pub use cpu_profile_error::CpuProfileError;
pub use history::{KEPT_FOR, ProfileHistory};
pub use hot_functions::{HotFunction, HotFunctions};
pub use plan::{InvalidPlan, ProfilePlan};
pub use profile::{CpuProfile, Place};
pub use profiler::{CpuProfiler, ProfileTurn};
pub use recommendation::Recommendation;
pub use record::{FunctionRecord, PreviousProfile, ProfileRecord};
pub use report::{FunctionTrend, ProfileSummary, ProfilingReport, generate_profiling_report};
pub use short_name::short_name;
pub use usage::{ProcessUsage, SystemUsage};
pub use weekly::WeeklyProfiling;
