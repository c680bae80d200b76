//! [`TofFindings`] and [`SpectralFindings`]: the measured quantities of the documented frame
//! (ING-05, ING-07).

use crate::{Grid, Measured};

/// What the time-of-flight analysis measures; definitions in `docs/measurement.md`.
///
/// An analyser begins with [`TofFindings::UNMEASURED`] and sets what it measured.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct TofFindings {
    /// The number of the 64 zones with a valid distance.
    pub valid_zones: u8,
    /// The height of each valid or imputed zone above the tray's floor, in mm.
    pub height_mm: Option<Grid<Option<f32>>>,
    /// The volume of the product in mm³.
    pub volume_mm3: Option<Measured>,
    /// The mean height of the product in mm.
    pub avg_height_mm: Option<Measured>,
    /// The noise-corrected standard deviation of the height over the product, in mm.
    pub height_variation_mm: Option<Measured>,
    /// 1 for a flat (possibly inclined) surface, towards 0 with roughness.
    pub surface_uniformity: Option<Measured>,
    /// The slope of the product's surface against the tray, in degrees.
    pub tilt_deg: Option<Measured>,
    /// The height parameters of ISO 25178-2 over the product, as it lies.
    pub areal: Option<ArealParameters>,
    /// The height parameters of ISO 25178-2 over the product, with the least-squares plane taken
    /// out.
    pub areal_levelled: Option<ArealParameters>,
    /// The distribution of heights.
    pub bins_analysis: Option<HeightBins>,
    /// The shape of the returned pulses; `None` without histograms.
    pub pulse_analysis: Option<PulseStatistics>,
    /// The distribution of reflectance.
    pub reflectance_analysis: Option<ReflectanceStatistics>,
}

impl TofFindings {
    /// Nothing was measured.
    pub const UNMEASURED: Self = Self {
        valid_zones: 0,
        height_mm: None,
        volume_mm3: None,
        avg_height_mm: None,
        height_variation_mm: None,
        surface_uniformity: None,
        tilt_deg: None,
        areal: None,
        areal_levelled: None,
        bins_analysis: None,
        pulse_analysis: None,
        reflectance_analysis: None,
    };
}

/// The height parameters of ISO 25178-2:2021 from deviations about the mean, in mm; population
/// moments, not corrected for noise.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ArealParameters {
    /// Arithmetical mean height.
    pub sa: f64,
    /// Root mean square height.
    pub sq: f64,
    /// Highest peak.
    pub sp: f64,
    /// Deepest pit, as a positive number.
    pub sv: f64,
    /// Highest peak and deepest pit together.
    pub sz: f64,
    /// Skewness, dimensionless; `None` for a flat surface.
    pub ssk: Option<f64>,
    /// Kurtosis, dimensionless, 3 for a Gaussian surface; `None` for a flat surface.
    pub sku: Option<f64>,
    /// Root mean square gradient, dimensionless; `None` without neighbours in both directions.
    pub sdq: Option<f64>,
    /// Developed interfacial area ratio, dimensionless; `None` without a whole cell.
    pub sdr: Option<f64>,
}

/// Heights over the product, counted in 16 equal bins.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct HeightBins {
    /// Zones per bin; the last bin also holds every higher zone.
    pub counts: [u8; 16],
    /// The width of a bin in mm.
    pub bin_width_mm: f64,
    /// Shannon entropy of the distribution in bits, 0 to 4.
    pub entropy_bits: f64,
    /// The fullest bin (the lowest of several), 0 to 15.
    pub mode: u8,
}

/// Statistics of the device's histograms (CNH) over the whole frame.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PulseStatistics {
    /// The number of groups of zones whose histogram holds a return.
    pub seen: u8,
    /// The share of those groups with more than one return, 0 to 1.
    pub multiple: f64,
    /// The median width of the groups' strongest return at half its height, in mm; `None` where no
    /// return falls to half on both sides.
    pub median_width_mm: Option<f64>,
    /// The median width over the width on an opaque target: above 1 where light comes back from
    /// below the surface.
    pub broadening: Option<f64>,
    /// The median signal-to-noise ratio of the strongest return.
    pub median_snr: f64,
}

/// Reflectance at 940 nm over the valid zones of the tray, in percent.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ReflectanceStatistics {
    /// The mean over the zones, with the standard uncertainty that their noise leaves.
    pub mean: Measured,
    /// The sample standard deviation (n − 1).
    pub sd: f64,
    /// The coefficient of variation; `None` when the mean is 0.
    pub cv: Option<f64>,
    /// The smallest value.
    pub min: f64,
    /// The 5 % quantile (type 7 of Hyndman & Fan 1996, as the two below).
    pub p05: f64,
    /// The median.
    pub median: f64,
    /// The 95 % quantile.
    pub p95: f64,
    /// The largest value.
    pub max: f64,
    /// 1 for an even surface, towards 0 with the noise-corrected coefficient of variation; `None`
    /// when the mean is 0.
    pub uniformity: Option<Measured>,
    /// Moran's I over neighbours that share an edge: near 0 for a random pattern, towards 1 for
    /// patches; `None` for an even surface.
    pub morans_i: Option<f64>,
}

/// What the spectral analysis measures; definitions in `docs/measurement.md`.
///
/// An analyser begins with [`SpectralFindings::UNMEASURED`] and sets what it measured.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct SpectralFindings {
    /// Counts per unit of gain and millisecond, in the order of
    /// [`Channel::ALL`](crate::Channel::ALL); `None` where saturated.
    pub basic_counts: [Option<f64>; 10],
    /// Reflectance against the white reference, 1 = white; `None` without reference or where
    /// saturated.
    pub reflectance: [Option<Measured>; 10],
    /// The least ratio of a band's reading to its own noise over F1 to F8; `None` where a band is
    /// saturated.
    pub snr: Option<f64>,
    /// The reflectance in the near infrared over that of the broad channel; `None` without
    /// reference or where saturated.
    pub nir_to_clear: Option<Measured>,
    /// How far the spectrum lies from those of the product; `None` without a product reference, or
    /// with bands missing.
    pub outlier: Option<OutlierTest>,
    /// The colour; `None` without a colour map, or with bands missing.
    pub color: Option<ColorFindings>,
    /// How well the colour meets the product's target, 0 to 1; `None` without colour or target.
    pub color_score: Option<Measured>,
    /// 0 for fresh colour, 1 for oxidised colour.
    pub oxidation_index: Option<Measured>,
    /// 1 for fresh.
    pub freshness_index: Option<Measured>,
    /// 1 for fat of the right colour; a proxy, because eight visible bands do not measure lipid.
    pub fat_quality_index: Option<Measured>,
    /// 1 for equal colour at several positions; one reading has one position, so it is `None`
    /// there.
    pub color_uniformity: Option<Measured>,
}

impl SpectralFindings {
    /// Nothing was measured.
    pub const UNMEASURED: Self = Self {
        basic_counts: [None; 10],
        reflectance: [None; 10],
        snr: None,
        nir_to_clear: None,
        outlier: None,
        color: None,
        color_score: None,
        oxidation_index: None,
        freshness_index: None,
        fat_quality_index: None,
        color_uniformity: None,
    };
}

/// Hotelling's test of a spectrum against those of the product.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct OutlierTest {
    /// The squared distance from the product's mean absorbances, in units of their covariance and
    /// the reading's own noise.
    pub t2: f64,
    /// The probability that a spectrum of the product lies at least this far from the mean (χ² of 8
    /// degrees of freedom).
    pub p: f64,
}

/// A colour of CIE 1976 under the white of the calibration that made it (D65, 2° unless the profile
/// says otherwise). It is complete: these three coordinates are the colour.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Lab {
    /// Lightness, 0 to 100.
    pub l: f64,
    /// Green (negative) to red.
    pub a: f64,
    /// Blue (negative) to yellow.
    pub b: f64,
}

/// The product's colour through a device's own map; `None` in [`SpectralFindings`] without one.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ColorFindings {
    /// Tristimulus values, white at Y = 100.
    pub xyz: [f64; 3],
    /// L*.
    pub l: Measured,
    /// a*.
    pub a: Measured,
    /// b*.
    pub b: Measured,
    /// C*, the distance from grey.
    pub chroma: Measured,
    /// The hue angle from 0 to 360 degrees; `None` near grey.
    pub hue_deg: Option<Measured>,
    /// The yellowness index of ASTM E313; `None` for black.
    pub yellowness: Option<f64>,
    /// CIEDE2000 to the product's target; `None` without a target.
    pub delta_e00: Option<Measured>,
}
