//! [`NewLetters`]: the devices whose frames were refused for good since the last look.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;
use sqal_core::{DeviceId, Name, Timestamp};
use sqal_http::sqal_intake::dead_letters::DeadLetter;
use sqal_http::{Access, DeadLetters};

/// Which dead letters were looked at.
///
/// They are known by their hashes and not by their times, because the clock of a server can be set
/// back.
#[derive(Debug, Default)]
pub(super) struct NewLetters {
    /// The hashes of the letters at the last look, with how often each was there.
    known: HashMap<u64, u32>,
}

impl NewLetters {
    /// Takes the letters that are there as looked at.
    pub(super) fn after(letters: &DeadLetters) -> Self {
        let mut new = Self::default();
        for letter in letters.all() {
            *new.known.entry(hash_of(&letter)).or_insert(0) += 1;
        }
        new
    }

    /// The number of new letters of each device. A letter counts for the device that it names as
    /// its own if its sender may speak for this device now, and otherwise for none. A letter
    /// without a readable device counts for the device of its sender.
    pub(super) fn look(&mut self, letters: &DeadLetters, access: &Access, now: Timestamp) -> BTreeMap<DeviceId, u32> {
        let (mut counts, mut before) = (BTreeMap::new(), std::mem::take(&mut self.known));
        for letter in letters.all() {
            let hash = hash_of(&letter);
            *self.known.entry(hash).or_insert(0) += 1;
            if let Some(left) = before.get_mut(&hash).filter(|left| **left > 0) {
                *left -= 1;
            } else if let Some(device) = device_of(&letter, access, now) {
                *counts.entry(device).or_insert(0) += 1;
            }
        }
        counts
    }
}

fn hash_of(letter: &DeadLetter) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&letter.received_at, &letter.holder, &letter.frame).hash(&mut hasher);
    hasher.finish()
}

/// The device that has sent a letter. A letter without a holder was sent to a server without
/// tokens, or is of a sample that was accepted.
fn device_of(letter: &DeadLetter, access: &Access, now: Timestamp) -> Option<DeviceId> {
    match (&letter.holder, named_in(&letter.frame)) {
        (Some(holder), Some(device)) => access.may_bring(holder, &device, now).then_some(device),
        (Some(holder), None) => access.only_device(holder, now),
        (None, named) => named,
    }
}

/// The device that a frame names.
fn named_in(frame: &str) -> Option<DeviceId> {
    let value: Value = serde_json::from_str(frame).ok()?;
    Name::new(value.get("device_id")?.as_str()?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use sqal_http::{Grant, Token, TokenFile, TokenHash};

    use super::*;

    const FIRST: &str = r#"{"device_id":"ESP32_1"}"#;
    const SECOND: &str = r#"{"device_id":"ESP32_2"}"#;

    /// Letters that have arrived at these times, from these holders, with these frames.
    fn letters(folder: &tempfile::TempDir, all: &[(&str, Option<&str>, &str)]) -> DeadLetters {
        let letter = |(received_at, holder, frame): &(&str, Option<&str>, &str)| {
            let letter = json!({
                "received_at": received_at,
                "holder": holder,
                "sample_id": null,
                "problem": "/problems/invalid-frame",
                "detail": "wrong",
                "frame": frame,
            });
            format!("{letter}\n")
        };
        let path = folder.path().join("dead-letters.ndjson");
        std::fs::write(&path, all.iter().map(letter).collect::<String>()).unwrap();
        DeadLetters::in_file(&path).unwrap()
    }

    fn device(name: &str) -> DeviceId {
        Name::new(name).unwrap()
    }

    fn now() -> Timestamp {
        Timestamp::from_micros(1_794_000_000_000_000).unwrap()
    }

    /// Two stations and a gateway.
    fn tokens() -> Access {
        let grants = [
            ("station 1", Grant::Device(device("ESP32_1"))),
            ("station 2", Grant::Device(device("ESP32_2"))),
            ("gateway", Grant::Gateway),
        ];
        let token = |(name, grant)| Token {
            name: Name::new(name).unwrap(),
            grant,
            sha256: TokenHash::of(&format!("the token of {name}")),
            until: None,
        };
        Access::of(TokenFile { tokens: grants.into_iter().map(token).collect() }).unwrap()
    }

    #[test]
    fn each_letter_counts_once_for_the_device_that_it_names() {
        let (folder, open) = (tempfile::tempdir().unwrap(), Access::open());
        let mut all = vec![("2026-11-29T06:00:00Z", None, FIRST)];
        let mut new = NewLetters::after(&letters(&folder, &all));
        all.extend([
            ("2026-11-29T06:00:01.000001Z", None, FIRST),
            ("2026-11-29T06:00:02Z", None, SECOND),
            ("2026-11-29T06:00:02Z", None, FIRST),
            ("2026-11-29T06:00:02Z", None, "{"),
            ("2026-11-29T06:00:02Z", None, r#"{"device_id":7}"#),
        ]);
        let expected = BTreeMap::from([(device("ESP32_1"), 2), (device("ESP32_2"), 1)]);
        assert_eq!(new.look(&letters(&folder, &all), &open, now()), expected);
        assert_eq!(new.look(&letters(&folder, &all), &open, now()), BTreeMap::new());
        all.push(("2026-11-29T06:00:02.5Z", None, SECOND));
        let expected = BTreeMap::from([(device("ESP32_2"), 1)]);
        assert_eq!(new.look(&letters(&folder, &all), &open, now()), expected);
        all.drain(..5);
        assert_eq!(new.look(&letters(&folder, &all), &open, now()), BTreeMap::new(), "none is new when others go");
    }

    #[test]
    fn a_device_cannot_blame_another_one() {
        let (folder, access) = (tempfile::tempdir().unwrap(), tokens());
        for (holder, frame, expected) in [
            ("station 1", FIRST, Some("ESP32_1")),
            ("station 1", SECOND, None),
            ("station 1", "no frame", Some("ESP32_1")),
            ("gateway", SECOND, Some("ESP32_2")),
            ("gateway", "no frame", None),
            ("unknown", FIRST, None),
            ("unknown", "no frame", None),
        ] {
            let all = [("2026-11-29T06:00:00Z", Some(holder), frame)];
            let counts = NewLetters::default().look(&letters(&folder, &all), &access, now());
            let found: Vec<_> = counts.keys().map(DeviceId::as_str).collect();
            assert_eq!(found, Vec::from_iter(expected), "{holder}: {frame}");
        }
        let of_none = [("2026-11-29T06:00:00Z", None, FIRST)];
        let counts = NewLetters::default().look(&letters(&folder, &of_none), &access, now());
        assert_eq!(counts, BTreeMap::from([(device("ESP32_1"), 1)]), "its sample was accepted");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn each_letter_counts_once_however_the_clock_is_set(
            arrivals in proptest::collection::vec((0_u8..60, any::<bool>()), 0..40),
        ) {
            let (folder, open) = (tempfile::tempdir().unwrap(), Access::open());
            let times: Vec<_> = arrivals.iter().map(|(second, _)| format!("2026-11-29T06:00:{second:02}Z")).collect();
            let (mut all, mut new, mut counted) = (Vec::new(), NewLetters::default(), 0);
            for (time, (_, is_looked_at)) in times.iter().zip(&arrivals) {
                all.push((time.as_str(), None, FIRST));
                if *is_looked_at {
                    counted += new.look(&letters(&folder, &all), &open, now()).values().sum::<u32>();
                }
            }
            counted += new.look(&letters(&folder, &all), &open, now()).values().sum::<u32>();
            prop_assert_eq!(usize::try_from(counted).unwrap(), arrivals.len());
        }
    }
}
