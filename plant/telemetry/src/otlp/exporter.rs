//! [`OtlpExporter`]: takes kept traces from their queue and brings them to the collector.
//!
//! The batch processor of the OpenTelemetry SDK is not used: it prints errors as `Debug` texts,
//! knows no count of what it drops, sends a batch once only, and waits at the end of the process
//! without a limit of the caller. Here the queue counts, a batch is tried again within a time
//! limit, and the log has one line for the beginning of a trouble and one for its end.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use metrics::counter;
use opentelemetry_proto::tonic::resource::v1::Resource;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::collector::{Collector, Deliver};
use super::error::DeliveryError;
use super::message::{self, Outgoing, outgoing};
use super::overflow::Overflow;
use super::queue::{DropReason, Queue};
use super::trouble::Trouble;
use super::{OtlpBatches, OtlpSettings, OtlpSink};

/// The wait before the second try of a batch; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// The longest wait between two tries of a batch, unless the collector asks for a longer one.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// The most bytes of spans in a request, unless one span alone has more. Servers of gRPC refuse
/// messages over 4 MiB unless they are told otherwise.
const MOST_BYTES: usize = 2 * 1024 * 1024;

/// Both ends of the export of traces: the sink that takes them, and the exporter that brings them
/// to the collector once it is [started](OtlpExporter::start). `random` spreads the waits between
/// two tries, so that the processes of a plant do not try all at once.
#[must_use]
pub fn export_to(settings: &OtlpSettings, random: fn() -> u64) -> (OtlpSink, OtlpExporter) {
    let queue = Arc::new(Queue::new(settings.batches.waiting()));
    let exporting = Exporting {
        queue: Arc::clone(&queue),
        collector: Collector::new(settings),
        resource: message::resource(&settings.resource),
        batches: settings.batches,
        trouble: Trouble::none(settings.endpoint.host().to_owned()),
        overflow: Overflow::default(),
        random,
        batch: VecDeque::new(),
        under_way: 0,
    };
    (OtlpSink::new(queue), OtlpExporter(exporting))
}

/// The end of an export that brings traces to the collector.
pub struct OtlpExporter(Exporting<Collector>);

impl OtlpExporter {
    /// The host of the collector, with its port if one is given.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.trouble.host()
    }

    /// Begins to export, in a task of its own.
    ///
    /// # Panics
    ///
    /// If it is called outside of a tokio runtime.
    pub fn start(self) -> OtlpTask {
        OtlpTask::of(self.0)
    }
}

impl fmt::Debug for OtlpExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtlpExporter")
            .field("host", &self.host())
            .field("batches", &self.0.batches)
            .finish_non_exhaustive()
    }
}

/// The task of an exporter. It ends when this is dropped; what waits is lost then.
#[derive(Debug)]
#[must_use = "the export ends with its task"]
pub struct OtlpTask {
    finish: Option<oneshot::Sender<Duration>>,
    task: JoinHandle<u64>,
}

impl OtlpTask {
    fn of<C: Deliver>(exporting: Exporting<C>) -> Self {
        let (finish, finishing) = oneshot::channel();
        Self { finish: Some(finish), task: tokio::spawn(exporting.run(finishing)) }
    }

    /// Exports what waits, within this time limit, and ends. Returns the number of traces that were
    /// not delivered in that time; the sink drops all later ones.
    pub async fn finish(mut self, limit: Duration) -> u64 {
        if let Some(finish) = self.finish.take() {
            // If the task has ended already, there is nothing to tell it.
            let _ = finish.send(limit);
        }
        (&mut self.task).await.unwrap_or(0)
    }
}

impl Drop for OtlpTask {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The state of an export.
struct Exporting<C> {
    queue: Arc<Queue>,
    collector: C,
    resource: Resource,
    batches: OtlpBatches,
    trouble: Trouble,
    overflow: Overflow,
    random: fn() -> u64,
    /// Spans that were taken from the queue and not sent.
    batch: VecDeque<Outgoing>,
    /// The number of traces that end in the request that is being sent.
    under_way: u64,
}

impl<C: Deliver> Exporting<C> {
    /// Exports until it is told to finish. Returns the number of traces that were left then.
    async fn run(mut self, finishing: oneshot::Receiver<Duration>) -> u64 {
        let queue = Arc::clone(&self.queue);
        let finished = {
            let mut work = std::pin::pin!(self.work());
            tokio::select! {
                // The end is checked first, so that no try of a batch begins to wait after it.
                biased;
                limit = finishing => {
                    queue.close();
                    timeout(limit.unwrap_or_default(), work).await.is_ok()
                }
                () = &mut work => true,
            }
        };
        if finished {
            return 0;
        }
        let taken = self.batch.iter().map(|span| u64::from(span.ends_trace)).sum::<u64>();
        let left = taken + self.under_way + queue.clear();
        queue.count_dropped(DropReason::Shutdown, left);
        left
    }

    /// Exports until the queue is closed and empty.
    async fn work(&mut self) {
        while let Some(first) = self.queue.next().await {
            self.batch.extend(outgoing(first));
            let due = Instant::now() + self.batches.delay();
            while self.batch.len() < self.batches.batch() {
                let Ok(Some(trace)) = timeout_at(due, self.queue.next()).await else { break };
                self.batch.extend(outgoing(trace));
            }
            while !self.batch.is_empty() {
                self.send_some().await;
            }
        }
    }

    /// Sends as many of the taken spans as one request may hold.
    async fn send_some(&mut self) {
        let (mut spans, mut bytes) = (Vec::new(), 0);
        while spans.len() < self.batches.batch()
            && let Some(next) = self.batch.pop_front()
        {
            bytes += next.bytes();
            if bytes > MOST_BYTES && !spans.is_empty() {
                self.batch.push_front(next);
                break;
            }
            self.under_way += u64::from(next.ends_trace);
            spans.push(next.span);
        }
        let sent = u64::try_from(spans.len()).unwrap_or(u64::MAX);
        let request = message::request(&self.resource, spans);
        let outcome = self.try_to_deliver(request).await;
        let traces = std::mem::take(&mut self.under_way);
        match outcome {
            Ok(0) => {
                counter!("traces_exported_total").increment(traces);
                let now = Instant::now().into_std();
                self.overflow.look(self.queue.overflowed(), self.trouble.is_on(), now);
                self.trouble.accepted(self.queue.dropped(), now);
            }
            Ok(rejected) => {
                // The collector does not say of which traces the rejected spans are, and may claim
                // any number.
                let rejected = rejected.min(sent);
                counter!("traces_exported_total").increment(traces);
                counter!("trace_spans_rejected_total").increment(rejected);
                self.trouble.failed(&format_args!("{rejected} of {sent} spans rejected"), self.queue.dropped());
            }
            Err(error) if error.is_transient() => self.queue.count_dropped(DropReason::Undelivered, traces),
            Err(_) => self.queue.count_dropped(DropReason::Refused, traces),
        }
    }

    /// Tries until the request is accepted, refused for good, or the patience for it is used up.
    /// Then the next request may be sent at once, and not before.
    async fn try_to_deliver(&mut self, request: Bytes) -> Result<u64, DeliveryError> {
        let end = Instant::now() + self.batches.patience();
        let mut wait = FIRST_WAIT;
        loop {
            let error = match timeout_at(end, self.collector.deliver(request.clone())).await {
                Ok(Ok(rejected)) => return Ok(rejected),
                Ok(Err(error)) => error,
                Err(_) => DeliveryError::TimedOut(self.batches.patience()),
            };
            self.trouble.failed(&error, self.queue.dropped());
            // A process that ends does not wait for a collector that is away.
            if !error.is_transient() || self.queue.is_closed() {
                return Err(error);
            }
            // A collector that wants to be asked at once gets no flood of requests.
            let pause = error.retry_after().unwrap_or_default().max(self.spread(wait));
            let again = Instant::now() + pause.min(self.batches.patience());
            tokio::select! {
                () = sleep_until(again.min(end)) => {}
                // The end of the process begins the last try now.
                () = self.queue.closed() => {}
            }
            if again >= end {
                return Err(error);
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// A time between half of `wait` and the whole.
    fn spread(&self, wait: Duration) -> Duration {
        // The upper 32 bits are a share of 2^32.
        let share = u32::try_from((self.random)() >> 32).unwrap_or(u32::MAX);
        let half = wait / 2;
        half + half.mul_f64(f64::from(share) / f64::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests;
