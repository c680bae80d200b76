//! A bakery's own service, which grades with SQAL under `/quality`: its state, its layers and its metrics recorder stay its own.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::get;
use sqal_core::Timestamp;
use sqal_http::{ConnectionLimits, Profile, Profiles, Services, router, serve};
use sqal_resilience::{Report, Shutdown, Stage};
use sqal_storage::{BatchWriter, MemoryStore, WriterConfig};
use tokio::net::TcpListener;

/// Time for the stations to close their connections at the end; less than a closer of [`Shutdown`] may take.
const CLOSE: Duration = Duration::from_secs(4);

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
/// often. `shutdown` is the service's own end: when it begins SQAL takes nothing new, and its stations are told to connect again elsewhere.
///
/// SQAL is nested as a service, so that the page answers under `/quality` and `/quality/`: `Router::nest` would leave the second one out.
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
    "loaves".clone_into(&mut services.product);
    let websockets = services.websockets.clone();
    let close = move || async move {
        let left = websockets.close_all(CLOSE).await;
        if left == 0 { Ok(()) } else { Err(format!("{left} did not end in time")) }
    };
    // A process that has ended already has no connection to close.
    let _ = shutdown.on_close(Stage::CONNECTIONS, "WebSocket connections", close);
    let own = Router::new().route("/bake", get(bake)).with_state(bakery);
    (own.nest_service("/quality", router(services)).layer(from_fn(signed)), writing)
}

/// Serves the bakery until `shutdown` has begun, and ends in order: requests under way are answered, connections are closed, what was handed in is written.
///
/// No client can hold the end: each step has its limit (`ShutdownConfig`), and [`Shutdown::force`] ends all of them at once.
pub async fn run(listener: TcpListener, shutdown: &Shutdown, now: fn() -> Timestamp) -> Report {
    let (app, mut writing) = app(Bakery::default(), shutdown, now);
    let server = tokio::spawn(serve(listener, app, shutdown.clone(), ConnectionLimits::default()));
    let _ = shutdown.on_close(Stage::CONNECTIONS, "HTTP server", move || async move { server.await.map(drop) });
    let close = move || async move {
        writing.close();
        writing.finished().await;
        Ok::<_, Infallible>(())
    };
    let _ = shutdown.on_close(Stage::WORKERS, "writer", close);
    shutdown.run().await
}
