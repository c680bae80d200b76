//! Defects of colour that a threshold decides: oxidation, saturation, too little light.

use sqal_core::{
    AdcStatus, Channel, Defect, DefectKind, Defects, Flag, Flags, Score, Severity, SpectralFindings, Spectrum, ZoneSet,
    normal_cdf,
};

use crate::SpectralProfile;

/// The defects, gravest first.
pub(super) fn find(
    spectrum: &Spectrum,
    findings: &SpectralFindings,
    flags: Flags,
    profile: &SpectralProfile,
) -> Defects {
    let mut defects = Defects::new();
    let mut add = |kind, severity, probability: f64| {
        let defect = Defect::new(kind, severity, ZoneSet::default(), Score::nearest(probability));
        // Fewer kinds than places: the list cannot be full here.
        let _ = defects.try_push(defect);
    };
    if let Some(oxidation) = findings.oxidation_index.filter(|o| o.value() > profile.max_oxidation) {
        let probability = normal_cdf((oxidation.value() - profile.max_oxidation) / oxidation.u().max(1e-9));
        add(DefectKind::Oxidation, Severity::Major, probability);
    }
    let full = Channel::ALL[..8].iter().any(|band| findings.basic_counts[band.index()].is_none());
    if full || flags.contains(Flag::AnalogSaturation) || spectrum.adc_status() == AdcStatus::DigitalSaturation {
        add(DefectKind::Saturation, Severity::Major, 1.0);
    }
    // Fewer than 50 counts in half of the bands: the reading is of darkness.
    let dark = Channel::ALL[..8].iter().filter(|band| spectrum.counts(**band) < 50.0).count();
    if dark >= 4 {
        add(DefectKind::LowSignal, Severity::Major, 1.0);
    }
    defects
}
