//! `/api/v1/dead-letters`: frames that were refused for good, and taking them after all when what was wrong is mended.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};

use super::parameters::unreadable;
use crate::answer::hand_in;
use crate::dead_letters::DeadLetter;
use crate::{Problem, Services, Violation};

/// How many there are without a word of it.
const USUAL: usize = 50;

/// The most at once.
const MOST: usize = 1000;

/// How many.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HowMany {
    limit: Option<String>,
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
    let Query(HowMany { limit }) = how_many.map_err(|refused| unreadable(&refused, "limit"))?;
    let most = limit.map_or(Ok(USUAL), |text| {
        if let Ok(most @ 1..=MOST) = text.parse() {
            Ok(most)
        } else {
            let (limit, french) = (format!("a whole number from 1 to {MOST}"), format!("un entier de 1 à {MOST}"));
            Err(Problem::invalid_query(vec![Violation::new("?limit", text, limit, french)]))
        }
    })?;
    Ok(Json(Letters { items: services.dead_letters.newest(most) }))
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
pub(super) async fn replay(State(services): State<Arc<Services>>) -> Json<Replayed> {
    let (mut taken, mut refused) = (Vec::new(), 0);
    for letter in services.dead_letters.all() {
        let durable = match services.intake.accept(&letter.frame) {
            // Whoever brought it may not have spoken for the device that it names.
            Ok(sample) if letter.device_id.is_none_or(|device| device == sample.key.device_id) => {
                hand_in(&services, &sample).await.is_ok()
            }
            _ => false,
        };
        if durable {
            taken.push(letter);
        } else {
            refused += 1;
        }
    }
    services.dead_letters.remove(&taken);
    Json(Replayed { taken: taken.len(), refused })
}
