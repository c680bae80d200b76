//! `/api/v1/dead-letters`: frames that were refused for good, and their replay.
//!
//! A replay stores them after all, once the fault is corrected.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use sqal_core::DeviceId;
use sqal_intake::Holder;
use sqal_intake::dead_letters::DeadLetter;
use tracing::{Instrument, info};

use super::parameters::{HowMany, device_of, unreadable};
use crate::door::caller::Caller;
use crate::door::caught::ended;
use crate::door::problem::Problem;
use crate::door::quota::Class;
use crate::route::objective::Objective;
use crate::route::{ADMINISTRATOR, DEVICE_IN_QUERY, ENGINEER, Endpoint, LIMIT_OF_LETTERS, delete, get, post};
use crate::services::Services;

/// The routes of dead letters.
pub(crate) fn routes() -> Vec<Endpoint> {
    vec![
        get("/api/v1/dead-letters", ENGINEER, Class::Read, list)
            .objective(Objective::MANY)
            .described("listDeadLetters", "Dead letters", "Frames that were refused for good, the newest first")
            .parameters(&[LIMIT_OF_LETTERS])
            .gives::<Letters>()
            .problems(&[400])
            .line(
                "`items`: permanently refused frames, newest first, each with the reason, the holder of the token that \
                 sent it, and the whole frame. The server keeps the newest thousand and 8 MiB, also over a restart; of \
                 one holder at most a quarter in number and in bytes (as stored), and 120 and 4 MiB a minute. An \
                 unreadable message is kept too, bytes as a `data:` URL. `limit` is 1 to 1000, by default 50",
                "0",
            )
            .good_call("/api/v1/dead-letters?limit=1000", 200)
            .bad_call("GET", "/api/v1/dead-letters?limit=1001", 400),
        delete("/api/v1/dead-letters", ADMINISTRATOR, Class::Create, erase)
            .objective(Objective::LONG)
            .described("eraseDeadLetters", "Dead letters", "Erase the dead letters of a device, or all")
            .parameters(&[DEVICE_IN_QUERY])
            .gives::<Erased>()
            .problems(&[400])
            .line("erases the dead letters of a device, or all: `{\"erased\":2}`", "")
            .good_call("/api/v1/dead-letters?device_id=ESP32_OTHER", 200)
            .bad_call("DELETE", "/api/v1/dead-letters?device_id=%00", 400),
        post("/api/v1/dead-letters:replay", ENGINEER, Class::Create, replay)
            .objective(Objective::LONG)
            .once_per_key()
            .described(
                "replayDeadLetters",
                "Dead letters",
                "Judge every dead letter again; an accepted frame is no longer a dead letter",
            )
            .gives::<Replayed>()
            .line(
                "judges every dead letter again by the present rules: `{\"taken\":2,\"refused\":1}`; an accepted frame \
                 is no longer a dead letter. The present tokens must allow the holder that sent a frame to hand in \
                 samples of its device",
                "",
            ),
    ]
}

/// Refused frames, the newest first.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Letters {
    items: Vec<DeadLetter>,
}

/// `GET /api/v1/dead-letters[?limit=]`.
pub(crate) async fn list(
    State(services): State<Arc<Services>>,
    how_many: Result<Query<HowMany>, QueryRejection>,
) -> Result<Json<Letters>, Problem> {
    let Query(how_many) = how_many.map_err(|refused| unreadable(&refused, "limit"))?;
    Ok(Json(Letters { items: services.line.dead_letters.newest(usize::from(how_many.most(50, 1000)?)) }))
}

/// The result of a replay.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Replayed {
    /// Letters that are stored now, or were stored already.
    taken: usize,
    /// Letters that are still refused, and are kept.
    refused: usize,
}

/// The limit of letters that are judged concurrently.
const AT_ONCE: usize = 64;

/// `POST /api/v1/dead-letters:replay`: judges every letter again, by the present rules.
pub(crate) async fn replay(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Replayed>, Problem> {
    // In a task of its own: if the client disconnects, letters that were stored are still removed.
    let shutdown = services.shutdown.clone();
    let replaying = async move {
        let letters = services.line.dead_letters.all();
        let count = letters.len();
        let one = |letter: DeadLetter| {
            let services = Arc::clone(&services);
            async move {
                let may_bring = |holder: &Holder, device: &DeviceId| {
                    services.door.access.may_bring(holder, device, (services.now)())
                };
                services.reception().replay(&letter, &may_bring).await.then_some(letter)
            }
        };
        // In their order, and concurrently: the writer commits together the samples that wait
        // together.
        let judged: Vec<_> = stream::iter(letters).map(one).buffered(AT_ONCE).collect().await;
        let taken: Vec<_> = judged.into_iter().flatten().collect();
        services.line.dead_letters.remove(&taken);
        let refused = count - taken.len();
        let what = format!("dead letters replayed: {} taken, {refused} refused", taken.len());
        services.write_down(&caller, "dead_letters", &what);
        Replayed { taken: taken.len(), refused }
    };
    let replaying = shutdown.spawn("replay", replaying.in_current_span());
    let replayed = replaying.map_err(|_| Problem::shutting_down())?.await;
    replayed.map(Json).map_err(|error| ended("replay", &error))
}

/// The query parameters: the device whose letters are erased.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Whose {
    device_id: Option<String>,
}

/// How many letters were erased.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Erased {
    erased: usize,
}

/// `DELETE /api/v1/dead-letters[?device_id=]`: erases the letters of a device, or all.
pub(crate) async fn erase(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Caller>,
    whose: Result<Query<Whose>, QueryRejection>,
) -> Result<Json<Erased>, Problem> {
    let Query(Whose { device_id }) = whose.map_err(|refused| unreadable(&refused, "device_id"))?;
    let mut wrong = Vec::new();
    let device = device_of(device_id, &mut wrong);
    if !wrong.is_empty() {
        return Err(Problem::invalid_query(wrong));
    }
    let erased = services.line.dead_letters.erase(device.as_ref());
    let whose = device.as_ref().map_or("all devices", |device| device.as_str());
    services.write_down(&caller, "dead_letters", &format!("{erased} dead letters erased, of {whose}"));
    info!(%caller, device = device.as_ref().map(sqal_core::Name::as_str), erased, "dead letters were erased");
    Ok(Json(Erased { erased }))
}
