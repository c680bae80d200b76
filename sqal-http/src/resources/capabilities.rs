//! `GET /api/v1/system/capabilities`: what this server is, accepts and provides.
//!
//! A client learns it here, instead of by being refused.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, State};
use serde::Serialize;

use super::batch;
use crate::door::caller::Caller;
use crate::door::problem::Problem;
use crate::door::quota::Class;
use crate::modules::{self, CORE_MODULES_AVAILABLE};
use crate::route::objective::Objective;
use crate::route::{EVERYONE, Endpoint, get};
use crate::services::Services;

/// The routes of capabilities.
pub(crate) fn routes() -> Vec<Endpoint> {
    vec![
        get("/api/v1/system/capabilities", EVERYONE, Class::Read, show)
            .objective(Objective::MANY)
            .described("getCapabilities", "Description", "The version, the formats and the limits of this server")
            .gives::<Capabilities>()
            .problems(&[401])
            .line(
                "for a token of any kind (401 without one): `version`, `api`, `legacy`, `tokens`, `database`, \
                 `ingest` (subprotocols and limits), `languages`, `features`, `core_modules_available`",
                "0",
            ),
    ]
}

/// What a server can do.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Capabilities {
    /// The version of the program's libraries.
    version: &'static str,
    /// The versions of the interface that have operations, the oldest first.
    api: Vec<&'static str>,
    /// Whether older paths answer.
    legacy: bool,
    /// Whether the server requires tokens.
    tokens: bool,
    /// Where samples are stored, in the operator's words; null if the operator gives none.
    database: Option<String>,
    ingest: Ingest,
    /// In which languages verdicts and problems are explained.
    languages: [&'static str; 2],
    /// The parts that this program was built with.
    features: Vec<&'static str>,
    /// Whether this program was built with all of them.
    core_modules_available: bool,
}

/// What devices may send.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct Ingest {
    /// The subprotocols of `/ws/sensors`, besides the documented frame without one.
    subprotocols: Vec<&'static str>,
    /// How many frames may be under way on one connection.
    credit: usize,
    frame_bytes: usize,
    batch_rows: usize,
    batch_bytes: usize,
    /// How far a device's clock may be ahead, in seconds.
    clock_ahead_secs: u64,
}

/// `GET /api/v1/system/capabilities`.
pub(crate) async fn show(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Capabilities>, Problem> {
    // Any token is enough: the developers of stations need this route most.
    if caller == Caller::Unauthenticated && !services.door.access.is_open() {
        return Err(Problem::unauthorized());
    }
    #[cfg(feature = "ws")]
    let (subprotocols, credit) = (sqal_protocol::Encoding::SUBPROTOCOLS.to_vec(), crate::devices::pending::CREDIT);
    #[cfg(not(feature = "ws"))]
    let (subprotocols, credit) = (Vec::new(), 0);
    let limits = services.line.intake.limits();
    Ok(Json(Capabilities {
        version: env!("CARGO_PKG_VERSION"),
        api: services.plant.versions.iter().map(|version| version.as_str()).collect(),
        legacy: services.door.legacy.enabled,
        tokens: !services.door.access.is_open() && !services.door.access.is_of_host(),
        database: services.storage.database.clone(),
        ingest: Ingest {
            subprotocols,
            credit,
            frame_bytes: limits.bytes,
            batch_rows: batch::MOST_ROWS,
            batch_bytes: batch::LARGEST,
            clock_ahead_secs: limits.ahead.as_secs(),
        },
        languages: ["en", "fr"],
        features: modules::available().collect(),
        core_modules_available: CORE_MODULES_AVAILABLE,
    }))
}
