//! The text of a trace context: what is written is read back, and what W3C Trace Context forbids is
//! refused.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use sqal_telemetry::{SpanId, TraceContext, TraceId};

const SOUND: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn contexts() -> impl Strategy<Value = TraceContext> {
    (1..=u128::MAX, 1..=u64::MAX, any::<bool>()).prop_map(|(trace, span, sampled)| context(trace, span, sampled))
}

fn context(trace: u128, span: u64, sampled: bool) -> TraceContext {
    TraceContext::new(TraceId::new(trace).unwrap(), SpanId::new(span).unwrap(), sampled)
}

fn refusal(text: &str) -> String {
    text.parse::<TraceContext>().unwrap_err().to_string()
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(context in contexts()) {
        let text = context.to_string();
        prop_assert_eq!(text.len(), 55);
        prop_assert_eq!(text.parse::<TraceContext>(), Ok(context));
    }

    #[test]
    fn no_text_panics_and_the_ids_that_are_read_are_those_of_the_text(
        text in prop_oneof![".{0,80}", "[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"],
    ) {
        if let Ok(context) = text.parse::<TraceContext>() {
            prop_assert_eq!(&context.to_string()[2..53], &text[2..53]);
            prop_assert!(!text.starts_with("ff"));
        }
    }

    #[test]
    fn a_change_of_one_character_of_the_ids_is_refused_or_names_another_span(
        context in contexts(),
        at in 2..53_usize,
        to in "[ -~]",
    ) {
        let mut changed = context.to_string();
        changed.replace_range(at..=at, &to);
        prop_assume!(changed != context.to_string());
        prop_assert_ne!(changed.parse::<TraceContext>().ok(), Some(context));
    }

    #[test]
    fn the_flags_say_only_whether_the_trace_is_sampled(context in contexts(), flags in any::<u8>()) {
        let text = format!("{}{flags:02x}", &context.to_string()[..53]);
        let read = text.parse::<TraceContext>().unwrap();
        prop_assert_eq!(read, TraceContext::new(context.trace, context.span, flags & 1 == 1));
    }

    #[test]
    fn a_later_version_is_read_by_its_first_55_characters(
        context in contexts(),
        version in 1..0xff_u8,
        more in "(-.{0,40})?",
    ) {
        let text = format!("{version:02x}{}{more}", &context.to_string()[2..]);
        prop_assert_eq!(text.parse::<TraceContext>(), Ok(context));
        let joined = format!("{version:02x}{}0", &context.to_string()[2..]);
        prop_assert!(joined.parse::<TraceContext>().is_err(), "{joined}");
    }

    #[test]
    fn a_refusal_quotes_at_most_55_characters(text in "[a-z]{56,500}") {
        let told = refusal(&text);
        prop_assert!(told.contains(&text[..55]), "{told}");
        prop_assert!(!told.contains(&text[..56]), "{told}");
    }
}

#[test]
fn the_example_of_the_recommendation_is_read() {
    let context: TraceContext = SOUND.parse().unwrap();
    assert_eq!(context.trace.get(), 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
    assert_eq!(context.span.get(), 0x00f0_67aa_0ba9_02b7);
    assert!(context.sampled);
    assert_eq!(format!("{:?}", context.span), "SpanId(00f067aa0ba902b7)");
}

#[test]
fn each_fault_is_named() {
    let faults = [
        ("", "it has 0 bytes"),
        (&SOUND[..54], "it has 54 bytes, and at least 55 are needed"),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-", "it has 56 bytes, and version 00 has exactly 55"),
        ("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.", "byte 56 must be a hyphen"),
        ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "version ff is forbidden"),
        ("0x-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "the version must be 2 lower-case"),
        ("00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "byte 3 must be a hyphen"),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01", "byte 36 must be a hyphen"),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7_01", "byte 53 must be a hyphen"),
        ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", "the trace id must be 32 lower-case"),
        ("00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01", "the trace id must be 32 lower-case"),
        ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", "the trace id must not be all zeros"),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00F067AA0BA902B7-01", "the span id must be 16 lower-case"),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", "the span id must not be all zeros"),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0A", "the flags must be 2 lower-case"),
    ];
    for (text, fault) in faults {
        let told = refusal(text);
        assert!(told.contains(fault), "{text}: {told}");
    }
}

#[test]
fn ten_kilobytes_are_refused_in_few_words() {
    for text in ["a".repeat(10_240), format!("00-{}", "é\n".repeat(5000)), format!("{SOUND}-").repeat(183)] {
        let told = refusal(&text);
        assert!(told.len() < 300 && !told.contains('\n'), "{told}");
    }
}

#[test]
fn zero_is_no_id() {
    assert_eq!(TraceId::new(0), None);
    assert_eq!(SpanId::new(0), None);
}
