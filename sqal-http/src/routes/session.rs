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

use crate::browser_session::{forgotten, kept};
use crate::caller::{Caller, Grant, Role};
use crate::quota::Class;
use crate::route::{EVERYONE, Endpoint, delete, get, post};
use crate::slo::Objective;
use crate::{Problem, Services};

/// The routes of the session of the caller.
pub(super) fn routes() -> Vec<Endpoint> {
    vec![
        get("/api/v1/session", EVERYONE, Class::Read, show)
            .objective(Objective::MANY)
            .described("getSession", "Session", "Who one is")
            .gives::<Session>()
            .problems(&[401])
            .line(
                "`{\"name\":\"marie\",\"role\":\"viewer\",\"device_id\":null,\"gateway\":false}`: who one is, \
                 for a token of any kind (401 without one); `name` is null on a server that asks for none",
                "0",
            ),
        post("/api/v1/session", EVERYONE, Class::SignIn, begin)
            .objective(Objective::SIGN_IN)
            .described("beginSession", "Session", "A browser keeps the token of the Authorization field in a cookie")
            .gives::<Session>()
            .problems(&[401, 403])
            .line(
                "with `Authorization: Bearer`: the answer of GET; the browser keeps a session in a cookie that no script reads",
                "",
            ),
        delete("/api/v1/session", EVERYONE, Class::SignIn, end)
            .objective(Objective::SIGN_IN)
            .described("endSession", "Session", "A browser forgets the token")
            .problems(&[403])
            .line(
                "the session is over",
                "",
            )
            .good_call("/api/v1/session", 204),
    ]
}

/// The identity of the caller.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(super) struct Session {
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
pub(super) async fn show(
    State(services): State<Arc<Services>>,
    headers: HeaderMap,
    extensions: Extensions,
) -> Result<Json<Session>, Problem> {
    Ok(Json(Session::of(services.access.caller(&headers, &extensions, (services.now)())?)))
}

/// `POST /api/v1/session` with `Authorization: Bearer`: begins a session, which the browser sends
/// by itself from now on.
pub(super) async fn begin(
    State(services): State<Arc<Services>>,
    headers: HeaderMap,
    extensions: Extensions,
) -> Result<Response, Problem> {
    let now = (services.now)();
    let caller = services.access.caller(&headers, &extensions, now)?;
    let session = Session::of(caller);
    if session.role.is_none() {
        return Err(Problem::not_allowed("this token is a device's: pages are for people"));
    }
    let Some(begun) = services.access.begin_session(&caller, now) else { return Ok(Json(session).into_response()) };
    let value = begun.map_err(|error| Problem::broken(&error.to_string()))?;
    // The origin of the page shows whether it was sent with encryption.
    let encrypted = headers.get(header::ORIGIN).is_some_and(|origin| origin.as_bytes().starts_with(b"https://"));
    let cookie = HeaderValue::try_from(kept(&value, encrypted)).map_err(|_| Problem::broken("no cookie"))?;
    Ok(([(header::SET_COOKIE, cookie)], Json(session)).into_response())
}

/// `DELETE /api/v1/session`: ends the session, and the browser deletes its cookie.
pub(super) async fn end(State(services): State<Arc<Services>>, headers: HeaderMap) -> impl IntoResponse {
    services.access.end_session(&headers, (services.now)());
    (StatusCode::NO_CONTENT, AppendHeaders(forgotten().map(|cookie| (header::SET_COOKIE, cookie))))
}
