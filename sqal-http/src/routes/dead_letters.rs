//! `/api/v1/dead-letters`: frames that were refused for good, and taking them after all when what was wrong is mended.

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
use crate::access::Caller;
use crate::answer::store;
use crate::dead_letters::DeadLetter;
use crate::{Problem, Services, parse_time};

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

/// What became of them.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(super) struct Replayed {
    /// Taken after all, or there already.
    taken: usize,
    /// Still wrong: they stay.
    refused: usize,
}

/// Letters that are under way at a time.
const AT_ONCE: usize = 64;

/// `POST /api/v1/dead-letters:replay`: every one is judged anew, by the rules of now.
pub(super) async fn replay(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Replayed>, Problem> {
    // In a task of its own: a client that leaves does not leave letters that were taken.
    let shutdown = services.shutdown.clone();
    let replaying = shutdown.spawn("replay", async move {
        let letters = services.dead_letters.all();
        let count = letters.len();
        let one = |letter: DeadLetter| {
            let services = Arc::clone(&services);
            async move { is_taken(&services, &letter).await.then_some(letter) }
        };
        // In their order, many under way: the writer commits together what waits together.
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

/// Whether a letter is durable now. Whoever brought it must be allowed to speak for the device that it names, by the tokens of now.
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
    // One whose name is taken by another reading is refused as before. It is a letter already: no second one is kept.
    if may {
        services.intake.remember(&accepted);
    }
    may && matches!(store(services, sample).await, Ok(Inserted::Stored | Inserted::Duplicate))
}

/// Whose.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Whose {
    device_id: Option<String>,
}

/// How many are gone.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(super) struct Erased {
    erased: usize,
}

/// `DELETE /api/v1/dead-letters[?device_id=]`: those of a device, or all.
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
