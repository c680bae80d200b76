//! Attacks on the memory, with and without a token: it grows by at most 64 MiB.
//!
//! The line and its probes are answered during each attack. An attack runs for three seconds, or
//! for `SQAL_MEMORY_SECONDS`. From a minute on, the slowest acknowledgement of another station must
//! take at most 250 ms, which is a promise of the release build:
//! `SQAL_MEMORY_SECONDS=60 cargo test --release -p reference-server --test memory`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each test file uses its part of the support")]
mod process;

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use process::{Server, now};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};
use sqal_http::TokenHash;
use tempfile::TempDir;

/// The most memory in KiB that the server may take in addition during the attack.
const MOST_MORE: u64 = 64 * 1024;

/// Attacks run one at a time, because they share the machine with the station.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn seconds() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "the long form is asked for by the environment")]
    let seconds = std::env::var("SQAL_MEMORY_SECONDS");
    seconds.ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(3)
}

/// A server with tokens: devices `dev-1` (D1) and `dev-2` (D2), gateways `gw-1` and `gw-2`, a
/// viewer `vera`, an engineer `quinn`. The token of each is its name.
struct Plant {
    server: Server,
    _data: TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Plant {
    fn start(variables: &[(&str, &str)]) -> Self {
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        // Descriptors for the sockets of the attack and, inherited, of the server.
        let most = getrlimit(Resource::Nofile).maximum;
        setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most }).unwrap();
        let data = tempfile::tempdir().unwrap();
        let tokens = data.path().join("tokens.yaml");
        let mut text = "tokens:\n".to_owned();
        for (name, grant) in [
            ("dev-1", "{ device: D1 }"),
            ("dev-2", "{ device: D2 }"),
            ("gw-1", "gateway"),
            ("gw-2", "gateway"),
            ("vera", "{ role: viewer }"),
            ("quinn", "{ role: quality_engineer }"),
        ] {
            writeln!(text, "  - name: {name}\n    grant: {grant}\n    sha256: {}", TokenHash::of(name)).unwrap();
        }
        std::fs::write(&tokens, text).unwrap();
        let tokens = tokens.to_str().unwrap();
        let variables: Vec<_> = [("SQAL_TOKENS_FILE", tokens)].into_iter().chain(variables.iter().copied()).collect();
        let server = Server::start_with(&variables, &data.path().join("data"), "127.0.0.1:0");
        Self { server, _data: data, _alone: alone }
    }

    /// The resident memory of the process, in KiB.
    fn resident(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.server.id())).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.server.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.set_write_timeout(Some(Duration::from_millis(50))).unwrap();
        stream
    }

    /// Sends a request on a new connection, and returns the status and the body.
    fn call(&self, token: &str, method: &str, path: &str, fields: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let mut stream = self.connect();
        stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(&request(token, method, path, &format!("Connection: close\r\n{fields}"), body.len())).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let head = answer.windows(4).position(|end| end == b"\r\n\r\n").unwrap();
        let status = std::str::from_utf8(&answer[9..12]).unwrap().parse().unwrap();
        (status, answer.split_off(head + 4))
    }

    /// Opens a WebSocket for the holder of a token; `None` if the server refuses it.
    fn socket(&self, token: &str) -> Option<Socket> {
        let mut stream = self.connect();
        let upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        stream.write_all(&request(token, "GET", "/ws/sensors", upgrade, 0)).unwrap();
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).ok()?;
            head.push(byte[0]);
        }
        head.starts_with(b"HTTP/1.1 101").then_some(Socket { stream, rest: Vec::new() })
    }

    /// Repeats an attack while another station sends and a supervisor calls a probe.
    fn bears(&self, mut attack: impl FnMut(&Self)) {
        let mut station = self.socket("dev-2").unwrap();
        let mut count = 0;
        let mut goes_on = || {
            count += 1;
            let begun = now().micros();
            let ack = station.ask(&frame("D2", count));
            // Within a minute the station may use up its quota. It is answered with 429 then.
            assert!(ack["status"] == "persisted" || ack["problem"]["status"] == 429, "{ack}");
            let took = now().micros() - begun;
            assert_eq!(self.call("", "GET", "/health/live", "", b"").0, 200);
            took
        };
        for _ in 0..20 {
            goes_on();
        }
        let before = self.resident();
        let (mut most, mut slowest, begun) = (before, 0, now().micros());
        while now().micros() - begun < seconds() * 1_000_000 {
            attack(self);
            slowest = slowest.max(goes_on());
            most = most.max(self.resident());
        }
        let more = most - before;
        assert!(more <= MOST_MORE, "{more} KiB more than {before} KiB");
        let patience = if seconds() >= 60 { 250_000 } else { 2_000_000 };
        assert!(slowest <= patience, "the slowest acknowledgement took {slowest} us");
    }
}

/// The head of a request.
fn request(token: &str, method: &str, path: &str, fields: &str, length: usize) -> Vec<u8> {
    let length = if length > 0 { format!("Content-Length: {length}\r\n") } else { String::new() };
    format!("{method} {path} HTTP/1.1\r\nHost: line\r\nAuthorization: Bearer {token}\r\n{length}{fields}\r\n")
        .into_bytes()
}

/// The documented frame of a device under another name.
fn frame(device: &str, number: usize) -> String {
    let mut frame: Value = serde_json::from_str(fixtures::DOCUMENTED_FRAME).unwrap();
    frame["device_id"] = device.into();
    frame["sample_id"] = format!("{device}-{number}").into();
    frame.to_string()
}

/// A client frame as defined in RFC 6455, 5.2, with a mask of zeros, which leaves the payload as it
/// is.
fn masked(opcode: u8, is_last: bool, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![opcode | if is_last { 0x80 } else { 0 }];
    match payload.len() {
        length @ 0..=125 => bytes.push(0x80 | u8::try_from(length).unwrap()),
        length @ 126..=0xffff => {
            bytes.push(0xfe);
            bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            bytes.push(0xff);
            bytes.extend(u64::try_from(length).unwrap().to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes
}

/// An open WebSocket that sends and receives raw bytes.
struct Socket {
    stream: TcpStream,
    /// Pushed bytes that the server has not accepted yet.
    rest: Vec<u8>,
}

impl Socket {
    /// Writes as many bytes as the server accepts before the write times out, beginning with those
    /// left from the last call. An error means the end of the connection.
    fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.rest.is_empty() {
            self.rest.extend(bytes);
        }
        while !self.rest.is_empty() {
            match self.stream.write(&self.rest) {
                Ok(written) => drop(self.rest.drain(..written)),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The next text message; `None` if the connection ends.
    fn text(&mut self) -> Option<String> {
        loop {
            let mut head = [0; 2];
            self.stream.read_exact(&mut head).ok()?;
            let length = match head[1] {
                126 => {
                    let mut long = [0; 2];
                    self.stream.read_exact(&mut long).ok()?;
                    u64::from(u16::from_be_bytes(long))
                }
                127 => {
                    let mut long = [0; 8];
                    self.stream.read_exact(&mut long).ok()?;
                    u64::from_be_bytes(long)
                }
                short => u64::from(short),
            };
            let mut payload = vec![0; usize::try_from(length).unwrap()];
            self.stream.read_exact(&mut payload).ok()?;
            match head[0] & 0x0f {
                1 => return String::from_utf8(payload).ok(),
                8 => return None,
                9 => self.push(&masked(10, true, &payload)).ok()?,
                _ => {}
            }
        }
    }

    fn ask(&mut self, text: &str) -> Value {
        self.stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
        self.stream.write_all(&masked(1, true, text.as_bytes())).unwrap();
        serde_json::from_str(&self.text().unwrap()).unwrap()
    }
}

#[test]
fn pings_whose_pongs_are_not_taken() {
    let plant = Plant::start(&[]);
    let pings = masked(9, true, &[b'x'; 125]).repeat(500);
    let (mut socket, mut ended) = (None, 0);
    plant.bears(|plant| {
        for _ in 0..20 {
            let Some(open) = &mut socket else {
                socket = plant.socket("dev-1");
                return;
            };
            if open.push(&pings).is_err() {
                (socket, ended) = (None, ended + 1);
            }
        }
    });
    assert!(ended > 0, "a flood of pings ends the connection");
}

#[test]
fn messages_that_never_end() {
    let plant = Plant::start(&[]);
    let part = vec![b' '; 128 * 1024];
    let mut open: Vec<Socket> = Vec::new();
    plant.bears(|plant| {
        for _ in 0..10 {
            if open.len() < 100
                && let Some(mut socket) = plant.socket(if open.len().is_multiple_of(2) { "gw-1" } else { "dev-1" })
            {
                let _ = socket.push(&masked(1, false, &part));
                for _ in 0..6 {
                    let _ = socket.push(&masked(0, false, &part));
                }
                open.push(socket);
            }
        }
    });
    // A gateway that finishes its messages is served meanwhile.
    assert_eq!(plant.socket("gw-2").unwrap().ask(&frame("D9", 1))["status"], "persisted");
}

#[test]
fn a_message_that_takes_too_long_ends_the_connection() {
    let plant = Plant::start(&[]);
    let mut slow = plant.socket("dev-1").unwrap();
    // The first exchange shows that the connection is open, so the next bytes are a message and not
    // part of the request.
    assert_eq!(slow.ask(&frame("D1", 0))["status"], "persisted");
    slow.push(&masked(1, false, b"{")).unwrap();
    let begun = now().micros();
    // Pings of the server are answered meanwhile, so the connection is not closed for silence.
    assert_eq!(slow.text(), None);
    let took = now().micros() - begun;
    assert!((9_000_000..19_000_000).contains(&took), "ended after {took} us");
    // A message whose parts arrive within the time limit is one frame.
    let mut quick = plant.socket("dev-1").unwrap();
    let text = frame("D1", 1);
    let (first, second) = text.as_bytes().split_at(100);
    quick.push(&[masked(1, false, first), masked(9, true, b"ping"), masked(0, true, second)].concat()).unwrap();
    assert!(quick.text().unwrap().contains("persisted"));
}

#[test]
fn heads_that_never_end() {
    let plant = Plant::start(&[]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let address: SocketAddr = plant.server.address.parse().unwrap();
    let head = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(15_000));
    let mut open: Vec<TcpStream> = Vec::new();
    let mut from = (0_u8..8).map(|last| SocketAddr::from(([127, 0, 1, last + 1], 0))).cycle();
    plant.bears(|_| {
        for from in from.by_ref().take(200) {
            let connecting = async {
                let socket = tokio::net::TcpSocket::new_v4()?;
                socket.bind(from)?;
                socket.connect(address).await?.into_std()
            };
            let Ok(mut stream) = runtime.block_on(connecting) else { continue };
            // A stream of the runtime does not block: as many bytes as the kernel accepts are
            // enough.
            let _ = stream.write_all(head.as_bytes());
            open.push(stream);
        }
        if open.len() > 2000 {
            open.drain(..1000);
        }
    });
}

#[test]
fn bodies_that_never_end() {
    let plant = Plant::start(&[]);
    let chunk = vec![b' '; 256 * 1024];
    let head = request("dev-1", "POST", "/api/v1/samples:batch", "", 8_000_000);
    let mut open: Vec<TcpStream> = Vec::new();
    let mut count = 0;
    plant.bears(|plant| {
        if open.len() < 12 {
            let mut stream = plant.connect();
            let _ = stream.write_all(&head);
            open.push(stream);
        }
        // Refused connections are replaced by new ones.
        open.retain_mut(|stream| stream.write_all(&chunk).is_ok());
        count += 1;
        let (status, answer) = plant.call("gw-2", "POST", "/api/v1/samples:batch", "", frame("D9", count).as_bytes());
        // The quota of a gateway is a hundred batches a minute.
        assert!(matches!(status, 200 | 429), "{status}: {}", String::from_utf8_lossy(&answer));
    });
}

#[test]
fn dead_letters_that_weigh_a_mebibyte() {
    let plant = Plant::start(&[]);
    let wrong = json!({ "device_id": "D2", "sample_id": "theirs" }).to_string();
    assert_eq!(plant.socket("dev-2").unwrap().ask(&wrong)["status"], "rejected");
    let heavy = "\u{1}".repeat(1024 * 1024 - 10);
    let heavy = masked(1, true, heavy.as_bytes());
    let mut socket = None;
    plant.bears(|plant| {
        let Some(open) = &mut socket else {
            socket = plant.socket("dev-1");
            return;
        };
        open.stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
        // After a thousand frames in a minute, the server ends the connection.
        if open.push(&heavy).is_err() || open.text().is_none() {
            socket = None;
        }
    });
    let (status, letters) = plant.server.get_as("quinn", "/api/v1/dead-letters?limit=1000");
    assert_eq!(status, 200, "{letters}");
    assert!(letters["items"].as_array().unwrap().iter().any(|letter| letter["sample_id"] == "theirs"));
}

#[test]
fn event_streams_that_are_not_read() {
    let plant = Plant::start(&[]);
    let mut open = Vec::new();
    plant.bears(|plant| {
        if open.len() < 200 {
            let mut stream = plant.connect();
            stream.write_all(&request("vera", "GET", "/api/v1/events", "", 0)).unwrap();
            open.push(stream);
        }
    });
}

#[test]
fn pages_that_are_not_read() {
    let plant = Plant::start(&[("SQAL_CALLS_PER_MINUTE", "0")]);
    let frames = (0..500).map(|number| frame("D9", number)).collect::<Vec<_>>().join("\n");
    assert_eq!(plant.call("gw-1", "POST", "/api/v1/samples:batch", "", frames.as_bytes()).0, 200);
    // One page is read first, so that the memory of one page is not counted as growth.
    assert_eq!(plant.call("vera", "GET", "/api/v1/samples?limit=500", "", b"").0, 200);
    let mut open = Vec::new();
    plant.bears(|plant| {
        for _ in 0..2 {
            if open.len() < 200 {
                let mut stream = plant.connect();
                stream.write_all(&request("vera", "GET", "/api/v1/samples?limit=500", "", 0)).unwrap();
                open.push(stream);
            }
        }
    });
}

#[test]
fn keys_without_end() {
    let plant = Plant::start(&[("SQAL_CALLS_PER_MINUTE", "0")]);
    let mut count = 0;
    plant.bears(|plant| {
        for _ in 0..100 {
            count += 1;
            let key = format!("Idempotency-Key: {count:0>255}\r\n");
            assert_eq!(plant.call("quinn", "POST", "/api/v1/dead-letters:replay", &key, b"").0, 200);
        }
    });
}

#[test]
fn hellos_that_are_refused() {
    let plant = Plant::start(&[]);
    let hellos = masked(1, true, json!({ "type": "hello", "device_id": "D2" }).to_string().as_bytes()).repeat(100);
    let (mut socket, mut ended) = (None, 0);
    plant.bears(|plant| {
        for _ in 0..31 {
            let Some(open) = &mut socket else {
                socket = plant.socket("dev-1");
                return;
            };
            let is_open = open.push(&hellos).is_ok() && (0..100).all(|_| open.text().is_some());
            if !is_open {
                (socket, ended) = (None, ended + 1);
            }
        }
    });
    assert!(ended > 0, "a flood of hellos ends the connection");
}
