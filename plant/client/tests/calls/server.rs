//! A server that answers each request by a script, and remembers what it received.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How the server answers a request.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Sends these bytes; the connection is kept.
    Say(String),
    /// Sends these bytes, and closes the connection.
    Last(String),
    /// Resets the connection.
    Reset,
    /// Never answers.
    Silence,
}

/// An answer with this status and these additional header lines.
pub(crate) fn status(status: u16, head: &str) -> Step {
    Step::Say(format!("HTTP/1.1 {status} Said\r\ncontent-length: 4\r\n{head}\r\nbody"))
}

pub(crate) fn ok() -> Step {
    status(200, "")
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<Vec<u8>>>>,
    connections: Arc<AtomicUsize>,
    /// The number of connections that the client has closed.
    closed: watch::Receiver<usize>,
}

impl Server {
    /// A server with this script: one step for each request, over whichever connection. The last
    /// step is repeated.
    pub(crate) async fn new(script: impl IntoIterator<Item = Step>) -> Self {
        Self::on("127.0.0.1:0".parse().unwrap(), script).await
    }

    pub(crate) async fn on(address: SocketAddr, script: impl IntoIterator<Item = Step>) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let script: Arc<[Step]> = script.into_iter().collect();
        let requests = Arc::<Mutex<Vec<_>>>::default();
        let connections = Arc::<AtomicUsize>::default();
        let (closing, closed) = watch::channel(0);
        let address = listener.local_addr().unwrap();
        let server = Self { address, requests: requests.clone(), connections: connections.clone(), closed };
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, script.clone(), requests.clone(), closing.clone()));
            }
        });
        server
    }

    /// The requests that the server received, one text for each.
    pub(crate) fn requests(&self) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        requests.iter().map(|request| String::from_utf8(request.clone()).unwrap()).collect()
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Waits until the client has closed this number of connections.
    pub(crate) async fn closed(&mut self, connections: usize) {
        self.closed.wait_for(|closed| *closed >= connections).await.unwrap();
    }
}

async fn serve(
    mut stream: TcpStream,
    script: Arc<[Step]>,
    requests: Arc<Mutex<Vec<Vec<u8>>>>,
    closing: watch::Sender<usize>,
) {
    while let Some(request) = read(&mut stream).await {
        let step = {
            let mut requests = requests.lock().unwrap();
            requests.push(request);
            script[(requests.len() - 1).min(script.len() - 1)].clone()
        };
        match step {
            Step::Say(text) => stream.write_all(text.as_bytes()).await.unwrap_or_default(),
            Step::Last(text) => return stream.write_all(text.as_bytes()).await.unwrap_or_default(),
            Step::Reset => return stream.set_zero_linger().unwrap(),
            Step::Silence => {}
        }
    }
    closing.send_modify(|closed| *closed += 1);
}

/// Reads one request: its head, and a body of the length that the head announces. `None` if the
/// client has closed the connection.
async fn read(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut request = Vec::new();
    loop {
        if let Some(head) = request.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&request[..head]).to_lowercase();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
            if request.len() >= head + 4 + length.map_or(0, |length| length.parse().unwrap()) {
                return Some(request);
            }
        }
        if stream.read_buf(&mut request).await.ok()? == 0 {
            return None;
        }
    }
}
