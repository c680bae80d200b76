//! Defects of shape: missing product, gaps, overfill, tilt, unread zones, dents, bumps and spots.
//!
//! Spots are defects of reflectance.

use sqal_core::{
    Defect, DefectKind, Defects, Measured, Score, TofFindings,
    defect::{DefectExtent, Severity, ZoneSet, gravest_first},
    normal::normal_cdf,
};

use super::geometry;
use super::outliers::Blob;
use super::reference::Surface;
use super::validity::{Zones, valid_in};
use crate::TofProfile;

/// The defects, gravest first.
pub(super) fn find(
    findings: &TofFindings,
    zones: &Zones,
    tray: ZoneSet,
    surface: Option<&Surface>,
    dents: &[Blob],
    spots: &[Blob],
    profile: &TofProfile,
) -> Defects {
    let mut defects = Defects::new();
    let mut add = |kind, severity, zones, probability: f64| {
        // There are at most four blobs of each kind and four other kinds, so the list cannot be
        // full here.
        let _ = defects.try_push(Defect::new(kind, severity, zones, Score::nearest(probability)));
    };

    // If more than a fifth of the tray is unseen, the results for the seen part are not valid for
    // the tray.
    let unseen = tray.len() - valid_in(zones, tray);
    if unseen * 5 > tray.len() {
        let blind = tray.without(zones.valid);
        add(DefectKind::InvalidZones, Severity::Major, blind, 1.0);
    }
    if let Some(surface) = surface {
        let measured = surface.known.and(zones.valid);
        let empty = measured.filter(|zone| surface.height_mm[zone] < profile.min_product_mm);
        // Bare floor beside a free-standing product is not missing product. Bare floor that the
        // product encloses is.
        let stands_free = profile.tray.area_mm2.is_none();
        let empty = if stands_free && !surface.product.is_empty() { geometry::enclosed(empty, tray) } else { empty };
        if empty.len() >= 2 {
            let whole = empty.len() * 2 > tray.len() || (stands_free && surface.product.is_empty());
            let only_at_edge =
                !stands_free && empty.len() * 4 < tray.len() && empty.and(geometry::inside(tray)).is_empty();
            let (kind, severity) = match (whole, only_at_edge) {
                (true, _) => (DefectKind::MissingProduct, Severity::Critical),
                (false, true) => (DefectKind::EdgeGap, Severity::Minor),
                (false, false) => (DefectKind::MissingProduct, Severity::Major),
            };
            // The defect needs two zones, so it is as certain as the second of them.
            let certainty =
                second_largest(empty.iter().map(|zone| certainty_below(surface, zone, profile.min_product_mm)));
            add(kind, severity, empty, certainty);
        }
        // The highest of n noisy zones is high by chance. Therefore a zone counts only if it is
        // remarkable among all of them (Šidák). Its height must be above the limit at least, which
        // hardly any tray has, so lower zones are not judged further.
        let n = f64::from(surface.known.len().max(1));
        let over = |zone: usize| libm::pow(1.0 - certainty_below(surface, zone, profile.max_height_mm), n);
        let is_high = |zone: usize| surface.height_mm[zone] >= profile.max_height_mm && over(zone) > 0.5;
        let high = measured.filter(is_high);
        if !high.is_empty() {
            add(DefectKind::Overfill, Severity::Major, high, high.iter().map(over).fold(0.0, f64::max));
        }
    }
    if let Some(tilt) = findings.tilt_deg.filter(|tilt| tilt.value() > profile.max_tilt_deg) {
        let product = surface.map_or_else(ZoneSet::default, |s| s.product);
        add(DefectKind::Tilt, Severity::Minor, product, probability_above(tilt, profile.max_tilt_deg));
    }
    for Blob { zones, area_mm2, depth, volume, probability } in dents {
        if depth.abs() < profile.minor_depth_mm {
            continue;
        }
        let kind = if *depth < 0.0 { DefectKind::Dent } else { DefectKind::Bump };
        let severity = if depth.abs() < profile.major_depth_mm { Severity::Minor } else { Severity::Major };
        let mut defect = Defect::new(kind, severity, *zones, Score::nearest(*probability));
        defect.extent = Some(DefectExtent { area_mm2: *area_mm2, depth_mm: *depth, volume_mm3: *volume });
        let _ = defects.try_push(defect);
    }
    for spot in spots {
        let away = spot.depth.abs();
        if away < profile.minor_spot_percent {
            continue;
        }
        let severity = if away < profile.major_spot_percent { Severity::Minor } else { Severity::Major };
        let probability = Score::nearest(spot.probability);
        let _ = defects.try_push(Defect::new(DefectKind::ReflectanceSpot, severity, spot.zones, probability));
    }
    gravest_first(&mut defects);
    defects
}

/// The second largest of some numbers; 0 if there are fewer than two.
fn second_largest(numbers: impl Iterator<Item = f64>) -> f64 {
    let keep = |(first, second): (f64, f64), x: f64| if x > first { (x, first) } else { (first, second.max(x)) };
    numbers.fold((0.0, 0.0), keep).1
}

/// The probability that a zone's true height is below a limit.
fn certainty_below(surface: &Surface, zone: usize, limit_mm: f64) -> f64 {
    let u = libm::hypot(surface.sigma_mm[zone], surface.u_common_mm()).max(1e-9);
    normal_cdf((limit_mm - surface.height_mm[zone]) / u)
}

fn probability_above(x: Measured, limit: f64) -> f64 {
    normal_cdf((x.value() - limit) / x.u().max(1e-9))
}
