//! Checks the exporter against a collector that answers by a script, on a paused clock.

use std::sync::Mutex;

use http::StatusCode;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use proptest::prelude::*;
use prost::Message;
use tokio::time::sleep;

use super::super::OtlpResource;
use super::super::message::tests::trace_of;
use super::*;
use crate::held::{AttributeValue, TraceSink};

/// How the collector answers a request.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Accept,
    Reject(u64),
    Away,
    /// Not now, but after this number of seconds.
    Later(u64),
    Refuse,
    Silence,
}

/// A collector that answers by a script, and accepts everything after its end.
struct Script {
    begun: Instant,
    answers: Mutex<VecDeque<Answer>>,
    /// When each request came, in whole seconds, and how many spans it had.
    received: Mutex<Vec<(u64, usize)>>,
    /// The number of spans that were accepted.
    accepted: Mutex<usize>,
}

impl Script {
    fn new(answers: &[Answer]) -> Arc<Self> {
        let answers = Mutex::new(answers.iter().copied().collect());
        Arc::new(Self { begun: Instant::now(), answers, received: Mutex::default(), accepted: Mutex::default() })
    }

    fn received(&self) -> Vec<(u64, usize)> {
        self.received.lock().unwrap().clone()
    }

    fn accepted(&self) -> usize {
        *self.accepted.lock().unwrap()
    }
}

impl Deliver for Arc<Script> {
    async fn deliver(&self, request: Bytes) -> Result<u64, DeliveryError> {
        let request = ExportTraceServiceRequest::decode(request).unwrap();
        let spans = request.resource_spans[0].scope_spans[0].spans.len();
        self.received.lock().unwrap().push((self.begun.elapsed().as_secs(), spans));
        let answer = self.answers.lock().unwrap().pop_front().unwrap_or(Answer::Accept);
        let unavailable = |after: Option<u64>| {
            let retry_after = after.map(Duration::from_secs);
            Err(DeliveryError::Http { status: StatusCode::SERVICE_UNAVAILABLE, retry_after })
        };
        if matches!(answer, Answer::Accept | Answer::Reject(_)) {
            *self.accepted.lock().unwrap() += spans;
        }
        match answer {
            Answer::Accept => Ok(0),
            Answer::Reject(spans) => Ok(spans),
            Answer::Away => Err(DeliveryError::Connection("Connection refused".to_owned())),
            Answer::Later(after) => unavailable(Some(after)),
            Answer::Refuse => Err(DeliveryError::Http { status: StatusCode::UNAUTHORIZED, retry_after: None }),
            Answer::Silence => std::future::pending().await,
        }
    }
}

/// An export to this collector: at most 10 spans wait, 2 go into a request after at most 5 seconds,
/// and a batch is tried for 30 seconds.
fn export(script: &Arc<Script>) -> (OtlpSink, OtlpTask, Arc<Queue>) {
    let batches = OtlpBatches::new(10, Duration::from_secs(5), 2, Duration::from_secs(30)).unwrap();
    let queue = Arc::new(Queue::new(batches.waiting()));
    let exporting = Exporting {
        queue: Arc::clone(&queue),
        collector: Arc::clone(script),
        resource: message::resource(&OtlpResource::new("x", "1").unwrap()),
        batches,
        overflow: Overflow::default(),
        trouble: Trouble::none("collector:4317".to_owned()),
        random: || u64::MAX,
        batch: VecDeque::new(),
        under_way: 0,
    };
    (OtlpSink::new(Arc::clone(&queue)), OtlpTask::of(exporting), queue)
}

#[tokio::test(start_paused = true)]
async fn a_full_request_leaves_at_once_and_a_lonely_span_after_the_delay() {
    let script = Script::new(&[]);
    let (sink, task, _) = export(&script);
    sink.take(trace_of(1));
    sink.take(trace_of(1));
    sleep(Duration::from_secs(1)).await;
    sink.take(trace_of(1));
    sleep(Duration::from_secs(10)).await;
    assert_eq!(script.received(), [(0, 2), (6, 1)]);
    assert_eq!(task.finish(Duration::from_secs(1)).await, 0);
}

#[tokio::test(start_paused = true)]
async fn no_request_holds_more_spans_than_the_limit() {
    let script = Script::new(&[]);
    let (sink, task, _) = export(&script);
    sink.take(trace_of(5));
    assert_eq!(task.finish(Duration::from_secs(1)).await, 0);
    assert_eq!(script.received().iter().map(|(_, spans)| *spans).collect::<Vec<_>>(), [2, 2, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_collector_that_is_away_is_tried_until_the_patience_ends_and_then_the_traces_are_dropped() {
    let script = Script::new(&[Answer::Away; 6]);
    let (sink, task, queue) = export(&script);
    sink.take(trace_of(1));
    sink.take(trace_of(1));
    sleep(Duration::from_secs(29)).await;
    assert_eq!(queue.dropped(), 0);
    sleep(Duration::from_secs(2)).await;
    // After waits of 1, 2, 4, 8 and 10 seconds.
    let tries: Vec<_> = script.received().iter().map(|(at, _)| *at).collect();
    assert_eq!((tries, queue.dropped()), (vec![0, 1, 3, 7, 15, 25], 2));
    sink.take(trace_of(2));
    assert_eq!(task.finish(Duration::from_secs(1)).await, 0);
    assert_eq!((script.accepted(), queue.dropped()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_collector_that_says_when_is_asked_then() {
    let script = Script::new(&[Answer::Later(7)]);
    let (sink, task, queue) = export(&script);
    sink.take(trace_of(2));
    sleep(Duration::from_secs(8)).await;
    assert_eq!((script.received(), queue.dropped()), (vec![(0, 2), (7, 2)], 0));
    assert_eq!(task.finish(Duration::from_secs(1)).await, 0);
}

/// A collector that wants to be left alone for longer than a batch is tried gets no request before
/// the patience for the batch has ended.
#[tokio::test(start_paused = true)]
async fn a_collector_that_says_much_later_is_left_alone_for_the_patience_of_a_batch() {
    let script = Script::new(&[Answer::Later(u64::MAX)]);
    let (sink, task, queue) = export(&script);
    sink.take(trace_of(2));
    sink.take(trace_of(2));
    sleep(Duration::from_secs(31)).await;
    assert_eq!((script.received(), queue.dropped()), (vec![(0, 2), (30, 2)], 1));
    assert_eq!(task.finish(Duration::from_secs(1)).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_collector_that_says_at_once_is_asked_after_the_usual_wait() {
    let script = Script::new(&[Answer::Later(0); 3]);
    let (sink, task, queue) = export(&script);
    sink.take(trace_of(2));
    sleep(Duration::from_secs(8)).await;
    assert_eq!((script.received(), queue.dropped()), (vec![(0, 2), (1, 2), (3, 2), (7, 2)], 0));
    assert_eq!(task.finish(Duration::from_secs(1)).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_collector_rejects_no_more_spans_than_it_was_sent() {
    let recorder = DebuggingRecorder::new();
    let counting = metrics::set_default_local_recorder(&recorder);
    let script = Script::new(&[Answer::Reject(u64::MAX)]);
    let (sink, task, _) = export(&script);
    sink.take(trace_of(2));
    assert_eq!(task.finish(Duration::from_secs(1)).await, 0);
    drop(counting);
    let mut counted = recorder.snapshotter().snapshot().into_vec().into_iter();
    let rejected = counted.find(|(key, ..)| key.key().name() == "trace_spans_rejected_total");
    assert_eq!(rejected.map(|(.., count)| count), Some(DebugValue::Counter(2)));
}

#[tokio::test(start_paused = true)]
async fn no_request_holds_more_bytes_than_the_limit_unless_one_span_does() {
    let long = |bytes: usize| {
        let mut trace = trace_of(1);
        trace.spans[0].attributes.push(("text", AttributeValue::Text("x".repeat(bytes))));
        trace
    };
    let script = Script::new(&[]);
    let (sink, task, queue) = export(&script);
    // A queue takes a trace above its limit while no other waits.
    for bytes in [MOST_BYTES * 2, MOST_BYTES / 2, MOST_BYTES] {
        sink.take(long(bytes));
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(task.finish(Duration::from_secs(1)).await, 0);
    let spans: Vec<_> = script.received().iter().map(|(_, spans)| *spans).collect();
    assert_eq!((spans, queue.dropped()), (vec![1, 1, 1], 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_for_good_is_tried_once() {
    let script = Script::new(&[Answer::Refuse]);
    let (sink, task, queue) = export(&script);
    sink.take(trace_of(2));
    sleep(Duration::from_secs(20)).await;
    assert_eq!((script.received(), queue.dropped()), (vec![(0, 2)], 1));
    assert_eq!(task.finish(Duration::from_secs(1)).await, 0);
}

#[tokio::test(start_paused = true)]
async fn the_end_waits_for_a_silent_collector_until_its_limit_and_counts_what_is_left() {
    let script = Script::new(&[Answer::Silence]);
    let (sink, task, queue) = export(&script);
    for _ in 0..4 {
        sink.take(trace_of(2));
    }
    sleep(Duration::from_secs(1)).await;
    let begun = Instant::now();
    assert_eq!(task.finish(Duration::from_secs(3)).await, 4);
    assert_eq!((begun.elapsed().as_secs(), queue.dropped()), (3, 4));
    sink.take(trace_of(1));
    assert_eq!(queue.dropped(), 5, "after the end every trace is dropped");
}

#[tokio::test(start_paused = true)]
async fn the_end_tries_each_batch_once_if_the_collector_is_away() {
    let script = Script::new(&[Answer::Away; 20]);
    let (sink, task, queue) = export(&script);
    for _ in 0..4 {
        sink.take(trace_of(2));
    }
    let begun = Instant::now();
    assert_eq!(task.finish(Duration::from_secs(300)).await, 0);
    assert_eq!((begun.elapsed(), script.received().len(), queue.dropped()), (Duration::ZERO, 4, 4));
}

/// The end does not wait for the moment of the next try, which would be 7 seconds later.
#[tokio::test(start_paused = true)]
async fn the_end_begins_the_last_try_at_once() {
    let script = Script::new(&[Answer::Away; 20]);
    let (sink, task, queue) = export(&script);
    sink.take(trace_of(2));
    sleep(Duration::from_secs(8)).await;
    let begun = Instant::now();
    assert_eq!(task.finish(Duration::from_secs(300)).await, 0);
    let tries: Vec<_> = script.received().iter().map(|(at, _)| *at).collect();
    assert_eq!((begun.elapsed(), tries, queue.dropped()), (Duration::ZERO, vec![0, 1, 3, 7, 8], 1));
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_drops_what_comes_and_the_sink_does_not_wait() {
    let script = Script::new(&[Answer::Silence]);
    let (sink, task, queue) = export(&script);
    sink.take(trace_of(2));
    sleep(Duration::from_secs(1)).await;
    for _ in 0..9 {
        sink.take(trace_of(2));
    }
    assert_eq!(queue.dropped(), 4, "ten spans wait, eight are dropped");
    drop(task);
}

fn answers() -> impl Strategy<Value = Answer> {
    prop_oneof![
        Just(Answer::Accept),
        (0_u64..3).prop_map(Answer::Reject),
        Just(Answer::Away),
        (0_u64..100).prop_map(Answer::Later),
        Just(Answer::Refuse),
        Just(Answer::Silence),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the collector answers and whenever traces come, each trace was accepted or counted
    /// as dropped.
    #[test]
    fn every_trace_is_accepted_or_counted(
        script in prop::collection::vec(answers(), 0..12),
        pauses in prop::collection::vec(0_u64..20, 0..30),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let (accepted, dropped) = runtime.block_on(async {
            let script = Script::new(&script);
            let (sink, task, queue) = export(&script);
            for pause in &pauses {
                sink.take(trace_of(1));
                sleep(Duration::from_secs(*pause)).await;
            }
            task.finish(Duration::from_secs(5)).await;
            (script.accepted(), queue.dropped())
        });
        prop_assert_eq!(accepted + usize::try_from(dropped).unwrap(), pauses.len());
    }
}
