//! [`Flags`]: remarks that travel with a result and state the conditions under which it was
//! obtained.

use core::fmt;

/// One remark about how a result was obtained.
///
/// Each flag is stored as the bit whose number is written beside it. A new flag takes the next
/// number. No flag is ever removed or given another number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Flag {
    /// The frame carried no target status: every zone is rated as ST rates "50 %".
    StatusMissing = 0,
    /// The frame carried no range sigma: the profile's noise model was used.
    SigmaModelled = 1,
    /// Too few valid zones for any three-dimensional result.
    InsufficientZones = 2,
    /// Neither an empty-tray map nor a rim plane was available: no heights.
    NoReference = 3,
    /// The reference plane was fitted to the frame's own rim.
    RimReference = 4,
    /// Some zones of the tray were filled in from their neighbours.
    Imputed = 5,
    /// Height variation is below the noise floor.
    BelowNoise = 6,
    /// Once the plane is taken out, what is left of the height variation is below the noise floor.
    LevelledBelowNoise = 7,
    /// An index lies within three standard uncertainties of an end of its range. Its interval then
    /// covers the true value more often than stated.
    NearLimit = 8,
    /// No product was found on the tray.
    NoProduct = 9,
    /// A spectral channel reached its full scale.
    Saturated = 10,
    /// A spectral channel had too few counts.
    LowSignal = 11,
    /// There is no white reference: counts could not be turned into reflectance.
    NoWhiteReference = 12,
    /// Reflectance above the white reference by more than 5 %.
    WhiteDrift = 13,
    /// Too little haemoglobin signal for the oxidation ratio.
    LowHeme = 14,
    /// Placeholder anchors were used where the product has no calibration.
    Uncalibrated = 15,
    /// The device reported analogue saturation.
    AnalogSaturation = 16,
    /// The tray's area is unknown: the volume is a sum over the areas that the zones see.
    ZoneAreas = 17,
    /// The deviation that all zones of the frame share was measured on the floor beside the product
    /// and taken out.
    ZeroedOnFloor = 18,
    /// Some zones saw more than one surface: their noise counts twice.
    MultiTarget = 19,
    /// A bin of a histogram stands at the converter's end.
    HistogramSaturated = 20,
    /// Three or more bands of a spectrum have exactly the same count, which light does not give.
    /// The device probably read one register for several bands.
    RepeatedBands = 21,
    /// The counts of the spectrum are impossible as sent, and possible with the two bytes of each
    /// count exchanged. Nothing was derived from them.
    BytesSwapped = 22,
    /// The frame repeats one of the device's frames just before it number for number, which noise
    /// does not allow. The device probably sent a stale reading.
    RepeatedFrame = 23,
    /// The frame carried no reflectance: no reflectance finding is given, and no spots are found.
    ReflectanceMissing = 24,
    /// The frame carried no amplitude: the zones with too little signal are unknown, and every zone
    /// is rated as ST rates "50 %".
    AmplitudeMissing = 25,
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
pub struct Flags(u32);

/// Human-readable formats hold the names of the flags, as in `["Imputed","LowSignal"]`; other
/// formats hold their bits.
#[cfg(feature = "serde")]
impl serde::Serialize for Flags {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_seq(self.iter()) } else { self.0.serialize(serializer) }
    }
}

/// Reads the form that `Serialize` writes.
///
/// A human-readable format may also hold the bits, as it did before flags were written by name.
#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Flags {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;

        impl<'de> serde::de::Visitor<'de> for Read {
            type Value = Flags;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the names of flags, or their bits")
            }

            fn visit_u64<E: serde::de::Error>(self, bits: u64) -> Result<Flags, E> {
                u32::try_from(bits)
                    .map(Flags)
                    .map_err(|_| E::invalid_value(serde::de::Unexpected::Unsigned(bits), &self))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut names: A) -> Result<Flags, A::Error> {
                let mut flags = Flags::default();
                while let Some(flag) = names.next_element()? {
                    flags.insert(flag);
                }
                Ok(flags)
            }
        }

        if deserializer.is_human_readable() {
            deserializer.deserialize_any(Read)
        } else {
            u32::deserialize(deserializer).map(Self)
        }
    }
}

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

    /// Stored flags are read by their bits, so this test repeats the bit number of every flag.
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
