//! The newest sample over a real connection, beside the minimal response of axum in the same run.
//!
//! Both use the same kind of connection.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use criterion::{Criterion, criterion_group, criterion_main};
use sqal_core::Timestamp;
use sqal_http::{Profile, Profiles, Quotas, Services, router};
use sqal_storage::{BatchWriter, MemoryStore, SampleStore, WriterConfig};
use tokio::runtime::Runtime;

mod line;

/// One connection that repeats a request.
struct Client {
    stream: TcpStream,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Client {
    fn new(address: SocketAddr, path: &str) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes();
        Ok(Self { stream, request, answer: vec![0; 64 * 1024] })
    }

    /// Sends the request once, and reads the whole answer. Returns its length.
    fn ask(&mut self) -> std::io::Result<usize> {
        self.stream.write_all(&self.request)?;
        let mut have = 0;
        loop {
            have += self.stream.read(&mut self.answer[have..])?;
            let Some(head) = self.answer[..have].windows(4).position(|bytes| bytes == b"\r\n\r\n") else { continue };
            let text = String::from_utf8_lossy(&self.answer[..head]).to_lowercase();
            assert!(text.starts_with("http/1.1 200"), "{text}");
            let length = text
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .and_then(|n| n.parse::<usize>().ok());
            let whole = head + 4 + length.unwrap_or_else(|| unreachable!("a length"));
            while have < whole {
                have += self.stream.read(&mut self.answer[have..])?;
            }
            return Ok(whole);
        }
    }
}

/// Serves an app on a free port, as long as the runtime runs.
fn served(runtime: &Runtime, app: Router) -> SocketAddr {
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let app = app.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(axum::serve(listener, app).into_future());
        address
    })
}

fn latest(c: &mut Criterion) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let hello = served(&runtime, Router::new().route("/", get(|| async { "hello" })));
    let sample = line::samples(1).remove(0);
    let body = serde_json::to_string(&sqal_http::sqal_protocol::document::document(&sample)).expect("a document");
    // A response with the same number of bytes, which the client also reads.
    let same = served(&runtime, Router::new().route("/", get(move || std::future::ready(body.clone()))));
    let sqal = runtime.block_on(async {
        let store = Arc::new(MemoryStore::new());
        store.insert(&[sample]).await.expect("it is stored");
        let (writer, _task) = BatchWriter::start(store.clone(), WriterConfig::usual());
        let name = "foiegras_standard_barquette".parse().expect("a name");
        let profiles = Profiles::new([(name, Profile::example())]).expect("a profile");
        let now = || Timestamp::from_micros(1_794_000_000_000_000).expect("a time");
        let mut services = Services::new(store, writer, profiles, now);
        services.door.quotas = Arc::new(Quotas::none());
        router(services)
    });
    let sqal = served(&runtime, sqal);
    let mut group = c.benchmark_group("cached latest");
    for (name, address, path) in
        [("SQAL", sqal, "/api/v1/samples/latest"), ("axum, hello", hello, "/"), ("axum, as many bytes", same, "/")]
    {
        let mut client = Client::new(address, path).expect("a connection");
        group.bench_function(name, |b| b.iter(|| client.ask().expect("an answer")));
    }
    group.finish();
}

criterion_group!(benches, latest);
criterion_main!(benches);
