//! Every encoding of a frame: one frame is one sample in each encoding.
//!
//! A frame that is refused in one encoding is refused in each.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ciborium::Value as Cbor;
use proptest::prelude::*;
use serde_json::{Value, json};
use sqal_core::{Sample, Timestamp};
use sqal_grading::{Profile, Profiles};
use sqal_intake::{FrameLimits, Intake};
use sqal_protocol::Problem;
use sqal_protocol::encoding::{Encoding, Message};
use sqal_resilience::SystemClock;

/// 2024-10-26T23:00:10Z: ten seconds after the documented frame was measured.
const NOW: i64 = 1_729_983_610_000_000;

fn intake() -> Intake {
    let profiles = Profiles::new([("foiegras_standard_barquette".parse().unwrap(), Profile::example())]).unwrap();
    let now = || Timestamp::from_micros(NOW).unwrap();
    Intake::new(profiles, FrameLimits::default(), Arc::new(now), Arc::new(SystemClock))
}

fn taken(intake: &Intake, encoding: Encoding, message: &Message<'_>) -> Result<Sample, Problem> {
    encoding.decode(message, intake.limits().bytes).and_then(|text| intake.accept(&text))
}

fn documented() -> Value {
    serde_json::from_str(fixtures::DOCUMENTED_FRAME).unwrap()
}

/// How a frame is written in CBOR.
#[derive(Clone, Copy, Debug)]
struct Spelling {
    /// Whether whole numbers are written as floats.
    floats: bool,
    /// The number of places by which the keys of each map are rotated.
    turned: usize,
    /// Whether the frame is self-described, its time is tagged, and it has fields that are not
    /// used.
    tagged: bool,
}

fn cbor(value: &Value, spelling: Spelling) -> Cbor {
    match value {
        Value::Null => Cbor::Null,
        Value::Bool(value) => Cbor::Bool(*value),
        Value::Number(number) => match number.as_i64() {
            Some(whole) if !spelling.floats => Cbor::Integer(whole.into()),
            _ => Cbor::Float(number.as_f64().unwrap()),
        },
        Value::String(text) => Cbor::Text(text.clone()),
        Value::Array(items) => Cbor::Array(items.iter().map(|item| cbor(item, spelling)).collect()),
        Value::Object(members) => {
            let mut members: Vec<_> =
                members.iter().map(|(key, item)| (Cbor::Text(key.clone()), cbor(item, spelling))).collect();
            let by = spelling.turned % members.len().max(1);
            members.rotate_left(by);
            Cbor::Map(members)
        }
    }
}

fn cbor_frame(frame: &Value, spelling: Spelling) -> Message<'static> {
    let mut item = cbor(frame, spelling);
    if !spelling.tagged {
        return bytes_of(&item);
    }
    if let Cbor::Map(members) = &mut item {
        for (key, value) in members.iter_mut() {
            if key.as_text() == Some("timestamp") {
                *value = Cbor::Tag(0, Box::new(value.clone()));
            }
        }
        let fraction = Cbor::Array(vec![Cbor::from(-2), Cbor::from(27_315)]);
        let unused = [
            ("logo", Cbor::Bytes(vec![0xff, 0x00])),
            ("price", Cbor::Tag(4, Box::new(fraction))),
            ("drift", Cbor::Float(f64::NAN)),
            ("table", Cbor::Map(vec![(Cbor::from(7), Cbor::Null)])),
        ];
        members.extend(unused.map(|(key, value)| (Cbor::from(key), value)));
    }
    bytes_of(&Cbor::Tag(55_799, Box::new(item)))
}

fn bytes_of(item: &Cbor) -> Message<'static> {
    let mut bytes = Vec::new();
    ciborium::into_writer(item, &mut bytes).unwrap();
    Message::binary(bytes)
}

/// The frame as the `data` of an event, plain or packed.
fn event(frame: &str, packed: bool) -> Message<'static> {
    let data =
        if packed { format!(r#""data_base64":"{}""#, STANDARD.encode(frame)) } else { format!(r#""data":{frame}"#) };
    Message::text(format!(r#"{{"specversion":"1.0","id":"1","source":"/s","type":"sqal.sensor_data",{data}}}"#))
}

/// Adds the key of the member with this number a second time, with another value. Returns whether
/// there was such a member.
fn double(item: &mut Cbor, number: &mut usize) -> bool {
    match item {
        Cbor::Array(items) => items.iter_mut().any(|item| double(item, number)),
        Cbor::Map(members) => {
            if *number < members.len() {
                let key = members[*number].0.clone();
                members.push((key, Cbor::from(8)));
                return true;
            }
            *number -= members.len();
            members.iter_mut().any(|(_, item)| double(item, number))
        }
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn one_frame_is_one_sample_in_every_encoding(
        distances in prop::collection::vec(0.0..4000.0_f64, 64),
        amplitudes in prop::collection::vec(0..5000_u32, 64),
        floats in any::<bool>(),
        tagged in any::<bool>(),
        turned in 0..12_usize,
        packed in any::<bool>(),
    ) {
        let mut frame = documented();
        frame["vl53l8ch"]["distance_matrix"] = json!(distances.chunks(8).collect::<Vec<_>>());
        frame["vl53l8ch"]["amplitude_matrix"] = json!(amplitudes.chunks(8).collect::<Vec<_>>());
        frame["vl53l8ch"]["status_matrix"] = json!(vec![vec![5; 8]; 8]);
        let (text, intake) = (frame.to_string(), intake());
        let known = taken(&intake, Encoding::Documented, &Message::text(text.as_str())).unwrap();
        let others = [
            (Encoding::Documented, Message::text(format!("\u{feff}{}", serde_json::to_string_pretty(&frame).unwrap()))),
            (Encoding::Documented, Message::text(text.replace("[5,5,", "[5.0,5e0,"))),
            (Encoding::Cbor, cbor_frame(&frame, Spelling { floats, turned, tagged })),
            (Encoding::CloudEvents, event(&text, packed)),
        ];
        for (encoding, message) in others {
            let sample = taken(&intake, encoding, &message).unwrap();
            prop_assert_eq!((sample.key, sample.tof, sample.spectrum), (known.key, known.tof, known.spectrum));
            prop_assert_eq!((sample.reported, sample.meta, &sample.inspection), (known.reported, known.meta, &known.inspection));
        }
    }

    #[test]
    fn a_key_that_comes_twice_is_refused_in_every_encoding(which in any::<prop::sample::Index>(), packed in any::<bool>()) {
        let (text, intake) = (documented().to_string(), intake());
        let keys: Vec<_> = text.match_indices("\":").map(|(end, _)| (text[..end].rfind('"').unwrap(), end)).collect();
        let which = which.index(keys.len());
        let (begin, end) = keys[which];
        let twice = format!("{}{}:8,{}", &text[..begin], &text[begin..=end], &text[begin..]);
        let mut item = cbor(&documented(), Spelling { floats: false, turned: 0, tagged: false });
        let mut number = which;
        prop_assert!(double(&mut item, &mut number));
        for (encoding, message) in [
            (Encoding::Documented, Message::text(twice.as_str())),
            (Encoding::CloudEvents, event(&twice, packed)),
            (Encoding::Cbor, bytes_of(&item)),
        ] {
            let problem = taken(&intake, encoding, &message).unwrap_err();
            prop_assert_eq!(&problem.violations[0].limit, "each key once", "{:?}", problem);
        }
    }

    #[test]
    fn no_bytes_are_refused_in_the_words_of_a_program(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "\\PC{0,80}") {
        let intake = intake();
        for (encoding, message) in [
            (Encoding::Cbor, Message::binary(bytes.clone())),
            (Encoding::Documented, Message::text(text.as_str())),
            (Encoding::CloudEvents, Message::text(text.as_str())),
        ] {
            let problem = taken(&intake, encoding, &message).unwrap_err();
            let told = serde_json::to_string(&problem).unwrap();
            for word in ["Semantic(", "Syntax(", "invalid type", "invalid value", "struct ", "enum", "f32", "String("] {
                prop_assert!(text.contains(word) || !told.contains(word), "{told}");
            }
        }
    }
}

/// A CBOR value without a JSON form is refused in a field that is used. It is never read as a
/// missing value.
#[test]
fn what_is_no_reading_is_never_read_as_no_sensor() {
    let intake = intake();
    let plain = Spelling { floats: false, turned: 0, tagged: false };
    for (block, value, found) in [
        ("vl53l8ch", Cbor::Float(f64::NAN), "NaN"),
        ("as7341", Cbor::Float(f64::INFINITY), "Infinity"),
        ("as7341", Cbor::Bytes(vec![1]), "a byte string"),
        ("device_id", Cbor::Bytes(b"ESP32".to_vec()), "a byte string"),
        ("sample_id", Cbor::Tag(40_000, Box::new("S".into())), "a value with the CBOR tag 40000"),
    ] {
        let Cbor::Map(mut members) = cbor(&documented(), plain) else { panic!("a map") };
        for (key, item) in &mut members {
            if *key == Cbor::Text(block.to_owned()) {
                *item = value.clone();
            }
        }
        let problem = taken(&intake, Encoding::Cbor, &bytes_of(&Cbor::Map(members))).unwrap_err();
        let one = &problem.violations[0];
        assert_eq!((one.pointer.as_str(), one.value.as_str()), (format!("/{block}").as_str(), found));
    }
}

/// A row may be a typed array (RFC 8746), and a time may be given in seconds since 1970.
#[test]
fn typed_arrays_and_seconds_are_read() {
    let intake = intake();
    let plain = Spelling { floats: false, turned: 0, tagged: false };
    let row: Vec<u8> = [130.25_f32; 8].into_iter().flat_map(f32::to_le_bytes).collect();
    let rows = Cbor::Array(vec![Cbor::Tag(85, Box::new(Cbor::Bytes(row))); 8]);
    let mut frame = documented();
    frame["vl53l8ch"]["distance_matrix"] = json!(vec![vec![130.25; 8]; 8]);
    let known = intake.accept(&frame.to_string()).unwrap();
    let Cbor::Map(mut members) = cbor(&frame, plain) else { panic!("a map") };
    for (key, item) in &mut members {
        if key.as_text() == Some("timestamp") {
            *item = Cbor::Tag(1, Box::new(Cbor::from(1_729_983_600)));
        } else if let (Some("vl53l8ch"), Some(block)) = (key.as_text(), item.as_map_mut()) {
            for (_, grid) in block.iter_mut().filter(|(key, _)| key.as_text() == Some("distance_matrix")) {
                *grid = rows.clone();
            }
        }
    }
    let sample = taken(&intake, Encoding::Cbor, &bytes_of(&Cbor::Map(members))).unwrap();
    assert_eq!((sample.key, sample.tof), (known.key, known.tof));
}
