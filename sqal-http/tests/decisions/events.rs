//! A page that was cut off is told which samples it missed.

use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use sqal_core::Timestamp;
use sqal_http::{FrameLimits, Intake, Profile, Profiles, WallClock, router};
use sqal_resilience::SystemClock;
use sqal_storage::MemoryStore;
use tower::ServiceExt;

use crate::line::{NOON, Server, ask, server};

/// A page that was cut off and comes back gets the samples that were stored meanwhile.
#[tokio::test]
async fn events_go_on_where_they_were() {
    let store = Arc::new(MemoryStore::new());
    let Server { mut services, .. } = server(&store, 1);
    let limits = FrameLimits::default();
    let now: WallClock = Arc::new(|| Timestamp::from_micros(NOON).unwrap());
    let profiles = Profiles::new([("foiegras_standard_barquette".parse().unwrap(), Profile::example())]).unwrap();
    services.line.intake = Arc::new(Intake::new(profiles, limits, now, Arc::new(SystemClock)));
    let app = router(services);
    let watch = async |last: Option<&str>| {
        let mut request = Request::get("/api/v1/events");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap().into_body()
    };
    let store_one = async |name: &str| {
        let mut frame: Value = serde_json::from_str(fixtures::DOCUMENTED_FRAME).unwrap();
        frame["sample_id"] = name.into();
        assert_eq!(ask(&app, "POST", "/api/v1/samples:batch", &[], &frame).await.body["persisted"], 1);
    };
    let next = async |body: &mut Body| {
        let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
        let text = String::from_utf8(frame.to_vec()).unwrap();
        let field =
            |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned();
        let data: Value = serde_json::from_str(&field("data:")).unwrap();
        (field("event:"), field("id:"), data)
    };
    let mut first = watch(None).await;
    store_one("a").await;
    let (kind, id, data) = next(&mut first).await;
    assert_eq!((kind.as_str(), &data["sample_id"]), ("sample", &json!("a")));
    drop(first);
    store_one("b").await;
    store_one("c").await;
    let mut back = watch(Some(&id)).await;
    let (_, _, b) = next(&mut back).await;
    let (_, last, c) = next(&mut back).await;
    assert_eq!((&b["sample_id"], &c["sample_id"]), (&json!("b"), &json!("c")));
    store_one("d").await;
    assert_eq!(next(&mut back).await.2["sample_id"], "d", "and nothing twice");
    let mut up_to_date = watch(Some(&next_id(&last))).await;
    store_one("e").await;
    assert_eq!(next(&mut up_to_date).await.2["sample_id"], "e");
    // An id of another process: how many samples were missed is unknown.
    let mut stranger = watch(Some("0123456789abcdef-7")).await;
    let (kind, _, data) = next(&mut stranger).await;
    assert_eq!((kind.as_str(), data), ("missed", Value::Null));
}

/// The id that follows this one.
fn next_id(id: &str) -> String {
    let (epoch, number) = id.split_once('-').unwrap();
    format!("{epoch}-{}", number.parse::<u64>().unwrap() + 1)
}
