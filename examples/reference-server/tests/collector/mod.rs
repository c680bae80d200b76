//! A collector of OpenTelemetry that shares no code with the server, and what it has received.

use std::io::{BufRead, BufReader, Lines};
use std::net::TcpListener;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use serde_json::Value;

/// The token that the collector expects in `authorization`.
pub(crate) const TOKEN: &str = "PLANTED_collector";

/// A running collector; killed when dropped.
pub(crate) struct Receiver {
    child: Child,
    reading: Option<JoinHandle<()>>,
    lines: Arc<Mutex<Vec<String>>>,
    grpc: String,
    http: String,
}

impl Receiver {
    /// Starts the collector and waits until both of its ports are open.
    pub(crate) fn start() -> Self {
        #[expect(clippy::disallowed_methods, reason = "how the test command tells tests where tools are")]
        let python = std::env::var("SQAL_TEST_OTLP_PYTHON");
        let python = python.expect("run `cargo xtask test`, which installs the collector");
        let (grpc, http) = (own_address(), own_address());
        let port = |address: &str| address.rsplit(':').next().unwrap().to_owned();
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", &python])
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/strangers/otlp_receiver.py"))
            .args([port(&grpc), port(&http), format!("Bearer {TOKEN}")])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut printed = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(printed.next().unwrap().unwrap(), "ready");
        let lines = Arc::<Mutex<Vec<_>>>::default();
        let reading = Some(std::thread::spawn({
            let lines = Arc::clone(&lines);
            move || keep(printed, &lines)
        }));
        Self { child, reading, lines, grpc, http }
    }

    /// The settings of a process that exports every trace to this collector.
    pub(crate) fn settings(&self, protocol: &str) -> [(&'static str, String); 5] {
        let address = if protocol == "grpc" { &self.grpc } else { &self.http };
        [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{address}")),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol.to_owned()),
            ("OTEL_EXPORTER_OTLP_HEADERS", format!("authorization=Bearer%20{TOKEN}")),
            ("OTEL_TRACES_SAMPLER", "always_on".to_owned()),
            ("OTEL_BSP_SCHEDULE_DELAY", "100".to_owned()),
        ]
    }

    /// Ends the collector. Returns the spans that it has received.
    pub(crate) fn end(mut self) -> Vec<Value> {
        self.child.kill().unwrap();
        self.reading.take().unwrap().join().unwrap();
        let lines = std::mem::take(&mut *self.lines.lock().unwrap());
        lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// An address that no other test is given. The system gives ports of this range to no program that
/// asks for any port; a port that it gave may be given to the server of another test before the
/// collector has opened it.
fn own_address() -> String {
    static TRIED: AtomicU16 = AtomicU16::new(0);
    let first = 20_000 + u16::try_from(std::process::id() % 500).unwrap() * 20;
    loop {
        let address = format!("127.0.0.1:{}", first + TRIED.fetch_add(1, Ordering::Relaxed));
        if TcpListener::bind(&address).is_ok() {
            return address;
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Keeps what the collector prints, until it ends. The last line may be cut.
fn keep(printed: Lines<BufReader<ChildStdout>>, lines: &Mutex<Vec<String>>) {
    for line in printed.map_while(Result::ok).filter(|line| line.ends_with('}')) {
        lines.lock().unwrap().push(line);
    }
}
