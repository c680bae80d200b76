//! [`CnhHistograms`]: the histograms of the VL53L8CH, read in place from the driver's data block.
//! (CNH stands for compact normalised histogram.)
//!
//! ```text
//! u32 state | u32 words:16, buffers, flags | u32 reference residual · 2048 | u32 flags | u32 aggregates:16, bins:16
//! then one block, or two of which `state` names the one that is complete:
//! u32 status | u32 accumulations | i32 counts[aggregates · bins] | i8 scalers[aggregates · bins], padded to 4
//!                                | i32 ambient[aggregates]       | i8 scalers[aggregates], padded to 4
//! ```
//!
//! A value is its count divided by two to the power of its scaler. It may be negative, because the
//! ambient light was subtracted. The layout follows ST's CNH plugin of ULD `VL53LMZ_2.0.10`
//! (BSD-3-Clause; read, not copied). The words are in the processor's byte order (already swapped).

/// The width of one histogram bin of the device, in mm of one-way distance.
pub const CNH_BIN_MM: f64 = 37.5348;

/// The histograms of one frame, borrowed from the block that the driver read.
#[derive(Clone, Copy, Debug)]
pub struct CnhHistograms<'a> {
    block: &'a [u8],
    reference_residual: u32,
    aggregates: usize,
    bins: usize,
}

/// Why bytes are not a valid CNH block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CnhError {
    /// The block is shorter than a header.
    #[error("CNH block of {0} bytes: expected at least the header of 20")]
    Header(usize),
    /// The header names no aggregates, more than the device has, or no bins.
    #[error("CNH block with {aggregates} aggregates of {bins} bins: expected 1 to 64 aggregates of 1 to 255 bins")]
    Shape {
        /// The number of aggregates in the header.
        aggregates: usize,
        /// The number of bins in the header.
        bins: usize,
    },
    /// The data are shorter than the header requires.
    #[error("CNH block of {found} bytes: its header needs {needed}")]
    Length {
        /// The number of bytes present.
        found: usize,
        /// The number of bytes required.
        needed: usize,
    },
}

impl<'a> CnhHistograms<'a> {
    /// Reads the header of a block.
    ///
    /// # Errors
    ///
    /// [`CnhError`] names the fault of the block. No input panics.
    pub fn new(bytes: &'a [u8]) -> Result<Self, CnhError> {
        let (header, data) = bytes.split_at_checked(20).ok_or(CnhError::Header(bytes.len()))?;
        let word = |k: usize| u32::from_le_bytes(core::array::from_fn(|i| header[4 * k + i]));
        let (aggregates, bins) = ((word(4) & 0xFFFF) as usize, (word(4) >> 16) as usize);
        if !(1..=64).contains(&aggregates) || !(1..=255).contains(&bins) {
            return Err(CnhError::Shape { aggregates, bins });
        }
        let values = aggregates * bins;
        let size = 8 + 4 * values + values.next_multiple_of(4) + 4 * aggregates + aggregates.next_multiple_of(4);
        // If the state is not 0, the second buffer is the complete one. It begins after as many
        // words as the header states.
        let from = if word(0) == 0 { 0 } else { 4 * (word(1) & 0xFFFF) as usize };
        let needed = 20 + from + size;
        let block = data.get(from..from + size).ok_or(CnhError::Length { found: bytes.len(), needed })?;
        Ok(Self { block, reference_residual: word(2), aggregates, bins })
    }

    /// The number of aggregates of zones, 1 to 64.
    #[must_use]
    pub const fn aggregates(&self) -> usize {
        self.aggregates
    }

    /// The number of bins of each aggregate, 1 to 255.
    #[must_use]
    pub const fn bins(&self) -> usize {
        self.bins
    }

    /// The residual of the reference array, in the device's unit.
    #[must_use]
    pub fn reference_residual(&self) -> f64 {
        f64::from(self.reference_residual) / 2048.0
    }

    /// The value of a bin; `None` beyond the last aggregate or bin.
    #[must_use]
    pub fn value(&self, aggregate: usize, bin: usize) -> Option<f64> {
        (aggregate < self.aggregates && bin < self.bins).then(|| {
            let k = aggregate * self.bins + bin;
            self.scaled(8, self.aggregates * self.bins, k)
        })
    }

    /// The ambient light of an aggregate; `None` beyond the last.
    #[must_use]
    pub fn ambient(&self, aggregate: usize) -> Option<f64> {
        let values = self.aggregates * self.bins;
        let from = 8 + 4 * values + values.next_multiple_of(4);
        (aggregate < self.aggregates).then(|| self.scaled(from, self.aggregates, aggregate))
    }

    /// The k-th of `n` counts that begin at `from`, with its scaler from the list behind them.
    fn scaled(&self, from: usize, n: usize, k: usize) -> f64 {
        let count = i32::from_le_bytes(core::array::from_fn(|i| self.block[from + 4 * k + i]));
        let scaler = i8::from_ne_bytes([self.block[from + 4 * n + k]]);
        // The result is exact, because a division by a power of two changes the exponent only.
        libm::ldexp(f64::from(count), -i32::from(scaler))
    }
}

/// The middle of a bin in mm, if the device's bins are summed `sub_sample` at a time, from
/// `start_bin` on.
///
/// ```
/// // Start 10, two bins at a time: the first lies at 37.5348 · 11 mm.
/// assert!((sqal_sensors::tof::cnh_bin_centre_mm(10, 2, 0) - 412.8828).abs() < 1e-9);
/// ```
#[must_use]
pub fn cnh_bin_centre_mm(start_bin: u8, sub_sample: u8, bin: u8) -> f64 {
    let (start, sub, bin) = (f64::from(start_bin), f64::from(sub_sample), f64::from(bin));
    CNH_BIN_MM * (start + bin * sub + sub / 2.0)
}
