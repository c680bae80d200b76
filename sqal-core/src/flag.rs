//! [`Flags`]: remarks that travel with a result, so that a reader knows under which conditions it was obtained.

use core::fmt;

/// One remark about how a result was obtained.
///
/// Stored as a bit whose number is the place in [`Flag::ALL`]: new flags are added at the end, and none is ever taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Flag {
    /// The frame carried no target status: every zone is rated as ST rates "50 %".
    StatusMissing,
    /// The frame carried no range sigma: the profile's noise model was used.
    SigmaModelled,
    /// Too few valid zones for any three-dimensional result.
    InsufficientZones,
    /// Neither an empty-tray map nor a rim plane was available: no heights.
    NoReference,
    /// The reference plane was fitted to the frame's own rim.
    RimReference,
    /// Some zones of the tray were filled in from their neighbours.
    Imputed,
    /// Height variation is below the noise floor.
    BelowNoise,
    /// Once the plane is taken out, what is left of the height variation is below the noise floor.
    LevelledBelowNoise,
    /// An index lies within three standard uncertainties of an end of its range: its interval covers more often than it says.
    NearLimit,
    /// No product was found on the tray.
    NoProduct,
    /// A spectral channel reached its full scale.
    Saturated,
    /// A spectral channel had too few counts.
    LowSignal,
    /// There is no white reference: counts could not be turned into reflectance.
    NoWhiteReference,
    /// Reflectance above the white reference by more than 5 %.
    WhiteDrift,
    /// Too little haemoglobin signal for the oxidation ratio.
    LowHeme,
    /// Placeholder anchors were used where the product has no calibration.
    Uncalibrated,
    /// The device reported analogue saturation.
    AnalogSaturation,
    /// The tray's area is unknown: the volume is a sum over the areas that the zones see.
    ZoneAreas,
    /// What all zones of the frame share was taken out: the floor beside the product showed it.
    ZeroedOnFloor,
    /// Some zones saw more than one surface: their noise counts twice.
    MultiTarget,
    /// A bin of a histogram stands at the converter's end.
    HistogramSaturated,
    /// Three or more bands of a spectrum have exactly one count, which light does not give: one register was probably read for several.
    RepeatedBands,
    /// The counts of a spectrum are impossible as they are and right with the two bytes of each exchanged: nothing was derived from them.
    BytesSwapped,
    /// The frame repeats the one before it, number for number, which noise does not allow: the device probably sent a stale reading.
    RepeatedFrame,
    /// The frame carried no reflectance: nothing is said of it, and no spots are found.
    ReflectanceMissing,
    /// The frame carried no amplitude: which zones had too little signal is not known, and every zone is rated as ST rates "50 %".
    AmplitudeMissing,
}

impl Flag {
    /// Every flag, in order.
    pub const ALL: [Self; 26] = [
        Self::StatusMissing,
        Self::SigmaModelled,
        Self::InsufficientZones,
        Self::NoReference,
        Self::RimReference,
        Self::Imputed,
        Self::BelowNoise,
        Self::LevelledBelowNoise,
        Self::NearLimit,
        Self::NoProduct,
        Self::Saturated,
        Self::LowSignal,
        Self::NoWhiteReference,
        Self::WhiteDrift,
        Self::LowHeme,
        Self::Uncalibrated,
        Self::AnalogSaturation,
        Self::ZoneAreas,
        Self::ZeroedOnFloor,
        Self::MultiTarget,
        Self::HistogramSaturated,
        Self::RepeatedBands,
        Self::BytesSwapped,
        Self::RepeatedFrame,
        Self::ReflectanceMissing,
        Self::AmplitudeMissing,
    ];

    /// The name used on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StatusMissing => "StatusMissing",
            Self::SigmaModelled => "SigmaModelled",
            Self::InsufficientZones => "InsufficientZones",
            Self::NoReference => "NoReference",
            Self::RimReference => "RimReference",
            Self::Imputed => "Imputed",
            Self::BelowNoise => "BelowNoise",
            Self::LevelledBelowNoise => "LevelledBelowNoise",
            Self::NearLimit => "NearLimit",
            Self::NoProduct => "NoProduct",
            Self::Saturated => "Saturated",
            Self::LowSignal => "LowSignal",
            Self::NoWhiteReference => "NoWhiteReference",
            Self::WhiteDrift => "WhiteDrift",
            Self::LowHeme => "LowHeme",
            Self::Uncalibrated => "Uncalibrated",
            Self::AnalogSaturation => "AnalogSaturation",
            Self::ZoneAreas => "ZoneAreas",
            Self::ZeroedOnFloor => "ZeroedOnFloor",
            Self::MultiTarget => "MultiTarget",
            Self::HistogramSaturated => "HistogramSaturated",
            Self::RepeatedBands => "RepeatedBands",
            Self::BytesSwapped => "BytesSwapped",
            Self::RepeatedFrame => "RepeatedFrame",
            Self::ReflectanceMissing => "ReflectanceMissing",
            Self::AmplitudeMissing => "AmplitudeMissing",
        }
    }
}

/// A set of [`Flag`]s.
///
/// ```
/// use sqal_core::{Flag, Flags};
///
/// let flags = Flags::default().with(Flag::Imputed);
/// assert!(flags.contains(Flag::Imputed) && !flags.contains(Flag::LowHeme));
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Flags(u32);

/// The names of the flags, as in `{Imputed, LowSignal}`.
impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl Flags {
    /// This set and one more flag.
    #[must_use]
    pub const fn with(self, flag: Flag) -> Self {
        Self(self.0 | 1 << flag as u32)
    }

    /// Adds a flag.
    pub const fn insert(&mut self, flag: Flag) {
        *self = self.with(flag);
    }

    /// Whether the flag is in the set.
    #[must_use]
    pub const fn contains(self, flag: Flag) -> bool {
        self.0 & 1 << flag as u32 != 0
    }

    /// The flags in the set, in order.
    pub fn iter(self) -> impl Iterator<Item = Flag> {
        Flag::ALL.into_iter().filter(move |flag| self.contains(*flag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    /// What was stored before a flag was added is read by its bits: the places of all flags are written down here once more.
    #[test]
    fn flags_keep_their_places() {
        for (place, flag) in Flag::ALL.into_iter().enumerate() {
            assert_eq!(flag as usize, place, "{flag:?}");
        }
        let stored = [
            (Flag::StatusMissing, 1),
            (Flag::AnalogSaturation, 1 << 16),
            (Flag::HistogramSaturated, 1 << 20),
            (Flag::RepeatedBands, 1 << 21),
            (Flag::BytesSwapped, 1 << 22),
            (Flag::RepeatedFrame, 1 << 23),
            (Flag::ReflectanceMissing, 1 << 24),
            (Flag::AmplitudeMissing, 1 << 25),
        ];
        for (flag, bits) in stored {
            assert_eq!(Flags(bits), Flags::default().with(flag));
        }
    }

    #[test]
    fn a_set_of_flags_shows_their_names() {
        let flags = Flags::default().with(Flag::LowSignal).with(Flag::Imputed);
        assert_eq!(format!("{flags:?} {:?}", Flags::default()), "{Imputed, LowSignal} {}");
        assert!(Flag::ALL.into_iter().all(|flag| format!("{flag:?}") == flag.as_str()));
    }
}
