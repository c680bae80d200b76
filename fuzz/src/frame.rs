//! Fuzzing targets for frames as text, CBOR and events, and for cursors.
//!
//! An accepted input can be written and read back. A refusal names its reason.

use std::cell::LazyCell;

use sqal_intake::Intake;
use sqal_protocol::Problem;
use sqal_protocol::document::document;
use sqal_protocol::encoding::{Encoding, Message};
use sqal_storage::samples::{Cursor, decode_frame, encode_frame};

use crate::line;

thread_local! {
    static INTAKE: LazyCell<Intake> = LazyCell::new(line::intake);
}

/// Asserts that a refusal names the fault, and can be serialized.
fn is_told(problem: &Problem) {
    let text = serde_json::to_string(problem).expect("a problem can be written");
    // A refusal for a disagreement about clock or profile is temporary.
    let disagrees = matches!(&*problem.kind, "/problems/clock-disagrees" | "/problems/profile-unknown-here");
    assert!(disagrees == (problem.status == 503) && disagrees == problem.retry_after.is_some(), "{text}");
    assert!(disagrees || (400..500).contains(&problem.status), "{text}");
    assert!(problem.status == 413 || !problem.violations.is_empty(), "{text}");
    assert!(problem.violations.iter().all(|one| one.pointer.is_empty() || one.pointer.starts_with('/')), "{text}");
}

/// A frame as text: it is a sample that is equal after writing and reading it back, or a refusal
/// that names the fault.
pub fn frame(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        judged(text);
    }
}

fn judged(text: &str) {
    INTAKE.with(|intake| match intake.accept(text) {
        Err(problem) => is_told(&problem),
        Ok(sample) => {
            let bytes = encode_frame(sample.tof.as_ref(), sample.spectrum.as_ref());
            assert_eq!(decode_frame(&bytes), Ok((sample.tof, sample.spectrum)), "the raw readings");
            if let Some(score) = sample.inspection.verdict.score {
                assert!((0.0..=1.0).contains(&score.value()) && score.u().is_finite(), "{score:?}");
            }
            let shown = serde_json::to_string(&document(&sample)).expect("names and finite numbers");
            let again = intake.accept(&shown).unwrap_or_else(|problem| panic!("{shown} is not taken: {problem:?}"));
            assert_eq!((again.key, again.tof, again.spectrum), (sample.key, sample.tof, sample.spectrum), "{shown}");
        }
    });
}

fn taken(encoding: Encoding, message: &Message<'_>) {
    let longest = INTAKE.with(|intake| intake.limits().bytes);
    match encoding.decode(message, longest) {
        Err(problem) => is_told(&problem),
        Ok(text) => judged(&text),
    }
}

/// A frame as CBOR.
pub fn cbor(data: &[u8]) {
    taken(Encoding::Cbor, &Message::binary(data));
}

/// A frame inside a CloudEvent.
pub fn cloud_events(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        taken(Encoding::CloudEvents, &Message::text(text));
    }
}

/// A cursor of a list: it is equal after writing and reading it back.
pub fn cursor(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(cursor) = text.parse::<Cursor>()
    {
        assert_eq!(cursor.to_string(), text.to_ascii_lowercase());
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
    }
}
