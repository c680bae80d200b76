//! The events of the database driver become spans of the trace in which they happen.

use std::time::Duration;

use proptest::prelude::*;
use sqal_telemetry::held::{AttributeValue, HeadSampling, SpanKind};
use tracing::{Level, debug_span, enabled, event};

use crate::harness::{kept, names, only, pass, span, value, wall};

/// What the driver says of a query.
fn query(summary: &str, statement: &str, seconds: f64, rows: u64) {
    event!(
        target: "sqlx::query",
        Level::DEBUG,
        summary,
        db.statement = statement,
        rows_affected = 0_u64,
        rows_returned = rows,
        elapsed = ?Duration::from_secs_f64(seconds),
        elapsed_secs = seconds,
    );
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::Text(text.to_owned())
}

#[test]
fn a_query_is_a_span_that_ends_now_under_the_current_span() {
    let mut now = wall();
    let trace = only(|_| {
        debug_span!("root").in_scope(|| {
            debug_span!("commit").in_scope(|| {
                pass(1000);
                now = wall();
                query("insert INTO samples (id, …", "\n\ninsert INTO samples (id,\n  at)\nVALUES ($1, $2)\n", 0.25, 3);
            });
        });
    });
    assert_eq!(names(&trace), ["root", "commit", "INSERT"]);
    let insert = span(&trace, "INSERT");
    assert_eq!(insert.parent, Some(span(&trace, "commit").id));
    assert_eq!(insert.kind, SpanKind::Client);
    assert_eq!((insert.start, insert.end), (now - Duration::from_millis(250), now));
    let statement = text("insert INTO samples (id, at) VALUES ($1, $2)");
    let expected = [("db.query.text", statement), ("db.response.returned_rows", AttributeValue::Integer(3))];
    assert_eq!(insert.attributes, expected);
}

#[test]
fn a_query_may_have_begun_before_its_trace() {
    let trace = only(|_| debug_span!("root").in_scope(|| query("COMMIT", "", 2.0, 0)));
    let (root, commit) = (span(&trace, "root"), span(&trace, "COMMIT"));
    assert_eq!(root.start.duration_since(commit.start).unwrap(), Duration::from_secs(2));
    assert_eq!(value(commit, "db.query.text"), Some(&text("COMMIT")), "a summary that is the whole statement");
}

#[test]
fn the_first_word_of_a_statement_is_the_name() {
    let cases = [
        ("select 1", "SELECT"),
        ("  WITH a AS …", "WITH"),
        ("MERGE INTO t …", "MERGE"),
        ("", "query"),
        ("verylongwordverylongwordverylongword x", "verylongwordverylongwordverylong"),
    ];
    for (summary, name) in cases {
        let trace = only(|_| debug_span!("root").in_scope(|| query(summary, "", 0.0, 0)));
        assert_eq!(names(&trace), ["root", name]);
    }
}

#[test]
fn queries_outside_of_a_trace_are_not_seen() {
    let taken = kept(HeadSampling::Always, |_| {
        query("SELECT 1", "", 0.1, 1);
        debug_span!(target: "elsewhere", "unseen").in_scope(|| query("SELECT 2", "", 0.1, 1));
    });
    assert_eq!(taken, []);
}

/// The driver asks whether its event is wanted, and a layer that is asked without an event keeps
/// its answer for what comes next in the thread.
#[test]
fn a_question_of_the_driver_without_an_event_loses_no_trace() {
    let trace = only(|_| {
        let _ = enabled!(target: "sqlx::query", Level::DEBUG);
        drop(debug_span!("root"));
    });
    assert_eq!(names(&trace), ["root"]);
}

#[test]
fn other_events_of_a_trace_are_no_spans() {
    let trace = only(|_| {
        debug_span!("root").in_scope(|| {
            event!(target: "sqlx::pool", Level::DEBUG, summary = "SELECT 1", elapsed_secs = 0.1);
            event!(Level::ERROR, summary = "SELECT 1", "failed");
        });
    });
    assert_eq!(names(&trace), ["root"]);
}

#[test]
fn queries_count_among_the_spans_of_a_trace() {
    let trace = only(|_| {
        debug_span!("root").in_scope(|| {
            for _ in 0..600 {
                query("SELECT 1", "", 0.1, 1);
            }
        });
    });
    assert_eq!((trace.spans.len(), trace.dropped), (512, 89));
}

proptest! {
    #[test]
    fn a_statement_is_shown_with_single_blanks_and_at_most_a_kibibyte(
        words in prop::collection::vec("[a-z$é]{1,12}", 1..300),
        blank in "[ \n\t]{1,3}",
    ) {
        let statement = words.join(blank.as_str());
        let trace = only(|_| debug_span!("root").in_scope(|| query("SELECT …", &statement, 0.1, 0)));
        let Some(AttributeValue::Text(shown)) = value(span(&trace, "SELECT"), "db.query.text") else {
            panic!("{trace:?}")
        };
        let folded = words.join(" ");
        prop_assert!(folded.starts_with(shown.as_str()), "{shown}");
        prop_assert!(shown.len() == folded.len() || (1023..=1024).contains(&shown.len()), "{}", shown.len());
    }
}
