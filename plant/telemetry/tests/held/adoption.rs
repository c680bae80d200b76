//! Work that serves several traces, such as one commit of many samples, is shown whole in each of
//! them that is kept.

use std::collections::HashSet;

use sqal_telemetry::held::{FinishedTrace, HeadSampling, SpanStatus};
use sqal_telemetry::{SpanId, TraceContext, TraceId, context_of};
use tracing::{Span, debug_span, field};

use crate::harness::{choose, kept, names, only, pass, random, span, value};

/// A request, and a span in it that waits for a commit.
fn request(name: &str) -> (Span, Span) {
    let request = debug_span!(parent: None, "request", otel.name = name, traceparent = field::Empty);
    let store = debug_span!(parent: &request, "store");
    (request, store)
}

/// A request whose caller keeps the trace, or does not.
fn remote_request(n: u64, sampled: bool) -> (Span, Span) {
    let (request, store) = request("remote");
    let remote = TraceContext::new(TraceId::new(u128::from(n)).unwrap(), SpanId::new(n).unwrap(), sampled);
    request.record("traceparent", field::display(remote));
    (request, store)
}

/// A commit that follows from spans, and has a span of its own.
fn commit(waiting: &[&Span]) -> Span {
    let commit = debug_span!(parent: None, "commit", otel.status_code = field::Empty);
    for span in waiting {
        commit.follows_from(*span);
    }
    drop(debug_span!(parent: &commit, "write", rows = 2_i64));
    commit
}

fn ids(trace: &FinishedTrace) -> HashSet<SpanId> {
    trace.spans.iter().map(|span| span.id).collect()
}

/// Whether the trace has the whole commit under its span `store`.
fn has_commit(trace: &FinishedTrace) -> bool {
    let (store, commit, write) = (span(trace, "store"), span(trace, "commit"), span(trace, "write"));
    value(write, "rows").is_some() && commit.parent == Some(store.id) && write.parent == Some(commit.id)
}

#[test]
fn a_commit_is_a_part_of_each_trace_that_it_serves() {
    let taken = kept(HeadSampling::Always, |sink| {
        let (one, two) = (request("one"), request("two"));
        let commit = commit(&[&one.1, &two.1]);
        commit.in_scope(|| pass(3));
        drop(commit);
        assert_eq!(sink.taken(), [], "a commit is not kept on its own");
        drop((one, two));
    });
    assert_eq!(
        taken.iter().map(names).collect::<Vec<_>>(),
        [["one", "store", "commit", "write"], ["two", "store", "commit", "write"],]
    );
    assert_ne!(taken[0].id, taken[1].id);
    assert!(taken.iter().all(has_commit), "{taken:?}");
    assert!(ids(&taken[0]).is_disjoint(&ids(&taken[1])), "each copy has ids of its own");
    for trace in &taken {
        assert_eq!(ids(trace).len(), 4);
        let commit = span(trace, "commit");
        assert_eq!(commit.end.duration_since(commit.start).unwrap().as_millis(), 3);
        assert_eq!(commit.links, []);
    }
}

#[test]
fn only_traces_that_are_kept_have_a_copy() {
    let taken = kept(HeadSampling::Always, |_| {
        let (one, two, three) = (remote_request(1, false), remote_request(2, true), remote_request(3, false));
        drop(commit(&[&one.1, &two.1, &three.1]));
        drop((one, two, three));
    });
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].id, TraceId::new(2).unwrap());
    assert!(has_commit(&taken[0]));
}

#[test]
fn a_copy_is_in_the_trace_that_is_known_late() {
    let trace = only(|_| {
        let (request, store) = request("late");
        drop(commit(&[&store]));
        drop(store);
        let remote = TraceContext::new(TraceId::new(77).unwrap(), SpanId::new(8).unwrap(), true);
        request.record("traceparent", field::display(remote));
    });
    assert_eq!(trace.id, TraceId::new(77).unwrap());
    assert!(has_commit(&trace));
}

#[test]
fn a_commit_that_fails_keeps_every_trace_that_it_serves() {
    let taken = kept(HeadSampling::Never, |_| {
        let (one, two, other) = (request("one"), request("two"), request("other"));
        let failing = commit(&[&one.1, &two.1]);
        failing.record("otel.status_code", "ERROR");
        drop(failing);
        drop(commit(&[&other.1]));
        drop((one, two, other));
    });
    assert_eq!(taken.iter().map(|trace| names(trace)[0]).collect::<Vec<_>>(), ["one", "two"]);
    for trace in &taken {
        assert!(has_commit(trace));
        assert_eq!(span(trace, "commit").status, SpanStatus::Error(String::new()));
        assert!(value(&trace.spans[0], "sqal.kept").is_some());
    }
}

#[test]
fn a_trace_waits_for_the_commits_that_it_adopted_and_is_handed_over_whole() {
    let taken = kept(HeadSampling::Always, |sink| {
        let (one, two) = (remote_request(1, true), remote_request(2, false));
        let (first, second) = (commit(&[&one.1, &two.1]), commit(&[&one.1]));
        drop((one, two));
        drop(first);
        assert_eq!(sink.taken(), [], "the second commit goes on");
        drop(second);
        assert_eq!(sink.taken().len(), 1);
    });
    let [request] = &taken[..] else { panic!("{taken:?}") };
    assert_eq!(names(request), ["remote", "store", "commit", "write", "commit", "write"]);
    let store = span(request, "store").id;
    assert!(request.spans.iter().filter(|span| span.name == "commit").all(|commit| commit.parent == Some(store)));
    assert_eq!(ids(request).len(), 6);
}

#[test]
fn a_failure_that_its_trace_did_not_live_to_see_is_kept_on_its_own() {
    for fails in [false, true] {
        let taken = kept(HeadSampling::Never, |_| {
            let (request, store) = request("gone");
            let commit = commit(&[&store]);
            drop((request, store));
            if fails {
                commit.record("otel.status_code", "ERROR");
            }
        });
        assert_eq!(taken.len(), usize::from(fails));
        assert!(taken.iter().all(|trace| names(trace) == ["commit", "write"]));
    }
}

#[test]
fn a_span_is_followed_once_however_many_times_it_is_named() {
    let trace = only(|_| {
        let (_request, store) = request("batch");
        drop(commit(&[&store, &store, &store]));
    });
    assert!(has_commit(&trace));
    assert_eq!(trace.spans.len(), 4);
}

#[test]
fn each_waiting_span_of_one_trace_has_a_copy() {
    let trace = only(|_| {
        let (request, store) = request("batch");
        let second = debug_span!(parent: &request, "second store");
        drop(commit(&[&store, &second]));
    });
    let commits: HashSet<_> =
        trace.spans.iter().filter(|span| span.name == "commit").map(|span| span.parent.unwrap()).collect();
    assert_eq!(commits, HashSet::from([span(&trace, "store").id, span(&trace, "second store").id]));
    assert_eq!(ids(&trace).len(), 7);
}

#[test]
fn a_span_with_a_parent_is_linked_with_what_it_follows() {
    let mut followed = None;
    let taken = kept(HeadSampling::Always, |_| {
        let (one, two) = (request("one"), request("two"));
        followed = context_of(&one.0);
        two.1.follows_from(&one.0);
        let remote = remote_request(9, true);
        remote.0.follows_from(&one.0);
        drop(remote);
        drop((one, two));
    });
    assert_eq!(taken.iter().map(|trace| names(trace)[0]).collect::<Vec<_>>(), ["remote", "one", "two"]);
    assert_eq!(taken[0].spans[0].links, [followed.unwrap()], "a remote parent is a parent");
    assert_eq!(span(&taken[2], "store").links, [followed.unwrap()]);
    assert!(taken.iter().all(|trace| trace.spans.len() == 2), "nothing is copied");
}

#[test]
fn adoption_has_one_level() {
    let taken = kept(HeadSampling::Always, |_| {
        let (inner, middle, outer) = (request("inner"), request("middle"), request("outer"));
        inner.0.follows_from(&middle.0);
        middle.0.follows_from(&outer.0);
        // A circle would hold its traces for ever.
        middle.0.follows_from(&inner.0);
        drop((inner, middle, outer));
    });
    assert_eq!(
        taken.iter().map(names).collect::<Vec<_>>(),
        [vec!["middle", "store", "inner", "store"], vec!["outer", "store"],]
    );
    assert_eq!(taken[0].spans[0].links.len(), 2);
}

#[test]
fn a_trace_does_not_follow_from_itself() {
    let trace = only(|_| {
        let (request, store) = request("own");
        request.follows_from(&store);
    });
    assert_eq!(names(&trace), ["own", "store"]);
}

#[test]
fn copies_count_among_the_spans_of_a_trace() {
    let trace = only(|_| {
        let (request, store) = request("large");
        for _ in 0..298 {
            drop(debug_span!(parent: &request, "own"));
        }
        let commit = commit(&[&store]);
        for _ in 0..298 {
            drop(debug_span!(parent: &commit, "query"));
        }
    });
    assert_eq!(trace.spans.len(), 512);
    assert_eq!(trace.dropped, 600 - 512);
    let known = ids(&trace);
    assert!(trace.spans[1..].iter().all(|span| known.contains(&span.parent.unwrap())));
}

#[test]
fn a_copy_that_has_no_room_is_not_made() {
    let mut unused = Vec::new();
    let trace = only(|_| {
        let (request, store) = request("full");
        for _ in 0..600 {
            drop(debug_span!(parent: &request, "own"));
        }
        drop(commit(&[&store]));
        drop(store);
        choose([7, 8, 9]);
        drop(request);
        unused = (0..3).map(|_| random()).collect();
    });
    assert_eq!(unused, [7, 8, 9], "no id is drawn for it");
    assert_eq!((trace.spans.len(), trace.dropped), (512, 602 - 512 + 2));
}

#[test]
fn a_root_that_cannot_be_adopted_stands_for_itself() {
    let taken = kept(HeadSampling::Always, |_| {
        let (inner, outer, apart) = (request("inner"), request("outer"), request("apart"));
        inner.0.follows_from(&outer.0);
        apart.0.follows_from(&inner.0);
        assert!(!context_of(&inner.0).unwrap().sampled, "an adopted trace has other ids where it is shown");
        assert!(context_of(&apart.0).unwrap().sampled);
        drop((inner, outer, apart));
    });
    let shown: Vec<_> = taken.iter().map(names).collect();
    assert_eq!(shown, [vec!["outer", "store", "inner", "store"], vec!["apart", "store"]]);
}

#[test]
fn a_trace_adopts_at_most_64_others_and_is_linked_with_the_rest() {
    let taken = kept(HeadSampling::Always, |_| {
        let (_request, store) = request("busy");
        for _ in 0..70 {
            drop(commit(&[&store]));
        }
    });
    let (request, apart) = taken.split_last().unwrap();
    assert_eq!(request.spans.iter().filter(|span| span.name == "commit").count(), 64);
    assert_eq!(apart.len(), 6);
    let store = TraceContext::new(request.id, span(request, "store").id, true);
    assert!(apart.iter().all(|trace| names(trace) == ["commit", "write"] && trace.spans[0].links == [store]));
}
