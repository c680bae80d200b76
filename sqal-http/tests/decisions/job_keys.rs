//! A request with an `Idempotency-Key` begins one job on all servers of a database.

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use serde_json::{Value, json};
use sqal_storage::queue::JobQuery;
use sqal_storage::{MemoryStore, Queue};
use tower::ServiceExt;

use crate::jobs::{Away, server_of};
use crate::line::{ask, minute};

/// A request with an `Idempotency-Key` begins one job, also if its repetition reaches another
/// server or comes after a restart.
#[tokio::test]
async fn a_key_begins_one_job_on_all_servers() {
    let store = Arc::new(MemoryStore::new());
    let (one, ..) = server_of(&store, Arc::clone(&store) as _);
    let (other, ..) = server_of(&store, Arc::clone(&store) as _);
    let key = [("idempotency-key", "once")];
    let first = ask(&one, "POST", "/api/v1/jobs", &key, &minute()).await;
    let again = ask(&other, "POST", "/api/v1/jobs", &key, &minute()).await;
    assert_eq!((first.status, again.status), (202, 202));
    assert_eq!((&first.body["id"], &first.headers["location"]), (&again.body["id"], &again.headers["location"]));
    let another = ask(&other, "POST", "/api/v1/jobs", &[("idempotency-key", "twice")], &minute()).await;
    assert_ne!(first.body["id"], another.body["id"]);
    assert_eq!(store.jobs(&JobQuery::newest(NonZeroU16::MAX)).await.unwrap().len(), 2);
}

/// A key is one key, quoted or bare, on every server.
#[tokio::test]
async fn a_key_is_the_same_with_and_without_quotes_on_all_servers() {
    let store = Arc::new(MemoryStore::new());
    let (one, ..) = server_of(&store, Arc::clone(&store) as _);
    let (other, ..) = server_of(&store, Arc::clone(&store) as _);
    let first = ask(&one, "POST", "/api/v1/jobs", &[("idempotency-key", "\"once\"")], &minute()).await;
    let again = ask(&other, "POST", "/api/v1/jobs", &[("idempotency-key", "once")], &minute()).await;
    assert_eq!((first.status, again.status), (202, 202));
    assert_eq!(first.body["id"], again.body["id"]);
}

/// A key of another request is refused by every server, also by one that has not seen the first.
#[tokio::test]
async fn a_key_of_another_request_is_refused_on_all_servers() {
    let store = Arc::new(MemoryStore::new());
    let (one, ..) = server_of(&store, Arc::clone(&store) as _);
    let (other, ..) = server_of(&store, Arc::clone(&store) as _);
    let key = [("idempotency-key", "once")];
    assert_eq!(ask(&one, "POST", "/api/v1/jobs", &key, &minute()).await.status, 202);
    let mut longer = minute();
    longer["span"]["from"] = json!("2026-11-21T11:00:00Z");
    for server in [&one, &other] {
        let refused = ask(server, "POST", "/api/v1/jobs", &key, &longer).await;
        assert_eq!((refused.status, &refused.body["type"]), (422, &json!("/problems/key-reused")), "{}", refused.body);
    }
    assert_eq!(store.jobs(&JobQuery::newest(NonZeroU16::MAX)).await.unwrap().len(), 1);
}

/// A repetition is answered although as many jobs wait as may wait.
#[tokio::test]
async fn a_repetition_is_no_further_job() {
    let store = Arc::new(MemoryStore::new());
    let (one, ..) = server_of(&store, Arc::new(Away));
    let (other, ..) = server_of(&store, Arc::new(Away));
    let mut ids = Vec::new();
    for key in 0..16 {
        let key = key.to_string();
        let begun = ask(&one, "POST", "/api/v1/jobs", &[("idempotency-key", &*key)], &minute()).await;
        assert_eq!(begun.status, 202, "{}", begun.body);
        ids.push(begun.body["id"].clone());
    }
    let another = ask(&other, "POST", "/api/v1/jobs", &[("idempotency-key", "16")], &minute()).await;
    assert_eq!(another.status, 503, "{}", another.body);
    for (key, id) in ids.iter().enumerate() {
        let key = key.to_string();
        let again = ask(&other, "POST", "/api/v1/jobs", &[("idempotency-key", &*key)], &minute()).await;
        assert_eq!((again.status, &again.body["id"]), (202, id), "{}", again.body);
    }
}

/// Asks from an address, with a key.
async fn from_address(app: &axum::Router, last: u8, key: &str) -> Value {
    let request = Request::post("/api/v1/jobs")
        .header("idempotency-key", key)
        .extension(ConnectInfo(SocketAddr::from(([192, 0, 2, last], 9))))
        .body(Body::from(minute().to_string()))
        .unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let bytes = axum::body::to_bytes(response.into_body(), 10_000_000).await.unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

/// On a server without tokens, the key of one address is not that of another.
#[tokio::test]
async fn a_key_belongs_to_its_address_on_an_open_server() {
    let store = Arc::new(MemoryStore::new());
    let (one, ..) = server_of(&store, Arc::clone(&store) as _);
    let (other, ..) = server_of(&store, Arc::clone(&store) as _);
    let first = from_address(&one, 1, "k").await;
    assert_ne!(from_address(&other, 2, "k").await["id"], first["id"]);
    assert_eq!(from_address(&other, 1, "k").await["id"], first["id"]);
}
