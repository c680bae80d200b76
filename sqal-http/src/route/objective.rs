//! [`Objective`]: the objective of each route, and what counts as a breach (SLO-01 to SLO-03).
//!
//! A breach is one request. Whether an objective is met is a ratio over weeks (C-16), which is
//! computed from these counters and the histogram. All series of a route exist from the beginning,
//! so that the first breach is seen as an increase, and the first request is in the ratio.
//!
//! A request whose device was silent (504) says nothing about this server: it has handed the
//! command over, and waited as long as the caller asked. Such a request is no event of the
//! objective.

use std::time::Duration;

use axum::http::StatusCode;
use metrics::{counter, histogram};

/// The service level objective of a route.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Objective {
    /// 95 of 100 requests are answered within this time.
    pub latency_p95: Duration,
    /// At most this share of requests is answered with 500 or above, other than 504.
    pub error_rate: f64,
    /// At least this share of requests is answered with something else than 503.
    pub availability: f64,
}

/// The status of a request whose device did not answer. No other problem of this interface has it.
const OF_THE_DEVICE: StatusCode = StatusCode::GATEWAY_TIMEOUT;

const fn objective(millis: u64, error_rate: f64, availability: f64) -> Objective {
    Objective { latency_p95: Duration::from_millis(millis), error_rate, availability }
}

impl Objective {
    /// Reading one item.
    pub(crate) const ONE: Self = objective(300, 0.01, 0.99);
    /// Reading a page of items, or a summary of many.
    pub(crate) const MANY: Self = objective(500, 0.01, 0.99);
    /// Calls that may take long: a batch, a run over history, a command to a device.
    pub(crate) const LONG: Self = objective(5000, 0.05, 0.95);
    /// Signing in, for which a person waits.
    pub(crate) const SIGN_IN: Self = objective(500, 0.02, 0.995);
    /// Probes of whether the process answers.
    pub(crate) const ALIVE: Self = objective(100, 0.001, 0.999);
    /// Probes of whether the process is ready, which look at its parts.
    pub(crate) const READY: Self = objective(200, 0.001, 0.999);

    /// Creates the counters and the histogram of a route with the value 0. A rate over a series
    /// that does not exist yet would not be 0 (C-26), and a rate misses the event that creates its
    /// series.
    pub(crate) fn begin(endpoint: &'static str) {
        drop(histogram!("api_slo_request_duration_seconds", "endpoint" => endpoint));
        for name in ["api_slo_latency_breach_total", "api_slo_error_breach_total", "api_slo_availability_breach_total"]
        {
            counter!(name, "endpoint" => endpoint).increment(0);
        }
    }

    /// Counts one request (MET-26 to MET-29), unless its device was silent.
    pub(crate) fn record(&self, endpoint: &'static str, took: Duration, status: StatusCode) {
        if status == OF_THE_DEVICE {
            return;
        }
        histogram!("api_slo_request_duration_seconds", "endpoint" => endpoint).record(took.as_secs_f64());
        for (name, breached) in [
            ("api_slo_latency_breach_total", took > self.latency_p95),
            ("api_slo_error_breach_total", status.is_server_error()),
            ("api_slo_availability_breach_total", status == StatusCode::SERVICE_UNAVAILABLE),
        ] {
            if breached {
                counter!(name, "endpoint" => endpoint).increment(1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::door::kinds::{DEVICE_SILENT, KINDS};
    use crate::door::quota::Class;
    use crate::table::routes;
    use metrics_util::debugging::{DebugValue, DebuggingRecorder};

    #[test]
    fn slo_02_every_route_that_works_has_an_objective() {
        let without: Vec<_> =
            routes().into_iter().filter(|route| route.class != Class::Unlimited && route.objective.is_none()).collect();
        assert_eq!(without.iter().map(|route| route.path).collect::<Vec<_>>(), ["/api/v1/events"]);
        let of = |path: &str| routes().iter().find(|route| route.path == path).unwrap().objective.unwrap();
        for (path, millis, errors, available) in [
            ("/api/v1/samples", 500, 0.01, 0.99),
            ("/api/v1/samples/{id}", 300, 0.01, 0.99),
            ("/api/v1/samples/latest", 300, 0.01, 0.99),
            ("/api/v1/samples:batch", 5000, 0.05, 0.95),
            ("/api/v1/profiles/{name}/dry-run", 5000, 0.05, 0.95),
            ("/api/health", 100, 0.001, 0.999),
            ("/api/ready", 200, 0.001, 0.999),
        ] {
            let objective = of(path);
            assert_eq!(
                (objective.latency_p95, objective.error_rate, objective.availability),
                (Duration::from_millis(millis), errors, available),
                "{path}"
            );
        }
    }

    /// The names and values of the series of one route after these requests.
    fn counted(requests: &[(u64, StatusCode)]) -> Vec<(String, u64)> {
        let recorder = DebuggingRecorder::new();
        let snapshotter = recorder.snapshotter();
        metrics::with_local_recorder(&recorder, || {
            Objective::begin("/x");
            for (millis, status) in requests {
                Objective::ONE.record("/x", Duration::from_millis(*millis), *status);
            }
        });
        let mut counted: Vec<_> = snapshotter
            .snapshot()
            .into_vec()
            .into_iter()
            .map(|(key, _, _, value)| match value {
                DebugValue::Counter(count) => (key.key().name().to_owned(), count),
                DebugValue::Histogram(values) => (key.key().name().to_owned(), values.len() as u64),
                DebugValue::Gauge(_) => unreachable!("no gauge"),
            })
            .collect();
        counted.sort();
        counted
    }

    fn wanted(availability: u64, error: u64, latency: u64, requests: u64) -> Vec<(String, u64)> {
        [
            ("availability_breach_total", availability),
            ("error_breach_total", error),
            ("latency_breach_total", latency),
            ("request_duration_seconds", requests),
        ]
        .map(|(name, count)| (format!("api_slo_{name}"), count))
        .to_vec()
    }

    #[test]
    fn slo_03_a_breach_is_counted_and_what_is_kept_is_not() {
        let requests = [
            (300, StatusCode::OK),
            (301, StatusCode::NOT_FOUND),
            (1, StatusCode::INTERNAL_SERVER_ERROR),
            (1, StatusCode::SERVICE_UNAVAILABLE),
        ];
        assert_eq!(counted(&requests), wanted(1, 2, 1, 4));
    }

    /// C-26: a burn rate from the first minute on needs the numerator and the denominator at 0.
    #[test]
    fn every_series_of_an_objective_exists_before_the_first_request() {
        assert_eq!(counted(&[]), wanted(0, 0, 0, 0));
    }

    /// A device that takes 60 s to be silent breaches nothing of the server, whatever the objective
    /// of commands is.
    #[test]
    fn a_silent_device_is_no_event_of_the_objective() {
        assert_eq!(counted(&[(60_000, OF_THE_DEVICE), (1, StatusCode::OK)]), wanted(0, 0, 0, 1));
        let kinds = KINDS.iter().filter(|kind| kind.status == OF_THE_DEVICE.as_u16()).map(|kind| kind.name);
        assert_eq!(kinds.collect::<Vec<_>>(), [DEVICE_SILENT.name], "504 is of devices alone");
    }
}
