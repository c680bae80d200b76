//! A trace is bounded: in spans, texts and links. What is beyond is counted, and its failures still
//! keep the trace.

use sqal_telemetry::held::{AttributeValue, HeadSampling, SpanStatus};
use sqal_telemetry::{SpanId, TraceContext, TraceId, context_of};
use tracing::{debug_span, field};

use crate::harness::{kept, only, value};

#[test]
fn a_trace_has_at_most_512_spans_and_counts_the_others() {
    let trace = only(|_| {
        let root = debug_span!("root");
        for n in 0..600_u64 {
            let span = debug_span!(parent: &root, "child", n);
            drop(debug_span!(parent: &span, "within"));
        }
    });
    assert_eq!(trace.spans.len(), 512);
    assert_eq!(trace.dropped, 1 + 2 * 600 - 512);
    let ids: Vec<_> = trace.spans.iter().map(|span| span.id).collect();
    assert!(trace.spans[1..].iter().all(|span| ids.contains(&span.parent.unwrap())), "no span is without its parent");
}

#[test]
fn a_failure_beyond_the_limit_keeps_the_trace() {
    for fails in [false, true] {
        let taken = kept(HeadSampling::Never, |_| {
            let root = debug_span!("root");
            let spans: Vec<_> =
                (0..600).map(|_| debug_span!(parent: &root, "n", otel.status_code = field::Empty)).collect();
            if fails {
                spans[599].record("otel.status_code", "ERROR");
            }
        });
        assert_eq!(taken.len(), usize::from(fails));
        for trace in taken {
            assert!(trace.spans.iter().all(|span| span.status == SpanStatus::Unset));
            let error = AttributeValue::Text("error".to_owned());
            assert_eq!(value(&trace.spans[0], "sqal.kept"), Some(&error));
        }
    }
}

#[test]
fn a_span_beyond_the_limit_has_a_context_of_its_own() {
    let trace = only(|_| {
        let root = debug_span!("root");
        let spans: Vec<_> = (0..600).map(|_| debug_span!(parent: &root, "n")).collect();
        let (last, last_but_one) = (context_of(&spans[599]).unwrap(), context_of(&spans[598]).unwrap());
        assert_eq!(last.trace, context_of(&root).unwrap().trace);
        assert_ne!(last.span, last_but_one.span);
    });
    assert_eq!(trace.dropped, 89);
}

#[test]
fn the_texts_of_a_trace_have_at_most_a_mebibyte() {
    let text = "x".repeat(4096);
    let trace = only(|_| {
        let root = debug_span!("root", text = field::Empty, last = field::Empty);
        // A text that is recorded again takes more room.
        for _ in 0..400 {
            root.record("text", text.as_str());
        }
        root.record("last", 5_i64);
    });
    let AttributeValue::Text(kept) = value(&trace.spans[0], "text").unwrap() else { panic!("{trace:?}") };
    assert_eq!(kept, "", "the room is used up");
    assert_eq!(value(&trace.spans[0], "last"), Some(&AttributeValue::Integer(5)));
}

#[test]
fn a_trace_has_at_most_128_links() {
    let trace = only(|_| {
        let root = debug_span!("root");
        for n in 1..=200 {
            let context = TraceContext::new(TraceId::new(n).unwrap(), SpanId::new(9).unwrap(), true);
            drop(debug_span!(parent: &root, "linked", traceparent = %context));
        }
    });
    assert_eq!(trace.spans.iter().map(|span| span.links.len()).sum::<usize>(), 128);
}
