//! A bakery's service with SQAL under `/quality`, which keeps its own state, layers and metrics.

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
use sqal_resilience::{
    Shutdown,
    shutdown::{Report, Stage},
};
use sqal_storage::{BatchWriter, MemoryStore, WriterConfig};
use tokio::net::TcpListener;

/// The time for the stations to close their connections at the end. It is shorter than the limit of
/// a closer of [`Shutdown`].
const CLOSE: Duration = Duration::from_secs(4);

/// The state of the bakery's own routes.
#[derive(Clone, Debug, Default)]
pub struct Bakery {
    loaves: Arc<AtomicU64>,
}

/// `GET /bake`, a route of the service itself.
async fn bake(State(bakery): State<Bakery>) -> String {
    format!("{} loaves", bakery.loaves.fetch_add(1, Ordering::Relaxed) + 1)
}

/// A layer of the service, around all its routes.
async fn signed(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().insert("x-served-by", HeaderValue::from_static("bakery"));
    response
}

/// The service: its own routes, and SQAL's under `/quality`, without authentication.
///
/// In a real service, `Services::door` sets the rights of callers, the trusted proxies and the
/// limits. `shutdown` is the service's own. When it begins, SQAL accepts
/// no new samples, and its stations are told to connect to another server.
///
/// SQAL is nested as a service, so that the page answers under `/quality` and `/quality/`.
/// `Router::nest` would leave the second one out.
///
/// Metrics go to the recorder that the service has installed, under SQAL's names. Nothing here
/// installs a recorder.
///
/// # Panics
///
/// Never, because the name of the profile is valid.
pub fn app(bakery: Bakery, shutdown: &Shutdown, now: fn() -> Timestamp) -> (Router, BatchWriter) {
    let store = Arc::new(MemoryStore::new());
    let (writer, writing) = BatchWriter::start(store.clone(), WriterConfig::usual());
    let name = "foiegras_standard_barquette".parse().unwrap_or_else(|_| unreachable!("a short name"));
    let profiles =
        Profiles::new([(name, Profile::example())]).unwrap_or_else(|_| unreachable!("the example can judge"));
    let mut services = Services::new(store.clone(), writer, profiles, now).ending_with(shutdown);
    // A bakery with a database would use its store here, and call `take_decisions` at its start.
    services.storage.register = Some(store);
    "loaves".clone_into(&mut services.plant.product);
    let websockets = services.line.websockets.clone();
    let close = move || async move {
        let left = websockets.close_all(CLOSE).await;
        if left == 0 { Ok(()) } else { Err(format!("{left} did not end in time")) }
    };
    // If the process has ended already, there is no connection to close.
    let _ = shutdown.on_close(Stage::CONNECTIONS, "WebSocket connections", close);
    let own = Router::new().route("/bake", get(bake)).with_state(bakery);
    (own.nest_service("/quality", router(services)).layer(from_fn(signed)), writing)
}

/// Serves the bakery until `shutdown` has begun, and ends in order. Requests in progress are
/// answered, connections are closed, and accepted samples are written.
///
/// No client can delay the end: each step has its limit (`ShutdownConfig`), and [`Shutdown::force`]
/// ends all of them at once.
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
