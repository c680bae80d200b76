//! [`decode_uld_frame`]: decodes the result buffer of ST's ultra-lite driver to a checked frame.
//! The buffer is in the form in which it is read over the bus.
//!
//! ```text
//! every 32-bit word is byte-swapped
//! 8 bytes | u32 frame number | u32 13 | blocks: u32 { type:4, size:12, index:16 }, data | … | u32 14 | u32 15 | u32 frame number | padding
//! ```
//!
//! Layout and fixed point follow ST's ULD `VL53LMZ_2.0.10` (`vl53lmz_api.c`, BSD-3-Clause; read,
//! not copied).

use sqal_core::{
    Grid, TofFrame,
    tof::{DistanceKind, InvalidFrame, TargetStatus, TofReading},
};

/// Block indices of the driver's output list.
mod block {
    pub(super) const TARGETS: u16 = 0xDB84;
    pub(super) const SIGNAL: u16 = 0xDBC4;
    pub(super) const SIGMA: u16 = 0xDEC4;
    pub(super) const DISTANCE: u16 = 0xDF44;
    pub(super) const REFLECTANCE: u16 = 0xE044;
    pub(super) const STATUS: u16 = 0xE084;
}

/// Why a buffer is not a frame of 8x8 zones with one target each.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum UldError {
    /// The length is not a multiple of four, or is too short for a header.
    Length(usize),
    /// The frame number at the end differs from that at the beginning, so the frame was overwritten
    /// while it was read.
    Torn {
        /// The frame number at the beginning.
        header: u32,
        /// The frame number at the end; `None` if there is no footer.
        footer: Option<u32>,
    },
    /// A block that an 8x8 frame needs is missing or has another size.
    Block(u16),
    /// A number is outside the range of the sensor.
    Frame(InvalidFrame),
}

impl core::fmt::Display for UldError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Length(n) => write!(f, "buffer of {n} bytes: expected a multiple of 4, at least 24"),
            Self::Torn { header, footer: Some(footer) } => {
                write!(f, "frame {header} ends as {footer}: it was overwritten while read")
            }
            Self::Torn { header, footer: None } => {
                write!(f, "frame {header} has no end: it was cut or overwritten while read")
            }
            Self::Block(index) => write!(f, "block {index:#06x} is missing or not of 64 zones with one target"),
            Self::Frame(refused) => write!(f, "{refused}"),
        }
    }
}

impl core::error::Error for UldError {}

/// Decodes one result buffer of 64 zones with one target per zone.
///
/// Distances keep their sign. (ST's driver raises negative ones to 0, which hides how close a
/// target was.) A zone in which no target was detected gets status 255, whatever its block states,
/// because its distance is left over from an earlier frame.
///
/// # Errors
///
/// [`UldError`] names the fault of the buffer. No input panics.
pub fn decode_uld_frame(raw: &[u8]) -> Result<TofFrame, UldError> {
    if raw.len() < 24 || raw.len() % 4 != 0 {
        return Err(UldError::Length(raw.len()));
    }
    let bytes = Swapped(raw);
    let (header, footer) = (bytes.word(8), bytes.footer());
    if footer != Some(header) {
        return Err(UldError::Torn { header, footer });
    }
    let zones = |index: u16, size: usize| bytes.block(index, 64 * size).ok_or(UldError::Block(index));
    let targets = zones(block::TARGETS, 1)?;
    let signal = zones(block::SIGNAL, 4)?;
    let sigma = zones(block::SIGMA, 2)?;
    let distance = zones(block::DISTANCE, 2)?;
    let reflectance = zones(block::REFLECTANCE, 1)?;
    let status = zones(block::STATUS, 1)?;

    let half = |from: usize, zone: usize| [bytes.at(from + 2 * zone), bytes.at(from + 2 * zone + 1)];
    let word = |from: usize, zone: usize| core::array::from_fn(|k| bytes.at(from + 4 * zone + k));
    #[expect(clippy::cast_precision_loss, reason = "a signal of 24 significant bits is far below its own noise")]
    let reading = TofReading {
        distance_mm: Grid::from_fn(|zone| f32::from(i16::from_le_bytes(half(distance, zone))) / 4.0),
        reflectance_percent: Some(Grid::from_fn(|zone| f32::from(bytes.at(reflectance + zone)) / 2.0)),
        amplitude_kcps: Some(Grid::from_fn(|zone| u32::from_le_bytes(word(signal, zone)) as f32 / 2048.0)),
        sigma_mm: Some(Grid::from_fn(|zone| f32::from(u16::from_le_bytes(half(sigma, zone))) / 128.0)),
        status: Some(Grid::from_fn(|zone| {
            TargetStatus(if bytes.at(targets + zone) == 0 { 255 } else { bytes.at(status + zone) })
        })),
        distance_kind: DistanceKind::Perpendicular,
    };
    TofFrame::new(reading).map_err(UldError::Frame)
}

/// A buffer whose 32-bit words are read in the other byte order, without a copy.
#[derive(Clone, Copy)]
struct Swapped<'a>(&'a [u8]);

impl Swapped<'_> {
    fn at(self, k: usize) -> u8 {
        self.0[k ^ 3]
    }

    fn word(self, at: usize) -> u32 {
        u32::from_le_bytes(core::array::from_fn(|k| self.at(at + k)))
    }

    /// The block headers with their position, type, index and length in bytes, up to the end of the
    /// buffer.
    fn blocks(self) -> impl Iterator<Item = Block> {
        let mut at = 16;
        core::iter::from_fn(move || {
            if at + 4 > self.0.len() {
                return None;
            }
            let word = self.word(at);
            let (kind, size) = (word & 0xF, (word >> 4) & 0xFFF);
            // Types 2 to 12 are arrays of elements of 2 to 12 bytes; the others state their size in
            // bytes.
            let length = if (2..0xD).contains(&kind) { kind * size } else { size } as usize;
            let block = Block { kind, index: word >> 16, data: at + 4, length };
            at += 4 + length;
            Some(block)
        })
    }

    /// The position of a block's data, if the block exists and has this number of bytes.
    fn block(self, wanted: u16, bytes: usize) -> Option<usize> {
        let found = self.blocks().find(|block| block.index == u32::from(wanted))?;
        (found.length == bytes && found.data + bytes <= self.0.len()).then_some(found.data)
    }

    /// The frame number after the footer's mark, if the buffer has one.
    fn footer(self) -> Option<u32> {
        let mark = self.blocks().find(|block| block.kind == 0xF)?;
        (mark.data + 4 <= self.0.len()).then(|| self.word(mark.data))
    }
}

/// One block header.
#[derive(Clone, Copy)]
struct Block {
    kind: u32,
    index: u32,
    data: usize,
    length: usize,
}
