//! What people do with jobs is in the audit log, once for each thing that was done.

use std::sync::Arc;

use serde_json::Value;
use sqal_http::{Access, TokenFile, router};
use sqal_storage::MemoryStore;

use crate::jobs::Away;
use crate::line::{Server, ask, audited, engineer, minute, server};

/// A server of this database, whose samples are away: its jobs stay open.
fn app(store: &Arc<MemoryStore>) -> axum::Router {
    let Server { mut services, .. } = server(store, 1);
    (services.storage.queue, services.storage.store) = (Arc::clone(store) as _, Arc::new(Away));
    services.storage.custody = Some(Arc::clone(store) as _);
    services.door.access = Arc::new(Access::of(TokenFile { tokens: vec![engineer("marie")] }).unwrap());
    router(services)
}

#[tokio::test]
async fn a_job_that_is_begun_or_stopped_is_written_down_once() {
    let store = Arc::new(MemoryStore::new());
    let (one, other) = (app(&store), app(&store));
    let marie = [("authorization", "Bearer marie"), ("idempotency-key", "once")];
    let mut ids = Vec::new();
    for server in [&one, &other, &one] {
        let begun = ask(server, "POST", "/api/v1/jobs", &marie, &minute()).await;
        assert_eq!(begun.status, 202, "{}", begun.body);
        ids.push(begun.body["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(audited(&store).await, [("marie".to_owned(), format!("job {}: dry run begun", ids[0]))]);
    let place = format!("/api/v1/jobs/{}", ids[0]);
    for server in [&one, &other] {
        let stopped = ask(server, "DELETE", &place, &marie[..1], &Value::Null).await;
        assert_eq!((stopped.status, &stopped.body["state"]), (200, &"canceled".into()), "{}", stopped.body);
    }
    let told = audited(&store).await;
    assert_eq!((told.len(), &*told[1].1), (2, &*format!("job {}: stopped", ids[0])), "{told:?}");
    // Requests that change nothing are no actions.
    assert_eq!(ask(&one, "DELETE", "/api/v1/jobs/0-1", &marie[..1], &Value::Null).await.status, 404);
    assert_eq!(ask(&one, "POST", "/api/v1/jobs", &marie[..1], &Value::Null).await.status, 400);
    assert_eq!(audited(&store).await, told);
}
