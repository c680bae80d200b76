//! [`ProcessProfiles`]: the profiles of the process, which the weekly run and administrators take.

mod admin;
mod listener;
mod pages;
mod profiles;

use std::net::SocketAddr;
use std::sync::Arc;

use sqal_profiling::{CpuProfiler, ProfilePlan, WeeklyProfiling};
use sqal_resilience::SystemClock;
use sqal_work::scheduler::Scheduled;
use sqal_work::{Schedule, Work, Zone};
use tracing::info;

use super::database::Database;
use crate::settings::ProfilingSettings;

/// The profiles of the process. The weekly run and administrators share one profiler, so one
/// profile is taken at a time.
pub(super) struct ProcessProfiles {
    profiler: CpuProfiler,
    /// The plan of the weekly profile; `None` if there is none.
    weekly: Option<ProfilePlan>,
    /// The address for administrators; `None` if they take no profiles.
    address: Option<SocketAddr>,
}

impl ProcessProfiles {
    /// The profiles that the settings ask for. A program that cannot be sampled takes no weekly
    /// profile.
    pub(super) fn of(settings: ProfilingSettings) -> Self {
        let weekly = settings.weekly.filter(|_| CpuProfiler::is_supported());
        if settings.weekly.is_some() && weekly.is_none() {
            info!(
                "no weekly profile: this program was built without its sampler, or for a system that it does not know"
            );
        }
        let profiler = CpuProfiler::new(Arc::new(SystemClock));
        Self { profiler, weekly, address: settings.admin_listen }
    }

    /// When the weekly profile is due, if there is one.
    pub(super) fn schedule(&self, zone: Zone) -> Option<Schedule> {
        self.weekly.map(|_| WeeklyProfiling::schedule(zone))
    }

    /// The work of the weekly profile, if there is one.
    pub(super) fn work(&self, database: &Database) -> Option<Arc<dyn Work>> {
        let records = || Arc::clone(&database.records);
        let task = WeeklyProfiling::new(self.profiler.clone(), self.weekly?, records());
        Some(Arc::new(Scheduled::new(task, records())))
    }
}
