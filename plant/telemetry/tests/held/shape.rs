//! The shape of a trace: which span is under which, and how long each lasts.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use proptest::prelude::*;
use sqal_telemetry::held::{AttributeValue, FinishedSpan, HeadSampling};
use tokio::sync::oneshot;
use tracing::{Instrument, debug_span, dispatcher};

use crate::harness::{follow, kept, names, only, pass, span, value, wall};

proptest! {
    #[test]
    fn every_span_is_under_the_span_that_it_was_made_under(
        above in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
        keys in prop::collection::vec(any::<u16>(), 41),
    ) {
        let trace = only(|sink| {
            let mut spans = vec![debug_span!("node", n = 0_u64)];
            for (n, above) in (1_u64..).zip(&above) {
                let parent = &spans[above.index(spans.len())];
                let span = debug_span!(parent: parent, "node", n);
                spans.push(span);
            }
            // In whatever order the spans close, the trace ends with the last of them.
            let mut order: Vec<_> = keys.iter().zip(spans).collect();
            order.sort_by_key(|(key, _)| **key);
            for (_, span) in order {
                assert_eq!(sink.taken(), []);
                drop(span);
            }
        });
        prop_assert_eq!(trace.spans.len(), above.len() + 1);
        prop_assert_eq!(trace.spans[0].parent, None);
        let number = |span: &FinishedSpan| match value(span, "n") {
            Some(AttributeValue::Integer(n)) => usize::try_from(*n).unwrap(),
            other => panic!("{other:?}"),
        };
        let ids: HashMap<_, _> = trace.spans.iter().map(|span| (number(span), span.id)).collect();
        prop_assert_eq!(ids.values().collect::<HashSet<_>>().len(), above.len() + 1, "each id is given once");
        let mut before = HashSet::new();
        for span in &trace.spans {
            if let Some(above) = number(span).checked_sub(1).map(|at| above[at].index(at + 1)) {
                prop_assert_eq!(span.parent, Some(ids[&above]));
                prop_assert!(before.contains(&ids[&above]), "a span is behind its parent");
            }
            before.insert(span.id);
        }
    }

    #[test]
    fn a_span_lasts_until_it_was_last_left(visits in prop::collection::vec((0..100_u64, 0..100_u64), 0..10)) {
        let (mut start, mut end) = (wall(), wall());
        let trace = only(|_| {
            pass(5);
            (start, end) = (wall(), wall());
            let root = debug_span!("root");
            for (before, within) in visits {
                pass(before);
                root.in_scope(|| pass(within));
                end = wall();
            }
            pass(7);
        });
        prop_assert_eq!((trace.spans[0].start, trace.spans[0].end), (start, end));
    }
}

#[test]
fn the_current_span_is_the_parent_of_a_new_one() {
    let trace = only(|_| {
        debug_span!("root").in_scope(|| {
            debug_span!("first").in_scope(|| drop(debug_span!("within")));
            drop(debug_span!("second"));
        });
    });
    let parent = |name| span(&trace, name).parent;
    assert_eq!(parent("first"), Some(span(&trace, "root").id));
    assert_eq!(parent("within"), Some(span(&trace, "first").id));
    assert_eq!(parent("second"), Some(span(&trace, "root").id));
}

#[test]
fn spans_of_other_targets_and_finer_levels_make_no_trace() {
    let taken = kept(HeadSampling::Always, |_| {
        drop(debug_span!(target: "elsewhere", "unseen"));
        drop(tracing::trace_span!("fine"));
        drop(tracing::error_span!(target: "hel", "shorter than the source"));
    });
    assert_eq!(taken, []);
    let coarse = only(|_| drop(tracing::error_span!(target: "sqal_http::door", "coarse")));
    assert_eq!(names(&coarse), ["coarse"]);
}

#[tokio::test]
async fn a_task_that_outlives_its_root_belongs_to_the_trace() {
    let (sink, dispatch) = follow(HeadSampling::Always);
    let _current = dispatcher::set_default(&dispatch);
    let (go, gone) = oneshot::channel::<()>();
    let root = debug_span!("root");
    let task = root.in_scope(|| {
        pass(2);
        let waiting = async move {
            gone.await.unwrap();
            pass(40);
        };
        tokio::spawn(waiting.instrument(debug_span!("task")))
    });
    drop(root);
    tokio::task::yield_now().await;
    assert_eq!(sink.taken(), [], "the trace has not ended");
    go.send(()).unwrap();
    task.await.unwrap();

    let trace = &sink.taken()[0];
    assert_eq!(names(trace), ["root", "task"]);
    let (root, task) = (&trace.spans[0], &trace.spans[1]);
    assert_eq!(task.parent, Some(root.id));
    assert_eq!(root.end.duration_since(root.start).unwrap(), Duration::from_millis(2));
    assert_eq!(task.end.duration_since(root.end).unwrap(), Duration::from_millis(40));
}

#[tokio::test]
async fn work_that_waits_is_one_span_from_its_first_to_its_last_moment() {
    let (sink, dispatch) = follow(HeadSampling::Always);
    let _current = dispatcher::set_default(&dispatch);
    let work = async {
        for millis in [1, 2, 4] {
            pass(millis);
            tokio::task::yield_now().await;
        }
    };
    work.instrument(debug_span!("root")).await;
    let trace = &sink.taken()[0];
    assert_eq!(names(trace), ["root"]);
    assert_eq!(trace.spans[0].end.duration_since(trace.spans[0].start).unwrap(), Duration::from_millis(7));
}
