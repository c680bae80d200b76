//! One connection pool (HTC-01), and the only target of a request: its destination.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Version};
use sqal_client::{HttpClient, InvalidOrigin, InvalidRequest, Origin, SendError};

use crate::server::{Server, ok, status};
use crate::{at, client_with, config, destination, request};

#[tokio::test]
async fn htc_01_a_hundred_requests_one_after_the_other_use_one_connection() {
    let server = Server::new([ok()]).await;
    let client = HttpClient::new(config());
    let one = client.destination("one", at(server.address)).unwrap();
    let other = client.clone().destination("other", at(server.address)).unwrap();
    for k in 0..100 {
        let destination = if k % 2 == 0 { one.clone() } else { other.clone() };
        let request = request(if k % 3 == 0 { Method::PUT } else { Method::GET }, None, "");
        assert_eq!(destination.send(request).await.unwrap().body(), "body");
    }
    assert_eq!((server.requests().len(), server.connections()), (100, 1));
}

#[tokio::test]
async fn connections_are_closed_with_the_last_who_could_use_them() {
    let mut server = Server::new([ok()]).await;
    let client = HttpClient::new(config());
    let destination = client.destination("other", at(server.address)).unwrap();
    destination.get("/").await.unwrap();
    drop(client);
    destination.get("/").await.unwrap();
    assert_eq!(server.connections(), 1);
    drop(destination);
    server.closed(1).await;
}

#[tokio::test]
async fn an_idle_connection_is_kept_until_its_limit() {
    let mut server = Server::new([ok()]).await;
    let client = client_with(|config| config.idle_for = Duration::from_millis(30));
    let destination = client.destination("other", at(server.address)).unwrap();
    destination.get("/").await.unwrap();
    server.closed(1).await;
}

#[tokio::test]
async fn a_redirect_is_an_answer() {
    let elsewhere = Server::new([ok()]).await;
    for code in [301, 302, 303, 307, 308] {
        let server = Server::new([status(code, &format!("location: http://{}/\r\n", elsewhere.address))]).await;
        let answer = destination(at(server.address)).get("/").await.unwrap();
        assert_eq!((answer.status().as_u16(), server.requests().len()), (code, 1));
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn a_request_is_a_path_under_its_destination() {
    let server = Server::new([ok()]).await;
    let destination = destination(at(server.address));
    for path in
        ["/", "/a/b?c=d", "//elsewhere.test/x", "/http://elsewhere.test/", "/@elsewhere.test", "/../..?", "/%2e%2e/"]
    {
        assert_eq!(destination.get(path).await.unwrap().status(), 200, "{path}");
        let request = server.requests().pop().unwrap();
        assert!(request.starts_with(&format!("GET {path} HTTP/1.1\r\n")), "{request}");
        assert!(request.contains(&format!("\r\nhost: {}\r\n", server.address)), "{request}");
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_request_that_leads_elsewhere_is_refused() {
    let server = Server::new([ok()]).await;
    let destination = destination(at(server.address));
    let invalid = |failed: SendError| match failed {
        SendError::InvalidRequest(why) => why,
        other => panic!("{other}"),
    };
    for target in [
        "http://elsewhere.test/",
        "https://elsewhere.test",
        "elsewhere.test",
        "elsewhere.test:80",
        "*",
        "",
        "a b",
        "\u{e9}",
        "#x",
    ] {
        let failed = destination.get(target).await.unwrap_err();
        assert_eq!(invalid(failed), InvalidRequest::Target, "{target:?}");
    }
    // An absolute URI is refused, even if it names this destination.
    let itself = format!("http://{}/", server.address);
    assert_eq!(invalid(destination.get(&itself).await.unwrap_err()), InvalidRequest::Target);
    let connect = request(Method::CONNECT, None, "");
    assert_eq!(invalid(destination.send(connect).await.unwrap_err()), InvalidRequest::Connect);
    for name in [
        "host",
        "Connection",
        "content-length",
        "Transfer-Encoding",
        "upgrade",
        "te",
        "trailer",
        "expect",
        "keep-alive",
    ] {
        let request = Request::get("/").header(name, "1").body(Bytes::new()).unwrap();
        let why = invalid(destination.send(request).await.unwrap_err());
        assert_eq!(why.to_string(), format!("header {}: set by the client, expected none", name.to_lowercase()));
    }
    let version = Request::get("/").version(Version::HTTP_2).body(Bytes::new()).unwrap();
    assert_eq!(destination.send(version).await.unwrap().status(), 200);
}

#[test]
fn an_origin_is_a_scheme_a_host_and_a_port() {
    for (text, host, port) in [
        ("https://example.com", "example.com", 443),
        ("http://example.com/", "example.com", 80),
        ("HTTPS://example.com:8443", "example.com", 8443),
        ("http://[::1]:8080", "[::1]", 8080),
    ] {
        let origin: Origin = text.parse().unwrap();
        assert_eq!((origin.host(), origin.port()), (host, port), "{text}");
        assert_eq!(origin.to_string().parse(), Ok(origin));
    }
    for (text, why) in [
        ("", InvalidOrigin::Form),
        ("example.com", InvalidOrigin::Form),
        ("/path", InvalidOrigin::Form),
        ("https://", InvalidOrigin::Form),
        ("https://:80", InvalidOrigin::Form),
        ("ftp://example.com", InvalidOrigin::Scheme),
        ("https://example.com/path", InvalidOrigin::Path),
        ("https://example.com?query", InvalidOrigin::Path),
        ("https://example.com:0", InvalidOrigin::Port),
        ("https://example.com:99999", InvalidOrigin::Port),
        ("https://user:hunter2@example.com", InvalidOrigin::User),
        ("https://user@example.com", InvalidOrigin::User),
        ("ftp://:hunter2@example.com/hunter2", InvalidOrigin::User),
        ("https://hunter2@", InvalidOrigin::Form),
    ] {
        let refused = text.parse::<Origin>().unwrap_err();
        assert!(refused == why || (why == InvalidOrigin::Port && refused == InvalidOrigin::Form), "{text}: {refused}");
        assert!(!format!("{refused} {refused:?}").contains("hunter2"));
    }
}
