//! Converts the counts of the `as7341` crate to a spectrum.

use sqal_core::{
    Gain, IntegrationTime, Spectrum,
    spectrum::{AdcStatus, InvalidGain, InvalidIntegrationTime, InvalidSpectrum},
};

/// Why a reading of the `as7341` crate is not a valid spectrum.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DriverSpectrumError {
    /// The registers do not hold a valid integration time.
    #[error(transparent)]
    Time(InvalidIntegrationTime),
    /// The device does not have this gain.
    #[error(transparent)]
    Gain(InvalidGain),
    /// A count is above the maximum for the integration time, so the registers do not belong to the
    /// reading.
    #[error(transparent)]
    Counts(InvalidSpectrum),
}

/// The spectrum of a reading, with the settings of the driver. The driver returns bare counts,
/// which have no meaning without the settings.
///
/// The driver reads no saturation flags. Read STATUS2 (0xA3) separately (bit 4 digital, bit 3
/// analogue), or pass [`AdcStatus::Unreported`]. Clear and NIR are those of the driver's first
/// pass.
///
/// # Errors
///
/// [`DriverSpectrumError`] for ATIME = ASTEP = 0, the reserved ASTEP 65535, or counts above the
/// full scale of that time.
pub fn spectrum_from_as7341(
    data: &as7341::ChannelData,
    gain: as7341::Gain,
    (atime, astep): (u8, u16),
    adc_status: AdcStatus,
) -> Result<Spectrum, DriverSpectrumError> {
    let gain = Gain::from_code(gain as u8).map_err(DriverSpectrumError::Gain)?;
    let time = IntegrationTime::from_registers(atime, astep).map_err(DriverSpectrumError::Time)?;
    Spectrum::new(data.as_array().map(f32::from), gain, time, adc_status).map_err(DriverSpectrumError::Counts)
}
