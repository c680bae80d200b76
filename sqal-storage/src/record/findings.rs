//! The binary form of the findings and decisions about a sample: versioned, with a checksum, read
//! back bit for bit.
//!
//! ```text
//! "SF" | version u8 = 2 or 3 | postcard of the parts below | UTF-8 text of what came beside, if anything did | CRC-32 of all before (IEEE), little-endian
//! ```
//!
//! The form takes a seventh of the size of JSON. A postcard does not name its fields, so a change
//! of any type in it is a new version, and a test holds bytes of every version that was ever
//! written. Version 1 is read by `findings_v1.rs`. Version 3 is version 2 for a reading that is not
//! of a product: programs that know only version 2 would count it.

use sqal_core::{
    Inspection, ProfileRef, Purpose, Sample,
    beside::Beside,
    sample::{Meta, Reported},
};

use super::findings_v1;
use crate::samples::FrameError;

const MAGIC: [u8; 2] = *b"SF";
/// The version of the findings of a product.
const VERSION: u8 = 2;
/// The version of the findings of a calibration.
const OF_A_CALIBRATION: u8 = 3;
/// More bytes than every part of a sample at its largest.
const MOST: usize = 8192;

/// The data of a sample beside its key and its raw readings.
#[derive(serde::Deserialize)]
pub(crate) struct Findings {
    pub(crate) inspection: Inspection,
    pub(crate) reported: Option<Reported>,
    pub(crate) meta: Meta,
    pub(crate) profile: ProfileRef,
    pub(crate) processing_micros: u32,
    /// Stored after the postcard, not in it.
    #[serde(skip)]
    pub(crate) beside: Beside,
    /// Given by the version.
    #[serde(skip)]
    pub(crate) purpose: Purpose,
}

/// The fields of [`Findings`] by reference, in their order.
#[derive(serde::Serialize)]
struct FindingsRef<'a> {
    inspection: &'a Inspection,
    reported: &'a Option<Reported>,
    meta: &'a Meta,
    profile: &'a ProfileRef,
    processing_micros: u32,
}

pub(crate) fn encode(sample: &Sample) -> Result<Vec<u8>, postcard::Error> {
    let findings = FindingsRef {
        inspection: &sample.inspection,
        reported: &sample.reported,
        meta: &sample.meta,
        profile: &sample.profile,
        processing_micros: sample.processing_micros,
    };
    // Written into a slice, which is four times as fast as byte by byte; no part of a sample grows
    // beyond it.
    let mut out = [0; MOST];
    out[..2].copy_from_slice(&MAGIC);
    out[2] = match sample.purpose {
        Purpose::Product => VERSION,
        Purpose::Calibration => OF_A_CALIBRATION,
    };
    let used = 3 + postcard::to_slice(&findings, &mut out[3..MOST - 4])?.len();
    let Some(beside) = sample.beside.text() else {
        let checksum = crc32fast::hash(&out[..used]).to_le_bytes();
        out[used..used + 4].copy_from_slice(&checksum);
        return Ok(out[..used + 4].to_vec());
    };
    let mut bytes = Vec::with_capacity(used + beside.len() + 4);
    bytes.extend_from_slice(&out[..used]);
    bytes.extend_from_slice(beside.as_bytes());
    let checksum = crc32fast::hash(&bytes).to_le_bytes();
    bytes.extend_from_slice(&checksum);
    Ok(bytes)
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Findings, FrameError> {
    let (body, checksum) = bytes.split_last_chunk::<4>().ok_or(FrameError::Format)?;
    let (version, content) = body.strip_prefix(&MAGIC).and_then(<[u8]>::split_first).ok_or(FrameError::Format)?;
    if !(1..=OF_A_CALIBRATION).contains(version) {
        return Err(FrameError::Version(*version));
    }
    if crc32fast::hash(body) != u32::from_le_bytes(*checksum) {
        return Err(FrameError::Checksum);
    }
    if *version == 1 {
        return match postcard::take_from_bytes::<findings_v1::Findings>(content) {
            Ok((old, [])) => Ok(Findings {
                inspection: old.inspection.into(),
                reported: old.reported,
                meta: old.meta,
                profile: old.profile,
                processing_micros: old.processing_micros,
                beside: Beside::default(),
                purpose: Purpose::Product,
            }),
            Ok(_) => Err(FrameError::Format),
            Err(_) => Err(FrameError::Content),
        };
    }
    let (findings, text): (Findings, _) = postcard::take_from_bytes(content).map_err(|_| FrameError::Content)?;
    let text = std::str::from_utf8(text).map_err(|_| FrameError::Content)?;
    let purpose = if *version == OF_A_CALIBRATION { Purpose::Calibration } else { Purpose::Product };
    Ok(Findings { beside: Beside::new(text), purpose, ..findings })
}

#[cfg(test)]
mod tests {
    use super::*;
    use fixtures::strategy;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn everything_comes_back_bit_for_bit(sample in strategy::sample()) {
            let found = decode(&encode(&sample).unwrap()).unwrap();
            prop_assert_eq!(&found.inspection, &sample.inspection);
            prop_assert_eq!(&found.reported, &sample.reported);
            prop_assert_eq!(&found.meta, &sample.meta);
            prop_assert_eq!(&found.profile, &sample.profile);
            prop_assert_eq!(found.processing_micros, sample.processing_micros);
            prop_assert_eq!(&found.beside, &sample.beside);
            prop_assert_eq!(found.purpose, sample.purpose);
        }

        #[test]
        fn what_came_beside_changes_no_other_byte(mut sample in strategy::sample(), text in "\\PC{1,40}") {
            sample.beside = Beside::new(&text);
            let with = encode(&sample).unwrap();
            sample.beside = Beside::default();
            let without = encode(&sample).unwrap();
            let parts = without.len() - 4;
            prop_assert_eq!(&without[..parts], &with[..parts]);
            prop_assert_eq!(&with[parts..with.len() - 4], text.as_bytes());
        }

        #[test]
        fn a_flipped_bit_is_noticed(sample in strategy::sample(), at in any::<prop::sample::Index>(), bit in 0..8_u8) {
            let mut bytes = encode(&sample).unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert!(decode(&bytes).is_err());
        }

        #[test]
        fn no_bytes_panic(content in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = decode(&content);
            // Also with a valid checksum, as a writer with a bug could make it.
            for version in [b"SF\x01", b"SF\x02", b"SF\x03"] {
                let mut bytes = [version.as_slice(), &content].concat();
                bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
                let _ = decode(&bytes);
            }
        }
    }

    /// Bytes that version 1 wrote are always readable; the same findings stand beside them in JSON.
    #[test]
    fn bytes_of_version_1_are_read() {
        let found = decode(include_bytes!("findings_v1.bin")).unwrap();
        let expected: findings_v1::Inspection = serde_json::from_str(include_str!("findings_v1.json")).unwrap();
        let expected = Inspection::from(expected);
        assert_eq!(found.inspection, expected);
        assert!(expected.tof.is_some() && expected.spectral.is_some() && !expected.verdict.defects.is_empty());
        assert_eq!((found.meta.temperature_c, found.profile.name.as_str()), (Some(4.5), "golden"));
    }

    /// Bytes that versions 2 and 3 wrote are always readable; the versions differ in what the
    /// reading was taken of. A sample with every part was written once; its findings stand beside
    /// it with the words of every enum and flag.
    #[test]
    fn bytes_of_versions_2_and_3_are_read() {
        let golden: [(&[u8], Purpose); 2] = [
            (include_bytes!("findings_v2.bin"), Purpose::Product),
            (include_bytes!("findings_v3.bin"), Purpose::Calibration),
        ];
        let expected: Inspection = serde_json::from_str(include_str!("findings_v2.json")).unwrap();
        assert!(include_str!("findings_v2.json").contains("\"flags\":[\""), "flags by their names");
        for (bytes, purpose) in golden {
            let found = decode(bytes).unwrap();
            assert_eq!((&found.inspection, found.purpose), (&expected, purpose));
            assert_eq!((found.meta.temperature_c, found.profile.name.as_str()), (Some(4.25), "conformance"));
            assert!(found.reported.is_some() && found.beside.text().is_some());
        }
    }
}
