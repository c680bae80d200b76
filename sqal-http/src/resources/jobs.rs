//! `/api/v1/jobs`: work that takes longer than a client waits.
//!
//! There is one kind: a profile is tried on a span of history.

use std::num::NonZeroU16;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
#[cfg(feature = "openapi")]
use sqal_protocol as protocol;
use sqal_protocol::time::rfc3339;
use sqal_storage::StorageError;
use sqal_storage::queue::{self, Enqueued, JobId, JobKey, JobQuery};
use sqal_work::enqueue;

#[cfg(feature = "openapi")]
use super::dry_run::DryRun;
use super::profiles::LARGEST;
use super::trial_job::{Asked, NewJob, TrialWork, dry_run};
use crate::door::body::whole;
use crate::door::caller::Caller;
use crate::door::once_key::OnceKey;
use crate::door::problem::Problem;
use crate::door::quota::Class;
use crate::jobs::Workplace;
use crate::route::objective::Objective;
use crate::route::{ENGINEER, Endpoint, JOB, VIEWER, delete, get, post};
use crate::services::Services;

/// The routes of jobs.
pub(crate) fn routes() -> Vec<Endpoint> {
    vec![
        get("/api/v1/jobs", VIEWER, Class::Read, list)
            .objective(Objective::MANY)
            .described("listJobs", "Jobs", "The jobs of all servers that share the database, the newest first")
            .gives::<JobList>()
            .line(
                "`items`: the newest 116 jobs, of all servers that share the database; a job survives a restart, and older ended jobs are deleted",
                "0",
            ),
        post("/api/v1/jobs", ENGINEER, Class::Create, begin)
            .objective(Objective::LONG)
            .once_per_key()
            .queries(9)
            .described(
                "beginJob",
                "Jobs",
                "Begin a job: a profile is tried on a span of history",
            )
            .takes::<NewJob>("The job")
            .begins::<Job>()
            .problems(&[400, 408])
            .line(
                "`{\"kind\":\"dry_run\",\"name\":\"…\",\"profile\":{…},\"span\":{\"from\":\"…\",\"until\":\"…\"}}`, \
                 optionally with `device_id`: the same as a dry run on every sample of the span. 202, with \
                 `Location` (relative to this path); samples that cannot be read are left out; each server runs one job at a time, and at most 16 jobs of all servers wait or run",
                "",
            )
            .good_call("/api/v1/jobs", 400),
        get("/api/v1/jobs/{id}", VIEWER, Class::Read, one)
            .objective(Objective::ONE)
            .described("getJob", "Jobs", "The state and progress of a job")
            .parameters(&[JOB])
            .gives::<Job>()
            .problems(&[404])
            .line(
                "`state` (`enqueued`, `running`, `succeeded`, `failed`, `canceled`), `done` and `total` \
                 samples, `result` or `problem`. A job whose server was killed stays `running` for up to 30 s; then another server begins it again at `done` 0",
                "0",
            )
            .good_call("/api/v1/jobs/0-1", 404)
            .bad_call("PUT", "/api/v1/jobs/0-1", 405),
        delete("/api/v1/jobs/{id}", ENGINEER, Class::Create, stop)
            .objective(Objective::LONG)
            .queries(5)
            .described("stopJob", "Jobs", "Cancel a job")
            .parameters(&[JOB])
            .gives::<Job>()
            .problems(&[404])
            .line("stops the job, within about a second on the server that runs it; a job that has ended does not change", "")
            .good_call("/api/v1/jobs/0-1", 404)
            .bad_call("PUT", "/api/v1/jobs/0-1", 405),
    ]
}

/// The most jobs of all servers that may wait or run. Requests at one moment can exceed it by their
/// number.
const MOST_OPEN: u64 = 16;

/// The most jobs that are listed: all open ones and a hundred more. Older jobs that have ended are
/// deleted when the next job is begun.
const MOST_LISTED: NonZeroU16 = NonZeroU16::new(116).unwrap();

/// The attempts of a job. An attempt is lost if a server dies while it works on the job, if the
/// database is away for longer than a minute, or if the server does not have the profile yet.
const ATTEMPTS: NonZeroU16 = NonZeroU16::new(3).unwrap();

/// The state of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(super) enum JobState {
    /// The job waits until a server takes it.
    Enqueued,
    /// The job runs.
    Running,
    /// The job has a result.
    Succeeded,
    /// The job has a problem.
    Failed,
    /// A caller stopped the job.
    Canceled,
}

impl From<queue::JobState> for JobState {
    fn from(state: queue::JobState) -> Self {
        match state {
            queue::JobState::Enqueued => Self::Enqueued,
            queue::JobState::Running => Self::Running,
            queue::JobState::Succeeded => Self::Succeeded,
            queue::JobState::Failed => Self::Failed,
            queue::JobState::Canceled => Self::Canceled,
        }
    }
}

/// A job as clients read it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Job {
    /// The id under which the job is read and stopped.
    id: String,
    /// What the job does.
    kind: String,
    state: JobState,
    /// The number of samples that the job has read.
    done: u64,
    /// The most samples that the job will read: those of whole hours, including purged ones. After
    /// the job has succeeded, the number of samples that it has read.
    total: Option<u64>,
    created_at: String,
    /// The name of the caller that began the job; null on a server that does not authenticate
    /// callers.
    created_by: Option<String>,
    finished_at: Option<String>,
    /// The result of the job, if it has succeeded.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<DryRun>))]
    result: Option<Value>,
    /// Why the job has failed.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<protocol::Problem>))]
    problem: Option<Value>,
}

impl Job {
    fn of(job: &queue::Job) -> Self {
        let progress = job.progress;
        let total = if job.state == queue::JobState::Succeeded { Some(progress.done) } else { progress.total };
        let failure = job.failure.as_deref().filter(|_| job.state == queue::JobState::Failed);
        let read = |text: &str| serde_json::from_str(text).ok();
        // A failure that is not a problem is that of a job that was not done to its end.
        let broke_off = || serde_json::to_value(Problem::broken(BROKE_OFF)).ok();
        let problem = |text: &str| read(text).or_else(broke_off);
        Self {
            id: shown_id(job),
            kind: job.kind.to_string(),
            state: job.state.into(),
            done: progress.done,
            total,
            created_at: rfc3339(job.created_at),
            created_by: job.created_by.map(|by| by.to_string()),
            finished_at: job.ended_at.map(rfc3339),
            result: job.result.as_deref().and_then(read),
            problem: failure.and_then(problem),
        }
    }
}

/// The jobs of all servers that share the database, the newest first.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct JobList {
    items: Vec<Job>,
}

/// The id of a job as clients know it: the time of its request, and its number in the queue.
fn shown_id(job: &queue::Job) -> String {
    format!("{:016x}-{}", job.created_at.micros(), job.id)
}

/// What a client reads about a job that broke off in each of its attempts.
const BROKE_OFF: &str = "the job broke off several times: servers ended, lost their database or made a mistake while \
                         they worked on it; their logs say which. If the job may be the cause, begin it again with a \
                         shorter span";

/// `GET /api/v1/jobs`.
pub(crate) async fn list(State(services): State<Arc<Services>>) -> Result<Json<JobList>, Problem> {
    let jobs = services.storage.queue.jobs(&JobQuery::newest(MOST_LISTED).of(dry_run()).without_bodies()).await?;
    Ok(Json(JobList { items: jobs.iter().map(Job::of).collect() }))
}

/// `GET /api/v1/jobs/{id}`.
pub(crate) async fn one(
    State(services): State<Arc<Services>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Job>, Problem> {
    let (id, text) = asked(id)?;
    found(services.storage.queue.job(id).await?, Some(&text))
}

/// `DELETE /api/v1/jobs/{id}`: stops the job. A job that has ended stays as it is.
pub(crate) async fn stop(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Job>, Problem> {
    let (id, text) = asked(id)?;
    let before = services.storage.queue.job(id).await?;
    let was_open = before.as_ref().is_some_and(|job| job.state.is_open());
    // Jobs of other kinds are not for the callers of this route.
    let _ = found(before, Some(&text))?;
    let job = services.storage.queue.cancel(id, (services.now)()).await?;
    // A job that had ended does not change, so there is nothing to write down.
    if was_open && job.as_ref().is_some_and(|job| job.state == queue::JobState::Canceled) {
        services.write_down(&caller, "job", &format!("job {text}: stopped"));
    }
    services.plant.jobs.changed();
    found(job, Some(&text))
}

fn asked(id: Result<Path<String>, PathRejection>) -> Result<(JobId, String), Problem> {
    let Path(text) = id.map_err(|refused| Problem::not_found(refused.body_text()))?;
    let number = text.rsplit_once('-').and_then(|(_, number)| number.parse().ok());
    let id = number.ok_or_else(|| unknown(&text))?;
    Ok((id, text))
}

/// The job as clients read it, if it is a dry run and has the id that was asked for.
fn found(job: Option<queue::Job>, id: Option<&str>) -> Result<Json<Job>, Problem> {
    let job = job.filter(|job| job.kind == dry_run() && id.is_none_or(|id| shown_id(job) == id));
    job.map(|job| Json(Job::of(&job))).ok_or_else(|| unknown(id.unwrap_or_default()))
}

fn unknown(id: &str) -> Problem {
    Problem::not_found(format!("no job {:?}", id.chars().take(40).collect::<String>()))
}

/// `POST /api/v1/jobs`: answers 202, with the path at which the job's progress can be read.
pub(crate) async fn begin(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Caller>,
    once: Option<Extension<OnceKey>>,
    body: Body,
) -> Result<Response, Problem> {
    let most = format!("at most {LARGEST} bytes");
    let body = whole(body, LARGEST, || Problem::wrong("", "more", &*most, format!("au plus {LARGEST} octets"))).await?;
    Asked::of(&services, &body)?;
    // The request is the body of the job: its form is documented, and a later version reads it.
    let text = String::from_utf8_lossy(&body).into_owned();
    let key: Option<JobKey> = once.map(|Extension(once)| once.named("jobs"));
    let listed = services.storage.queue.jobs(&JobQuery::newest(MOST_LISTED).of(dry_run()).without_bodies()).await?;
    if let Some(known) = listed.iter().find(|job| key.is_some() && job.key == key) {
        return Ok(accepted(&already(&services, known.id, &text).await?));
    }
    forget_old(&services, &listed).await?;
    let counts = services.storage.queue.count_jobs().await?;
    let open = counts.iter().filter(|count| count.kind == dry_run() && count.state.is_open());
    if open.map(|count| count.jobs).sum::<u64>() >= MOST_OPEN {
        return Err(Problem::busy("as many jobs as may wait are waiting"));
    }
    take_up(&services)?;
    let mut job = queue::NewJob::new(dry_run(), text, (services.now)()).by(caller.holder()).attempts(ATTEMPTS);
    if let Some(key) = key {
        job = job.once(key);
    }
    let job = match enqueue(&*services.storage.queue, &job).await? {
        Enqueued::Added(id) => {
            let job = Job::of(&queue::Job::enqueued(id, &job));
            services.write_down(&caller, "job", &format!("job {}: dry run begun", job.id));
            job
        }
        Enqueued::Known(id) => already(&services, id, &job.body).await?,
    };
    services.plant.jobs.changed();
    Ok(accepted(&job))
}

/// The job of a request that was executed before, by another server or before a restart. If the
/// request with its key was another one, returns 422.
async fn already(services: &Services, id: JobId, body: &str) -> Result<Job, Problem> {
    let job = services.storage.queue.job(id).await?;
    if job.as_ref().is_some_and(|job| job.body != body) {
        return Err(Problem::key_reused());
    }
    Ok(found(job, None)?.0)
}

/// 202, with the place of the job.
fn accepted(job: &Job) -> Response {
    // Relative to this path, wherever the router is nested (RFC 9110, 10.2.2).
    let place = HeaderValue::try_from(format!("jobs/{}", job.id)).ok().map(|place| [(header::LOCATION, place)]);
    (StatusCode::ACCEPTED, place, Json(job)).into_response()
}

/// Lets the worker of this process begin, if it has not begun.
pub(crate) fn take_up(services: &Arc<Services>) -> Result<(), Problem> {
    let place = Workplace {
        queue: Arc::clone(&services.storage.queue),
        now: Arc::clone(&services.now),
        shutdown: services.shutdown.clone(),
    };
    services.plant.jobs.begin(place, Arc::new(TrialWork::new(Arc::clone(services))))
}

/// Forgets ended jobs that are no longer listed.
async fn forget_old(services: &Services, listed: &[queue::Job]) -> Result<(), StorageError> {
    // A job that ended before the oldest of the list was begun is older than the list.
    if let Some(oldest) = listed.get(usize::from(MOST_LISTED.get()) - 1) {
        services.storage.queue.forget_jobs(&dry_run(), oldest.created_at, MOST_LISTED.get()).await?;
    }
    Ok(())
}
