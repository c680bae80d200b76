//! The listener of administrators: profiles of the process, apart from the address of stations and
//! browsers.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sqal_http::door::Who;
use sqal_http::{ConnectionLimits, Problem, Role, Services, serve};
use sqal_profiling::ProfileHistory;
use sqal_resilience::{Shutdown, shutdown::Stage};
use tracing::info;

use super::super::database::Database;
use super::admin::Admin;
use super::{ProcessProfiles, pages, profiles};
use crate::listen;
use crate::no_proxy::no_proxy;
use crate::one_host::one_host;
use crate::one_length::one_length;
use crate::server_error::ServerError;

impl ProcessProfiles {
    /// Listens for administrators, if an address is set, until the process ends.
    ///
    /// # Errors
    ///
    /// [`ServerError`] if the address cannot be bound.
    pub(in crate::compose) fn listen(
        &self,
        services: &Services,
        database: &Database,
        shutdown: &Shutdown,
    ) -> Result<(), ServerError> {
        let Some(address) = self.address else { return Ok(()) };
        let listener = listen::bind(address).map_err(|source| ServerError::AdminListen { address, source })?;
        let address = listener.local_addr()?;
        let app = over(Admin {
            services: services.clone(),
            profiler: self.profiler.clone(),
            history: ProfileHistory::new(Arc::clone(&database.records)),
            shutdown: shutdown.clone(),
        });
        let accepting = tokio::spawn(serve(listener, app, shutdown.clone(), ConnectionLimits::default()));
        let close = move || async move { accepting.await.map(drop) };
        // The shutdown registry accepts closers until it has run all of them.
        let _ = shutdown.on_close(Stage::CONNECTIONS, "listener of administrators", close);
        info!("profiles for administrators: http://{address}/debug/pprof/");
        Ok(())
    }
}

/// The pages. A request passes the layers from the last one to the first: one host, one length, no
/// proxy before an open server, and the check of the caller, also for a path that does not exist.
fn over(admin: Admin) -> Router {
    let (is_open, admin) = (admin.services.door.access.is_open(), Arc::new(admin));
    let mut app = Router::new()
        .route("/debug/pprof/", get(pages::index))
        .route("/debug/pprof/profile", get(pages::cpu))
        .route("/debug/pprof/heap", get(pages::heap))
        .route("/debug/profiles", get(profiles::list))
        .route("/debug/profiles/report", get(profiles::report))
        .fallback(nothing)
        .with_state(Arc::clone(&admin))
        .layer(from_fn_with_state(admin, admit));
    if is_open {
        app = app.layer(from_fn(no_proxy));
    }
    app.layer(from_fn(one_length)).layer(from_fn(one_host))
}

/// The answer for a path that does not exist.
async fn nothing() -> Problem {
    Problem::not_found("/debug/pprof/ lists what there is")
}

/// Lets administrators in. The pages find the caller among the request's extensions.
async fn admit(State(admin): State<Arc<Admin>>, mut request: Request, next: Next) -> Response {
    if is_of_another_site(&request) {
        return Problem::not_allowed("a page of another site may not take profiles").into_response();
    }
    match admin.services.admit(Who::Person(Role::Administrator), &request) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            let mut response = next.run(request).await;
            let headers = response.headers_mut();
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
            response
        }
        Err(refused) => refused,
    }
}

/// Whether a browser says that a page of another site has caused the request. A profile is begun by
/// reading, so the check of requests that write does not see it.
fn is_of_another_site(request: &Request) -> bool {
    request.headers().get("sec-fetch-site").is_some_and(|site| site == "cross-site")
}
