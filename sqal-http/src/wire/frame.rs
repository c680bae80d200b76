//! The documented device frame (ING-03 to ING-09), read strictly: every refusal names the place, the value and the limit.

use serde::Deserialize;
use sqal_core::{
    AdcStatus, Channel, DistanceKind, Gain, Grade, Grid, IntegrationTime, Matrix, Meta, Name, Reported, SampleKey,
    Score, Spectrum, TargetStatus, TofFrame, TofReading,
};

use unicode_normalization::is_nfc;

use super::time;
use crate::Violation;

/// A frame that was read and checked, and not yet judged.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Incoming {
    pub(crate) key: SampleKey,
    pub(crate) tof: Option<TofFrame>,
    pub(crate) spectrum: Option<Spectrum>,
    pub(crate) reported: Option<Reported>,
    pub(crate) meta: Meta,
    pub(crate) profile: Name<64>,
    /// Whether the timestamp was finer than a microsecond, and was cut.
    pub(crate) time_cut: bool,
}

// The frame as JSON. What the device computed itself is allowed and ignored, but for its final score and grade.
#[derive(Deserialize)]
struct Frame {
    r#type: String,
    timestamp: String,
    device_id: String,
    sample_id: String,
    vl53l8ch: Option<TofBlock>,
    as7341: Option<SpectralBlock>,
    fusion: Option<FusionBlock>,
    meta: MetaBlock,
}

#[derive(Deserialize)]
struct TofBlock {
    distance_matrix: [[f32; 8]; 8],
    reflectance_matrix: [[f32; 8]; 8],
    amplitude_matrix: [[f32; 8]; 8],
    sigma_matrix: Option<[[f32; 8]; 8]>,
    status_matrix: Option<[[u8; 8]; 8]>,
    #[serde(default)]
    distance_kind: DistanceKind,
}

#[derive(Deserialize)]
struct SpectralBlock {
    channels: Channels,
    integration_time: f64,
    gain: f64,
    #[serde(default)]
    adc_status: AdcStatus,
}

#[derive(Deserialize)]
struct Channels {
    #[serde(rename = "F1_415nm")]
    f1: f32,
    #[serde(rename = "F2_445nm")]
    f2: f32,
    #[serde(rename = "F3_480nm")]
    f3: f32,
    #[serde(rename = "F4_515nm")]
    f4: f32,
    #[serde(rename = "F5_555nm")]
    f5: f32,
    #[serde(rename = "F6_590nm")]
    f6: f32,
    #[serde(rename = "F7_630nm")]
    f7: f32,
    #[serde(rename = "F8_680nm")]
    f8: f32,
    #[serde(rename = "Clear")]
    clear: f32,
    #[serde(rename = "NIR")]
    nir: f32,
}

#[derive(Deserialize)]
struct FusionBlock {
    final_score: Option<f64>,
    final_grade: Option<String>,
}

#[derive(Deserialize)]
struct MetaBlock {
    firmware_version: Option<String>,
    temperature_c: Option<f32>,
    humidity_percent: Option<f32>,
    config_profile: String,
}

/// Reads a frame.
///
/// The first pass knows nothing of places, because most frames are right; a frame that is not is read again to say where.
pub(crate) fn parse(text: &str) -> Result<Incoming, Vec<Violation>> {
    // serde reads a struct from an array too; a frame is an object.
    if text.trim_start().starts_with('[') {
        return Err(vec![Violation::new("", "an array", "one JSON object", "un seul objet JSON")]);
    }
    let frame: Frame = serde_json::from_str(text).map_err(|_| vec![diagnose(text)])?;
    check(frame)
}

/// The `sample_id` of a text that may be no frame at all, to answer by.
pub(crate) fn sample_id_of(text: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Id {
        sample_id: Name<100>,
    }
    serde_json::from_str::<Id>(text).ok().map(|id| id.sample_id.to_string())
}

/// Finds the place, the value and the limit of what could not be read.
fn diagnose(text: &str) -> Violation {
    let mut json = serde_json::Deserializer::from_str(text);
    let Err(error) = serde_path_to_error::deserialize::<_, Frame>(&mut json) else {
        // The frame itself was read: what follows it is wrong.
        return Violation::new("", "text after the frame", "one JSON object", "un seul objet JSON");
    };
    let pointer = pointer(error.path());
    let error = error.into_inner();
    let message = error.to_string();
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
    if error.is_data() {
        // serde says "invalid type: string \"x\", expected f32" or "missing field `x`".
        if let Some((found, expected)) = message.split_once(", expected ") {
            let found = found
                .trim_start_matches("invalid type: ")
                .trim_start_matches("invalid value: ")
                .trim_start_matches("invalid ");
            let (limit, french) = translated(expected);
            return Violation::new(pointer, found, limit, french);
        }
        if let Some(field) = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
            return Violation::new(format!("{pointer}/{field}"), "missing", "the field", "le champ");
        }
        return Violation::new(pointer, message, "a valid value", "une valeur valable");
    }
    if error.is_eof() {
        return Violation::new(pointer, "end of text", "a whole JSON object", "un objet JSON entier");
    }
    let value = token_at(text, error.line(), error.column());
    match value {
        "NaN" | "Infinity" | "-Infinity" | "nan" | "inf" => Violation::new(
            pointer,
            value,
            "a finite number: JSON has no NaN and no Infinity",
            "un nombre fini : JSON n'a ni NaN ni Infinity",
        ),
        _ if message.contains("number out of range") => {
            Violation::new(pointer, value, "a number below 3e38", "un nombre inférieur à 3e38")
        }
        _ => Violation::new(pointer, format!("{value} ({message})"), "JSON", "du JSON"),
    }
}

/// A place as a JSON pointer (RFC 6901).
pub(crate) fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
            Segment::Enum { variant } => format!("/{variant}"),
            // Nothing was read there yet: the place is the parent.
            Segment::Unknown => String::new(),
        })
        .collect()
}

/// serde's name of what it expected, for people.
fn translated(expected: &str) -> (String, String) {
    let pair = |en: &str, fr: &str| (en.to_owned(), fr.to_owned());
    match expected {
        "f32" | "f64" => pair("a number", "un nombre"),
        "u8" => pair("a whole number from 0 to 255", "un entier de 0 à 255"),
        "a string" => pair("a text", "un texte"),
        "an array of length 8" => pair("8 rows of 8 numbers (8x8)", "8 lignes de 8 nombres (8x8)"),
        other if other.starts_with("struct ") => pair("a JSON object", "un objet JSON"),
        other => (other.to_owned(), other.to_owned()),
    }
}

/// The word at a place of a text, lines and columns from 1; a parser points at the beginning, the middle or the end of it.
fn token_at(text: &str, line: usize, column: usize) -> &str {
    let Some(line) = text.split('\n').nth(line.saturating_sub(1)) else { return "" };
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.' | b'_');
    let bytes = line.as_bytes();
    let at = column.saturating_sub(1).min(bytes.len().saturating_sub(1));
    if bytes.is_empty() {
        return "";
    }
    let begin = (0..at).rev().take_while(|k| is_word(bytes[*k])).last().unwrap_or(at);
    let after = if begin < at { at } else { at + 1 };
    let end = (at..bytes.len()).take_while(|k| is_word(bytes[*k])).last().map_or(after, |last| last + 1);
    // Both ends lie beside ASCII or at the given place; a place within a letter has no word to show.
    line.get(begin..end).unwrap_or("")
}

fn check(frame: Frame) -> Result<Incoming, Vec<Violation>> {
    let mut wrong = Vec::new();
    if frame.r#type != "sensor_data" {
        wrong.push(Violation::new("/type", &frame.r#type, "sensor_data", "sensor_data"));
    }
    let timestamp = time::parse(&frame.timestamp);
    if timestamp.is_none() {
        let limit = "an RFC 3339 time, for example 2024-10-26T23:00:00Z";
        wrong.push(Violation::new(
            "/timestamp",
            &frame.timestamp,
            limit,
            "une date RFC 3339, par exemple 2024-10-26T23:00:00Z",
        ));
    }
    let device_id = name("/device_id", &frame.device_id, &mut wrong);
    let sample_id = name("/sample_id", &frame.sample_id, &mut wrong);
    let profile = name("/meta/config_profile", &frame.meta.config_profile, &mut wrong);
    let firmware_version =
        frame.meta.firmware_version.and_then(|text| name("/meta/firmware_version", &text, &mut wrong));
    let temperature_c = within("/meta/temperature_c", frame.meta.temperature_c, -60.0, 120.0, "°C", &mut wrong);
    let humidity_percent = within("/meta/humidity_percent", frame.meta.humidity_percent, 0.0, 100.0, "%", &mut wrong);
    if frame.vl53l8ch.is_none() && frame.as7341.is_none() {
        wrong.push(Violation::new(
            "",
            "a frame without readings",
            "a vl53l8ch block, an as7341 block, or both",
            "un bloc vl53l8ch ou as7341",
        ));
    }
    let tof = frame.vl53l8ch.and_then(|block| tof(&block, &mut wrong));
    let spectrum = frame.as7341.and_then(|block| spectrum(&block, &mut wrong));
    let reported = frame.fusion.map(|block| reported(&block, &mut wrong));
    match (timestamp, device_id, sample_id, profile) {
        (Some(timestamp), Some(device_id), Some(sample_id), Some(profile)) if wrong.is_empty() => Ok(Incoming {
            key: SampleKey { device_id, timestamp, sample_id },
            tof,
            spectrum,
            reported,
            meta: Meta { firmware_version, temperature_c, humidity_percent },
            profile,
            time_cut: time::is_finer_than_micros(&frame.timestamp),
        }),
        _ => Err(wrong),
    }
}

fn name<const N: usize>(pointer: &str, text: &str, wrong: &mut Vec<Violation>) -> Option<Name<N>> {
    let checked = Name::new(text);
    if checked.is_ok() && !is_nfc(text) {
        let limit = "the composed form of Unicode (NFC)";
        wrong.push(Violation::new(pointer, format!("{text:?}"), limit, "la forme composée d'Unicode (NFC)"));
        return None;
    }
    if checked.is_err() {
        let limit = format!("1 to {N} bytes of printable text");
        wrong.push(Violation::new(pointer, format!("{text:?}"), limit, format!("1 à {N} octets de texte imprimable")));
    }
    checked.ok()
}

fn within(
    pointer: &str,
    value: Option<f32>,
    min: f32,
    max: f32,
    unit: &str,
    wrong: &mut Vec<Violation>,
) -> Option<f32> {
    let value = value?;
    if !(min..=max).contains(&value) {
        wrong.push(Violation::new(pointer, value, format!("{min} to {max} {unit}"), format!("{min} à {max} {unit}")));
    }
    Some(value)
}

fn tof(block: &TofBlock, wrong: &mut Vec<Violation>) -> Option<TofFrame> {
    let reading = TofReading {
        distance_mm: Grid::new(block.distance_matrix),
        reflectance_percent: Grid::new(block.reflectance_matrix),
        amplitude_kcps: Grid::new(block.amplitude_matrix),
        sigma_mm: block.sigma_matrix.map(Grid::new),
        status: block.status_matrix.map(|codes| Grid::new(codes.map(|row| row.map(TargetStatus)))),
        distance_kind: block.distance_kind,
    };
    let refused = match TofFrame::new(reading) {
        Ok(frame) => return Some(frame),
        Err(refused) => refused,
    };
    let (min, max) = refused.matrix.range();
    let (matrix, unit): (Matrix, _) = (refused.matrix, refused.matrix.unit());
    let pointer = format!("/vl53l8ch/{}/{}/{}", matrix.as_str(), refused.zone / 8, refused.zone % 8);
    wrong.push(Violation::new(
        pointer,
        refused.value,
        format!("{min} to {max} {unit}"),
        format!("{min} à {max} {unit}"),
    ));
    None
}

fn spectrum(block: &SpectralBlock, wrong: &mut Vec<Violation>) -> Option<Spectrum> {
    let gain = Gain::from_multiplier(block.gain);
    if gain.is_err() {
        let gains = "0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256 or 512 (the multiplier, not the register code)";
        wrong.push(Violation::new("/as7341/gain", block.gain, gains, "0,5, 1, 2, 4, 8, 16, 32, 64, 128, 256 ou 512"));
    }
    let time = IntegrationTime::from_millis(block.integration_time);
    if time.is_err() {
        wrong.push(Violation::new(
            "/as7341/integration_time",
            block.integration_time,
            "0.00556 to 46639.9 ms",
            "0,00556 à 46639,9 ms",
        ));
    }
    let (gain, time) = (gain.ok()?, time.ok()?);
    let Channels { f1, f2, f3, f4, f5, f6, f7, f8, clear, nir } = block.channels;
    let refused = match Spectrum::new([f1, f2, f3, f4, f5, f6, f7, f8, clear, nir], gain, time, block.adc_status) {
        Ok(spectrum) => return Some(spectrum),
        Err(refused) => refused,
    };
    let channel: Channel = refused.channel;
    let (largest, full_scale, millis) = (refused.largest, time.full_scale(), time.millis());
    wrong.push(Violation::new(
        format!("/as7341/channels/{}", channel.as_str()),
        refused.value,
        format!("0 to {largest} counts: the full scale at {millis} ms is {full_scale}"),
        format!("0 à {largest} coups : la pleine échelle à {millis} ms est {full_scale}"),
    ));
    None
}

fn reported(block: &FusionBlock, wrong: &mut Vec<Violation>) -> Reported {
    let score = block.final_score.map(Score::new);
    if let Some(Err(refused)) = score {
        wrong.push(Violation::new("/fusion/final_score", refused.0, "0 to 1", "0 à 1"));
    }
    let grade = block.final_grade.as_deref().map(|text| (text, text.parse::<Grade>()));
    if let Some((text, Err(_))) = &grade {
        wrong.push(Violation::new("/fusion/final_grade", text, "A+, A, B, C or REJECT", "A+, A, B, C ou REJECT"));
    }
    Reported { score: score.and_then(Result::ok), grade: grade.and_then(|(_, grade)| grade.ok()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fixtures::strategy;
    use proptest::prelude::*;
    use sqal_core::{ProfileRef, Sample};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_document_of_a_sample_is_a_frame_with_the_same_readings(sample in strategy::sample()) {
            prop_assume!(sample.tof.is_some() || sample.spectrum.is_some());
            let text = serde_json::to_string(&super::super::document(&sample)).unwrap();
            let incoming = parse(&text).unwrap();
            prop_assert_eq!(incoming.key, sample.key);
            prop_assert_eq!(incoming.tof, sample.tof);
            prop_assert_eq!(incoming.spectrum, sample.spectrum);
            prop_assert_eq!(incoming.meta, sample.meta);
        }

        #[test]
        fn the_frame_of_a_sample_says_what_its_device_sent(sample in strategy::sample()) {
            prop_assume!(sample.tof.is_some() || sample.spectrum.is_some());
            let text = serde_json::to_string(&super::super::frame_of(&sample)).unwrap();
            let Incoming { key, tof, spectrum, reported, meta, profile, time_cut } = parse(&text).unwrap();
            prop_assert!(!time_cut);
            prop_assert_eq!(reported, sample.reported);
            let again = Sample {
                key,
                tof,
                spectrum,
                meta,
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
            let text = serde_json::to_string(&super::super::document(&sample)).unwrap();
            let at = at.index(text.len());
            if let Some(cut) = text.get(..at) {
                let wrong = parse(cut).unwrap_err();
                prop_assert!(!wrong[0].limit.is_empty());
            }
        }
    }
}
