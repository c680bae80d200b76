//! Areal parameters and plane fits against other programs and closed forms.
//!
//! The programs are surfalize, Gwyddion and scikit-learn.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use serde_json::Value;
use sqal_core::{Grid, findings::ArealParameters};
use sqal_sensors::{
    moments::Moments,
    robust::{Plane, Point},
    tof::{areal_parameters, levelled},
};

const PITCH_MM: f64 = 10.0;

fn close(what: &str, ours: f64, theirs: &Value, scale: f64) {
    let theirs = theirs.as_f64().unwrap_or_else(|| panic!("{what}: no figure"));
    assert!((ours - theirs).abs() <= 1e-12 * scale.max(theirs.abs()), "{what}: {ours}, peer says {theirs}");
}

fn grid(z: &[Value]) -> Grid<Option<f64>> {
    let flat: Vec<f64> = z
        .iter()
        .flat_map(|row| row.as_array().cloned().unwrap_or_else(|| vec![row.clone()]))
        .map(|v| v.as_f64().unwrap())
        .collect();
    assert_eq!(flat.len(), 64);
    Grid::from_fn(|zone| Some(flat[zone]))
}

/// All cases agree with the peers to 1e-12 of the figure, or of the map's own size if the figure is
/// a small difference.
#[test]
fn all_120_height_maps_agree_with_surfalize_gwyddion_and_scikit_learn() {
    let all: Value = serde_json::from_str(fixtures::HEIGHT_MAPS).unwrap();
    let cases = all["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 120);
    for case in cases {
        let heights = grid(case["z"].as_array().unwrap());
        let (id, out) = (case["id"].as_u64().unwrap(), &case["out"]);
        let raw = areal_parameters(&heights, PITCH_MM, PITCH_MM).unwrap();
        let flat = areal_parameters(&levelled(&heights, PITCH_MM, PITCH_MM).unwrap(), PITCH_MM, PITCH_MM).unwrap();
        let size = raw.sz;
        for (ours, peer) in [(&raw, "surfalize_raw"), (&flat, "surfalize_levelled")] {
            let their = |name: &str| &out[peer][name];
            let what = |name: &str| format!("case {id}, {peer}.{name}");
            close(&what("Sa"), ours.sa, their("Sa"), size);
            close(&what("Sq"), ours.sq, their("Sq"), size);
            close(&what("Sp"), ours.sp, their("Sp"), size);
            close(&what("Sv"), ours.sv, their("Sv"), size);
            close(&what("Sz"), ours.sz, their("Sz"), size);
            close(&what("Ssk"), ours.ssk.unwrap(), their("Ssk"), 10.0);
            close(&what("Sku"), ours.sku.unwrap(), their("Sku"), 10.0);
            close(&what("Sdq"), ours.sdq.unwrap(), their("Sdq"), 1.0);
            close(&what("Sdr"), ours.sdr.unwrap() * 100.0, their("Sdr_pct"), 100.0);
        }
        let gwyddion = &out["gwyddion"];
        close(&format!("case {id}, Gwyddion Sq"), raw.sq, &gwyddion["Sq"], size);
        close(&format!("case {id}, Gwyddion levelled Sa"), flat.sa, &gwyddion["lev_Sa"], size);
        close(&format!("case {id}, Gwyddion Sku"), raw.sku.unwrap() - 3.0, &gwyddion["Sku_excess"], 10.0);
        let moments = Moments::of(heights.iter().copied().flatten()).unwrap();
        close(&format!("case {id}, mean"), moments.mean, &out["numpy"]["mean"], 1.0);
        close(&format!("case {id}, sample sd"), moments.sample_sd(), &out["numpy"]["sd_sample"], size);

        let place = |k: usize| f64::from(u8::try_from(k).unwrap()) * PITCH_MM;
        let points = (0..64).map(|zone| Point { x: place(zone % 8), y: place(zone / 8), z: heights[zone].unwrap() });
        let plane = Plane::least_squares(points).unwrap();
        let theirs = &out["sklearn_ols_plane"];
        close(&format!("case {id}, plane slope x"), plane.b, &theirs["bx"], 1.0);
        close(&format!("case {id}, plane slope y"), plane.c, &theirs["by"], 1.0);
        close(&format!("case {id}, plane height"), plane.a, &theirs["c"], size);
        close(&format!("case {id}, levelled Sq"), flat.sq, &theirs["Sq_levelled"], size);
    }
}

#[test]
fn all_13_analytic_surfaces_have_their_exact_parameters() {
    let all: Value = serde_json::from_str(fixtures::ANALYTIC_SURFACES).unwrap();
    let surfaces = all["surfaces"].as_array().unwrap();
    assert_eq!(surfaces.len(), 13);
    for surface in surfaces {
        let (name, exact) = (surface["name"].as_str().unwrap(), &surface["grid8x8"]);
        let ours = areal_parameters(&grid(exact["z"].as_array().unwrap()), PITCH_MM, PITCH_MM).unwrap();
        let figures = [("Sa", ours.sa), ("Sq", ours.sq), ("Sp", ours.sp), ("Sz", ours.sz)];
        for (parameter, value) in figures {
            close(&format!("{name}.{parameter}"), value, &exact[parameter], 1.0);
        }
        close(&format!("{name}.Sv"), ours.sv, &exact["Sv"].as_f64().map(f64::abs).into(), 1.0);
        for (parameter, value) in [("Ssk", ours.ssk), ("Sku", ours.sku)] {
            match value {
                Some(value) => close(&format!("{name}.{parameter}"), value, &exact[parameter], 10.0),
                None => assert!(exact[parameter].is_null(), "{name}.{parameter}"),
            }
        }
    }
}

fn heights() -> impl Strategy<Value = Grid<Option<f64>>> {
    prop::collection::vec(prop::option::weighted(0.8, -50.0..50.0_f64), 64).prop_map(|z| Grid::from_fn(|zone| z[zone]))
}

fn finite(p: &ArealParameters) -> bool {
    let options = [p.ssk, p.sku, p.sdq, p.sdr];
    [p.sa, p.sq, p.sp, p.sv, p.sz].iter().all(|v| v.is_finite() && *v >= 0.0)
        && options.iter().flatten().all(|v| v.is_finite())
}

proptest! {
    #[test]
    fn missing_zones_never_make_nan_and_the_order_of_the_parameters_holds(heights in heights()) {
        if let Some(p) = areal_parameters(&heights, PITCH_MM, 8.0) {
            prop_assert!(finite(&p));
            prop_assert!(p.sa <= p.sq + 1e-9 && p.sq <= p.sp.max(p.sv) + 1e-9);
            // Kurtosis is at least skewness squared plus one (Pearson 1916).
            if let (Some(ssk), Some(sku)) = (p.ssk, p.sku) {
                prop_assert!(sku >= ssk.mul_add(ssk, 1.0) - 1e-6);
            }
        }
    }

    #[test]
    fn an_offset_changes_nothing_and_a_plane_nothing_after_levelling(heights in heights(), a in -99.0..99.0_f64, b in -1.0..1.0_f64) {
        let moved = Grid::from_fn(|zone| heights[zone].map(|z| (b * f64::from(u8::try_from(zone % 8).unwrap())).mul_add(PITCH_MM, z + a)));
        let (Some(before), Some(after)) = (levelled(&heights, PITCH_MM, PITCH_MM), levelled(&moved, PITCH_MM, PITCH_MM)) else {
            return Ok(());
        };
        let of = |g: &Grid<Option<f64>>| areal_parameters(g, PITCH_MM, PITCH_MM).unwrap();
        prop_assert!((of(&before).sq - of(&after).sq).abs() < 1e-8);
        prop_assert!((of(&before).sz - of(&after).sz).abs() < 1e-8);
    }
}
