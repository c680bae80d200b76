//! Defects of shape: missing product, overfill, tilt, zones that could not be read, and dents and bumps of the product's own surface.

use sqal_core::{
    Defect, DefectExtent, DefectKind, Defects, Measured, Score, Severity, TofFindings, ZoneSet, gravest_first,
    normal_cdf,
};

use super::outliers::{self, Blob};
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
        // At most four blobs and four other kinds: the list cannot be full here.
        let _ = defects.try_push(Defect::new(kind, severity, zones, Score::nearest(probability)));
    };

    // More than a fifth of the tray unseen: whatever is said of the rest, it is not said of this tray.
    let unseen = tray.len() - valid_in(zones, tray);
    if unseen * 5 > tray.len() {
        let blind = ZoneSet::from_fn(|zone| tray.contains(zone) && !zones.valid.contains(zone));
        add(DefectKind::InvalidZones, Severity::Major, blind, 1.0);
    }
    if let Some(surface) = surface {
        let measured = |zone: usize| surface.known.contains(zone) && zones.valid.contains(zone);
        let empty = ZoneSet::from_fn(|zone| measured(zone) && surface.height_mm[zone] < profile.min_product_mm);
        if empty.len() >= 2 {
            let whole = empty.len() * 2 > tray.len();
            let severity = if whole { Severity::Critical } else { Severity::Major };
            // Two zones make the defect, so it is as certain as the second of them.
            let certainty =
                second_largest(empty.iter().map(|zone| certainty_below(surface, zone, profile.min_product_mm)));
            add(DefectKind::MissingProduct, severity, empty, certainty);
        }
        // The highest of n noisy zones is high by chance: a zone counts only if it would be remarkable among all of them (Šidák).
        let n = f64::from(surface.known.len().max(1));
        let over = |zone: usize| libm::pow(1.0 - certainty_below(surface, zone, profile.max_height_mm), n);
        let high = ZoneSet::from_fn(|zone| measured(zone) && over(zone) > 0.5);
        if !high.is_empty() {
            add(DefectKind::Overfill, Severity::Major, high, high.iter().map(over).fold(0.0, f64::max));
        }
    }
    if let Some(tilt) = findings.tilt_deg.filter(|tilt| tilt.value() > profile.max_tilt_deg) {
        let product = surface.map_or_else(ZoneSet::default, |s| s.product);
        add(DefectKind::Tilt, Severity::Minor, product, probability_above(tilt, profile.max_tilt_deg));
    }
    for blob in surface.map(outliers::find).unwrap_or_default() {
        let depth = blob.depth_mm.abs();
        if depth < profile.minor_depth_mm {
            continue;
        }
        let kind = if blob.depth_mm < 0.0 { DefectKind::Dent } else { DefectKind::Bump };
        let severity = if depth < profile.major_depth_mm { Severity::Minor } else { Severity::Major };
        let Blob { zones, area_mm2, depth_mm, volume_mm3, probability } = blob;
        let extent = Some(DefectExtent { area_mm2, depth_mm, volume_mm3 });
        let _ = defects.try_push(Defect { extent, ..Defect::new(kind, severity, zones, Score::nearest(probability)) });
    }
    gravest_first(&mut defects);
    defects
}

/// The second largest of some numbers, 0 if there are fewer than two.
fn second_largest(numbers: impl Iterator<Item = f64>) -> f64 {
    let keep = |(first, second): (f64, f64), x: f64| if x > first { (x, first) } else { (first, second.max(x)) };
    numbers.fold((0.0, 0.0), keep).1
}

/// The probability that a zone's true height is below a limit.
fn certainty_below(surface: &Surface, zone: usize, limit_mm: f64) -> f64 {
    let u = libm::hypot(surface.sigma_mm[zone], surface.u_common_mm).max(1e-9);
    normal_cdf((limit_mm - surface.height_mm[zone]) / u)
}

fn probability_above(x: Measured, limit: f64) -> f64 {
    normal_cdf((x.value() - limit) / x.u().max(1e-9))
}
