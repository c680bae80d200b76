//! [`SpectralProfile`]: the settings of the spectral analysis for a product and its station.

use sqal_core::{findings::Lab, grade::GradeScale};

use super::{InvalidProfile, NOT_NEGATIVE, POSITIVE, needed, number, specification};
use crate::{ColorCalibration, Desirability, ProductReference};

/// The counts of a white tile of known reflectance at this station, and those in the dark.
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
    /// The relative standard uncertainty of each channel of the reference, independent of the other
    /// channels.
    pub u_relative: f64,
}

/// The reference values of the oxidation ratio for this product.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Anchors {
    /// The oxidation ratio q of fresh product.
    pub oxidation_fresh: f64,
    /// The oxidation ratio q of fully oxidised product.
    pub oxidation_full: f64,
    /// Whether both were measured on this product. If they are placeholders, every result is
    /// flagged.
    pub measured: bool,
}

/// The target colour of the product.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct ColorTarget {
    /// The colour under the white of the colour map.
    pub lab: Lab,
    /// The specification of the CIEDE2000 difference to that colour.
    pub delta_e00: Desirability,
    /// The CIEDE2000 difference from which the product counts as discoloured.
    pub max_delta_e00: f64,
}

/// The weight of each part in the spectral quality score.
///
/// A part of weight 0 is left out of the score, and its absence lowers no coverage. At least one
/// weight other than that of the uniformity is positive, because a single reading cannot give the
/// uniformity. Defects are found whatever the weights are.
///
/// Weights begin as [`SpectralWeights::NOTHING`], or as those of [`SpectralProfile::example`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct SpectralWeights {
    /// The weight of the freshness index, which needs `oxidation` (and so `anchors`) or
    /// `color_target`.
    pub freshness: f64,
    /// The weight of the fat quality index, which needs `carotenoid`, `heme` or `lightness`.
    pub fat: f64,
    /// The weight of one minus the oxidation index, which needs `anchors`.
    pub oxidation: f64,
    /// The weight of the colour uniformity, which one reading cannot give.
    pub uniformity: f64,
    /// The weight of the colour difference to the product's target, which needs a colour
    /// calibration.
    pub color: f64,
}

impl SpectralWeights {
    /// No part is rated: set the weight of each part that is.
    pub const NOTHING: Self = Self { freshness: 0.0, fat: 0.0, oxidation: 0.0, uniformity: 0.0, color: 0.0 };
}

/// All settings of the spectral analysis for a product and its station.
///
/// The indices of blood pigment and of fat are those of liver and other meat. For a product without
/// them they are `None` (absent or null in a file). A field that is `None` is not measured, not
/// rated and never a defect, and its weight must be 0.
///
/// A plant reads its profile from a file. A program begins with [`SpectralProfile::example`] and
/// sets the fields: the example's thresholds are those of an invented product.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct SpectralProfile {
    /// The actual amplification of each gain over its nominal multiplier, from 0.5x to 512x; `None`
    /// for a device that was not measured.
    ///
    /// Counts are divided by it. On recorded data, dividing by the table that ams publishes brings
    /// two gains of one device together. Multiplying, as in the worked example of that table,
    /// drives them apart.
    pub gain_correction: Option<[f64; 11]>,
    /// The white reference of the station, if one was measured.
    pub white_reference: Option<WhiteReference>,
    /// The device's colour map, if a chart was measured.
    pub color: Option<ColorCalibration>,
    /// The product's target colour, if there is one.
    pub color_target: Option<ColorTarget>,
    /// The reference spectra of the product, if trays of it were measured.
    pub reference: Option<ProductReference>,
    /// The specification of L*, if fat is specified to be pale; needs a colour map.
    pub lightness: Option<Desirability>,
    /// The reference values of the oxidation ratio. `None` for a product without blood pigment,
    /// which has no oxidation index.
    pub anchors: Option<Anchors>,
    /// The specification of the oxidation index for a fresh product; needs `anchors`. If `None`,
    /// only the colour decides the freshness.
    pub oxidation: Option<Desirability>,
    /// The specification of the carotenoid difference A(480) − A(515). If `None`, it is not part of
    /// the fat quality.
    pub carotenoid: Option<Desirability>,
    /// The specification of the haemoglobin difference A(555) − A(680), which is low in good fat.
    /// If `None`, it is not part of the fat quality.
    pub heme: Option<Desirability>,
    /// The oxidation index from which the product counts as oxidised, which is a defect; needs
    /// `anchors`. If `None`, oxidation is never a defect.
    pub max_oxidation: Option<f64>,
    /// The haemoglobin difference A(555) − A(680) from which the product has a blood spot. If
    /// `None`, neither blood nor bile is ever a defect.
    pub max_heme: Option<f64>,
    /// The variance of a count per count at the highest gain (512). At a lower gain a count stands
    /// for more photons, and its variance is lower in proportion.
    ///
    /// Recordings of still light by three sensors at gains 32 to 512 show 0.0004 to 0.0035.
    pub shot_noise: f64,
    /// The standard deviation of a count in the dark.
    pub read_noise: f64,
    /// The weight of each part.
    pub weights: SpectralWeights,
    /// The lowest score of each grade for this sensor alone. If `None`, the scale of the whole
    /// profile is used; if given, it must equal that scale.
    ///
    /// An analyser outside of a whole profile grades by [`GradeScale::default`] if this is `None`.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub scale: Option<GradeScale>,
}

impl SpectralProfile {
    /// Checks every number of the profile.
    ///
    /// # Errors
    ///
    /// [`InvalidProfile`] names the first field that is wrong, with its value and the values that
    /// would be valid.
    #[expect(clippy::too_many_lines, reason = "one check for each field")]
    pub fn check(&self) -> Result<(), InvalidProfile> {
        for factor in self.gain_correction.into_iter().flatten() {
            number("spectral.gain_correction", factor, POSITIVE)?;
        }
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
            number("spectral.color_target.max_delta_e00", target.max_delta_e00, POSITIVE)?;
        }
        if let Some(reference) = &self.reference {
            reference.check()?;
        }
        if let Some(lightness) = &self.lightness {
            specification("spectral.lightness", lightness)?;
        }
        if let Some(anchors) = &self.anchors {
            let span = anchors.oxidation_full - anchors.oxidation_fresh;
            number("spectral.anchors.oxidation_full (above oxidation_fresh)", span, POSITIVE)?;
        }
        let indices = [
            ("spectral.oxidation", &self.oxidation),
            ("spectral.carotenoid", &self.carotenoid),
            ("spectral.heme", &self.heme),
        ];
        for (field, index) in indices {
            if let Some(index) = index {
                specification(field, index)?;
            }
        }
        number("spectral.max_oxidation", self.max_oxidation.unwrap_or(1.0), POSITIVE)?;
        number("spectral.max_heme", self.max_heme.unwrap_or(1.0), POSITIVE)?;
        number("spectral.shot_noise", self.shot_noise, POSITIVE)?;
        number("spectral.read_noise", self.read_noise, NOT_NEGATIVE)?;
        let SpectralWeights { freshness, fat, oxidation, uniformity, color } = self.weights;
        number("spectral.weights.freshness", freshness, NOT_NEGATIVE)?;
        number("spectral.weights.fat", fat, NOT_NEGATIVE)?;
        number("spectral.weights.oxidation", oxidation, NOT_NEGATIVE)?;
        number("spectral.weights.uniformity", uniformity, NOT_NEGATIVE)?;
        number("spectral.weights.color", color, NOT_NEGATIVE)?;
        let measures_oxidation = self.anchors.is_some();
        let anchored = |field, given| needed(field, given, "spectral.anchors", measures_oxidation);
        anchored("spectral.oxidation", self.oxidation.is_some())?;
        anchored("spectral.max_oxidation", self.max_oxidation.is_some())?;
        anchored("spectral.weights.oxidation", oxidation > 0.0)?;
        let rates_freshness = self.oxidation.is_some() || self.color_target.is_some();
        let needs = "spectral.oxidation or spectral.color_target";
        needed("spectral.weights.freshness", freshness > 0.0, needs, rates_freshness)?;
        let rates_fat = self.carotenoid.is_some() || self.heme.is_some() || self.lightness.is_some();
        let needs = "spectral.carotenoid, spectral.heme or spectral.lightness";
        needed("spectral.weights.fat", fat > 0.0, needs, rates_fat)?;
        number("spectral.weights (their sum without uniformity)", freshness + fat + oxidation + color, POSITIVE)
    }

    /// A complete profile of an invented product at an invented station, with a white reference.
    ///
    /// It is meant for examples and tests. A plant writes its own profile.
    #[must_use]
    pub fn example() -> Self {
        Self {
            gain_correction: None,
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
                max_delta_e00: 9.0,
            }),
            reference: None,
            lightness: Some(Desirability::Larger { at: 60.0, width: 3.0 }),
            anchors: Some(Anchors { oxidation_fresh: 0.03, oxidation_full: 0.55, measured: true }),
            oxidation: Some(Desirability::Smaller { at: 0.45, width: 0.12 }),
            carotenoid: Some(Desirability::Target { lo: 0.02, hi: 0.20, width: 0.02 }),
            heme: Some(Desirability::Smaller { at: 0.50, width: 0.08 }),
            max_oxidation: Some(0.60),
            max_heme: Some(0.55),
            shot_noise: 0.004,
            read_noise: 0.6,
            weights: SpectralWeights { freshness: 0.30, fat: 0.25, oxidation: 0.20, uniformity: 0.10, color: 0.15 },
            scale: Some(GradeScale::default()),
        }
    }
}
