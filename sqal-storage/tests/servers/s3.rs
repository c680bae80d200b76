//! An S3 server for tests: `moto_server`, a program of `PyPI` that this repository did not write.

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use sqal_storage::objects::S3Config;

/// An S3 server in memory, on a port of its own. It ends with the test binary, or when it is
/// dropped.
#[derive(Debug)]
pub(crate) struct S3Server {
    process: Child,
    port: u16,
    buckets: AtomicUsize,
}

impl S3Server {
    /// Starts a server, and waits until it answers.
    pub(crate) fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (sender, started) = mpsc::channel();
        // The server is killed when the thread that started it ends (PR_SET_PDEATHSIG, prctl(2)).
        // The thread of a test ends before the other tests, so that a thread of its own starts it.
        std::thread::spawn(move || {
            let mut process = Command::new("setpriv")
                .args(["--pdeathsig", "KILL"])
                .arg(program())
                .args(["-H", "127.0.0.1", "-p", &port.to_string()])
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let mut lines = BufReader::new(process.stderr.take().unwrap()).lines().map_while(Result::ok);
            if !lines.any(|line| line.contains("Running on")) {
                let _ = process.wait();
                return;
            }
            sender.send(process).unwrap();
            // Its log of requests must not fill the pipe.
            lines.for_each(drop);
        });
        let process = started.recv().expect("moto_server does not start: `cargo xtask test` installs it");
        Self { process, port, buckets: AtomicUsize::new(0) }
    }

    /// The configuration of a store in a new bucket.
    pub(crate) fn config(&self) -> S3Config {
        let bucket = format!("bucket-{}", self.buckets.fetch_add(1, Ordering::Relaxed));
        assert_eq!(self.send("PUT", &format!("/{bucket}"), b"").0, 200, "a bucket cannot be made");
        let mut config = S3Config::at(format!("http://127.0.0.1:{}", self.port), bucket);
        "plant/blobs".clone_into(&mut config.prefix);
        "test".clone_into(&mut config.access_key);
        "test".clone_into(&mut config.secret_key);
        config.allow_http = true;
        config
    }

    /// Stores an object past the code under test.
    pub(crate) fn put(&self, bucket: &str, name: &str, bytes: &[u8]) {
        assert_eq!(self.send("PUT", &format!("/{bucket}/{name}"), bytes).0, 200, "{name} cannot be stored");
    }

    /// The names of all objects in a bucket, in order.
    pub(crate) fn names(&self, bucket: &str) -> Vec<String> {
        let (status, listed) = self.send("GET", &format!("/{bucket}?list-type=2"), b"");
        assert_eq!(status, 200, "{listed}");
        let keys = listed.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next());
        keys.map(str::to_owned).collect()
    }

    /// The number of multipart uploads in a bucket that are neither complete nor aborted.
    pub(crate) fn uploads(&self, bucket: &str) -> usize {
        let (status, listed) = self.send("GET", &format!("/{bucket}?uploads"), b"");
        assert_eq!(status, 200, "{listed}");
        listed.matches("<Upload>").count()
    }

    /// Sends a request without a signature, which the server accepts for buckets; returns the
    /// status and the whole answer.
    fn send(&self, method: &str, path: &str, body: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        // An answer in HTTP/1.0 ends with the connection, and has no chunks.
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer)
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The path of `moto_server`.
fn program() -> String {
    #[expect(clippy::disallowed_methods, reason = "how the test command tells tests where servers are")]
    let path = std::env::var("SQAL_TEST_MOTO");
    path.expect("SQAL_TEST_MOTO is not set: run `cargo xtask test`, which installs what is needed")
}
