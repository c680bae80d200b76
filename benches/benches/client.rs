//! A GET over a kept-alive connection: through a destination, and through the bare client under it.
//!
//! Both use the same server in the same run.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use criterion::{Criterion, criterion_group, criterion_main};
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use sqal_client::{DestinationConfig, HttpClient, HttpClientConfig, Trust};
use tokio::runtime::Runtime;

/// Serves an app on a free port, as long as the runtime runs.
fn served(runtime: &Runtime, app: Router) -> SocketAddr {
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(axum::serve(listener, app).into_future());
        address
    })
}

fn calling(c: &mut Criterion) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let hello = served(&runtime, Router::new().route("/", get(|| async { "hello" })));
    // The callers have a separate thread, which also drives their connections.
    let callers = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");

    let mut config = HttpClientConfig::usual(Trust::none());
    config.allowed = vec!["127.0.0.0/8".parse().expect("a network")];
    let client = HttpClient::new(config);
    let origin = format!("http://{hello}").parse().expect("an origin");
    let mut config = DestinationConfig::usual(origin);
    config.plain_allowed = true;
    let destination = client.destination("hello", config).expect("a destination");
    let bare = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let uri: axum::http::Uri = format!("http://{hello}/").parse().expect("a URI");

    let mut group = c.benchmark_group("a GET over a kept connection");
    group.bench_function("SQAL", |b| {
        b.iter(|| callers.block_on(async { destination.get("/").await.expect("an answer").into_body() }));
    });
    group.bench_function("hyper-util, bare", |b| {
        b.iter(|| {
            callers.block_on(async {
                let answer = bare.get(uri.clone()).await.expect("an answer");
                answer.into_body().collect().await.expect("a body").to_bytes()
            })
        });
    });
    group.finish();
}

criterion_group!(benches, calling);
criterion_main!(benches);
