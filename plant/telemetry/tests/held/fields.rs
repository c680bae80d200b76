//! What a span shows of its fields: names, kinds, status and attributes, also of those that are
//! recorded later.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use proptest::prelude::*;
use sqal_telemetry::held::AttributeValue::{Flag, Integer, Number, Text};
use sqal_telemetry::held::{SpanKind, SpanStatus};
use tracing::{debug_span, field};

use crate::harness::{names, only, span, value};

proptest! {
    #[test]
    fn the_last_value_of_a_field_counts(values in prop::collection::vec("[a-z]{0,6}", 1..20), at_first in any::<bool>()) {
        let trace = only(|_| {
            let root = debug_span!("root", text = field::Empty, beside = true);
            let other = debug_span!(parent: &root, "other", text = "of the other");
            if at_first {
                root.record("text", "at first");
            }
            for value in &values {
                root.record("text", value.as_str());
            }
            drop(other);
        });
        let root = span(&trace, "root");
        prop_assert_eq!(value(root, "text"), Some(&Text(values.last().unwrap().clone())));
        prop_assert_eq!(value(root, "beside"), Some(&Flag(true)));
        prop_assert_eq!(value(span(&trace, "other"), "text"), Some(&Text("of the other".to_owned())));
    }

    #[test]
    fn a_text_is_kept_whole_or_cut_at_a_character(text in prop_oneof!["\\PC{0,40}", "[a-zé字😀]{1000,3000}"]) {
        let trace = only(|_| drop(debug_span!("root", plain = text.as_str(), shown = %text)));
        for name in ["plain", "shown"] {
            let Some(Text(kept)) = value(&trace.spans[0], name) else { panic!("{trace:?}") };
            prop_assert!(text.starts_with(kept.as_str()));
            prop_assert!(kept.len() == text.len().min(4096) || (4093..4096).contains(&kept.len()) && text.len() > 4096);
        }
    }
}

#[test]
fn each_type_of_a_field_is_an_attribute_of_its_type() {
    let trace = only(|_| {
        let root = debug_span!(
            "root",
            text = "plain",
            shown = %1.5,
            debugged = ?Some("x"),
            signed = -3_i64,
            unsigned = 7_u64,
            huge = u64::MAX,
            number = 0.25,
            flag = false,
            left_out = field::Empty,
            absent = None::<i64>,
            http.request.method = "GET",
        );
        root.record("left_out", 9_u8);
    });
    let root = &trace.spans[0];
    let text = |text: &str| Text(text.to_owned());
    let expected = [
        ("text", text("plain")),
        ("shown", text("1.5")),
        ("debugged", text("Some(\"x\")")),
        ("signed", Integer(-3)),
        ("unsigned", Integer(7)),
        ("huge", text("18446744073709551615")),
        ("number", Number(0.25)),
        ("flag", Flag(false)),
        ("http.request.method", text("GET")),
        ("left_out", Integer(9)),
    ];
    assert_eq!(root.attributes, expected);
}

#[test]
fn fields_with_a_meaning_are_no_attributes() {
    let kinds = [
        ("server", SpanKind::Server),
        ("client", SpanKind::Client),
        ("PRODUCER", SpanKind::Producer),
        ("consumer", SpanKind::Consumer),
        ("internal", SpanKind::Internal),
        ("other", SpanKind::Internal),
    ];
    for (word, kind) in kinds {
        let trace = only(|_| drop(debug_span!("root", otel.kind = word)));
        assert_eq!(trace.spans[0].kind, kind, "{word}");
        assert_eq!(trace.spans[0].attributes, [], "{word}");
        let shown = only(|_| drop(debug_span!("root", otel.kind = %word)));
        assert_eq!(shown.spans[0].kind, kind, "{word}");
    }
}

#[test]
fn a_name_and_a_status_may_be_recorded_later() {
    let trace = only(|_| {
        let root = debug_span!(
            "root",
            otel.name = field::Empty,
            otel.status_code = field::Empty,
            otel.status_description = field::Empty
        );
        root.record("otel.name", field::display("GET /api/v1/samples"));
        root.record("otel.status_code", "ERROR");
        root.record("otel.status_description", "the store is full");
    });
    assert_eq!(names(&trace), ["GET /api/v1/samples"]);
    assert_eq!(trace.spans[0].status, SpanStatus::Error("the store is full".to_owned()));
    assert_eq!(trace.spans[0].attributes, []);
}

#[test]
fn a_description_alone_is_a_failure_and_a_code_alone_has_an_empty_one() {
    let described = only(|_| drop(debug_span!("root", otel.status_description = "late")));
    assert_eq!(described.spans[0].status, SpanStatus::Error("late".to_owned()));
    let coded = only(|_| drop(debug_span!("root", otel.status_code = "ERROR")));
    assert_eq!(coded.spans[0].status, SpanStatus::Error(String::new()));
    let good = only(|_| drop(debug_span!("root", otel.status_code = "OK")));
    assert_eq!(good.spans[0].status, SpanStatus::Unset);
}

/// A value whose debug form panics, or makes a span.
enum Odd {
    Panics,
    MakesSpan,
}

impl fmt::Debug for Odd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panics => panic!("a debug form that panics"),
            Self::MakesSpan => debug_span!("made", inner = "own").in_scope(|| f.write_str("outer")),
        }
    }
}

#[test]
fn a_debug_form_that_panics_harms_no_trace() {
    let trace = only(|_| {
        let root = debug_span!("root", odd = field::Empty, after = field::Empty);
        let broken = catch_unwind(AssertUnwindSafe(|| root.record("odd", field::debug(Odd::Panics)).is_disabled()));
        assert!(broken.is_err());
        root.record("after", 1_i64);
    });
    assert_eq!(trace.spans[0].attributes, [("after", Integer(1))]);
}

#[test]
fn a_debug_form_may_make_spans_of_its_own() {
    let trace = only(|_| {
        debug_span!("root", before = "first", odd = field::Empty).in_scope(|| {
            drop(debug_span!("within", first = "1", odd = ?Odd::MakesSpan, last = "2"));
        });
    });
    let within = span(&trace, "within");
    let text = |text: &str| Text(text.to_owned());
    assert_eq!(within.attributes, [("first", text("1")), ("odd", text("outer")), ("last", text("2"))]);
}
