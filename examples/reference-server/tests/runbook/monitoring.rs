//! [`Prometheus`]: scrapes the server of a plant, and evaluates the rules of the catalogue.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use sqal_alerts::generate::{RunbookBase, prometheus};
use sqal_alerts::{catalogue, objective};

use crate::postgres::variable;
use crate::process::free_address;

/// A running Prometheus; killed when dropped.
pub(crate) struct Prometheus {
    child: Child,
    pub(crate) url: String,
}

impl Prometheus {
    /// Starts it with the rules that are shipped, which it evaluates each second. Its Alertmanager
    /// takes no connection.
    pub(crate) fn start(target: &str, folder: &Path) -> Self {
        let rules = prometheus(&catalogue::documented(), &objective::documented(), &RunbookBase::default()).unwrap();
        fs::write(folder.join("alerts-slo.yml"), rules).unwrap();
        let (file, address) = (folder.join("prometheus.yml"), free_address());
        let configuration = format!(
            "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\n\
             rule_files: [alerts-slo.yml]\n\
             alerting: {{ alertmanagers: [{{ static_configs: [{{ targets: [\"127.0.0.1:9\"] }}] }}] }}\n\
             scrape_configs:\n  \
             - job_name: {}\n    static_configs: [{{ targets: [\"{target}\"] }}]\n",
            catalogue::JOBS[0]
        );
        fs::write(&file, configuration).unwrap();
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", &variable("SQAL_TEST_PROMETHEUS"), "--config.file"])
            .arg(&file)
            .args(["--web.listen-address", &address, "--storage.tsdb.path"])
            .arg(folder.join("tsdb"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, url: format!("http://{address}") }
    }

    /// Whether a query, which is written as in a URL, has a result.
    pub(crate) fn finds(&self, query: &str) -> bool {
        let Ok(mut answer) = ureq::get(format!("{}/api/v1/query?query={query}", self.url)).call() else { return false };
        let answer = answer.body_mut().read_to_string().unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        answer["data"]["result"].as_array().is_some_and(|elements| !elements.is_empty())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
