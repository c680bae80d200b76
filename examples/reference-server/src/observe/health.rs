//! [`report_health`]: the checks of the process as a metric.

use metrics::gauge;
use sqal_resilience::{Clock, HealthRegistry};

/// Sets `health_check_ok` of each part: 1 if it works, also if it is degraded, and 0 if it fails or
/// was not checked lately.
pub(crate) fn report_health<C: Clock>(health: &HealthRegistry<C>) {
    for part in health.report().components {
        let critical = if part.critical { "true" } else { "false" };
        let ok = f64::from(u8::from(part.status.works()));
        gauge!("health_check_ok", "check" => part.name, "critical" => critical).set(ok);
    }
}
