//! Traces of many threads do not mix, and none is lost.

use std::collections::{HashMap, HashSet};
use std::thread;

use sqal_telemetry::held::{AttributeValue, FinishedTrace, HeadSampling};
use tracing::{Span, debug_span, dispatcher};

use crate::harness::{follow, names, value};

const THREADS: u64 = 8;

/// The number that each span of a trace has.
fn number(trace: &FinishedTrace) -> i64 {
    let numbers: HashSet<_> = trace
        .spans
        .iter()
        .map(|span| match value(span, "n") {
            Some(AttributeValue::Integer(n)) => *n,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(numbers.len(), 1, "{trace:?}");
    numbers.into_iter().next().unwrap()
}

#[test]
fn traces_of_concurrent_threads_do_not_mix() {
    const TRACES: u64 = 200;
    let (sink, dispatch) = follow(HeadSampling::Always);
    let work = |thread: u64| {
        for n in thread * TRACES..(thread + 1) * TRACES {
            debug_span!("root", n).in_scope(|| {
                for _ in 0..n % 5 {
                    debug_span!("within", n).in_scope(|| drop(debug_span!("deeper", n)));
                }
            });
        }
    };
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let dispatch = &dispatch;
            scope.spawn(move || dispatcher::with_default(dispatch, || work(thread)));
        }
    });
    let taken = sink.taken();
    let sizes: HashMap<_, _> = taken.iter().map(|trace| (number(trace), trace.spans.len())).collect();
    assert_eq!(taken.len(), sizes.len());
    for n in 0..THREADS * TRACES {
        assert_eq!(sizes[&i64::try_from(n).unwrap()], usize::try_from(1 + 2 * (n % 5)).unwrap(), "trace {n}");
    }
}

#[test]
fn one_trace_has_the_spans_that_many_threads_made() {
    let (sink, dispatch) = follow(HeadSampling::Always);
    let in_thread = |root: &Span| {
        for n in 0..60_u64 {
            let span = debug_span!(parent: root, "child", n);
            span.in_scope(|| ());
        }
    };
    dispatcher::with_default(&dispatch, || {
        let root = debug_span!("root");
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| dispatcher::with_default(&dispatch, || in_thread(&root)));
            }
        });
        assert_eq!(sink.taken(), []);
    });
    let taken = sink.taken();
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].spans.len(), 1 + 480);
    let root = taken[0].spans[0].id;
    assert!(taken[0].spans[1..].iter().all(|span| span.parent == Some(root)));
    assert_eq!(taken[0].spans.iter().map(|span| span.id).collect::<HashSet<_>>().len(), 481);
}

#[test]
fn two_roots_that_follow_from_each_other_at_once_are_both_shown() {
    for round in 0..200 {
        let (sink, dispatch) = follow(HeadSampling::Always);
        dispatcher::with_default(&dispatch, || {
            let (one, two) = (debug_span!(parent: None, "one"), debug_span!(parent: None, "two"));
            let follow =
                |from: &Span, to: &Span| dispatcher::with_default(&dispatch, || from.follows_from(to).is_disabled());
            thread::scope(|scope| {
                scope.spawn(|| follow(&one, &two));
                scope.spawn(|| follow(&two, &one));
            });
        });
        let taken = sink.taken();
        let shown: HashSet<_> = taken.iter().flat_map(names).collect();
        assert_eq!(shown, HashSet::from(["one", "two"]), "round {round}: {taken:?}");
    }
}
