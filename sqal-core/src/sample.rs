//! [`Sample`]: one product seen once, with what was read, what was found and what was decided.

use core::fmt;
use core::str::FromStr;

use arrayvec::ArrayString;
use sha2::{Digest, Sha256};

use crate::{Assessment, Defects, Grade, Measured, Score, SpectralFindings, Spectrum, TofFindings, TofFrame};

/// A short text without control characters, 1 to `N` bytes of UTF-8, held in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "ArrayString<N>", into = "ArrayString<N>"))]
pub struct Name<const N: usize>(ArrayString<N>);

/// Why a text is not a [`Name`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAName {
    /// The text is empty.
    #[error("is empty: expected 1 to {max} bytes")]
    Empty {
        /// The largest length in bytes.
        max: usize,
    },
    /// The text is too long.
    #[error("has {len} bytes: expected 1 to {max}")]
    TooLong {
        /// Its length in bytes.
        len: usize,
        /// The largest length in bytes.
        max: usize,
    },
    /// The text has a control character, which would corrupt logs and terminals.
    #[error("has a control character at byte {at}: expected printable text")]
    Control {
        /// Where the character begins.
        at: usize,
    },
}

impl<const N: usize> Name<N> {
    /// A checked name.
    ///
    /// # Errors
    ///
    /// [`NotAName`] if the text is empty, longer than `N` bytes, or has a control character.
    pub fn new(text: &str) -> Result<Self, NotAName> {
        if text.is_empty() {
            return Err(NotAName::Empty { max: N });
        }
        if let Some((at, _)) = text.char_indices().find(|(_, c)| c.is_control()) {
            return Err(NotAName::Control { at });
        }
        ArrayString::from(text).map(Self).map_err(|_| NotAName::TooLong { len: text.len(), max: N })
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl<const N: usize> fmt::Display for Name<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl<const N: usize> FromStr for Name<N> {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        Self::new(text)
    }
}

impl<const N: usize> TryFrom<ArrayString<N>> for Name<N> {
    type Error = NotAName;

    fn try_from(text: ArrayString<N>) -> Result<Self, NotAName> {
        Self::new(&text)
    }
}

impl<const N: usize> From<Name<N>> for ArrayString<N> {
    fn from(name: Name<N>) -> Self {
        name.0
    }
}

/// The name of a device, 1 to 100 bytes (TSB-02).
pub type DeviceId = Name<100>;

/// A point in time: microseconds since 1970-01-01T00:00:00Z, from year 0 to year 9999.
///
/// Wall time is data: it arrives with a reading or as an argument, and nothing here reads a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "i64", into = "i64"))]
pub struct Timestamp(i64);

/// A number of microseconds outside the years 0 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} microseconds since 1970 is outside the years 0 to 9999")]
pub struct NotATimestamp(pub i64);

impl Timestamp {
    /// A time from microseconds since 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    ///
    /// [`NotATimestamp`] outside the years 0 to 9999, which RFC 3339 cannot write.
    pub const fn from_micros(micros: i64) -> Result<Self, NotATimestamp> {
        if micros >= -62_167_219_200_000_000 && micros <= 253_402_300_799_999_999 {
            Ok(Self(micros))
        } else {
            Err(NotATimestamp(micros))
        }
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }
}

impl TryFrom<i64> for Timestamp {
    type Error = NotATimestamp;

    fn try_from(micros: i64) -> Result<Self, NotATimestamp> {
        Self::from_micros(micros)
    }
}

impl From<Timestamp> for i64 {
    fn from(timestamp: Timestamp) -> Self {
        timestamp.0
    }
}

/// What makes a sample this sample and no other: who measured, when, and what the device called it (C-01).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SampleKey {
    /// The device.
    pub device_id: DeviceId,
    /// When the device measured, by the device's clock.
    pub timestamp: Timestamp,
    /// The device's own name for the sample, 1 to 100 bytes (ING-03).
    pub sample_id: Name<100>,
}

/// The identity of a sample, in the layout of a UUID version 7: time first, so that it sorts by time.
///
/// It is a function of the [`SampleKey`]: the 48 bits of time are the device's, and the other 74 are taken from the SHA-256 of the
/// key. A device that sends the same sample again sends the same id again, which is what makes delivery idempotent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct SampleId([u8; 16]);

impl SampleId {
    /// The id of the sample with this key.
    #[must_use]
    pub fn of(key: &SampleKey) -> Self {
        let mut hash = Sha256::new();
        // Lengths first, so that no two different keys feed the same bytes.
        for text in [key.device_id.as_str(), key.sample_id.as_str()] {
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

/// Which profile judged: its name, its version, and a digest of everything in it.
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

/// What a device tells about itself and its surroundings (ING-09).
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

/// What the device itself concluded and sent along; kept beside our verdict, never mixed into it.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Reported {
    /// `fusion.final_score` of the frame.
    pub score: Option<Score>,
    /// `fusion.final_grade` of the frame.
    pub grade: Option<Grade>,
}

/// Why a final grade is worse than the score alone would give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Cap {
    /// Nothing held the grade back.
    None,
    /// The uncertainty: the better grade was not certain enough.
    Guard,
    /// Too small a share of the evidence was there.
    Coverage,
    /// A major defect, or a state that is treated as one.
    MajorDefect,
    /// A critical defect.
    CriticalDefect,
    /// No instrument gave a usable score.
    Unmeasured,
}

/// The decision on one sample, with everything needed to defend it.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Verdict {
    /// The fused score with its standard uncertainty; `None` if nothing could be measured.
    pub score: Option<Measured>,
    /// The grade that is printed on the label.
    pub grade: Grade,
    /// The grade of the score by simple acceptance, before guard and caps.
    pub point_grade: Option<Grade>,
    /// What held the grade back.
    pub cap: Cap,
    /// The score of the time-of-flight sensor.
    pub tof_score: Option<Measured>,
    /// The score of the spectral sensor.
    pub spectral_score: Option<Measured>,
    /// The probability that the point grade is the true grade; uncalibrated unless the profile says otherwise.
    pub confidence: Score,
    /// The probability that the quality is at least that of the printed grade.
    pub conformity_probability: Score,
    /// The share of the evidence that was there.
    pub coverage: Score,
    /// 0 when the instruments agree as well as their uncertainties promise, towards 1 with disagreement.
    pub conflict: Score,
    /// All defects, the gravest first.
    pub defects: Defects,
}

/// A language for operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// French.
    French,
}

impl Verdict {
    /// One sentence that says why the grade is what it is.
    ///
    /// ```
    /// # use sqal_core::*;
    /// # let verdict = Verdict { score: None, grade: Grade::Reject, point_grade: None, cap: Cap::Unmeasured, tof_score: None,
    /// #     spectral_score: None, confidence: Score::ZERO, conformity_probability: Score::ONE, coverage: Score::ZERO,
    /// #     conflict: Score::ZERO, defects: Defects::new() };
    /// assert_eq!(verdict.explain(Language::English).to_string(), "REJECT: no instrument gave a usable score.");
    /// ```
    #[must_use]
    pub const fn explain(&self, language: Language) -> Explanation<'_> {
        Explanation { verdict: self, language }
    }
}

/// The sentence of [`Verdict::explain`]; it is written with `{}`.
#[derive(Clone, Copy, Debug)]
pub struct Explanation<'a> {
    verdict: &'a Verdict,
    language: Language,
}

impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let v = self.verdict;
        let french = self.language == Language::French;
        let tell = |en: &'static str, fr: &'static str| if french { fr } else { en };
        let grade = |grade: Grade| if french && grade == Grade::Reject { "REJET" } else { grade.as_str() };
        write!(f, "{}{}", grade(v.grade), tell(": ", " : "))?;
        let (Some(score), Some(point)) = (v.score, v.point_grade) else {
            return f.write_str(tell(
                "no instrument gave a usable score.",
                "aucun instrument n'a donné de note exploitable.",
            ));
        };
        write!(f, "{} {:.3} ± {:.3}", tell("fused score", "note fusionnée"), score.value(), score.u())?;
        for (name, part) in [(tell("shape", "forme"), v.tof_score), (tell("colour", "couleur"), v.spectral_score)] {
            match part {
                Some(part) => write!(f, ", {name} {:.3} ± {:.3}", part.value(), part.u())?,
                None => write!(f, ", {name} {}", tell("missing", "absente"))?,
            }
        }
        let point = grade(point);
        match v.cap {
            Cap::None => write!(f, "{} {point}", tell("; the score alone gives", " ; la note seule donne"))?,
            Cap::Guard => write!(
                f,
                "{} {point}{}",
                tell("; the score alone gives", " ; la note seule donne"),
                tell(", but that is not certain enough", ", mais ce n'est pas assez certain")
            )?,
            Cap::Coverage => write!(
                f,
                "{} {:.0} %{} {point}",
                tell("; only", " ; seulement"),
                v.coverage.get() * 100.0,
                tell(
                    " of the evidence was there, the score alone gives",
                    " des indices étaient là, la note seule donne"
                )
            )?,
            Cap::MajorDefect | Cap::CriticalDefect => write!(
                f,
                "{} {point}{}",
                tell("; the score alone gives", " ; la note seule donne"),
                tell(", a defect holds it back", ", un défaut la retient")
            )?,
            Cap::Unmeasured => {}
        }
        for (k, defect) in v.defects.iter().enumerate() {
            let before = if k == 0 { tell("; defects: ", " ; défauts : ") } else { ", " };
            let severity = match defect.severity {
                crate::Severity::Minor => tell("minor", "mineur"),
                crate::Severity::Major => tell("major", "majeur"),
                crate::Severity::Critical => tell("critical", "critique"),
            };
            write!(f, "{before}{} ({severity})", defect.kind.as_str())?;
        }
        write!(
            f,
            "{} {:.0} %.",
            tell("; probability of conforming", " ; probabilité de conformité"),
            v.conformity_probability.get() * 100.0
        )
    }
}

/// What two analyses and a fusion made of one pair of readings.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Inspection {
    /// What the time-of-flight sensor says, if it said anything.
    pub tof: Option<Assessment<TofFindings>>,
    /// What the spectral sensor says, if it said anything.
    pub spectral: Option<Assessment<SpectralFindings>>,
    /// The decision.
    pub verdict: Verdict,
}

/// One product seen once: raw readings, findings and verdict, ready to be kept for ever.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Sample {
    /// Who, when, which.
    pub key: SampleKey,
    /// When the server received it, by the server's clock.
    pub received_at: Timestamp,
    /// The raw reading of the time-of-flight sensor.
    pub tof: Option<TofFrame>,
    /// The raw reading of the spectral sensor.
    pub spectrum: Option<Spectrum>,
    /// What was found and decided.
    pub inspection: Inspection,
    /// What the device concluded itself.
    pub reported: Option<Reported>,
    /// What the device said about itself.
    pub meta: Meta,
    /// Which profile judged.
    pub profile: ProfileRef,
    /// How long analysis and decision took, in microseconds.
    pub processing_micros: u32,
}

impl Sample {
    /// The sample's identity.
    #[must_use]
    pub fn id(&self) -> SampleId {
        SampleId::of(&self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::{String, ToString};
    use proptest::prelude::*;

    fn key(device: &str, micros: i64, name: &str) -> SampleKey {
        SampleKey {
            device_id: Name::new(device).unwrap(),
            timestamp: Timestamp::from_micros(micros).unwrap(),
            sample_id: Name::new(name).unwrap(),
        }
    }

    #[test]
    fn names_are_printable_and_bounded() {
        assert_eq!(Name::<4>::new(""), Err(NotAName::Empty { max: 4 }));
        assert_eq!(Name::<4>::new("abcde"), Err(NotAName::TooLong { len: 5, max: 4 }));
        assert_eq!(Name::<4>::new("a\n"), Err(NotAName::Control { at: 1 }));
        assert_eq!(Name::<4>::new("é1").unwrap().as_str(), "é1");
    }

    #[test]
    fn the_id_has_the_layout_of_a_uuid_version_7() {
        let id = SampleId::of(&key("ESP32_SIM_1234", 1_729_983_600_000_000, "SAMPLE-20241026-230000-0001")).to_string();
        // 2024-10-26T23:00:00Z is 0x192cb0ed580 ms after 1970; version nibble 7, variant 8 to b.
        assert!(id.starts_with("0192cb0e-d580-7"), "{id}");
        assert!(matches!(id.as_bytes()[19], b'8' | b'9' | b'a' | b'b'), "{id}");
        assert_eq!(id.len(), 36);
    }

    proptest! {
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

    #[test]
    fn a_verdict_explains_itself_in_both_languages() {
        let verdict = Verdict {
            score: Measured::new(0.8899, 0.021).ok(),
            grade: Grade::B,
            point_grade: Some(Grade::A),
            cap: Cap::Guard,
            tof_score: Measured::new(0.88, 0.03).ok(),
            spectral_score: None,
            confidence: Score::ONE,
            conformity_probability: Score::nearest(0.97),
            coverage: Score::ONE,
            conflict: Score::ZERO,
            defects: Defects::new(),
        };
        let text = |language| -> String { verdict.explain(language).to_string() };
        assert_eq!(
            text(Language::English),
            "B: fused score 0.890 ± 0.021, shape 0.880 ± 0.030, colour missing; the score alone gives A, but that is not \
             certain enough; probability of conforming 97 %."
        );
        assert_eq!(
            text(Language::French),
            "B : note fusionnée 0.890 ± 0.021, forme 0.880 ± 0.030, couleur absente ; la note seule donne A, mais ce n'est \
             pas assez certain ; probabilité de conformité 97 %."
        );
    }
}
