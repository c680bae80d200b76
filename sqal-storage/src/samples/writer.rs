//! [`BatchWriter`]: writes many samples in few commits, and gives a receipt for each sample after
//! its commit.
//!
//! There is no timer. All samples that wait when a commit ends go into the next one. A single
//! sample is therefore written at once, and a thousand samples are written together: batches grow
//! as the load does.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use sqal_core::Sample;
use sqal_resilience::Backoff;
use sqal_resilience::log::Causes;
use sqal_resilience::outage::Outage;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tracing::{Instrument, Span, error, field, info, trace_span, warn};

use crate::{Inserted, SampleStore, StorageError, StorageErrorKind};

/// The limits of a writer, and its retries. They begin with [`WriterConfig::usual`]; the fields are
/// then set.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct WriterConfig {
    /// The number of samples that may wait; when it is reached, callers wait too.
    pub queue: NonZeroUsize,
    /// The number of samples in one commit.
    pub batch: NonZeroUsize,
    /// The number of concurrent commits. With two, one batch travels while another waits for the
    /// disk. A store with one writer needs one.
    pub commits: NonZeroUsize,
    /// The wait between tries while the store is unavailable.
    pub backoff: Backoff,
    /// The number of tries of a batch before its samples are given back as not stored.
    pub tries: u32,
}

impl WriterConfig {
    /// 1024 waiting, 500 in a commit, one commit at a time, six tries over about eight seconds.
    ///
    /// # Panics
    ///
    /// Never; the numbers are constants.
    #[must_use]
    pub fn usual() -> Self {
        let n = |n| NonZeroUsize::new(n).unwrap_or(NonZeroUsize::MIN);
        let backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(10)).expect("constants in order");
        Self { queue: n(1024), batch: n(500), commits: n(1), backoff, tries: 6 }
    }
}

/// Why a sample was not stored. It was not acknowledged, and the sender still has it.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The store was unavailable for longer than the writer retries, or is broken: try again later.
    #[error("the store is away, try again later")]
    Unavailable(#[source] Arc<StorageError>),
    /// The store refuses this sample every time.
    #[error("the store refuses this sample")]
    Refused(#[source] Arc<StorageError>),
    /// The writer has been stopped.
    #[error("the writer has stopped")]
    Stopped,
}

/// A promise of an outcome: its result states whether the sample is durable.
#[derive(Debug)]
pub struct Receipt(oneshot::Receiver<Result<Inserted, WriteError>>);

impl Receipt {
    /// Waits for the commit.
    ///
    /// # Errors
    ///
    /// [`WriteError`] says why the sample is not durable.
    pub async fn outcome(self) -> Result<Inserted, WriteError> {
        self.0.await.unwrap_or(Err(WriteError::Stopped))
    }
}

struct Pending {
    sample: Box<Sample>,
    receipt: oneshot::Sender<Result<Inserted, WriteError>>,
    /// The span in which the sample was handed in; none if nothing follows it.
    span: Span,
}

/// The handle to hand in samples; clones share the queue.
#[derive(Clone, Debug)]
pub struct WriterHandle {
    queue: mpsc::Sender<Pending>,
    failures: Arc<Failures>,
}

/// The failures of the store, as callers ask for them and as the log tells them.
#[derive(Debug)]
struct Failures {
    /// The number of batches in a row that were given back because the store failed.
    in_a_row: AtomicU32,
    /// Tries that are followed by another one.
    tries: Outage,
    /// Batches that are given back.
    given_back: Outage,
}

impl Failures {
    fn none_yet() -> Self {
        let [tries, given_back] = [Outage::calm_after(Outage::CALM), Outage::calm_after(Outage::CALM)];
        Self { in_a_row: AtomicU32::new(0), tries, given_back }
    }

    /// A batch of this size is tried again.
    fn tried(&self, error: &StorageError, samples: usize) {
        if self.tries.failed(now()) {
            warn!(error = %Causes::of(error), samples, "the store is away; the writer tries again");
        }
    }

    /// A batch of this size is given back.
    fn gave_back(&self, error: &StorageError, samples: usize) {
        if self.given_back.failed(now()) {
            error!(error = %Causes::of(error), samples, "the store fails; samples are returned to their callers");
        }
    }

    /// A batch was written, or its content was refused.
    fn answered(&self) {
        let (tries, given_back) = (self.tries.succeeded(now()), self.given_back.succeeded(now()));
        let failures = tries.map_or(0, |tries| tries.failures);
        let batches = given_back.map_or(0, |given_back| given_back.failures);
        if let Some(recovery) = given_back.or(tries) {
            let seconds = recovery.seconds();
            info!(failures, returned_batches = batches, seconds, "the store accepts samples again");
        }
    }
}

/// Monotonic time, as the task of the writer counts it.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

impl WriterHandle {
    /// Hands in a sample; waits while the queue is full, which is the back-pressure that a caller
    /// must pass on.
    ///
    /// Dropping the receipt does not take the sample back.
    ///
    /// The commit is a span of its own, `commit`, because it serves many samples. It follows from
    /// the spans in which its samples were handed in, and ends before their receipts are sent.
    ///
    /// # Errors
    ///
    /// [`WriteError::Stopped`] if the writer has stopped.
    pub async fn submit(&self, sample: Box<Sample>) -> Result<Receipt, WriteError> {
        let (receipt, outcome) = oneshot::channel();
        let pending = Pending { sample, receipt, span: Span::current() };
        self.queue.send(pending).await.map_err(|_| WriteError::Stopped)?;
        Ok(Receipt(outcome))
    }

    /// Whether samples can be handed in; `false` once the writer has stopped.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.queue.is_closed()
    }

    /// The number of batches in a row that were given back because the store failed; 0 after a
    /// commit.
    #[must_use]
    pub fn failed_in_a_row(&self) -> u32 {
        self.failures.in_a_row.load(Ordering::Relaxed)
    }

    /// Counts failed batches from 0 again, because a probe has found that the store accepts
    /// samples.
    pub fn store_is_back(&self) {
        self.failures.in_a_row.store(0, Ordering::Relaxed);
    }
}

/// The task that writes.
#[derive(Debug)]
pub struct BatchWriter {
    /// `None` after the end of the task was seen.
    task: Option<JoinHandle<()>>,
    close: Arc<Notify>,
}

impl BatchWriter {
    /// Starts a writer on a store. It ends when it is closed, or when the last handle is dropped,
    /// and all samples handed in are written.
    ///
    /// # Panics
    ///
    /// If called outside a tokio runtime.
    #[must_use]
    pub fn start(store: Arc<dyn SampleStore>, config: WriterConfig) -> (WriterHandle, Self) {
        let (sender, queue) = mpsc::channel(config.queue.get());
        let close = Arc::new(Notify::new());
        let failures = Arc::new(Failures::none_yet());
        let task = tokio::spawn(run(store, config, queue, Arc::clone(&close), Arc::clone(&failures)));
        (WriterHandle { queue: sender, failures }, Self { task: Some(task), close })
    }

    /// Stops accepting samples; samples that were handed in are still written.
    pub fn close(&self) {
        self.close.notify_one();
    }

    /// Waits until the writer has ended: all samples handed in are written, or no sample will be
    /// written any more.
    pub async fn finished(&mut self) {
        // If the task panicked, it has dropped every receipt, which informs their holders; only the
        // end counts here.
        if let Some(task) = &mut self.task {
            let _ = task.await;
            self.task = None;
        }
    }
}

async fn run(
    store: Arc<dyn SampleStore>,
    config: WriterConfig,
    mut queue: mpsc::Receiver<Pending>,
    close: Arc<Notify>,
    failures: Arc<Failures>,
) {
    let mut commits = JoinSet::new();
    loop {
        // A commit that panicked has dropped its receipts, which informs their holders. A store
        // with such a bug is not written to any more.
        if commits.len() >= config.commits.get() && commits.join_next().await.is_some_and(|ended| ended.is_err()) {
            break;
        }
        let mut waiting = Vec::with_capacity(config.batch.get());
        let taken = loop {
            tokio::select! {
                biased;
                () = close.notified(), if !queue.is_closed() => queue.close(),
                taken = queue.recv_many(&mut waiting, config.batch.get()) => break taken,
            }
        };
        if taken == 0 {
            break;
        }
        commits.spawn(commit(Arc::clone(&store), config, waiting, Arc::clone(&failures)));
    }
    queue.close();
    while commits.join_next().await.is_some() {}
}

async fn commit(store: Arc<dyn SampleStore>, config: WriterConfig, waiting: Vec<Pending>, failures: Arc<Failures>) {
    let (mut samples, mut receipts) = (Vec::with_capacity(waiting.len()), Vec::with_capacity(waiting.len()));
    let mut followed = Vec::new();
    for pending in waiting {
        samples.push(*pending.sample);
        receipts.push(pending.receipt);
        if !pending.span.is_none() {
            followed.push(pending.span);
        }
    }
    let outcomes = {
        let span = span_of(&followed, samples.len());
        let outcomes = write(&*store, &config, &failures, &samples).instrument(span.clone()).await;
        if outcomes.iter().any(Result::is_err) {
            span.record("otel.status_code", "ERROR");
        }
        outcomes
    };
    // The commit has ended. The spans of its samples may end now.
    drop(followed);
    // A refusal is about one sample. This count is about whether the store could store at all.
    if outcomes.iter().any(|outcome| matches!(outcome, Err(WriteError::Unavailable(_)))) {
        failures.in_a_row.fetch_add(1, Ordering::Relaxed);
    } else {
        failures.in_a_row.store(0, Ordering::Relaxed);
        failures.answered();
    }
    for (receipt, outcome) in receipts.into_iter().zip(outcomes) {
        // If the receiver is gone, the sample is stored nevertheless.
        let _ = receipt.send(outcome);
    }
}

/// The span of a commit, which follows from the spans of its samples; none if there are none.
fn span_of(followed: &[Span], samples: usize) -> Span {
    if followed.is_empty() {
        return Span::none();
    }
    // Begun within the spans of the samples, though not below one of them: a span at level trace is
    // followed if one of these is.
    let entered: Vec<_> = followed.iter().map(Span::enter).collect();
    let span = trace_span!(
        parent: None,
        "commit",
        otel.kind = "client",
        db.operation.name = "commit",
        db.operation.batch.size = samples,
        otel.status_code = field::Empty,
    );
    drop(entered);
    for cause in followed {
        span.follows_from(cause);
    }
    span
}

/// Writes a batch, and halves it while the store refuses it, so that one refused sample fails
/// alone.
async fn write(
    store: &dyn SampleStore,
    config: &WriterConfig,
    failures: &Failures,
    samples: &[Sample],
) -> Vec<Result<Inserted, WriteError>> {
    match insert_patiently(store, config, failures, samples).await {
        Ok(outcomes) => outcomes.into_iter().map(Ok).collect(),
        // Only content is refused permanently. Any other error is an error of the store, and the
        // sender keeps its samples.
        Err(error) if error.kind != StorageErrorKind::Refused => {
            failures.gave_back(&error, samples.len());
            refuse(samples.len(), &WriteError::Unavailable(Arc::new(error)))
        }
        Err(error) if samples.len() == 1 => {
            let key = &samples[0].key;
            let (device_id, sample_id) = (key.device_id, key.name);
            warn!(%device_id, %sample_id, error = %Causes::of(&error), "the store refuses a sample");
            refuse(1, &WriteError::Refused(Arc::new(error)))
        }
        Err(_) => {
            let (left, right) = samples.split_at(samples.len() / 2);
            let mut outcomes = Box::pin(write(store, config, failures, left)).await;
            outcomes.extend(Box::pin(write(store, config, failures, right)).await);
            outcomes
        }
    }
}

fn refuse(count: usize, why: &WriteError) -> Vec<Result<Inserted, WriteError>> {
    (0..count).map(|_| Err(why.clone())).collect()
}

async fn insert_patiently(
    store: &dyn SampleStore,
    config: &WriterConfig,
    failures: &Failures,
    samples: &[Sample],
) -> Result<Vec<Inserted>, StorageError> {
    let mut attempt = 0;
    loop {
        match store.insert(samples).await {
            Err(error) if error.is_transient() && attempt + 1 < config.tries => {
                // One writer per store has no herd to spread, so the middle of the jitter is
                // enough.
                let delay = config.backoff.delay(attempt, 0.5);
                failures.tried(&error, samples.len());
                tokio::time::sleep(delay).await;
                attempt += 1;
            }
            result => return result,
        }
    }
}
