//! [`Plant`]: a real server with its station and its services, and what the shell of an operator
//! knows of them.

use std::any::Any;
use std::fs::{self, DirBuilder, File};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use clap::Parser;
use device_simulator::Config;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use sqal_http::TokenHash;
use tempfile::TempDir;
use tokio::sync::watch;

use crate::postgres::Postgres;
use crate::process::{free_address, now, run};
use crate::prometheus::Prometheus;

/// The holders of tokens. That of `marie` is `marie-token`.
const HOLDERS: [(&str, &str); 3] =
    [("marie", "{ role: administrator }"), ("gateway", "gateway"), ("storming", "{ device: STATION_9 }")];

/// The station of each plant.
pub(crate) const STATION: &str = "STATION_1";

/// A station that sends until it is dropped.
struct Sending {
    /// Dropped before the runtime, which ends the station.
    _stop: watch::Sender<()>,
    _runtime: tokio::runtime::Runtime,
}

/// A server with what it needs. Dropping it ends all of it.
pub(crate) struct Plant {
    server: Option<Child>,
    station: Option<Sending>,
    pub(crate) prometheus: Option<Prometheus>,
    pub(crate) postgres: Option<Postgres>,
    /// What else exists as long as the plant: open connections, a Redis, a disk.
    kept: Vec<Box<dyn Any>>,
    pub(crate) data: PathBuf,
    pub(crate) address: String,
    settings: Vec<(&'static str, String)>,
    pub(crate) folder: TempDir,
}

impl Plant {
    /// A plant whose server does not run yet.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (data, tokens) = (folder.path().join("data"), folder.path().join("tokens.yaml"));
        DirBuilder::new().mode(0o700).create(&data).unwrap();
        let entry = |(name, grant): &(&str, &str)| {
            format!("  - name: {name}\n    grant: {grant}\n    sha256: {}\n", TokenHash::of(&token_of(name)))
        };
        fs::write(&tokens, format!("tokens:\n{}", HOLDERS.iter().map(entry).collect::<String>())).unwrap();
        let settings = vec![
            ("SQAL_TOKENS_FILE", shown(&tokens)),
            ("MASTER_ENCRYPTION_KEY", "01".repeat(32)),
            ("SQAL_ADMIN_LISTEN", free_address()),
            ("ENABLE_DB_PROFILING", "true".to_owned()),
            ("SQAL_CALLS_PER_MINUTE", "0".to_owned()),
            ("SQAL_CONNECTIONS_PER_MINUTE", "0".to_owned()),
        ];
        let address = String::new();
        let (server, station, prometheus, postgres, kept) = (None, None, None, None, Vec::new());
        Self { server, station, prometheus, postgres, kept, data, address, settings, folder }
    }

    /// Keeps something as long as the plant exists.
    pub(crate) fn keep(&mut self, what: impl Any) {
        self.kept.push(Box::new(what));
    }

    /// Sets a variable of the server.
    pub(crate) fn set(&mut self, name: &'static str, value: &str) {
        self.settings.push((name, value.to_owned()));
    }

    /// Starts the server, also after it was stopped, and waits until it is ready.
    pub(crate) fn start(&mut self) {
        let log = File::options().create(true).append(true).open(self.log()).unwrap();
        let mut server = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", env!("CARGO_BIN_EXE_sqal-server"), "--address", "127.0.0.1:0", "--data-dir"])
            .arg(&self.data)
            .env_remove("CONFIG_PATH")
            .env_remove("DATABASE_URL")
            .env_remove("REDIS_URL")
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
        self.server = Some(server);
        let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next());
        self.address = address.unwrap_or_else(|| panic!("the server did not start:\n{}", self.journal())).to_owned();
    }

    /// Stops the server in order.
    pub(crate) fn stop(&mut self) {
        drop(self.station.take());
        let mut server = self.server.take().unwrap();
        kill_process(Pid::from_child(&server), Signal::TERM).unwrap();
        server.wait().unwrap();
    }

    /// The file of the server's log.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }

    /// What the server has logged.
    pub(crate) fn journal(&self) -> String {
        fs::read_to_string(self.log()).unwrap()
    }

    fn station(&self, device: &str) -> Config {
        let (url, token) = (format!("ws://{}/ws/sensors/", self.address), token_of("gateway"));
        let arguments = ["sqal-simulator", "--url", &url, "--token", &token, "--device-id", device, "--interval", "0"];
        Config::parse_from(arguments)
    }

    /// Has a station send samples until this number is acknowledged.
    pub(crate) fn send(&self, device: &str, count: u64) {
        let mut config = self.station(device);
        config.count = Some(count);
        assert_eq!(run(&config).persisted, count);
    }

    /// Has [`STATION`] send a sample each half second for as long as the plant exists.
    pub(crate) fn keep_sending(&mut self) {
        let mut config = self.station(STATION);
        config.interval = Duration::from_millis(500);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let stop = watch::Sender::new(());
        let mut stopped = stop.subscribe();
        runtime.spawn(async move {
            let stopped = async move { while stopped.changed().await.is_ok() {} };
            device_simulator::run(&config, now, stopped).await.unwrap()
        });
        self.station = Some(Sending { _stop: stop, _runtime: runtime });
    }

    /// Delivers a frame, as a gateway does. Returns the answer to the batch.
    pub(crate) fn deliver(&self, frame: &Value) -> Value {
        let request = agent().post(format!("http://{}/api/v1/samples:batch", self.address));
        let request = request.header("authorization", format!("Bearer {}", token_of("gateway")));
        let answer = request.send(frame.to_string()).unwrap().body_mut().read_to_string().unwrap();
        serde_json::from_str(&answer).unwrap()
    }

    /// The status and the answer at a path, as an administrator gets it: JSON, or a text.
    pub(crate) fn ask(&self, path: &str) -> (u16, Value) {
        let request = agent().get(format!("http://{}{path}", self.address));
        let mut answer = request.header("authorization", format!("Bearer {}", token_of("marie"))).call().unwrap();
        let text = answer.body_mut().with_config().limit(50_000_000).read_to_string().unwrap();
        (answer.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// The value of a series, which is written as in the metrics.
    pub(crate) fn metric(&self, series: &str) -> Option<f64> {
        let (_, text) = self.ask("/metrics");
        text.as_str()?.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
    }

    /// Waits until something is so.
    pub(crate) fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let begun = now().micros();
        while !is_so(self) {
            assert!(now().micros() - begun < 90_000_000, "{what}: not within 90 s:\n{}", self.journal());
        }
    }

    /// The variables of an operator's shell: those of the service, and those that the README of the
    /// runbook asks for.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        let mut variables = self.settings.clone();
        let of_service = |name: &str| self.settings.iter().find(|(known, _)| *known == name);
        if self.server.is_some() && of_service("DATABASE_URL").is_none() {
            variables.push(("DATABASE_URL", shown(&self.data.join("sqal.db"))));
        }
        let admin = of_service("SQAL_ADMIN_LISTEN").map(|(_, address)| format!("http://{address}"));
        variables.extend([
            ("SQAL", format!("http://{}", self.address)),
            ("SQAL_DATA_DIR", shown(&self.data)),
            ("TOKEN", token_of("marie")),
            ("ADMIN", admin.unwrap_or_default()),
            ("DEVICE", STATION.to_owned()),
        ]);
        variables.extend(self.prometheus.as_ref().map(|prometheus| ("PROMETHEUS", prometheus.url.clone())));
        variables
    }
}

impl Drop for Plant {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            // The process may have ended already.
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

/// The token of a holder.
pub(crate) fn token_of(name: &str) -> String {
    format!("{name}-token")
}

fn shown(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    config.timeout_global(Some(Duration::from_secs(40))).build().into()
}
