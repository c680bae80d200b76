//! DBP-05: no route sends more queries than it declares, and none sends a query for each row.
//!
//! Every route is called over SQLite, with what the test stores for it to read. Its queries are
//! counted in the scope of the call, and compared with a plant that has ten times as many rows.
#![cfg(all(feature = "alerts", feature = "bugs", feature = "dashboard", feature = "openapi", feature = "ws"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod alarms;
mod calls;
mod counted;
mod plant;
mod tracker;

use std::sync::{Arc, Once};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use sqal_http::{Route, router, routes};
use sqal_storage::queries::{QueryLayer, QueryLimits};
use sqal_storage::{SampleQuery, SampleStore, SqliteStore};
use tracing_subscriber::prelude::*;

use calls::Call;
use counted::{Counted, faults, of_call};
use plant::Plant;

/// Routes that cannot succeed here: no device is connected, and a test sends no upgrade.
const NEEDS_A_DEVICE: [&str; 3] = ["/api/v1/devices/{device_id}/commands", "/ws/sensors", "/ws/sensors/"];

/// Lets the queries of this process be counted. SQLite's driver emits them in threads of its own,
/// so the subscriber is that of the process.
fn counting() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing_subscriber::registry().with(QueryLayer::new(QueryLimits::default())).init());
}

/// Calls every route of a plant once, each with empty caches.
async fn every_route(plant: &Plant) -> Vec<Counted> {
    let mut all = Vec::new();
    for route in routes() {
        let app = router(plant.services_for_a_call().await);
        let endpoint = format!("{} {}", route.method, route.path);
        let (status, report) = of_call(&app, route.method, &Call::of(&route, plant)).await;
        let succeeds = status.as_u16() < 400 || NEEDS_A_DEVICE.contains(&route.path);
        assert!(succeeds, "{endpoint}: {status}: a call that is refused shows no queries; describe one in calls.rs");
        all.push(Counted { endpoint, budget: route.queries, report });
    }
    all
}

#[tokio::test]
async fn no_route_sends_more_queries_than_it_declares_or_more_for_more_rows() {
    counting();
    let few = every_route(&Box::pin(Plant::with_rows(80)).await).await;
    let many = every_route(&Box::pin(Plant::with_rows(800)).await).await;
    assert!(few.iter().filter(|counted| counted.report.queries > 0).count() >= 20, "the queries are counted");
    let mut faults = faults(&few, &many);
    // A budget above the usual one is used up. It could otherwise hide a query.
    for Counted { endpoint, budget, report } in &few {
        if *budget > Route::USUAL_QUERIES && report.queries < *budget {
            faults.push(format!("{endpoint} declares {budget} queries, and sends {report}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// A route that reads each sample of a page by itself.
async fn one_by_one(State((store, limit)): State<(Arc<SqliteStore>, u16)>) -> StatusCode {
    let page = store.query(&SampleQuery::newest(limit.try_into().unwrap())).await.unwrap();
    for sample in &page.items {
        assert!(store.get(&sample.id()).await.unwrap().is_some());
    }
    StatusCode::OK
}

/// The test can fail: a throw-away route with a loop is found with few rows by its repeated
/// statement, and below that limit by the number of its queries, which grows.
#[tokio::test]
async fn a_route_with_a_loop_is_found() {
    counting();
    let plant = Box::pin(Plant::with_rows(80)).await;
    let counted = async |limit: u16| {
        let app = Router::new().route("/loop", get(one_by_one)).with_state((Arc::clone(&plant.store), limit));
        let (status, report) = of_call(&app, "GET", &Call::to("/loop")).await;
        assert_eq!((status, report.queries), (StatusCode::OK, u32::from(limit) + 1));
        vec![Counted { endpoint: "GET /loop".to_owned(), budget: 100, report }]
    };
    let found = faults(&counted(7).await, &counted(7).await);
    assert!(found.len() == 1 && found[0].contains("repeats a statement"), "{found:?}");
    assert!(found[0].contains("7 times SELECT "), "{found:?}");
    let found = faults(&counted(2).await, &counted(3).await);
    assert!(found.len() == 1 && found[0].contains("sends more queries for more rows: 3 and 4"), "{found:?}");
    let mut over = counted(3).await;
    over[0].budget = 3;
    let found = faults(&over, &over);
    assert!(found.len() == 1 && found[0].contains("declares 3 queries, and sends 4 queries"), "{found:?}");
    assert_eq!(faults(&counted(3).await, &counted(3).await), Vec::<String>::new());
}
