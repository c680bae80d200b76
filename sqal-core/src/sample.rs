//! [`Sample`]: one product seen once, with its readings, its findings and its verdict.

use core::fmt;
use core::str::FromStr;

use sha2::{Digest, Sha256};

use crate::{DeviceId, Grade, Inspection, Name, Score, Spectrum, Timestamp, TofFrame, beside::Beside};

/// The key that identifies a sample: the device, the time of measurement, and the device's own name
/// for the sample (C-01).
///
/// It is complete: these three values identify a sample, and a fourth would make another sample of
/// each that is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SampleKey {
    /// The device.
    pub device_id: DeviceId,
    /// The time of measurement, by the device's clock.
    pub timestamp: Timestamp,
    /// The device's own name for the sample, 1 to 100 bytes (ING-03): the `sample_id` of a frame.
    ///
    /// It is one part of the key. The identity of the sample is its [`SampleId`].
    #[cfg_attr(feature = "serde", serde(rename = "sample_id"))]
    pub name: Name<100>,
}

/// The identity of a sample, in the layout of a UUID version 7: time first, so that it sorts by
/// time.
///
/// The id is a function of the [`SampleKey`]: the 48 bits of time are the device's, and the other
/// 74 are taken from the SHA-256 of the key. If a device sends a sample again, the id is equal,
/// which makes delivery idempotent.
///
/// ```
/// use sqal_core::SampleId;
///
/// let id: SampleId = "0192cb0e-d580-7abc-8def-001122334455".parse()?;
/// assert_eq!(id.to_string(), "0192cb0e-d580-7abc-8def-001122334455");
/// # Ok::<(), sqal_core::sample::InvalidSampleId>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct SampleId([u8; 16]);

/// The id as it is written everywhere else, as in `SampleId(0192cb0e-d580-7…)`.
impl fmt::Debug for SampleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SampleId({self})")
    }
}

impl SampleId {
    /// The id of the sample with this key.
    #[must_use]
    pub fn of(key: &SampleKey) -> Self {
        let mut hash = Sha256::new();
        // Lengths first, so that no two different keys feed the same bytes.
        for text in [key.device_id.as_str(), key.name.as_str()] {
            hash.update([u8::try_from(text.len()).unwrap_or(u8::MAX)]);
            hash.update(text);
        }
        hash.update(key.timestamp.micros().to_be_bytes());
        let digest = hash.finalize();

        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        // Times before 1970 sort first, as if in 1970; the digest still tells them apart.
        let millis = key.timestamp.micros().div_euclid(1000).max(0);
        bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
        bytes[6] = bytes[6] & 0x0f | 0x70;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Self(bytes)
    }

    /// The id from its 16 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for SampleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (k, byte) in self.0.iter().enumerate() {
            if matches!(k, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl FromStr for SampleId {
    type Err = InvalidSampleId;

    /// Reads a UUID of any version: 36 characters with hyphens, in small or capital letters.
    fn from_str(text: &str) -> Result<Self, InvalidSampleId> {
        let mut bytes = [0_u8; 16];
        let mut digits = 0;
        for (at, character) in text.chars().enumerate() {
            if matches!(at, 8 | 13 | 18 | 23) {
                if character != '-' {
                    return Err(InvalidSampleId);
                }
                continue;
            }
            let digit = character.to_digit(16).and_then(|digit| u8::try_from(digit).ok()).ok_or(InvalidSampleId)?;
            let byte = bytes.get_mut(digits / 2).ok_or(InvalidSampleId)?;
            *byte = (*byte << 4) | digit;
            digits += 1;
        }
        if digits == 32 { Ok(Self(bytes)) } else { Err(InvalidSampleId) }
    }
}

/// A text is not the id of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected the id of a sample, a UUID such as 0192cb0e-d580-7abc-8def-001122334455")]
pub struct InvalidSampleId;

/// The profile of a verdict: its name, its version, and a digest of its whole text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ProfileRef {
    /// The profile's name, for example `foiegras_standard_barquette`.
    pub name: Name<64>,
    /// The profile's version, counted by its owner.
    pub version: u32,
    /// The first 16 bytes of the SHA-256 of the profile's canonical text.
    pub hash: [u8; 16],
}

impl ProfileRef {
    /// The hash of a profile's canonical text: the first 16 bytes of its SHA-256.
    #[must_use]
    pub fn hash_of(text: &str) -> [u8; 16] {
        let mut hash = [0; 16];
        hash.copy_from_slice(&Sha256::digest(text)[..16]);
        hash
    }
}

/// What a device reports about itself and its surroundings (ING-09).
///
/// Like [`Sample`], it has no constructor: a store names every field.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Meta {
    /// The firmware's version.
    pub firmware_version: Option<Name<32>>,
    /// Air temperature in °C.
    pub temperature_c: Option<f32>,
    /// Relative humidity in percent.
    pub humidity_percent: Option<f32>,
}

/// What a reading was taken of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Purpose {
    /// A product: its verdict counts.
    #[default]
    Product = 0,
    /// A reference, for example an empty tray or a white tile. The reading is stored, and its
    /// verdict counts in no figure.
    Calibration = 1,
}

impl Purpose {
    /// Whether the name of a device says that it reads references only: `CAL_POSTE`, `CAL-3`.
    #[must_use]
    pub fn is_named_by(device: &DeviceId) -> bool {
        device.as_str().strip_prefix("CAL").is_some_and(|rest| rest.starts_with(['_', '-']))
    }

    /// The word used on the wire and in SQL.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Product => "product",
            Self::Calibration => "calibration",
        }
    }
}

/// The device's own conclusion, sent with the frame.
///
/// It is stored beside the server's verdict and never mixed into it.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Reported {
    /// `fusion.final_score` of the frame.
    pub score: Option<Score>,
    /// `fusion.final_grade` of the frame.
    pub grade: Option<Grade>,
}

/// One product seen once: raw readings, findings and verdict, ready to be stored permanently.
///
/// It has no constructor on purpose. A store that builds a sample from its columns names every
/// field, so a new field that the store does not keep is a compile error there and no lost value.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Sample {
    /// The device, the time, and the device's name for the sample.
    pub key: SampleKey,
    /// The time of receipt, by the server's clock.
    pub received_at: Timestamp,
    /// The raw reading of the time-of-flight sensor.
    pub tof: Option<TofFrame>,
    /// The raw reading of the spectral sensor.
    pub spectrum: Option<Spectrum>,
    /// The findings and the decision.
    pub inspection: Inspection,
    /// The device's own conclusion.
    pub reported: Option<Reported>,
    /// What the device reported about itself.
    pub meta: Meta,
    /// The profile of the verdict.
    pub profile: ProfileRef,
    /// The duration of analysis and decision, in microseconds.
    pub processing_micros: u32,
    /// What the device sent beside its measurement.
    #[cfg_attr(feature = "serde", serde(default))]
    pub beside: Beside,
    /// What the reading was taken of.
    #[cfg_attr(feature = "serde", serde(default))]
    pub purpose: Purpose,
}

impl Sample {
    /// The sample's identity.
    #[must_use]
    pub fn id(&self) -> SampleId {
        SampleId::of(&self.key)
    }

    /// Whether another sample has the same key and the same reading as sent by its device.
    ///
    /// The reading is: both sensors, what it was taken of, what the device reported about itself,
    /// and the name of the profile that the device asked for.
    ///
    /// Values that a server concludes or adds (`received_at`, findings, verdict, the version of the
    /// profile, processing time) are not compared. `reported` is not compared either: a device's
    /// conclusion is not a reading. The purpose is not compared for a device whose name decides it.
    /// Delivery is idempotent for an equal reading only: another
    /// reading with an existing key is a conflict.
    #[must_use]
    pub fn is_same_reading(&self, other: &Self) -> bool {
        self.key == other.key
            && self.tof == other.tof
            && self.spectrum == other.spectrum
            && (self.purpose == other.purpose || Purpose::is_named_by(&self.key.device_id))
            && self.meta == other.meta
            && self.profile.name == other.profile.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    fn key(device: &str, micros: i64, name: &str) -> SampleKey {
        SampleKey {
            device_id: Name::new(device).unwrap(),
            timestamp: Timestamp::from_micros(micros).unwrap(),
            name: Name::new(name).unwrap(),
        }
    }

    #[test]
    fn the_id_has_the_layout_of_a_uuid_version_7() {
        let id = SampleId::of(&key("ESP32_SIM_1234", 1_729_983_600_000_000, "SAMPLE-20241026-230000-0001")).to_string();
        // 2024-10-26T23:00:00Z is 0x192cb0ed580 ms after 1970; version nibble 7, variant 8 to b.
        assert!(id.starts_with("0192cb0e-d580-7"), "{id}");
        assert!(matches!(id.as_bytes()[19], b'8' | b'9' | b'a' | b'b'), "{id}");
        assert_eq!(id.len(), 36);
        let debug = alloc::format!("{:?}", SampleId::from_bytes([0x0a; 16]));
        assert_eq!(debug, "SampleId(0a0a0a0a-0a0a-0a0a-0a0a-0a0a0a0a0a0a)");
    }

    fn sample() -> Sample {
        let key = key("a", 1_000_000, "one");
        Sample {
            key,
            received_at: key.timestamp,
            tof: None,
            spectrum: None,
            inspection: Inspection {
                tof: None,
                spectral: None,
                verdict: crate::Verdict::unmeasured(crate::Defects::new()),
            },
            reported: None,
            meta: Meta { firmware_version: None, temperature_c: Some(4.0), humidity_percent: None },
            profile: ProfileRef { name: Name::new("terrine").unwrap(), version: 1, hash: [1; 16] },
            processing_micros: 12,
            beside: Beside::default(),
            purpose: Purpose::Product,
        }
    }

    #[test]
    fn a_reading_is_the_same_whatever_a_server_concludes_from_it() {
        let mut again = sample();
        again.received_at = Timestamp::from_micros(9_000_000).unwrap();
        again.inspection.verdict.grade = Grade::A;
        again.reported = Some(Reported { score: None, grade: Some(Grade::B) });
        (again.profile.version, again.profile.hash) = (2, [2; 16]);
        again.processing_micros = 99;
        assert!(again.is_same_reading(&sample()));
    }

    #[test]
    fn a_reading_is_another_if_anything_differs_that_the_device_sent() {
        let changes: [fn(&mut Sample); 5] = [
            |s| s.purpose = Purpose::Calibration,
            |s| s.key.name = Name::new("two").unwrap(),
            |s| s.tof = None,
            |s| s.meta.temperature_c = Some(4.5),
            |s| s.profile.name = Name::new("camembert").unwrap(),
        ];
        let seen = crate::tof::TofReading {
            distance_mm: crate::Grid::from_fn(|_| 150.0),
            reflectance_percent: Some(crate::Grid::from_fn(|_| 40.0)),
            amplitude_kcps: Some(crate::Grid::from_fn(|_| 900.0)),
            sigma_mm: None,
            status: None,
            distance_kind: crate::tof::DistanceKind::Perpendicular,
        };
        let known = Sample { tof: Some(TofFrame::new(seen).unwrap()), ..sample() };
        assert!(known.is_same_reading(&known.clone()));
        for change in changes {
            let mut other = known.clone();
            change(&mut other);
            assert!(!other.is_same_reading(&known) && !known.is_same_reading(&other), "{other:?}");
        }
    }

    #[test]
    fn what_is_no_uuid_is_no_id() {
        let uuid = "0192cb0e-d580-7abc-8def-001122334455";
        for text in [
            "",
            "42",
            "0192cb0ed5807abc8def001122334455",
            &uuid[..35],
            &alloc::format!("{uuid}0"),
            &uuid.replace('c', "g"),
            &uuid.replace('-', " "),
            &uuid.replace('0', "\u{660}"),
        ] {
            assert_eq!(text.parse::<SampleId>(), Err(InvalidSampleId), "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_id_is_read_back_as_it_was_written(bytes: [u8; 16]) {
            let id = SampleId::from_bytes(bytes);
            prop_assert_eq!(id.to_string().parse(), Ok(id));
            prop_assert_eq!(id.to_string().to_uppercase().parse(), Ok(id));
        }

        #[test]
        fn a_text_is_an_id_only_if_it_is_a_uuid(text in "[0-9a-fA-F-]{0,40}") {
            if let Ok(id) = text.parse::<SampleId>() {
                prop_assert_eq!(id.to_string(), text.to_lowercase());
            }
        }

        #[test]
        fn different_keys_have_different_ids_and_equal_keys_equal_ids(
            a in ("[a-c]{1,3}", 0..3_i64, "[a-c]{1,3}"),
            b in ("[a-c]{1,3}", 0..3_i64, "[a-c]{1,3}"),
        ) {
            let [a, b] = [a, b].map(|(device, micros, name)| key(&device, micros, &name));
            prop_assert_eq!(a == b, SampleId::of(&a) == SampleId::of(&b));
        }

        #[test]
        fn ids_sort_by_time(a in 0..4_000_000_000_000_000_i64, b in 0..4_000_000_000_000_000_i64) {
            let [low, high] = if a / 1000 < b / 1000 { [a, b] } else { [b, a] };
            prop_assume!(low / 1000 != high / 1000);
            prop_assert!(SampleId::of(&key("z", low, "z")) < SampleId::of(&key("a", high, "a")));
        }
    }
}
