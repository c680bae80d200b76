//! [`BatchWriter`]: many samples, few commits, and a receipt for each sample after its commit.
//!
//! There is no timer. Whatever is waiting when the last commit ends goes into the next one, so one lonely sample is written at once and
//! a thousand are written together: batches grow exactly as the load does.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use sqal_core::Sample;
use sqal_resilience::Backoff;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tracing::warn;

use crate::{Inserted, SampleStore, StorageError};

/// How much a writer takes at once, and how patient it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriterConfig {
    /// Samples that may wait; when so many wait, callers wait too.
    pub queue: NonZeroUsize,
    /// Samples in one commit.
    pub batch: NonZeroUsize,
    /// How long to wait between tries when the store is away.
    pub backoff: Backoff,
    /// How often a batch is tried before its samples are given back as not stored.
    pub tries: u32,
}

impl WriterConfig {
    /// 1024 waiting, 500 in a commit, six tries over about eight seconds.
    ///
    /// # Panics
    ///
    /// Never; the numbers are constants.
    #[must_use]
    pub fn usual() -> Self {
        let n = |n| NonZeroUsize::new(n).unwrap_or(NonZeroUsize::MIN);
        let backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(10)).expect("constants in order");
        Self { queue: n(1024), batch: n(500), backoff, tries: 6 }
    }
}

/// Why a sample was not stored; it was not acknowledged, and the sender still has it.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotStored {
    /// The store was away for longer than the writer's patience: try again later.
    #[error("the store is away, try again later")]
    Unavailable(#[source] Arc<StorageError>),
    /// The store refuses this sample whenever it is offered.
    #[error("the store refuses this sample")]
    Refused(#[source] Arc<StorageError>),
    /// The writer has been stopped.
    #[error("the writer has stopped")]
    Stopped,
}

/// A promise of an outcome; await it to know that the sample is durable.
#[derive(Debug)]
pub struct Receipt(oneshot::Receiver<Result<Inserted, NotStored>>);

impl Receipt {
    /// Waits for the commit.
    ///
    /// # Errors
    ///
    /// [`NotStored`] says why the sample is not durable.
    pub async fn outcome(self) -> Result<Inserted, NotStored> {
        self.0.await.unwrap_or(Err(NotStored::Stopped))
    }
}

struct Pending {
    sample: Box<Sample>,
    receipt: oneshot::Sender<Result<Inserted, NotStored>>,
}

/// Where samples are handed in; clones share the queue.
#[derive(Clone, Debug)]
pub struct WriterHandle(mpsc::Sender<Pending>);

impl WriterHandle {
    /// Hands in a sample; waits while the queue is full, which is the back-pressure that a caller must pass on.
    ///
    /// Dropping the receipt does not take the sample back.
    ///
    /// # Errors
    ///
    /// [`NotStored::Stopped`] if the writer has stopped.
    pub async fn submit(&self, sample: Box<Sample>) -> Result<Receipt, NotStored> {
        let (receipt, outcome) = oneshot::channel();
        self.0.send(Pending { sample, receipt }).await.map_err(|_| NotStored::Stopped)?;
        Ok(Receipt(outcome))
    }
}

/// The task that writes.
#[derive(Debug)]
pub struct BatchWriter {
    task: JoinHandle<()>,
}

impl BatchWriter {
    /// Starts a writer on a store; it ends when the last handle is dropped and everything handed in is written.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    #[must_use]
    pub fn start(store: Arc<dyn SampleStore>, config: WriterConfig) -> (WriterHandle, Self) {
        let (sender, queue) = mpsc::channel(config.queue.get());
        let task = tokio::spawn(run(store, config, queue));
        (WriterHandle(sender), Self { task })
    }

    /// Waits until everything handed in is written; drop all handles first.
    pub async fn finished(self) {
        // The task cannot be aborted from outside, and a panic in it would already have dropped every receipt.
        let _ = self.task.await;
    }
}

async fn run(store: Arc<dyn SampleStore>, config: WriterConfig, mut queue: mpsc::Receiver<Pending>) {
    let mut waiting = Vec::with_capacity(config.batch.get());
    while queue.recv_many(&mut waiting, config.batch.get()).await > 0 {
        let (mut samples, mut receipts) = (Vec::with_capacity(waiting.len()), Vec::with_capacity(waiting.len()));
        for pending in waiting.drain(..) {
            samples.push(*pending.sample);
            receipts.push(pending.receipt);
        }
        for (receipt, outcome) in receipts.into_iter().zip(write(&*store, &config, &samples).await) {
            // Nobody listening any more is fine: the sample is stored all the same.
            let _ = receipt.send(outcome);
        }
    }
}

/// Writes a batch; halves it as long as the store refuses it, so that one poison sample fails alone.
async fn write(store: &dyn SampleStore, config: &WriterConfig, samples: &[Sample]) -> Vec<Result<Inserted, NotStored>> {
    match insert_patiently(store, config, samples).await {
        Ok(outcomes) => outcomes.into_iter().map(Ok).collect(),
        Err(error) if error.is_transient() => refuse(samples.len(), &NotStored::Unavailable(Arc::new(error))),
        Err(error) if samples.len() == 1 => {
            let key = &samples[0].key;
            warn!(device_id = %key.device_id, sample_id = %key.sample_id, %error, "sample refused by the store");
            refuse(1, &NotStored::Refused(Arc::new(error)))
        }
        Err(_) => {
            let (left, right) = samples.split_at(samples.len() / 2);
            let mut outcomes = Box::pin(write(store, config, left)).await;
            outcomes.extend(Box::pin(write(store, config, right)).await);
            outcomes
        }
    }
}

fn refuse(count: usize, why: &NotStored) -> Vec<Result<Inserted, NotStored>> {
    (0..count).map(|_| Err(why.clone())).collect()
}

async fn insert_patiently(
    store: &dyn SampleStore,
    config: &WriterConfig,
    samples: &[Sample],
) -> Result<Vec<Inserted>, StorageError> {
    let mut attempt = 0;
    loop {
        match store.insert(samples).await {
            Err(error) if error.is_transient() && attempt + 1 < config.tries => {
                // One writer per store: there is no herd to spread, so the middle of the jitter will do.
                let delay = config.backoff.delay(attempt, 0.5);
                warn!(%error, ?delay, samples = samples.len(), "store away, trying again");
                tokio::time::sleep(delay).await;
                attempt += 1;
            }
            result => return result,
        }
    }
}
