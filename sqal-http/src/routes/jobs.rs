//! `/api/v1/jobs`: work that takes longer than a client waits.
//!
//! There is one kind: a profile is tried on a span of history.

use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use sqal_core::{DeviceId, Name, SampleId, Timestamp};
use sqal_storage::{Cursor, Hour, HourlyQuery, SampleQuery, StorageError};

use super::body::{json, whole};
use super::profiles::{LARGEST, judging};
use super::span::Span;
use crate::access::Caller;
use crate::jobs::{Job, Progress};
use crate::shown_names::ShownNames;
use crate::trial::{DryRun, Trial};
use crate::{Problem, Profile, Services};

/// A job to begin.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a job: kind, name, profile, span")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(super) struct NewJob {
    kind: Kind,
    /// The profile's name.
    #[cfg_attr(feature = "openapi", schema(value_type = String, min_length = 1, max_length = 64))]
    name: Name<64>,
    /// The profile to try, as GET shows one.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    profile: Profile,
    /// The span of the samples to judge.
    span: Span,
    /// The device of the samples; all devices if it is missing.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, min_length = 1, max_length = 100))]
    device_id: Option<DeviceId>,
}

/// What a job does.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
enum Kind {
    /// Judges by the profile every sample of its name in the span.
    DryRun,
}

/// The jobs of this server, the newest first.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(super) struct JobList {
    items: Vec<Job>,
}

/// `GET /api/v1/jobs`.
pub(super) async fn list(State(services): State<Arc<Services>>) -> Json<JobList> {
    Json(JobList { items: services.jobs.all() })
}

/// `GET /api/v1/jobs/{id}`.
pub(super) async fn one(
    State(services): State<Arc<Services>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Job>, Problem> {
    asked(id, |id| services.jobs.get(id))
}

/// `DELETE /api/v1/jobs/{id}`: stops the job. A job that has ended stays as it is.
pub(super) async fn stop(
    State(services): State<Arc<Services>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Job>, Problem> {
    asked(id, |id| services.jobs.stop(id, (services.now)()))
}

fn asked(id: Result<Path<String>, PathRejection>, job: impl FnOnce(&str) -> Option<Job>) -> Result<Json<Job>, Problem> {
    let Path(id) = id.map_err(|refused| Problem::not_found(refused.body_text()))?;
    let unknown = || Problem::not_found(format!("no job {:?}", id.chars().take(40).collect::<String>()));
    job(&id).map(Json).ok_or_else(unknown)
}

/// `POST /api/v1/jobs`: answers 202, with the path at which the job's progress can be read.
pub(super) async fn begin(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Result<Response, Problem> {
    let most = format!("at most {LARGEST} bytes");
    let body = whole(body, LARGEST, || Problem::wrong("", "more", &*most, format!("au plus {LARGEST} octets"))).await?;
    let NewJob { kind: Kind::DryRun, name, profile, span, device_id } =
        json(&body, "a job: kind, name, profile, span", "une tâche : kind, name, profile, span")?;
    let span = span.times("/span")?;
    let in_force = services.intake.profiles();
    if in_force.get(&name).is_none() {
        let known = ShownNames::of(in_force.names());
        return Err(Problem::wrong("/name", name, known.english(), known.french()));
    }
    let trial = Trial::new(name, (*in_force).clone(), judging("/profile", name, profile)?);
    let (begun, now) = (Arc::clone(&services), Arc::clone(&services.now));
    let work = |progress| async move { Ok(try_all(&begun, trial, span, device_id, &progress).await?) };
    let job = services.jobs.begin("dry_run", caller.holder(), &services.shutdown, move || now(), work)?;
    // Relative to this path, wherever the router is nested (RFC 9110, 10.2.2).
    let place = HeaderValue::try_from(format!("jobs/{}", job.id)).ok().map(|place| [(header::LOCATION, place)]);
    Ok((StatusCode::ACCEPTED, place, Json(job)).into_response())
}

/// The most retries in a row while the database is unavailable, one a second.
const PATIENCE: u32 = 60;

/// Judges every readable sample of a span, page by page, the newest first.
async fn try_all(
    services: &Services,
    mut trial: Trial,
    (from, until): (Timestamp, Timestamp),
    device_id: Option<DeviceId>,
    progress: &Progress,
) -> Result<DryRun, StorageError> {
    let last = Timestamp::from_micros(until.micros() - 1).unwrap_or(from);
    if let Ok(hours) = HourlyQuery::new(Hour::of(from), Hour::of(last).later(1)) {
        let hours = device_id.map_or(hours, |device| hours.of_device(device));
        let hours = services.store.hourly(&hours).await?;
        progress.total(hours.iter().map(|hour| hour.tally.samples()).sum());
    }
    // Pages are small: a page is judged in a few milliseconds, and other readers get their turn
    // between two pages.
    let limit = NonZeroU16::new(100).unwrap_or(NonZeroU16::MIN);
    let mut query = SampleQuery { device_id, after: Some(Cursor::at(until, SampleId::from_bytes([0; 16]))), limit };
    let mut away = 0;
    loop {
        let page = match services.store.query(&query).await {
            Err(error) if error.is_transient() && away < PATIENCE => {
                away += 1;
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
            page => page?,
        };
        away = 0;
        let wanted = page.items.iter().filter(|sample| sample.key.timestamp >= from);
        progress.more(wanted.map(|sample| trial.judge(sample)).count());
        match page.next {
            Some(next) if next.timestamp() >= from => query.after = Some(next),
            _ => return Ok(trial.result()),
        }
        tokio::task::yield_now().await;
    }
}
