//! [`Prometheus`]: a real one for one test, with points that are written to it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use sqal_alerts::query::Labels;

use crate::recording::{BEGIN, Point, Steps};
use crate::remote_write;

/// The answer to a query at one time: the value of each element by its labels.
pub(crate) type Answer = BTreeMap<Labels, f64>;

/// A running Prometheus that scrapes nothing; killed when dropped.
#[derive(Debug)]
pub(crate) struct Prometheus {
    child: Child,
    address: String,
    agent: ureq::Agent,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "how the test command tells tests where tools are")]
fn program() -> String {
    let variable = "SQAL_TEST_PROMETHEUS";
    std::env::var(variable).unwrap_or_else(|_| panic!("run `cargo xtask test`, which sets {variable}"))
}

impl Prometheus {
    /// Starts it with its files in a folder, and waits until it takes requests. It keeps all points
    /// in one block of 31 days, so that points of days can be written at once and in any order of
    /// series.
    pub(crate) fn start(folder: &Path) -> Self {
        let file = folder.join("prometheus.yml");
        std::fs::write(&file, "global: {}\n").unwrap();
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", &program(), "--config.file"])
            .arg(&file)
            .args(["--web.listen-address", "127.0.0.1:0", "--web.enable-remote-write-receiver"])
            .args(["--storage.tsdb.min-block-duration=31d", "--storage.tsdb.max-block-duration=31d"])
            .arg("--storage.tsdb.path")
            .arg(folder.join("tsdb"))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let (mut address, mut is_ready, mut said) = (None, false, String::new());
        while address.is_none() || !is_ready {
            let Some(line) = log.next() else { panic!("Prometheus has ended: {said}") };
            let line = line.unwrap();
            if let Some((_, listening)) = line.split_once("msg=\"Listening on\" address=") {
                address = listening.split_whitespace().next().map(str::to_owned);
            }
            is_ready |= line.contains("Server is ready to receive web requests.");
            said.push_str(&line);
            said.push('\n');
        }
        // A log that nothing reads would stop Prometheus when the pipe is full.
        std::thread::spawn(move || log.for_each(drop));
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        Self { child, address: address.unwrap(), agent }
    }

    /// Writes points.
    pub(crate) fn write(&self, series: &BTreeMap<Labels, Vec<Point>>) {
        let call = self.agent.post(format!("http://{}/api/v1/write", self.address));
        let call = call.header("content-type", "application/x-protobuf").header("content-encoding", "snappy");
        let mut answer = call.send(remote_write::request(series)).unwrap();
        let status = answer.status().as_u16();
        assert_eq!(status, 204, "{}", answer.body_mut().read_to_string().unwrap());
    }

    /// The answers to a query at steps of the hour.
    pub(crate) fn answers(&self, promql: &str, steps: Steps) -> Vec<Answer> {
        let begin = BEGIN / 1000;
        let form = [
            ("query", promql.to_owned()),
            ("start", begin.to_string()),
            ("end", (begin + 3600).to_string()),
            ("step", steps.seconds.to_string()),
        ];
        let call = self.agent.post(format!("http://{}/api/v1/query_range", self.address)).send_form(form);
        let text = call.unwrap().body_mut().read_to_string().unwrap();
        let told: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(told["status"], "success", "{promql}: {text}");
        let mut answers = vec![Answer::new(); steps.count()];
        for element in told["data"]["result"].as_array().unwrap() {
            let labels = element["metric"].as_object().unwrap().iter();
            let labels: Labels = labels.map(|(label, value)| (label.clone(), of_text(value).to_owned())).collect();
            for point in element["values"].as_array().unwrap() {
                let at = 1000 * point[0].as_i64().unwrap();
                let value = of_text(&point[1]).parse().unwrap();
                answers[steps.number(at).unwrap()].insert(labels.clone(), value);
            }
        }
        answers
    }
}

fn of_text(value: &Value) -> &str {
    value.as_str().unwrap()
}
