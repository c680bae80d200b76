//! `/api/v1/schedules`: scheduled work: when it ran last, when it runs next, and its control.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sqal_protocol::time::rfc3339;
use sqal_storage::queue::Enqueued;
use sqal_work::Scheduler;
use sqal_work::scheduler::{ScheduleStatus, SchedulerError};

use super::jobs::JobState;
use super::parameters::name_in_path;
use crate::door::caller::Caller;
use crate::door::once_key::OnceKey;
use crate::door::problem::Problem;
use crate::door::quota::Class;
use crate::route::objective::Objective;
use crate::route::{ENGINEER, Endpoint, SCHEDULE, VIEWER, get, post};
use crate::services::Services;

/// The routes of schedules.
#[expect(clippy::too_many_lines, reason = "one table, and it branches nowhere")]
pub(crate) fn routes() -> Vec<Endpoint> {
    vec![
        get("/api/v1/schedules", VIEWER, Class::Read, list)
            .objective(Objective::MANY)
            .described("listSchedules", "Schedules", "The scheduled work of the plant")
            .gives::<ScheduleList>()
            .line(
                "`items`: each schedule with its cron expression and time zone, its last run (`due`, `state`, \
                 `duration_seconds`, `error`), its `next` due time, the due times that were `missed`, and its `trouble`, \
                 if a person has to do something about it",
                "0",
            ),
        get("/api/v1/schedules/{name}", VIEWER, Class::Read, one)
            .objective(Objective::ONE)
            .described("getSchedule", "Schedules", "A schedule, its last run and its next due time")
            .parameters(&[SCHEDULE])
            .gives::<Schedule>()
            .problems(&[404])
            .line("one schedule, as in the list", "0")
            .good_call("/api/v1/schedules/none", 404)
            .bad_call("PUT", "/api/v1/schedules/none", 405),
        post("/api/v1/schedules/{name}/run", ENGINEER, Class::Create, run)
            .objective(Objective::LONG)
            .once_per_key()
            .queries(4)
            .described("runSchedule", "Schedules", "Run a schedule now")
            .parameters(&[SCHEDULE])
            .begins::<RequestedRun>()
            .problems(&[404])
            .line(
                "enqueues a run that is due now, also while the schedule is paused: 202 with `schedule` and `job`, and \
                 `Location` (relative to this path) of the schedule, whose `last` is this run once an attempt of it \
                 has ended",
                "",
            )
            .good_call("/api/v1/schedules/none/run", 404)
            .bad_call("PUT", "/api/v1/schedules/none/run", 405),
        post("/api/v1/schedules/{name}/pause", ENGINEER, Class::Create, pause)
            .objective(Objective::LONG)
            .queries(11)
            .described("pauseSchedule", "Schedules", "Pause a schedule on every server")
            .parameters(&[SCHEDULE])
            .gives::<Schedule>()
            .problems(&[404])
            .line("pauses the schedule on every server that shares the database, until it is resumed", "")
            .good_call("/api/v1/schedules/none/pause", 404)
            .bad_call("PUT", "/api/v1/schedules/none/pause", 405),
        post("/api/v1/schedules/{name}/resume", ENGINEER, Class::Create, resume)
            .objective(Objective::LONG)
            .queries(11)
            .described("resumeSchedule", "Schedules", "Resume a schedule on every server")
            .parameters(&[SCHEDULE])
            .gives::<Schedule>()
            .problems(&[404])
            .line(
                "resumes the schedule; its due times during the pause are not made up for. Also ends the trouble of a \
                 wrong clock or a damaged record: the due times then count from now on",
                "",
            )
            .good_call("/api/v1/schedules/none/resume", 404)
            .bad_call("PUT", "/api/v1/schedules/none/resume", 405),
    ]
}

/// The scheduled work of the plant.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct ScheduleList {
    items: Vec<Schedule>,
}

/// A schedule as clients read it.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Schedule {
    name: String,
    /// Minute, hour, day of month, month, day of week.
    cron: String,
    /// The time zone of the expression, by its name in the IANA database.
    zone: String,
    /// The kind of the jobs that are enqueued.
    kind: String,
    /// `frequent`, `intraday`, `daily`, `weekly` or `monthly`.
    frequency: String,
    /// A run begins at most this long after its due time.
    longest_jitter_seconds: u64,
    /// A run is not begun if it has waited for this long.
    expires_after_seconds: u64,
    paused_at: Option<String>,
    /// The person that paused the schedule, if known.
    paused_by: Option<String>,
    last: Option<LastRun>,
    /// The next due time; null while the schedule is paused or in trouble.
    next: Option<String>,
    /// The number of due times that no server looked at before they expired.
    missed: u64,
    /// The newest of the missed due times.
    missed_newest: Vec<String>,
    /// The number of due times during pauses.
    skipped: u64,
    /// Why the schedule enqueues nothing, if a person has to do something about it.
    trouble: Option<String>,
}

/// The newest run of a schedule.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct LastRun {
    /// The due time of the run.
    due: String,
    /// The state of its job; null if the job is forgotten.
    state: Option<JobState>,
    /// The time at which the last attempt that has ended began.
    began_at: Option<String>,
    /// How long that attempt took.
    duration_seconds: Option<f64>,
    /// Why the last attempt has failed, if it has.
    error: Option<String>,
}

/// A run that a caller has asked for.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct RequestedRun {
    /// The name of the schedule.
    schedule: String,
    /// The job of the run, by its number in the queue. A repeated request with the same
    /// `Idempotency-Key` has the same job.
    job: String,
}

impl Schedule {
    fn of(status: ScheduleStatus) -> Self {
        let (schedule, paused) = (&status.schedule, status.paused);
        let last = status.last.map(|last| LastRun {
            due: rfc3339(last.due),
            state: last.state.map(JobState::from),
            began_at: last.began_at.map(rfc3339),
            duration_seconds: last.took.map(|took| took.as_secs_f64()),
            error: last.error,
        });
        Self {
            name: schedule.name().to_string(),
            cron: schedule.cron().text().to_owned(),
            zone: schedule.cron().zone().to_string(),
            kind: schedule.kind().to_string(),
            frequency: schedule.frequency().to_string(),
            longest_jitter_seconds: schedule.longest_jitter().as_secs(),
            expires_after_seconds: schedule.expires_after().as_secs(),
            paused_at: paused.as_ref().map(|pause| rfc3339(pause.at)),
            paused_by: paused.and_then(|pause| pause.by).map(|by| by.to_string()),
            last,
            next: status.next.map(rfc3339),
            missed: status.missed.count,
            missed_newest: status.missed.newest.into_iter().map(rfc3339).collect(),
            skipped: status.skipped.count,
            trouble: status.trouble,
        }
    }
}

/// `GET /api/v1/schedules`.
pub(crate) async fn list(State(services): State<Arc<Services>>) -> Result<Json<ScheduleList>, Problem> {
    let Some(scheduler) = &services.plant.schedules else { return Ok(Json(ScheduleList { items: Vec::new() })) };
    let all = scheduler.status().await.map_err(refused)?;
    Ok(Json(ScheduleList { items: all.into_iter().map(Schedule::of).collect() }))
}

/// `GET /api/v1/schedules/{name}`.
pub(crate) async fn one(
    State(services): State<Arc<Services>>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Json<Schedule>, Problem> {
    let (scheduler, name) = asked(&services, name)?;
    shown(scheduler, &name).await
}

/// `POST /api/v1/schedules/{name}/run`: answers 202, with the job and the place of the schedule.
///
/// Once the run is enqueued nothing is read any more: a failure then would let the client ask for
/// a second run.
pub(crate) async fn run(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Caller>,
    once: Option<Extension<OnceKey>>,
    uri: Uri,
    name: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let (scheduler, name) = asked(&services, name)?;
    let key = once.map(|Extension(once)| once.named("schedules"));
    let run = scheduler.run_now(&name, caller.holder(), key).await.map_err(refused)?;
    // A repetition is not a second action.
    if let Enqueued::Added(job) = run {
        services.write_down(&caller, "schedule", &format!("schedule {name}: run now, job {job}"));
    }
    let requested = RequestedRun { schedule: name, job: run.id().to_string() };
    Ok((StatusCode::ACCEPTED, place(&uri), Json(requested)).into_response())
}

/// The place of the schedule, relative to the path of its run, wherever the router is nested (RFC
/// 9110, 10.2.2). The name stays as the client has written it.
fn place(uri: &Uri) -> Option<[(HeaderName, HeaderValue); 1]> {
    let name = uri.path().rsplit('/').nth(1)?;
    let place = HeaderValue::try_from(format!("../{name}")).ok()?;
    Some([(header::LOCATION, place)])
}

/// `POST /api/v1/schedules/{name}/pause`.
pub(crate) async fn pause(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Caller>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Json<Schedule>, Problem> {
    let (scheduler, name) = asked(&services, name)?;
    if scheduler.pause(&name, caller.holder()).await.map_err(refused)? {
        services.write_down(&caller, "schedule", &format!("schedule {name}: paused"));
    }
    shown(scheduler, &name).await
}

/// `POST /api/v1/schedules/{name}/resume`.
pub(crate) async fn resume(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Caller>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Json<Schedule>, Problem> {
    let (scheduler, name) = asked(&services, name)?;
    if scheduler.resume(&name).await.map_err(refused)? {
        services.write_down(&caller, "schedule", &format!("schedule {name}: resumed"));
    }
    shown(scheduler, &name).await
}

/// The scheduler, and the name in the path if a schedule has it.
fn asked(services: &Services, name: Result<Path<String>, PathRejection>) -> Result<(&Scheduler, String), Problem> {
    let (name, unknown) = name_in_path::<64>(name, "schedule")?;
    match services.plant.schedules.as_deref() {
        Some(scheduler) if scheduler.schedule(name.as_str()).is_ok() => Ok((scheduler, name.to_string())),
        _ => Err(unknown),
    }
}

async fn shown(scheduler: &Scheduler, name: &str) -> Result<Json<Schedule>, Problem> {
    let schedule = scheduler.schedule(name).map_err(refused)?;
    Ok(Json(Schedule::of(scheduler.status_of(schedule).await.map_err(refused)?)))
}

/// The problem of a schedule that cannot be looked at or changed.
fn refused(error: SchedulerError) -> Problem {
    match error {
        SchedulerError::Unknown(name) => Problem::not_found(format!("no schedule {name:?}")),
        SchedulerError::Storage(error) => error.into(),
        SchedulerError::Contended => Problem::busy("other servers change the schedule at the same time"),
        newer @ SchedulerError::Newer { .. } => Problem::schedule_unreadable(newer.to_string()),
        // A damaged record or a wrong clock; the text says what to do.
        error => Problem::broken(&error.to_string()),
    }
}
