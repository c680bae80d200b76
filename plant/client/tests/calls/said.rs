//! What the client counts, and what it never shows in errors and labels.

use std::collections::BTreeMap;
use std::error::Error;

use bytes::Bytes;
use http::Request;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use sqal_client::HttpClient;
use tokio::net::TcpListener;

use crate::server::{Server, Step, ok, status};
use crate::{at, client_with, config, destination, waiting};

/// Every series of the client that was counted since the last call. A series of durations is shown
/// as their number.
fn counted(recorder: &DebuggingRecorder) -> BTreeMap<String, u64> {
    let all = recorder.snapshotter().snapshot().into_vec().into_iter();
    let series = all.map(|(key, _, _, value)| {
        let labels: Vec<_> = key.key().labels().map(metrics::Label::value).collect();
        let value = match value {
            DebugValue::Counter(n) => n,
            DebugValue::Histogram(values) => values.len() as u64,
            DebugValue::Gauge(_) => 0,
        };
        (format!("{} {}", key.key().name(), labels.join(" ")), value)
    });
    series.filter(|(name, value)| *value > 0 && name.starts_with("outgoing")).collect()
}

#[tokio::test]
async fn every_request_is_counted_once_and_every_retry_too() {
    let recorder = DebuggingRecorder::new();
    let server = Server::new([
        ok(),
        status(302, ""),
        status(404, ""),
        status(503, ""),
        status(500, ""),
        status(503, ""),
        Step::Silence,
    ])
    .await;
    let mut config = waiting(server.address, std::time::Duration::from_millis(1));
    config.budget.per_second = 1.try_into().unwrap();
    let client = HttpClient::new(self::config());
    let destination = metrics::with_local_recorder(&recorder, || client.destination("other", config).unwrap());
    for answered in [200, 302, 404, 500, 503] {
        assert_eq!(destination.get("/").await.unwrap().status(), answered);
    }
    destination.get("no path").await.unwrap_err();
    let mut sending = Box::pin(destination.get("/"));
    while server.requests().len() < 7 {
        tokio::select! { biased; _ = &mut sending => panic!("no answer comes"), () = tokio::task::yield_now() => {} }
    }
    drop(sending);
    destination.breaker().force_open();
    destination.get("/").await.unwrap_err();

    let expected = [
        ("outgoing_http_request_duration_seconds other", 8),
        ("outgoing_http_requests_total other 2xx", 1),
        ("outgoing_http_requests_total other 3xx", 1),
        ("outgoing_http_requests_total other 4xx", 1),
        ("outgoing_http_requests_total other 5xx", 2),
        ("outgoing_http_requests_total other abandoned", 1),
        ("outgoing_http_requests_total other invalid", 1),
        ("outgoing_http_requests_total other rejected", 1),
        ("outgoing_http_retries_total other", 1),
        ("outgoing_http_retry_budget_exhausted_total other", 1),
    ];
    assert_eq!(counted(&recorder), expected.map(|(name, n)| (name.to_owned(), n)).into());
}

#[tokio::test]
async fn no_error_and_no_debug_text_repeats_what_may_be_secret() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for address in [
        closed,
        Server::new([Step::Reset]).await.address,
        Server::new([Step::Last("hunter2\r\n\r\n".into())]).await.address,
        Server::new([Step::Say("HTTP/1.1 200 OK\r\ncontent-length: 9999999\r\n\r\n".into())]).await.address,
    ] {
        let destination = destination(at(address));
        for path in ["/?key=hunter2", "http://hunter2@elsewhere.test/"] {
            let request = Request::post(path).header("authorization", "hunter2").body(Bytes::from("hunter2")).unwrap();
            let failed = destination.send(request).await.unwrap_err();
            let mut said = vec![format!("{failed} {failed:?} {destination:?}")];
            let mut source = failed.source();
            while let Some(error) = source {
                said.push(format!("{error} {error:?}"));
                source = error.source();
            }
            assert!(!said.iter().any(|said| said.contains("hunter2")), "{said:?}");
        }
    }
}

/// A wait that would pass the total time ends the request; a shorter wait begins. Which of the two
/// happens shows the wait that was drawn.
#[tokio::test]
async fn rt_05_the_same_seed_gives_the_same_waits() {
    let mut drawn = Vec::new();
    for seed in [7, 7, 8] {
        let recorder = DebuggingRecorder::new();
        let server = Server::new([status(503, "")]).await;
        let client = client_with(|config| config.seed = Some(seed));
        let mut config = at(server.address);
        let hour = std::time::Duration::from_secs(3600);
        config.retries.backoff = sqal_resilience::Backoff::new(hour, hour * 2).unwrap();
        (config.attempt, config.total) = (hour, hour);
        config.breaker.failure_threshold = Some(1000.try_into().unwrap());
        let destination = metrics::with_local_recorder(&recorder, || client.destination("other", config).unwrap());
        // Reading a counter resets it to zero.
        let retried = || counted(&recorder).contains_key("outgoing_http_retries_total other");
        let mut pattern = Vec::new();
        for _ in 0..24 {
            let mut sending = Box::pin(destination.get("/"));
            pattern.push(loop {
                tokio::select! {
                    biased;
                    _ = &mut sending => break false,
                    () = tokio::task::yield_now() => {}
                }
                if retried() {
                    break true;
                }
            });
        }
        drawn.push(pattern);
    }
    assert_eq!(drawn[0], drawn[1]);
    assert_ne!(drawn[0], drawn[2]);
}
