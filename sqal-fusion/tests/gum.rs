//! Propagation and conformity risks against uncertainties, suncal, and JCGM 100, 101 and 106.
//!
//! The values of JCGM are those of its published cases.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::many_single_char_names, clippy::suboptimal_flops, reason = "numbers and formulas as they are printed")]

use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, Normal, StandardNormal, Uniform};
use serde::Deserialize;
use sqal_core::{Measured, normal::normal_quantile};
use sqal_fusion::conformity::{InvalidTolerance, Production, Tolerance};
use sqal_fusion::propagate::{Inputs, Quantity, effective_degrees_of_freedom};
use sqal_fusion::{Covariance, Evidence, FusionRule, PowerMeanRule};
use statrs::distribution::{ContinuousCDF, StudentsT};

#[derive(Deserialize)]
struct Peers {
    uncertainties_correlated: Rows<Correlated>,
    suncal_risk: Rows<Risky>,
}

#[derive(Deserialize)]
struct Rows<T> {
    rows: Vec<T>,
}

#[derive(Deserialize)]
struct Correlated {
    x: Vec<f64>,
    cov: Vec<Vec<f64>>,
    f: Vec<f64>,
    u: Vec<f64>,
    cov_out: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
struct Risky {
    #[serde(rename = "prior")]
    prior: [f64; 2],
    #[serde(rename = "u_m")]
    u_m: f64,
    ll: f64,
    ul: f64,
    gb: f64,
    pfa: f64,
    pfr: f64,
    cpfa: f64,
}

fn close(ours: f64, theirs: f64, tolerance: f64, what: &str) {
    assert!((ours - theirs).abs() <= tolerance, "{what}: {ours}, expected {theirs} ± {tolerance}");
}

/// x0·x1/(x0 + x1), √Σx², the harmonic mean, and ln x0 − ln x1.
fn models<const N: usize>(x: [Quantity<N>; N]) -> [Quantity<N>; 4] {
    let squares = x.iter().fold(Quantity::exact(0.0), |sum, x| sum + *x * *x);
    let inverses = x.iter().fold(Quantity::exact(0.0), |sum, x| sum + Quantity::exact(1.0) / *x);
    [
        x[0] * x[1] / (x[0] + x[1]),
        squares.sqrt(),
        Quantity::exact(f64::from(u32::try_from(N).unwrap())) / inverses,
        x[0].ln() - x[1].ln(),
    ]
}

fn correlated<const N: usize>(case: &Correlated) {
    let covariance: Covariance<N> =
        Covariance::new(std::array::from_fn(|i| std::array::from_fn(|k| case.cov[i][k]))).unwrap();
    let inputs = Inputs::new(std::array::from_fn(|k| case.x[k]), covariance).unwrap();
    let results = models(inputs.quantities());
    for (k, result) in results.iter().enumerate() {
        let measured = inputs.measured(result).unwrap();
        close(measured.value(), case.f[k], 1e-10 * case.f[k].abs().max(1.0), "f");
        close(measured.u(), case.u[k], 1e-10 * case.u[k], "u");
        for (j, other) in results.iter().enumerate() {
            close(inputs.covariance(result, other), case.cov_out[k][j], 1e-10, "covariance of two results");
        }
    }
}

#[test]
fn all_correlated_propagations_agree_with_uncertainties_to_1e_10() {
    let peers: Peers = serde_json::from_str(fixtures::GUM_FUSION).unwrap();
    let rows = peers.uncertainties_correlated.rows;
    assert_eq!(rows.len(), 36);
    for case in &rows {
        match case.x.len() {
            2 => correlated::<2>(case),
            3 => correlated::<3>(case),
            4 => correlated::<4>(case),
            5 => correlated::<5>(case),
            other => panic!("a case of {other} inputs"),
        }
    }
}

/// JCGM 100:2008, H.1: the end gauge. Published: l = 50 000 838 nm, u = 32 nm, ν = 16, U99 = 93 nm.
#[test]
fn gum_h1_end_gauge() {
    let inputs = [(50_000_623.0, 25.0), (215.0, 9.7), (0.0, 5.8e-7), (-0.1, 0.41), (11.5e-6, 1.2e-6), (0.0, 0.029)]
        .map(|(x, u)| Measured::new(x, u).unwrap());
    let inputs = Inputs::independent(inputs).unwrap();
    let [ls, d, d_alpha, theta, alpha_s, d_theta] = inputs.quantities();
    let l = inputs.measured(&(ls + d - ls * (d_alpha * theta + alpha_s * d_theta))).unwrap();
    close(l.value(), 50_000_838.0, 0.5, "l");
    close(l.u(), 31.710_609_640_431_85, 1e-6, "u (uncertainties 3.2.3)");
    // Degrees of freedom of H.1.6: 18 for ls, 25.6 for d, 50 for δα (which contributes nothing to
    // first order), 2 for δθ.
    let parts = [(25.0, 18.0), (9.7, 25.6), (2.9, 50.0), (16.6, 2.0)];
    let freedom = effective_degrees_of_freedom(&parts).floor();
    assert!((freedom - 16.0).abs() < 1e-9, "{freedom}");
    let expanded = StudentsT::new(0.0, 1.0, freedom).unwrap().inverse_cdf(0.995) * l.u();
    assert!((expanded.round() - 93.0).abs() < 1e-9, "{expanded}");
}

/// JCGM 100:2008, H.2: resistance and reactance from five simultaneous readings, with the
/// correlations of the readings.
#[test]
fn gum_h2_impedance() {
    let data = [
        [5.007, 4.994, 5.005, 4.990, 4.999],
        [0.019_663, 0.019_639, 0.019_640, 0.019_685, 0.019_678],
        [1.0456, 1.0438, 1.0468, 1.0428, 1.0433],
    ];
    let mean: [f64; 3] = std::array::from_fn(|k| data[k].iter().sum::<f64>() / 5.0);
    let covariance = std::array::from_fn(|i| {
        std::array::from_fn(|k| (0..5).map(|t| (data[i][t] - mean[i]) * (data[k][t] - mean[k])).sum::<f64>() / 20.0)
    });
    let inputs = Inputs::new(mean, Covariance::new(covariance).unwrap()).unwrap();
    let [v, i, phi] = inputs.quantities();
    let (r, x, z) = (v / i * phi.cos(), v / i * phi.sin(), v / i);
    let check = |quantity: &Quantity<3>, value: f64, u: f64| {
        let measured = inputs.measured(quantity).unwrap();
        close(measured.value(), value, 1e-9, "value");
        close(measured.u(), u, 1e-9, "u");
    };
    check(&r, 127.732_169_928_102_08, 0.071_071_407_396_995_12);
    check(&x, 219.846_511_912_638_48, 0.295_581_677_358_638_3);
    check(&z, 254.259_701_948_019, 0.236_336_130_082_370_25);
    close(inputs.correlation(&r, &x).unwrap(), -0.588, 5e-4, "r(R, X)");
    close(inputs.correlation(&r, &z).unwrap(), -0.485, 5e-4, "r(R, Z)");
    close(inputs.correlation(&x, &z).unwrap(), 0.993, 5e-4, "r(X, Z)");
    assert_eq!(inputs.correlation(&r, &Quantity::exact(1.0)), None);
}

/// JCGM 101:2008, 9.2: four inputs of standard uncertainty 1 (normal or rectangular), and one input
/// that dominates. First order is exact for a sum.
#[test]
fn jcgm_101_additive_models() {
    let sum = |u: [f64; 4]| {
        let inputs = Inputs::independent(u.map(|u| Measured::new(0.0, u).unwrap())).unwrap();
        let [a, b, c, d] = inputs.quantities();
        inputs.measured(&(a + b + c + d)).unwrap()
    };
    let (normal, wide) = (sum([1.0; 4]), sum([1.0, 1.0, 1.0, 10.0]));
    assert!((normal.u() - 2.0).abs() < 1e-12 && (wide.u() - 10.148_891_565_092_22).abs() < 1e-12);
    let expanded = normal_quantile(0.975);
    close(expanded * normal.u(), 3.919_927_969_080_108, 1e-12, "9.2.2: ±3.92");
    close(expanded * wide.u(), 19.891_461_955_251_03, 1e-8, "9.2.4: ±19.9 by the law of propagation");
    // 9.2.3 and 9.2.4: the interval that the distributions give by Monte Carlo.
    let half = |widths: [f64; 4], seed: u64| {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let uniform = widths.map(|w| Uniform::new(-w * 3.0_f64.sqrt(), w * 3.0_f64.sqrt()).unwrap());
        let mut sums: Vec<f64> = (0..200_000).map(|_| uniform.iter().map(|u| u.sample(&mut random)).sum()).collect();
        sums.sort_by(f64::total_cmp);
        0.5 * (sums[195_000] - sums[5_000])
    };
    close(half([1.0; 4], 1), 3.879_406_741_347_821, 0.02, "9.2.3: ±3.88");
    close(half([1.0, 1.0, 1.0, 10.0], 2), 17.012_782, 0.05, "9.2.4: ±17.0");
}

/// JCGM 101:2008, 9.3: mass calibration. First order misses the air density (u = 0.0539 mg instead
/// of 0.0754 mg), and a Monte Carlo run shows the difference.
#[test]
fn jcgm_101_mass_calibration_and_the_limit_of_first_order() {
    let third = |low: f64, high: f64| Measured::new(f64::midpoint(low, high), (high - low) / 12.0_f64.sqrt()).unwrap();
    let inputs = Inputs::independent([
        Measured::new(100_000.0, 0.05).unwrap(),
        Measured::new(1.234, 0.02).unwrap(),
        third(1.1, 1.3),
        third(7000.0, 9000.0),
        third(7950.0, 8050.0),
    ])
    .unwrap();
    let model = |[reference, shift, air, weight, standard]: [Quantity<5>; 5]| {
        let one = Quantity::exact(1.0);
        (reference + shift) * ((air + -1.2) * (one / weight - one / standard) + 1.0) + -100_000.0
    };
    let first_order = inputs.measured(&model(inputs.quantities())).unwrap();
    close(first_order.value(), 1.234, 1e-9, "mass");
    close(first_order.u(), 0.053_851_648_071_345_05, 1e-12, "first order");
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let mut moments = sqal_fusion::process::Moments::default();
    for _ in 0..60_000 {
        let normal = |random: &mut ChaCha8Rng, mean, sd| Normal::new(mean, sd).unwrap().sample(random);
        let (reference, shift) = (normal(&mut random, 100_000.0, 0.05), normal(&mut random, 1.234, 0.02));
        let uniform = |random: &mut ChaCha8Rng, low, high| Uniform::new(low, high).unwrap().sample(random);
        let air = uniform(&mut random, 1.1, 1.3);
        let (weight, standard) = (uniform(&mut random, 7000.0, 9000.0), uniform(&mut random, 7950.0, 8050.0));
        let at = model([reference, shift, air, weight, standard].map(Quantity::exact));
        moments.push(at.value());
    }
    close(moments.mean().unwrap(), 1.2341, 0.001, "Monte Carlo mean");
    close(moments.sd().unwrap(), 0.0754, 0.001, "Monte Carlo u");
}

/// JCGM 101:2008, 9.4: comparison loss x₁² + x₂². At 0, first order gives an uncertainty of 0, but
/// the exact moments do not.
#[test]
fn jcgm_101_comparison_loss() {
    for (x1, r, first_order, exact_mean, exact_u) in [
        (0.0, 0.0, 0.0, 5e-5, 5e-5),
        (0.0, 0.9, 0.0, 5e-5, 6.726_812_023_536_856e-5),
        (0.01, 0.0, 1e-4, 1.5e-4, 1.118_033_988_749_894_9e-4),
        (0.01, 0.9, 1e-4, 1.5e-4, 1.205_197_079_319_395e-4),
        (0.05, 0.0, 5e-4, 2.55e-3, 5.024_937_810_560_445e-4),
        (0.05, 0.9, 5e-4, 2.55e-3, 5.045_047_076_093_543e-4),
    ] {
        let covariance = Covariance::correlated([0.005; 2], [[1.0, r], [r, 1.0]]).unwrap();
        let inputs = Inputs::new([x1, 0.0], covariance).unwrap();
        let model = |[a, b]: [Quantity<2>; 2]| a * a + b * b;
        let first = inputs.measured(&model(inputs.quantities())).unwrap();
        close(first.u(), first_order, 1e-15, "first order");
        let mut random = ChaCha8Rng::seed_from_u64(4);
        let mut moments = sqal_fusion::process::Moments::default();
        for _ in 0..40_000 {
            let (z, w): (f64, f64) = (StandardNormal.sample(&mut random), StandardNormal.sample(&mut random));
            let pair = [x1 + 0.005 * z, 0.005 * (r * z + (1.0_f64 - r * r).sqrt() * w)];
            moments.push(model(pair.map(Quantity::exact)).value());
        }
        close(moments.mean().unwrap(), exact_mean, 0.02 * exact_mean, "mean");
        close(moments.sd().unwrap(), exact_u, 0.02 * exact_u, "u");
    }
}

/// JCGM 106:2012, 7.3, 7.4 and the table of guard bands.
#[test]
fn jcgm_106_conformity_probabilities() {
    let zener = Tolerance::at_most(-5.4).unwrap().probability(Measured::new(-5.47, 0.05).unwrap()).get();
    close(zener, 0.919_243_340_766_227_3, 1e-12, "7.3, published 0.92");
    let viscosity = Tolerance::between(12.5, 16.3).unwrap().probability(Measured::new(13.6, 1.8).unwrap()).get();
    close(viscosity, 0.662_629_786_495_307_9, 1e-12, "7.4, published 0.66");
    for (p, z) in [
        (0.80, 0.841_621_233_572_914_3),
        (0.90, 1.281_551_565_544_600_4),
        (0.95, 1.644_853_626_951_472_2),
        (0.99, 2.326_347_874_040_840_8),
        (0.999, 3.090_232_306_167_813),
    ] {
        close(normal_quantile(p), z, 1e-13, "guard band");
        let guarded = Tolerance::at_least(10.0).unwrap().probability(Measured::new(10.0 + 0.1 * z, 0.1).unwrap());
        close(guarded.get(), p, 1e-12, "probability at the guard band");
    }
}

#[test]
fn what_cancels_has_no_uncertainty_and_no_imaginary_one() {
    // Two readings with one common error, with different scales: the variance is 0 except for
    // rounding, which may be positive or negative.
    for k in 1..200_i32 {
        let (u, scale) = (0.1 + 0.013 * f64::from(k), 1.0 + 0.37 * f64::from(k));
        let covariance = Covariance::correlated([u, u * scale], [[1.0, 1.0], [1.0, 1.0]]).unwrap();
        let inputs = Inputs::new([1.0, scale], covariance).unwrap();
        let [a, b] = inputs.quantities();
        let difference = inputs.measured(&(a * scale - b)).unwrap();
        assert!(difference.u() < 1e-6 * u * scale, "{difference:?}");
        assert!((inputs.correlation(&a, &b).unwrap() - 1.0).abs() < 1e-12);
    }
    let wrong = Inputs::independent([Measured::new(-1.0, 0.1).unwrap()]).unwrap();
    assert!(
        wrong.measured(&wrong.quantities()[0].sqrt()).is_err() && wrong.measured(&wrong.quantities()[0].ln()).is_err()
    );
    assert!(Inputs::new([f64::NAN], Covariance::independent([1.0]).unwrap()).is_err());
}

#[test]
fn probabilities_far_out_keep_their_digits_on_both_sides() {
    let far = Tolerance::between(6.0, 7.0).unwrap();
    assert!((far.low() - 6.0).abs() < 1e-15 && (far.high() - 7.0).abs() < 1e-15);
    let here = far.probability(Measured::new(0.0, 1.0).unwrap()).get();
    let mirrored = Tolerance::between(-7.0, -6.0).unwrap().probability(Measured::new(0.0, 1.0).unwrap()).get();
    // Φ(−6) − Φ(−7), by the error function of another library (Python 3.11).
    assert!((here / 9.853_078_324_938_154e-10 - 1.0).abs() < 1e-12 && (here / mirrored - 1.0).abs() < 1e-12, "{here}");
    assert!(
        Tolerance::at_least(1.0).unwrap().high().is_infinite() && Tolerance::at_most(1.0).unwrap().low().is_infinite()
    );
}

/// The probability of a normal production sums to 1, whatever its spread.
#[test]
fn a_normal_production_is_whole() {
    let everything = Tolerance::between(-1e6, 1e6).unwrap();
    for sd in [0.01, 0.3, 1.0, 40.0] {
        let production = Production::normal(3.0, sd).unwrap();
        let risk = production.risk(0.1 * sd, &everything, &everything);
        assert!((risk.accepted - 1.0).abs() < 1e-10 && risk.consumer < 1e-12 && risk.producer < 1e-12, "{sd} {risk:?}");
        // Half of the production lies on either side of its mean, and the guard band that halves
        // the consumer's risk at a limit there is found.
        let half = production.risk(0.1 * sd, &Tolerance::at_least(3.0).unwrap(), &Tolerance::at_least(3.0).unwrap());
        assert!((half.accepted - 0.5).abs() < 1e-10, "{half:?}");
        let guarded = production.guard_band(0.1 * sd, &Tolerance::at_least(3.0).unwrap(), 0.5 * half.consumer).unwrap();
        let after =
            production.risk(0.1 * sd, &Tolerance::at_least(3.0).unwrap(), &Tolerance::at_least(3.0 + guarded).unwrap());
        assert!(guarded > 0.0 && (after.consumer / half.consumer - 0.5).abs() < 1e-6, "{after:?}");
    }
}

/// A normal production is made from its mean and its standard deviation, and equals that of the
/// density. `Production` is a type that a field can have.
#[test]
fn a_normal_production_is_known_by_its_mean_and_standard_deviation() {
    struct Line {
        production: Production,
    }
    let tolerance = Tolerance::between(2.0, 5.0).unwrap();
    let line = Line { production: Production::normal(3.8, 0.6).unwrap() };
    let density = |x: f64| (-0.5 * ((x - 3.8) / 0.6).powi(2)).exp() / (0.6 * std::f64::consts::TAU.sqrt());
    let same = Production::new(density, 3.8 - 9.0 * 0.6, 3.8 + 9.0 * 0.6).unwrap();
    let [of_line, of_density] =
        [line.production.risk(0.083, &tolerance, &tolerance), same.risk(0.083, &tolerance, &tolerance)];
    assert!((of_line.consumer - of_density.consumer).abs() < 1e-13 && of_line.consumer > 0.0, "{of_line:?}");
    assert!((of_line.producer - of_density.producer).abs() < 1e-13 && of_line.producer > 0.0, "{of_line:?}");
    for (mean, deviation) in [(3.8, 0.0), (3.8, -0.6), (3.8, f64::NAN), (f64::NAN, 0.6), (f64::INFINITY, 0.6)] {
        assert!(Production::normal(mean, deviation).is_err(), "{mean} {deviation}");
    }
}

/// For an instrument of small uncertainty u, the consumer's risk near a limit is φ(limit)·u/√(2π)
/// for each limit, to first order in u.
#[test]
fn the_risk_of_a_fine_instrument_is_known_in_closed_form() {
    let production = Production::normal(0.0, 1.0).unwrap();
    let phi = |x: f64| (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt();
    for (low, high) in [(-1.0, 1.0), (-0.5, 2.0), (0.3, 1.7)] {
        let tolerance = Tolerance::between(low, high).unwrap();
        for u in [1e-3, 1e-5, 1e-7] {
            let risk = production.risk(u, &tolerance, &tolerance);
            let exact = (phi(low) + phi(high)) * u / std::f64::consts::TAU.sqrt();
            // The next term depends on the slope of the density. Relative to this one, it is of the
            // order of u.
            assert!(
                (risk.consumer / exact - 1.0).abs() < 2.0 * u + 1e-8,
                "{low} to {high}, {u}: {risk:?}, expected {exact}"
            );
            assert!((risk.producer / exact - 1.0).abs() < 2.0 * u + 1e-8, "{low} to {high}, {u}: {risk:?}");
        }
    }
}

/// For two limits that are not about 0, the guard band that is found gives the requested risk. If
/// no guard band reaches it, the result is `None`.
#[test]
fn a_guard_band_of_two_limits_is_found_if_there_is_one() {
    let production = Production::normal(10.0, 1.0).unwrap();
    for (low, high) in [(9.0, 11.0), (9.5, 13.0), (8.0, 10.5)] {
        let tolerance = Tolerance::between(low, high).unwrap();
        let without = production.risk(0.2, &tolerance, &tolerance).consumer;
        for share in [0.9, 0.5, 0.01] {
            let band = production.guard_band(0.2, &tolerance, share * without).unwrap();
            let with = production.risk(0.2, &tolerance, &tolerance.guarded(band).unwrap()).consumer;
            assert!(band > 0.0 && band < 0.5 * (high - low) && (with / without - share).abs() < 1e-9, "{band}: {with}");
        }
        let looser = production.guard_band(0.2, &tolerance, 1.2 * without).unwrap();
        assert!(looser < 0.0, "less than that is run already: {looser}");
        assert_eq!(production.guard_band(0.2, &tolerance, -1.0), None);
    }
    let high = Tolerance::at_most(11.0).unwrap();
    assert_eq!(production.guard_band(0.2, &high, -1.0), None);
}

/// Inputs that are known exactly are accepted: an uncertainty of 0 is valid.
#[test]
fn what_is_known_exactly_is_taken() {
    use sqal_fusion::Covariance;
    let exact = Covariance::independent([0.0, 1.0]).unwrap();
    assert!(exact.matrix()[0][0].abs() < 1e-300 && Covariance::independent([-1e-9, 1.0]).is_err());
    let inputs = Inputs::independent([Measured::new(2.0, 0.0).unwrap(), Measured::new(3.0, 0.5).unwrap()]);
    assert!(inputs.is_ok());
}

/// JCGM 106:2012, 9.5.4: ball bearings. Published: 0.042, 0.008, and 1.67 µm for a consumer's risk
/// of 0.001.
#[test]
fn jcgm_106_ball_bearing() {
    // A gamma density with shape 4 and rate 4, in micrometres.
    let density = |x: f64| if x > 0.0 { 4.0_f64.powi(4) / 6.0 * x.powi(3) * (-4.0 * x).exp() } else { 0.0 };
    let production = Production::new(density, 0.0, 15.0).unwrap();
    let tolerance = Tolerance::at_most(2.0).unwrap();
    let all = Tolerance::at_most(1e9).unwrap();
    let without = production.risk(0.25, &tolerance, &all);
    close(without.consumer, 0.042_380_111_991_683_96, 1e-12, "nonconforming");
    close(without.accepted, 1.0, 1e-12, "all accepted");
    let simple = production.risk(0.25, &tolerance, &tolerance);
    close(simple.consumer, 0.008_019_111_884_287_177, 1e-12, "consumer's risk");
    close(simple.producer, 0.017_444_569_229_783_605, 1e-12, "producer's risk");
    let guard_band = production.guard_band(0.25, &tolerance, 0.001).unwrap();
    close(guard_band, 0.328_171_228_444_041_23, 1e-9, "guard band");
    close(2.0 - guard_band, 1.67, 5e-3, "acceptance limit");
    let guarded = production.risk(0.25, &tolerance, &tolerance.guarded(guard_band).unwrap());
    close(guarded.producer, 0.075_493_876_102_497_76, 1e-8, "producer's risk with the guard band");
    assert!(production.guard_band(0.25, &tolerance, 0.05).unwrap() < -10.0, "all that is made is less risk than that");
}

#[test]
fn jcgm_106_global_risks_of_a_normal_production() {
    for (u0, um, limit, acceptance, consumer, producer) in [
        (0.12, 0.04, 0.2, 0.2, 0.018_942_206_717_029_09, 0.037_207_800_178_057_75),
        (0.12, 0.04, 0.2, 0.18, 0.009_878_291_521_772_272, 0.069_026_510_461_521_42),
        (0.3, 0.1, 0.5, 0.5, 0.018_942_206_717_029_116, 0.037_207_800_178_057_77),
        (1.0, 0.25, 2.0, 2.0, 0.008_006_084_834_450_092, 0.014_850_884_211_254_906),
        (1.0, 0.5, 2.0, 2.0, 0.012_388_749_307_823_299, 0.040_526_755_531_767_544),
    ] {
        let production = Production::normal(0.0, u0).unwrap();
        let both = |limit: f64| Tolerance::between(-limit, limit).unwrap();
        let risk = production.risk(um, &both(limit), &both(acceptance));
        close(risk.consumer, consumer, 1e-12, "R_C");
        close(risk.producer, producer, 1e-12, "R_P");
    }
}

/// NCSLI RP-19 (draft) and Deaver (1993), as asserted by suncal: in-tolerance probability, test
/// uncertainty ratio, risk.
#[test]
fn rp_19_and_deaver() {
    let unit = Tolerance::between(-1.0, 1.0).unwrap();
    let risk = |sl: f64, tur: f64, factor: f64| {
        // The limits lie `sl` standard deviations of production from the middle. `tur` is the ratio
        // of that standard deviation to the one of the measurement.
        let production = Production::normal(0.0, 1.0 / sl).unwrap();
        production.risk(1.0 / (sl * tur), &unit, &Tolerance::between(-factor, factor).unwrap())
    };
    for (itp, ufar, cfar) in [
        (0.6, 4.838_603_26, 8.260_081_99),
        (0.7, 3.922_341_09, 5.723_220_42),
        (0.8, 2.855_830_37, 3.632_271_45),
        (0.9, 1.599_953_12, 1.798_804_30),
        (0.95, 0.871_009_25, 0.923_896_64),
        (0.99, 0.199_916_84, 0.202_438_66),
    ] {
        let risk = risk(normal_quantile(0.5 + 0.5 * itp), 4.0, 1.0);
        close(risk.consumer * 100.0, ufar, 1e-6, "unconditional false accept risk");
        close(risk.consumer_among_accepted().unwrap() * 100.0, cfar, 1e-6, "conditional false accept risk");
    }
    for (sl, tur, factor, pfa, pfr) in [
        (2.0, 4.0, 1.0, 0.008, Some(0.015)),
        (2.5, 4.0, 1.0, 0.0025, None),
        (2.5, 1.0, 1.0, 0.005, None),
        (2.0, 2.0, 0.91, 0.008, Some(0.066)),
    ] {
        let risk = risk(sl, tur, factor);
        close(risk.consumer, pfa, 5e-4, "Deaver's PFA");
        assert!(pfr.is_none_or(|pfr: f64| (risk.producer - pfr).abs() < 1e-3), "{risk:?}");
    }
}

#[test]
fn all_conformity_risks_agree_with_suncal_to_1e_6() {
    let peers: Peers = serde_json::from_str(fixtures::GUM_FUSION).unwrap();
    assert_eq!(peers.suncal_risk.rows.len(), 36);
    for row in &peers.suncal_risk.rows {
        let production = Production::normal(row.prior[0], row.prior[1]).unwrap();
        let tolerance = Tolerance::between(row.ll, row.ul).unwrap();
        let risk = production.risk(row.u_m, &tolerance, &tolerance.guarded(row.gb).unwrap());
        close(risk.consumer, row.pfa, 1e-6, "PFA");
        close(risk.producer, row.pfr, 1e-6, "PFR");
        close(risk.consumer_among_accepted().unwrap(), row.cpfa, 1e-6, "CPFA");
    }
}

#[test]
fn limits_that_enclose_nothing_are_refused() {
    for (low, high) in [(1.0, 1.0), (2.0, 1.0), (f64::NAN, 1.0), (f64::NEG_INFINITY, f64::INFINITY)] {
        assert!(matches!(Tolerance::between(low, high), Err(InvalidTolerance { .. })), "{low} {high}");
    }
    let tolerance = Tolerance::between(0.0, 1.0).unwrap();
    assert!(tolerance.guarded(0.5).is_err() && tolerance.guarded(0.49).is_ok());
    assert!(tolerance.holds(0.0) && tolerance.holds(1.0) && !tolerance.holds(1.1) && !tolerance.holds(-0.1));
    let exact = |x: f64| tolerance.probability(Measured::new(x, 0.0).unwrap()).get();
    assert!((exact(1.0) - 1.0).abs() < 1e-15 && exact(1.01) < 1e-15);
    let nothing = Production::new(|_: f64| 0.0, 0.0, 1.0).unwrap();
    assert_eq!(nothing.risk(0.1, &tolerance, &tolerance).consumer_among_accepted(), None);
}

/// The correlation that two scores have through a shared input is part of the fused uncertainty.
#[test]
fn a_shared_error_is_carried_into_the_fused_score() {
    // Shape and colour both depend on one lamp. c'Vc with V from the Jacobians equals the rule's
    // closed form with that correlation.
    let inputs =
        Inputs::independent([(0.8, 0.03), (0.7, 0.04), (0.0, 0.02)].map(|(x, u)| Measured::new(x, u).unwrap()))
            .unwrap();
    let [shape, colour, lamp] = inputs.quantities();
    let (shape, colour) = (shape + lamp, colour + lamp * 1.5);
    let harmonic = Quantity::exact(2.0) / (Quantity::exact(1.0) / shape + Quantity::exact(1.0) / colour);
    let direct = inputs.measured(&harmonic).unwrap();
    let r = inputs.correlation(&shape, &colour).unwrap();
    let rule = PowerMeanRule::new(sqal_core::power_mean::Exponent::HARMONIC, r, 1e6).unwrap();
    let evidence =
        [shape, colour].map(|q| Evidence::new(inputs.measured(&q).unwrap(), 1.0, sqal_core::Score::ONE).unwrap());
    let fused = rule.fuse(&evidence).unwrap();
    close(fused.score.value(), direct.value(), 1e-12, "score");
    close(fused.u_unscaled, direct.u(), 1e-12, "u");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Each rule of differentiation agrees with a difference quotient.
    #[test]
    fn gradients_are_derivatives(x in 0.2..3.0_f64, y in 0.2..3.0_f64) {
        fn all(a: Quantity<2>, b: Quantity<2>) -> [Quantity<2>; 13] {
            [a * 2.5, a + b, a - b, a * b, a / b, -a, a.sqrt(), a.exp(), a.ln(), a.powf(2.7), a.sin() * b, a.cos() * b, a.normal_cdf() * b + 3.0]
        }
        let at = |x: f64, y: f64| {
            let inputs = Inputs::independent([Measured::new(x, 0.1).unwrap(), Measured::new(y, 0.1).unwrap()]).unwrap();
            let [a, b] = inputs.quantities();
            all(a, b)
        };
        let h = 1e-5;
        for k in 0..13 {
            let dx = (at(x + h, y)[k].value() - at(x - h, y)[k].value()) / (2.0 * h);
            let dy = (at(x, y + h)[k].value() - at(x, y - h)[k].value()) / (2.0 * h);
            let gradient = at(x, y)[k].gradient().to_owned();
            prop_assert!((gradient[0] - dx).abs() < 1e-6 * (1.0 + dx.abs()), "{k}: {} {dx}", gradient[0]);
            prop_assert!((gradient[1] - dy).abs() < 1e-6 * (1.0 + dy.abs()), "{k}: {} {dy}", gradient[1]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// A wider guard band lowers the consumer's risk and raises the producer's.
    #[test]
    fn a_wider_guard_band_protects_the_consumer(mean in -1.0..1.0_f64, sd in 0.2..1.5_f64, u in 0.02..0.5_f64, w in 0.0..0.4_f64, more in 0.0..0.4_f64) {
        let production = Production::normal(mean, sd).unwrap();
        let tolerance = Tolerance::between(-1.0, 1.0).unwrap();
        let narrow = production.risk(u, &tolerance, &tolerance.guarded(w).unwrap());
        let wide = production.risk(u, &tolerance, &tolerance.guarded(w + more).unwrap());
        prop_assert!(wide.consumer <= narrow.consumer + 1e-12 && wide.producer >= narrow.producer - 1e-12);
        // Each conforming item is either accepted or rejected, so the shares sum to all conforming
        // ones.
        let conforming = tolerance.probability(Measured::new(mean, sd).unwrap()).get();
        prop_assert!((narrow.accepted - narrow.consumer + narrow.producer - conforming).abs() < 1e-9);
    }
}

/// If the uncertainty is a hundred thousand times smaller than the spread of production, the
/// consumer's risk at a limit in the middle is atan(u/σ)/2π.
#[test]
fn a_fine_instrument_has_a_small_risk_and_not_none() {
    let production = Production::normal(0.0, 1.0).unwrap();
    let tolerance = Tolerance::at_least(0.0).unwrap();
    for u in [0.5, 1e-3, 1e-4, 1e-5, 1e-7] {
        let risk = production.risk(u, &tolerance, &tolerance);
        let exact = f64::atan(u) / std::f64::consts::TAU;
        assert!(
            (risk.consumer / exact - 1.0).abs() < 1e-8 && (risk.producer / exact - 1.0).abs() < 1e-8,
            "{u}: {risk:?}"
        );
    }
    // With a coarse instrument, the guard band may lie far outside of the production.
    let narrow = Production::normal(0.0, 0.01).unwrap();
    let band = narrow.guard_band(0.1, &tolerance, 1e-3).unwrap();
    let risk = narrow.risk(0.1, &tolerance, &tolerance.guarded(band).unwrap());
    assert!((risk.consumer - 1e-3).abs() < 1e-9, "{band} {risk:?}");
    assert!(Production::normal(1.0, 0.0).is_err());
    assert!(Production::new(|_: f64| 1.0, 5.0, 1.0).is_err() && Production::new(|_: f64| 1.0, f64::NAN, 1.0).is_err());
    assert!(narrow.risk(-0.1, &tolerance, &tolerance).consumer.is_nan());
}

#[test]
fn quantities_at_the_ends_of_the_numbers() {
    for u in [1e80, 1e-82, 1.0] {
        let inputs = Inputs::independent([Measured::new(1.0, u).unwrap()]).unwrap();
        let [a] = inputs.quantities();
        assert!((inputs.correlation(&a, &a).unwrap() - 1.0).abs() < 1e-12, "{u}");
    }
    assert!(
        effective_degrees_of_freedom(&[]).is_infinite() && effective_degrees_of_freedom(&[(0.0, 4.0)]).is_infinite()
    );
}
