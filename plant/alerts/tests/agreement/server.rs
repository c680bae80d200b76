//! [`Server`]: a simulated server, and what it counts of its callers.

use crate::faults::{Chance, Fault, FaultTimes};
use crate::page::Page;

/// The routes of the busy server: path, method, requests a second in the hour.
const ROUTES: [(&str, &str, f64); 7] = [
    ("/api/v1/samples", "GET", 4.0),
    ("/api/v1/samples/latest", "GET", 10.0),
    (BATCHES, "POST", 2.0),
    ("/api/v1/devices/{device_id}/commands", "POST", 0.2),
    ("/api/v1/session", "POST", 0.05),
    ("/health/ready", "GET", 0.1),
    (DRY_RUN, "POST", 0.000_02),
];

/// The routes of the quiet server, which has too few requests for most rules.
const QUIET_ROUTES: [(&str, &str, f64); 3] =
    [("/api/v1/samples", "GET", 0.02), (BATCHES, "POST", 0.01), ("/health/ready", "GET", 0.1)];

const BATCHES: &str = "/api/v1/samples:batch";
const DRY_RUN: &str = "/api/v1/profiles/{name}/dry-run";

/// A histogram without the sum of its observations, which no rule reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Histogram {
    pub(crate) bucket: &'static str,
    pub(crate) count: &'static str,
    pub(crate) bounds: &'static [f64],
}

const ANSWERS: Histogram = Histogram {
    bucket: "api_slo_request_duration_seconds_bucket",
    count: "api_slo_request_duration_seconds_count",
    bounds: &[0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0],
};

const AGES: Histogram = Histogram {
    bucket: "sample_judged_age_seconds_bucket",
    count: "sample_judged_age_seconds_count",
    bounds: &[0.25, 0.5, 1.0, 2.5],
};

/// A server that is scraped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) instance: &'static str,
    pub(crate) is_busy: bool,
    pub(crate) chance: Chance,
    pub(crate) page: Page,
    /// Samples in the spool.
    pub(crate) waiting: f64,
    /// Refused frames that are kept.
    pub(crate) letters: f64,
    /// Seconds since the last scrape; 0 at the first scrape of a process.
    pub(crate) seconds: f64,
    faults: FaultTimes,
    minute: f64,
    is_up: bool,
}

/// What happens to the requests of a route: the share that fails, its status, and the share that
/// is slow.
struct Trouble {
    failed: f64,
    status: &'static str,
    slow: f64,
}

impl Server {
    /// A server with the traffic of a plant, on which the faults are.
    pub(crate) fn busy(faults: FaultTimes, seed: u64) -> Self {
        Self::new("a:8000", true, faults, seed)
    }

    /// A server with hardly any traffic. It writes the bounds of buckets as `OpenMetrics` does.
    pub(crate) fn quiet(faults: FaultTimes, seed: u64) -> Self {
        Self::new("b:8000", false, faults, seed)
    }

    fn new(instance: &'static str, is_busy: bool, faults: FaultTimes, seed: u64) -> Self {
        Self {
            instance,
            is_busy,
            chance: Chance::seeded(seed),
            page: Page::default(),
            waiting: 0.0,
            letters: 3.0,
            seconds: 0.0,
            faults,
            minute: 0.0,
            is_up: false,
        }
    }

    /// The page at a minute of the hour, which is negative before it, and `seconds` after the last
    /// scrape; `None` if the server does not answer.
    pub(crate) fn scraped(&mut self, minute: f64, seconds: f64) -> Option<Page> {
        (self.minute, self.seconds) = (minute, seconds);
        if self.has(Fault::Restart) {
            (self.page, self.letters, self.is_up) = (Page::default(), 3.0, false);
            return None;
        }
        if !self.is_up {
            (self.seconds, self.is_up) = (0.0, true);
        }
        self.requests();
        self.samples();
        self.caches();
        self.database();
        self.machine();
        self.stations();
        self.work();
        let mut page = self.page.clone();
        if self.has_anywhere(Fault::ColourGone) {
            page.remove(|series| matches!(series, "samples_judged_total" | "samples_without_color_total"));
        }
        if self.has(Fault::StationGone) {
            page.remove(|series| series.contains("device=\"POSTE4\""));
        }
        Some(page)
    }

    /// Whether the busy server has a fault.
    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.is_busy && self.faults.lasts(fault, self.minute)
    }

    /// Whether the quiet server has a fault.
    pub(crate) fn has_in_quiet(&self, fault: Fault) -> bool {
        !self.is_busy && self.faults.lasts(fault, self.minute)
    }

    /// Whether a fault lasts, which may be one of both servers.
    pub(crate) fn has_anywhere(&self, fault: Fault) -> bool {
        self.faults.lasts(fault, self.minute)
    }

    /// 1 at the first scrape of the busy server after something has happened, and else 0.
    pub(crate) fn once(&self, fault: Fault) -> f64 {
        let begun = self.faults.begun(fault, self.minute - self.seconds / 60.0, self.minute);
        if self.is_busy { begun } else { 0.0 }
    }

    /// The minute of the hour.
    pub(crate) const fn minute(&self) -> f64 {
        self.minute
    }

    /// The traffic as a share of that of the hour: the hour comes after quiet days.
    pub(crate) fn load(&self) -> f64 {
        if self.minute < 0.0 { 0.2 } else { 1.0 }
    }

    /// A number for the busy server and one for the quiet one.
    pub(crate) const fn either(&self, busy: f64, quiet: f64) -> f64 {
        if self.is_busy { busy } else { quiet }
    }

    /// Counts observations, each given as their number and their value.
    pub(crate) fn observe(&mut self, histogram: Histogram, labels: &[(&str, &str)], seen: [(f64, f64); 2]) {
        let up_to =
            |bound: f64| seen.iter().filter(|(_, value)| *value <= bound).map(|(number, _)| number).sum::<f64>();
        for &bound in histogram.bounds.iter().chain(&[f64::INFINITY]) {
            let le = if bound.is_infinite() {
                "+Inf".to_owned()
            } else if self.is_busy {
                bound.to_string()
            } else {
                format!("{bound:?}")
            };
            let mut of_bucket = labels.to_vec();
            of_bucket.push(("le", le.as_str()));
            self.page.add(histogram.bucket, &of_bucket, up_to(bound));
        }
        self.page.add(histogram.count, labels, up_to(f64::INFINITY));
    }

    fn trouble(&self, endpoint: &str) -> Trouble {
        let trouble = |failed, status, slow| Trouble { failed, status, slow };
        let away = match endpoint {
            "/api/v1/samples" => Some(0.9),
            "/api/v1/samples/latest" => Some(0.2),
            "/api/v1/session" | "/health/ready" => Some(1.0),
            _ => None,
        };
        match (endpoint, away) {
            (_, Some(share)) if self.has(Fault::DatabaseAway) => trouble(share, "503", 0.0),
            (BATCHES, _) if self.has(Fault::BatchesFail) => trouble(0.25, "500", 0.1),
            (DRY_RUN, _) if self.has(Fault::DryRunsFail) => trouble(1.0, "500", 0.0),
            // The device is silent, which is no fault of the server.
            ("/api/v1/devices/{device_id}/commands", _) => trouble(0.1, "504", 0.0),
            ("/api/v1/samples", _) if self.has(Fault::SlowReads) => trouble(0.0, "500", 0.6),
            ("/api/v1/samples" | "/api/v1/samples/latest", _) => trouble(0.0, "500", 0.01),
            _ => trouble(0.0, "500", 0.0),
        }
    }

    fn requests(&mut self) {
        let routes: &[(&str, &str, f64)] = if self.is_busy { &ROUTES } else { &QUIET_ROUTES };
        for &(endpoint, method, per_second) in routes {
            let expected = if endpoint == DRY_RUN {
                self.seconds * if self.has(Fault::DryRunsFail) { 0.012 } else { per_second }
            } else {
                per_second * self.load() * self.seconds
            };
            let all = self.chance.count(expected);
            let trouble = self.trouble(endpoint);
            let failed = (all * trouble.failed).round();
            let slow = (all * trouble.slow + self.chance.unit()).floor().min(all);
            for (status, count) in [("200", all - failed), ("500", 0.0), ("503", 0.0), (trouble.status, failed)] {
                let labels = [("endpoint", endpoint), ("method", method), ("status", status)];
                self.page.add("http_requests_total", &labels, count);
            }
            let labels = [("endpoint", endpoint)];
            let of_status = |is_bad: bool| if is_bad { failed } else { 0.0 };
            self.page.add("api_slo_latency_breach_total", &labels, slow);
            self.page.add("api_slo_error_breach_total", &labels, of_status(trouble.status != "504"));
            self.page.add("api_slo_availability_breach_total", &labels, of_status(trouble.status == "503"));
            let slow_seconds = if endpoint == BATCHES { 6.0 } else { 3.0 };
            self.observe(ANSWERS, &labels, [(slow, slow_seconds), (all - slow, 0.04)]);
            let panics = if endpoint == "/api/v1/samples" { self.once(Fault::RequestPanics) } else { 0.0 };
            self.page.add("request_panics_total", &labels, panics);
        }
    }

    fn samples(&mut self) {
        let all = self.chance.count(self.either(3.0, 0.05) * self.load() * self.seconds);
        let share = if self.has(Fault::LateVerdicts) { 0.8 } else { self.either(0.001, 0.05) };
        let late = (all * share + self.chance.unit()).floor().min(all);
        self.observe(AGES, &[], [(late, 1.8), (all - late, 0.3)]);
        self.page.add("samples_judged_total", &[], all);
        let without = if self.has_anywhere(Fault::NoColour) { (all * 0.3).floor() } else { 0.0 };
        self.page.add("samples_without_color_total", &[], without);
    }

    fn caches(&mut self) {
        for cache in ["latest_sample", "device_stats"] {
            let labels = [("cache_type", cache)];
            let all = self.chance.count(self.either(10.0, 0.25) * self.load() * self.seconds);
            let share = if self.has(Fault::FewHits) { 0.7 } else { self.either(0.1, 0.8) };
            let misses = (all * share + self.chance.unit()).floor().min(all);
            self.page.add("cache_hits_total", &labels, all - misses);
            self.page.add("cache_misses_total", &labels, misses);
            let past = if self.has(Fault::CacheAway) { self.chance.count(self.seconds) } else { 0.0 };
            self.page.add("cache_bypass_total", &labels, past);
        }
        self.page.set("cache_hit_rate_threshold", &[], 0.7);
    }
}
