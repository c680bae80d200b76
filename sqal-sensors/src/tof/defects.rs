//! Defects of shape that a threshold of the profile decides: missing product, overfill, tilt, and zones that could not be read.

use sqal_core::{
    Defect, DefectKind, Defects, Measured, Score, Severity, TofFindings, ZoneSet, gravest_first, normal_cdf,
};

use super::reference::Surface;
use super::validity::{Zones, valid_in};
use crate::TofProfile;

/// The defects, gravest first.
pub(super) fn find(
    findings: &TofFindings,
    zones: &Zones,
    tray: ZoneSet,
    surface: Option<&Surface>,
    profile: &TofProfile,
) -> Defects {
    let mut defects = Defects::new();
    let mut add = |kind, severity, zones, probability: f64| {
        let defect = Defect { kind, severity, zones, probability: Score::nearest(probability) };
        // Fewer kinds than places: the list cannot be full here.
        let _ = defects.try_push(defect);
    };

    // More than a fifth of the tray unseen: whatever is said of the rest, it is not said of this tray.
    let unseen = tray.len() - valid_in(zones, tray);
    if unseen * 5 > tray.len() {
        let blind = ZoneSet::from_fn(|zone| tray.contains(zone) && !zones.valid.contains(zone));
        add(DefectKind::InvalidZones, Severity::Major, blind, 1.0);
    }
    if let Some(surface) = surface {
        let measured = |zone: usize| surface.known.contains(zone) && zones.valid.contains(zone);
        let empty = ZoneSet::from_fn(|zone| measured(zone) && !surface.product.contains(zone));
        if empty.len() >= 2 {
            let whole = empty.len() * 2 > tray.len();
            let severity = if whole { Severity::Critical } else { Severity::Major };
            let highest =
                empty.iter().map(|zone| certainty_below(surface, zone, profile.min_product_mm)).fold(0.0, f64::max);
            // An empty tray is a fact whatever single zones say.
            add(DefectKind::MissingProduct, severity, empty, if whole { 1.0 } else { highest });
        }
        let high = ZoneSet::from_fn(|zone| measured(zone) && surface.height_mm[zone] > profile.max_height_mm);
        if !high.is_empty() {
            let highest =
                high.iter().map(|zone| 1.0 - certainty_below(surface, zone, profile.max_height_mm)).fold(0.0, f64::max);
            add(DefectKind::Overfill, Severity::Major, high, highest);
        }
    }
    if let Some(tilt) = findings.tilt_deg.filter(|tilt| tilt.value() > profile.max_tilt_deg) {
        let product = surface.map_or_else(ZoneSet::default, |s| s.product);
        add(DefectKind::Tilt, Severity::Minor, product, probability_above(tilt, profile.max_tilt_deg));
    }
    gravest_first(&mut defects);
    defects
}

/// The probability that a zone's true height is below a limit.
fn certainty_below(surface: &Surface, zone: usize, limit_mm: f64) -> f64 {
    let u = libm::hypot(surface.sigma_mm[zone], surface.u_common_mm).max(1e-9);
    normal_cdf((limit_mm - surface.height_mm[zone]) / u)
}

fn probability_above(x: Measured, limit: f64) -> f64 {
    normal_cdf((x.value() - limit) / x.u().max(1e-9))
}
