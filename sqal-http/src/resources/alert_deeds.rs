//! `/api/v1/alerts/{key}/…`: what a person does about an alert: acknowledges it, says why it was,
//! shelves it.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use sqal_alerts::state::{self, AlertBookError};
use sqal_core::Timestamp;
use sqal_protocol::Violation;

use super::alerts::{Alert, key_in_path};
use super::remarks::{read, remark};
use super::silences::Silence;
use crate::door::caller::Caller;
use crate::door::deeds::actor;
use crate::door::problem::Problem;
use crate::door::quota::Class;
use crate::route::objective::Objective;
use crate::route::of_alerts::ALERT;
use crate::route::{ENGINEER, Endpoint, post};
use crate::services::{AlertParts, Services};

/// The routes of what people do about alerts.
pub(crate) fn routes() -> Vec<Endpoint> {
    vec![
        post("/api/v1/alerts/{key}/acknowledge", ENGINEER, Class::Create, acknowledge)
            .objective(Objective::LONG)
            .once_per_key()
            .queries(23)
            .described("acknowledgeAlert", "Alerts", "Say that you work on an open alert")
            .parameters(&[ALERT])
            .takes::<NewAcknowledgement>("What you do about it")
            .gives::<Alert>()
            .problems(&[400, 404, 408, 409])
            .line(
                "`{\"note\":\"…\"}`: the caller works on the open alert (409 if it has ended), which is then not told \
                 again. The answer is the alert; who wrote it and when stays in the register",
                "",
            )
            .good_call("/api/v1/alerts/none/acknowledge", 404)
            .bad_call("PUT", "/api/v1/alerts/none/acknowledge", 405),
        post("/api/v1/alerts/{key}/cause", ENGINEER, Class::Create, assign_cause)
            .objective(Objective::LONG)
            .once_per_key()
            .queries(26)
            .described("assignCause", "Alerts", "Say why there was an alert, and what was done")
            .parameters(&[ALERT])
            .takes::<NewCause>("The cause")
            .gives::<Alert>()
            .problems(&[400, 404, 408])
            .line(
                "`{\"cause\":\"…\",\"action\":\"…\"}`: why there was an alert, and what was done about it; also of an \
                 alert that has ended. A later cause takes the place of an earlier one; the register has both",
                "",
            )
            .good_call("/api/v1/alerts/none/cause", 404)
            .bad_call("PUT", "/api/v1/alerts/none/cause", 405),
        post("/api/v1/alerts/{key}/shelve", ENGINEER, Class::Create, shelve)
            .objective(Objective::LONG)
            .once_per_key()
            .queries(15)
            .described("shelveAlert", "Alerts", "Shelve an alert: it is not told for some time")
            .parameters(&[ALERT])
            .takes::<NewShelf>("For how long, and why")
            .makes::<Silence>()
            .problems(&[400, 404, 408])
            .line(
                "`{\"minutes\":60,\"reason\":\"…\"}`: the alert is not told for 1 to 1440 minutes, also if it ends and \
                 begins again. 201 with the silence that does it",
                "",
            )
            .good_call("/api/v1/alerts/none/shelve", 404)
            .bad_call("PUT", "/api/v1/alerts/none/shelve", 405),
    ]
}

/// The longest time for which an alert is shelved, in minutes.
const MOST_MINUTES: u32 = 24 * 60;

/// A person works on an alert.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an acknowledgement: note")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct NewAcknowledgement {
    /// What the person does about it: more than blanks, without control characters.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 500))]
    note: String,
}

/// Why there was an alert, and what was done about it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a cause: cause, action")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct NewCause {
    /// Why there was an alert: more than blanks, without control characters.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 500))]
    cause: String,
    /// What was done about it: more than blanks, without control characters.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 500))]
    action: String,
}

/// For how long an alert is not told, and why.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a shelf: minutes, reason")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct NewShelf {
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 1440))]
    minutes: u32,
    /// Why: more than blanks, without control characters.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 500))]
    reason: String,
}

/// `POST /api/v1/alerts/{key}/acknowledge`.
pub(crate) async fn acknowledge(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Caller>,
    key: Result<Path<String>, PathRejection>,
    body: Body,
) -> Result<Json<Alert>, Problem> {
    let (parts, key) = (services.alerts()?, key_in_path(key)?);
    let wanted: NewAcknowledgement = read(body, "an acknowledgement: note", "un acquittement : note").await?;
    let mut wrong = Vec::new();
    let Some(note) = remark("/note", &wanted.note, &mut wrong) else { return Err(Problem::invalid_body(wrong)) };
    let now = (services.now)();
    let alert = parts.book.acknowledge(&key, &actor(&caller), note, now).await?;
    shown(parts, &alert, now).await
}

/// `POST /api/v1/alerts/{key}/cause`.
pub(crate) async fn assign_cause(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Caller>,
    key: Result<Path<String>, PathRejection>,
    body: Body,
) -> Result<Json<Alert>, Problem> {
    let (parts, key) = (services.alerts()?, key_in_path(key)?);
    let wanted: NewCause = read(body, "a cause: cause, action", "une cause : cause, action").await?;
    let mut wrong = Vec::new();
    let cause = remark("/cause", &wanted.cause, &mut wrong);
    let action = remark("/action", &wanted.action, &mut wrong);
    let (Some(cause), Some(action)) = (cause, action) else { return Err(Problem::invalid_body(wrong)) };
    let now = (services.now)();
    let alert = parts.book.assign_cause(&key, &actor(&caller), cause, action, now).await?;
    shown(parts, &alert, now).await
}

/// `POST /api/v1/alerts/{key}/shelve`.
pub(crate) async fn shelve(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Caller>,
    key: Result<Path<String>, PathRejection>,
    body: Body,
) -> Result<(StatusCode, Json<Silence>), Problem> {
    let (parts, key) = (services.alerts()?, key_in_path(key)?);
    let NewShelf { minutes, reason } =
        read(body, "a shelf: minutes, reason", "une mise en attente : minutes, reason").await?;
    let mut wrong = Vec::new();
    let reason = remark("/reason", &reason, &mut wrong);
    let now = (services.now)();
    let until = Some(minutes).filter(|minutes| (1..=MOST_MINUTES).contains(minutes));
    let until = until.and_then(|minutes| Timestamp::from_micros(now.micros() + i64::from(minutes) * 60_000_000).ok());
    if until.is_none() {
        let (limit, french) = (format!("1 to {MOST_MINUTES}"), format!("1 à {MOST_MINUTES}"));
        wrong.push(Violation::new("/minutes", minutes, limit, french));
    }
    let (Some(reason), Some(until)) = (reason, until) else { return Err(Problem::invalid_body(wrong)) };
    if parts.book.get(&key, now).await?.is_none() {
        return Err(AlertBookError::Unknown { key }.into());
    }
    let silence = parts.silences.shelve(&key, reason, until, &actor(&caller), now).await?;
    Ok((StatusCode::CREATED, Json(Silence::of(&silence, now))))
}

/// The alert as it is at a time.
async fn shown(parts: &AlertParts, alert: &state::Alert, now: Timestamp) -> Result<Json<Alert>, Problem> {
    let silences = parts.silences.list_active(now).await?;
    Ok(Json(Alert::of(alert, &silences, now)))
}
