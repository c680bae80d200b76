//! Attacks on the port, byte for byte as on the wire; `docs/security.md` names the test for each.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each test file uses its part of the support")]
mod process;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use process::{Server, now, run};

/// Sends raw bytes, and reads until the server closes the connection.
fn raw(server: &Server, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // A server that refuses early may close the connection during the write.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn get(server: &Server, target: &str, fields: &str) -> String {
    raw(server, format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{fields}\r\n").as_bytes())
}

fn post(server: &Server, fields: &str, body: &[u8]) -> String {
    let head = format!(
        "POST /api/v1/samples:batch HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n{fields}\r\n",
        body.len()
    );
    raw(server, &[head.as_bytes(), body].concat())
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

/// The resident memory of the process, in KiB.
fn resident(server: &Server) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Asserts that the line continues: a sample is stored, and the process is alive.
fn goes_on(server: &Server) {
    let mut station = server.station(1);
    station.count = Some(1);
    assert_eq!(run(&station).persisted, 1);
}

#[test]
fn what_is_too_large_is_refused_and_takes_no_room() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), "127.0.0.1:0");
    goes_on(&server);
    let before = resident(&server);
    for _ in 0..5 {
        assert_eq!(status(&post(&server, "", &vec![b'x'; 9 * 1024 * 1024])), 413, "a batch over 8 MiB");
    }
    let frame = format!("{{\"type\":\"sensor_data\",\"x\":\"{}\"}}", "x".repeat(300_000));
    assert!(post(&server, "", frame.as_bytes()).contains("/problems/frame-too-large"));
    let lines = "{}\n".repeat(1001);
    assert_eq!(status(&post(&server, "", lines.as_bytes())), 413, "more than 1000 frames");
    let path = status(&get(&server, &format!("/{}", "x".repeat(100_000)), ""));
    assert!(matches!(path, 414 | 431), "{path}: a head over 16 KiB, whatever fills it");
    assert_eq!(status(&get(&server, "/health", &format!("X: {}\r\n", "x".repeat(20_000)))), 431);
    assert_eq!(status(&get(&server, "/health", &format!("X: {}\r\n", "x".repeat(1_000_000)))), 431);
    let many = "X: y\r\n".repeat(2000);
    assert_eq!(status(&get(&server, "/health", &many)), 431, "two thousand fields");
    goes_on(&server);
    let grown = resident(&server).saturating_sub(before);
    assert!(grown < 64 * 1024, "{grown} KiB more");
}

#[test]
fn deep_json_is_refused_where_it_is_too_deep() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), "127.0.0.1:0");
    for open in ["[", "{\"a\":", "{\"vl53l8ch\":{\"distance_matrix\":[["] {
        let answer = post(&server, "", open.repeat(20_000 / open.len()).as_bytes());
        assert!(status(&answer) == 200 && answer.contains("\"rejected\":1"), "{answer}");
    }
    let command = format!("{{\"name\":\"x\",\"arguments\":{}", "{\"a\":".repeat(10_000));
    let head = format!(
        "POST /api/v1/devices/X/commands HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        command.len()
    );
    assert_eq!(status(&raw(&server, format!("{head}{command}").as_bytes())), 400);
    goes_on(&server);
}

#[test]
fn no_header_is_injected_and_no_path_leads_elsewhere() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), "127.0.0.1:0");
    for target in [
        "/api/v1/samples/latest?device_id=x%0d%0aSet-Cookie:%20a=b",
        "/problems/x%0d%0aSet-Cookie:%20a=b",
        "/api/v1/devices/x%0d%0aSet-Cookie:%20a=b",
    ] {
        let answer = get(&server, target, "");
        assert!(matches!(status(&answer), 400 | 404), "{answer}");
        let head = answer.split("\r\n\r\n").next().unwrap().to_lowercase();
        assert!(!head.contains("set-cookie"), "{answer}");
    }
    for target in [
        "/docs/../../etc/passwd",
        "/docs/..%2f..%2fetc%2fpasswd",
        "/docs/%2e%2e/%2e%2e/etc/passwd",
        "/docs//etc/passwd",
        "/..",
        "//",
        "/dashboard.js/..",
        "/api/v1/samples/../samples",
        "/api/v1/samples/..;/latest",
        "/api/v1/devices/%00",
        "/metrics%00",
    ] {
        let answer = get(&server, target, "");
        assert!(matches!(status(&answer), 400 | 404), "{target}: {answer}");
        assert!(!answer.contains("root:"), "{target}");
    }
    // Two lengths or a folded field could be read differently by a proxy, so these requests are
    // refused. If there are a length and chunks, the chunks count (RFC 9112, 6.1). After each
    // request the connection is closed, and the bytes behind it are not read.
    for (smuggled, expected) in [
        ("Content-Length: 5\r\nContent-Length: 6\r\n", 400),
        ("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", 200),
        ("Transfer-Encoding: chunked, identity\r\n", 400),
        ("X: a\r\n b\r\n", 400),
        ("X : a\r\n", 400),
    ] {
        let request = format!(
            "POST /api/v1/samples:batch HTTP/1.1\r\nHost: localhost\r\n{smuggled}\r\n0\r\n\r\nGET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
        );
        let answer = raw(&server, request.as_bytes());
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{smuggled:?}: {answer}");
        assert_eq!(status(&answer), expected, "{smuggled:?}: {answer}");
    }
    let packed =
        "POST /api/v1/samples:batch HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n";
    let answer = raw(&server, packed.as_bytes());
    assert!(status(&answer) == 501 && answer.contains("Content-Encoding: gzip"), "{answer}");
    goes_on(&server);
}

#[test]
fn what_is_compressed_is_unpacked_no_further_than_its_limit() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), "127.0.0.1:0");
    // The beginning of a gzip body that is not valid. A valid one that unpacks to too much is 413
    // (`a_batch_may_come_as_gzip_and_in_no_other_coding`).
    let bomb = [&[0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 0, 3][..], &[0xed, 0xc1, 0x01, 0x01].repeat(1000)].concat();
    let answer = post(&server, "Content-Encoding: gzip\r\n", &bomb);
    assert!(status(&answer) == 400 && answer.contains("/problems/invalid-body"), "{answer}");
    // No extension of WebSocket is negotiated, so a message cannot grow when it is unpacked.
    let upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                   Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.write_all(format!("GET /ws/sensors HTTP/1.1\r\nHost: localhost\r\n{upgrade}\r\n").as_bytes()).unwrap();
    let mut head = [0; 1024];
    let read = stream.read(&mut head).unwrap();
    let head = String::from_utf8_lossy(&head[..read]).to_lowercase();
    assert!(head.starts_with("http/1.1 101") && !head.contains("sec-websocket-extensions"), "{head}");
}

/// A client that sends a head byte by byte is cut off, and fast clients are served meanwhile.
#[test]
fn a_slow_head_is_cut_off() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start_with(&[("SQAL_IDLE_SECONDS", "2")], data.path(), "127.0.0.1:0");
    let mut slow: Vec<_> = (0..200)
        .map(|_| {
            let mut stream = TcpStream::connect(&server.address).unwrap();
            stream.write_all(b"GET /health HTTP/1.1\r\nHost: li").unwrap();
            stream
        })
        .collect();
    let begun = now().micros();
    goes_on(&server);
    // A further byte does not restart the time limit.
    for stream in &mut slow {
        stream.write_all(b"n").unwrap();
    }
    for stream in &mut slow {
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&rest));
    }
    let took = now().micros() - begun;
    assert!((1_000_000..30_000_000).contains(&took), "cut off after {took} us");
}

/// A request with two hosts or none is refused, because it is unknown which host a proxy has
/// checked (RFC 9112, 3.2).
#[test]
fn a_request_without_one_host_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), "127.0.0.1:0");
    for (hosts, expected) in [
        ("", 400),
        ("Host: localhost\r\nHost: localhost\r\n", 400),
        ("Host: localhost\r\nHost: evil.example\r\n", 400),
        ("Host: localhost, evil.example\r\n", 400),
        ("Host: localhost\r\n", 200),
    ] {
        let answer = raw(&server, format!("GET /health HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n").as_bytes());
        assert_eq!(status(&answer), expected, "{hosts:?}: {answer}");
    }
    assert_eq!(status(&raw(&server, b"GET /health HTTP/1.0\r\n\r\n")), 200, "older clients name none");
}

/// A page under a name that was made to resolve to this machine (DNS rebinding) reads nothing.
#[test]
fn a_page_under_another_name_reads_nothing_of_an_open_server() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start_with(&[("SQAL_ALLOWED_HOSTS", "line.example")], data.path(), "127.0.0.1:0");
    let ask = |path: &str, host: &str| {
        status(&raw(&server, format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes()))
    };
    for path in
        ["/api/v1/samples", "/api/v1/dead-letters", "/api/v1/events", "/api/v1/session", "/metrics", "/ws/sensors"]
    {
        assert_eq!(ask(path, "evil.example:8000"), 403, "{path}");
    }
    for host in ["127.0.0.1", "localhost:8000", "[::1]", "line.example:8000"] {
        assert_eq!(ask("/api/v1/samples", host), 200, "{host}");
    }
    assert_eq!(ask("/health/live", "probe"), 200);
}

/// If the token file becomes a pipe, the server continues with the tokens as they were.
#[test]
fn a_file_of_tokens_that_is_none_stops_nothing() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("tokens.yaml");
    let entry = format!(
        "  - name: marie\n    grant: {{ role: viewer }}\n    sha256: {}\n",
        sqal_http::TokenHash::of("marie's")
    );
    std::fs::write(&file, format!("tokens:\n{entry}")).unwrap();
    let settings = [("SQAL_TOKENS_FILE", file.to_str().unwrap()), ("SQAL_CALLS_PER_MINUTE", "0")];
    let server = Server::start_with(&settings, data.path(), "127.0.0.1:0");
    std::fs::remove_file(&file).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&file).status().unwrap().success());
    let begun = now().micros();
    // Five seconds are enough for several checks of the file.
    while now().micros() - begun < 5_000_000 {
        assert_eq!(server.get_as("marie's", "/api/v1/samples").0, 200);
        assert_eq!(server.get("/health/live").0, 200);
    }
    let (log, orderly) = server.terminate();
    assert!(orderly && log.contains("the tokens stay as they were") && log.contains("a pipe"), "{log}");
}

/// If its terminal is closed, the server ends as on SIGTERM: accepted samples are stored first.
#[test]
fn a_hangup_drains() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), "127.0.0.1:0");
    goes_on(&server);
    let state = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let ignored = state.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    if u64::from_str_radix(ignored.trim(), 16).unwrap() & 1 == 1 {
        // If these tests were started with `nohup`, so was the server, and it continues.
        server.signal(rustix::process::Signal::HUP);
        return goes_on(&server);
    }
    let (log, orderly) = server.end_by(rustix::process::Signal::HUP);
    assert!(orderly && log.contains("SIGHUP"), "{log}");
}
