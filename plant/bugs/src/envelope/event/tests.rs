//! What is read of an event: every spelling, within bounds, whatever is wrong beside it.

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// The number of bytes of all texts that an event keeps.
fn kept(event: &Event) -> usize {
    format!("{event:?}").len()
}

fn any_json() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "exception",
        "values",
        "type",
        "value",
        "stacktrace",
        "frames",
        "function",
        "lineno",
        "message",
        "logentry",
        "formatted",
        "tags",
        "level",
        "contexts",
        "device",
        "model",
        "breadcrumbs",
        "timestamp",
        "fingerprint",
        "threads",
        "crashed",
        "release",
        "in_app",
        "filename",
        "user",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 80, 8, move |inner| {
        let fields = proptest::collection::vec((names.clone(), inner.clone()), 0..8);
        prop_oneof![
            proptest::collection::vec(inner, 0..8).prop_map(Value::from),
            fields
                .prop_map(|fields| fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Value>()),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        let _ = read(&bytes);
    }

    #[test]
    fn any_object_of_json_is_read(value in any_json()) {
        prop_assert_eq!(read(value.to_string().as_bytes()).is_ok(), value.is_object());
    }

    #[test]
    fn what_is_wrong_beside_it_does_not_lose_the_event(
        depth in 100_usize..3_000, half in 0xD800_u16..0xE000, number in "-?[1-9][0-9]{0,3}e[3-9][1-9][0-9]{1,4}",
    ) {
        let deep = format!("{}{number}{}", "{\"a\":[".repeat(depth), "]}".repeat(depth));
        let json = format!(
            r#"{{"extra":{{"deep":{deep}}},"contexts":{{"trace":{deep},"device":{{"model":"m","family":{deep}}}}},
            "message":"bad \u{half:04x} x","tags":{{"huge":{number},"deep":{deep},"\u{half:04x}":"\u{half:04x}"}},
            "exception":[{{"type":"E","stacktrace":{{"frames":[{{"function":"f","lineno":{number},"vars":{deep}}}]}}}}],
            "timestamp":{number},"level":"fatal"}}"#
        );
        let event = read(json.as_bytes()).unwrap();
        prop_assert_eq!(event.message.as_deref(), Some("bad \u{fffd} x"));
        prop_assert_eq!(event.model.as_deref(), Some("m"));
        prop_assert_eq!(event.tags, BTreeMap::from([("\u{fffd}".to_owned(), "\u{fffd}".to_owned())]));
        let frame = StackFrame { function: Some("f".to_owned()), ..StackFrame::default() };
        prop_assert_eq!((event.level, event.timestamp), (EventLevel::Fatal, None));
        prop_assert_eq!(&event.exceptions[0].frames, &[frame]);
    }

    #[test]
    fn a_time_that_cannot_be_is_replaced_by_that_of_the_receipt(own in any::<i64>()) {
        let received = Timestamp::from_micros(1_774_746_000_000_000).unwrap();
        let event = Event { timestamp: Timestamp::from_micros(own).ok(), ..Event::default() };
        let seen = event.seen_at(received);
        prop_assert!(seen <= received && received.micros() - seen.micros() <= OLDEST_MICROS);
    }
}

#[test]
fn an_event_of_the_largest_size_keeps_a_bounded_part() {
    let long = "é".repeat(400);
    let frame = json!({"function": long, "module": long, "filename": long, "lineno": 7});
    let exception = json!({"type": long, "value": long.repeat(9), "stacktrace": {"frames": vec![frame; 120]}});
    for value in [
        json!({"exception": {"values": vec![exception; 3]}}),
        json!({"breadcrumbs": vec![json!({"message": long, "category": long}); 500]}),
        json!({"tags": (0..500).map(|n| (format!("{n}{long}"), json!(long))).collect::<Map<_, _>>()}),
        json!({"message": long.repeat(500), "fingerprint": vec![long.as_str(); 500]}),
    ] {
        let bytes = value.to_string().into_bytes();
        assert!(bytes.len() <= LARGEST_EVENT, "{}", bytes.len());
        let event = read(&bytes).unwrap();
        assert!(event.exceptions.iter().all(|one| one.frames.len() <= MOST_FRAMES));
        assert!(event.tags.len() <= MOST_TAGS && event.steps.len() <= MOST_STEPS);
        assert!(event.message.as_ref().is_none_or(|message| message.len() <= LONGEST_MESSAGE));
        let most = MOST_EXCEPTIONS * (MOST_FRAMES * 4 * LONGEST_NAME + 2 * LONGEST_MESSAGE);
        assert!(kept(&event) < most, "{}", kept(&event));
    }
    let large = vec![b' '; LARGEST_EVENT + 1];
    assert_eq!(read(&large), Err(InvalidEvent::TooLarge { len: LARGEST_EVENT + 1, most: LARGEST_EVENT }));
}

#[test]
fn the_last_frames_and_exceptions_are_kept_because_the_fault_is_there() {
    let frames: Vec<_> = (0..150).map(|n| json!({"function": format!("f{n}")})).collect();
    let values: Vec<_> = (0..12).map(|n| json!({"type": format!("E{n}"), "stacktrace": {"frames": frames}})).collect();
    let event = read(json!({"exception": values}).to_string().as_bytes()).unwrap();
    assert_eq!(event.exceptions.len(), MOST_EXCEPTIONS);
    let last = event.exceptions.last().unwrap();
    assert_eq!((last.kind.as_deref(), last.frames.len()), (Some("E11"), MOST_FRAMES));
    assert_eq!(last.frames.last().unwrap().function.as_deref(), Some("f149"));
}

#[test]
fn each_spelling_of_a_field_is_read() {
    let event = |value: Value| read(value.to_string().as_bytes()).unwrap();
    let plain = event(json!({"message": "valve 7", "level": "warning", "timestamp": 1_700_000_000.25}));
    assert_eq!((plain.message.as_deref(), plain.level), (Some("valve 7"), EventLevel::Warning));
    assert_eq!(plain.timestamp.unwrap().micros(), 1_700_000_000_250_000);
    let entry = json!({"message": "valve %s", "params": ["7"], "formatted": "valve 7"});
    for value in [json!({"logentry": entry}), json!({"message": entry})] {
        let of = event(value);
        assert_eq!((of.message.as_deref(), of.template.as_deref()), (Some("valve 7"), Some("valve %s")));
    }
    let tags = |value: Value| event(json!({"tags": value})).tags.into_iter().collect::<Vec<_>>();
    let expected = [("a".to_owned(), "1".to_owned()), ("b".to_owned(), "x".to_owned())];
    assert_eq!(tags(json!({"a": 1, "b": "x", "c": null})), expected);
    assert_eq!(tags(json!([["a", "1"], ["b", "x"], ["c"], 3])), expected);
    assert_eq!(tags(json!([{"key": "a", "value": "1"}, {"key": "b", "value": "x"}])), expected);
    for text in ["2023-11-14T22:13:20.25Z", "2023-11-14T22:13:20.250000", "2023-11-14T23:13:20.25+01:00"] {
        assert_eq!(event(json!({"timestamp": text})).timestamp, plain.timestamp, "{text}");
    }
}

#[test]
fn the_user_is_not_kept() {
    let event =
        read(br#"{"user": {"id": "u1", "email": "a@b.fr", "ip_address": "10.0.0.1"}, "message": "m"}"#).unwrap();
    let kept = format!("{event:?}");
    assert!(!kept.contains("a@b.fr") && !kept.contains("10.0.0.1") && !kept.contains("u1"), "{kept}");
}

#[test]
fn the_firmware_and_the_device_come_from_tags_or_else_from_the_release_and_the_machine() {
    let of = |value: Value| {
        let event = read(value.to_string().as_bytes()).unwrap();
        let firmware = event.firmware().map(|name| name.to_string());
        (firmware, event.device().map(|id| id.to_string()), event.device_kind().map(str::to_owned))
    };
    let text = |text: &str| Some(text.to_owned());
    let bare = json!({"release": "station@2.3.1", "server_name": "s-7", "platform": "native"});
    assert_eq!(of(bare), (text("2.3.1"), text("s-7"), text("native")));
    let model = json!({"contexts": {"device": {"family": "esp", "model": "esp32-s3"}}, "release": "v2"});
    assert_eq!(of(model), (text("v2"), None, text("esp32-s3")));
    let tags = json!({"tags": {"device_id": "d1", "device_kind": "k", "firmware": "9"}, "server_name": "s"});
    assert_eq!(of(tags), (text("9"), text("d1"), text("k")));
    assert_eq!(of(json!({"release": "a".repeat(33)})).0, None);
    let tagged = json!({"tags": {"device_id": "d1"}, "server_name": "s-7"});
    for (value, device) in [(tagged, text("d1")), (json!({"server_name": "s-7"}), None)] {
        let event = read(value.to_string().as_bytes()).unwrap();
        assert_eq!(event.tagged_device().map(|id| id.to_string()), device);
    }
}

#[test]
fn a_mail_address_is_no_device_and_no_version() {
    for address in ["jo@plant.fr", "jo%40plant.fr"] {
        let tags = json!({"tags": {"device_id": address, "firmware": "jo%40plant.fr"}, "server_name": address});
        for value in [tags, json!({"server_name": address, "release": "jo%40plant.fr"})] {
            let event = read(value.to_string().as_bytes()).unwrap();
            assert_eq!((event.device(), event.tagged_device(), event.firmware()), (None, None, None), "{value}");
        }
    }
}

#[test]
fn bytes_that_are_no_utf_8_do_not_lose_the_event() {
    let event = read(b"{\"message\":\"valve \xff stuck\",\"extra\":\"\xc3\"}").unwrap();
    assert_eq!(event.message.as_deref(), Some("valve \u{fffd} stuck"));
}

#[test]
fn an_address_is_not_cut_in_two() {
    for before in LONGEST_MESSAGE - 20..LONGEST_MESSAGE + 2 {
        let message = format!("{}jo@plant.fr {}", "!".repeat(before), "x".repeat(20));
        let event = read(json!({"message": message}).to_string().as_bytes()).unwrap();
        assert!(!event.message.unwrap().contains('j'), "{before}");
    }
}
