//! [`key`]: which faults are equal, so that they are one bug.
//!
//! The key of a group is made of
//!
//! 1. the project and the kind of device, because equal texts of two products are two faults;
//! 2. the fingerprint: the one that the client gave, else the types of the exceptions with the
//!    functions of their stacks, else the message, without what differs from one occurrence to the
//!    next: line numbers, addresses, hashes, numbers, quoted values.
//!
//! The version of the firmware is *not* in the key. A fault that comes back in the next version
//! would then be another group and another bug, and no bug could ever be found to have regressed in
//! a later version. The versions in which a group was seen are tags of its bug instead:
//! `firmware:2.3.1`.

pub(crate) mod normal;

use sha2::{Digest as _, Sha256};
use sqal_storage::bugs::GroupKey;

use self::normal::{file, message, symbol};
use crate::envelope::event::{Event, EventException, StackFrame};

/// The version of the rules in this module: another version makes other groups.
const RULES: &str = "fault 1";

/// The key of the group of an event of a project.
///
/// ```
/// use sqal_bugs::{envelope::event::read, group::key};
///
/// let event = |message: &str| read(format!(r#"{{"message": "{message}"}}"#).as_bytes());
/// let (one, two) = (event("valve 7 is open for 1.5 s")?, event("valve 8 is open for 12 s")?);
/// assert_eq!(key(&one, 1), key(&two, 1));
/// assert_ne!(key(&one, 1), key(&event("valve 7 is shut")?, 1));
/// # Ok::<(), sqal_bugs::envelope::event::InvalidEvent>(())
/// ```
#[must_use]
pub fn key(event: &Event, project: u64) -> GroupKey {
    let mut parts = vec!["event".to_owned(), project.to_string(), event.device_kind().unwrap_or_default().to_owned()];
    if event.fingerprint.is_empty() {
        parts.extend(default_parts(event));
    }
    for part in &event.fingerprint {
        if is_default(part) {
            parts.extend(default_parts(event));
        } else {
            parts.extend(["given".to_owned(), part.clone()]);
        }
    }
    of_parts(parts.iter().map(String::as_str))
}

/// The key of the group with these parts.
pub(crate) fn of_parts<'a>(parts: impl IntoIterator<Item = &'a str>) -> GroupKey {
    let mut hash = Sha256::new();
    // Lengths first, so that no two different lists feed the same bytes.
    for part in [RULES].into_iter().chain(parts) {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    GroupKey::from_bytes(hash.finalize().into())
}

/// Whether a part of a given fingerprint stands for what is taken without one.
fn is_default(part: &str) -> bool {
    let inner = part.trim().strip_prefix("{{").and_then(|part| part.strip_suffix("}}"));
    inner.is_some_and(|inner| inner.trim() == "default")
}

/// The fingerprint of an event whose client gave none.
fn default_parts(event: &Event) -> Vec<String> {
    let mut parts = Vec::new();
    for exception in &event.exceptions {
        exception_parts(exception, &mut parts);
    }
    if event.exceptions.is_empty() {
        if let Some(text) = event.template.as_ref().or(event.message.as_ref()) {
            parts.extend(["message".to_owned(), message(text)]);
        }
        stack_parts(&event.frames, &mut parts);
    } else if event.exceptions.iter().all(|exception| exception.frames.is_empty()) {
        stack_parts(&event.frames, &mut parts);
    }
    if parts.is_empty() {
        let place = event.transaction.as_ref().or(event.logger.as_ref());
        parts.extend(["place".to_owned(), place.map(|place| message(place)).unwrap_or_default()]);
    }
    parts
}

fn exception_parts(exception: &EventException, parts: &mut Vec<String>) {
    parts.extend(["type".to_owned(), symbol(exception.kind.as_deref().unwrap_or_default())]);
    let before = parts.len();
    stack_parts(&exception.frames, parts);
    if parts.len() == before
        && let Some(value) = &exception.value
    {
        parts.extend(["value".to_owned(), message(value)]);
    }
}

/// The frames of a stack: those of the program if it has any. A function that calls itself counts
/// once, however deep it was.
fn stack_parts(frames: &[StackFrame], parts: &mut Vec<String>) {
    let has_own = frames.iter().any(|frame| frame.is_own && !place(frame).is_empty());
    let mut before = String::new();
    for frame in frames.iter().filter(|frame| frame.is_own || !has_own) {
        let place = place(frame);
        if !place.is_empty() && place != before {
            parts.extend(["frame".to_owned(), place.clone()]);
            before = place;
        }
    }
}

/// The function of a frame with its module or its file; empty if nothing is known.
fn place(frame: &StackFrame) -> String {
    let function = frame.function.as_deref().map(symbol);
    let module = frame.module.as_deref().map(symbol).or_else(|| frame.file.as_deref().map(file));
    match (module, function) {
        (Some(module), Some(function)) => format!("{module}\n{function}"),
        (module, function) => module.or(function).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(file: &str, function: &str, line: u64) -> StackFrame {
        let text = |text: &str| Some(text.to_owned());
        StackFrame { function: text(function), file: text(file), line: Some(line), is_own: true, module: None }
    }

    fn thrown(kind: &str, value: &str, frames: Vec<StackFrame>) -> Event {
        let exception =
            EventException { kind: Some(kind.to_owned()), value: Some(value.to_owned()), module: None, frames };
        Event { exceptions: vec![exception], ..Event::default() }
    }

    fn told(message: &str) -> Event {
        Event { message: Some(message.to_owned()), ..Event::default() }
    }

    proptest! {
        #[test]
        fn lines_addresses_hashes_and_values_do_not_split_a_group(
            lines: (u64, u64),
            addresses: (u64, u64),
            one in "[0-9a-f]{7}[0-9]",
            two in "[0-9][0-9a-f]{7}",
            values: (i64, f64),
        ) {
            let event = |line: u64, address: u64, hash: &str, value: &str| {
                let frames = vec![
                    frame(&format!("https://plant/assets/{hash}/main.{hash}.js"), "start", line),
                    frame(&format!("/build/{hash}/station.rs"), &format!("poll::h{hash}{hash}"), line),
                    frame("valve.c", &format!("isr_0x{address:08x}"), line.wrapping_add(1)),
                ];
                thrown("TypeError", value, frames)
            };
            let first = event(lines.0, addresses.0, &one, &values.0.to_string());
            let second = event(lines.1, addresses.1, &two, &values.1.to_string());
            prop_assert_eq!(key(&first, 1), key(&second, 1));
        }

        #[test]
        fn numbers_and_quoted_values_in_a_message_do_not_split_a_group(
            ones: (u32, i64, u64), twos: (u32, i64, u64), names in ("[a-z ]{1,9}", "[A-Z-]{1,9}"),
            id in any::<[u64; 2]>(),
        ) {
            let message = |numbers: (u32, i64, u64), name: &str, id: u64| {
                let (count, degrees, address) = numbers;
                let tail = id % 1_000_000_000_000;
                told(&format!(
                    "sensor {count} of '{name}' read {degrees}.25 C at {address:#x}, 2024-01-02T03:04:{:02}Z, \
                     run {:08x}-00ab-4cde-8f00-{tail:012x}",
                    count % 60,
                    id >> 32,
                ))
            };
            let (first, second) = (message(ones, &names.0, id[0]), message(twos, &names.1, id[1]));
            prop_assert_eq!(key(&first, 1), key(&second, 1));
        }

        #[test]
        fn other_types_and_other_functions_are_other_groups(
            kinds in ("[A-Z][a-z]{2,9}Error", "[A-Z][a-z]{2,9}Error"),
            functions in ("[a-z]{1,5}_[a-z]{1,5}", "[a-z]{1,5}_[a-z]{1,5}"),
        ) {
            let event = |kind: &str, function: &str| thrown(kind, "7", vec![frame("valve.rs", function, 1)]);
            let first = key(&event(&kinds.0, &functions.0), 1);
            prop_assert_eq!(first == key(&event(&kinds.1, &functions.0), 1), kinds.0 == kinds.1);
            prop_assert_eq!(first == key(&event(&kinds.0, &functions.1), 1), functions.0 == functions.1);
        }

        #[test]
        fn other_words_in_a_message_are_another_group(words in ("[a-z]{1,6}", "[a-z]{1,6}")) {
            let message = |word: &str| told(&format!("valve {word} in 3 s"));
            prop_assert_eq!(key(&message(&words.0), 1) == key(&message(&words.1), 1), words.0 == words.1);
        }

        #[test]
        fn a_given_fingerprint_decides_alone(
            parts in proptest::collection::vec("[a-z]{1,9}", 1..4),
            other in "[0-9]{1,9}",
        ) {
            let with = |message: &str, fingerprint: &[String]| {
                Event { fingerprint: fingerprint.to_vec(), ..told(message) }
            };
            prop_assert_eq!(key(&with("valve", &parts), 1), key(&with("pump", &parts), 1));
            let mut more = parts.clone();
            more.push(other);
            prop_assert_ne!(key(&with("valve", &parts), 1), key(&with("valve", &more), 1));
        }
    }

    #[test]
    fn the_project_and_the_kind_of_device_split_and_the_firmware_does_not() {
        let event = Event { release: Some("station@1.0.0".to_owned()), ..told("valve stuck") };
        let later = Event { release: Some("station@1.1.0".to_owned()), ..event.clone() };
        assert_eq!(key(&event, 1), key(&later, 1));
        assert_ne!(key(&event, 1), key(&event, 2));
        let other = Event { model: Some("esp32-s3".to_owned()), ..event.clone() };
        assert_ne!(key(&event, 1), key(&other, 1));
    }

    #[test]
    fn the_word_default_in_a_given_fingerprint_stands_for_what_is_taken_without_one() {
        let with = |parts: &[&str]| {
            let fingerprint = parts.iter().map(|part| (*part).to_owned()).collect();
            key(&Event { fingerprint, ..told("valve 7 stuck") }, 1)
        };
        assert_eq!(with(&["{{ default }}"]), key(&told("valve 8 stuck"), 1));
        assert_eq!(with(&["{{default}}", "line 2"]), with(&["{{ default }}", "line 2"]));
        assert_ne!(with(&["{{ default }}", "line 2"]), with(&["{{ default }}"]));
        assert_ne!(with(&["{{ default }}"]), with(&["default"]));
    }

    #[test]
    fn frames_of_libraries_count_only_without_frames_of_the_program_and_recursion_counts_once() {
        let library = |function: &str| StackFrame { is_own: false, ..frame("lib.py", function, 3) };
        let own = || frame("app.py", "run", 9);
        let key_of = |frames: Vec<StackFrame>| key(&thrown("E", "7", frames), 1);
        assert_eq!(key_of(vec![own(), library("a")]), key_of(vec![library("b"), own()]));
        assert_ne!(key_of(vec![library("a")]), key_of(vec![library("b")]));
        assert_eq!(key_of(vec![own(), own(), own()]), key_of(vec![own()]));
        assert_ne!(key_of(Vec::new()), key(&thrown("E", "seven", Vec::new()), 1), "without a stack the value counts");
    }
}
