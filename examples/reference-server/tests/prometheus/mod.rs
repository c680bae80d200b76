//! A real Prometheus for one test, with its answers.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::process::{free_address, now};

/// A running Prometheus; killed when dropped.
pub(crate) struct Prometheus {
    child: Child,
    pub(crate) url: String,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Prometheus {
    /// Starts the program with the text of its configuration and more arguments; its files are in a
    /// folder.
    pub(crate) fn start(program: &str, configuration: &str, arguments: &[&str], folder: &Path) -> Self {
        let (address, file) = (free_address(), folder.join("prometheus.yml"));
        std::fs::write(&file, configuration).unwrap();
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", program, "--config.file"])
            .arg(&file)
            .args(["--web.listen-address", &address, "--storage.tsdb.path"])
            .arg(folder.join("tsdb"))
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, url: format!("http://{address}") }
    }

    /// The `data` of the answer to a call of its interface; `None` while it does not answer.
    pub(crate) fn ask(&self, path: &str) -> Option<Value> {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut answer = agent.get(format!("{}{path}", self.url)).call().ok()?;
        let answer: Value = serde_json::from_str(&answer.body_mut().read_to_string().ok()?).ok()?;
        (answer["status"] == "success").then(|| answer["data"].clone())
    }

    /// Asks until there is an answer that `wanted` accepts, for at most a minute.
    pub(crate) fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let begun = now().micros();
        loop {
            let answer = self.ask(path);
            if let Some(answer) = answer.clone().filter(&wanted) {
                return answer;
            }
            assert!(now().micros() - begun < 60_000_000, "{path} is {answer:?} after a minute");
        }
    }
}
