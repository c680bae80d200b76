//! [`Spectrum`]: one checked reading of the AS7341, with the gain and the integration time that
//! give its counts a meaning.

use core::fmt;

/// The ten channels of the AS7341 in the order of the documented frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Channel {
    /// 415 nm.
    F1 = 0,
    /// 445 nm.
    F2 = 1,
    /// 480 nm.
    F3 = 2,
    /// 515 nm.
    F4 = 3,
    /// 555 nm.
    F5 = 4,
    /// 590 nm.
    F6 = 5,
    /// 630 nm.
    F7 = 6,
    /// 680 nm.
    F8 = 7,
    /// Broadband visible.
    Clear = 8,
    /// About 910 nm.
    Nir = 9,
}

impl Channel {
    /// All channels, in the order of the documented frame; [`Channel::index`] is the place in this
    /// list.
    pub const ALL: [Self; 10] =
        [Self::F1, Self::F2, Self::F3, Self::F4, Self::F5, Self::F6, Self::F7, Self::F8, Self::Clear, Self::Nir];

    /// The name of the channel in the documented frame (ING-06).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::F1 => "F1_415nm",
            Self::F2 => "F2_445nm",
            Self::F3 => "F3_480nm",
            Self::F4 => "F4_515nm",
            Self::F5 => "F5_555nm",
            Self::F6 => "F6_590nm",
            Self::F7 => "F7_630nm",
            Self::F8 => "F8_680nm",
            Self::Clear => "Clear",
            Self::Nir => "NIR",
        }
    }

    /// The place of the channel in [`Channel::ALL`], 0 to 9.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// The gain of the AS7341's amplifier as the multiplier that its documentation uses.
///
/// The value is the *multiplier*, never the register code. The numbers 1, 2, 4 and 8 can be either,
/// so an interface must declare which one it means; SQAL declares the multiplier.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "f64", into = "f64"))]
pub struct Gain(f64);

/// The number is not a gain of the AS7341.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("gain {0} is not one of the AS7341's multipliers 0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512")]
pub struct InvalidGain(pub f64);

impl Gain {
    /// The gain with this multiplier.
    ///
    /// # Errors
    ///
    /// [`InvalidGain`] if the number is not one of 0.5, 1, 2, 4 … 512.
    pub const fn from_multiplier(multiplier: f64) -> Result<Self, InvalidGain> {
        let mut code = 0;
        while code <= 10 {
            match Self::from_code(code) {
                Ok(gain) if gain.0.to_bits() == multiplier.to_bits() => return Ok(gain),
                _ => code += 1,
            }
        }
        Err(InvalidGain(multiplier))
    }

    /// The gain with this register code: 0 is 0.5x, 10 is 512x.
    ///
    /// # Errors
    ///
    /// [`InvalidGain`] if the code is above 10.
    pub const fn from_code(code: u8) -> Result<Self, InvalidGain> {
        if code <= 10 { Ok(Self((1_u16 << code) as f64 / 2.0)) } else { Err(InvalidGain(code as f64)) }
    }

    /// The register code, 0 for 0.5x to 10 for 512x.
    #[must_use]
    pub fn code(self) -> u8 {
        // The exponent of the power of two, plus one because the first gain is a half.
        u8::try_from(libm::ilogb(self.0) + 1).unwrap_or(0)
    }

    /// The multiplier, 0.5 to 512.
    #[must_use]
    pub const fn multiplier(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Gain {
    type Error = InvalidGain;

    fn try_from(multiplier: f64) -> Result<Self, InvalidGain> {
        Self::from_multiplier(multiplier)
    }
}

impl From<Gain> for f64 {
    fn from(gain: Gain) -> Self {
        gain.0
    }
}

/// One step of the AS7341's integration time in microseconds (AS7341 datasheet, register ASTEP).
const STEP_US: f64 = 2.78;

/// The integration time of the AS7341; it decides the full scale of its counts.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "f64", into = "f64"))]
pub struct IntegrationTime {
    millis: f64,
    steps: u32,
}

/// An integration time that the AS7341 cannot be set to.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("integration time {0} ms is not possible: expected 0.00556 to 46639.9 ms")]
pub struct InvalidIntegrationTime(pub f64);

impl IntegrationTime {
    /// The integration time that the registers ATIME and ASTEP give: (ATIME + 1)(ASTEP + 1) steps
    /// of 2.78 µs.
    ///
    /// # Errors
    ///
    /// [`InvalidIntegrationTime`] if ATIME = ASTEP = 0, which the datasheet forbids, or if ASTEP is
    /// the reserved 65535.
    pub fn from_registers(atime: u8, astep: u16) -> Result<Self, InvalidIntegrationTime> {
        let steps = (u32::from(atime) + 1) * (u32::from(astep) + 1);
        let millis = f64::from(steps) * STEP_US / 1000.0;
        if steps < 2 || astep == u16::MAX {
            return Err(InvalidIntegrationTime(millis));
        }
        Ok(Self { millis, steps })
    }

    /// The integration time nearest to a number of milliseconds, rounded down to whole steps.
    ///
    /// # Errors
    ///
    /// [`InvalidIntegrationTime`] if the number is not finite or the registers cannot reach it.
    pub fn from_millis(millis: f64) -> Result<Self, InvalidIntegrationTime> {
        // A time that was computed from whole steps must come back as those steps: allow for its
        // rounding.
        let steps = libm::floor(millis * 1000.0 / STEP_US + 1e-6);
        if (2.0..=16_776_960.0).contains(&steps) {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "checked to be a small whole number"
            )]
            let steps = steps as u32;
            Ok(Self { millis, steps })
        } else {
            Err(InvalidIntegrationTime(millis))
        }
    }

    /// Whether a number of milliseconds is this time as devices round it: within 1 %, or within one
    /// step of 2.78 µs.
    ///
    /// Used for a frame that has both the registers and the milliseconds. The registers are exact,
    /// and milliseconds that disagree with them are a mistake.
    #[must_use]
    pub fn is_about_millis(self, millis: f64) -> bool {
        (millis - self.millis).abs() <= (0.01 * self.millis).max(STEP_US / 1000.0)
    }

    /// The time in milliseconds.
    #[must_use]
    pub const fn millis(self) -> f64 {
        self.millis
    }

    /// The highest count that the converter can reach in this time: min(65535, steps), so 35 971
    /// for 100 ms.
    ///
    /// Comparing with 65 535 alone misses saturation at short times. The recorded full scale of 36
    /// real readings agrees (see `fixtures`).
    #[must_use]
    pub const fn full_scale(self) -> u16 {
        if self.steps < u16::MAX as u32 {
            #[expect(clippy::cast_possible_truncation, reason = "just compared")]
            let scale = self.steps as u16;
            scale
        } else {
            u16::MAX
        }
    }
}

impl IntegrationTime {
    /// The highest count that is accepted as possible: the full scale plus 1 %, for a time that a
    /// device rounded before it sent it.
    ///
    /// A device that integrates 50.04 ms and sends 50 has a full scale of 18 000 where 17 985 is
    /// computed: its saturated reading is real.
    #[must_use]
    pub const fn largest_count(self) -> u16 {
        let steps = self.steps as u64 * 101 / 100 + 1;
        if steps < u16::MAX as u64 {
            #[expect(clippy::cast_possible_truncation, reason = "just compared")]
            let count = steps as u16;
            count
        } else {
            u16::MAX
        }
    }
}

impl TryFrom<f64> for IntegrationTime {
    type Error = InvalidIntegrationTime;

    fn try_from(millis: f64) -> Result<Self, InvalidIntegrationTime> {
        Self::from_millis(millis)
    }
}

impl From<IntegrationTime> for f64 {
    fn from(time: IntegrationTime) -> Self {
        time.millis
    }
}

/// The saturation that the converter reported (AS7341 register STATUS2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum AdcStatus {
    /// The device did not report the status.
    #[default]
    Unreported = 0,
    /// No saturation.
    Clear = 1,
    /// A counter ran into its full scale.
    DigitalSaturation = 2,
    /// The amplifier saturated: the counts are plausible and too low, and only this report shows
    /// it.
    AnalogSaturation = 3,
}

/// A reading of the AS7341 in which every count is one that the converter can produce.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Raw", into = "Raw"))]
pub struct Spectrum {
    counts: [f32; 10],
    gain: Gain,
    integration_time: IntegrationTime,
    adc_status: AdcStatus,
}

/// A count that the converter cannot have produced.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct InvalidSpectrum {
    /// The channel.
    pub channel: Channel,
    /// The count found.
    pub value: f32,
    /// The highest count that is possible in the integration time; see
    /// [`IntegrationTime::largest_count`].
    pub largest: u16,
}

impl fmt::Display for InvalidSpectrum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { channel, value, largest } = self;
        let name = channel.as_str();
        write!(f, "{name} is {value}: expected 0 to {largest} counts, the full scale for the integration time and 1 %")
    }
}

impl core::error::Error for InvalidSpectrum {}

impl Spectrum {
    /// A checked reading; `counts` in the order of [`Channel::ALL`].
    ///
    /// Counts may be fractional, because devices average readings. A count *at* full scale is a
    /// real, saturated reading. A count just above it is a saturated reading of a device that
    /// rounds its integration time.
    ///
    /// # Errors
    ///
    /// [`InvalidSpectrum`] names the first count that is not finite, is negative, or is above the
    /// largest possible count.
    pub fn new(
        counts: [f32; 10],
        gain: Gain,
        integration_time: IntegrationTime,
        adc_status: AdcStatus,
    ) -> Result<Self, InvalidSpectrum> {
        let largest = integration_time.largest_count();
        for (channel, value) in Channel::ALL.into_iter().zip(counts) {
            if !(0.0..=f32::from(largest)).contains(&value) {
                return Err(InvalidSpectrum { channel, value, largest });
            }
        }
        Ok(Self { counts, gain, integration_time, adc_status })
    }

    /// The counts of a channel, 0 to [`IntegrationTime::full_scale`].
    #[must_use]
    pub fn counts(&self, channel: Channel) -> f64 {
        f64::from(self.counts[channel.index()])
    }

    /// The counts in the order of [`Channel::ALL`].
    #[must_use]
    pub const fn all_counts(&self) -> &[f32; 10] {
        &self.counts
    }

    /// The amplifier's gain.
    #[must_use]
    pub const fn gain(&self) -> Gain {
        self.gain
    }

    /// The integration time.
    #[must_use]
    pub const fn integration_time(&self) -> IntegrationTime {
        self.integration_time
    }

    /// The saturation that the converter reported.
    #[must_use]
    pub const fn adc_status(&self) -> AdcStatus {
        self.adc_status
    }

    /// The share of the full scale that the largest channel leaves free, at most 1.
    #[must_use]
    pub fn headroom(&self) -> f64 {
        let largest = self.counts.iter().copied().fold(0.0_f32, f32::max);
        1.0 - f64::from(largest) / f64::from(self.integration_time.full_scale())
    }
}

#[cfg(feature = "serde")]
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    counts: [f32; 10],
    gain: Gain,
    integration_time: IntegrationTime,
    adc_status: AdcStatus,
}

#[cfg(feature = "serde")]
impl TryFrom<Raw> for Spectrum {
    type Error = InvalidSpectrum;

    fn try_from(raw: Raw) -> Result<Self, InvalidSpectrum> {
        Self::new(raw.counts, raw.gain, raw.integration_time, raw.adc_status)
    }
}

#[cfg(feature = "serde")]
impl From<Spectrum> for Raw {
    fn from(spectrum: Spectrum) -> Self {
        let Spectrum { counts, gain, integration_time, adc_status } = spectrum;
        Self { counts, gain, integration_time, adc_status }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    #[test]
    fn the_full_scale_of_100_ms_is_35_971_counts() {
        assert_eq!(IntegrationTime::from_millis(100.0).unwrap().full_scale(), 35_971);
        assert_eq!(IntegrationTime::from_millis(182.0).unwrap().full_scale(), 65_467);
        assert_eq!(IntegrationTime::from_millis(500.0).unwrap().full_scale(), 65_535);
    }

    #[test]
    fn a_count_over_full_scale_is_named_with_the_limit() {
        let mut counts = [100.0; 10];
        counts[4] = 40_000.0;
        let refused = Spectrum::new(
            counts,
            Gain::from_multiplier(4.0).unwrap(),
            IntegrationTime::from_millis(100.0).unwrap(),
            AdcStatus::Unreported,
        );
        assert_eq!(
            refused.unwrap_err().to_string(),
            "F5_555nm is 40000: expected 0 to 36331 counts, the full scale for the integration time and 1 %"
        );
    }

    #[test]
    fn gains_are_the_eleven_of_the_device() {
        for code in 0..=10_u8 {
            let gain = Gain::from_code(code).unwrap();
            assert_eq!((Gain::from_multiplier(gain.multiplier()), gain.code()), (Ok(gain), code));
        }
        for wrong in [0.0, 3.0, 1024.0, f64::NAN, -1.0] {
            assert!(Gain::from_multiplier(wrong).is_err());
        }
        assert!(Gain::from_code(11).is_err());
    }

    #[test]
    fn milliseconds_beside_registers_agree_if_they_are_only_rounded() {
        // ATIME 29 and ASTEP 599 are 50.04 ms, which devices send as 50.
        let time = IntegrationTime::from_registers(29, 599).unwrap();
        assert!([50.04, 50.0, 50.5, 49.6].into_iter().all(|millis| time.is_about_millis(millis)));
        assert!(![45.0, 51.0, 0.05, 50_040.0, f64::NAN].into_iter().any(|millis| time.is_about_millis(millis)));
        let shortest = IntegrationTime::from_registers(0, 1).unwrap();
        assert!(shortest.is_about_millis(0.006) && !shortest.is_about_millis(0.01));
    }

    proptest! {
        #[test]
        fn registers_and_their_milliseconds_agree(atime in 0..=255_u8, astep in 1..65_535_u16) {
            let exact = IntegrationTime::from_registers(atime, astep).unwrap();
            let through_ms = IntegrationTime::from_millis(exact.millis()).unwrap();
            prop_assert_eq!(exact.full_scale(), through_ms.full_scale());
        }
    }
}
