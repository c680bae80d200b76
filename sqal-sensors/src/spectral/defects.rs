//! Defects of colour: oxidation, discoloration, blood, bile, foreign spectra, and bad exposure.
//!
//! Bad exposure is a reading with too much or too little light.

use sqal_core::{
    Channel, Defect, DefectKind, Defects, Flag, Flags, Measured, Score, SpectralFindings, Spectrum,
    defect::{Severity, ZoneSet},
    normal::normal_cdf,
    spectrum::AdcStatus,
};

use crate::SpectralProfile;

/// The probability below which a spectrum does not count as one of the product.
pub(super) const FOREIGN: f64 = 0.001;

/// The hues of bile in degrees: yellow-green.
const BILE_HUES: core::ops::RangeInclusive<f64> = 95.0..=140.0;

/// The defects, gravest first. Oxidation and blood are defects only if the profile limits them, and
/// bile only if it limits blood.
pub(super) fn find(
    spectrum: &Spectrum,
    findings: &SpectralFindings,
    heme: Option<Measured>,
    flags: Flags,
    profile: &SpectralProfile,
) -> Defects {
    let mut defects = Defects::new();
    let mut add = |kind, severity, probability: f64| {
        let defect = Defect::new(kind, severity, ZoneSet::default(), Score::nearest(probability));
        // There are fewer kinds of defects than places, so the list cannot be full here.
        let _ = defects.try_push(defect);
    };
    let above = |x: Option<Measured>, limit: Option<f64>| {
        let limit = limit?;
        let x = x.filter(|x| x.value() > limit)?;
        Some(normal_cdf((x.value() - limit) / x.u().max(1e-9)))
    };
    if let Some(probability) = above(findings.oxidation_index, profile.max_oxidation) {
        add(DefectKind::Oxidation, Severity::Major, probability);
    }
    if let Some(probability) = above(heme, profile.max_heme) {
        add(DefectKind::BloodSpot, Severity::Major, probability);
    }
    let distance = findings.color.and_then(|color| color.delta_e00);
    let limit = profile.color_target.as_ref().map(|target| target.max_delta_e00);
    if let Some(probability) = above(distance, limit) {
        add(DefectKind::Discoloration, Severity::Major, probability);
    }
    if let Some(outlier) = findings.outlier.filter(|outlier| outlier.p < FOREIGN) {
        add(DefectKind::SpectralOutOfDistribution, Severity::Major, 1.0 - outlier.p);
        let hue = findings.color.and_then(|color| color.hue_deg);
        // Bile occurs in animals' organs only: a cheese of that hue is not stained.
        if let Some(hue) = hue.filter(|hue| profile.max_heme.is_some() && BILE_HUES.contains(&hue.value())) {
            let within = |limit: f64| normal_cdf((limit - hue.value()) / hue.u().max(1e-9));
            add(DefectKind::BileStain, Severity::Major, within(*BILE_HUES.end()) - within(*BILE_HUES.start()));
        }
    }
    let full = Channel::ALL[..8].iter().any(|band| findings.basic_counts[band.index()].is_none());
    if full || flags.contains(Flag::AnalogSaturation) || spectrum.adc_status() == AdcStatus::DigitalSaturation {
        add(DefectKind::Saturation, Severity::Major, 1.0);
    }
    // If half of the bands have fewer than 50 counts, the reading is of darkness.
    let dark = Channel::ALL[..8].iter().filter(|band| spectrum.counts(**band) < 50.0).count();
    if dark >= 4 {
        add(DefectKind::LowSignal, Severity::Major, 1.0);
    }
    defects
}
