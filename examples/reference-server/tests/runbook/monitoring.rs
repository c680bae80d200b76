//! [`monitor`]: a Prometheus that scrapes the server of a plant, and evaluates the shipped rules.

use std::fs;
use std::path::Path;

use sqal_alerts::generate::{RunbookBase, prometheus};
use sqal_alerts::{catalogue, objective};

use crate::postgres::variable;
use crate::prometheus::Prometheus;

/// Starts a Prometheus with the rules that are shipped, which it evaluates each second. Its
/// Alertmanager takes no connection.
pub(crate) fn monitor(target: &str, folder: &Path) -> Prometheus {
    let rules = prometheus(&catalogue::documented(), &objective::documented(), &RunbookBase::default()).unwrap();
    fs::write(folder.join("alerts-slo.yml"), rules).unwrap();
    let configuration = format!(
        "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\n\
         rule_files: [alerts-slo.yml]\n\
         alerting: {{ alertmanagers: [{{ static_configs: [{{ targets: [\"127.0.0.1:9\"] }}] }}] }}\n\
         scrape_configs:\n  \
         - job_name: {}\n    static_configs: [{{ targets: [\"{target}\"] }}]\n",
        catalogue::JOBS[0]
    );
    Prometheus::start(&variable("SQAL_TEST_PROMETHEUS"), &configuration, &[], folder)
}

/// Whether a query, which is written as in a URL, has a result.
pub(crate) fn finds(prometheus: &Prometheus, query: &str) -> bool {
    let answer = prometheus.ask(&format!("/api/v1/query?query={query}"));
    answer.is_some_and(|data| data["result"].as_array().is_some_and(|elements| !elements.is_empty()))
}
