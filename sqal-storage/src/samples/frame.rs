//! The binary form of a sample's raw readings: versioned, with a checksum, read back bit for bit.
//!
//! ```text
//! "SQ" | version u8 = 1 or 2 | parts u8 | distance, reflectance, amplitude: 64 f32 each | [sigma: 64 f32] | [status: 64 u8]
//!      | counts: 10 f32, gain f64, integration time f64, converter status u8 | CRC-32 of all before (IEEE)
//! parts: 1 = ToF frame, 2 = sigma, 4 = status, 8 = radial distances, 16 = spectrum, 32 = no reflectance, 64 = no amplitude; all numbers little-endian
//! ```
//!
//! A matrix that was not recorded holds 64 zeros in its place, and a bit marks it, so the parts
//! after it keep their places. Such a frame is of version 2, which programs that know only version
//! 1 refuse. Every other frame is of version 1.
//!
//! The form takes a tenth of the size of JSON in JSONB and is sixty times as fast. SQL needs none
//! of the zones: values that are queried have columns of their own.

use sqal_core::{
    Gain, Grid, IntegrationTime, Spectrum, TofFrame,
    spectrum::AdcStatus,
    tof::{DistanceKind, TargetStatus, TofReading},
};

const MAGIC: [u8; 2] = *b"SQ";
/// The version of a frame with both reflectance and amplitude.
const VERSION: u8 = 1;
/// The version of a frame without one of them.
const WITHOUT: u8 = 2;
const TOF: u8 = 1;
const SIGMA: u8 = 2;
const STATUS: u8 = 4;
const RADIAL: u8 = 8;
const SPECTRUM: u8 = 16;
const NO_REFLECTANCE: u8 = 32;
const NO_AMPLITUDE: u8 = 64;

/// Why bytes are not a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The bytes are too short or not of this format.
    #[error("not a stored frame")]
    Format,
    /// A newer program wrote the frame.
    #[error("stored frame of version {0}, this program knows versions 1 and 2")]
    Version(u8),
    /// The checksum does not match: a bit was lost.
    #[error("stored frame fails its checksum")]
    Checksum,
    /// The checksum matches, and the numbers are impossible.
    #[error("stored frame has numbers that no sensor produces")]
    Content,
}

/// Writes the raw readings of a sample.
#[must_use]
pub fn encode_frame(tof: Option<&TofFrame>, spectrum: Option<&Spectrum>) -> Vec<u8> {
    let mut out = Vec::with_capacity(1200);
    out.extend(MAGIC);
    let reading = tof.map(TofFrame::reading);
    let without = reading.is_some_and(|r| r.reflectance_percent.is_none() || r.amplitude_kcps.is_none());
    out.push(if without { WITHOUT } else { VERSION });
    let part = |there: bool, bit: u8| if there { bit } else { 0 };
    out.push(
        part(reading.is_some(), TOF)
            | part(reading.is_some_and(|r| r.sigma_mm.is_some()), SIGMA)
            | part(reading.is_some_and(|r| r.status.is_some()), STATUS)
            | part(reading.is_some_and(|r| r.distance_kind == DistanceKind::Radial), RADIAL)
            | part(spectrum.is_some(), SPECTRUM)
            | part(reading.is_some_and(|r| r.reflectance_percent.is_none()), NO_REFLECTANCE)
            | part(reading.is_some_and(|r| r.amplitude_kcps.is_none()), NO_AMPLITUDE),
    );
    if let Some(reading) = reading {
        let nothing = Grid::from_fn(|_| 0.0_f32);
        let reflectance = reading.reflectance_percent.as_ref().unwrap_or(&nothing);
        let amplitude = reading.amplitude_kcps.as_ref().unwrap_or(&nothing);
        let grids = [Some(&reading.distance_mm), Some(reflectance), Some(amplitude)];
        for grid in grids.into_iter().chain([reading.sigma_mm.as_ref()]).flatten() {
            let mut bytes = [0; 256];
            for (place, value) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(grid.iter()) {
                *place = value.to_le_bytes();
            }
            out.extend_from_slice(&bytes);
        }
        if let Some(status) = &reading.status {
            out.extend(status.iter().map(|status| status.0));
        }
    }
    if let Some(spectrum) = spectrum {
        for count in spectrum.all_counts() {
            out.extend(count.to_le_bytes());
        }
        out.extend(spectrum.gain().multiplier().to_le_bytes());
        out.extend(spectrum.integration_time().millis().to_le_bytes());
        out.push(match spectrum.adc_status() {
            AdcStatus::Unreported => 0,
            AdcStatus::Clear => 1,
            AdcStatus::DigitalSaturation => 2,
            AdcStatus::AnalogSaturation => 3,
        });
    }
    out.extend(crc32fast::hash(&out).to_le_bytes());
    out
}

/// Reads raw readings back.
///
/// # Errors
///
/// [`FrameError`] says what is wrong. No input causes a panic.
pub fn decode_frame(bytes: &[u8]) -> Result<(Option<TofFrame>, Option<Spectrum>), FrameError> {
    let (body, checksum) = bytes.split_last_chunk::<4>().ok_or(FrameError::Format)?;
    let mut rest = body.strip_prefix(&MAGIC).ok_or(FrameError::Format)?;
    let [version, parts] = take(&mut rest)?;
    if version != VERSION && version != WITHOUT {
        return Err(FrameError::Version(version));
    }
    if crc32fast::hash(body) != u32::from_le_bytes(*checksum) {
        return Err(FrameError::Checksum);
    }
    let has = |bit: u8| parts & bit != 0;
    // Of two possible forms of one frame only one is written, so only one is accepted.
    if (has(NO_REFLECTANCE) || has(NO_AMPLITUDE)) != (version == WITHOUT) {
        return Err(FrameError::Format);
    }
    let tof = if has(TOF) {
        let reading = TofReading {
            distance_mm: grid(&mut rest)?,
            reflectance_percent: matrix(&mut rest, !has(NO_REFLECTANCE))?,
            amplitude_kcps: matrix(&mut rest, !has(NO_AMPLITUDE))?,
            sigma_mm: has(SIGMA).then(|| grid(&mut rest)).transpose()?,
            status: has(STATUS)
                .then(|| take::<64>(&mut rest).map(|codes| Grid::from_fn(|zone| TargetStatus(codes[zone]))))
                .transpose()?,
            distance_kind: if has(RADIAL) { DistanceKind::Radial } else { DistanceKind::Perpendicular },
        };
        Some(TofFrame::new(reading).map_err(|_| FrameError::Content)?)
    } else {
        None
    };
    let spectrum = if has(SPECTRUM) {
        let mut counts = [0.0; 10];
        for count in &mut counts {
            *count = f32::from_le_bytes(take(&mut rest)?);
        }
        let gain = Gain::from_multiplier(f64::from_le_bytes(take(&mut rest)?)).map_err(|_| FrameError::Content)?;
        let time =
            IntegrationTime::from_millis(f64::from_le_bytes(take(&mut rest)?)).map_err(|_| FrameError::Content)?;
        let status = match take(&mut rest)? {
            [0] => AdcStatus::Unreported,
            [1] => AdcStatus::Clear,
            [2] => AdcStatus::DigitalSaturation,
            [3] => AdcStatus::AnalogSaturation,
            _ => return Err(FrameError::Content),
        };
        Some(Spectrum::new(counts, gain, time, status).map_err(|_| FrameError::Content)?)
    } else {
        None
    };
    if rest.is_empty() { Ok((tof, spectrum)) } else { Err(FrameError::Format) }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], FrameError> {
    let (head, tail) = rest.split_first_chunk::<N>().ok_or(FrameError::Format)?;
    *rest = tail;
    Ok(*head)
}

fn grid(rest: &mut &[u8]) -> Result<Grid<f32>, FrameError> {
    let bytes = take::<256>(rest)?;
    let (words, _) = bytes.as_chunks::<4>();
    Ok(Grid::from_fn(|zone| f32::from_le_bytes(words[zone])))
}

/// A matrix, which has its place in every frame; `None` if it was not recorded.
fn matrix(rest: &mut &[u8], recorded: bool) -> Result<Option<Grid<f32>>, FrameError> {
    let grid = grid(rest)?;
    Ok(recorded.then_some(grid))
}

#[cfg(test)]
mod tests {
    use super::*;
    use fixtures::strategy;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_reading_comes_back_bit_for_bit(
            tof in prop::option::of(strategy::partial_tof_frame()), spectrum in prop::option::of(strategy::spectrum()),
        ) {
            let bytes = encode_frame(tof.as_ref(), spectrum.as_ref());
            prop_assert_eq!(decode_frame(&bytes), Ok((tof, spectrum)));
        }

        /// Frames with both matrices are written in version 1, without the new bits.
        #[test]
        fn only_a_frame_without_a_matrix_is_of_version_2(tof in strategy::partial_tof_frame()) {
            let bytes = encode_frame(Some(&tof), None);
            let reading = tof.reading();
            let whole = reading.reflectance_percent.is_some() && reading.amplitude_kcps.is_some();
            prop_assert_eq!((bytes[2], bytes[3] & (NO_REFLECTANCE | NO_AMPLITUDE) == 0), (if whole { 1 } else { 2 }, whole));
            let of_others = usize::from(reading.sigma_mm.is_some()) * 256 + usize::from(reading.status.is_some()) * 64;
            prop_assert_eq!(bytes.len(), 4 + 768 + of_others + 4);
        }

        #[test]
        fn a_flipped_bit_is_noticed(spectrum in strategy::spectrum(), at in any::<prop::sample::Index>(), bit in 0..8_u8) {
            let mut bytes = encode_frame(None, Some(&spectrum));
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert!(decode_frame(&bytes).is_err());
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
            let _ = decode_frame(&bytes);
        }
    }
}
