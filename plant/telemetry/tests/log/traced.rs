//! A line that is written inside a followed trace names it, whatever the filter of the log hides.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;
use sqal_telemetry::held::{FinishedTrace, HeadSampling, HeldTraces, TraceSink};
use sqal_telemetry::log::{LogControl, LogFormat, LogLines};
use sqal_telemetry::{TraceContext, context_of};
use tracing::{Span, debug_span, info, info_span};
use tracing_subscriber::prelude::*;

use crate::written::Written;

struct Dropped;

impl TraceSink for Dropped {
    fn take(&self, _: FinishedTrace) {}
}

fn next() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(1);
    LAST.fetch_add(1, Ordering::Relaxed)
}

/// The lines that `work` logs at `info`, while the spans of `sqal` are followed.
fn logged(format: LogFormat, work: impl FnOnce()) -> Vec<String> {
    let written = Written::default();
    let (_control, filter) = LogControl::new("info".parse().unwrap(), &[]);
    let lines = LogLines::new(format, written.writer()).with_filter(filter);
    let held = HeldTraces::new(Arc::new(Dropped), HeadSampling::Never, &["sqal"], next);
    let subscriber = tracing_subscriber::registry().with(held.layer()).with(lines);
    tracing::subscriber::with_default(subscriber, work);
    written.take()
}

fn context(span: &Span) -> TraceContext {
    context_of(span).unwrap()
}

#[test]
fn otl_03_a_line_names_the_trace_and_the_span_in_which_it_stands() {
    let mut spans = Vec::new();
    let lines = logged(LogFormat::Text, || {
        let frame = debug_span!(target: "sqal_x", "frame");
        let judge = debug_span!(target: "sqal_x", parent: &frame, "judge");
        frame.in_scope(|| info!(device_id = "D1", "in the frame"));
        judge.in_scope(|| info!("in its judgement"));
        info!(parent: &judge, "said of a span elsewhere");
        // A span that is not followed belongs to the one above it.
        frame.in_scope(|| info_span!(target: "other", "inner").in_scope(|| info!("below")));
        info!("outside");
        frame.in_scope(|| info!(parent: None, "of no span"));
        spans = vec![context(&frame), context(&judge)];
    });
    let [frame, judge] = spans[..] else { panic!("two spans") };
    assert_eq!(frame.trace, judge.trace);
    let of = |context: TraceContext| format!(" trace_id={} span_id={}", context.trace, context.span);
    for (line, end) in [
        (&lines[0], format!("in the frame device_id=\"D1\"{}", of(frame))),
        (&lines[1], format!("in its judgement{}", of(judge))),
        (&lines[2], format!("said of a span elsewhere{}", of(judge))),
        (&lines[3], format!("below{}", of(frame))),
        (&lines[4], "INFO outside".to_owned()),
        (&lines[5], "INFO of no span".to_owned()),
    ] {
        assert!(line.ends_with(&end), "{line} does not end with {end}");
    }
}

#[test]
fn otl_03_a_line_of_json_has_both_ids_as_members() {
    let mut frame = None;
    let lines = logged(LogFormat::Json, || {
        let span = debug_span!(target: "sqal_x", "frame");
        span.in_scope(|| info!(trace_id = "a field of this name", "in the frame"));
        frame = Some(context(&span));
        info!("outside");
    });
    let frame = frame.unwrap();
    let read: Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(read["trace_id"], frame.trace.to_string());
    assert_eq!(read["span_id"], frame.span.to_string());
    assert_eq!(read["field_trace_id"], "a field of this name");
    let outside: Value = serde_json::from_str(&lines[1]).unwrap();
    assert_eq!((outside.get("trace_id"), outside.get("span_id")), (None, None));
}
