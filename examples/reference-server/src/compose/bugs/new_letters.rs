//! [`NewLetters`]: the devices whose frames were refused for good since the last look.

use std::collections::BTreeMap;

use serde_json::Value;
use sqal_core::{DeviceId, Name, Timestamp};
use sqal_http::DeadLetters;
use sqal_http::sqal_protocol::time::parse;

/// The letters that are looked at. More than a holder can send between two looks.
const MOST: usize = 250;

/// Which dead letters were looked at.
#[derive(Debug)]
pub(super) struct NewLetters {
    /// When the newest of them had arrived.
    seen: Timestamp,
}

impl NewLetters {
    /// Takes the letters until now as looked at.
    pub(super) const fn since(now: Timestamp) -> Self {
        Self { seen: now }
    }

    /// The number of new letters of each device that they name as their own. A letter without a
    /// readable device is of none.
    pub(super) fn look(&mut self, letters: &DeadLetters) -> BTreeMap<DeviceId, u32> {
        let mut counts = BTreeMap::new();
        let before = self.seen;
        for letter in letters.newest(MOST) {
            let Some(at) = parse(&letter.received_at).filter(|at| *at > before) else { continue };
            self.seen = self.seen.max(at);
            if let Some(device) = device_of(&letter.frame) {
                *counts.entry(device).or_insert(0) += 1;
            }
        }
        counts
    }
}

/// The device that a frame names.
fn device_of(frame: &str) -> Option<DeviceId> {
    let value: Value = serde_json::from_str(frame).ok()?;
    Name::new(value.get("device_id")?.as_str()?).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Letters that have arrived at these times with these frames.
    fn letters(folder: &tempfile::TempDir, all: &[(&str, &str)]) -> DeadLetters {
        let letter = |(received_at, frame): &(&str, &str)| {
            let letter = json!({
                "received_at": received_at,
                "holder": null,
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

    #[test]
    fn each_letter_counts_once_for_the_device_that_it_names() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (r#"{"device_id":"ESP32_1"}"#, r#"{"device_id":"ESP32_2"}"#);
        let mut all = vec![
            ("2026-11-29T06:00:00Z", first),
            ("2026-11-29T06:00:01.000001Z", first),
            ("2026-11-29T06:00:02Z", second),
            ("2026-11-29T06:00:02Z", first),
            ("2026-11-29T06:00:02Z", "{"),
            ("2026-11-29T06:00:02Z", r#"{"device_id":7}"#),
        ];
        let mut new = NewLetters::since(parse("2026-11-29T06:00:00Z").unwrap());
        let device = |name: &str| Name::new(name).unwrap();
        let expected = BTreeMap::from([(device("ESP32_1"), 2), (device("ESP32_2"), 1)]);
        assert_eq!(new.look(&letters(&folder, &all)), expected);
        assert_eq!(new.look(&letters(&folder, &all)), BTreeMap::new());
        all.push(("2026-11-29T06:00:02.5Z", second));
        assert_eq!(new.look(&letters(&folder, &all)), BTreeMap::from([(device("ESP32_2"), 1)]));
    }
}
