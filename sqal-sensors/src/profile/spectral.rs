//! What the spectral analysis takes from a product and its station.

use sqal_core::{GradeScale, Lab};

use super::{InvalidProfile, NOT_NEGATIVE, POSITIVE, needed, number, specification};
use crate::{ColorCalibration, Desirability, ProductReference};

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
    /// The CIEDE2000 difference from which the product is discoloured.
    pub max_delta_e00: f64,
}

/// What each part counts in the spectral quality score.
///
/// A weight of 0 leaves a part out: it is not in the score, and its absence lowers no coverage. At least one weight of a part that a single reading
/// can give (all but the uniformity) is positive. Defects are found whatever the weights are.
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
///
/// The indices of blood pigment and of fat are those of liver and other meat. A product without them leaves them out: what is `None` (absent or
/// null in a file) is not measured, not rated and never a defect, and no weight may ask for it.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct SpectralProfile {
    /// How much each gain of the device exceeds its nominal multiplier, from 0.5x to 512x; `None` for a device that was not measured.
    ///
    /// Counts are divided by it: on recorded data the table that ams publishes brings two gains of one device together so, and drives
    /// them apart when multiplied (which is what the worked example of that table does).
    pub gain_correction: Option<[f64; 11]>,
    /// The white reference of the station, if one was taken.
    pub white_reference: Option<WhiteReference>,
    /// The device's colour map, if a chart was measured.
    pub color: Option<ColorCalibration>,
    /// The product's target colour, if there is one.
    pub color_target: Option<ColorTarget>,
    /// What the product's spectra look like, if trays of it were measured.
    pub reference: Option<ProductReference>,
    /// The specification of L*, if pale fat is wanted; needs a colour map.
    pub lightness: Option<Desirability>,
    /// What the oxidation ratio means; `None` for a product without blood pigment, which has no oxidation index.
    pub anchors: Option<Anchors>,
    /// The specification of the oxidation index for a fresh product; needs `anchors`. If `None`, freshness rests on the colour alone.
    pub oxidation: Option<Desirability>,
    /// The specification of the carotenoid difference A(480) − A(515); if `None`, it is no part of the fat quality.
    pub carotenoid: Option<Desirability>,
    /// The specification of the haemoglobin difference A(555) − A(680): little blood in good fat; if `None`, it is no part of the fat quality.
    pub heme: Option<Desirability>,
    /// The oxidation index from which it is a defect; needs `anchors`. If `None`, oxidation is never a defect.
    pub max_oxidation: Option<f64>,
    /// The haemoglobin difference A(555) − A(680) from which it is a blood spot; if `None`, neither blood nor bile is ever a defect.
    pub max_heme: Option<f64>,
    /// The variance of a count per count at the highest gain (512); at a lower gain a count stands for more photons, and scatters less by as much.
    ///
    /// Recordings of still light by three sensors at gains 32 to 512 show 0.0004 to 0.0035.
    pub shot_noise: f64,
    /// The standard deviation of a count in the dark.
    pub read_noise: f64,
    /// What each part counts.
    pub weights: SpectralWeights,
    /// The score at which each grade of this sensor alone begins; if `None`, the scale of the whole profile, which the sensor's own must equal.
    ///
    /// An analyser that belongs to no whole profile then grades by [`GradeScale::default`].
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub scale: Option<GradeScale>,
}

impl SpectralProfile {
    /// Checks every number of the profile.
    ///
    /// # Errors
    ///
    /// [`InvalidProfile`] names the first field that is wrong, with its value and what would be right.
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

    /// A complete profile of an imagined product at an imagined station, with a white reference.
    ///
    /// For examples and tests; a plant writes its own.
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
