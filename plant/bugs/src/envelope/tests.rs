//! Envelopes in the forms in which clients of Sentry write them.

use sqal_core::Timestamp;
use sqal_storage::bugs::BugSource;

use super::*;

const SERVER: FaultProject = FaultProject { number: 2, source: BugSource::Server };

/// An item whose length is said, as clients in Rust and Python write it.
fn item(header: &str, payload: &str) -> String {
    format!("{{{header},\"length\":{}}}\n{payload}\n", payload.len())
}

/// An event as the client in Python writes it.
fn python_event(line: u32, address: &str, exchange: &str) -> String {
    let event = format!(
        r#"{{"level":"error","exception":{{"values":[{{"mechanism":{{"type":"excepthook","handled":false}},
        "module":"requests.exceptions","type":"ConnectionError","value":"pool at {address}: {exchange}",
        "stacktrace":{{"frames":[
            {{"filename":"grade.py","abs_path":"/srv/grade.py","function":"<module>","module":"__main__",
              "lineno":{line},
              "pre_context":[],"context_line":"main()","vars":{{"n":"7"}},"in_app":true}},
            {{"filename":"requests/api.py","function":"get","module":"requests.api","lineno":73,
              "in_app":false}}]}}}}]}},
        "event_id":"9ec79c33ec9942ab8353589fcb2e04dc","timestamp":"2026-03-29T01:00:00.000000Z",
        "breadcrumbs":{{"values":[{{"type":"log","category":"root","message":"start",
            "timestamp":"2026-03-29T00:59:59Z"}}]}},
        "contexts":{{"trace":{{"trace_id":"x"}},"runtime":{{"name":"CPython","version":"3.12.3"}}}},
        "transaction":null,"user":{{"id":"77"}},"modules":{{"pip":"24.0"}},"extra":{{"sys.argv":["grade.py"]}},
        "release":"grader@1.4.0","environment":"production","server_name":"plant-1","platform":"python",
        "sdk":{{"name":"sentry.python","version":"2.20.0","packages":[]}}}}"#
    );
    let sent = r#""sent_at":"2026-03-29T01:00:01Z","trace":{"public_key":"k"}"#;
    format!(
        "{{\"event_id\":\"9ec79c33ec9942ab8353589fcb2e04dc\",{sent}}}\n{}",
        item(r#""type":"event","content_type":"application/json""#, &event)
    )
}

fn take(intake: &FaultIntake, bytes: &str) -> EnvelopeTally {
    let envelope = parse(bytes.as_bytes(), &EnvelopeLimits::default()).unwrap();
    intake.take_envelope(&envelope, &SERVER, Timestamp::from_micros(1_774_746_001_000_000).unwrap()).unwrap()
}

fn intake() -> FaultIntake {
    FaultIntake::new(IntakeLimits::default())
}

#[test]
fn equal_errors_of_a_client_in_python_are_one_group() {
    let intake = intake();
    for (line, address) in [(10, "0x7f3a12"), (12, "0x55d0aa")] {
        let tally = take(&intake, &python_event(line, address, "timed out"));
        assert_eq!((tally.event_id.as_deref(), tally.events), (Some("9ec79c33ec9942ab8353589fcb2e04dc"), 1));
    }
    let groups = intake.drain();
    assert_eq!((groups.len(), groups[0].seen.count), (1, 2));
    assert_eq!(groups[0].seen.last.micros(), 1_774_746_000_000_000, "the time of the event");
    let content = groups[0].fault.new.content();
    assert_eq!(content.title, "ConnectionError: pool at 0x7f3a12: timed out");
    assert!(content.description.contains("* <module> in grade.py:10"), "{}", content.description);
    assert!(!content.description.contains("77"), "the user is not named");
}

#[test]
fn what_a_client_in_rust_sends_beside_errors_is_accepted_and_counted() {
    let intake = intake();
    let bytes = [
        "{\"event_id\":\"22d00b3f-d1b1-4b5d-8d20-49d138cd8a9c\"}\n".to_owned(),
        item("\"type\":\"event\"", r#"{"event_id":"22d0","timestamp":1774746000.5,"logentry":{"message":"pump"}}"#),
        item(
            r#""type":"attachment","filename":"log.txt","attachment_type":"a","content_type":"text/plain""#,
            "two\nlines\r\n",
        ),
        item("\"type\":\"transaction\"", r#"{"type":"transaction","spans":[],"start_timestamp":1.0,"timestamp":2.0}"#),
        item("\"type\":\"session\"", r#"{"sid":"a","init":true,"status":"ok","attrs":{"release":"a@1"}}"#),
        item("\"type\":\"sessions\"", r#"{"aggregates":[{"started":"2026-03-29T01:00:00Z","exited":3}],"attrs":{}}"#),
        item("\"type\":\"check_in\"", r#"{"check_in_id":"a","monitor_slug":"nightly","status":"in_progress"}"#),
        item("\"type\":\"client_report\"", r#"{"timestamp":1,"discarded_events":[{"reason":"overflow"}]}"#),
        "{\"type\":\"log\",\"item_count\":1}\n{\"items\":[]}".to_owned(),
    ]
    .concat();
    let tally = take(&intake, &bytes);
    assert_eq!((tally.events, tally.files), (1, 1));
    let counts: Vec<_> = intake.items().into_iter().map(|(kind, count)| (kind.as_str(), count)).collect();
    let expected = [
        ("event", 1),
        ("transaction", 1),
        ("session", 2),
        ("attachment", 1),
        ("client_report", 1),
        ("check_in", 1),
        ("other", 1),
    ];
    assert_eq!(counts, expected);
    let group = intake.drain().remove(0);
    assert_eq!(group.files[0].bytes, b"two\nlines\r\n");
    assert_eq!(group.files[0].content_type.as_deref(), Some("text/plain"));
    assert!(intake.dropped().is_empty());
}

#[test]
fn an_envelope_without_lengths_and_one_with_nothing_are_taken() {
    let intake = intake();
    assert_eq!(take(&intake, "{}"), EnvelopeTally::default());
    let bytes = "{}\n{\"type\":\"session\"}\n{\"started\": \"2020\"}\n{\"type\":\"event\"}\n{\"message\":\"a\"}";
    assert_eq!(take(&intake, bytes).events, 1);
    assert_eq!(intake.waiting(), 1);
}
