//! A real Prometheus and a real Alertmanager with the shipped files, fifteen times as fast: a
//! killed database calls a person and is told to be over; a server that is gone calls a person; and
//! without a Prometheus the dead man's switch no longer hears anything.
//!
//! `cargo xtask test heavy` runs it.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../../../sqal-storage/tests/disk/mod.rs"]
mod disk;
#[path = "../fault_drill/faults.rs"]
#[expect(dead_code, reason = "each test file uses its part of the support")]
mod faults;
#[path = "../fault_drill/hours_before.rs"]
#[expect(dead_code, reason = "each test file uses its part of the support")]
mod hours_before;
#[path = "../notices/mod.rs"]
#[expect(dead_code, reason = "each test file uses its part of the support")]
mod notices;
#[path = "../runbook/plant.rs"]
#[expect(dead_code, reason = "each test file uses its part of the support")]
mod plant;
#[path = "../../../../sqal-storage/tests/servers/postgres.rs"]
#[expect(dead_code, reason = "each test file uses its part of the support")]
mod postgres;
#[path = "../process/mod.rs"]
#[expect(dead_code, reason = "each test file uses its part of the support")]
mod process;
#[path = "../prometheus/mod.rs"]
#[expect(dead_code, reason = "each test file uses its part of the support")]
mod prometheus;
mod scaled;
#[path = "../fault_drill/seconds.rs"]
mod seconds;
#[path = "../fault_drill/traffic.rs"]
#[expect(dead_code, reason = "each test file uses its part of the support")]
mod traffic;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use sqal_alerts::catalogue::{JOBS, WATCHDOG};

use faults::Ready;
use notices::NoticeReceiver;
use postgres::variable;
use process::free_address;
use prometheus::Prometheus;
use seconds::Seconds;
use traffic::Readers;

/// The names of receivers in the shipped configuration.
const PAGER: &str = "pagerduty";
const HEARTBEAT: &str = "heartbeat";

/// A running Alertmanager; killed when dropped.
struct Alertmanager {
    child: Child,
    address: String,
}

impl Alertmanager {
    /// Starts it with receivers that post to a URL.
    fn start(url: &str, folder: &Path) -> Self {
        let (file, address) = (folder.join("alertmanager.yml"), free_address());
        fs::write(&file, scaled::routes(url)).unwrap();
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", &variable("SQAL_TEST_ALERTMANAGER"), "--cluster.listen-address="])
            .args(["--web.listen-address", &address, "--config.file"])
            .arg(&file)
            .arg("--storage.path")
            .arg(folder.join("alertmanager"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, address }
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A Prometheus that scrapes a server each second and tells an Alertmanager.
fn prometheus(target: &str, alertmanager: &str, folder: &Path) -> Prometheus {
    fs::write(folder.join("alerts-slo.yml"), scaled::rules()).unwrap();
    let configuration = format!(
        "global: {{ scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s, \
         external_labels: {{ cluster: line }} }}\n\
         rule_files: [alerts-slo.yml]\n\
         alerting: {{ alertmanagers: [{{ static_configs: [{{ targets: [\"{alertmanager}\"] }}] }}] }}\n\
         scrape_configs:\n  - job_name: {}\n    static_configs: [{{ targets: [\"{target}\"] }}]\n",
        JOBS[0]
    );
    let arguments = ["--rules.alert.resend-delay=1s"];
    Prometheus::start(&variable("SQAL_TEST_PROMETHEUS"), &configuration, &arguments, folder)
}

/// What the receivers were told, and the seconds in which they are.
struct Watch {
    receiver: NoticeReceiver,
    seconds: Seconds,
    readers: Readers,
}

impl Watch {
    /// The messages to a receiver about an alert, oldest first: whether it fires.
    fn told(&self, receiver: &str, alertname: &str) -> Vec<bool> {
        let of_alert = |body: &Value| {
            let alerts = body["alerts"].as_array()?.iter();
            let mut states = alerts
                .filter(|alert| alert["labels"]["alertname"] == alertname)
                .map(|alert| alert["status"] == "firing");
            let first = states.next()?;
            (body["receiver"] == receiver).then(|| first || states.any(|fires| fires))
        };
        self.receiver.posted().iter().filter_map(|posted| of_alert(&posted.body)).collect()
    }

    /// Waits for at most this number of seconds until something is so.
    fn until(&mut self, what: &str, seconds: u32, mut is_so: impl FnMut(&Self) -> bool) {
        for _ in 0..seconds {
            if is_so(self) {
                return;
            }
            self.seconds.next();
            self.readers.tick();
        }
        let bodies: Vec<_> = self.receiver.posted().iter().map(|posted| posted.body.to_string()).collect();
        panic!("{what}: not within {seconds} s:\n{}", bodies.join("\n"));
    }
}

/// C-26, ALR-08: from the rule to the receiver. The time that a rule holds and that a group waits
/// is a fifteenth of what is documented.
#[test]
fn a_killed_database_and_a_server_that_is_gone_call_a_person_and_a_prometheus_that_is_gone_is_missed() {
    let (folder, receiver) = (tempfile::tempdir().unwrap(), NoticeReceiver::start());
    let Ready { mut plant, .. } = Ready::with_postgres();
    let alertmanager = Alertmanager::start(&receiver.url, folder.path());
    let prometheus = prometheus(&plant.address, &alertmanager.address, folder.path());
    let readers = Readers::start(&plant.address, &[]);
    let mut watch = Watch { receiver, seconds: Seconds::new(), readers };
    watch.until("the heart beats", 60, |watch| watch.told(HEARTBEAT, WATCHDOG).len() >= 3);

    let breaker = |watch: &Watch| watch.told(PAGER, "CircuitBreakerOpen").last().copied();
    assert_eq!(breaker(&watch), None);
    plant.postgres.as_mut().unwrap().kill();
    // 20 s for the rule, 2 s for the group, and up to 20 s if the group was told of something else.
    watch.until("a killed database calls", 60, |watch| breaker(watch) == Some(true));
    plant.postgres.as_mut().unwrap().run();
    watch.until("it is told to be over", 90, |watch| breaker(watch) == Some(false));

    assert!(watch.told(PAGER, "ServerDown").is_empty());
    plant.stop();
    // 4 s for the rule and 2 s for the group.
    watch.until("a server that is gone calls", 30, |watch| watch.told(PAGER, "ServerDown").last() == Some(&true));

    let beats = |watch: &Watch| watch.told(HEARTBEAT, WATCHDOG).len();
    let before = beats(&watch);
    watch.until("the heart beats without the server", 30, |watch| beats(watch) > before);
    drop(prometheus);
    let (mut last, mut quiet) = (beats(&watch), 0);
    // Alertmanager takes an alert for over some seconds after it was told of it last.
    watch.until("the heartbeat stops", 90, |watch| {
        let beats = beats(watch);
        quiet = if beats == last { quiet + 1 } else { 0 };
        last = beats;
        quiet == 20
    });
}
