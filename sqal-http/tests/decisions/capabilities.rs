//! A server reports what it is, what it accepts, and what it provides.

use std::sync::Arc;

use serde_json::{Value, json};
use sqal_http::{Access, Grant, TokenFile, router};
use sqal_storage::MemoryStore;

use crate::line::{Server, ask, server, token};

/// A client can ask for the capabilities of a server instead of finding its limits by refusals.
#[tokio::test]
async fn a_server_says_what_it_can() {
    let store = Arc::new(MemoryStore::new());
    let Server { mut services, .. } = server(&store, 1);
    services.storage.database = Some("SQLite".to_owned());
    let told = ask(&router(services), "GET", "/api/v1/system/capabilities", &[], &Value::Null).await;
    assert_eq!(told.status, 200);
    let body = &told.body;
    assert_eq!((&body["api"], &body["database"], &body["tokens"]), (&json!(["v1"]), &json!("SQLite"), &json!(false)));
    assert_eq!((&body["ingest"]["batch_rows"], &body["ingest"]["frame_bytes"]), (&json!(1000), &json!(262_144)));
    // The author of a station needs the capabilities most, so any token is enough. Without a token
    // they are not shown.
    let Server { mut services, .. } = server(&store, 1);
    services.door.access = Arc::new(Access::of(TokenFile { tokens: vec![token("d", Grant::Gateway)] }).unwrap());
    let app = router(services);
    for (fields, status) in [(&[("authorization", "Bearer d")][..], 200), (&[], 401)] {
        assert_eq!(ask(&app, "GET", "/api/v1/system/capabilities", fields, &Value::Null).await.status, status);
    }
    let all = ["dashboard", "openapi", "ws"];
    assert_eq!(body["core_modules_available"], json!(body["features"] == json!(all)), "ARC-13");
    assert_eq!(body["core_modules_available"], json!(sqal_http::CORE_MODULES_AVAILABLE));
    #[cfg(feature = "ws")]
    assert_eq!(body["ingest"]["subprotocols"], json!(["sqal.cbor", "cloudevents.json"]));
}
