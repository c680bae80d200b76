//! [`describe`]: describes the metrics of the inventory, and has their known series begin at 0.
//!
//! Rates, and alerts on them, then work from the first minute on: a rate over a series that does
//! not exist is not 0 (C-26), and a rate does not see the event that creates its series. So these
//! begin at 0: every counter whose labels are known, and of each route the series that error rates
//! and burn rates are computed from (requests that succeeded, failed with 500 or found the server
//! unavailable; the objective's own series, which the router begins; panics). Histograms by route,
//! method and status begin with their first request, because each series of them has a line for
//! every bucket: their rates are read over all statuses, and the histogram of the objectives is
//! there from the beginning.

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use sqal_http::routes;

use super::inventory::{Metric, MetricKind, MetricUnit, all};

/// The statuses with which a server fails that is at fault, or is overloaded or ends.
const FAILED: [u16; 2] = [500, 503];

/// The tasks of requests that run for themselves, beside the routes, as `request_panics_total`
/// names them.
const TASKS: [&str; 3] = ["keyed request", "batch", "replay"];

/// Describes every metric of the inventory, and has the series that are known begin at 0.
pub(super) fn describe() {
    for metric in all() {
        tell(metric);
        if metric.begins_at_zero {
            begin(metric);
        }
    }
    begin_routes();
    gauge!("sqal_build_info", "version" => env!("CARGO_PKG_VERSION"), "revision" => revision()).set(1.0);
}

/// The revision of the sources, as the build was told it. A build that was not told says so: its
/// sources may differ from every revision.
fn revision() -> &'static str {
    option_env!("SQAL_REVISION").filter(|revision| !revision.is_empty()).unwrap_or("unknown")
}

/// Describes a metric to the recorder.
fn tell(Metric { name, kind, unit, meaning, .. }: &Metric) {
    let (name, meaning) = (*name, *meaning);
    let unit = match unit {
        MetricUnit::Seconds => Some(Unit::Seconds),
        MetricUnit::Bytes => Some(Unit::Bytes),
        // The facade has no unit for a share from 0 to 1, and no other for a number.
        MetricUnit::Number | MetricUnit::Ratio | MetricUnit::Percent | MetricUnit::PerSecond => None,
    };
    match (kind, unit) {
        (MetricKind::Counter, Some(unit)) => describe_counter!(name, unit, meaning),
        (MetricKind::Counter, None) => describe_counter!(name, meaning),
        (MetricKind::Gauge, Some(unit)) => describe_gauge!(name, unit, meaning),
        (MetricKind::Gauge, None) => describe_gauge!(name, meaning),
        (MetricKind::Histogram, Some(unit)) => describe_histogram!(name, unit, meaning),
        (MetricKind::Histogram, None) => describe_histogram!(name, meaning),
    }
}

/// Has every known series of a metric begin at 0.
fn begin(metric: &Metric) {
    let name = metric.name;
    for labels in metric.known_series().unwrap_or_default() {
        match metric.kind {
            MetricKind::Counter => counter!(name, &labels).absolute(0),
            MetricKind::Gauge => gauge!(name, &labels).set(0.0),
            MetricKind::Histogram => drop(histogram!(name, &labels)),
        }
    }
}

/// Has the counters of each route begin at 0 that error rates and alerts are computed from.
fn begin_routes() {
    for route in routes() {
        for status in route.succeeds_with().iter().chain(&FAILED) {
            let labels = [
                ("method", route.method.to_owned()),
                ("endpoint", route.path.to_owned()),
                ("status", status.to_string()),
            ];
            counter!("http_requests_total", &labels).absolute(0);
        }
    }
    for place in routes().iter().map(|route| route.path).chain(TASKS) {
        counter!("request_panics_total", "endpoint" => place).absolute(0);
    }
}

#[cfg(test)]
mod tests {
    use sqal_alerts::Severity;
    use sqal_alerts::station::Cause;
    use sqal_bugs::envelope::{DropReason, ItemKind};
    use sqal_core::Grade;
    use sqal_http::door::Resource;
    use sqal_storage::bugs::{BugSeverity, BugSource};
    use sqal_storage::cache::CacheKind;
    use sqal_storage::queue::JobState;

    use super::*;
    use crate::observe::inventory::LabelValues;

    /// The known values of a label.
    fn values(metric: &str, label: &str) -> Vec<&'static str> {
        let metric = all().find(|known| known.name == metric).unwrap();
        let label = metric.labels.iter().find(|known| known.name == label).unwrap();
        match label.values {
            LabelValues::Known(values) => values.to_vec(),
            LabelValues::Described(what) => panic!("{what}"),
        }
    }

    #[test]
    fn the_known_values_are_those_of_the_libraries() {
        assert_eq!(values("cache_hits_total", "cache_type"), CacheKind::ALL.map(CacheKind::as_str));
        assert_eq!(values("jobs", "state"), JobState::ALL.map(JobState::as_str));
        assert_eq!(values("station_fault", "cause"), Cause::ALL.map(Cause::as_str));
        assert_eq!(values("alerts_open", "severity"), Severity::ALL.map(Severity::as_str));
        assert_eq!(values("bugs_open", "severity"), BugSeverity::ALL.map(BugSeverity::as_str));
        assert_eq!(values("bugs_created_total", "source"), BugSource::ALL.map(BugSource::as_str));
        assert_eq!(values("fault_items_total", "kind"), ItemKind::ALL.map(ItemKind::as_str));
        assert_eq!(values("fault_items_dropped_total", "reason"), DropReason::ALL.map(DropReason::as_str));
        let grades = [Grade::APlus, Grade::A, Grade::B, Grade::C, Grade::Reject];
        assert_eq!(values("sample_quality_score", "grade"), grades.map(Grade::as_str));
        let resources = [
            Resource::Connections,
            Resource::WebSockets,
            Resource::MessageBytes,
            Resource::BodyBytes,
            Resource::Batches,
            Resource::Streams,
            Resource::AnswerBytes,
        ];
        let resources = resources.map(Resource::as_str);
        assert_eq!(values("budget_held", "kind"), resources);
        assert_eq!(values("budget_refused_total", "kind").iter().take(7).copied().collect::<Vec<_>>(), resources);
    }
}
