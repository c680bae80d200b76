//! `/api/v1/dead-letters`: frames that were refused for good, and their replay.
//!
//! A replay stores them after all, once the fault is corrected.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use sqal_storage::Inserted;
use tracing::info;

use super::caught::ended;
use super::parameters::{HowMany, device_of, unreadable};
use crate::answer::store;
use crate::caller::Caller;
use crate::dead_letters::DeadLetter;
use crate::quota::Class;
use crate::route::{ADMINISTRATOR, DEVICE_IN_QUERY, ENGINEER, Endpoint, LIMIT_OF_LETTERS, delete, get, post};
use crate::slo::Objective;
use crate::{Problem, Services, parse_time};

/// The routes of dead letters.
pub(super) fn routes() -> Vec<Endpoint> {
    vec![
        get("/api/v1/dead-letters", ENGINEER, Class::Read, list)
            .objective(Objective::MANY)
            .described("listDeadLetters", "Dead letters", "Frames that were refused for good, the newest first")
            .parameters(&[LIMIT_OF_LETTERS])
            .gives::<Letters>()
            .problems(&[400])
            .line(
                "`items`: frames that were refused for good (not for time or room), newest first, with the \
                 reason, whose token brought them, and the whole frame. The newest thousand and 8 MiB are \
                 kept, over restarts, of one holder a quarter in number and in bytes (as they are written \
                 down), and 120 and 4 MiB a minute; what cannot be read at all is kept too, bytes as a \
                 `data:` URL. `limit` is 1 to 1000, 50 without",
                "0",
            )
            .good_call("/api/v1/dead-letters?limit=1000", 200)
            .bad_call("GET", "/api/v1/dead-letters?limit=1001", 400),
        delete("/api/v1/dead-letters", ADMINISTRATOR, Class::Create, erase)
            .objective(Objective::LONG)
            .described("eraseDeadLetters", "Dead letters", "Dead letters of a device are gone, or all")
            .parameters(&[DEVICE_IN_QUERY])
            .gives::<Erased>()
            .problems(&[400])
            .line("`{\"erased\":2}`: those of a device, or all", "")
            .good_call("/api/v1/dead-letters?device_id=ESP32_OTHER", 200)
            .bad_call("DELETE", "/api/v1/dead-letters?device_id=%00", 400),
        post("/api/v1/dead-letters:replay", ENGINEER, Class::Create, replay)
            .objective(Objective::LONG)
            .once_per_key()
            .described(
                "replayDeadLetters",
                "Dead letters",
                "Every dead letter is judged anew; what is taken after all is none any more",
            )
            .gives::<Replayed>()
            .line(
                "every one is judged anew by the rules of now: `{\"taken\":2,\"refused\":1}`; what is taken \
                 is no dead letter any more. Whoever brought a frame must be allowed, by the tokens of now, \
                 to speak for its device",
                "",
            ),
    ]
}

/// Refused frames, the newest first.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(super) struct Letters {
    items: Vec<DeadLetter>,
}

/// `GET /api/v1/dead-letters[?limit=]`.
pub(super) async fn list(
    State(services): State<Arc<Services>>,
    how_many: Result<Query<HowMany>, QueryRejection>,
) -> Result<Json<Letters>, Problem> {
    let Query(how_many) = how_many.map_err(|refused| unreadable(&refused, "limit"))?;
    Ok(Json(Letters { items: services.dead_letters.newest(usize::from(how_many.most(50, 1000)?)) }))
}

/// The result of a replay.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(super) struct Replayed {
    /// Letters that are stored now, or were stored already.
    taken: usize,
    /// Letters that are still refused, and are kept.
    refused: usize,
}

/// The limit of letters that are judged concurrently.
const AT_ONCE: usize = 64;

/// `POST /api/v1/dead-letters:replay`: judges every letter again, by the present rules.
pub(super) async fn replay(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Replayed>, Problem> {
    // In a task of its own: if the client disconnects, letters that were stored are still removed.
    let shutdown = services.shutdown.clone();
    let replaying = shutdown.spawn("replay", async move {
        let letters = services.dead_letters.all();
        let count = letters.len();
        let one = |letter: DeadLetter| {
            let services = Arc::clone(&services);
            async move { is_taken(&services, &letter).await.then_some(letter) }
        };
        // In their order, and concurrently: the writer commits together the samples that wait
        // together.
        let judged: Vec<_> = stream::iter(letters).map(one).buffered(AT_ONCE).collect().await;
        let taken: Vec<_> = judged.into_iter().flatten().collect();
        services.dead_letters.remove(&taken);
        let refused = count - taken.len();
        let what = format!("dead letters replayed: {} taken, {refused} refused", taken.len());
        services.write_down(&caller, "dead_letters", &what);
        Replayed { taken: taken.len(), refused }
    });
    let replayed = replaying.map_err(|_| Problem::shutting_down())?.await;
    replayed.map(Json).map_err(|error| ended("replay", &error))
}

/// Whether a letter is durable now. The holder that sent it must be allowed to speak for the device
/// that the letter names, by the present tokens.
async fn is_taken(services: &Services, letter: &DeadLetter) -> bool {
    #[cfg(feature = "ws")]
    let frame = crate::ingest::read_again(&letter.frame, services.intake.limits().bytes);
    #[cfg(not(feature = "ws"))]
    let frame = std::borrow::Cow::Borrowed(letter.frame.as_str());
    // An age counts from when the frame came, not from the replay.
    let came_at = parse_time(&letter.received_at).unwrap_or_else(|| (services.now)());
    let Ok(accepted) = services.intake.judge_came_at(&frame, came_at) else { return false };
    let sample = &accepted.sample;
    let may = |holder| services.access.may_bring(holder, &sample.key.device_id, (services.now)());
    let may = letter.holder.as_ref().is_none_or(may);
    // A sample whose name is taken by another reading is refused as before. It is a letter already,
    // so no second one is kept.
    if may {
        services.intake.remember_time(&accepted);
    }
    may && matches!(store(services, sample).await, Ok(Inserted::Stored | Inserted::Duplicate))
}

/// The query parameters: the device whose letters are erased.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Whose {
    device_id: Option<String>,
}

/// How many letters were erased.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(super) struct Erased {
    erased: usize,
}

/// `DELETE /api/v1/dead-letters[?device_id=]`: erases the letters of a device, or all.
pub(super) async fn erase(
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
    let erased = services.dead_letters.erase(device.as_ref());
    let whose = device.as_ref().map_or("all devices", |device| device.as_str());
    services.write_down(&caller, "dead_letters", &format!("{erased} dead letters erased, of {whose}"));
    info!(%caller, device = ?device.map(|device| device.to_string()), erased, "dead letters were erased");
    Ok(Json(Erased { erased }))
}
