//! [`TofProfile`] and [`SpectralProfile`]: everything a plant must tune, and nothing that is physics.

use sqal_core::{GradeScale, Grid, Lab, ZoneSet};

use crate::{ColorCalibration, Desirability, NotADesirability};

/// Where the tray's floor is.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields, rename_all = "snake_case"))]
#[expect(clippy::large_enum_variant, reason = "one per profile, and there is no allocator to box it with")]
pub enum HeightReference {
    /// A flat floor at one distance, from a calibration with the empty tray.
    Flat {
        /// The perpendicular distance of the floor in mm.
        distance_mm: f64,
        /// Its standard uncertainty in mm.
        u_mm: f64,
    },
    /// The mean of empty-tray frames, zone by zone.
    Map {
        /// The perpendicular distance of the floor in mm, for each zone.
        distance_mm: Grid<f64>,
        /// Their standard uncertainty in mm.
        u_mm: f64,
    },
    /// A robust plane through the frame's own rim, the 28 outermost zones, which must look past the tray.
    Rim {
        /// How far the tray's floor lies below the surface that the rim sees, in mm.
        floor_below_mm: f64,
        /// The standard uncertainty of the plane in mm.
        u_mm: f64,
    },
    /// Unknown: no heights, no volume.
    None,
}

/// The tray, as the sensor sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Tray {
    /// The inner area of the tray in mm².
    pub area_mm2: f64,
    /// Its standard uncertainty in mm².
    pub u_area_mm2: f64,
    /// The first and last row (0 to 7) that lie wholly within the tray.
    pub rows: [u8; 2],
    /// The first and last column (0 to 7) that lie wholly within the tray.
    pub columns: [u8; 2],
}

impl Tray {
    /// The zones of the tray.
    #[must_use]
    pub fn zones(&self) -> ZoneSet {
        let within = |[first, last]: [u8; 2], k: usize| (usize::from(first)..=usize::from(last)).contains(&k);
        ZoneSet::from_fn(|zone| within(self.rows, zone / 8) && within(self.columns, zone % 8))
    }
}

/// Range noise where the device did not report it: σ = σ₀ √(a₀/a) z/z₀.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct NoiseModel {
    /// σ₀ in mm.
    pub sigma_mm: f64,
    /// a₀ in kcps per SPAD.
    pub amplitude_kcps: f64,
    /// z₀ in mm.
    pub distance_mm: f64,
}

/// What each part counts in the three-dimensional quality score.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct TofWeights {
    /// Of the volume.
    pub volume: f64,
    /// Of the mean height.
    pub height: f64,
    /// Of the height variation.
    pub variation: f64,
    /// Of the mean reflectance.
    pub reflectance: f64,
}

/// Everything that the time-of-flight analysis takes from a product and its station.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct TofProfile {
    /// The tray.
    pub tray: Tray,
    /// Where its floor is.
    pub reference: HeightReference,
    /// The standard uncertainty in mm that all zones share (offset, temperature, penetration).
    ///
    /// 4.4 mm is what the datasheet leaves without a calibration on site (±12 mm at 2.7σ, DS14161); 1 mm is usual after one.
    pub u_systematic_mm: f64,
    /// How much deeper than the surface the light is reflected, in mm; measured once on the product with a ruler.
    pub penetration_bias_mm: f64,
    /// The noise of a zone whose device does not report it.
    pub noise: NoiseModel,
    /// A zone noisier than this, in mm, is invalid.
    pub max_sigma_mm: f64,
    /// A zone with less signal, in kcps per SPAD, is invalid.
    pub min_amplitude_kcps: f64,
    /// What lies lower, in mm, is not product.
    pub min_product_mm: f64,
    /// A product that stands higher anywhere, in mm, overfills the tray.
    pub max_height_mm: f64,
    /// A surface inclined more, in degrees, is a defect.
    pub max_tilt_deg: f64,
    /// A dent or bump less deep, in mm, is none.
    pub minor_depth_mm: f64,
    /// A dent or bump this deep, in mm, is a major defect.
    pub major_depth_mm: f64,
    /// The roughness in mm at which the surface uniformity has fallen to e^(-1/2).
    pub uniformity_scale_mm: f64,
    /// The specification of the volume, in mm³.
    pub volume_mm3: Desirability,
    /// The specification of the mean height, in mm.
    pub height_mm: Desirability,
    /// The specification of the height variation, in mm.
    pub variation_mm: Desirability,
    /// The specification of the mean reflectance, in percent.
    pub reflectance_percent: Desirability,
    /// What each counts.
    pub weights: TofWeights,
    /// The score each grade begins at.
    pub scale: GradeScale,
}

/// The counts that a white tile of known reflectance gave at this station, and those of darkness.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct WhiteReference {
    /// Basic counts (per unit of gain and ms) of the white tile, F1 to F8, Clear, NIR.
    pub white: [f64; 10],
    /// Basic counts in the dark, in the same order.
    pub dark: [f64; 10],
    /// The reflectance of the tile, 0 to 1.
    pub tile_reflectance: f64,
    /// The relative standard uncertainty that each channel of the reference has on its own.
    pub u_relative: f64,
}

/// What a ratio or difference of absorbances means for this product.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Anchors {
    /// The oxidation ratio q of fresh product.
    pub oxidation_fresh: f64,
    /// The oxidation ratio q of fully oxidised product.
    pub oxidation_full: f64,
    /// Whether the two were measured on this product; placeholders are flagged in every result.
    pub measured: bool,
}

/// The colour that the product should have.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct ColorTarget {
    /// The colour under the white of the colour map.
    pub lab: Lab,
    /// The specification of the CIEDE2000 difference to it.
    pub delta_e00: Desirability,
}

/// What each part counts in the spectral quality score.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct SpectralWeights {
    /// Of the freshness index.
    pub freshness: f64,
    /// Of the fat quality index.
    pub fat: f64,
    /// Of one minus the oxidation index.
    pub oxidation: f64,
    /// Of the colour uniformity, which one reading cannot give.
    pub uniformity: f64,
    /// Of the colour difference to the product's target, which needs a colour calibration.
    pub color: f64,
}

/// Everything that the spectral analysis takes from a product and its station.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct SpectralProfile {
    /// The white reference of the station, if one was taken.
    pub white_reference: Option<WhiteReference>,
    /// The device's colour map, if a chart was measured.
    pub color: Option<ColorCalibration>,
    /// The product's target colour, if there is one.
    pub color_target: Option<ColorTarget>,
    /// The specification of L*, if pale fat is wanted; needs a colour map.
    pub lightness: Option<Desirability>,
    /// What the oxidation ratio means.
    pub anchors: Anchors,
    /// The specification of the oxidation index for a fresh product.
    pub oxidation: Desirability,
    /// The specification of the carotenoid difference A(480) − A(515).
    pub carotenoid: Desirability,
    /// The specification of the haemoglobin difference A(555) − A(680): little blood in good fat.
    pub heme: Desirability,
    /// The oxidation index from which it is a defect.
    pub max_oxidation: f64,
    /// The variance of a count per count (1 for pure photon noise).
    pub shot_noise: f64,
    /// The standard deviation of a count in the dark.
    pub read_noise: f64,
    /// What each part counts.
    pub weights: SpectralWeights,
    /// The score each grade begins at.
    pub scale: GradeScale,
}

/// What is wrong in a profile.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidProfile {
    /// A number is not usable.
    #[error("{field} is {value}: expected {expected}")]
    Number {
        /// The field's path.
        field: &'static str,
        /// The number found.
        value: f64,
        /// What would be right.
        expected: &'static str,
    },
    /// A specification is not usable.
    #[error("{field}: {source}")]
    Specification {
        /// The field's path.
        field: &'static str,
        /// What is wrong with it.
        source: NotADesirability,
    },
}

const POSITIVE: &str = "a positive number below 1e12";
const NOT_NEGATIVE: &str = "a number from 0 to 1e12";

/// No quantity of a tray is larger; below it no product of three overflows.
const LARGEST: f64 = 1e12;

fn number(field: &'static str, value: f64, expected: &'static str) -> Result<(), InvalidProfile> {
    let right = value < LARGEST && (value > 0.0 || value == 0.0 && expected == NOT_NEGATIVE);
    if right { Ok(()) } else { Err(InvalidProfile::Number { field, value, expected }) }
}

fn specification(field: &'static str, desirability: &Desirability) -> Result<(), InvalidProfile> {
    desirability.check().map_err(|source| InvalidProfile::Specification { field, source })
}

impl TofProfile {
    /// Checks every number of the profile.
    ///
    /// # Errors
    ///
    /// [`InvalidProfile`] names the first field that is wrong, with its value and what would be right.
    pub fn check(&self) -> Result<(), InvalidProfile> {
        for (field, [first, last]) in [("tof.tray.rows", self.tray.rows), ("tof.tray.columns", self.tray.columns)] {
            if first > last || last > 7 {
                let value = f64::from(last);
                return Err(InvalidProfile::Number { field, value, expected: "two increasing numbers from 0 to 7" });
            }
        }
        match &self.reference {
            HeightReference::Flat { distance_mm, u_mm } => {
                number("tof.reference.flat.distance_mm", *distance_mm, POSITIVE)?;
                number("tof.reference.flat.u_mm", *u_mm, NOT_NEGATIVE)?;
            }
            HeightReference::Map { distance_mm, u_mm } => {
                for distance in distance_mm.iter() {
                    number("tof.reference.map.distance_mm", *distance, POSITIVE)?;
                }
                number("tof.reference.map.u_mm", *u_mm, NOT_NEGATIVE)?;
            }
            HeightReference::Rim { floor_below_mm, u_mm } => {
                number("tof.reference.rim.floor_below_mm", *floor_below_mm, NOT_NEGATIVE)?;
                number("tof.reference.rim.u_mm", *u_mm, NOT_NEGATIVE)?;
                let edges = [self.tray.rows, self.tray.columns];
                if edges.iter().any(|[first, last]| *first == 0 || *last == 7) {
                    let expected = "rows and columns within 1 to 6, so that the rim looks past the tray";
                    let value = f64::from(edges.iter().map(|[_, last]| *last).max().unwrap_or(7));
                    return Err(InvalidProfile::Number { field: "tof.tray (with a rim reference)", value, expected });
                }
            }
            HeightReference::None => {}
        }
        number("tof.tray.area_mm2", self.tray.area_mm2, POSITIVE)?;
        number("tof.tray.u_area_mm2", self.tray.u_area_mm2, NOT_NEGATIVE)?;
        number("tof.u_systematic_mm", self.u_systematic_mm, NOT_NEGATIVE)?;
        number("tof.penetration_bias_mm", self.penetration_bias_mm, NOT_NEGATIVE)?;
        number("tof.noise.sigma_mm", self.noise.sigma_mm, POSITIVE)?;
        number("tof.noise.amplitude_kcps", self.noise.amplitude_kcps, POSITIVE)?;
        number("tof.noise.distance_mm", self.noise.distance_mm, POSITIVE)?;
        number("tof.max_sigma_mm", self.max_sigma_mm, POSITIVE)?;
        number("tof.min_amplitude_kcps", self.min_amplitude_kcps, NOT_NEGATIVE)?;
        number("tof.min_product_mm", self.min_product_mm, POSITIVE)?;
        number("tof.max_height_mm", self.max_height_mm, POSITIVE)?;
        number("tof.max_tilt_deg", self.max_tilt_deg, POSITIVE)?;
        number("tof.minor_depth_mm", self.minor_depth_mm, POSITIVE)?;
        number(
            "tof.major_depth_mm (at least minor_depth_mm)",
            self.major_depth_mm - self.minor_depth_mm,
            NOT_NEGATIVE,
        )?;
        number("tof.uniformity_scale_mm", self.uniformity_scale_mm, POSITIVE)?;
        specification("tof.volume_mm3", &self.volume_mm3)?;
        specification("tof.height_mm", &self.height_mm)?;
        specification("tof.variation_mm", &self.variation_mm)?;
        specification("tof.reflectance_percent", &self.reflectance_percent)?;
        number("tof.weights.volume", self.weights.volume, POSITIVE)?;
        number("tof.weights.height", self.weights.height, POSITIVE)?;
        number("tof.weights.variation", self.weights.variation, POSITIVE)?;
        number("tof.weights.reflectance", self.weights.reflectance, POSITIVE)
    }

    /// A complete profile of an imagined product: a 90 x 70 mm tray, 150 mm below the sensor, to be filled 20 mm high.
    ///
    /// For examples and tests; a plant writes its own.
    #[must_use]
    pub fn example() -> Self {
        Self {
            tray: Tray { area_mm2: 6300.0, u_area_mm2: 30.0, rows: [2, 5], columns: [1, 6] },
            reference: HeightReference::Flat { distance_mm: 150.0, u_mm: 0.3 },
            u_systematic_mm: 1.0,
            penetration_bias_mm: 0.0,
            noise: NoiseModel { sigma_mm: 2.0, amplitude_kcps: 900.0, distance_mm: 150.0 },
            max_sigma_mm: 15.0,
            min_amplitude_kcps: 5.0,
            min_product_mm: 2.0,
            max_height_mm: 30.0,
            max_tilt_deg: 5.0,
            minor_depth_mm: 3.0,
            major_depth_mm: 6.0,
            uniformity_scale_mm: 2.0,
            volume_mm3: Desirability::Target { lo: 100_000.0, hi: 152_000.0, width: 5_000.0 },
            height_mm: Desirability::Target { lo: 15.0, hi: 25.0, width: 1.0 },
            variation_mm: Desirability::Smaller { at: 3.5, width: 0.6 },
            reflectance_percent: Desirability::Target { lo: 25.0, hi: 65.0, width: 5.0 },
            weights: TofWeights { volume: 0.35, height: 0.20, variation: 0.25, reflectance: 0.20 },
            scale: GradeScale::default(),
        }
    }
}

impl SpectralProfile {
    /// Checks every number of the profile.
    ///
    /// # Errors
    ///
    /// [`InvalidProfile`] names the first field that is wrong, with its value and what would be right.
    pub fn check(&self) -> Result<(), InvalidProfile> {
        if let Some(reference) = &self.white_reference {
            number("spectral.white_reference.tile_reflectance", reference.tile_reflectance, POSITIVE)?;
            number("spectral.white_reference.u_relative", reference.u_relative, NOT_NEGATIVE)?;
            for (white, dark) in reference.white.into_iter().zip(reference.dark) {
                number("spectral.white_reference.dark", dark, NOT_NEGATIVE)?;
                number("spectral.white_reference.white (above dark)", white - dark, POSITIVE)?;
            }
        }
        if let Some(map) = &self.color {
            number("spectral.color.u_lab", map.u_lab, NOT_NEGATIVE)?;
            for white in map.white() {
                number("spectral.color.matrix (sum of a row)", white, POSITIVE)?;
            }
        }
        if let Some(target) = &self.color_target {
            specification("spectral.color_target.delta_e00", &target.delta_e00)?;
        }
        if let Some(lightness) = &self.lightness {
            specification("spectral.lightness", lightness)?;
        }
        let span = self.anchors.oxidation_full - self.anchors.oxidation_fresh;
        number("spectral.anchors.oxidation_full (above oxidation_fresh)", span, POSITIVE)?;
        specification("spectral.oxidation", &self.oxidation)?;
        specification("spectral.carotenoid", &self.carotenoid)?;
        specification("spectral.heme", &self.heme)?;
        number("spectral.max_oxidation", self.max_oxidation, POSITIVE)?;
        number("spectral.shot_noise", self.shot_noise, POSITIVE)?;
        number("spectral.read_noise", self.read_noise, NOT_NEGATIVE)?;
        number("spectral.weights.freshness", self.weights.freshness, POSITIVE)?;
        number("spectral.weights.fat", self.weights.fat, POSITIVE)?;
        number("spectral.weights.oxidation", self.weights.oxidation, POSITIVE)?;
        number("spectral.weights.uniformity", self.weights.uniformity, NOT_NEGATIVE)?;
        number("spectral.weights.color", self.weights.color, NOT_NEGATIVE)
    }

    /// A complete profile of an imagined product at an imagined station, with a white reference.
    ///
    /// For examples and tests; a plant writes its own.
    #[must_use]
    pub fn example() -> Self {
        Self {
            white_reference: Some(WhiteReference {
                white: [9.0, 17.0, 27.0, 36.0, 46.0, 53.0, 62.0, 55.0, 160.0, 20.0],
                dark: [0.0; 10],
                tile_reflectance: 0.98,
                u_relative: 0.002,
            }),
            color: Some(ColorCalibration {
                matrix: [
                    [7.1398, 10.4257, 3.8122, 1.7004, 15.0397, 34.6229, 25.3038, -3.0021],
                    [0.4303, -0.1001, 5.5390, 29.0479, 34.5516, 22.6556, 9.6749, -1.7992],
                    [36.5603, 46.8991, 43.4655, -0.9597, 1.7744, -6.0030, -3.1700, -9.7056],
                ],
                u_lab: 0.2,
            }),
            color_target: Some(ColorTarget {
                lab: Lab { l: 72.2, a: 5.6, b: 17.1 },
                delta_e00: Desirability::Smaller { at: 6.0, width: 2.0 },
            }),
            lightness: Some(Desirability::Larger { at: 60.0, width: 3.0 }),
            anchors: Anchors { oxidation_fresh: 0.03, oxidation_full: 0.55, measured: true },
            oxidation: Desirability::Smaller { at: 0.45, width: 0.12 },
            carotenoid: Desirability::Target { lo: 0.02, hi: 0.20, width: 0.02 },
            heme: Desirability::Smaller { at: 0.50, width: 0.08 },
            max_oxidation: 0.60,
            shot_noise: 1.0,
            read_noise: 2.0,
            weights: SpectralWeights { freshness: 0.30, fat: 0.25, oxidation: 0.20, uniformity: 0.10, color: 0.15 },
            scale: GradeScale::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn the_examples_are_valid() {
        assert_eq!((TofProfile::example().check(), SpectralProfile::example().check()), (Ok(()), Ok(())));
        assert_eq!(TofProfile::example().tray.zones().len(), 24);
    }

    #[test]
    fn a_wrong_number_is_named_with_its_value_and_what_is_expected() {
        let mut profile = TofProfile::example();
        profile.u_systematic_mm = -1.0;
        assert_eq!(
            profile.check().unwrap_err().to_string(),
            "tof.u_systematic_mm is -1: expected a number from 0 to 1e12"
        );
        let mut profile = TofProfile::example();
        profile.tray.rows = [3, 8];
        assert!(profile.check().unwrap_err().to_string().starts_with("tof.tray.rows is 8"));
        let mut profile = SpectralProfile::example();
        profile.oxidation = Desirability::Smaller { at: 0.3, width: 0.0 };
        assert_eq!(profile.check().unwrap_err().to_string(), "spectral.oxidation: width 0 is not a positive number");
    }
}
