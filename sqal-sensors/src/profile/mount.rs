//! [`Mount`]: the orientation of a sensor over the product, so that zones agree at all stations.

use sqal_core::{TofFrame, defect::ZoneSet};

/// The clockwise rotation that turns the picture of a sensor into the plant's orientation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "u16", into = "u16"))]
pub enum Rotation {
    /// Not turned.
    #[default]
    None,
    /// Turned by 90 degrees: the first row of the sensor becomes the last column.
    Clockwise90,
    /// Turned by 180 degrees.
    HalfTurn,
    /// Turned by 270 degrees: the first row of the sensor becomes the first column, from bottom to
    /// top.
    Clockwise270,
}

/// A number of degrees that does not rotate a square grid onto itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rotation {0} is not possible: expected 0, 90, 180 or 270 degrees")]
pub struct InvalidRotation(pub u16);

impl TryFrom<u16> for Rotation {
    type Error = InvalidRotation;

    fn try_from(degrees: u16) -> Result<Self, InvalidRotation> {
        match degrees {
            0 => Ok(Self::None),
            90 => Ok(Self::Clockwise90),
            180 => Ok(Self::HalfTurn),
            270 => Ok(Self::Clockwise270),
            _ => Err(InvalidRotation(degrees)),
        }
    }
}

impl From<Rotation> for u16 {
    fn from(rotation: Rotation) -> Self {
        match rotation {
            Rotation::None => 0,
            Rotation::Clockwise90 => 90,
            Rotation::HalfTurn => 180,
            Rotation::Clockwise270 => 270,
        }
    }
}

/// The orientation of a mounted time-of-flight sensor. Its picture, with rows from top to bottom,
/// is first mirrored and then turned clockwise.
///
/// All inputs and outputs of an analysis are in the mounted orientation: the rows and columns of
/// the tray, the map of an empty tray, the height map, and the zones of defects. Frames and
/// histograms are received and stored in the sensor's own order. If the mount of a profile is
/// changed, its empty-tray map must be measured again.
///
/// It is complete: a square has eight symmetries, and these are its two parts.
///
/// ```
/// use sqal_sensors::{Mount, Rotation};
///
/// // A quarter turn brings the sensor's first zone into the corner at the end of the first row.
/// let mount = Mount { rotation: Rotation::Clockwise90, mirrored: false };
/// assert_eq!(mount.source(7), 0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Mount {
    /// The clockwise rotation of the picture, in degrees: 0, 90, 180 or 270 in a file.
    pub rotation: Rotation,
    /// Whether left and right are exchanged before the rotation, as by a mirror or by a driver that
    /// reads the columns backwards.
    pub mirrored: bool,
}

impl Mount {
    /// The sensor's zone (0 to 63) for a zone of the mounted orientation.
    #[must_use]
    pub const fn source(self, zone: usize) -> usize {
        let (row, column) = (zone / 8 % 8, zone % 8);
        let (row, column) = match self.rotation {
            Rotation::None => (row, column),
            Rotation::Clockwise90 => (7 - column, row),
            Rotation::HalfTurn => (7 - row, 7 - column),
            Rotation::Clockwise270 => (column, 7 - row),
        };
        row * 8 + if self.mirrored { 7 - column } else { column }
    }

    /// Rearranges a frame of the sensor to the mounted orientation.
    #[must_use]
    pub fn frame(self, frame: &TofFrame) -> TofFrame {
        frame.rearranged(|zone| self.source(zone))
    }

    /// Rearranges a set of the sensor's zones to the mounted orientation.
    #[must_use]
    pub fn zones(self, zones: ZoneSet) -> ZoneSet {
        ZoneSet::from_fn(|zone| zones.contains(self.source(zone)))
    }
}

/// Whether a key can be left out when it is written, so that a profile without it keeps its text
/// and its hash.
#[cfg(feature = "serde")]
pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;
    use std::vec::Vec;

    fn all() -> impl Iterator<Item = Mount> {
        [0, 90, 180, 270].into_iter().flat_map(|degrees: u16| {
            [false, true].map(|mirrored| Mount { rotation: Rotation::try_from(degrees).unwrap(), mirrored })
        })
    }

    /// The eight mounts are the eight symmetries of a square: each maps all zones one to one and
    /// keeps neighbours, and no two are equal.
    #[test]
    fn every_mount_is_a_symmetry_of_the_square() {
        let maps: Vec<Vec<usize>> = all().map(|mount| (0..64).map(|zone| mount.source(zone)).collect()).collect();
        for (k, map) in maps.iter().enumerate() {
            let mut places = map.clone();
            places.sort_unstable();
            assert_eq!(places, (0..64).collect::<Vec<_>>());
            assert!(!maps[..k].contains(map), "{k}");
            for zone in (0..63).filter(|zone| zone % 8 < 7) {
                let (a, b) = (map[zone], map[zone + 1]);
                assert_eq!((a / 8).abs_diff(b / 8) + (a % 8).abs_diff(b % 8), 1);
            }
        }
        assert!((0..64).all(|zone| Mount::default().source(zone) == zone));
    }

    #[test]
    fn corners_go_where_the_words_say() {
        let at = |rotation, mirrored| {
            let mount = Mount { rotation, mirrored };
            // The sensor's zones at the top left, top right, bottom left and bottom right.
            [0, 7, 56, 63].map(|zone| mount.source(zone))
        };
        assert_eq!(at(Rotation::Clockwise90, false), [56, 0, 63, 7]);
        assert_eq!(at(Rotation::HalfTurn, false), [63, 56, 7, 0]);
        assert_eq!(at(Rotation::Clockwise270, false), [7, 63, 0, 56]);
        assert_eq!(at(Rotation::None, true), [7, 0, 63, 56]);
        // The picture is mirrored first, so the sensor's top right is at the top left. The quarter
        // turn moves it to the top right.
        assert_eq!(at(Rotation::Clockwise90, true), [63, 7, 56, 0]);
    }

    #[test]
    fn other_angles_are_refused_with_the_possible_ones() {
        let refused = Rotation::try_from(45).unwrap_err().to_string();
        assert_eq!(refused, "rotation 45 is not possible: expected 0, 90, 180 or 270 degrees");
        for degrees in [0, 90, 180, 270] {
            assert_eq!(u16::from(Rotation::try_from(degrees).unwrap()), degrees);
        }
    }
}
