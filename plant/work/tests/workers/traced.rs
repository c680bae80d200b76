//! A run of a job is a span in the trace of the work that has enqueued the job.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::num::NonZeroU16;
use std::sync::{Arc, Mutex};

use sqal_storage::Queue;
use sqal_storage::queue::{JobState, NewJob};
use sqal_telemetry::held::{
    AttributeValue, FinishedSpan, FinishedTrace, HeadSampling, HeldTraces, SpanKind, SpanStatus, TraceSink,
};
use sqal_telemetry::{TraceContext, current};
use sqal_work::{WorkConfig, WorkError, enqueue};
use tracing::{Instrument, debug_span};
use tracing_subscriber::prelude::*;

use super::bench::{Bench, done, kind};

/// The traces of a test.
#[derive(Default)]
struct Kept(Mutex<Vec<FinishedTrace>>);

impl TraceSink for Kept {
    fn take(&self, trace: FinishedTrace) {
        self.0.lock().unwrap().push(trace);
    }
}

impl Kept {
    /// Keeps traces of this thread until the guard is dropped.
    fn begin(self: &Arc<Self>, sampling: HeadSampling) -> impl Sized {
        let random = || RandomState::new().build_hasher().finish();
        let held = HeldTraces::new(self.clone(), sampling, &["sqal", "workers"], random);
        tracing_subscriber::registry().with(held.layer()).set_default()
    }

    /// The traces whose root has this name.
    fn named(&self, root: &str) -> Vec<FinishedTrace> {
        self.0.lock().unwrap().iter().filter(|trace| trace.spans[0].name == root).cloned().collect()
    }
}

fn value<'a>(span: &'a FinishedSpan, name: &str) -> Option<&'a AttributeValue> {
    span.attributes.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
}

fn new_job(bench: &Bench, attempts: u16) -> NewJob {
    NewJob::new(kind(), "a body".to_owned(), bench.now()).attempts(NonZeroU16::new(attempts).unwrap())
}

#[tokio::test(start_paused = true)]
async fn each_run_is_in_the_trace_in_which_its_job_was_enqueued() {
    let (kept, bench) = (Arc::new(Kept::default()), Bench::new());
    let _tracing = kept.begin(HeadSampling::Always);
    let work = done(|job, _| async move {
        debug_span!("the work").in_scope(|| ());
        if job.attempts == 1 { Err(WorkError::transient("away")) } else { Ok(String::new()) }
    });
    let _process = bench.worker("server 1", work, WorkConfig::default());
    let request = async { (enqueue(&*bench.queue, &new_job(&bench, 2)).await.unwrap().id(), current().unwrap()) };
    let (id, request) = request.instrument(debug_span!("request")).await;
    let job = bench.ended(id).await;
    assert_eq!((job.state, job.traceparent), (JobState::Succeeded, Some(request.to_string())));
    let runs = kept.named("job");
    assert_eq!(runs.len(), 2, "{runs:?}");
    for (run, attempt) in runs.iter().zip(1..) {
        let span = &run.spans[0];
        assert_eq!((run.id, run.remote_parent), (request.trace, Some(request.span)));
        assert_eq!(span.kind, SpanKind::Consumer);
        assert_eq!(value(span, "sqal.job.kind"), Some(&AttributeValue::Text("report".to_owned())));
        assert_eq!(value(span, "sqal.job.id"), Some(&AttributeValue::Integer(id.number().try_into().unwrap())));
        assert_eq!(value(span, "sqal.job.attempt"), Some(&AttributeValue::Integer(attempt)));
        let inner = run.spans.iter().find(|span| span.name == "the work").unwrap();
        assert_eq!(inner.parent, Some(span.id));
        assert_eq!(matches!(span.status, SpanStatus::Error(_)), attempt == 1, "{span:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_fails_is_kept_whole_although_its_trace_was_not_sampled() {
    let (kept, bench) = (Arc::new(Kept::default()), Bench::new());
    let _tracing = kept.begin(HeadSampling::Never);
    let fail = |text: &str| match text {
        "a body" => Ok(String::new()),
        "panics" => panic!("in the work"),
        _ => Err(WorkError::permanent("no such report")),
    };
    let work = done(move |job, _| async move { fail(&job.body) });
    let _process = bench.worker("server 1", work, WorkConfig::default());
    for body in ["a body", "panics", "fails"] {
        let mut job = new_job(&bench, 1);
        body.clone_into(&mut job.body);
        let id = bench.queue.enqueue(&job).await.unwrap().id();
        bench.ended(id).await;
    }
    let kept = kept.named("job");
    assert_eq!(kept.len(), 2, "{kept:?}");
    for trace in kept {
        assert!(matches!(trace.spans[0].status, SpanStatus::Error(_)), "{trace:?}");
        // What failed may name a person: it is in the job and in the log, and in no trace.
        assert!(!format!("{trace:?}").contains("no such report"), "{trace:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_keeps_the_trace_that_it_names_and_begins_one_if_it_names_none() {
    let (kept, bench) = (Arc::new(Kept::default()), Bench::new());
    let _tracing = kept.begin(HeadSampling::Always);
    let _process = bench.worker("server 1", done(|_, _| async { Ok(String::new()) }), WorkConfig::default());
    let own: TraceContext = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse().unwrap();
    let mut named = new_job(&bench, 1);
    named.traceparent = Some(own.to_string());
    let request = async {
        // A job that another program has enqueued may name anything.
        let mut wrong = new_job(&bench, 1);
        wrong.traceparent = Some("not a trace".to_owned());
        let named = enqueue(&*bench.queue, &named).await.unwrap().id();
        [named, enqueue(&*bench.queue, &wrong).await.unwrap().id()]
    };
    let ids = request.instrument(debug_span!("request")).await;
    let alone = enqueue(&*bench.queue, &new_job(&bench, 1)).await.unwrap().id();
    for id in ids.into_iter().chain([alone]) {
        assert_eq!(bench.ended(id).await.state, JobState::Succeeded);
    }
    assert_eq!(bench.job(alone).await.traceparent, None);
    let runs = kept.named("job");
    let parents: Vec<_> = runs.iter().map(|run| run.remote_parent).collect();
    assert_eq!(parents, [Some(own.span), None, None]);
    assert_eq!(runs[0].id, own.trace);
    assert_ne!(runs[1].id, runs[2].id);
}
