//! [`Defect`]: a defect that was found, with its place, its severity and its probability.

use core::fmt;

use arrayvec::ArrayVec;

use crate::Score;

/// The kind of a defect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum DefectKind {
    /// A group of zones lies below the product's own smooth surface.
    Dent = 0,
    /// A group of zones lies above the product's own smooth surface.
    Bump = 1,
    /// The tray is too low or empty over two zones or more.
    MissingProduct = 2,
    /// Two zones or more are empty, all of them at the edge of the tray and fewer than a quarter of
    /// it.
    EdgeGap = 3,
    /// The product stands above the profile's highest allowed height.
    Overfill = 4,
    /// The product's surface is inclined more than the profile allows.
    Tilt = 5,
    /// A group of zones reflects more or less than the product around it.
    ReflectanceSpot = 6,
    /// More than a fifth of the tray could not be read.
    InvalidZones = 7,
    /// A channel reached its full scale, so its value is unknown.
    Saturation = 8,
    /// Too little light to measure.
    LowSignal = 9,
    /// The oxidation index is above the profile's limit.
    Oxidation = 10,
    /// The colour is farther from the product's than the profile allows.
    Discoloration = 11,
    /// There is more blood pigment than the profile allows.
    BloodSpot = 12,
    /// The spectrum is not the product's, and its hue is that of bile.
    BileStain = 13,
    /// The spectrum is not one of the product's, so the indices do not apply to it.
    SpectralOutOfDistribution = 14,
    /// An instrument gave no usable score.
    SensorMissing = 15,
    /// The instruments disagree beyond what their uncertainties and the usual disparity explain.
    SensorDisagreement = 16,
}

impl DefectKind {
    /// Every kind.
    pub const ALL: [Self; 17] = [
        Self::Dent,
        Self::Bump,
        Self::MissingProduct,
        Self::EdgeGap,
        Self::Overfill,
        Self::Tilt,
        Self::ReflectanceSpot,
        Self::InvalidZones,
        Self::Saturation,
        Self::LowSignal,
        Self::Oxidation,
        Self::Discoloration,
        Self::BloodSpot,
        Self::BileStain,
        Self::SpectralOutOfDistribution,
        Self::SensorMissing,
        Self::SensorDisagreement,
    ];

    /// Whether the defect concerns the reading and not the product.
    ///
    /// Such a defect caps the grade and takes nothing from the score.
    #[must_use]
    pub const fn is_of_the_reading(self) -> bool {
        matches!(
            self,
            Self::InvalidZones | Self::Saturation | Self::LowSignal | Self::SensorMissing | Self::SensorDisagreement
        )
    }

    /// The French name for operators.
    #[must_use]
    pub const fn french(self) -> &'static str {
        match self {
            Self::Dent => "creux",
            Self::Bump => "bosse",
            Self::MissingProduct => "produit manquant",
            Self::EdgeGap => "vide au bord",
            Self::Overfill => "trop-plein",
            Self::Tilt => "inclinaison",
            Self::ReflectanceSpot => "tache de réflectance",
            Self::InvalidZones => "zones invalides",
            Self::Saturation => "saturation",
            Self::LowSignal => "signal faible",
            Self::Oxidation => "oxydation",
            Self::Discoloration => "décoloration",
            Self::BloodSpot => "tache de sang",
            Self::BileStain => "tache de bile",
            Self::SpectralOutOfDistribution => "spectre étranger au produit",
            Self::SensorMissing => "capteur absent",
            Self::SensorDisagreement => "désaccord des capteurs",
        }
    }

    /// The name used on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dent => "Dent",
            Self::Bump => "Bump",
            Self::MissingProduct => "MissingProduct",
            Self::EdgeGap => "EdgeGap",
            Self::Overfill => "Overfill",
            Self::Tilt => "Tilt",
            Self::ReflectanceSpot => "ReflectanceSpot",
            Self::InvalidZones => "InvalidZones",
            Self::Saturation => "Saturation",
            Self::LowSignal => "LowSignal",
            Self::Oxidation => "Oxidation",
            Self::Discoloration => "Discoloration",
            Self::BloodSpot => "BloodSpot",
            Self::BileStain => "BileStain",
            Self::SpectralOutOfDistribution => "SpectralOutOfDistribution",
            Self::SensorMissing => "SensorMissing",
            Self::SensorDisagreement => "SensorDisagreement",
        }
    }
}

/// How much a defect weighs in the decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Severity {
    /// Lowers the score a little.
    Minor = 0,
    /// No grade better than B.
    Major = 1,
    /// The tray is rejected.
    Critical = 2,
}

impl Severity {
    /// The share of the score that a certain defect of this severity takes: 0.05, 0.20 or 1.
    #[must_use]
    pub const fn penalty(self) -> f64 {
        match self {
            Self::Minor => 0.05,
            Self::Major => 0.20,
            Self::Critical => 1.0,
        }
    }

    /// The name used on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Minor => "Minor",
            Self::Major => "Major",
            Self::Critical => "Critical",
        }
    }
}

/// A set of the 64 zones.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct ZoneSet(u64);

/// The numbers of the zones, as in `{0, 9, 63}`.
impl fmt::Debug for ZoneSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl ZoneSet {
    /// The zones (0 to 63) for which `f` holds.
    pub fn from_fn(mut f: impl FnMut(usize) -> bool) -> Self {
        Self((0..64).fold(0, |set, zone| set | u64::from(f(zone)) << zone))
    }

    /// The set with one bit per zone, zone 0 the lowest.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// One bit per zone, zone 0 the lowest.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Whether a zone is in the set; a number of 64 or more never is.
    #[must_use]
    pub const fn contains(self, zone: usize) -> bool {
        zone < 64 && self.0 >> zone & 1 == 1
    }

    /// The number of zones in the set, 0 to 64.
    #[must_use]
    pub const fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// Whether no zone is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The zones of this set for which `f` holds.
    #[must_use]
    pub fn filter(self, mut f: impl FnMut(usize) -> bool) -> Self {
        self.iter().fold(Self::default(), |set, zone| Self(set.0 | u64::from(f(zone)) << zone))
    }

    /// The zones that are in both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The zones of this set that are not in the other.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The zones in ascending order.
    #[must_use]
    pub const fn iter(self) -> Zones {
        Zones(self.0)
    }
}

impl IntoIterator for ZoneSet {
    type Item = usize;
    type IntoIter = Zones;

    fn into_iter(self) -> Zones {
        self.iter()
    }
}

/// The zones of a [`ZoneSet`] in ascending order.
#[derive(Clone, Debug)]
pub struct Zones(u64);

impl Iterator for Zones {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let zone = self.0.trailing_zeros() as usize;
        // Clears the lowest bit; if the set is empty, returns `None`.
        self.0 &= self.0.checked_sub(1)?;
        Some(zone)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.0.count_ones() as usize;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Zones {}

/// A defect as found by an analysis.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Defect {
    /// The kind of the defect.
    pub kind: DefectKind,
    /// How much the defect weighs in the decision.
    pub severity: Severity,
    /// The zones of the defect; empty for a defect that has no place.
    pub zones: ZoneSet,
    /// The probability that the defect is real.
    pub probability: Score,
    /// The size of the defect, where it can be measured.
    pub extent: Option<DefectExtent>,
}

/// The size of a defect of shape.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct DefectExtent {
    /// The area of the defect's zones in mm².
    pub area_mm2: f64,
    /// The distance of the defect's farthest zone from the product's surface in mm; negative below
    /// the surface.
    pub depth_mm: f64,
    /// The volume between the defect's zones and the product's surface in mm³; negative below the
    /// surface.
    pub volume_mm3: f64,
}

impl Defect {
    /// A defect without a size of its own.
    #[must_use]
    pub const fn new(kind: DefectKind, severity: Severity, zones: ZoneSet, probability: Score) -> Self {
        Self { kind, severity, zones, probability, extent: None }
    }
}

/// The defects of one analysis: at most 12, the gravest first.
pub type Defects = ArrayVec<Defect, 12>;

/// Puts the gravest defects first and keeps the order of equals; a stable sort that needs no
/// allocator.
pub fn gravest_first(defects: &mut [Defect]) {
    for end in 1..defects.len() {
        let mut at = end;
        while at > 0 && defects[at - 1].severity < defects[at].severity {
            defects.swap(at - 1, at);
            at -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn the_gravest_come_first_and_equals_keep_their_order() {
        use Severity::{Critical, Major, Minor};
        let made = |(k, severity): (usize, &Severity)| {
            let zones = ZoneSet::from_fn(|zone| zone == k);
            Defect::new(DefectKind::Tilt, *severity, zones, Score::ONE)
        };
        let mut defects: Vec<_> = [Minor, Major, Critical, Major, Minor].iter().enumerate().map(made).collect();
        gravest_first(&mut defects);
        let order: Vec<_> = defects.iter().map(|d| d.zones.iter().next()).collect();
        assert_eq!(order, [Some(2), Some(1), Some(3), Some(0), Some(4)]);
    }

    #[test]
    fn a_zone_set_shows_its_zones() {
        let set = ZoneSet::from_fn(|zone| zone == 0 || zone == 9 || zone == 63);
        assert_eq!(alloc::format!("{set:?} {:?}", ZoneSet::default()), "{0, 9, 63} {}");
    }

    #[test]
    fn a_zone_set_holds_what_was_put_in() {
        let set = ZoneSet::from_fn(|zone| zone == 0 || zone == 63);
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, 63]);
        assert_eq!((set.len(), set.contains(64), set.is_empty()), (2, false, false));
        assert_eq!((set.bits(), ZoneSet::from_bits(set.bits())), (1 << 63 | 1, set));
        let low = ZoneSet::from_fn(|zone| zone < 32);
        assert_eq!(set.filter(|zone| zone > 5), set.without(low));
        assert_eq!((set.and(low).iter().collect::<Vec<_>>(), set.without(low).iter().len()), (Vec::from([0]), 1));
        assert_eq!(ZoneSet::from_fn(|_| true).iter().collect::<Vec<_>>(), (0..64).collect::<Vec<_>>());
    }
}
