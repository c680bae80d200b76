//! [`TofProfile`]: the settings of the time-of-flight analysis for a product and its station.

use sqal_core::{Grid, defect::ZoneSet, grade::GradeScale};

use super::{InvalidProfile, Mount, NOT_NEGATIVE, POSITIVE, number, specification};
use crate::Desirability;

/// The source of the distance of the tray's floor.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields, rename_all = "snake_case"))]
#[expect(clippy::large_enum_variant, reason = "one per profile, and there is no allocator to box it with")]
pub enum HeightReference {
    /// A flat floor at one distance, from a calibration with the empty tray.
    Flat {
        /// The perpendicular distance of the floor in mm.
        distance_mm: f64,
        /// The standard uncertainty of that distance in mm.
        u_mm: f64,
    },
    /// The mean of empty-tray frames, zone by zone, in the mounted orientation (see [`Mount`]).
    Map {
        /// The perpendicular distance of the floor in mm, for each zone.
        distance_mm: Grid<f64>,
        /// The standard uncertainty of these distances in mm.
        u_mm: f64,
    },
    /// A robust plane through the frame's own rim, the 28 outermost zones, which must lie outside
    /// the tray.
    Rim {
        /// The distance of the tray's floor below the surface that the rim zones measure, in mm.
        floor_below_mm: f64,
        /// The standard uncertainty of the plane in mm.
        u_mm: f64,
    },
    /// Unknown: there are no heights and no volume.
    None,
}

/// The place of the product in the view of the mounted sensor (see [`Mount`]): a tray, or the floor
/// for a free-standing product.
///
/// It begins as [`Tray::free_standing`], or as the tray of [`TofProfile::example`]; its fields are
/// then set.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct Tray {
    /// The inner area of the tray in mm². `None` for a free-standing product without a tray, whose
    /// volume is the sum over its zones.
    pub area_mm2: Option<f64>,
    /// The standard uncertainty of the area in mm².
    pub u_area_mm2: f64,
    /// The first and last row (0 to 7) that lie wholly within the tray.
    ///
    /// Without a tray (`area_mm2` is `None`), they enclose all zones in which the product may
    /// stand, with the floor beside it: `[0, 7]` if it may stand anywhere in view.
    pub rows: [u8; 2],
    /// The first and last column (0 to 7) that lie wholly within the tray.
    ///
    /// Without a tray (`area_mm2` is `None`), they enclose all zones in which the product may
    /// stand, with the floor beside it: `[0, 7]` if it may stand anywhere in view.
    pub columns: [u8; 2],
}

impl Tray {
    /// No tray: the product stands free, anywhere in view.
    ///
    /// ```
    /// use sqal_sensors::Tray;
    ///
    /// let mut tray = Tray::free_standing();
    /// tray.area_mm2 = Some(9_000.0);
    /// (tray.rows, tray.columns) = ([1, 6], [2, 5]);
    /// assert_eq!(tray.zones().len(), 24);
    /// ```
    #[must_use]
    pub const fn free_standing() -> Self {
        Self { area_mm2: None, u_area_mm2: 0.0, rows: [0, 7], columns: [0, 7] }
    }

    /// The zones of the tray; without a tray, the zones in which the product may stand.
    #[must_use]
    pub fn zones(&self) -> ZoneSet {
        let within = |[first, last]: [u8; 2], k: usize| (usize::from(first)..=usize::from(last)).contains(&k);
        ZoneSet::from_fn(|zone| within(self.rows, zone / 8) && within(self.columns, zone % 8))
    }
}

/// The range noise of a device that does not report it: σ = σ₀ √(a₀/a) z/z₀.
///
/// It is complete: these are the constants of the formula.
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

/// The weight of each part in the three-dimensional quality score.
///
/// A part of weight 0 is left out of the score, its absence lowers no coverage, and its
/// specification is not used. At least one weight is positive. Defects are found whatever the
/// weights are. Weights begin as [`TofWeights::NOTHING`], or as those of [`TofProfile::example`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct TofWeights {
    /// The weight of the volume.
    pub volume: f64,
    /// The weight of the mean height.
    pub height: f64,
    /// The weight of the height variation.
    pub variation: f64,
    /// The weight of the mean reflectance.
    pub reflectance: f64,
}

impl TofWeights {
    /// No part is rated: set the weight of each part that is.
    pub const NOTHING: Self = Self { volume: 0.0, height: 0.0, variation: 0.0, reflectance: 0.0 };
}

/// The standard uncertainty in mm of the absolute distance without a calibration on site. The
/// datasheet states ±12 mm at 2.7σ (DS14161, 8x8, 20 to 200 mm).
pub const U_SYSTEMATIC_UNCALIBRATED_MM: f64 = 4.4;

#[cfg(feature = "serde")]
const fn uncalibrated() -> f64 {
    U_SYSTEMATIC_UNCALIBRATED_MM
}

/// All settings of the time-of-flight analysis for a product and its station.
///
/// A plant reads its profile from a file, in which every threshold is stated. A program begins with
/// [`TofProfile::example`] and sets the fields: the example's thresholds are those of an invented
/// product.
///
/// ```
/// use sqal_sensors::{TofAnalyzer, TofProfile};
///
/// let mut profile = TofProfile::example();
/// profile.max_tilt_deg = 3.0;
/// assert!(TofAnalyzer::new(profile).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct TofProfile {
    /// The tray.
    pub tray: Tray,
    /// The distance of the tray's floor.
    pub reference: HeightReference,
    /// The orientation of the sensor; not turned if the profile does not state it.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "super::mount::is_default"))]
    pub mount: Mount,
    /// The standard uncertainty in mm that all distances share (offset, temperature).
    ///
    /// [`U_SYSTEMATIC_UNCALIBRATED_MM`] if the profile does not state it; 1 mm is usual after a
    /// calibration on site.
    #[cfg_attr(feature = "serde", serde(default = "uncalibrated"))]
    pub u_systematic_mm: f64,
    /// The depth below the surface at which the light is reflected, in mm; measured once on the
    /// product with a ruler.
    pub penetration_bias_mm: f64,
    /// The standard uncertainty of that bias in mm.
    pub u_penetration_mm: f64,
    /// The noise of a zone whose device does not report it.
    pub noise: NoiseModel,
    /// The range noise in mm above which a zone is invalid.
    pub max_sigma_mm: f64,
    /// The signal in kcps per SPAD below which a zone is invalid; 0 for a sensor that reports none.
    pub min_amplitude_kcps: f64,
    /// The height in mm from which a zone counts as product.
    pub min_product_mm: f64,
    /// The height in mm above which a product overfills the tray.
    pub max_height_mm: f64,
    /// The inclination of the surface in degrees from which it is a defect.
    pub max_tilt_deg: f64,
    /// The depth or height in mm from which a dent or bump is a defect.
    pub minor_depth_mm: f64,
    /// The depth or height in mm from which a dent or bump is a major defect.
    pub major_depth_mm: f64,
    /// The contrast to the product around it, in percent of reflectance, from which a brighter or
    /// darker spot is a defect.
    pub minor_spot_percent: f64,
    /// The contrast, in percent of reflectance, from which a brighter or darker spot is a major
    /// defect.
    pub major_spot_percent: f64,
    /// The standard deviation of one zone's reflectance on an even target, in percent of
    /// reflectance.
    pub reflectance_noise_percent: f64,
    /// The noise-corrected coefficient of variation at which the uniformity of the reflectance has
    /// fallen to e^(-1/2).
    pub reflectance_uniformity_scale: f64,
    /// The width in mm of an opaque target's return in a histogram, to which broadening is
    /// compared; `None` if it was never measured.
    pub pulse_width_mm: Option<f64>,
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
    /// The weight of each part.
    pub weights: TofWeights,
    /// The lowest score of each grade for this sensor alone. If `None`, the scale of the whole
    /// profile is used; if given, it must equal that scale.
    ///
    /// An analyser outside of a whole profile grades by [`GradeScale::default`] if this is `None`.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub scale: Option<GradeScale>,
}

impl TofProfile {
    /// Checks every number of the profile.
    ///
    /// # Errors
    ///
    /// [`InvalidProfile`] names the first field that is wrong, with its value and the values that
    /// would be valid.
    #[expect(clippy::too_many_lines, reason = "one check for each field")]
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
        number("tof.tray.area_mm2", self.tray.area_mm2.unwrap_or(1.0), POSITIVE)?;
        number("tof.tray.u_area_mm2", self.tray.u_area_mm2, NOT_NEGATIVE)?;
        number("tof.u_systematic_mm", self.u_systematic_mm, NOT_NEGATIVE)?;
        number("tof.penetration_bias_mm", self.penetration_bias_mm, NOT_NEGATIVE)?;
        number("tof.u_penetration_mm", self.u_penetration_mm, NOT_NEGATIVE)?;
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
        number("tof.minor_spot_percent", self.minor_spot_percent, POSITIVE)?;
        let above_minor = self.major_spot_percent - self.minor_spot_percent;
        number("tof.major_spot_percent (at least minor_spot_percent)", above_minor, NOT_NEGATIVE)?;
        number("tof.reflectance_noise_percent", self.reflectance_noise_percent, NOT_NEGATIVE)?;
        number("tof.reflectance_uniformity_scale", self.reflectance_uniformity_scale, POSITIVE)?;
        number("tof.pulse_width_mm", self.pulse_width_mm.unwrap_or(1.0), POSITIVE)?;
        number("tof.uniformity_scale_mm", self.uniformity_scale_mm, POSITIVE)?;
        specification("tof.volume_mm3", &self.volume_mm3)?;
        specification("tof.height_mm", &self.height_mm)?;
        specification("tof.variation_mm", &self.variation_mm)?;
        specification("tof.reflectance_percent", &self.reflectance_percent)?;
        let TofWeights { volume, height, variation, reflectance } = self.weights;
        number("tof.weights.volume", volume, NOT_NEGATIVE)?;
        number("tof.weights.height", height, NOT_NEGATIVE)?;
        number("tof.weights.variation", variation, NOT_NEGATIVE)?;
        number("tof.weights.reflectance", reflectance, NOT_NEGATIVE)?;
        number("tof.weights (their sum)", volume + height + variation + reflectance, POSITIVE)
    }

    /// A complete profile of an invented product: a 90 x 70 mm tray, 150 mm below the sensor, to be
    /// filled 20 mm high.
    ///
    /// It is meant for examples and tests. A plant writes its own profile.
    #[must_use]
    pub fn example() -> Self {
        Self {
            tray: Tray { area_mm2: Some(6300.0), u_area_mm2: 30.0, rows: [2, 5], columns: [1, 6] },
            reference: HeightReference::Flat { distance_mm: 150.0, u_mm: 0.3 },
            mount: Mount::default(),
            u_systematic_mm: 1.0,
            penetration_bias_mm: 0.0,
            u_penetration_mm: 0.0,
            noise: NoiseModel { sigma_mm: 2.0, amplitude_kcps: 900.0, distance_mm: 150.0 },
            max_sigma_mm: 15.0,
            min_amplitude_kcps: 5.0,
            min_product_mm: 2.0,
            max_height_mm: 30.0,
            max_tilt_deg: 5.0,
            minor_depth_mm: 3.0,
            major_depth_mm: 6.0,
            minor_spot_percent: 8.0,
            major_spot_percent: 20.0,
            reflectance_noise_percent: 1.5,
            reflectance_uniformity_scale: 0.15,
            pulse_width_mm: Some(375.0),
            uniformity_scale_mm: 2.0,
            volume_mm3: Desirability::Target { lo: 100_000.0, hi: 152_000.0, width: 5_000.0 },
            height_mm: Desirability::Target { lo: 15.0, hi: 25.0, width: 1.0 },
            variation_mm: Desirability::Smaller { at: 3.5, width: 0.6 },
            reflectance_percent: Desirability::Target { lo: 25.0, hi: 65.0, width: 5.0 },
            weights: TofWeights { volume: 0.35, height: 0.20, variation: 0.25, reflectance: 0.20 },
            scale: Some(GradeScale::default()),
        }
    }
}
