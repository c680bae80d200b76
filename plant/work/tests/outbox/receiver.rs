//! [`Receiver`]: an HTTP server that answers each request by a script, and remembers what it got.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::HeaderMap;
use http::header::HeaderName;
use serde_json::Value;
use sqal_client::{HttpClient, HttpClientConfig, Trust};
use sqal_resilience::ManualClock;
use sqal_work::outbox::{PostLimits, TargetUrl};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

/// How the receiver answers a request.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Sends these bytes; the connection is kept.
    Say(String),
    /// Resets the connection.
    Reset,
    /// Never answers.
    Silence,
    /// Answers 204 as soon as the test gives a permit.
    After(Arc<Semaphore>),
}

/// An answer with this status and these additional header lines.
pub(crate) fn status(status: u16, head: &str) -> Step {
    Step::Say(format!("HTTP/1.1 {status} Said\r\ncontent-length: 0\r\n{head}\r\n"))
}

pub(crate) fn ok() -> Step {
    status(204, "")
}

/// A request that the receiver got.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) path: String,
    pub(crate) head: HeaderMap,
    pub(crate) body: String,
}

impl Received {
    pub(crate) fn field(&self, name: &str) -> &str {
        self.head[name].to_str().unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    number: watch::Receiver<usize>,
}

impl Receiver {
    /// A receiver with this script: one step for each request. The last step is repeated.
    pub(crate) async fn new(script: impl IntoIterator<Item = Step>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let script: Arc<[Step]> = script.into_iter().collect();
        let received = Arc::<Mutex<Vec<Received>>>::default();
        let (counts, number) = watch::channel(0);
        let all = received.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, script.clone(), all.clone(), counts.clone()));
            }
        });
        Self { address, received, number }
    }

    pub(crate) fn url(&self, path: &str) -> TargetUrl {
        format!("http://{}{path}", self.address).parse().unwrap()
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// Waits for this number of requests.
    pub(crate) async fn wait_for(&mut self, requests: usize) {
        self.number.wait_for(|number| *number >= requests).await.unwrap();
    }
}

async fn serve(
    mut stream: TcpStream,
    script: Arc<[Step]>,
    received: Arc<Mutex<Vec<Received>>>,
    counts: watch::Sender<usize>,
) {
    while let Some(request) = read(&mut stream).await {
        let step = {
            let mut received = received.lock().unwrap();
            received.push(request);
            script[(received.len() - 1).min(script.len() - 1)].clone()
        };
        match step {
            Step::Say(ref text) => stream.write_all(text.as_bytes()).await.unwrap_or_default(),
            Step::After(ref permits) => {
                permits.acquire().await.unwrap().forget();
                stream.write_all(b"HTTP/1.1 204 Said\r\ncontent-length: 0\r\n\r\n").await.unwrap_or_default();
            }
            Step::Reset => stream.set_zero_linger().unwrap(),
            Step::Silence => {}
        }
        counts.send_modify(|number| *number += 1);
        if matches!(step, Step::Reset) {
            return;
        }
    }
}

/// Reads one request; `None` if the client has closed the connection.
async fn read(stream: &mut TcpStream) -> Option<Received> {
    let mut request = Vec::new();
    loop {
        if let Some(end) = request.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            let text = String::from_utf8(request[..end].to_vec()).unwrap();
            let mut lines = text.split("\r\n");
            let path = lines.next().unwrap().split(' ').nth(1).unwrap().to_owned();
            let mut head = HeaderMap::new();
            for line in lines {
                let (name, value) = line.split_once(": ").unwrap();
                head.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
            }
            let length = head.get("content-length").map_or(0, |length| length.to_str().unwrap().parse().unwrap());
            if request.len() >= end + 4 + length {
                let body = String::from_utf8(request[end + 4..].to_vec()).unwrap();
                return Some(Received { path, head, body });
            }
        }
        if stream.read_buf(&mut request).await.ok()? == 0 {
            return None;
        }
    }
}

/// A client that may call this machine.
pub(crate) fn client() -> HttpClient {
    let mut config = HttpClientConfig::usual(Trust::none());
    config.allowed = vec!["127.0.0.0/8".parse().unwrap()];
    config.clock = Arc::new(ManualClock::new());
    HttpClient::new(config)
}

/// Limits that allow plain `http` and an attempt of this duration.
pub(crate) fn within(attempt: Duration) -> PostLimits {
    PostLimits { connect: attempt, attempt, plain_allowed: true }
}

pub(crate) fn limits() -> PostLimits {
    within(Duration::from_secs(10))
}
