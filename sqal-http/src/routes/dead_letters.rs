//! `/api/v1/dead-letters`: frames that were refused for good, and taking them after all when what was wrong is mended.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use serde::{Deserialize, Serialize};
use tracing::info;

use super::parameters::{HowMany, device_of, unreadable};
use crate::access::Caller;
use crate::answer::hand_in;
use crate::dead_letters::DeadLetter;
use crate::{Problem, Services};

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

/// `POST /api/v1/dead-letters:replay`: every one is judged anew, by the rules of now.
pub(super) async fn replay(State(services): State<Arc<Services>>) -> Result<Json<Replayed>, Problem> {
    // In a task of its own: a client that leaves does not leave letters that were taken.
    let shutdown = services.shutdown.clone();
    let replaying = shutdown.spawn("replay", async move {
        let (mut taken, mut refused) = (Vec::new(), 0);
        for letter in services.dead_letters.all() {
            if is_taken(&services, &letter).await {
                taken.push(letter);
            } else {
                refused += 1;
            }
        }
        services.dead_letters.remove(&taken);
        Replayed { taken: taken.len(), refused }
    });
    let replayed = replaying.map_err(|_| Problem::shutting_down())?.await;
    replayed.map(Json).map_err(|_| Problem::shutting_down())
}

/// Whether a letter is durable now. Whoever brought it must be allowed to speak for the device that it names, by the tokens of now.
async fn is_taken(services: &Services, letter: &DeadLetter) -> bool {
    #[cfg(feature = "ws")]
    let frame = crate::ingest::read_again(&letter.frame, services.intake.limits().bytes);
    #[cfg(not(feature = "ws"))]
    let frame = std::borrow::Cow::Borrowed(letter.frame.as_str());
    let Ok(sample) = services.intake.accept(&frame) else { return false };
    let may = |holder| services.access.may_bring(holder, &sample.key.device_id, (services.now)());
    letter.holder.as_ref().is_none_or(may) && hand_in(services, &sample).await.is_ok()
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
    info!(%caller, device = ?device.map(|device| device.to_string()), erased, "dead letters were erased");
    Ok(Json(Erased { erased }))
}
