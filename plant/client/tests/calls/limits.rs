//! The client's limits on time and on the size of an answer, and settings that are not valid.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use sqal_client::{DestinationConfig, HttpClient, InvalidDestination, Limit, SendError};
use sqal_resilience::{Outcome, idempotency::Sent};

use crate::names::Script;
use crate::server::{Server, Step, ok};
use crate::{at, client_with, config, destination, post, request};

/// An answer with a body of `length` bytes. It announces `more` bytes beyond them and never sends
/// these.
fn body(length: usize, more: usize) -> Step {
    Step::Say(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{}", length + more, "x".repeat(length)))
}

fn chunks(length: usize, more: usize) -> Step {
    let end = if more == 0 { "0\r\n\r\n" } else { "" };
    Step::Say(format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{}{end}", "1\r\nx\r\n".repeat(length)))
}

#[tokio::test]
async fn an_answer_is_read_up_to_its_limit_and_not_a_byte_further() {
    for long in [body, chunks] {
        let mut server = Server::new([long(1000, 0), long(1001, 0), long(1001, 1), ok()]).await;
        let mut config = at(server.address);
        config.max_answer = 1000;
        let destination = destination(config);
        assert_eq!(destination.get("/").await.unwrap().body().len(), 1000);
        for _ in 0..2 {
            let failed = destination.get("/").await.unwrap_err();
            assert!(matches!(failed, SendError::AnswerTooLarge { limit: 1000 }), "{failed}");
            assert_eq!(failed.to_string(), "an answer of more than max_answer, 1000 bytes");
            assert!(!failed.is_transient());
        }
        // The rest of the answer is not waited for, and is not mistaken for the next answer.
        server.closed(1).await;
        assert_eq!(destination.get("/").await.unwrap().body(), "body");
        assert_eq!(server.requests().len(), 4);
        assert_eq!(destination.breaker().snapshot().failures_in_a_row, 0);
    }
}

/// If an answer announces that it is too long, its body is not waited for.
#[tokio::test]
async fn an_answer_that_says_it_is_too_long_is_not_waited_for() {
    let server = Server::new([Step::Say("HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n".into())]).await;
    let mut config = at(server.address);
    (config.attempt, config.total) = (Duration::from_secs(10), Duration::from_secs(10));
    let failed = destination(config).get("/").await.unwrap_err();
    assert!(matches!(failed, SendError::AnswerTooLarge { limit: 1_048_576 }), "{failed}");
}

#[tokio::test]
async fn the_length_that_a_head_tells_of_is_not_its_own() {
    let server = Server::new([Step::Say("HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n".into())]).await;
    let answer = destination(at(server.address)).send(request(Method::HEAD, None, "")).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.body().len()), (200, 0));
}

#[tokio::test]
async fn an_answer_that_stops_in_the_middle_is_late() {
    for begun in ["HTTP/1.1 200", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"] {
        let mut server = Server::new([Step::Say(begun.into())]).await;
        let mut config = at(server.address);
        (config.connect, config.attempt) = (Duration::from_millis(50), Duration::from_millis(50));
        config.retries.max_retries = 0;
        let failed = destination(config).get("/").await.unwrap_err();
        assert!(matches!(failed, SendError::TimedOut { limit: Limit::Attempt, .. }), "{failed}");
        assert_eq!(
            (failed.to_string().as_str(), failed.sent()),
            ("no answer in 50ms, the limit attempt", Sent::Perhaps)
        );
        server.closed(1).await;
    }
}

#[tokio::test]
async fn a_name_without_an_answer_takes_the_connect_timeout_and_nothing_is_sent() {
    let server = Server::new([ok()]).await;
    let names = Arc::new(Script::new(&["", "", "127.0.0.1"]));
    let client = client_with(|config| config.resolver = names.clone());
    let mut config = at(server.address);
    config.origin = format!("http://other.test:{}", server.address.port()).parse().unwrap();
    (config.connect, config.attempt) = (Duration::from_millis(40), Duration::from_secs(10));
    let mut once = config.clone();
    once.retries.max_retries = 0;
    let failed = client.destination("once", once).unwrap().send(post(None)).await.unwrap_err();
    assert!(matches!(failed, SendError::TimedOut { limit: Limit::Connect, .. }), "{failed}");
    assert_eq!((failed.to_string().as_str(), failed.sent()), ("no answer in 40ms, the limit connect", Sent::No));
    config.connect = Duration::from_secs(1);
    // The request was not sent, so it may be sent again, also without a key.
    assert_eq!(client.destination("other", config).unwrap().send(post(None)).await.unwrap().status(), 200);
    assert_eq!((server.requests().len(), names.asked()), (1, 3));
}

#[tokio::test]
async fn a_server_that_does_not_shake_hands_takes_the_connect_timeout() {
    let server = Server::new([Step::Silence]).await;
    let mut config = at(server.address);
    config.origin = format!("https://{}", server.address).parse().unwrap();
    (config.connect, config.attempt) = (Duration::from_millis(40), Duration::from_secs(10));
    config.retries.max_retries = 0;
    let failed = destination(config).get("/").await.unwrap_err();
    assert!(matches!(failed, SendError::TimedOut { limit: Limit::Connect, .. }), "{failed}");
}

/// Each of two addresses gets half of the time to connect. No server answers at the first one.
#[tokio::test]
async fn another_address_of_the_name_is_tried() {
    let server = Server::new([ok()]).await;
    let names = Arc::new(Script::new(&["127.0.0.77 127.0.0.1"]));
    let client = client_with(|config| config.resolver = names);
    let mut config = at(server.address);
    config.origin = format!("http://other.test:{}", server.address.port()).parse().unwrap();
    assert_eq!(client.destination("other", config).unwrap().get("/").await.unwrap().status(), 200);
}

#[test]
fn the_documented_times_are_the_longest() {
    let origin: sqal_client::Origin = "https://example.com".parse().unwrap();
    for (config, seconds) in [
        (DestinationConfig::slow(origin.clone()), 15),
        (DestinationConfig::usual(origin.clone()), 10),
        (DestinationConfig::quick(origin), 5),
    ] {
        assert_eq!((config.attempt.as_secs(), config.total.as_secs()), (seconds, seconds));
        assert!(config.connect < config.attempt && !config.plain_allowed);
        assert_eq!((config.retries.max_retries, config.max_answer), (3, 1 << 20));
        assert_eq!(config.retries.backoff.base(), Duration::from_millis(250));
        assert!(HttpClient::new(self::config()).destination("other", config).is_ok());
    }
}

#[test]
fn what_no_destination_can_have_is_named() {
    let client = HttpClient::new(config());
    let usual = || DestinationConfig::usual("https://example.com".parse().unwrap());
    let refused = |change: &dyn Fn(&mut DestinationConfig)| {
        let mut config = usual();
        change(&mut config);
        client.destination("other", config).unwrap_err()
    };
    let ms = Duration::from_millis;
    assert_eq!(refused(&|config| config.connect = ms(0)).to_string(), "connect is 0ns: expected at least 1ms");
    assert_eq!(
        refused(&|config| config.attempt = ms(4999)).to_string(),
        "attempt is 4.999s: expected at least connect, 5s"
    );
    assert_eq!(
        refused(&|config| config.total = ms(9999)).to_string(),
        "total is 9.999s: expected at least attempt, 10s"
    );
    let plain = refused(&|config| config.origin = "http://example.com".parse().unwrap());
    assert_eq!(plain.to_string(), "origin http://example.com: expected https, for plain_allowed is false");
    assert!(matches!(refused(&|config| config.budget.ratio = 0.0), InvalidDestination::Budget(_)));
    assert!(matches!(refused(&|config| config.breaker.failure_threshold = None), InvalidDestination::Breaker(_)));
}

#[tokio::test]
async fn a_breaker_can_be_set_by_hand() {
    let server = Server::new([ok()]).await;
    let destination = destination(at(server.address));
    destination.breaker().force_open();
    assert!(matches!(destination.get("/").await, Err(SendError::Rejected(_))));
    destination.breaker().reset();
    assert_eq!(destination.get("/").await.unwrap().status(), 200);
    destination.breaker().acquire().unwrap().report(Outcome::Success);
}
