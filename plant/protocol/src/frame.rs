//! The documented device frame (ING-03 to ING-09), read strictly.
//!
//! Every refusal names the place, the value and the limit.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::value::{Error as NoWord, StrDeserializer};
use sqal_core::{
    DeviceId, Grade, Name, Purpose, Score, Spectrum, Timestamp, TofFrame,
    sample::{Meta, Reported},
};
use sqal_telemetry::TraceContext;

use crate::block::{Block, printable, read_number, read_single};
use crate::instruments::{spectrum, tof};
use crate::item::{Item, whole, without_mark};
use crate::time;
use crate::violation::Violation;

/// A frame that was read and checked, and not yet judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Incoming {
    /// The device that has measured.
    pub device_id: DeviceId,
    /// The device's name for the sample.
    pub sample_id: Name<100>,
    /// When the device says that it measured.
    pub measured: MeasurementTime,
    /// The reading of the time-of-flight sensor; `None` without one.
    pub tof: Option<TofFrame>,
    /// The reading of the spectral sensor; `None` without one.
    pub spectrum: Option<Spectrum>,
    /// The score and the grade that the device concluded itself.
    pub reported: Option<Reported>,
    /// What the device reports about itself and its surroundings.
    pub meta: Meta,
    /// What the reading was taken of.
    pub purpose: Purpose,
    /// What came with the measurement and is not part of it.
    pub beside: SideData,
    /// The name of the profile that is to judge.
    pub profile: Name<64>,
    /// Whether the timestamp was finer than a microsecond, and was cut.
    pub time_cut: bool,
    /// The trace in which the device measured (W3C Trace Context), if the frame names one. It is
    /// not part of the reading.
    pub traceparent: Option<TraceContext>,
    /// Whether the frame has a `traceparent` that is not valid, and is ignored.
    pub traceparent_ignored: bool,
}

/// When a device says that it measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MeasurementTime {
    /// At this time.
    At(Timestamp),
    /// Before the frame arrived, by a device whose clock was never set.
    Before {
        /// The time since the measurement, in milliseconds.
        age_ms: u32,
        /// Distinguishes the runs of the device.
        boot: Name<64>,
    },
}

/// Data that came with the measurement and is not part of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SideData {
    /// What the device concluded itself, as one JSON object of its blocks (ING-10).
    pub blocks: Option<String>,
    /// Side values that are not valid, and are therefore unknown.
    pub unknown: Vec<Violation>,
}

impl SideData {
    /// The form in which it is stored with the sample.
    #[must_use]
    pub fn kept(&self) -> sqal_core::beside::Beside {
        let mut members = Vec::new();
        members.extend(self.blocks.as_ref().map(|blocks| format!("\"reported\":{blocks}")));
        if !self.unknown.is_empty() {
            // Texts can always be written as JSON.
            members.push(format!("\"unknown\":{}", serde_json::to_string(&self.unknown).unwrap_or_default()));
        }
        let text = if members.is_empty() { String::new() } else { format!("{{{}}}", members.join(",")) };
        sqal_core::beside::Beside::new(&text)
    }
}

/// The longest JSON text of a device's own conclusions.
const MOST_REPORTED: usize = 16 * 1024;

/// The largest `age_ms`: one day.
const OLDEST_MS: u32 = 86_400_000;

/// What a device concludes, by block (ING-05, ING-07, ING-08).
const CONCLUDED: [(&str, &[&str]); 3] = [
    (
        "vl53l8ch",
        &[
            "volume_mm3",
            "avg_height_mm",
            "surface_uniformity",
            "height_variation_mm",
            "quality_score",
            "grade",
            "defects",
            "bins_analysis",
            "reflectance_analysis",
        ],
    ),
    (
        "as7341",
        &[
            "freshness_index",
            "fat_quality_index",
            "oxidation_index",
            "color_uniformity",
            "quality_score",
            "grade",
            "defects",
            "spectral_analysis",
            "color_analysis",
        ],
    ),
    ("fusion", &["final_score", "final_grade", "vl53l8ch_score", "as7341_score", "defects"]),
];

/// Reads a frame.
///
/// ```
/// use sqal_protocol::frame::parse;
///
/// let refused = parse(r#"{"type":"sensor_data","age_ms":-1}"#).unwrap_err();
/// assert_eq!((&*refused[0].pointer, &*refused[0].value), ("/age_ms", "-1"));
/// assert_eq!(refused[0].limit, "a whole number from 0 to 86400000 ms");
/// ```
///
/// # Errors
///
/// Every [`Violation`] of the frame; at least one.
pub fn parse(text: &str) -> Result<Incoming, Vec<Violation>> {
    let item = Item::read(text).map_err(|fault| vec![fault])?;
    check(&item)
}

/// The `sample_id` of a text that may not be a frame, for the answer.
#[must_use]
pub fn sample_id_of(text: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Id {
        sample_id: Name<100>,
    }
    serde_json::from_str::<Id>(without_mark(text)).ok().map(|id| id.sample_id.to_string())
}

/// The trace that a text names, also if the text is not a valid frame: a refusal then belongs to
/// the trace of its device. `None` if the text names none, or if its `traceparent` is not valid.
///
/// ```
/// use sqal_protocol::frame::traceparent_of;
///
/// let refused = r#"{"type":"sensor_data","traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}"#;
/// assert_eq!(traceparent_of(refused).unwrap().trace.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
/// assert_eq!(traceparent_of(r#"{"traceparent":7}"#), None);
/// ```
#[must_use]
pub fn traceparent_of(text: &str) -> Option<TraceContext> {
    #[derive(Deserialize)]
    struct Traced<'a> {
        #[serde(borrow)]
        traceparent: Cow<'a, str>,
    }
    serde_json::from_str::<Traced<'_>>(without_mark(text)).ok()?.traceparent.parse().ok()
}

fn check(item: &Item<'_>) -> Result<Incoming, Vec<Violation>> {
    if let Item::Array(_) = item {
        return Err(vec![Violation::new("", "an array", "one JSON object", "un seul objet JSON")]);
    }
    let mut wrong = Vec::new();
    let Some(frame) = Block::of("", item, &mut wrong) else { return Err(wrong) };
    if frame.text("type", &mut wrong).is_some_and(|kind| kind != "sensor_data") {
        wrong.push(Violation::new("/type", item.member("type"), "sensor_data", "sensor_data"));
    }
    let measured = measured(&frame, &mut wrong);
    let device_id = frame.name("device_id", &mut wrong);
    let sample_id = frame.name("sample_id", &mut wrong);
    let meta = frame.required("meta", &mut wrong).and_then(|meta| Block::of("/meta", meta, &mut wrong));
    let profile = meta.as_ref().and_then(|meta| meta.name("config_profile", &mut wrong));
    let blind = [item.member("vl53l8ch"), item.member("as7341")].iter().all(|block| **block == Item::Null);
    if blind {
        let (limit, french) = ("a vl53l8ch block, an as7341 block, or both", "un bloc vl53l8ch ou as7341");
        wrong.push(Violation::new("", "a frame without readings", limit, french));
    }
    let tof = frame.block("vl53l8ch", "/vl53l8ch", &mut wrong).and_then(|block| tof(&block, &mut wrong));
    let spectrum = frame.block("as7341", "/as7341", &mut wrong).and_then(|block| spectrum(&block, &mut wrong));
    match (measured, device_id, sample_id, profile) {
        (Some(measured), Some(device_id), Some(sample_id), Some(profile)) if wrong.is_empty() => {
            let mut beside = SideData::default();
            let reported = reported(item, &mut beside);
            let meta = side_values(item.member("meta"), &mut beside.unknown);
            let purpose = purpose(item.member("meta").member("purpose"), &mut beside.unknown);
            let time_cut = item.member("timestamp").text().is_some_and(time::is_finer_than_micros);
            let (traceparent, traceparent_ignored) = traceparent(item.member("traceparent"));
            Ok(Incoming {
                device_id,
                sample_id,
                measured,
                tof,
                spectrum,
                reported,
                meta,
                purpose,
                beside,
                profile,
                time_cut,
                traceparent,
                traceparent_ignored,
            })
        }
        _ => Err(wrong),
    }
}

/// The time of the measurement: `timestamp`, `timestamp` with `age_ms`, or `age_ms` with the run of
/// the device (`boot_id`).
fn measured(frame: &Block<'_, '_>, wrong: &mut Vec<Violation>) -> Option<MeasurementTime> {
    let age = match frame.item.member("age_ms") {
        Item::Null => None,
        item => {
            let age = match item {
                Item::Number(written) => whole::<i32>(written).filter(|age| age.unsigned_abs() <= OLDEST_MS),
                _ => None,
            };
            // Without a `timestamp` to count from, a negative age lies in the future and is
            // refused.
            let alone = *frame.item.member("timestamp") == Item::Null;
            match age {
                Some(age) if age >= 0 || !alone => Some(age),
                _ => {
                    let (limit, french) = if alone {
                        ("a whole number from 0 to 86400000 ms", "un entier de 0 à 86400000 ms")
                    } else {
                        ("a whole number from -86400000 to 86400000 ms", "un entier de -86400000 à 86400000 ms")
                    };
                    wrong.push(Violation::new("/age_ms", item, limit, french));
                    return None;
                }
            }
        }
    };
    if let (Some(age), Item::Null) = (age, frame.item.member("timestamp")) {
        let boot = frame.name("boot_id", wrong)?;
        return Some(MeasurementTime::Before { age_ms: age.unsigned_abs(), boot });
    }
    let text = frame.text("timestamp", wrong)?;
    let micros = i64::from(age.unwrap_or(0)) * 1000;
    let time = time::parse(text).and_then(|time| Timestamp::from_micros(time.micros() - micros).ok());
    if time.is_none() {
        let limit = "an RFC 3339 time, for example 2024-10-26T23:00:00Z";
        let french = "une date RFC 3339, par exemple 2024-10-26T23:00:00Z";
        wrong.push(Violation::new("/timestamp", text, limit, french));
    }
    time.map(MeasurementTime::At)
}

/// The trace that a frame names, and whether its `traceparent` is ignored because it is not valid.
/// A frame is never refused for it.
fn traceparent(item: &Item<'_>) -> (Option<TraceContext>, bool) {
    if *item == Item::Null {
        return (None, false);
    }
    // The context has a fixed length, so a long text is refused before it is read.
    let context = item.text().and_then(|text| text.parse().ok());
    (context, context.is_none())
}

/// What the reading was taken of. If it cannot be read, a product.
fn purpose(item: &Item<'_>, unknown: &mut Vec<Violation>) -> Purpose {
    if *item == Item::Null {
        return Purpose::Product;
    }
    let told = item.text().and_then(|text| Purpose::deserialize(StrDeserializer::<NoWord>::new(text)).ok());
    told.unwrap_or_else(|| {
        unknown.push(Violation::new("/meta/purpose", item, "product or calibration", "product ou calibration"));
        Purpose::Product
    })
}

/// What a device reports about itself and its surroundings. A value that is not valid becomes
/// unknown, and the sample is still accepted.
fn side_values(meta: &Item<'_>, unknown: &mut Vec<Violation>) -> Meta {
    let firmware_version = match meta.member("firmware_version") {
        Item::Null => None,
        item => {
            let version = item.text().and_then(|text| Name::new(text).ok());
            if version.is_none() {
                let (limit, french) = printable::<32>();
                unknown.push(Violation::new("/meta/firmware_version", item, limit, french));
            }
            version
        }
    };
    let mut within = |name: &str, min: f32, max: f32, unit: &str| {
        let item = match meta.member(name) {
            Item::Null => return None,
            item => item,
        };
        let value = read_single(item).ok().filter(|value| (min..=max).contains(value));
        if value.is_none() {
            let (limit, french) = (format!("{min} to {max} {unit}"), format!("{min} à {max} {unit}"));
            unknown.push(Violation::new(format!("/meta/{name}"), item, limit, french));
        }
        value
    };
    let temperature_c = within("temperature_c", -60.0, 120.0, "°C");
    let humidity_percent = within("humidity_percent", 0.0, 100.0, "%");
    Meta { firmware_version, temperature_c, humidity_percent }
}

/// What the device concluded itself. For a document of this server, it is what the document says
/// that the device concluded.
fn reported(frame: &Item<'_>, beside: &mut SideData) -> Option<Reported> {
    let there = |item: &Item<'_>| *item != Item::Null;
    let ours = there(frame.member("received_at")) && there(frame.member("meta").member("profile_hash"));
    let (blocks, place) = if ours { (frame.member("reported"), "/reported") } else { (frame, "") };
    beside.blocks = concluded(blocks, place, &mut beside.unknown);
    let fusion = if ours { frame.member("fusion").member("reported") } else { frame.member("fusion") };
    let place = if ours { "/fusion/reported" } else { "/fusion" };
    match fusion {
        Item::Null => return None,
        fusion if fusion.is_object() => {}
        other => {
            beside.unknown.push(Violation::new(place, other, "a JSON object", "un objet JSON"));
            return None;
        }
    }
    let score = match fusion.member("final_score") {
        Item::Null => None,
        item => {
            let score = read_number(item).ok().and_then(|score| Score::new(score).ok());
            if score.is_none() {
                beside.unknown.push(Violation::new(format!("{place}/final_score"), item, "0 to 1", "0 à 1"));
            }
            score
        }
    };
    let grade = match fusion.member("final_grade") {
        Item::Null => None,
        item => {
            let grade = item.text().and_then(|text| text.parse::<Grade>().ok());
            if grade.is_none() {
                let (limit, french) = ("A+, A, B, C or REJECT", "A+, A, B, C ou REJECT");
                beside.unknown.push(Violation::new(format!("{place}/final_grade"), item, limit, french));
            }
            grade
        }
    };
    Some(Reported { score, grade })
}

/// The documented conclusions of a device, as one JSON object of its blocks. `None` if there are
/// none, or if they have more than [`MOST_REPORTED`] bytes.
fn concluded(frame: &Item<'_>, place: &'static str, unknown: &mut Vec<Violation>) -> Option<String> {
    let mut blocks = Vec::new();
    for (block, fields) in CONCLUDED {
        let Item::Object(members) = frame.member(block) else { continue };
        let kept: Vec<_> =
            members.iter().filter(|(key, item)| fields.contains(&&**key) && *item != Item::Null).cloned().collect();
        if !kept.is_empty() {
            blocks.push((Cow::Borrowed(block), Item::Object(kept)));
        }
    }
    if blocks.is_empty() {
        return None;
    }
    let text = Item::Object(blocks).to_json();
    if text.len() > MOST_REPORTED {
        let (limit, french) =
            (format!("at most {MOST_REPORTED} bytes of conclusions"), format!("au plus {MOST_REPORTED} octets"));
        unknown.push(Violation::new(place, format!("{} bytes", text.len()), limit, french));
        return None;
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fixtures::strategy;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use sqal_core::{Grid, IntegrationTime, ProfileRef, Sample, SampleKey, tof::TargetStatus};

    /// The documented frame with one change.
    fn frame(change: impl FnOnce(&mut Value)) -> String {
        let mut frame: Value = serde_json::from_str(fixtures::DOCUMENTED_FRAME).unwrap();
        change(&mut frame);
        frame.to_string()
    }

    fn refused(change: impl FnOnce(&mut Value)) -> Vec<(String, String, String)> {
        let wrong = parse(&frame(change)).unwrap_err();
        wrong.into_iter().map(|one| (one.pointer, one.value, one.limit)).collect()
    }

    fn fault(pointer: &str, value: &str, limit: &str) -> Vec<(String, String, String)> {
        vec![(pointer.to_owned(), value.to_owned(), limit.to_owned())]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_document_of_a_sample_is_a_frame_with_the_same_readings(sample in strategy::sample()) {
            prop_assume!(sample.tof.is_some() || sample.spectrum.is_some());
            let text = serde_json::to_string(&crate::document::document(&sample)).unwrap();
            let incoming = parse(&text).unwrap();
            prop_assert_eq!((incoming.device_id, incoming.sample_id), (sample.key.device_id, sample.key.name));
            prop_assert_eq!(incoming.measured, MeasurementTime::At(sample.key.timestamp));
            prop_assert_eq!(incoming.tof, sample.tof);
            prop_assert_eq!(incoming.spectrum, sample.spectrum);
            prop_assert_eq!((incoming.meta, incoming.purpose), (sample.meta, sample.purpose));
            prop_assert_eq!(incoming.reported, sample.reported, "what we concluded is not what the device concluded");
            prop_assert_eq!(incoming.beside.kept(), sample.beside);
        }

        #[test]
        fn the_frame_of_a_sample_says_what_its_device_sent(sample in strategy::sample()) {
            prop_assume!(sample.tof.is_some() || sample.spectrum.is_some());
            let text = serde_json::to_string(&crate::document::frame_of(&sample)).unwrap();
            let Incoming { device_id, sample_id, measured, tof, spectrum, reported, meta, purpose, profile, time_cut, .. } = parse(&text).unwrap();
            let MeasurementTime::At(timestamp) = measured else { panic!("a time") };
            let key = SampleKey { device_id, timestamp, name: sample_id };
            prop_assert!(!time_cut);
            prop_assert_eq!(reported, sample.reported);
            let again = Sample {
                key,
                tof,
                spectrum,
                meta,
                purpose,
                profile: ProfileRef { name: profile, ..sample.profile },
                ..sample.clone()
            };
            prop_assert!(again.is_same_reading(&sample));
        }

        #[test]
        fn no_text_panics(text in ".{0,200}") {
            prop_assert!(parse(&text).is_err());
        }

        #[test]
        fn a_frame_cut_anywhere_is_refused_and_explained(sample in strategy::sample(), at in any::<prop::sample::Index>()) {
            let text = serde_json::to_string(&crate::document::document(&sample)).unwrap();
            let at = at.index(text.len());
            if let Some(cut) = text.get(..at) {
                let wrong = parse(cut).unwrap_err();
                prop_assert!(!wrong[0].limit.is_empty());
            }
        }

        #[test]
        fn a_side_value_never_costs_the_sample(
            field in 0..6_usize,
            value in prop_oneof![
                Just(json!([])), Just(json!({"a": 1})), Just(json!(true)), Just(json!("x".repeat(40))),
                Just(json!("\u{200b}")), (121.0..1e300_f64).prop_map(Value::from), (-1e300..-61.0_f64).prop_map(Value::from),
            ],
        ) {
            let pointers = ["/meta/firmware_version", "/meta/temperature_c", "/meta/humidity_percent", "/fusion/final_score", "/fusion/final_grade",
                "/meta/purpose"];
            let text = frame(|frame| {
                frame["meta"]["purpose"] = json!("calibration");
                *frame.pointer_mut(pointers[field]).unwrap() = value;
            });
            let (incoming, right) = (parse(&text).unwrap(), parse(fixtures::DOCUMENTED_FRAME).unwrap());
            prop_assert_eq!((incoming.tof, incoming.spectrum), (right.tof, right.spectrum));
            let told: Vec<_> = incoming.beside.unknown.iter().map(|one| one.pointer.as_str()).collect();
            prop_assert_eq!(told, [pointers[field]]);
            let unknown = [
                incoming.meta.firmware_version.is_none(), incoming.meta.temperature_c.is_none(), incoming.meta.humidity_percent.is_none(),
                incoming.reported.is_some_and(|reported| reported.score.is_none()),
                incoming.reported.is_some_and(|reported| reported.grade.is_none()),
                incoming.purpose == Purpose::Product,
            ];
            prop_assert_eq!(unknown.map(usize::from).iter().sum::<usize>(), 1);
            prop_assert!(unknown[field]);
        }

        #[test]
        fn a_traceparent_never_costs_the_sample_and_is_no_part_of_it(
            value in prop_oneof![
                "00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}".prop_map(Value::from),
                "[0-9a-fA-F]{2}-[0-9a-g]{31,33}-[0-9a-f]{15,17}-.{0,4}".prop_map(Value::from),
                "(x|é|\\u{200b}){0,10240}".prop_map(Value::from),
                Just(Value::Null), Just(json!(7)), Just(json!(true)), Just(json!(["00"])), Just(json!({"a": null})),
            ],
        ) {
            let text = frame(|frame| frame["traceparent"] = value.clone());
            let (incoming, without) = (parse(&text).unwrap(), parse(&frame(|_| {})).unwrap());
            let context: Option<TraceContext> = value.as_str().and_then(|text| text.parse().ok());
            prop_assert_eq!((incoming.traceparent, traceparent_of(&text)), (context, context));
            prop_assert_eq!(incoming.traceparent_ignored, context.is_none() && !value.is_null());
            prop_assert_eq!(Incoming { traceparent: None, traceparent_ignored: false, ..incoming }, without);
        }

        #[test]
        fn any_key_that_comes_twice_is_refused(which in any::<prop::sample::Index>(), value in "[1-9][0-9]{0,2}") {
            // Every `"key":` of the documented frame in one line, with a second value before it.
            let text = frame(|_| {});
            let keys: Vec<_> = text.match_indices("\":").map(|(end, _)| (text[..end].rfind('"').unwrap(), end)).collect();
            let (begin, end) = keys[which.index(keys.len())];
            let twice = format!("{}{}:{value},{}", &text[..begin], &text[begin..=end], &text[begin..]);
            let wrong = parse(&twice).unwrap_err();
            prop_assert_eq!(&wrong[0].limit, "each key once");
            prop_assert!(wrong[0].pointer.ends_with(&text[begin + 1..end]), "{:?}", wrong);
        }
    }

    #[test]
    fn a_grid_of_another_size_is_told_its_size() {
        let grid = "8 rows of 8 numbers (8x8)";
        let row = |columns: usize| json!(vec![130.0; columns]);
        let rows = |rows: usize, columns: usize| json!(vec![row(columns); rows]);
        let at = |rows: Value| refused(|frame| frame["vl53l8ch"]["distance_matrix"] = rows);
        assert_eq!(at(rows(8, 32)), fault("/vl53l8ch/distance_matrix/0", "an array of length 32", grid));
        assert_eq!(at(rows(8, 9)), fault("/vl53l8ch/distance_matrix/0", "an array of length 9", grid));
        assert_eq!(at(rows(9, 8)), fault("/vl53l8ch/distance_matrix", "an array of length 9", grid));
        assert_eq!(at(json!([])), fault("/vl53l8ch/distance_matrix", "an array of length 0", grid));
        assert_eq!(at(json!(7)), fault("/vl53l8ch/distance_matrix", "7", grid));
    }

    #[test]
    fn a_whole_number_may_have_a_point_and_no_fraction() {
        let text = frame(|frame| frame["vl53l8ch"]["status_matrix"] = json!(vec![vec![5.0; 8]; 8]));
        let status = |text: &str| parse(text).unwrap().tof.unwrap().reading().status.unwrap();
        assert_eq!(status(&text), status(&text.replace("5.0,", "5e0,")));
        assert_eq!(status(&text), Grid::new([[TargetStatus(5); 8]; 8]));
        for value in ["5.5", "256", "-1", "1e400"] {
            let first = "\"status_matrix\":[[";
            let text = text.replace(&format!("{first}5.0"), &format!("{first}{value}"));
            let wrong = parse(&text).unwrap_err();
            let found = (wrong[0].pointer.as_str(), wrong[0].value.as_str(), wrong[0].limit.as_str());
            assert_eq!(found, ("/vl53l8ch/status_matrix/0/0", value, "a whole number from 0 to 255"));
        }
    }

    #[test]
    fn the_registers_stand_for_the_milliseconds_and_must_agree_with_them() {
        let time = |atime: Value, astep: Value, millis: Value| {
            frame(|frame| {
                (frame["as7341"]["atime"], frame["as7341"]["astep"]) = (atime, astep);
                frame["as7341"]["integration_time"] = millis;
            })
        };
        let read = |text: &str| parse(text).map(|incoming| incoming.spectrum.unwrap().integration_time());
        let exact = IntegrationTime::from_registers(59, 599).unwrap();
        assert_eq!(read(&time(json!(59), json!(599), json!(null))), Ok(exact));
        assert_eq!(read(&time(json!(59), json!(599), json!(100))), Ok(exact), "the registers are exact");
        assert_eq!(exact.full_scale(), 36_000);
        let refused = |text: &str| {
            let wrong = read(text).unwrap_err();
            wrong.into_iter().map(|one| (one.pointer, one.limit)).collect::<Vec<_>>()
        };
        let one = |pointer: &str, limit: &str| vec![(format!("/as7341/{pointer}"), limit.to_owned())];
        assert_eq!(
            refused(&time(json!(59), json!(599), json!(50))),
            one("integration_time", "about 100.08 ms, as atime and astep have it")
        );
        assert_eq!(refused(&time(json!(256), json!(599), json!(100))), one("atime", "a whole number from 0 to 255"));
        assert_eq!(
            refused(&time(json!(1), json!(65_535), json!(null))),
            one("astep", "a whole number from 0 to 65534")
        );
        assert_eq!(refused(&time(json!(0), json!(0), json!(null))), one("astep", "at least 1 if atime is 0"));
        assert_eq!(refused(&time(json!(1.5), json!(599), json!(null))), one("atime", "a whole number from 0 to 255"));
        let alone = frame(|frame| frame["as7341"]["atime"] = json!(59));
        assert_eq!(refused(&alone), one("astep", "the field"));
    }

    #[test]
    fn what_the_device_concluded_is_kept() {
        let incoming = parse(fixtures::DOCUMENTED_FRAME).unwrap();
        let blocks: Value = serde_json::from_str(&incoming.beside.blocks.unwrap()).unwrap();
        assert_eq!(blocks["vl53l8ch"]["volume_mm3"], 15234.5);
        assert_eq!(
            (&blocks["as7341"]["oxidation_index"], &blocks["fusion"]["final_grade"]),
            (&json!(0.08), &json!("A"))
        );
        assert_eq!(blocks["vl53l8ch"].get("distance_matrix"), None);
        let long = frame(|frame| frame["vl53l8ch"]["bins_analysis"] = json!({ "x": "y".repeat(17_000) }));
        let incoming = parse(&long).unwrap();
        assert_eq!((incoming.beside.blocks, incoming.beside.unknown.len()), (None, 1));
    }

    #[test]
    fn a_refused_frame_still_names_its_trace() {
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
        let text = frame(|frame| {
            frame["traceparent"] = json!(trace);
            frame["vl53l8ch"]["distance_matrix"] = json!([]);
        });
        assert!(parse(&text).is_err());
        assert_eq!(traceparent_of(&text).map(|context| context.to_string()).as_deref(), Some(trace));
        assert_eq!(traceparent_of(&format!("\u{feff}{text}")), traceparent_of(&text));
        for none in ["", "{", "[]", r#"{"traceparent":null}"#, r#"{"traceparent":"","traceparent":""}"#] {
            assert_eq!(traceparent_of(none), None, "{none}");
        }
    }

    #[test]
    fn a_device_without_a_clock_says_how_long_ago_it_measured() {
        let measured = |change: fn(&mut Value)| parse(&frame(change)).map(|incoming| incoming.measured);
        let time = time::parse("2024-10-26T22:59:58.500Z").unwrap();
        assert_eq!(measured(|frame| frame["age_ms"] = json!(1500)), Ok(MeasurementTime::At(time)));
        let boot = Name::new("b-1").unwrap();
        let alone = measured(|frame| {
            frame["timestamp"] = Value::Null;
            frame["age_ms"] = json!(1500);
            frame["boot_id"] = json!("b-1");
        });
        assert_eq!(alone, Ok(MeasurementTime::Before { age_ms: 1500, boot }));
        let alone = |age: Value| {
            refused(|frame| {
                frame["timestamp"] = Value::Null;
                frame["age_ms"] = age;
            })
        };
        assert_eq!(alone(json!(1500)), fault("/boot_id", "missing", "the field"));
        assert_eq!(alone(json!(-1)), fault("/age_ms", "-1", "a whole number from 0 to 86400000 ms"));
        assert_eq!(alone(json!(86_400_001)), fault("/age_ms", "86400001", "a whole number from 0 to 86400000 ms"));
    }
}
