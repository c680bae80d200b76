//! [`TofFrame`]: one checked reading of the 8x8 time-of-flight sensor.

use core::fmt;

use crate::Grid;

/// The meaning of a distance; a property of the sensor type, not of a frame.
///
/// The VL53L5/L7/L8 report the distance perpendicular to the sensor plane (a plane fit over real
/// captures leaves 0.9 to 1.7 mm RMS so, and 13 to 26 mm if the same numbers are read as radial);
/// the TMF8829 reports along the zone's direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum DistanceKind {
    /// Along the sensor's axis.
    #[default]
    Perpendicular = 0,
    /// Along the direction of the zone.
    Radial = 1,
}

/// The target status code of one zone, as ST defines it (UM3109, table 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct TargetStatus(pub u8);

impl TargetStatus {
    /// Range valid.
    pub const VALID: Self = Self(5);

    /// How far ST trusts a range with this code: 1 for code 5, 0.5 for codes 6 and 9, otherwise 0.
    #[must_use]
    pub const fn confidence(self) -> f64 {
        match self.0 {
            5 => 1.0,
            6 | 9 => 0.5,
            _ => 0.0,
        }
    }
}

/// The matrices of a frame as they were read, before they are checked.
///
/// It has no constructor on purpose: a driver names every matrix, with `None` for one that it does
/// not read.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TofReading {
    /// Distance in mm; the sensor's fixed point is 0.25 mm.
    pub distance_mm: Grid<f32>,
    /// Estimated target reflectance in percent, if it was recorded. Without it, a profile that
    /// gives the reflectance a weight counts the whole tray as not seen: set that weight to 0.
    pub reflectance_percent: Option<Grid<f32>>,
    /// Signal per SPAD in kcps, if it was recorded. Without it, a profile with a lower limit of the
    /// amplitude counts the whole tray as not seen: set `min_amplitude_kcps` to 0.
    pub amplitude_kcps: Option<Grid<f32>>,
    /// The device's estimate of the range noise (one standard deviation) in mm, if it was recorded.
    /// Without it, the profile's noise model gives the noise.
    pub sigma_mm: Option<Grid<f32>>,
    /// The target status codes, if they were recorded. Without them, every zone counts with twice
    /// its noise and half its trust.
    pub status: Option<Grid<TargetStatus>>,
    /// The meaning of the distances.
    pub distance_kind: DistanceKind,
}

/// A reading of the time-of-flight sensor in which every number is one that the sensor can produce.
///
/// A possible number may still be wrong: the analysis decides which zones are *valid*.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "TofReading", into = "TofReading"))]
pub struct TofFrame(TofReading);

/// The matrices of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Matrix {
    /// Distances.
    Distance,
    /// Reflectances.
    Reflectance,
    /// Amplitudes.
    Amplitude,
    /// Range noise.
    Sigma,
}

impl Matrix {
    /// The name of the matrix in the documented frame.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Distance => "distance_matrix",
            Self::Reflectance => "reflectance_matrix",
            Self::Amplitude => "amplitude_matrix",
            Self::Sigma => "sigma_matrix",
        }
    }

    /// The unit of its numbers.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Distance | Self::Sigma => "mm",
            Self::Reflectance => "%",
            Self::Amplitude => "kcps/SPAD",
        }
    }

    /// The smallest and the largest number that the sensor's fixed point can hold.
    ///
    /// Distance is a signed 16-bit quarter millimetre, sigma an unsigned 16-bit 1/128 mm,
    /// reflectance an unsigned byte of half percents, signal an unsigned 32-bit 1/2048 kcps (ST ULD
    /// `vl53lmz_api`).
    #[must_use]
    pub const fn range(self) -> (f32, f32) {
        match self {
            Self::Distance => (-8192.0, 8191.75),
            Self::Reflectance => (0.0, 127.5),
            Self::Amplitude => (0.0, 2_097_152.0),
            Self::Sigma => (0.0, 511.992_2),
        }
    }
}

/// A number in a frame that the sensor cannot have produced.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct InvalidFrame {
    /// The matrix.
    pub matrix: Matrix,
    /// The zone, 0 to 63 in row-major order.
    pub zone: usize,
    /// The number found.
    pub value: f32,
}

impl fmt::Display for InvalidFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (min, max) = self.matrix.range();
        let (name, unit) = (self.matrix.as_str(), self.matrix.unit());
        let (row, column, value) = (self.zone / 8, self.zone % 8, self.value);
        write!(f, "{name}[{row}][{column}] is {value}: expected {min} to {max} {unit}")
    }
}

impl core::error::Error for InvalidFrame {}

impl TofFrame {
    /// A checked frame.
    ///
    /// # Errors
    ///
    /// [`InvalidFrame`] names the first number that is not finite or that the sensor's fixed point
    /// cannot hold.
    #[inline]
    pub fn new(reading: TofReading) -> Result<Self, InvalidFrame> {
        let matrices = [
            (Matrix::Distance, Some(&reading.distance_mm)),
            (Matrix::Reflectance, reading.reflectance_percent.as_ref()),
            (Matrix::Amplitude, reading.amplitude_kcps.as_ref()),
            (Matrix::Sigma, reading.sigma_mm.as_ref()),
        ];
        for (matrix, grid) in matrices {
            let (min, max) = matrix.range();
            let Some(grid) = grid else { continue };
            // A NaN is in no range. All zones are compared side by side; the wrong zone is searched
            // only if there is one.
            let possible = |value: f32| value >= min && value <= max;
            let wrong: u32 = grid.iter().map(|value| u32::from(!possible(*value))).sum();
            if wrong > 0 {
                let mut zones = grid.iter().copied().enumerate();
                if let Some((zone, value)) = zones.find(|(_, value)| !possible(*value)) {
                    return Err(InvalidFrame { matrix, zone, value });
                }
            }
        }
        Ok(Self(reading))
    }

    /// Whether another frame has the same numbers in every zone.
    ///
    /// Two real readings differ by their noise, so the device repeated a reading. A frame in which
    /// every distance is 0 holds no reading and is never a repeated one: a covered sensor may send
    /// such frames without end.
    #[must_use]
    pub fn is_same_reading(&self, other: &Self) -> bool {
        self.has_distances() && self == other
    }

    /// A number that is equal for frames of the same reading; `None` if every distance is 0.
    ///
    /// Frames of different readings have different numbers, except by an accident of one in 10¹⁹.
    /// The number serves to find repeated frames without keeping a frame for each device. It
    /// depends on the frame alone and may be stored. It does not protect against frames that are
    /// made to collide.
    #[must_use]
    pub fn fingerprint(&self) -> Option<u64> {
        /// The multiplier of the Fx hash, by 64-bit words.
        const FACTOR: u64 = 0x517c_c1b7_2722_0a95;
        let mut hash = 0_u64;
        let mut add = |word: u32| hash = (hash.rotate_left(5) ^ u64::from(word)).wrapping_mul(FACTOR);
        let reading = &self.0;
        let grids = [
            Some(&reading.distance_mm),
            reading.reflectance_percent.as_ref(),
            reading.amplitude_kcps.as_ref(),
            reading.sigma_mm.as_ref(),
        ];
        for grid in grids {
            add(u32::from(grid.is_some()));
            for value in grid.into_iter().flat_map(Grid::iter) {
                // Adding 0.0 turns −0.0 into +0.0, so that equal numbers have equal bits.
                add((*value + 0.0).to_bits());
            }
        }
        add(u32::from(reading.status.is_some()));
        for status in reading.status.iter().flat_map(Grid::iter) {
            add(u32::from(status.0));
        }
        add(u32::from(reading.distance_kind == DistanceKind::Radial));
        self.has_distances().then_some(hash)
    }

    fn has_distances(&self) -> bool {
        self.0.distance_mm.iter().any(|mm| mm.abs() > 0.0)
    }

    /// This frame with its zones in other places: `from` names for each zone (0 to 63) the zone
    /// whose values it takes.
    ///
    /// # Panics
    ///
    /// If `from` gives 64 or more.
    #[must_use]
    pub fn rearranged(&self, from: impl Fn(usize) -> usize) -> Self {
        fn moved<T: Copy>(grid: &Grid<T>, from: &impl Fn(usize) -> usize) -> Grid<T> {
            Grid::from_fn(|zone| grid[from(zone)])
        }
        let reading = &self.0;
        // The numbers only move to other zones, so they need no second check.
        Self(TofReading {
            distance_mm: moved(&reading.distance_mm, &from),
            reflectance_percent: reading.reflectance_percent.as_ref().map(|grid| moved(grid, &from)),
            amplitude_kcps: reading.amplitude_kcps.as_ref().map(|grid| moved(grid, &from)),
            sigma_mm: reading.sigma_mm.as_ref().map(|grid| moved(grid, &from)),
            status: reading.status.as_ref().map(|grid| moved(grid, &from)),
            distance_kind: reading.distance_kind,
        })
    }

    /// The numbers of the frame.
    #[must_use]
    pub const fn reading(&self) -> &TofReading {
        &self.0
    }
}

impl TryFrom<TofReading> for TofFrame {
    type Error = InvalidFrame;

    fn try_from(reading: TofReading) -> Result<Self, InvalidFrame> {
        Self::new(reading)
    }
}

impl From<TofFrame> for TofReading {
    fn from(frame: TofFrame) -> Self {
        frame.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    fn flat() -> TofReading {
        TofReading {
            distance_mm: Grid::from_fn(|_| 150.0),
            reflectance_percent: Some(Grid::from_fn(|_| 40.0)),
            amplitude_kcps: Some(Grid::from_fn(|_| 900.0)),
            sigma_mm: None,
            status: None,
            distance_kind: DistanceKind::Perpendicular,
        }
    }

    #[test]
    fn a_refused_number_is_named_with_its_place_value_and_limit() {
        let mut reading = flat();
        reading.reflectance_percent.as_mut().unwrap()[11] = -1.0;
        let refused = TofFrame::new(reading).unwrap_err();
        assert_eq!(refused.to_string(), "reflectance_matrix[1][3] is -1: expected 0 to 127.5 %");
    }

    #[test]
    fn a_repeated_reading_is_one_and_a_covered_sensor_repeats_nothing() {
        let frame = TofFrame::new(flat()).unwrap();
        let again = TofFrame::new(flat()).unwrap();
        assert!(frame.is_same_reading(&again) && frame.fingerprint() == again.fingerprint());
        let status = |code: u8| Some(Grid::from_fn(|_| TargetStatus(code)));
        let others = [
            TofReading { sigma_mm: Some(Grid::from_fn(|_| 1.0)), ..flat() },
            TofReading { reflectance_percent: None, ..flat() },
            TofReading { amplitude_kcps: None, ..flat() },
            TofReading { status: status(5), ..flat() },
            TofReading { status: status(9), ..flat() },
            TofReading { distance_kind: DistanceKind::Radial, ..flat() },
        ];
        for other in others.map(|reading| TofFrame::new(reading).unwrap()) {
            assert!(!frame.is_same_reading(&other) && frame.fingerprint() != other.fingerprint());
        }
        let covered = TofFrame::new(TofReading { distance_mm: Grid::from_fn(|_| 0.0), ..flat() }).unwrap();
        assert!(!covered.is_same_reading(&covered) && covered.fingerprint().is_none());
    }

    proptest! {
        #[test]
        fn one_number_in_one_zone_makes_another_reading(zone in 0..64_usize, steps in 1..8_u8, which in 0..3_usize) {
            let plain = TofFrame::new(flat()).unwrap();
            let mut reading = flat();
            let changed = match which {
                0 => &mut reading.distance_mm,
                1 => reading.reflectance_percent.as_mut().unwrap(),
                _ => reading.amplitude_kcps.as_mut().unwrap(),
            };
            changed[zone] += 0.25 * f32::from(steps);
            let other = TofFrame::new(reading).unwrap();
            prop_assert!(!plain.is_same_reading(&other));
            prop_assert_ne!(plain.fingerprint(), other.fingerprint());
        }

        #[test]
        fn a_frame_exists_exactly_when_every_number_is_in_range(zone in 0..64_usize, value in proptest::num::f32::ANY) {
            for matrix in [Matrix::Distance, Matrix::Reflectance, Matrix::Amplitude, Matrix::Sigma] {
                let mut reading = flat();
                match matrix {
                    Matrix::Distance => reading.distance_mm[zone] = value,
                    Matrix::Reflectance => reading.reflectance_percent.as_mut().unwrap()[zone] = value,
                    Matrix::Amplitude => reading.amplitude_kcps.as_mut().unwrap()[zone] = value,
                    Matrix::Sigma => {
                        let mut sigma = Grid::from_fn(|_| 1.0);
                        sigma[zone] = value;
                        reading.sigma_mm = Some(sigma);
                    }
                }
                let (min, max) = matrix.range();
                let possible = value >= min && value <= max;
                match TofFrame::new(reading) {
                    Ok(_) => prop_assert!(possible),
                    Err(refused) => {
                        prop_assert!(!possible);
                        prop_assert_eq!((refused.matrix, refused.zone), (matrix, zone));
                    }
                }
            }
        }
    }
}
