//! [`Flags`]: remarks that travel with a result, so that a reader knows under which conditions it was obtained.

/// One remark about how a result was obtained.
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
}

impl Flag {
    /// Every flag, in order.
    pub const ALL: [Self; 21] = [
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Flags(u32);

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
