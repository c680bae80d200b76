//! Repeated readings of one quantity against statsmodels and scipy, and their laws.
//!
//! There are 36 cases of each, to 1e-10; intersections are compared to 1e-6.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(
    clippy::cast_precision_loss,
    clippy::suboptimal_flops,
    clippy::float_cmp,
    clippy::needless_range_loop,
    reason = "numbers and formulas as they are printed"
)]

use proptest::prelude::*;
use serde::Deserialize;
use sqal_core::Measured;
use sqal_fusion::{
    CombinedValue, Covariance, Estimate, FusionError, FusionRule, InvalidCovariance, InvalidReplicate, InverseVariance,
    Replicate, covariance_intersection,
};

#[derive(Deserialize)]
struct Peers {
    ivw_birge_random_effects: Rows<Repeated>,
    covariance_intersection_trace: Rows<Intersection>,
}

#[derive(Deserialize)]
struct Rows<T> {
    rows: Vec<T>,
}

#[derive(Deserialize)]
struct Repeated {
    x: Vec<f64>,
    u: Vec<f64>,
    mean_ivw: f64,
    u_internal: f64,
    chi2: f64,
    birge: f64,
    u_birge: f64,
    #[serde(rename = "tau2_DL")]
    tau2_dl: f64,
    #[serde(rename = "mean_DL")]
    mean_dl: f64,
    #[serde(rename = "u_DL")]
    u_dl: Option<f64>,
    #[serde(rename = "tau2_PM")]
    tau2_pm: f64,
    #[serde(rename = "mean_PM")]
    mean_pm: f64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Scalar(f64),
    Matrix(Vec<Vec<f64>>),
    Vector(Vec<f64>),
}

#[derive(Deserialize)]
struct Intersection {
    #[serde(rename = "P1")]
    p1: Number,
    #[serde(rename = "P2")]
    p2: Number,
    x1: Number,
    x2: Number,
    omega: f64,
    #[serde(rename = "P")]
    p: Number,
    x: Number,
}

fn replicates(x: &[f64], u: &[f64]) -> Vec<Replicate> {
    x.iter().zip(u).map(|(x, u)| Replicate::new(Measured::new(*x, *u).unwrap()).unwrap()).collect()
}

fn close(ours: f64, theirs: f64, tolerance: f64, what: &str) {
    assert!((ours - theirs).abs() <= tolerance * theirs.abs().max(1.0), "{what}: {ours}, expected {theirs}");
}

#[test]
fn all_repeated_readings_agree_with_statsmodels_to_1e_10() {
    let peers: Peers = serde_json::from_str(fixtures::GUM_FUSION).unwrap();
    let rows = peers.ivw_birge_random_effects.rows;
    assert_eq!(rows.len(), 36);
    for row in &rows {
        let readings = replicates(&row.x, &row.u);
        let fused = |rule: InverseVariance| -> CombinedValue { rule.fuse(&readings).unwrap() };
        let internal = fused(InverseVariance::Internal);
        close(internal.value.value(), row.mean_ivw, 1e-10, "mean");
        close(internal.value.u(), row.u_internal, 1e-10, "u");
        close(internal.chi2, row.chi2, 1e-10, "chi2");
        close(internal.birge, row.birge, 1e-10, "birge");
        assert!(internal.between.abs() < 1e-300);
        close(fused(InverseVariance::Birge).value.u(), row.u_birge, 1e-10, "u by Birge");
        let dl = fused(InverseVariance::DerSimonianLaird);
        // statsmodels keeps a negative variance. The paper and our code replace it by 0, which
        // gives the inverse-variance mean.
        close(dl.between, row.tau2_dl.max(0.0), 1e-10, "tau2 by DerSimonian and Laird");
        if row.tau2_dl >= 0.0 {
            close(dl.value.value(), row.mean_dl, 1e-10, "mean by DerSimonian and Laird");
            close(dl.value.u(), row.u_dl.unwrap(), 1e-10, "u by DerSimonian and Laird");
        } else {
            assert_eq!(dl.value, internal.value);
        }
        let pm = fused(InverseVariance::PauleMandel);
        // statsmodels stops when two steps agree to 1e-5. Our code solves the equation, which
        // another test checks.
        close(pm.between, row.tau2_pm, 1e-5, "tau2 by Paule and Mandel");
        close(pm.value.value(), row.mean_pm, 1e-5, "mean by Paule and Mandel");
        let freedom = (row.x.len() - 1) as f64;
        let square = |(x, u): (&f64, &f64)| (x - pm.value.value()).powi(2) / (u * u + pm.between);
        let chi2: f64 = row.x.iter().zip(&row.u).map(square).sum();
        assert!(if pm.between > 0.0 { (chi2 - freedom).abs() < 1e-10 } else { chi2 <= freedom + 1e-10 }, "{chi2}");
    }
}

fn matrix<const N: usize>(number: &Number) -> [[f64; N]; N] {
    match number {
        Number::Scalar(scalar) => [[*scalar; N]; N],
        Number::Matrix(rows) => std::array::from_fn(|i| std::array::from_fn(|k| rows[i][k])),
        Number::Vector(row) => [std::array::from_fn(|k| row[k]); N],
    }
}

fn vector<const N: usize>(number: &Number) -> [f64; N] {
    match number {
        Number::Scalar(scalar) => [*scalar; N],
        Number::Vector(vector) => std::array::from_fn(|k| vector[k]),
        Number::Matrix(rows) => std::array::from_fn(|k| rows[k][0]),
    }
}

fn intersect<const N: usize>(case: &Intersection) {
    let estimate =
        |x: &Number, p: &Number| Estimate::<N> { value: vector(x), covariance: Covariance::new(matrix(p)).unwrap() };
    let (joint, omega) = covariance_intersection(&estimate(&case.x1, &case.p1), &estimate(&case.x2, &case.p2)).unwrap();
    close(omega, case.omega, 1e-6, "omega");
    let (theirs_p, theirs_x) = (matrix::<N>(&case.p), vector::<N>(&case.x));
    for row in 0..N {
        close(joint.value[row], theirs_x[row], 1e-6, "x");
        for column in 0..N {
            close(joint.covariance.matrix()[row][column], theirs_p[row][column], 1e-6, "P");
        }
    }
}

#[test]
fn all_covariance_intersections_agree_with_scipy_to_1e_6() {
    let peers: Peers = serde_json::from_str(fixtures::GUM_FUSION).unwrap();
    let rows = peers.covariance_intersection_trace.rows;
    assert_eq!(rows.len(), 36);
    for case in &rows {
        let size = match &case.p1 {
            Number::Scalar(_) => 1,
            Number::Matrix(rows) => rows.len(),
            Number::Vector(row) => row.len(),
        };
        match size {
            1 => intersect::<1>(case),
            2 => intersect::<2>(case),
            3 => intersect::<3>(case),
            other => panic!("a case of {other} quantities"),
        }
    }
}

#[test]
fn what_cannot_be_weighed_is_refused() {
    let reading = |u: f64| Replicate::new(Measured::new(1.0, u).unwrap());
    assert_eq!(reading(0.0), Err(InvalidReplicate(0.0)));
    assert_eq!(reading(1e-200), Err(InvalidReplicate(1e-200)));
    assert_eq!(reading(1e200), Err(InvalidReplicate(1e200)));
    assert_eq!(InverseVariance::Birge.fuse(&[]), Err(FusionError::NoEvidence));
    let known = Estimate { value: [1.0, 2.0], covariance: Covariance::new([[1.0, 0.0], [0.0, 0.0]]).unwrap() };
    assert_eq!(covariance_intersection(&known, &known), Err(FusionError::OutOfRange));
    // Readings so far apart that their scatter is not finite, or so exact that their weights are
    // not finite.
    for (x, u) in [([1e300, -1e300], 1e-100), ([1e160, -1e160], 1.0), ([1.0, 2.0], 1e-154)] {
        for rule in [InverseVariance::Birge, InverseVariance::PauleMandel, InverseVariance::DerSimonianLaird] {
            assert_eq!(rule.fuse(&replicates(&x, &[u, u])), Err(FusionError::OutOfRange), "{x:?} {u}");
        }
    }
}

#[test]
fn a_matrix_that_is_no_covariance_is_refused_and_named() {
    assert!(matches!(
        Covariance::new([[1.0, f64::NAN], [0.0, 1.0]]),
        Err(InvalidCovariance::NotFinite { row: 0, column: 1, .. })
    ));
    assert_eq!(Covariance::new([[1.0, 0.1], [0.2, 1.0]]), Err(InvalidCovariance::NotSymmetric { row: 0, column: 1 }));
    assert_eq!(Covariance::new([[1.0, 2.0], [2.0, 1.0]]), Err(InvalidCovariance::Negative(1)));
    assert_eq!(Covariance::new([[-1.0]]), Err(InvalidCovariance::Negative(0)));
    assert_eq!(Covariance::new([[0.0, 0.5], [0.5, 1.0]]), Err(InvalidCovariance::Negative(1)));
    assert_eq!(Covariance::new([[0.0, 1e-12], [1e-12, 1.0]]), Err(InvalidCovariance::Negative(1)));
    assert!(Covariance::new([[0.0, 0.0], [0.0, 1.0]]).is_ok());
    assert_eq!(Covariance::correlated([1.0, 2.0], [[1.0, 0.5], [0.5, 1.0]]).unwrap().matrix()[0][1], 1.0);
    assert!(Covariance::new([[1e308]]).unwrap().trace().is_finite());
    assert_eq!(
        Covariance::new([[1e200, 1e199], [2e199, 1e200]]),
        Err(InvalidCovariance::NotSymmetric { row: 0, column: 1 })
    );
    let hair = [[1.0, 1.0, 0.0], [1.0, 1.0 + 5e-13, 7e-7], [0.0, 7e-7, 1.0]];
    assert!(Covariance::new(hair).is_ok(), "two quantities that differ by a hair");
    assert_eq!(Covariance::independent([1.0, -1.0]), Err(InvalidCovariance::Uncertainty { quantity: 1, u: -1.0 }));
    let empty = Covariance::correlated([0.1, 0.2], [[0.0; 2]; 2]);
    assert_eq!(empty, Err(InvalidCovariance::WithItself { quantity: 0, r: 0.0 }));
    let singular = Covariance::new([[4.0, 2.0], [2.0, 1.0]]).unwrap();
    assert!(singular.inverse().is_none() && (singular.trace() - 5.0).abs() < 1e-15);
}

/// One reading outweighs the others a million times, and the order of summation still does not
/// matter.
#[test]
fn one_sharp_reading_does_not_make_the_order_matter() {
    let (x, u) =
        ([-56.476_522_997_884_97, 0.0, 63.832_360_528_697_17], [6.424_064_795_399_947, 9.615_234_220_061_607, 0.01]);
    let readings = replicates(&x, &u);
    let reversed: Vec<_> = readings.iter().copied().rev().collect();
    for rule in [InverseVariance::DerSimonianLaird, InverseVariance::PauleMandel] {
        let (a, b) = (rule.fuse(&readings).unwrap(), rule.fuse(&reversed).unwrap());
        assert!(
            (a.value.u() - b.value.u()).abs() < 1e-12 * a.value.u(),
            "{rule:?}: {} and {}",
            a.value.u(),
            b.value.u()
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn a_combined_value_lies_between_and_forgets_the_order(
        readings in prop::collection::vec((-100.0..100.0_f64, 0.01..10.0_f64), 1..=6), shift in -1e6..1e6_f64,
    ) {
        let (x, u): (Vec<_>, Vec<_>) = readings.iter().copied().unzip();
        let low = x.iter().copied().fold(f64::INFINITY, f64::min);
        let high = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let reversed: Vec<_> = replicates(&x, &u).into_iter().rev().collect();
        let shifted: Vec<f64> = x.iter().map(|x| x + shift).collect();
        let narrowest = u.iter().copied().fold(f64::INFINITY, f64::min);
        for rule in [
            InverseVariance::Internal, InverseVariance::Birge, InverseVariance::DerSimonianLaird, InverseVariance::PauleMandel,
        ] {
            let a = rule.fuse(&replicates(&x, &u)).unwrap();
            let b = rule.fuse(&reversed).unwrap();
            prop_assert!((low - 1e-9..=high + 1e-9).contains(&a.value.value()));
            prop_assert!((a.value.value() - b.value.value()).abs() < 1e-9 && (a.value.u() - b.value.u()).abs() < 1e-9);
            let c = rule.fuse(&replicates(&shifted, &u)).unwrap();
            prop_assert!((c.value.value() - a.value.value() - shift).abs() < 1e-8 && (c.value.u() - a.value.u()).abs() < 1e-6);
            // The joint uncertainty of several readings is at most the smallest one, if their
            // scatter is not taken into account.
            if rule == InverseVariance::Internal {
                prop_assert!(a.value.u() <= narrowest + 1e-12);
            } else {
                prop_assert!(a.value.u() >= InverseVariance::Internal.fuse(&reversed).unwrap().value.u() - 1e-12);
            }
        }
    }

    #[test]
    fn equal_readings_combine_without_scatter(x in -100.0..100.0_f64, u in 0.01..10.0_f64, n in 1..=6_usize) {
        for rule in [InverseVariance::Birge, InverseVariance::PauleMandel, InverseVariance::DerSimonianLaird] {
            let combined = rule.fuse(&replicates(&vec![x; n], &vec![u; n])).unwrap();
            prop_assert!((combined.value.value() - x).abs() < 1e-10 && combined.between == 0.0);
            prop_assert!((combined.value.u() - u / (n as f64).sqrt()).abs() < 1e-10 * u);
        }
    }

    /// The variance between readings solves the equation of Paule and Mandel, or the readings do
    /// not scatter beyond their uncertainties.
    #[test]
    fn the_variance_between_readings_solves_its_equation(
        readings in prop::collection::vec((-100.0..100.0_f64, 0.01..10.0_f64), 2..=6),
    ) {
        let (x, u): (Vec<_>, Vec<_>) = readings.iter().copied().unzip();
        let combined = InverseVariance::PauleMandel.fuse(&replicates(&x, &u)).unwrap();
        let freedom = (x.len() - 1) as f64;
        let chi2: f64 = readings
            .iter()
            .map(|(x, u)| (x - combined.value.value()).powi(2) / (u * u + combined.between))
            .sum();
        prop_assert!(if combined.between > 0.0 { (chi2 - freedom).abs() < 1e-8 } else { chi2 <= freedom + 1e-8 }, "{chi2}");
    }

    /// The intersection never understates the uncertainty, whatever the unknown correlation: P −
    /// P(true) is positive semi-definite.
    #[test]
    fn an_intersection_is_never_surer_than_the_truth(
        a in (0.1..10.0_f64, 0.1..10.0_f64, -0.95..0.95_f64), b in (0.1..10.0_f64, 0.1..10.0_f64, -0.95..0.95_f64),
        r in -0.99..0.99_f64,
    ) {
        let covariance = |(u, v, r): (f64, f64, f64)| Covariance::correlated([u, v], [[1.0, r], [r, 1.0]]).unwrap();
        let (pa, pb) = (covariance(a), covariance(b));
        let estimate = |covariance| Estimate { value: [0.0, 0.0], covariance };
        let (joint, omega) = covariance_intersection(&estimate(pa), &estimate(pb)).unwrap();
        prop_assert!(joint.covariance.trace() <= pa.trace().min(pb.trace()) + 1e-9);
        // The joint estimate is K_a x_a + K_b x_b. With the cross covariance r·La·Lb', its true
        // covariance is known.
        let chol = |p: &Covariance<2>| {
            let m = p.matrix();
            let l11 = m[0][0].sqrt();
            let l21 = m[1][0] / l11;
            [[l11, 0.0], [l21, (m[1][1] - l21 * l21).max(0.0).sqrt()]]
        };
        let mul = |x: [[f64; 2]; 2], y: [[f64; 2]; 2]| -> [[f64; 2]; 2] {
            std::array::from_fn(|i| std::array::from_fn(|k| x[i][0] * y[0][k] + x[i][1] * y[1][k]))
        };
        let transposed = |x: [[f64; 2]; 2]| [[x[0][0], x[1][0]], [x[0][1], x[1][1]]];
        let scaled = |x: [[f64; 2]; 2], f: f64| x.map(|row| row.map(|v| f * v));
        let gain = |w: f64, p: &Covariance<2>| mul(*joint.covariance.matrix(), scaled(p.inverse().unwrap(), w));
        let (ka, kb) = (gain(omega, &pa), gain(1.0 - omega, &pb));
        let cross = scaled(mul(chol(&pa), transposed(chol(&pb))), r);
        let part = |k: [[f64; 2]; 2], m: [[f64; 2]; 2], l: [[f64; 2]; 2]| mul(mul(k, m), transposed(l));
        let (aa, bb, ab) = (part(ka, *pa.matrix(), ka), part(kb, *pb.matrix(), kb), part(ka, cross, kb));
        let truth: [[f64; 2]; 2] = std::array::from_fn(|i| std::array::from_fn(|k| aa[i][k] + bb[i][k] + ab[i][k] + ab[k][i]));
        let difference: [[f64; 2]; 2] = std::array::from_fn(|i| std::array::from_fn(|k| joint.covariance.matrix()[i][k] - truth[i][k]));
        let scale = joint.covariance.trace();
        prop_assert!(difference[0][0] > -1e-9 * scale && difference[1][1] > -1e-9 * scale);
        let determinant = difference[0][0] * difference[1][1] - difference[0][1] * difference[1][0];
        prop_assert!(determinant > -1e-9 * scale * scale, "{determinant}");
    }
}
