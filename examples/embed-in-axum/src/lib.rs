//! A bakery's own service, which grades with SQAL under `/quality`: its state, its layers and its metrics recorder stay its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::get;
use sqal_core::Timestamp;
use sqal_http::{Profile, Profiles, Services, router};
use sqal_resilience::Shutdown;
use sqal_storage::{BatchWriter, MemoryStore, WriterConfig};

/// What the bakery's own routes know.
#[derive(Clone, Debug, Default)]
pub struct Bakery {
    loaves: Arc<AtomicU64>,
}

/// `GET /bake`: the service's own business.
async fn bake(State(bakery): State<Bakery>) -> String {
    format!("{} loaves", bakery.loaves.fetch_add(1, Ordering::Relaxed) + 1)
}

/// A layer of the service, around everything that it serves.
async fn signed(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().insert("x-served-by", HeaderValue::from_static("bakery"));
    response
}

/// The service: its own routes, and SQAL's under `/quality`, open to everybody: `Services::access` says who may, `trusted_proxies` whom to believe, `quotas` how
/// often. `shutdown` is the service's own end: when it begins SQAL takes nothing new, and when the router is gone the writer ends with what was handed in.
///
/// Metrics go to whatever recorder the service has installed, under SQAL's names; nothing here installs one.
///
/// # Panics
///
/// Never: the name of the profile is one.
pub fn app(bakery: Bakery, shutdown: &Shutdown, now: fn() -> Timestamp) -> (Router, BatchWriter) {
    let store = Arc::new(MemoryStore::new());
    let (writer, writing) = BatchWriter::start(store.clone(), WriterConfig::usual());
    let name = "foiegras_standard_barquette".parse().unwrap_or_else(|_| unreachable!("a short name"));
    let profiles =
        Profiles::new([(name, Profile::example())]).unwrap_or_else(|_| unreachable!("the example can judge"));
    let mut services = Services::new(store.clone(), writer, profiles, now).ending_with(shutdown);
    // A bakery with a database gives that, and calls `take_decisions` at its start.
    services.register = Some(store);
    let own = Router::new().route("/bake", get(bake)).with_state(bakery);
    (own.nest("/quality", router(services)).layer(from_fn(signed)), writing)
}
