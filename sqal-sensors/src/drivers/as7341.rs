//! From the `as7341` crate's counts to a spectrum.

use sqal_core::{AdcStatus, Gain, IntegrationTime, InvalidSpectrum, NotAGain, NotAnIntegrationTime, Spectrum};

/// Why a reading of the `as7341` crate is no spectrum.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NotASpectrum {
    /// The registers give no integration time.
    #[error(transparent)]
    Time(NotAnIntegrationTime),
    /// The gain is none of the device's.
    #[error(transparent)]
    Gain(NotAGain),
    /// A count is above what the integration time allows: the registers are not those of the reading.
    #[error(transparent)]
    Counts(InvalidSpectrum),
}

/// The spectrum of a reading, with what the driver was set to: it hands out bare counts, and counts alone mean nothing.
///
/// The driver reads no saturation flags; read STATUS2 (0xA3) beside it (bit 4 digital, bit 3 analogue), or say [`AdcStatus::Unreported`].
/// Clear and NIR are those of its first pass.
///
/// # Errors
///
/// [`NotASpectrum`] for ATIME = ASTEP = 0, the reserved ASTEP 65535, or counts above the full scale of that time.
pub fn spectrum_from_as7341(
    data: &as7341::ChannelData,
    gain: as7341::Gain,
    (atime, astep): (u8, u16),
    adc_status: AdcStatus,
) -> Result<Spectrum, NotASpectrum> {
    let gain = Gain::from_code(gain as u8).map_err(NotASpectrum::Gain)?;
    let time = IntegrationTime::from_registers(atime, astep).map_err(NotASpectrum::Time)?;
    Spectrum::new(data.as_array().map(f32::from), gain, time, adc_status).map_err(NotASpectrum::Counts)
}
