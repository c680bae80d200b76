//! Control charts, run rules, capability and filters against published figures and other programs.
//!
//! The sources are NIST's figures, Nelson's rules by brute force, and filterpy.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(
    clippy::cast_precision_loss,
    clippy::needless_for_each,
    clippy::needless_range_loop,
    clippy::suboptimal_flops,
    reason = "numbers and formulas as they are printed"
)]

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Deserialize;
use sqal_core::{Measured, Score, normal::normal_cdf};
#[cfg(feature = "serde")]
use sqal_fusion::calibration::Calibration;
use sqal_fusion::conformity::Tolerance;
use sqal_fusion::process::Moments;
use sqal_fusion::process::capability::{Capability, CapabilityError};
use sqal_fusion::process::chart::{Attributes, Constants, Individuals, InvalidSubgroup, Subgroups};
use sqal_fusion::process::drift::{Cusum, Ewma, ReferenceLevel, ReferenceReading};
use sqal_fusion::process::run_rules::{RuleSet, RunRule, RunRules};

fn close(ours: f64, theirs: f64, tolerance: f64, what: &str) {
    assert!((ours - theirs).abs() <= tolerance, "{what}: {ours}, expected {theirs}");
}

fn moments(values: &[f64]) -> Moments {
    let mut moments = Moments::default();
    values.iter().for_each(|x| _ = moments.push(*x));
    moments
}

/// NIST/SEMATECH e-Handbook 6.3.2.2: flow rates of ten batches.
#[test]
fn nist_individuals_chart() {
    let mut chart = Individuals::default();
    assert_eq!(chart.limits(), None);
    for x in [49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1] {
        assert!(chart.push(x));
    }
    let limits = chart.limits().unwrap();
    close(limits.center, 50.81, 5e-3, "centre");
    close(chart.mean_range().unwrap(), 1.8778, 5e-5, "mean moving range");
    close(limits.high, 55.8041, 2e-3, "UCL (printed with d2 = 1.128)");
    close(limits.low, 45.8159, 2e-3, "LCL");
    assert!(limits.hold(limits.high) && !limits.hold(55.9) && !limits.hold(45.8));
    close(limits.z(limits.high).unwrap(), 3.0, 1e-12, "z");
    assert!(!chart.push(f64::NAN) && chart.limits() == Some(limits));
}

/// e-Handbook 6.3.2.4: twenty values, λ = 0.3, about 50 with s = 2.0539.
#[test]
fn nist_ewma_chart() {
    let x = [
        52.0, 47.0, 53.0, 49.3, 50.1, 47.0, 51.0, 50.1, 51.2, 50.5, 49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4,
        53.6, 52.1,
    ];
    let printed = [
        50.60, 49.52, 50.56, 50.18, 50.16, 49.21, 49.75, 49.85, 50.26, 50.33, 50.11, 49.36, 49.52, 50.05, 49.38, 49.92,
        50.73, 51.23, 51.94, 51.99,
    ];
    let mut chart = Ewma::new(50.0, 2.0539, 0.3, 3.0).unwrap();
    close(50.0 + chart.final_half_width(), 52.5884, 1e-4, "UCL");
    close(50.0 - chart.final_half_width(), 47.4115, 1e-4, "LCL (printed truncated)");
    for (x, printed) in x.into_iter().zip(printed) {
        assert!(!chart.push(x), "in control throughout");
        close(chart.average(), printed, 5.1e-3, "EWMA");
    }
    assert!(chart.half_width() < chart.final_half_width() && chart.half_width() > 0.999 * chart.final_half_width());
    let before = chart.average();
    assert!(!chart.push(f64::NAN) && (chart.average() - before).abs() < 1e-15);
    assert!(chart.push(80.0), "a jump of fifteen sigma");
    // The first limits are narrow: one value of slightly more than 3σ moves the average by slightly
    // more than λ·3σ, which is the first limit.
    let mut first = Ewma::new(0.0, 1.0, 0.3, 3.0).unwrap();
    close(first.half_width(), 0.0, 1e-15, "before the first value");
    assert!(first.push(3.01));
    assert!(!Ewma::new(0.0, 1.0, 0.3, 3.0).unwrap().push(2.99) && Ewma::new(0.0, 1.0, 0.3, 3.0).unwrap().push(-3.01));
}

/// e-Handbook 6.3.2.3: twenty values about 325 with k = 0.3175 and h = 4.1959; it signals at the
/// fourteenth.
#[test]
fn nist_cusum_chart() {
    let x = [
        324.925, 324.675, 324.725, 324.350, 325.350, 325.225, 324.125, 324.525, 325.225, 324.600, 324.625, 325.150,
        328.325, 327.250, 327.825, 328.500, 326.675, 327.775, 326.875, 328.350,
    ];
    let high = [
        0.0, 0.0, 0.0, 0.0, 0.03, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 3.01, 4.94, 7.45, 10.63, 11.99, 14.44, 16.00,
        19.04,
    ];
    let low =
        [0.0, 0.01, 0.0, 0.33, 0.0, 0.0, 0.56, 0.72, 0.17, 0.25, 0.31, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    let mut chart = Cusum::new(325.0, 0.3175, 4.1959).unwrap();
    for (k, x) in x.into_iter().enumerate() {
        assert_eq!(chart.push(x), k >= 13, "value {k}");
        close(chart.above(), high[k], 5.1e-3, "S high");
        close(chart.below(), low[k], 5.1e-3, "S low");
    }
    let above = chart.above();
    assert!(chart.push(f64::NAN) && (chart.above() - above).abs() < 1e-15);
    chart.reset();
    assert!(chart.above().abs() < 1e-15 && !chart.push(325.0));
    assert!((0..3).map(|_| chart.push(322.0)).last().unwrap() && chart.below() > 4.1959);
    chart.reset();
    assert!(chart.below().abs() < 1e-15);
}

#[test]
fn settings_out_of_range_are_named() {
    let name = |refused: Result<(), sqal_fusion::process::drift::InvalidChart>| refused.unwrap_err().name;
    let ewma = |t, s, l, w| name(Ewma::new(t, s, l, w).map(|_| ()));
    assert_eq!(
        [ewma(f64::NAN, 1.0, 0.2, 3.0), ewma(0.0, 0.0, 0.2, 3.0), ewma(0.0, f64::INFINITY, 0.2, 3.0)],
        ["target", "sigma", "sigma"]
    );
    assert_eq!(
        [ewma(0.0, 1.0, 0.0, 3.0), ewma(0.0, 1.0, 1.1, 3.0), ewma(0.0, 1.0, 0.2, 0.0)],
        ["lambda", "lambda", "width"]
    );
    assert!(Ewma::new(0.0, 1.0, 1.0, 3.0).is_ok());
    let cusum = |t, k, h| name(Cusum::new(t, k, h).map(|_| ()));
    assert_eq!(
        [cusum(f64::INFINITY, 0.5, 5.0), cusum(0.0, -0.5, 5.0), cusum(0.0, 0.5, 0.0)],
        ["target", "allowance", "decision"]
    );
    let level = |x, v, d, n| name(ReferenceLevel::new(x, v, d, n).map(|_| ()));
    assert_eq!(
        [
            level(f64::NAN, 1.0, 0.1, 1.0),
            level(0.0, -1.0, 0.1, 1.0),
            level(0.0, 1.0, f64::NAN, 1.0),
            level(0.0, 1.0, 0.1, 0.0)
        ],
        ["level", "variance", "drift", "noise"]
    );
}

/// The well-known factors D₃ and D₄ of the ranges, and B₃ and B₄ of the deviations, for subgroups
/// of five and of ten.
#[test]
fn the_limits_of_ranges_and_deviations_are_the_known_factors() {
    for (n, range, deviation) in [(5, (0.0, 2.114), (0.0, 2.089)), (10, (0.223, 1.777), (0.284, 1.716))] {
        let mut chart = Subgroups::of(n).unwrap();
        for k in 0..20_u32 {
            // Ranges far from 1, so that multiplying by them cannot be confused with dividing.
            let values: Vec<f64> = (0..n).map(|j| 100.0 + f64::from(k) + 7.0 * j as f64).collect();
            let _ = chart.push(&values);
        }
        let (ranges, deviations) = (chart.ranges().unwrap(), chart.deviations().unwrap());
        for (limits, (lower, upper)) in [(ranges, range), (deviations, deviation)] {
            close(limits.low / limits.center, lower, 1e-3, "lower factor");
            close(limits.high / limits.center, upper, 1e-3, "upper factor");
        }
    }
}

/// The nearer limit decides the capability.
#[test]
fn the_capability_of_a_known_process_is_that_of_the_nearer_limit() {
    let tolerance = Tolerance::between(10.0, 20.0).unwrap();
    for (mean, nearer) in [(12.0, 2.0), (19.0, 1.0), (15.0, 5.0), (10.5, 0.5)] {
        let (cpk, _) = Capability::of_known(Measured::new(mean, 0.5).unwrap(), &tolerance);
        close(cpk, nearer / 1.5, 1e-12, "Cpk");
    }
}

/// A stored state is read back unchanged, and continues as the original.
#[cfg(feature = "serde")]
#[test]
fn what_is_stored_is_read_back_as_it_was() {
    fn again<T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) {
        let text = serde_json::to_string(value).unwrap();
        assert_eq!(&serde_json::from_str::<T>(&text).unwrap(), value, "{text}");
    }
    let mut ewma = Ewma::new(50.0, 2.0, 0.3, 2.7).unwrap();
    let mut cusum = Cusum::new(325.0, 0.3175, 4.1959).unwrap();
    let level = ReferenceLevel::new(0.5, 0.2, 0.1, 0.4).unwrap();
    let (mut rules, mut chart) = (RunRules::new(RuleSet::Nelson), Individuals::default());
    let mut subgroups = Subgroups::of(3).unwrap();
    for x in [49.6, 47.6, 49.9, 51.3, 47.8] {
        let _ = (ewma.push(x), cusum.push(x + 275.0), rules.push(x - 50.0), chart.push(x));
        let _ = subgroups.push(&[x, x + 1.0, x - 0.5]);
    }
    again(&ewma);
    again(&cusum);
    again(&level);
    again(&rules);
    again(&chart);
    again(&subgroups);
    again(&moments(&[1.0, 2.0, 4.0]));
    again(&sqal_fusion::SensorWeights::new(0.3, 0.7).unwrap());
    let rule = sqal_fusion::PowerMeanRule::new(sqal_core::power_mean::Exponent::ARITHMETIC, 0.4, 0.07).unwrap();
    again(&rule);
}

/// A state is checked when it is read back, by the rules of its constructor.
#[cfg(feature = "serde")]
#[test]
fn a_stored_state_that_cannot_be_is_refused() {
    fn refused<T: serde::de::DeserializeOwned>(text: &str) -> String {
        serde_json::from_str::<T>(text).err().expect("refused").to_string()
    }
    let ewma = |lambda: f64, fading: f64| {
        refused::<Ewma>(&format!(
            r#"{{"target":0,"sigma":1,"lambda":{lambda},"width":3,"average":0,"fading":{fading}}}"#
        ))
    };
    assert!(ewma(2.5, 1.0).contains("lambda is 2.5") && ewma(0.2, 2.0).contains("fading is 2"));
    let cusum = refused::<Cusum>(r#"{"target":0,"allowance":0.5,"decision":5,"above":-1,"below":0}"#);
    assert!(cusum.contains("above is -1"), "{cusum}");
    let level = refused::<ReferenceLevel>(r#"{"level":0,"variance":-1,"drift":0,"noise":1}"#);
    assert!(level.contains("variance is -1"), "{level}");
    let empty = r#"{"count":0,"mean":0,"squares":0}"#;
    let subgroups = format!(r#"{{"size":100,"means":{empty},"ranges":{empty},"deviations":{empty}}}"#);
    assert!(refused::<Subgroups>(&subgroups).contains("100"));
    let calibration = r#"{"version":0,"labels":60,"calibrator":{"platt":{"a":-1,"b":0,"covariance":[1,1,0]}}}"#;
    assert!(refused::<Calibration>(calibration).contains("versions begin at 1"));
    assert!(serde_json::from_str::<Calibration>(&calibration.replace("\"version\":0", "\"version\":1")).is_ok());
}

/// Recomputes the constants from their definitions.
#[test]
fn shewhart_constants_are_those_of_the_normal_distribution() {
    assert!(Constants::of(1).is_none() && Constants::of(0).is_none() && Constants::of(11).is_none());
    for n in 2..=10_i32 {
        let constants = Constants::of(usize::try_from(n).unwrap()).unwrap();
        // E(range) = ∫ 1 − Φⁿ − (1 − Φ)ⁿ, and E(range²) = 2∫∫ over x < y of 1 − Φⁿ(y) − (1 −
        // Φ(x))ⁿ + (Φ(y) − Φ(x))ⁿ. The first is by the trapezoid rule (exact to rounding for such
        // functions), the second along y − x by Simpson's.
        let h = 0.05;
        let grid: Vec<f64> = (-190..=190).map(|k| f64::from(k) * h).collect();
        let mean: f64 = grid.iter().map(|x| 1.0 - normal_cdf(*x).powi(n) - normal_cdf(-x).powi(n)).sum::<f64>() * h;
        close(mean, constants.d2, 1e-12, "d2");
        let apart = |x: f64, t: f64| {
            1.0 - normal_cdf(x + t).powi(n) - normal_cdf(-x).powi(n) + (normal_cdf(x + t) - normal_cdf(x)).powi(n)
        };
        let along = |x: f64| -> f64 {
            (0..=360_i32)
                .map(|k| {
                    (if k == 0 || k == 360 {
                        1.0
                    } else if k % 2 == 1 {
                        4.0
                    } else {
                        2.0
                    }) * apart(x, f64::from(k) * h)
                })
                .sum::<f64>()
                * h
                / 3.0
        };
        let square = 2.0 * h * grid.iter().map(|x| along(*x)).sum::<f64>();
        close((square - mean * mean).sqrt(), constants.d3, 1e-6, "d3");
        let freedom = f64::from(n);
        let c4 =
            (2.0 / (freedom - 1.0)).sqrt() * (libm::lgamma(freedom / 2.0) - libm::lgamma((freedom - 1.0) / 2.0)).exp();
        close(c4, constants.c4, 1e-13, "c4");
    }
    // d3 to all its digits where a closed form is known: 2 − 4/π for n = 2 (Tippett 1925).
    close(Constants::of(2).unwrap().d3, (2.0 - 4.0 / std::f64::consts::PI).sqrt(), 1e-12, "d3(2)");
    close(Constants::of(5).unwrap().d3, 0.864, 5e-4, "d3(5), as printed in every table");
}

/// Printed factors (e-Handbook 6.3.2.1; Montgomery, appendix VI): A2, A3, D3, D4, B3, B4 for n = 2,
/// 5 and 10.
#[test]
fn subgroup_charts_have_the_printed_factors() {
    for (n, a2, a3, d3, d4, b3, b4) in [
        (2, 1.880, 2.659, 0.0, 3.267, 0.0, 3.267),
        (5, 0.577, 1.427, 0.0, 2.114, 0.0, 2.089),
        (10, 0.308, 0.975, 0.223, 1.777, 0.284, 1.716),
    ] {
        let mut chart = Subgroups::of(n).unwrap();
        assert_eq!(chart.means_by_range(), None);
        // One subgroup with a mean of 7 and a range of 1.
        let values: Vec<f64> = (0..n).map(|k| 6.5 + k as f64 / (n - 1) as f64).collect();
        chart.push(&values).unwrap();
        let s = moments(&values).sd().unwrap();
        let means = chart.means_by_range().unwrap();
        close(means.center, 7.0, 1e-12, "mean");
        close(means.high - 7.0, a2, 6e-4, "A2");
        close((chart.means_by_deviation().unwrap().high - 7.0) / s, a3, 6e-4, "A3");
        let ranges = chart.ranges().unwrap();
        close(ranges.low, d3, 6e-4, "D3");
        close(ranges.high, d4, 1.1e-3, "D4");
        let deviations = chart.deviations().unwrap();
        close(deviations.low / s, b3, 6e-4, "B3");
        close(deviations.high / s, b4, 6e-4, "B4");
        assert_eq!(chart.push(&values[1..]), Err(InvalidSubgroup::Size { given: n - 1, expected: n }));
        let broken: Vec<f64> = values.iter().map(|x| if *x > 7.4 { f64::NAN } else { *x }).collect();
        assert_eq!(chart.push(&broken), Err(InvalidSubgroup::NotFinite(n - 1)));
        assert_eq!(chart.ranges(), Some(ranges), "what was refused changed nothing");
    }
    assert_eq!(Subgroups::of(1), Err(InvalidSubgroup::Size { given: 1, expected: 1 }));
    assert!(Subgroups::of(11).is_err());
    assert_eq!(Subgroups::of(3).unwrap().merged(&Subgroups::of(4).unwrap()), None);
}

/// The formulas of e-Handbook 6.3.3, on numbers that can be computed by hand.
#[test]
fn attribute_charts() {
    let mut chart = Attributes::default();
    assert!(chart.p(50).is_none() && chart.c().is_none() && chart.u(5).is_none());
    // Four samples of 50 items with 20 nonconforming in all: p = 0.1.
    for counted in [4, 6, 3, 7] {
        chart.push(50, counted);
    }
    let p = chart.p(100).unwrap();
    close(p.center, 0.1, 1e-15, "p");
    close(p.high, 0.19, 1e-12, "p + 3·0.03");
    close(p.low, 0.01, 1e-12, "p − 3·0.03");
    let few = chart.p(9).unwrap();
    close(few.low, 0.0, 1e-15, "a share is not negative");
    close(few.high, 0.4, 1e-12, "p + 3·0.1");
    let np = chart.np(100).unwrap();
    close(np.center, 10.0, 1e-12, "np");
    close(np.high, 19.0, 1e-12, "np");
    close(np.low, 1.0, 1e-12, "np");
    let c = chart.c().unwrap();
    close(c.center, 5.0, 1e-15, "c");
    close(c.high, 5.0 + 3.0 * 5.0_f64.sqrt(), 1e-12, "c");
    close(c.low, 0.0, 1e-15, "c");
    let u = chart.u(10).unwrap();
    close(u.center, 0.1, 1e-15, "u");
    close(u.high, 0.4, 1e-12, "u + 3·0.1");
    assert!(chart.p(0).is_none() && chart.u(0).is_none());
    let mut half = Attributes::default();
    half.push(50, 4);
    let mut other = Attributes::default();
    other.push(50, 6);
    other.push(50, 3);
    other.push(50, 7);
    assert_eq!(half.merged(&other), chart);
    // A limit that is cut off at 1 does not show the standard deviation.
    let mut good = Attributes::default();
    good.push(1000, 950);
    let cut = good.p(10).unwrap();
    close(cut.high, 1.0, 1e-15, "a share is not above 1");
    close(cut.z(0.80).unwrap(), -0.15 / (0.95 * 0.05 / 10.0_f64).sqrt(), 1e-12, "z");
    close(good.np(10).unwrap().z(8.0).unwrap(), cut.z(0.80).unwrap(), 1e-12, "z of np");
    let mut worse = Attributes::default();
    worse.push(2, 2);
    close(worse.p(2).unwrap().high, 1.0, 1e-15, "a share is not above 1");
    worse.push(1, 9);
    assert_eq!(worse.p(2), None, "more than one nonconformity per item is no share");
}

#[derive(Deserialize)]
struct Series {
    z: Vec<f64>,
    nelson: BTreeMap<u8, Vec<usize>>,
}

#[test]
fn all_30_series_signal_where_nelson_says() {
    let series: Vec<Series> = serde_json::from_str(fixtures::NELSON_SERIES).unwrap();
    assert_eq!(series.len(), 30);
    let mut seen = BTreeMap::<u8, usize>::new();
    for one in &series {
        let mut rules = RunRules::new(RuleSet::Nelson);
        let mut found: BTreeMap<u8, Vec<usize>> = (1..=8).map(|number| (number, Vec::new())).collect();
        for (at, z) in one.z.iter().enumerate() {
            for rule in rules.push(*z).iter() {
                found.get_mut(&rule.number(RuleSet::Nelson).unwrap()).unwrap().push(at);
                *seen.entry(rule.number(RuleSet::Nelson).unwrap()).or_default() += 1;
            }
        }
        assert_eq!(found, one.nelson);
    }
    assert_eq!(seen.len(), 8, "every rule signals somewhere: {seen:?}");
}

/// Each rule by its wording: the shortest series that shows the pattern signals, and that series
/// without one point does not.
#[test]
fn each_rule_signals_at_the_last_point_of_its_pattern_and_not_before() {
    let nelson: [(RunRule, Vec<f64>); 8] = [
        (RunRule::BeyondThreeSigma, vec![-3.01]),
        (RunRule::NineOnOneSide, vec![0.1; 9]),
        (RunRule::SixInATrend, vec![0.5, 0.4, 0.3, -0.1, -0.2, -0.3]),
        (RunRule::FourteenAlternating, [0.2, -0.2].repeat(7)),
        (RunRule::TwoOfThreeBeyondTwoSigma, vec![-2.1, 0.0, -2.1]),
        (RunRule::FourOfFiveBeyondOneSigma, vec![1.1, 1.2, -0.5, 1.2, 1.1]),
        (RunRule::FifteenWithinOneSigma, [0.9, 0.8, -0.9].repeat(5)),
        (RunRule::EightBeyondOneSigma, [1.1, -1.2, -1.1, 1.2].repeat(2)),
    ];
    let western = [
        (RunRule::BeyondThreeSigma, vec![3.01]),
        (RunRule::TwoOfThreeBeyondTwoSigma, vec![2.1, 2.1]),
        (RunRule::FourOfFiveBeyondOneSigma, vec![-1.1; 4]),
        (RunRule::EightOnOneSide, vec![-0.1; 8]),
    ];
    for (set, cases) in [(RuleSet::Nelson, &nelson[..]), (RuleSet::WesternElectric, &western[..])] {
        for (k, (rule, z)) in cases.iter().enumerate() {
            assert_eq!(rule.number(set).map(usize::from), Some(k + 1));
            let mut rules = RunRules::new(set);
            assert_eq!(rules.set(), set);
            let signals: Vec<_> = z.iter().map(|z| rules.push(*z)).collect();
            let (last, before) = signals.split_last().unwrap();
            assert!(last.contains(*rule) && !last.is_empty(), "{rule:?}");
            assert!(before.iter().all(|signals| !signals.contains(*rule)), "{rule:?}");
            // A point that is NaN ends the run.
            let mut broken = RunRules::new(set);
            let (end, begin) = z.split_last().unwrap();
            begin.iter().for_each(|z| _ = broken.push(*z));
            assert!(broken.push(f64::NAN).is_empty());
            assert!(*rule == RunRule::BeyondThreeSigma || !broken.push(*end).contains(*rule), "{rule:?}");
        }
    }
    // Points on the centre line are on neither side, and a point exactly on a limit is not beyond
    // it.
    let mut edge = RunRules::new(RuleSet::Nelson);
    assert!((0..30).all(|k| {
        let z = if k % 2 == 0 { 1.0 } else { -1.0 };
        edge.push(z).iter().all(|rule| rule == RunRule::FourteenAlternating)
    }));
    let mut zero = RunRules::new(RuleSet::WesternElectric);
    assert!((0..30).all(|_| zero.push(0.0).is_empty()));
    assert!(RunRules::new(RuleSet::Nelson).push(3.0).is_empty());
    assert_eq!(RunRule::EightOnOneSide.number(RuleSet::Nelson), None);
}

/// e-Handbook 6.1.6: limits 8 and 20, mean 16, s = 2, target 14.
#[test]
fn nist_capability() {
    // Two values about 16 with s = 2, repeated. The s of n values is that of the population times
    // √(n/(n−1)).
    let spread = 2.0 * (99.0_f64 / 100.0).sqrt();
    let values: Vec<f64> = (0..100).map(|k| if k % 2 == 0 { 16.0 - spread } else { 16.0 + spread }).collect();
    let tolerance = Tolerance::between(8.0, 20.0).unwrap();
    let level = Score::nearest(0.95);
    let capability = Capability::of(&moments(&values), 0.0, &tolerance, Some(14.0), level).unwrap();
    let (cp, cpm) = (capability.cp.unwrap(), capability.cpm.unwrap());
    close(cp.value, 1.0, 1e-12, "Cp");
    close(capability.cpk.value, 2.0 / 3.0, 1e-12, "Cpk");
    close(cpm.value, 0.5_f64.sqrt(), 1e-12, "Cpm");
    // χ²₉₉ at 0.025 and 0.975 is 73.361 and 128.422 (e-Handbook 1.3.6.7.4).
    close(cp.low, (73.361_f64 / 99.0).sqrt(), 1e-5, "lower Cp");
    close(cp.high, (128.422_f64 / 99.0).sqrt(), 1e-5, "upper Cp");
    let half = 1.959_963_984_540_054 * (1.0 / 900.0 + 4.0 / 9.0 / 198.0_f64).sqrt();
    close(capability.cpk.low, 2.0 / 3.0 - half, 1e-12, "lower Cpk");
    close(capability.cpk.high, 2.0 / 3.0 + half, 1e-12, "upper Cpk");
    // Cpm has n(1 + ξ²)²/(1 + 2ξ²) = 100·4/3 degrees of freedom: narrower than Cp.
    assert!(
        cpm.low < cpm.value && cpm.value < cpm.high && (cpm.high - cpm.low) / cpm.value < (cp.high - cp.low) / cp.value
    );
    close(capability.nonconforming, normal_cdf(-4.0) + normal_cdf(-2.0), 1e-15, "outside");
    // The values are the quantiles of scipy.
    close(cpm.low, 0.622_278_580_781_629_3, 1e-9, "lower Cpm");
    close(cpm.high, 0.791_808_851_369_895_1, 1e-9, "upper Cpm");
    let nearer = Capability::of(&moments(&values), 0.0, &tolerance, Some(14.5), level).unwrap().cpm.unwrap();
    close(nearer.value, 0.8, 1e-12, "Cpm");
    close(nearer.low, 0.696_627_034_444_493_6, 1e-9, "lower Cpm");

    // The measurement's own variance is subtracted: s² = 4, of which 1.75 is measurement.
    let without = Capability::of(&moments(&values), 1.75_f64.sqrt(), &tolerance, None, level).unwrap();
    close(without.cp.unwrap().value, 12.0 / 6.0 / 1.5, 1e-12, "Cp without the measurement");
    assert_eq!(without.cpm, None);
    // The intervals grow: 2.25 of 4 are left, with the certainty of 99 · 0.5625² degrees of
    // freedom.
    let (cp, freedom) = (without.cp.unwrap(), 99.0 * 0.5625_f64.powi(2));
    assert!((cp.high - cp.low) / cp.value > 1.7 * (1.0 * (128.422_f64 / 99.0).sqrt() - (73.361_f64 / 99.0).sqrt()));
    let half = 1.959_963_984_540_054 * (4.0 / (900.0 * 2.25) + without.cpk.value.powi(2) / (2.0 * freedom)).sqrt();
    close(without.cpk.high - without.cpk.value, half, 1e-9, "half of the interval of Cpk");

    let one_sided =
        Capability::of(&moments(&values), 0.0, &Tolerance::at_most(20.0).unwrap(), Some(14.0), level).unwrap();
    assert!(one_sided.cp.is_none() && one_sided.cpm.is_none());
    close(one_sided.cpk.value, 2.0 / 3.0, 1e-12, "Cpk");
    close(one_sided.nonconforming, normal_cdf(-2.0), 1e-15, "outside");

    let refused = |values: &[f64], u: f64, level: f64| {
        Capability::of(&moments(values), u, &tolerance, None, Score::nearest(level)).unwrap_err()
    };
    assert_eq!(refused(&[1.0], 0.0, 0.95), CapabilityError::TooFew(1));
    assert_eq!(refused(&[1.0, 1.0], 0.0, 0.95), CapabilityError::NoSpread { sd: 0.0, u: 0.0 });
    assert!(matches!(refused(&values, 2.0, 0.95), CapabilityError::NoSpread { .. }));
    assert!(matches!(refused(&values, -1.0, 0.95), CapabilityError::NoSpread { .. }));
    assert_eq!(refused(&values, 0.0, 1.0), CapabilityError::Confidence(1.0));
    assert_eq!(refused(&values, 0.0, 0.0), CapabilityError::Confidence(0.0));
}

/// Capability and the share outside, as asserted by suncal.
#[test]
fn cpk_and_the_share_outside() {
    let tolerance = Tolerance::between(9.0, 11.0).unwrap();
    for (mean, cpk, outside) in [(10.0, 0.833_333, 0.012_42), (10.5, 0.416_667, 0.105_74), (12.0, -0.833_333, 0.993_79)]
    {
        let (ours, share) = Capability::of_known(Measured::new(mean, 0.4).unwrap(), &tolerance);
        close(ours, cpk, 1e-6, "Cpk");
        close(share, outside, 1e-5, "outside");
        // Computed from values, the share is equal, on whichever side the mean lies.
        let spread = 0.4 * (9_999.0_f64 / 10_000.0).sqrt();
        let values: Vec<f64> = (0..10_000).map(|k| if k % 2 == 0 { mean - spread } else { mean + spread }).collect();
        let capability = Capability::of(&moments(&values), 0.0, &tolerance, None, Score::nearest(0.9)).unwrap();
        close(capability.cpk.value, cpk, 1e-6, "Cpk of values");
        close(capability.nonconforming, outside, 1e-5, "outside of values");
    }
    let low = Capability::of(&moments(&[7.9, 8.1]), 0.0, &tolerance, None, Score::nearest(0.9)).unwrap();
    close(low.nonconforming, 1.0, 1e-9, "all below");
}

#[derive(Deserialize)]
struct Filter {
    q: f64,
    r: f64,
    x0: f64,
    #[serde(rename = "P0")]
    p0: f64,
    z: Vec<Option<f64>>,
    x: Vec<f64>,
    #[serde(rename = "P")]
    p: Vec<f64>,
    nis: Vec<Option<f64>>,
}

#[test]
fn all_local_level_filters_agree_with_filterpy_to_1e_12() {
    let filters: Vec<Filter> = serde_json::from_str(fixtures::KALMAN).unwrap();
    assert_eq!(filters.len(), 6);
    for filter in &filters {
        let mut level = ReferenceLevel::new(filter.x0, filter.p0, filter.q, filter.r).unwrap();
        for (k, z) in filter.z.iter().enumerate() {
            let innovation = level.advance(z.map(ReferenceReading));
            close(level.level(), filter.x[k], 1e-12, "x");
            close(level.variance(), filter.p[k], 1e-12, "P");
            match filter.nis[k] {
                Some(nis) => close(innovation.unwrap().normalized_square, nis, 1e-12, "NIS"),
                None => assert_eq!(innovation, None),
            }
        }
    }
    let mut level = ReferenceLevel::new(0.0, 1.0, 0.5, 1.0).unwrap();
    assert_eq!(level.advance(Some(ReferenceReading(f64::NAN))), None);
    assert!(level.level().abs() < 1e-15 && (level.variance() - 1.5).abs() < 1e-15);
    close(level.advance(Some(ReferenceReading(3.0))).unwrap().residual, 3.0, 1e-15, "residual");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// A stream that is cut anywhere and merged equals the uncut stream.
    #[test]
    fn what_was_cut_and_merged_is_whole(values in prop::collection::vec(-1e3..1e3_f64, 2..60), at in any::<prop::sample::Index>()) {
        let at = at.index(values.len());
        let (left, right) = values.split_at(at);
        let (whole, merged) = (moments(&values), moments(left).merged(&moments(right)));
        prop_assert_eq!(whole.count(), merged.count());
        prop_assert!((whole.mean().unwrap() - merged.mean().unwrap()).abs() < 1e-9);
        prop_assert!((whole.variance().unwrap() - merged.variance().unwrap()).abs() < 1e-6);
        let direct = values.iter().sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|x| (x - direct).powi(2)).sum::<f64>() / (values.len() - 1) as f64;
        prop_assert!((whole.variance().unwrap() - variance).abs() < 1e-6 && (whole.sd().unwrap() - variance.sqrt()).abs() < 1e-6);

        let chart = |values: &[f64]| { let mut chart = Individuals::default(); values.iter().for_each(|x| _ = chart.push(*x)); chart };
        let (whole, merged) = (chart(&values).limits().unwrap(), chart(left).followed_by(&chart(right)).limits().unwrap());
        prop_assert!((whole.high - merged.high).abs() < 1e-6 && (whole.center - merged.center).abs() < 1e-9);

        let groups = |values: &[f64]| {
            let mut chart = Subgroups::of(2).unwrap();
            values.chunks_exact(2).for_each(|pair| chart.push(pair).unwrap());
            chart
        };
        let even = at / 2 * 2;
        let (whole, merged) = (groups(&values), groups(&values[..even]).merged(&groups(&values[even..])).unwrap());
        for limits in [Subgroups::means_by_range, Subgroups::means_by_deviation, Subgroups::ranges, Subgroups::deviations] {
            prop_assert!((limits(&whole).unwrap().high - limits(&merged).unwrap().high).abs() < 1e-6);
        }
    }

    /// A state that is stored in the middle of a stream continues as the original.
    #[cfg(feature = "serde")]
    #[test]
    fn a_stored_state_goes_on_where_it_was(values in prop::collection::vec(-4.0..4.0_f64, 1..60), at in any::<prop::sample::Index>()) {
        fn back<T: serde::Serialize + serde::de::DeserializeOwned>(state: &T) -> T {
            serde_json::from_str(&serde_json::to_string(state).unwrap()).unwrap()
        }
        let at = at.index(values.len());
        let (mut rules, mut ewma) = (RunRules::new(RuleSet::Nelson), Ewma::new(0.0, 1.0, 0.2, 3.0).unwrap());
        let (mut cusum, mut level) = (Cusum::new(0.0, 0.5, 5.0).unwrap(), ReferenceLevel::new(0.0, 1.0, 0.1, 1.0).unwrap());
        let mut chart = Individuals::default();
        let (mut rules_2, mut ewma_2, mut cusum_2, mut level_2, mut chart_2) = (rules, ewma, cusum, level, chart);
        for (k, x) in values.iter().enumerate() {
            if k == at {
                (rules_2, ewma_2, cusum_2) = (back(&rules), back(&ewma), back(&cusum));
                (level_2, chart_2) = (back(&level), back(&chart));
            }
            prop_assert_eq!(rules.push(*x), rules_2.push(*x));
            prop_assert_eq!((ewma.push(*x), cusum.push(*x)), (ewma_2.push(*x), cusum_2.push(*x)));
            prop_assert_eq!(level.advance(Some(ReferenceReading(*x))), level_2.advance(Some(ReferenceReading(*x))));
            chart.push(*x);
            chart_2.push(*x);
            prop_assert_eq!(chart, chart_2);
        }
    }

    /// The run rules agree with their definitions over windows.
    #[test]
    fn run_rules_are_their_definitions(series in prop::collection::vec((-35..=35_i32).prop_map(|z| f64::from(z) / 10.0), 1..80)) {
        let window = |at: usize, n: usize| (at + 1 >= n).then(|| &series[at + 1 - n..=at]);
        let all = |at: usize, n: usize, f: &dyn Fn(&f64) -> bool| window(at, n).is_some_and(|w| w.iter().all(f));
        let some = |at: usize, n: usize, least: usize, f: &dyn Fn(&f64) -> bool| {
            series[(at + 1).saturating_sub(n)..=at].iter().filter(|z| f(z)).count() >= least
        };
        let (mut nelson, mut western) = (RunRules::new(RuleSet::Nelson), RunRules::new(RuleSet::WesternElectric));
        for at in 0..series.len() {
            let (n, w) = (nelson.push(series[at]), western.push(series[at]));
            let trend = |w: &[f64]| w.windows(2).all(|p| p[1] > p[0]) || w.windows(2).all(|p| p[1] < p[0]);
            let turning = |w: &[f64]| w.windows(3).all(|p| (p[1] - p[0]) * (p[2] - p[1]) < 0.0);
            let one_side = |k: usize| all(at, k, &|z| *z > 0.0) || all(at, k, &|z| *z < 0.0);
            let beyond = |n: usize, least: usize, s: f64| some(at, n, least, &|z| *z > s) || some(at, n, least, &|z| *z < -s);
            let expected = [
                (RunRule::BeyondThreeSigma, series[at].abs() > 3.0),
                (RunRule::NineOnOneSide, one_side(9)),
                (RunRule::SixInATrend, window(at, 6).is_some_and(trend)),
                (RunRule::FourteenAlternating, window(at, 14).is_some_and(turning)),
                (RunRule::TwoOfThreeBeyondTwoSigma, beyond(3, 2, 2.0)),
                (RunRule::FourOfFiveBeyondOneSigma, beyond(5, 4, 1.0)),
                (RunRule::FifteenWithinOneSigma, all(at, 15, &|z| z.abs() < 1.0)),
                (RunRule::EightBeyondOneSigma, all(at, 8, &|z| z.abs() > 1.0)),
                (RunRule::EightOnOneSide, one_side(8)),
            ];
            for (rule, shown) in expected {
                prop_assert_eq!(n.contains(rule), shown && rule != RunRule::EightOnOneSide, "{:?} at {}", rule, at);
                prop_assert_eq!(w.contains(rule), shown && rule.number(RuleSet::WesternElectric).is_some(), "{:?} at {}", rule, at);
            }
        }
    }
}
