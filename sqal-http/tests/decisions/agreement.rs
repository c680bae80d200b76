//! Servers with different files under one name and version judge by one content, and report it.

use std::sync::Arc;

use serde_json::{Value, json};
use sqal_http::Profile;
use sqal_storage::{Custody, MemoryStore};

use crate::line::{FOIE, Server, ask, server, server_given, tag};

/// The profile by which a server judges, and the state of its profiles in `/health`.
async fn stands(server: &Server) -> (String, Value) {
    let profile = ask(&server.app, "GET", FOIE, &[], &Value::Null).await;
    let health = ask(&server.app, "GET", "/health", &[], &Value::Null).await;
    assert_eq!(health.status, 200, "differing files do not stop the line: {}", health.body);
    (tag(&profile), health.body["profiles"].clone())
}

fn other_content() -> Profile {
    let mut profile = Profile::example();
    profile.version = 1;
    profile.tof.max_tilt_deg += 1.0;
    profile
}

#[tokio::test]
async fn what_was_recorded_first_holds_on_every_server_and_both_say_that_they_differ() {
    let store = Arc::new(MemoryStore::new());
    let (one, other) = (server(&store, 1), server_given(&store, other_content()));
    let (first, second) = (stands(&one).await.0, stands(&other).await.0);
    assert_ne!(first, second);
    one.services.agree_on_profiles().await.unwrap();
    assert_eq!(stands(&one).await, (first.clone(), Value::Null));
    other.services.agree_on_profiles().await.unwrap();
    assert_eq!(stands(&other).await, (first.clone(), json!("degraded")));
    // The first server learns of the difference when it compares again.
    one.services.agree_on_profiles().await.unwrap();
    assert_eq!(stands(&one).await, (first.clone(), json!("degraded")));
    let ready = ask(&one.app, "GET", "/health/ready", &[], &Value::Null).await;
    assert_eq!((ready.status, &ready.body["components"]["profiles"]), (200, &json!(true)));
    // Nothing is recorded twice, however often the servers compare.
    for server in [&one, &other, &one, &other] {
        server.services.agree_on_profiles().await.unwrap();
    }
    assert_eq!(store.audit(0, 10).await.unwrap().len(), 2);

    // The other file is corrected, and its server starts again.
    let mended = server(&store, 1);
    mended.services.agree_on_profiles().await.unwrap();
    one.services.agree_on_profiles().await.unwrap();
    assert_eq!(stands(&mended).await, (first.clone(), Value::Null));
    assert_eq!(stands(&one).await, (first, Value::Null));
}

#[tokio::test]
async fn another_version_and_the_same_content_are_no_difference() {
    let store = Arc::new(MemoryStore::new());
    let (one, same, newer) = (server(&store, 1), server(&store, 1), server(&store, 2));
    for server in [&one, &same, &newer, &one, &same, &newer] {
        server.services.agree_on_profiles().await.unwrap();
        assert_eq!(stands(server).await.1, Value::Null);
    }
    assert_eq!(store.audit(0, 10).await.unwrap().len(), 2, "each content once");
}

#[tokio::test]
async fn a_decision_is_not_undone_by_a_file() {
    let store = Arc::new(MemoryStore::new());
    let (one, other) = (server(&store, 1), server_given(&store, other_content()));
    one.services.agree_on_profiles().await.unwrap();
    let decided = ask(&other.app, "PUT", FOIE, &[("if-match", "*")], &crate::line::profile(2, 3.0)).await;
    assert_eq!(decided.status, 200);
    other.services.agree_on_profiles().await.unwrap();
    assert_eq!(stands(&other).await, (tag(&decided), json!("degraded")));
}
