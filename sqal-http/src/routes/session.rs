//! `/api/v1/session`: a browser keeps its token in a cookie that no script reads, for a page cannot put it into the header of every request.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::access::{COOKIE, Caller, Grant, Role, bearer};
use crate::{Problem, Services};

/// Who one is.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(super) struct Session {
    /// The holder of the token; null on a server that asks for none.
    name: Option<String>,
    /// What a person may do; on a server that asks for no token, everything. Null for devices and gateways.
    role: Option<Role>,
    /// The device whose samples the token is for.
    device_id: Option<String>,
    /// Whether it is for samples of any device.
    gateway: bool,
}

impl Session {
    fn of(caller: Caller) -> Self {
        let (name, grant) = match caller {
            Caller::Anybody => (None, Grant::Role(Role::Administrator)),
            Caller::Known(name, grant) => (Some(name.to_string()), grant),
        };
        let (role, device_id, gateway) = match grant {
            Grant::Role(role) => (Some(role), None, false),
            Grant::Device(device) => (None, Some(device.to_string()), false),
            Grant::Gateway => (None, None, true),
        };
        Self { name, role, device_id, gateway }
    }
}

/// `GET /api/v1/session`: who one is, for whoever has a token of any kind.
pub(super) async fn show(State(services): State<Arc<Services>>, headers: HeaderMap) -> Result<Json<Session>, Problem> {
    Ok(Json(Session::of(services.access.identify(&headers, (services.now)())?)))
}

/// `POST /api/v1/session` with `Authorization: Bearer`: from now on the browser sends the token by itself.
pub(super) async fn begin(State(services): State<Arc<Services>>, headers: HeaderMap) -> Result<Response, Problem> {
    let session = Session::of(services.access.identify(&headers, (services.now)())?);
    if session.role.is_none() {
        return Err(Problem::not_allowed("this token is a device's: pages are for people"));
    }
    let Some(token) = bearer(&headers) else { return Ok(Json(session).into_response()) };
    // What travels without encryption is said so by the page that sent it.
    let encrypted = headers.get(header::ORIGIN).is_some_and(|origin| origin.as_bytes().starts_with(b"https://"));
    let secure = if encrypted { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict{secure}");
    // A token that was recognised is one that a cookie can carry: anything else would have another hash.
    let cookie = HeaderValue::try_from(cookie).map_err(|_| Problem::unauthorized())?;
    Ok(([(header::SET_COOKIE, cookie)], Json(session)).into_response())
}

/// `DELETE /api/v1/session`: the browser forgets the token.
pub(super) async fn end() -> impl IntoResponse {
    let cookie = format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    (StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)])
}
