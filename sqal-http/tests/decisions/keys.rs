//! A request that comes twice under one `Idempotency-Key` is executed once.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::body::Body;
use axum::http::Request;
use futures_util::FutureExt;
use serde_json::{Value, json};
use sqal_http::{Access, TokenFile, router};
use sqal_storage::MemoryStore;
use tower::ServiceExt;

use crate::line::{Server, ask, engineer, minute, server};

/// RT-15: a request that comes twice under one key is executed once, and both get the same answer.
#[tokio::test]
async fn what_comes_twice_is_done_once() {
    let store = Arc::new(MemoryStore::new());
    let Server { app, .. } = server(&store, 1);
    let (path, body) = ("/api/v1/jobs", minute());
    let keyed =
        async |path: &str, key: &str, body: &Value| ask(&app, "POST", path, &[("idempotency-key", key)], body).await;
    let first = keyed(path, "\"one\"", &body).await;
    let again = keyed(path, "one", &body).await;
    assert_eq!((first.status, first.headers.get("idempotent-replayed")), (202, None));
    assert_eq!((again.status, &again.headers["idempotent-replayed"]), (202, &"true".parse().unwrap()));
    assert_eq!((&again.body, &again.headers["location"]), (&first.body, &first.headers["location"]));
    let mut other = body.clone();
    other["name"] = "other".into();
    assert_eq!(keyed(path, "one", &other).await.status, 422);
    assert_eq!(keyed("/api/v1/jobs?", "one", &body).await.status, 422, "another path");
    assert_ne!(keyed(path, "two", &body).await.body["id"], first.body["id"]);
    // A refused request is refused again, and nothing is executed.
    let refused = keyed(path, "three", &other).await;
    assert_eq!((refused.status, keyed(path, "three", &other).await.status), (400, 400));
    let wrong = keyed(path, "a b", &body).await;
    assert_eq!(
        (wrong.status, &wrong.body["violations"][0]["pointer"]),
        (400, &json!("Idempotency-Key")),
        "{}",
        wrong.body
    );
    let all = ask(&app, "GET", path, &[], &Value::Null).await;
    assert_eq!(all.body["items"].as_array().unwrap().len(), 2);
    // Routes that may be repeated safely ignore the key.
    let empty = keyed("/api/v1/samples:batch", "a b", &Value::Null).await;
    assert_eq!(empty.status, 200);
}

/// A key belongs to its holder: no holder gets the answer to another holder, by guessing or by
/// chance.
#[tokio::test]
async fn no_caller_is_given_the_answer_to_another() {
    let Server { mut services, .. } = server(&Arc::new(MemoryStore::new()), 1);
    services.door.access =
        Arc::new(Access::of(TokenFile { tokens: vec![engineer("marie"), engineer("paul")] }).unwrap());
    let app = router(services);
    let keyed = async |bearer: &str| {
        let fields = [("authorization", bearer), ("idempotency-key", "k")];
        ask(&app, "POST", "/api/v1/jobs", &fields, &minute()).await
    };
    let (marie, paul) = (keyed("Bearer marie").await, keyed("Bearer paul").await);
    assert_eq!((marie.status, paul.status), (202, 202));
    assert_ne!(marie.body["id"], paul.body["id"]);
    assert_eq!(keyed("Bearer marie").await.body["id"], marie.body["id"]);
    assert_eq!(keyed("Bearer nobody").await.status, 401);
}

/// If the device was away, it was not asked. A repeated request under the same key is tried again.
#[cfg(feature = "ws")]
#[tokio::test]
async fn what_was_not_done_is_not_remembered() {
    let store = Arc::new(MemoryStore::new());
    let Server { app, .. } = server(&store, 1);
    for _ in 0..2 {
        let command = json!({ "name": "simulator.pause" });
        let away = ask(&app, "POST", "/api/v1/devices/ESP32_1/commands", &[("idempotency-key", "k")], &command).await;
        assert_eq!((away.status, away.headers.get("idempotent-replayed")), (409, None), "{}", away.body);
    }
}

/// If a client leaves before the answer, the request is executed all the same, and the client asks
/// again for the answer.
#[tokio::test]
async fn who_leaves_is_answered_when_they_come_back() {
    let store = Arc::new(MemoryStore::new());
    let Server { app, .. } = server(&store, 1);
    let (path, body) = ("/api/v1/jobs", minute());
    let request = Request::post(path).header("idempotency-key", "k").body(Body::from(body.to_string())).unwrap();
    assert!(app.clone().oneshot(request).now_or_never().is_none(), "it leaves before it is answered");
    let polls = AtomicI64::new(0);
    let answer = loop {
        let answer = ask(&app, "POST", path, &[("idempotency-key", "k")], &body).await;
        if answer.status != 409 {
            break answer;
        }
        assert!(answer.headers.contains_key("retry-after") && polls.fetch_add(1, Ordering::Relaxed) < 10_000);
        tokio::task::yield_now().await;
    };
    assert_eq!((answer.status, answer.headers.contains_key("idempotent-replayed")), (202, true));
    let all = ask(&app, "GET", path, &[], &Value::Null).await;
    assert_eq!(all.body["items"].as_array().unwrap().len(), 1);
}
