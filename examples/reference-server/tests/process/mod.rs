//! The real `sqal-server` as a child process, which tests start, call, signal and kill.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use device_simulator::{Config, Summary};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use sqal_core::Timestamp;

/// The program of the server.
const SERVER: &str = env!("CARGO_BIN_EXE_sqal-server");

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
}

/// A free address of this machine.
pub(crate) fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

impl Server {
    /// Starts the server on a data folder and waits until it is ready.
    pub(crate) fn start(data: &Path, address: &str) -> Self {
        Self::start_with(&[], data, address)
    }

    /// Starts the server with environment variables for its database and its cache, and waits until
    /// it is ready.
    pub(crate) fn start_with(elsewhere: &[(&str, &str)], data: &Path, address: &str) -> Self {
        Self::start_program(SERVER, elsewhere, data, address)
    }

    /// Starts a program that serves as the server does, and waits until it is ready.
    pub(crate) fn start_program(program: &str, elsewhere: &[(&str, &str)], data: &Path, address: &str) -> Self {
        let mut child = Self::command(program, data, address).envs(elsewhere.iter().copied()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next());
        let address =
            address.unwrap_or_else(|| panic!("the server did not start: {line:?}")).replace("0.0.0.0", "127.0.0.1");
        Self { child, address }
    }

    /// Starts a server that cannot start. Returns its log and its exit code.
    pub(crate) fn fails_to_start(data: &Path, address: &str) -> (String, Option<i32>) {
        let ended = Self::command(SERVER, data, address).output().unwrap();
        (String::from_utf8(ended.stderr).unwrap(), ended.status.code())
    }

    fn command(program: &str, data: &Path, address: &str) -> Command {
        let mut command = Command::new(program);
        command
            .args(["--address", address, "--data-dir"])
            .arg(data)
            .env_remove("CONFIG_PATH")
            .env_remove("DATABASE_URL")
            .env_remove("REDIS_URL")
            .env_remove("SQAL_TOKENS_FILE")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// The JSON at a path, with its status.
    pub(crate) fn get(&self, path: &str) -> (u16, Value) {
        self.ask(None, path)
    }

    /// The JSON at a path with its status, requested with a token.
    pub(crate) fn get_as(&self, token: &str, path: &str) -> (u16, Value) {
        self.ask(Some(token), path)
    }

    /// Posts a JSON body, and returns the response with its status.
    pub(crate) fn post(&self, path: &str, body: &str) -> (u16, Value) {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut response = agent.post(format!("http://{}{path}", self.address)).send(body).unwrap();
        let text = response.body_mut().read_to_string().unwrap();
        (response.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Replaces a resource by a JSON body, whatever version is stored.
    pub(crate) fn put(&self, path: &str, body: &str) -> (u16, Value) {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let request = agent.put(format!("http://{}{path}", self.address)).header("if-match", "*");
        let mut response = request.send(body).unwrap();
        let text = response.body_mut().read_to_string().unwrap();
        (response.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    fn ask(&self, token: Option<&str>, path: &str) -> (u16, Value) {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut request = agent.get(format!("http://{}{path}", self.address));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let mut response = request.call().unwrap();
        let text = response.body_mut().with_config().limit(50_000_000).read_to_string().unwrap();
        (response.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// All stored samples, read page by page.
    pub(crate) fn samples(&self) -> Vec<Value> {
        let (mut all, mut after) = (Vec::new(), String::new());
        loop {
            let (status, page) = self.get(&format!("/api/v1/samples?limit=100{after}"));
            assert_eq!(status, 200, "{page}");
            all.extend(page["items"].as_array().unwrap().clone());
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return all,
            }
        }
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills the process without warning, as a power cut or `kill -9` does.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Closes the pipe that the server logs to.
    pub(crate) fn close_log(&mut self) {
        drop(self.child.stderr.take());
    }

    /// Sends SIGTERM, waits for the end, and returns the log and whether the end was orderly.
    pub(crate) fn terminate(self) -> (String, bool) {
        self.end_by(Signal::TERM)
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Sends a signal that ends the server, waits for the end, and returns the log and whether the
    /// end was orderly.
    pub(crate) fn end_by(mut self, signal: Signal) -> (String, bool) {
        self.signal(signal);
        let mut log = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            stderr.read_to_string(&mut log).unwrap();
        }
        (log, self.child.wait().unwrap().success())
    }

    /// The configuration of a station of this server, which sends as fast as the server answers.
    pub(crate) fn station(&self, seed: u64) -> Config {
        use clap::Parser;
        let url = format!("ws://{}/ws/sensors/", self.address);
        let (seed, name) = (seed.to_string(), format!("STATION_{seed}"));
        Config::parse_from(["sqal-simulator", "--url", &url, "--interval", "0", "--seed", &seed, "--device-id", &name])
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a station to its end.
pub(crate) fn run(config: &Config) -> Summary {
    run_with_clock(config, now)
}

/// Runs a station with a given clock to its end.
pub(crate) fn run_with_clock(config: &Config, clock: fn() -> Timestamp) -> Summary {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(device_simulator::run(config, clock, std::future::pending())).unwrap()
}

/// The clock of a station that was never set.
pub(crate) fn never_set() -> Timestamp {
    Timestamp::from_micros(7_000_000).unwrap()
}

/// The wall clock of the tests' stations.
pub(crate) fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "a station stamps its samples with its own clock")]
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_micros(i64::try_from(now.as_micros()).unwrap()).unwrap()
}

/// A Redis process for one test.
pub(crate) struct Redis(Child);

impl Redis {
    pub(crate) fn start(port: &str) -> Self {
        let redis = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "redis-server", "--port", port, "--bind", "127.0.0.1", "--save", ""])
            .stdout(Stdio::null())
            .spawn();
        Self(redis.expect("redis-server is needed: `cargo xtask test` installs it"))
    }

    pub(crate) fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
