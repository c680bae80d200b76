//! Jobs in traces: the runs of a job belong to the trace of the work that has enqueued it.

use sqal_storage::queue::{Enqueued, Job, NewJob};
use sqal_storage::{Queue, StorageError};
use tracing::{Span, debug_span, field};

/// Enqueues a job in the trace of the current span, so that its runs can be followed there.
///
/// A job that names a trace keeps it. If the current span is in no trace
/// ([`sqal_telemetry::current`]), each run of the job begins a trace of its own.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use sqal_core::{Name, Timestamp};
/// use sqal_storage::queue::NewJob;
/// use sqal_storage::{MemoryStore, Queue};
///
/// let queue = MemoryStore::new();
/// let job = NewJob::new(Name::new("report")?, "hourly".to_owned(), Timestamp::from_micros(0)?);
/// let id = sqal_work::enqueue(&queue, &job).await?.id();
/// assert_eq!(queue.job(id).await?.unwrap().traceparent, None, "nothing follows this example");
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// [`StorageError`] if the queue fails. Whether the job was added may then be unknown; a job with a
/// key can be enqueued again.
pub async fn enqueue(queue: &dyn Queue, job: &NewJob) -> Result<Enqueued, StorageError> {
    match sqal_telemetry::current() {
        Some(context) if job.traceparent.is_none() => {
            let mut job = job.clone();
            job.traceparent = Some(context.to_string());
            queue.enqueue(&job).await
        }
        _ => queue.enqueue(job).await,
    }
}

/// The span of one run of a job, in the trace in which the job was enqueued.
pub(crate) fn span_of(job: &Job) -> Span {
    debug_span!(
        parent: None,
        "job",
        otel.kind = "consumer",
        sqal.job.kind = job.kind.as_str(),
        sqal.job.id = job.id.number(),
        sqal.job.attempt = job.attempts,
        otel.status_code = field::Empty,
        traceparent = job.traceparent.as_deref(),
    )
}

/// Records that the run of the current span has failed.
pub(crate) fn failed() {
    Span::current().record("otel.status_code", "ERROR");
}
