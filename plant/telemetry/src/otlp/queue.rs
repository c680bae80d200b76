//! [`Queue`]: kept traces on their way to the exporter, with a limit on their spans.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use metrics::counter;
use tokio::sync::Notify;

use crate::TraceContext;
use crate::held::{AttributeValue, FinishedSpan, FinishedTrace, SpanStatus};

/// The bytes of texts that count as one span more. Most spans have some hundreds.
const LONG: usize = 4096;

/// Why traces are not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DropReason {
    /// Too many spans wait already.
    QueueFull,
    /// The collector was not reached, or had no time, within the patience for a batch.
    Undelivered,
    /// The collector answered that it will never accept the batch.
    Refused,
    /// The process ends.
    Shutdown,
}

impl DropReason {
    /// The value of the label `reason`.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::Undelivered => "undelivered",
            Self::Refused => "refused",
            Self::Shutdown => "shutdown",
        }
    }
}

/// The traces that wait.
#[derive(Debug)]
pub(super) struct Queue {
    /// The most spans that wait, where long texts count as further spans. A trace that has more of
    /// them is accepted while no other waits.
    limit: usize,
    waiting: Mutex<Waiting>,
    arrived: Notify,
    dropped: AtomicU64,
    /// Those among them that were dropped because the queue was full.
    overflowed: AtomicU64,
}

#[derive(Debug, Default)]
struct Waiting {
    traces: VecDeque<FinishedTrace>,
    spans: usize,
    is_closed: bool,
}

impl Queue {
    /// An empty queue for this number of spans.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            waiting: Mutex::default(),
            arrived: Notify::new(),
            dropped: AtomicU64::new(0),
            overflowed: AtomicU64::new(0),
        }
    }

    /// Adds a trace, or counts it as dropped. Takes a lock for the time of one push.
    pub(super) fn push(&self, trace: FinishedTrace) {
        match self.accepted(trace) {
            Ok(()) => self.arrived.notify_one(),
            Err(reason) => self.count_dropped(reason, 1),
        }
    }

    fn accepted(&self, trace: FinishedTrace) -> Result<(), DropReason> {
        let more = weight(&trace);
        let mut waiting = self.lock();
        let spans = waiting.spans + more;
        if waiting.is_closed {
            Err(DropReason::Shutdown)
        } else if spans > self.limit && !waiting.traces.is_empty() {
            Err(DropReason::QueueFull)
        } else {
            waiting.spans = spans;
            waiting.traces.push_back(trace);
            Ok(())
        }
    }

    /// The next trace; `None` after the last one of a closed queue. Dropping the future loses no
    /// trace.
    pub(super) async fn next(&self) -> Option<FinishedTrace> {
        loop {
            let arrived = self.arrived.notified();
            {
                let mut waiting = self.lock();
                if let Some(trace) = waiting.traces.pop_front() {
                    waiting.spans -= weight(&trace);
                    return Some(trace);
                }
                if waiting.is_closed {
                    return None;
                }
            }
            arrived.await;
        }
    }

    /// Refuses further traces. Those that wait are still given out.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.arrived.notify_one();
    }

    /// Waits until the queue is closed.
    pub(super) async fn closed(&self) {
        loop {
            let arrived = self.arrived.notified();
            if self.is_closed() {
                return;
            }
            // A trace that arrives stays in the queue, where it is found without a notice.
            arrived.await;
        }
    }

    /// Whether the queue was closed.
    pub(super) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    /// Removes the traces that wait, and returns how many they were.
    pub(super) fn clear(&self) -> u64 {
        let mut waiting = self.lock();
        waiting.spans = 0;
        u64::try_from(waiting.traces.drain(..).count()).unwrap_or(u64::MAX)
    }

    /// Counts traces that are not delivered.
    pub(super) fn count_dropped(&self, reason: DropReason, traces: u64) {
        self.dropped.fetch_add(traces, Ordering::Relaxed);
        if reason == DropReason::QueueFull {
            self.overflowed.fetch_add(traces, Ordering::Relaxed);
        }
        counter!("traces_dropped_total", "reason" => reason.as_str()).increment(traces);
    }

    /// The number of traces that were dropped since the beginning.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// The number of traces that were dropped because the queue was full.
    pub(super) fn overflowed(&self) -> u64 {
        self.overflowed.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a trace counts for: its spans, and more if their texts are long, so that the limit holds
/// for memory, too.
fn weight(trace: &FinishedTrace) -> usize {
    trace.spans.len() + trace.spans.iter().map(bytes).sum::<usize>() / LONG
}

/// The bytes that a span holds besides itself.
fn bytes(span: &FinishedSpan) -> usize {
    let attributes = span.attributes.iter().map(|(_, value)| match value {
        AttributeValue::Text(text) => text.len(),
        AttributeValue::Integer(_) | AttributeValue::Number(_) | AttributeValue::Flag(_) => 0,
    });
    let description = match &span.status {
        SpanStatus::Error(description) => description.len(),
        SpanStatus::Unset => 0,
    };
    let plain = size_of_val(&*span.attributes) + span.links.len() * size_of::<TraceContext>();
    span.name.len() + attributes.sum::<usize>() + description + plain
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::super::message::tests::trace_of;
    use super::*;

    /// The traces that come out of a queue into which traces of these sizes were pushed.
    fn through(limit: usize, sizes: &[usize]) -> (Vec<usize>, u64) {
        let queue = Queue::new(limit);
        for size in sizes {
            queue.push(trace_of(*size));
        }
        queue.close();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let given = runtime.block_on(async {
            let mut given = Vec::new();
            while let Some(trace) = queue.next().await {
                given.push(trace.spans.len());
            }
            given
        });
        (given, queue.dropped())
    }

    proptest! {
        /// A queue gives out in order what it accepted, holds no more spans than its limit unless
        /// one trace alone has more, and counts the rest.
        #[test]
        fn what_waits_is_limited_and_the_rest_is_counted(
            limit in 1_usize..40,
            sizes in prop::collection::vec(1_usize..30, 0..20),
        ) {
            let (given, dropped) = through(limit, &sizes);
            let mut expected = Vec::new();
            for size in &sizes {
                if expected.is_empty() || expected.iter().sum::<usize>() + size <= limit {
                    expected.push(*size);
                }
            }
            prop_assert_eq!(&given, &expected);
            prop_assert_eq!(usize::try_from(dropped).unwrap(), sizes.len() - given.len());
        }
    }

    #[test]
    fn a_trace_with_long_texts_counts_as_more_spans() {
        let queue = Queue::new(7);
        for _ in 0..3 {
            // Two times the bytes of a long text: with the span itself it counts as three.
            let mut trace = trace_of(1);
            trace.spans[0].attributes.push(("text", AttributeValue::Text("é".repeat(LONG))));
            queue.push(trace);
        }
        assert_eq!((queue.dropped(), queue.clear()), (1, 2));
    }

    #[test]
    fn a_closed_queue_drops_what_comes_and_gives_out_what_waits() {
        let queue = Queue::new(10);
        queue.push(trace_of(1));
        queue.close();
        queue.push(trace_of(1));
        assert_eq!((queue.dropped(), queue.is_closed(), queue.clear(), queue.clear()), (1, true, 1, 0));
    }

    #[tokio::test]
    async fn a_trace_wakes_the_one_that_waits_for_it() {
        let queue = Arc::new(Queue::new(10));
        let waiting = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move { queue.next().await.map(|trace| trace.spans.len()) }
        });
        tokio::task::yield_now().await;
        queue.push(trace_of(3));
        assert_eq!(waiting.await.unwrap(), Some(3));
        let waiting = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move { queue.next().await.is_none() }
        });
        tokio::task::yield_now().await;
        queue.close();
        assert!(waiting.await.unwrap());
    }
}
