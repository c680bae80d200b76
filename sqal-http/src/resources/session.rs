//! `/api/v1/session`: a browser sends its token once and keeps a session in a cookie.
//!
//! No script can read the cookie. A session is needed because a page cannot put a token into the
//! header of every request.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use serde::Serialize;

use crate::door::browser_session::{forgotten, kept};
use crate::door::caller::{Caller, Grant, Role};
use crate::door::problem::Problem;
use crate::door::quota::Class;
use crate::route::objective::Objective;
use crate::route::{EVERYONE, Endpoint, delete, get, post};
use crate::services::Services;

/// The routes of the session of the caller.
pub(crate) fn routes() -> Vec<Endpoint> {
    vec![
        get("/api/v1/session", EVERYONE, Class::Read, show)
            .objective(Objective::MANY)
            .described("getSession", "Session", "Who one is")
            .gives::<Session>()
            .problems(&[401])
            .line(
                "the caller, for a token of any kind (401 without one): \
                 `{\"name\":\"marie\",\"role\":\"viewer\",\"device_id\":null,\"gateway\":false}`; `name` is null on a \
                 server without tokens",
                "0",
            ),
        post("/api/v1/session", EVERYONE, Class::SignIn, begin)
            .objective(Objective::SIGN_IN)
            .described("beginSession", "Session", "Sign a browser in with the token of the Authorization field")
            .gives::<Session>()
            .problems(&[401, 403])
            .line(
                "with `Authorization: Bearer`: the answer is that of GET, and sets a cookie with a session that scripts cannot read",
                "",
            ),
        delete("/api/v1/session", EVERYONE, Class::SignIn, end)
            .objective(Objective::SIGN_IN)
            .described("endSession", "Session", "Sign a browser out")
            .problems(&[403])
            .line(
                "ends the session",
                "",
            )
            .good_call("/api/v1/session", 204),
    ]
}

/// The identity of the caller.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Session {
    /// The holder of the token; null on a server without tokens.
    name: Option<String>,
    /// What a person may do, everything on a server without tokens; null for devices and gateways.
    role: Option<Role>,
    /// The device whose samples the token is for.
    device_id: Option<String>,
    /// Whether the token is for samples of any device.
    gateway: bool,
}

impl Session {
    fn of(caller: Caller) -> Self {
        let (name, grant) = match caller {
            Caller::Unauthenticated => (None, Grant::Role(Role::Administrator)),
            Caller::Known(name, grant, _) => (Some(name.to_string()), grant),
        };
        let (role, device_id, gateway) = match grant {
            Grant::Role(role) => (Some(role), None, false),
            Grant::Device(device) => (None, Some(device.to_string()), false),
            Grant::Gateway => (None, None, true),
        };
        Self { name, role, device_id, gateway }
    }
}

/// `GET /api/v1/session`: the identity of a caller with a token of any kind.
pub(crate) async fn show(
    State(services): State<Arc<Services>>,
    headers: HeaderMap,
    extensions: Extensions,
) -> Result<Json<Session>, Problem> {
    Ok(Json(Session::of(services.door.access.caller(&headers, &extensions, (services.now)())?)))
}

/// `POST /api/v1/session` with `Authorization: Bearer`: begins a session, which the browser sends
/// by itself from now on.
pub(crate) async fn begin(
    State(services): State<Arc<Services>>,
    headers: HeaderMap,
    extensions: Extensions,
) -> Result<Response, Problem> {
    let now = (services.now)();
    let caller = services.door.access.caller(&headers, &extensions, now)?;
    let session = Session::of(caller);
    if session.role.is_none() {
        return Err(Problem::not_allowed("this token is a device's: pages are for people"));
    }
    let Some(begun) = services.door.access.begin_session(&caller, now) else {
        return Ok(Json(session).into_response());
    };
    let value = begun.map_err(|error| Problem::broken(&error.to_string()))?;
    // The origin of the page shows whether it was sent with encryption.
    let encrypted = headers.get(header::ORIGIN).is_some_and(|origin| origin.as_bytes().starts_with(b"https://"));
    let cookie = HeaderValue::try_from(kept(&value, encrypted)).map_err(|_| Problem::broken("no cookie"))?;
    Ok(([(header::SET_COOKIE, cookie)], Json(session)).into_response())
}

/// `DELETE /api/v1/session`: ends the session, and the browser deletes its cookie.
pub(crate) async fn end(State(services): State<Arc<Services>>, headers: HeaderMap) -> impl IntoResponse {
    services.door.access.end_session(&headers, (services.now)());
    (StatusCode::NO_CONTENT, AppendHeaders(forgotten().map(|cookie| (header::SET_COOKIE, cookie))))
}
