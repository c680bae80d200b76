//! [`TrialWork`]: the job that tries a profile on a span of history.

use std::fmt;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::http::StatusCode;
use serde::Deserialize;
use sqal_core::{DeviceId, Name, SampleId, Timestamp};
use sqal_grading::{Profile, Trial};
use sqal_intake::shown_names::ShownNames;
use sqal_protocol::violation::cut;
use sqal_resilience::{Backoff, RetryPolicy};
use sqal_storage::queue::{Job, JobKind};
use sqal_storage::samples::{Cursor, Hour, HourlyQuery, retry_read};
use sqal_storage::{SampleQuery, StorageError};
use sqal_work::{Running, Work, WorkError};

use super::dry_run::DryRun;
use super::profiles::judging;
use super::span::Span;
use crate::door::body::json;
use crate::door::problem::Problem;
use crate::services::Services;

/// How long a job waits in all for a read while the database is unavailable.
const PATIENCE: Duration = Duration::from_mins(1);

/// The longest wait between two tries of a read.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// The samples of a page. A page is judged in a few milliseconds, and other readers get their turn
/// between two pages.
const PAGE: NonZeroU16 = NonZeroU16::new(100).unwrap();

/// The longest text of a problem, in bytes. A worker cuts a longer failure, and a problem that was
/// cut cannot be read.
const LONGEST_PROBLEM: usize = 8 * 1024;

/// The longest detail of a problem that was too long, in characters. As JSON, a character has at
/// most six bytes.
const LONGEST_DETAIL: usize = 1000;

/// The kind of a dry run in the queue.
pub(super) fn dry_run() -> JobKind {
    Name::new("dry_run").unwrap_or_else(|_| unreachable!("a short name"))
}

/// A job to begin.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a job: kind, name, profile, span")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct NewJob {
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

/// A job that was read and checked.
pub(super) struct Asked {
    trial: Trial,
    span: (Timestamp, Timestamp),
    device_id: Option<DeviceId>,
}

impl Asked {
    /// Checks a request against the profiles in force.
    pub(super) fn of(services: &Services, body: &[u8]) -> Result<Self, Problem> {
        let NewJob { kind: Kind::DryRun, name, profile, span, device_id } =
            json(body, "a job: kind, name, profile, span", "une tâche : kind, name, profile, span")?;
        let span = span.times("/span")?;
        let in_force = services.line.intake.profiles();
        let unknown = || {
            let known = ShownNames::of(in_force.names());
            Problem::wrong("/name", name, known.english(), known.french())
        };
        if in_force.get(&name).is_none() {
            return Err(unknown());
        }
        let trial = Trial::new(name, (*in_force).clone(), judging("/profile", name, profile)?).ok_or_else(unknown)?;
        Ok(Self { trial, span, device_id })
    }
}

/// The work of the jobs that try profiles on spans of history.
#[derive(Clone)]
pub(super) struct TrialWork {
    kind: JobKind,
    services: Arc<Services>,
}

impl TrialWork {
    /// The work of these services.
    pub(super) fn new(services: Arc<Services>) -> Self {
        Self { kind: dry_run(), services }
    }
}

impl fmt::Debug for TrialWork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrialWork").finish_non_exhaustive()
    }
}

#[async_trait]
impl Work for TrialWork {
    fn kind(&self) -> &JobKind {
        &self.kind
    }

    async fn run(&self, job: &Job, running: &Running) -> Result<String, WorkError> {
        // A decision of another server may be newer than what this one has read.
        self.services.take_decisions().await.map_err(failed)?;
        // The request was checked: it names a profile that this server does not have yet.
        let asked = Asked::of(&self.services, job.body.as_bytes());
        let asked = asked.map_err(|problem| WorkError::transient(as_text(&problem)))?;
        let result = try_all(&self.services, asked, running).await.map_err(failed)?;
        let unwritten = || WorkError::permanent(as_text(&Problem::broken("the result of the job cannot be written")));
        serde_json::to_string(&result).map_err(|_| unwritten())
    }
}

/// A failure whose text is a problem that clients read.
fn failed(error: StorageError) -> WorkError {
    let retry_after = error.retry_after;
    let problem = Problem::from(error);
    let why = as_text(&problem);
    if problem.status == StatusCode::SERVICE_UNAVAILABLE {
        WorkError::Transient { why, retry_after }
    } else {
        WorkError::Permanent { why }
    }
}

/// A problem as the failure of a job holds it.
fn as_text(problem: &Problem) -> String {
    let written = |problem: &Problem| serde_json::to_string(problem).unwrap_or_default();
    let whole = written(problem);
    if whole.len() <= LONGEST_PROBLEM {
        return whole;
    }
    // The detail says in words what the violations and the messages have in parts.
    let mut shorter = problem.clone();
    shorter.detail = cut(std::mem::take(&mut shorter.detail), LONGEST_DETAIL);
    shorter.violations.clear();
    shorter.errors.clear();
    written(&shorter)
}

/// How reads are tried again while the database is unavailable.
fn patience() -> RetryPolicy {
    let mut policy = RetryPolicy::default();
    policy.max_retries = u32::MAX;
    policy.backoff = Backoff::new(policy.backoff.base(), LONGEST_WAIT).unwrap_or(policy.backoff);
    policy.deadline = Some(PATIENCE);
    policy.max_retry_after = PATIENCE;
    policy
}

/// Judges every readable sample of a span, page by page, the newest first.
async fn try_all(
    services: &Services,
    Asked { mut trial, span: (from, until), device_id }: Asked,
    running: &Running,
) -> Result<DryRun, StorageError> {
    let (store, patience) = (&services.storage.store, patience());
    let last = Timestamp::from_micros(until.micros() - 1).unwrap_or(from);
    if let Ok(hours) = HourlyQuery::new(Hour::of(from), Hour::of(last).later(1)) {
        let hours = device_id.map_or(hours, |device| hours.of_device(device));
        let hours = retry_read(patience, || store.hourly(&hours)).await?;
        running.total(hours.iter().map(|hour| hour.tally.samples()).sum());
    }
    let after = Some(Cursor::at(until, SampleId::from_bytes([0; 16])));
    let mut query = SampleQuery::newest(PAGE);
    (query.device_id, query.after) = (device_id, after);
    loop {
        let page = retry_read(patience, || store.query(&query)).await?;
        let mut judged = 0;
        for sample in page.items.iter().filter(|sample| sample.key.timestamp >= from) {
            trial.judge(sample);
            judged += 1;
        }
        running.more(judged);
        match page.next {
            Some(next) if next.timestamp() >= from => query.after = Some(next),
            _ => return Ok(DryRun::of(&trial.result())),
        }
        tokio::task::yield_now().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;
    use sqal_protocol::Violation;

    proptest! {
        #[test]
        fn a_problem_of_any_length_is_stored_as_one_that_can_be_read(
            found in prop::collection::vec("[\\x00-\\x7fé𝄞]{0,240}", 1..60),
            limit in ".{0,900}",
        ) {
            let of = |found: &String| Violation::new("/profile", found, limit.clone(), limit.clone());
            let problem = Problem::invalid_body(found.iter().map(of).collect());
            let text = as_text(&problem);
            prop_assert!(text.len() <= LONGEST_PROBLEM, "{} bytes", text.len());
            let read: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(&read["status"], 400);
            let shown = read["detail"].as_str().unwrap().trim_end_matches('…');
            prop_assert!(!shown.is_empty() && problem.detail.starts_with(shown));
        }
    }
}
