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
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use sqal_core::{DeviceId, Name, SampleId, Timestamp};
use sqal_storage::queue::{self, Enqueued, JobId, JobKey, JobKind, JobQuery};
use sqal_storage::{
    SampleQuery, StorageError,
    samples::{Cursor, Hour, HourlyQuery},
};

use super::body::{json, whole};
use super::profiles::{LARGEST, judging};
use super::span::Span;
use crate::caller::Caller;
use crate::jobs::{JobFailure, Progress, Workplace};
use crate::quota::Class;
use crate::route::{ENGINEER, Endpoint, JOB, VIEWER, delete, get, post};
use crate::shown_names::ShownNames;
use crate::slo::Objective;
use crate::trial::{DryRun, Trial};
use crate::wire::rfc3339;
use crate::{Problem, Profile, Services};

/// The routes of jobs.
pub(super) fn routes() -> Vec<Endpoint> {
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
            .described(
                "beginJob",
                "Jobs",
                "Work that takes longer than a client waits: a profile is tried on a span of history",
            )
            .takes::<NewJob>("What is to be done")
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
            .described("getJob", "Jobs", "How far a job is")
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
            .described("stopJob", "Jobs", "A job is stopped")
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

/// The state of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
enum JobState {
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
pub(super) struct Job {
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
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Problem>))]
    problem: Option<Value>,
}

impl Job {
    fn of(job: &queue::Job) -> Self {
        let progress = job.progress;
        let total = if job.state == queue::JobState::Succeeded { Some(progress.done) } else { progress.total };
        let failure = job.failure.as_deref().filter(|_| job.state == queue::JobState::Failed);
        let read = |text: &str| serde_json::from_str(text).ok();
        // A failure that is not a problem is that of a job whose servers have died.
        let died = || serde_json::to_value(Problem::broken(SERVERS_DIED)).ok();
        let problem = |text: &str| read(text).or_else(died);
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
pub(super) struct JobList {
    items: Vec<Job>,
}

/// The id of a job as clients know it: the time of its request, and its number in the queue.
fn shown_id(job: &queue::Job) -> String {
    format!("{:016x}-{}", job.created_at.micros(), job.id)
}

/// What a client reads about a job whose servers have died.
const SERVERS_DIED: &str = "several servers ended or lost their database while they worked on this job, which may be \
                            the cause: read their logs, or begin it again with a shorter span";

/// The kind of a dry run in the queue.
fn dry_run() -> JobKind {
    Name::new("dry_run").unwrap_or_else(|_| unreachable!("a short name"))
}

/// `GET /api/v1/jobs`.
pub(super) async fn list(State(services): State<Arc<Services>>) -> Result<Json<JobList>, Problem> {
    let jobs = services.queue.jobs(&JobQuery::newest(MOST_LISTED).of(dry_run()).without_bodies()).await?;
    Ok(Json(JobList { items: jobs.iter().map(Job::of).collect() }))
}

/// `GET /api/v1/jobs/{id}`.
pub(super) async fn one(
    State(services): State<Arc<Services>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Job>, Problem> {
    let (id, text) = asked(id)?;
    found(services.queue.job(id).await?, Some(&text))
}

/// `DELETE /api/v1/jobs/{id}`: stops the job. A job that has ended stays as it is.
pub(super) async fn stop(
    State(services): State<Arc<Services>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Job>, Problem> {
    let (id, text) = asked(id)?;
    // Jobs of other kinds are not for the callers of this route.
    let _ = found(services.queue.job(id).await?, Some(&text))?;
    let job = services.queue.cancel(id, (services.now)()).await?;
    services.jobs.changed();
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

/// A job that was read and checked.
struct Asked {
    trial: Trial,
    span: (Timestamp, Timestamp),
    device_id: Option<DeviceId>,
}

impl Asked {
    /// Checks a request against the profiles in force.
    fn of(services: &Services, body: &[u8]) -> Result<Self, Problem> {
        let NewJob { kind: Kind::DryRun, name, profile, span, device_id } =
            json(body, "a job: kind, name, profile, span", "une tâche : kind, name, profile, span")?;
        let span = span.times("/span")?;
        let in_force = services.intake.profiles();
        if in_force.get(&name).is_none() {
            let known = ShownNames::of(in_force.names());
            return Err(Problem::wrong("/name", name, known.english(), known.french()));
        }
        let trial = Trial::new(name, (*in_force).clone(), judging("/profile", name, profile)?);
        Ok(Self { trial, span, device_id })
    }
}

/// `POST /api/v1/jobs`: answers 202, with the path at which the job's progress can be read.
pub(super) async fn begin(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let most = format!("at most {LARGEST} bytes");
    let body = whole(body, LARGEST, || Problem::wrong("", "more", &*most, format!("au plus {LARGEST} octets"))).await?;
    Asked::of(&services, &body)?;
    forget_old(&services).await?;
    let counts = services.queue.count_jobs().await?;
    let open = counts.iter().filter(|count| count.kind == dry_run() && count.state.is_open());
    if open.map(|count| count.jobs).sum::<u64>() >= MOST_OPEN {
        return Err(Problem::busy("as many jobs as may wait are waiting"));
    }
    take_up(&services)?;
    // The request is the body of the job: its form is documented, and a later version reads it.
    let text = String::from_utf8_lossy(&body).into_owned();
    let mut job = queue::NewJob::new(dry_run(), text, (services.now)()).by(caller.holder()).attempts(ATTEMPTS);
    if let Some(key) = headers.get("idempotency-key") {
        job = job.once(key_of(&caller, key, &body));
    }
    let job = match services.queue.enqueue(&job).await? {
        Enqueued::Added(id) => Job::of(&queue::Job::enqueued(id, &job)),
        // The request was executed before, by another server or before a restart.
        Enqueued::Known(id) => found(services.queue.job(id).await?, None)?.0,
    };
    services.jobs.changed();
    // Relative to this path, wherever the router is nested (RFC 9110, 10.2.2).
    let place = HeaderValue::try_from(format!("jobs/{}", job.id)).ok().map(|place| [(header::LOCATION, place)]);
    Ok((StatusCode::ACCEPTED, place, Json(job)).into_response())
}

/// The key under which a request with an `Idempotency-Key` is enqueued once, by whichever servers
/// it is sent to.
fn key_of(caller: &Caller, key: &HeaderValue, body: &[u8]) -> JobKey {
    let holder = caller.holder();
    let mut hash = Sha256::new();
    for part in [holder.as_ref().map_or("", |holder| holder.as_str()).as_bytes(), key.as_bytes(), body] {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    let digits = hash.finalize().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    Name::new(&digits).unwrap_or_else(|_| unreachable!("64 digits"))
}

/// Lets the worker of this process begin, if it has not begun.
pub(crate) fn take_up(services: &Arc<Services>) -> Result<(), Problem> {
    let place = Workplace {
        queue: Arc::clone(&services.queue),
        now: Arc::clone(&services.now),
        shutdown: services.shutdown.clone(),
    };
    let (worker, services) = (services.jobs.clone(), Arc::clone(services));
    let work = move |job: queue::Job, progress| {
        let services = Arc::clone(&services);
        async move {
            // A decision of another server may be newer than what this one has read.
            services.take_decisions().await?;
            // The request was checked: it names a profile that this server does not have yet.
            let asked = Asked::of(&services, job.body.as_bytes()).map_err(JobFailure::Passing)?;
            let result = try_all(&services, asked, &progress).await?;
            serde_json::to_string(&result)
                .map_err(|_| JobFailure::Lasting(Problem::broken("the result of the job cannot be written")))
        }
    };
    worker.begin(dry_run(), place, work)
}

/// Forgets ended jobs that are no longer listed.
async fn forget_old(services: &Services) -> Result<(), StorageError> {
    let listed = services.queue.jobs(&JobQuery::newest(MOST_LISTED).of(dry_run()).without_bodies()).await?;
    // A job that ended before the oldest of the list was begun is older than the list.
    if let Some(oldest) = listed.get(usize::from(MOST_LISTED.get()) - 1) {
        services.queue.forget_jobs(&dry_run(), oldest.created_at, MOST_LISTED.get()).await?;
    }
    Ok(())
}

/// The most retries in a row while the database is unavailable, one a second.
const PATIENCE: u32 = 60;

/// Judges every readable sample of a span, page by page, the newest first.
async fn try_all(
    services: &Services,
    Asked { mut trial, span: (from, until), device_id }: Asked,
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
