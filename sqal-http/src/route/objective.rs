//! [`Objective`]: the objective of each route, and what counts as a breach (SLO-01 to SLO-03).
//!
//! A breach is one request. Whether an objective is met is a ratio over weeks (C-16), which is
//! computed from these counters and the histogram.

use std::time::Duration;

use axum::http::StatusCode;
use metrics::{counter, histogram};

/// The service level objective of a route.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Objective {
    /// 95 of 100 requests are answered within this time.
    pub latency_p95: Duration,
    /// At most this share of requests is answered with 500 or above.
    pub error_rate: f64,
    /// At least this share of requests is answered with something else than 503 and 504.
    pub availability: f64,
}

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

    /// Creates the counters of a route with the value 0. A rate over a series that does not exist
    /// yet would not be 0 (C-26).
    pub(crate) fn begin(endpoint: &'static str) {
        for name in ["api_slo_latency_breach_total", "api_slo_error_breach_total", "api_slo_availability_breach_total"]
        {
            counter!(name, "endpoint" => endpoint).increment(0);
        }
    }

    /// Counts one request (MET-26 to MET-29).
    pub(crate) fn record(&self, endpoint: &'static str, took: Duration, status: StatusCode) {
        histogram!("api_slo_request_duration_seconds", "endpoint" => endpoint).record(took.as_secs_f64());
        let away = matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT);
        for (name, breached) in [
            ("api_slo_latency_breach_total", took > self.latency_p95),
            ("api_slo_error_breach_total", status.is_server_error()),
            ("api_slo_availability_breach_total", away),
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

    #[test]
    fn slo_03_a_breach_is_counted_and_what_is_kept_is_not() {
        let recorder = DebuggingRecorder::new();
        let snapshotter = recorder.snapshotter();
        metrics::with_local_recorder(&recorder, || {
            Objective::begin("/x");
            Objective::ONE.record("/x", Duration::from_millis(300), StatusCode::OK);
            Objective::ONE.record("/x", Duration::from_millis(301), StatusCode::NOT_FOUND);
            Objective::ONE.record("/x", Duration::from_millis(1), StatusCode::INTERNAL_SERVER_ERROR);
            Objective::ONE.record("/x", Duration::from_millis(1), StatusCode::SERVICE_UNAVAILABLE);
            Objective::ONE.record("/x", Duration::from_millis(1), StatusCode::GATEWAY_TIMEOUT);
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
        let wanted = [
            ("availability_breach_total", 2),
            ("error_breach_total", 3),
            ("latency_breach_total", 1),
            ("request_duration_seconds", 5),
        ];
        assert_eq!(counted, wanted.map(|(name, count)| (format!("api_slo_{name}"), count)));
    }
}
