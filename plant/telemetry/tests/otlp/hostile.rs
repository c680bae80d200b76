//! A collector that answers in bad faith, or is dead without a word: each answer ends within the
//! limits.

use std::time::{Duration, Instant};

use sqal_telemetry::otlp::{OtlpBatches, OtlpProtocol};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::collector::{Says, serve};
use crate::{export_one_trace, one, settings};

/// What a collector does when its answer has begun.
#[derive(Clone, Copy, Debug)]
enum Then {
    /// It says nothing more, and leaves the connection open.
    Silence,
    /// It closes the connection.
    Close,
    /// It says this for ever.
    Forever(&'static str),
}

/// The address of a collector that answers each request with these bytes.
async fn saying(begin: &'static str, then: Then) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut request = vec![0; 64 * 1024];
                assert!(stream.read(&mut request).await.unwrap() > 0, "the client says something first");
                stream.write_all(begin.as_bytes()).await.unwrap();
                match then {
                    Then::Silence => std::future::pending().await,
                    Then::Close => {}
                    // It ends when the client breaks off, as it should.
                    Then::Forever(text) => while stream.write_all(text.as_bytes()).await.is_ok() {},
                }
            });
        }
    });
    format!("http://{address}")
}

/// The export of one trace by HTTP, with this limit for a request, and how long it took.
async fn exported(address: &str, limit: Duration) -> (std::collections::BTreeMap<String, u64>, Duration) {
    let mut settings = settings(address, OtlpProtocol::HttpProtobuf);
    settings.attempt = limit;
    #[expect(clippy::disallowed_methods, reason = "the time of a real collector")]
    let begun = Instant::now();
    (export_one_trace(&settings).await, begun.elapsed())
}

#[tokio::test]
async fn an_answer_that_is_too_long_or_broken_ends_before_its_time_limit() {
    let limit = Duration::from_secs(10);
    let page = "HTTP/1.1 404 Not Found\r\ncontent-length: 1000000000\r\n\r\n<html>";
    let elsewhere = "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
    for (begin, then, outcome) in [
        ("HTTP/1.1 200 OK\r\n\r\n", Then::Forever("xxxxxxxxxxxxxxxx"), "undelivered"),
        ("HTTP/1.1 200 OK\r\n", Then::Forever("a: b\r\n"), "undelivered"),
        ("HTTP/1.1 200 OK\r\na: ", Then::Forever("bbbbbbbbbbbbbbbb"), "undelivered"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc", Then::Close, "undelivered"),
        ("220 mail.example ESMTP\r\n", Then::Silence, "undelivered"),
        // The status is enough; the page behind it is not read.
        (page, Then::Silence, "refused"),
        (page, Then::Forever("xxxxxxxxxxxxxxxx"), "refused"),
        // A token must not follow a redirection to another host.
        (elsewhere, Then::Silence, "refused"),
    ] {
        let (counted, took) = exported(&saying(begin, then).await, limit).await;
        assert_eq!(counted, one(&format!("traces_dropped_total {outcome}")), "{begin:?} {then:?}");
        assert!(took < limit, "{begin:?} {then:?}: {took:?}");
    }
}

#[tokio::test]
async fn an_answer_that_stops_in_the_middle_ends_at_its_time_limit() {
    let address = saying("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc", Then::Silence).await;
    let (counted, took) = exported(&address, Duration::from_millis(200)).await;
    assert_eq!(counted, one("traces_dropped_total undelivered"));
    assert!(took < Duration::from_secs(10), "{took:?}");
}

/// HTTP/2 would send all requests over one connection, also when its other end has gone.
#[tokio::test]
async fn a_connection_on_which_a_request_was_not_answered_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = settings(&format!("http://{}", listener.local_addr().unwrap()), OtlpProtocol::Grpc);
    tokio::spawn(async move {
        let (_dead, _) = listener.accept().await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        serve(stream, Says::Grpc("0"), std::sync::Arc::default()).await;
    });
    settings.attempt = Duration::from_secs(1);
    // Each of the two spans has a request of its own, and the trace ends with the second one.
    let delay = Duration::from_secs(5);
    settings.batches = OtlpBatches::new(10, delay, 1, Duration::from_secs(30)).unwrap();
    assert_eq!(export_one_trace(&settings).await, one("traces_exported_total"));
}
