//! Administrators change the filter of the log for a limited time, and each change is written down.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sqal_http::sqal_telemetry::log::LogControl;
use sqal_http::{Access, Grant, Role, TokenFile, router};
use sqal_storage::MemoryStore;
use tracing_subscriber::Registry;

use crate::line::{Server, ask, audited, engineer, server, token};

const LOG: &str = "/api/v1/system/log";

#[tokio::test(start_paused = true)]
async fn an_administrator_changes_the_log_for_a_while() {
    let store = Arc::new(MemoryStore::new());
    let (control, filter) = LogControl::new::<Registry>("info".parse().unwrap(), &[]);
    let Server { mut services, .. } = server(&store, 1);
    services.plant.log = Some(control);
    services.storage.custody = Some(Arc::clone(&store) as _);
    let tokens = vec![token("anne", Grant::Role(Role::Administrator)), engineer("marie")];
    services.door.access = Arc::new(Access::of(TokenFile { tokens }).unwrap());
    let app = router(services);
    let (anne, marie) = ([("authorization", "Bearer anne")], [("authorization", "Bearer marie")]);
    for method in ["GET", "PUT", "DELETE"] {
        assert_eq!(ask(&app, method, LOG, &marie, &Value::Null).await.status, 403, "{method}");
    }
    let usual = json!({ "filter": "info", "usual": "info", "until": null });
    assert_eq!(ask(&app, "GET", LOG, &anne, &Value::Null).await.body, usual);

    let changed = ask(&app, "PUT", LOG, &anne, &json!({ "filter": "sqal_http=debug" })).await;
    let expected = json!({ "filter": "info,sqal_http=debug", "usual": "info", "until": "2026-11-21T12:15:00Z" });
    assert_eq!((changed.status, &changed.body), (200, &expected));
    assert_eq!(ask(&app, "GET", LOG, &anne, &Value::Null).await.body, expected);
    // A later change replaces it, with its own time.
    let later = json!({ "filter": "debug", "for_seconds": 60 });
    assert_eq!(ask(&app, "PUT", LOG, &anne, &later).await.body["until"], "2026-11-21T12:01:00Z");
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!(ask(&app, "GET", LOG, &anne, &Value::Null).await.body, usual);

    // What is refused changes nothing, and what changes nothing is not written down.
    for wrong in [json!({ "filter": "loud" }), json!({ "filter": "debug", "for_seconds": 86_401 }), json!({})] {
        assert_eq!(ask(&app, "PUT", LOG, &anne, &wrong).await.status, 400, "{wrong}");
    }
    assert_eq!(ask(&app, "DELETE", LOG, &anne, &Value::Null).await.body, usual);
    ask(&app, "PUT", LOG, &anne, &later).await;
    assert_eq!(ask(&app, "DELETE", LOG, &anne, &Value::Null).await.body, usual);
    let deeds = [
        "log filter sqal_http=debug for 900 s",
        "log filter debug for 60 s",
        "log filter debug for 60 s",
        "log filter: the usual one again",
    ];
    assert_eq!(audited(&store).await, deeds.map(|deed| ("anne".to_owned(), deed.to_owned())));

    drop(filter);
    let ended = ask(&app, "PUT", LOG, &anne, &later).await;
    assert_eq!((ended.status, &ended.body["type"]), (404, &json!("/problems/not-found")));
}

#[tokio::test]
async fn a_program_that_gives_no_control_of_its_log_says_so() {
    let app = server(&Arc::new(MemoryStore::new()), 1).app;
    for method in ["GET", "PUT", "DELETE"] {
        let answer = ask(&app, method, LOG, &[], &json!({ "filter": "debug" })).await;
        assert_eq!(answer.status, 404, "{method}");
        assert!(answer.body["detail"].as_str().unwrap().contains("gives no control of the log"), "{}", answer.body);
    }
}
