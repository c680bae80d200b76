//! Acceptance sampling against `AcceptanceSampling` (R), scipy, and all 1248 plans of MIL-STD-105E.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(
    clippy::unreadable_literal,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::excessive_precision,
    reason = "numbers and formulas as they are printed"
)]

use proptest::prelude::*;
use sqal_fusion::process::acceptance::{AttributePlan, PlanError, RiskPoint, VariablesPlan};
use sqal_fusion::process::military_standard::{AQL, Level, MilitaryStandardError, Severity, code_letter, plan};

fn close(ours: f64, theirs: f64, tolerance: f64, what: &str) {
    assert!((ours - theirs).abs() <= tolerance, "{what}: {ours}, expected {theirs}");
}

/// Operating characteristics by `AcceptanceSampling` 1.0-11 (R 4.2.2).
///
/// The columns are sample, acceptance number, share, binomial, Poisson, and hypergeometric in a lot
/// of 1000.
#[test]
#[expect(clippy::too_many_lines, reason = "a table of plans")]
fn operating_characteristics_agree_with_acceptance_sampling_to_1e_12() {
    for (sample, accept, share, binomial, poisson, lot) in [
        (50, 3, 0.0, 1.0, 1.0, 1.0),
        (50, 3, 0.005, 0.999880213073182, 0.999866630349486, 0.999973224731915),
        (50, 3, 0.01, 0.998403826909267, 0.998248377443709, 0.999067968245738),
        (50, 3, 0.02, 0.982241919302028, 0.981011843123846, 0.985191155240456),
        (50, 3, 0.03, 0.937240072266581, 0.93435754562155, 0.942076985827311),
        (50, 3, 0.05, 0.7604079609501, 0.757576133133066, 0.763564461941025),
        (50, 3, 0.08, 0.425295670225394, 0.433470120366709, 0.420477182256939),
        (50, 3, 0.1, 0.250293905953307, 0.265025915297362, 0.243252852066012),
        (50, 3, 0.15, 0.046046578892302, 0.059145459832684, 0.0422266146953851),
        (50, 3, 0.2, 0.0056563610121553, 0.0103360506759257, 0.00481637149380884),
        (125, 3, 0.0, 1.0, 1.0, 1.0),
        (125, 3, 0.005, 0.996251672630265, 0.996122912383811, 0.998943736149946),
        (125, 3, 0.01, 0.962550937836636, 0.961730945710378, 0.973227417744144),
        (125, 3, 0.02, 0.758669804503147, 0.757576133133066, 0.766755221698239),
        (125, 3, 0.03, 0.481405046713338, 0.483767381553687, 0.471273177998808),
        (125, 3, 0.05, 0.123784697783227, 0.130250354727926, 0.107652126741859),
        (125, 3, 0.08, 0.00831188167380167, 0.0103360506759257, 0.00568772007839704),
        (125, 3, 0.1, 0.00104197028528557, 0.00155455784301107, 0.000594131203779633),
        (125, 3, 0.15, 3.02482764781592e-06, 9.31038842869134e-06, 1.03189939839713e-06),
        (125, 3, 0.2, 4.21837628228209e-09, 4.08675894799675e-08, 7.9518946660643e-10),
        (20, 0, 0.0, 1.0, 1.0, 1.0),
        (20, 0, 0.005, 0.904610480274618, 0.90483741803596, 0.903735781147757),
        (20, 0, 0.01, 0.817906937597231, 0.818730753077982, 0.816317947226245),
        (20, 0, 0.02, 0.667607971755094, 0.670320046035639, 0.664989928328103),
        (20, 0, 0.03, 0.543794342926747, 0.548811636094026, 0.540565653423622),
        (20, 0, 0.05, 0.358485922408542, 0.367879441171442, 0.354870855457729),
        (20, 0, 0.08, 0.188693329162797, 0.201896517994655, 0.185559161928457),
        (20, 0, 0.1, 0.121576654590569, 0.135335283236613, 0.119001918524792),
        (20, 0, 0.15, 0.0387595310845144, 0.0497870683678639, 0.0374634294553671),
        (20, 0, 0.2, 0.0115292150460685, 0.0183156388887342, 0.0109866169298708),
        (13, 1, 0.0, 1.0, 1.0, 1.0),
        (13, 1, 0.005, 0.998120175329238, 0.997976848496935, 0.998472603312314),
        (13, 1, 0.01, 0.992751056322065, 0.992247836940234, 0.99337533137785),
        (13, 1, 0.02, 0.973048737431152, 0.971524998112494, 0.974013086981637),
        (13, 1, 0.03, 0.943625610953796, 0.941109055552449, 0.944713884618532),
        (13, 1, 0.05, 0.864576140260219, 0.861375531655676, 0.865478410643708),
        (13, 1, 0.08, 0.720626119803569, 0.721047551195912, 0.720731232995647),
        (13, 1, 0.1, 0.6213449802582, 0.626823123978229, 0.620854237902905),
        (13, 1, 0.15, 0.398276919981282, 0.419708511180215, 0.396699888209947),
        (13, 1, 0.2, 0.2336462209024, 0.267384881571602, 0.231759758222051),
        (80, 5, 0.0, 1.0, 1.0, 1.0),
        (80, 5, 0.005, 0.999996579442357, 0.999995957316826, 1.0),
        (80, 5, 0.01, 0.99984037931038, 0.999815657478796, 0.999964561405437),
        (80, 5, 0.02, 0.994550539061372, 0.993959708888419, 0.99660443259958),
        (80, 5, 0.03, 0.966693618099789, 0.964327489004697, 0.972833434327271),
        (80, 5, 0.05, 0.789224678501038, 0.785130387030405, 0.796366532141687),
        (80, 5, 0.08, 0.375020543606143, 0.383743661795803, 0.366471748489939),
        (80, 5, 0.1, 0.176916524416307, 0.191236062079625, 0.165815353822658),
        (80, 5, 0.15, 0.0140226100069499, 0.0203410294169284, 0.0113227589133982),
        (80, 5, 0.2, 0.00055049433141417, 0.00138378502476288, 0.000366109034441788),
        (200, 7, 0.0, 1.0, 1.0, 1.0),
        (200, 7, 0.005, 0.999990804906074, 0.999989750803325, 1.0),
        (200, 7, 0.01, 0.998987442849479, 0.998903281032141, 0.999929492132513),
        (200, 7, 0.02, 0.950664945055175, 0.948866384207153, 0.969276468632809),
        (200, 7, 0.03, 0.746103191274155, 0.743979760453717, 0.763506966656563),
        (200, 7, 0.05, 0.213304702784705, 0.220220646601699, 0.183709418810421),
        (200, 7, 0.08, 0.00794389628260024, 0.00999978095310479, 0.00398741800593011),
        (200, 7, 0.1, 0.000484996716453546, 0.000778590082507363, 0.000154714907259904),
        (200, 7, 0.15, 1.16053297159647e-07, 5.2337341670707e-07, 9.78305602288781e-09),
        (200, 7, 0.2, 6.73333462867505e-12, 1.66400954442965e-10, 1.17699873583449e-13),
    ] {
        let plan = AttributePlan { sample, accept };
        close(plan.acceptance(share), binomial, 1e-12, "binomial");
        close(plan.acceptance_of_nonconformities(share), poisson, 1e-12, "Poisson");
        let nonconforming = (share * 1000.0_f64).round() as u32;
        close(plan.acceptance_of_lot(1000, nonconforming), lot, 1e-12, "hypergeometric");
    }
}

/// `find.plan` of the R package `AcceptanceSampling` 1.0-11.
#[test]
fn the_smallest_plans_are_those_of_acceptance_sampling() {
    let point = |share, probability| RiskPoint { share, probability };
    for (good, bad, sample, accept) in [
        (point(0.01, 0.95), point(0.08, 0.10), 65, 2),
        (point(0.005, 0.95), point(0.05, 0.10), 105, 2),
        (point(0.02, 0.95), point(0.10, 0.05), 89, 4),
        (point(0.001, 0.99), point(0.02, 0.10), 265, 2),
    ] {
        assert_eq!(AttributePlan::find(good, bad), Ok(AttributePlan { sample, accept }));
    }
    // The k of the R package is good to six digits only (0.950001 where 0.95 was requested). That
    // of scipy's noncentral t is good to twelve.
    for (good, bad, sample, k, exact) in [
        (point(0.01, 0.95), point(0.08, 0.10), 28, 1.825_178_615_579_34, 1.825_178_432_684_67),
        (point(0.005, 0.95), point(0.05, 0.10), 32, 2.066_770_964_331_2, 2.066_773_865_034_492),
    ] {
        let plan = VariablesPlan::find(good, bad).unwrap();
        assert_eq!((plan.sample, plan.sigma_known), (sample, false));
        close(plan.k, k, 5e-6, "k");
        close(plan.k, exact, 1e-11, "k by the noncentral t");
        close(plan.acceptance(good.share), good.probability, 1e-12, "probability of acceptance");
    }
    for (good, bad) in [
        (point(0.08, 0.95), point(0.01, 0.10)),
        (point(0.01, 0.10), point(0.08, 0.95)),
        (point(0.0, 0.95), point(0.08, 0.10)),
        (point(0.01, 1.0), point(0.08, 0.10)),
        (point(0.01, 0.95), point(f64::NAN, 0.10)),
    ] {
        assert!(matches!(AttributePlan::find(good, bad), Err(PlanError::Points { .. })), "{good:?} {bad:?}");
        assert!(matches!(VariablesPlan::find(good, bad), Err(PlanError::Points { .. })), "{good:?} {bad:?}");
    }
    let (good, bad) = (point(0.01, 0.95), point(0.010_001, 0.94));
    assert_eq!(VariablesPlan::find(good, bad), Err(PlanError::TooLarge(100_000)));
}

/// Every plan of tables II-A, II-B and II-C, with the arrows resolved.
#[test]
fn all_1248_plans_of_the_military_standard() {
    let mut plans = 0;
    for line in fixtures::MIL_STD_105E.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split(' ');
        let severity = match words.next().unwrap() {
            "normal" => Severity::Normal,
            "tightened" => Severity::Tightened,
            "reduced" => Severity::Reduced,
            other => panic!("{other}"),
        };
        let letter = words.next().unwrap().chars().next().unwrap();
        for (aql, cell) in AQL.into_iter().zip(words) {
            let ours = plan(letter, aql, severity).unwrap();
            assert_eq!(
                format!("{}:{}/{}", ours.plan.sample, ours.plan.accept, ours.reject),
                cell,
                "{severity:?} {letter} {aql}"
            );
            plans += 1;
        }
    }
    assert_eq!(plans, 1248);
}

/// Table I of MIL-STD-105E: special levels S-1 to S-4 and general levels I to III.
#[test]
fn all_code_letters_of_the_military_standard() {
    let rows = [
        (2, 8, "AAAAAAB"),
        (9, 15, "AAAAABC"),
        (16, 25, "AABBBCD"),
        (26, 50, "ABBCCDE"),
        (51, 90, "BBCCCEF"),
        (91, 150, "BBCDDFG"),
        (151, 280, "BCDEEGH"),
        (281, 500, "BCDEFHJ"),
        (501, 1200, "CCEFGJK"),
        (1201, 3200, "CDEGHKL"),
        (3201, 10_000, "CDFGJLM"),
        (10_001, 35_000, "CDFHKMN"),
        (35_001, 150_000, "DEGJLNP"),
        (150_001, 500_000, "DEGJMPQ"),
        (500_001, u32::MAX, "DEHKNQR"),
    ];
    let levels = [Level::S1, Level::S2, Level::S3, Level::S4, Level::I, Level::II, Level::III];
    for (from, to, letters) in rows {
        for lot in [from, to] {
            let ours: String = levels.into_iter().map(|level| code_letter(lot, level).unwrap()).collect();
            assert_eq!(ours, letters, "a lot of {lot}");
        }
    }
    assert_eq!(code_letter(1, Level::II), Err(MilitaryStandardError::Lot(1)));
    assert_eq!(plan('I', 1.0, Severity::Normal), Err(MilitaryStandardError::Letter('I')));
    assert_eq!(plan('S', 1.0, Severity::Tightened), Err(MilitaryStandardError::Letter('S')));
    assert_eq!(plan('K', 1.1, Severity::Normal), Err(MilitaryStandardError::Aql(1.1)));
}

/// The samples are so large that unscaled terms exceed the range of a number; the values are by
/// scipy.
#[test]
fn large_samples_neither_overflow_nor_vanish() {
    let half = AttributePlan { sample: 5000, accept: 2520 };
    close(half.acceptance(0.5), 0.718_982_380_953_400_4, 1e-10, "binomial");
    let third = AttributePlan { sample: 5000, accept: 1480 };
    close(third.acceptance(0.3), 0.274_098_564_938_942_9, 1e-10, "binomial");
}

#[test]
fn the_k_method_decides_by_the_distance_to_the_limit() {
    let plan = VariablesPlan { sample: 10, k: 2.0, sigma_known: true };
    assert!(plan.accepts_below(8.0, 1.0, 10.0) && !plan.accepts_below(8.1, 1.0, 10.0));
    assert!(plan.accepts_above(14.0, 2.0, 10.0) && !plan.accepts_above(13.9, 2.0, 10.0));
    assert!(plan.accepts_above(12.0, 1.0, 10.0) && !plan.accepts_above(11.9, 1.0, 10.0));
    // With σ known, a lot with a share of Φ(−k) beyond the limit is accepted with probability one
    // half.
    close(plan.acceptance(sqal_core::normal::normal_cdf(-2.0)), 0.5, 1e-12, "σ known");
    // With two values, s/σ is half-normal, and the probability of acceptance at k = 0 is that of
    // the mean being inside.
    let two = VariablesPlan { sample: 2, k: 0.0, sigma_known: false };
    let margin = -sqal_core::normal::normal_quantile(0.1);
    close(two.acceptance(0.1), sqal_core::normal::normal_cdf(2.0_f64.sqrt() * margin), 1e-9, "k = 0");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn worse_lots_are_accepted_less_and_larger_acceptance_numbers_accept_more(
        sample in 1..300_u32, accept in 0..20_u32, share in 0.0..=1.0_f64, worse in 0.0..=1.0_f64,
    ) {
        let (share, worse) = (share.min(worse), share.max(worse));
        let plan = AttributePlan { sample, accept };
        let more = AttributePlan { sample, accept: accept + 1 };
        for oc in [AttributePlan::acceptance, AttributePlan::acceptance_of_nonconformities] {
            prop_assert!(oc(&plan, worse) <= oc(&plan, share) + 1e-12);
            prop_assert!(oc(&more, share) >= oc(&plan, share) - 1e-12);
            prop_assert!((0.0..=1.0).contains(&oc(&plan, share)));
        }
        let lot = 500;
        let bad = (share * 500.0) as u32;
        let worse = (worse * 500.0) as u32;
        prop_assert!(plan.acceptance_of_lot(lot, worse) <= plan.acceptance_of_lot(lot, bad) + 1e-9);
    }

    /// The hypergeometric probability agrees with counting by Pascal's triangle in floating point.
    #[test]
    fn a_lot_is_accepted_as_often_as_counting_says(lot in 1..60_u32, bad in 0..60_u32, sample in 1..60_u32, accept in 0..10_u32) {
        let (bad, sample) = (bad.min(lot), sample.min(lot));
        let choose = |n: u32, k: u32| -> f64 {
            if k > n { 0.0 } else { (0..k).map(|j| f64::from(n - j) / f64::from(j + 1)).product() }
        };
        let good = lot - bad;
        let exact: f64 = (0..=accept.min(sample)).map(|k| choose(bad, k) * choose(good, sample - k)).sum::<f64>() / choose(lot, sample);
        let ours = AttributePlan { sample, accept }.acceptance_of_lot(lot, bad);
        prop_assert!((ours - exact).abs() < 1e-10, "{ours} {exact}");
    }
}

/// All 432 constants of the transcription, and the sample size of each letter where the table has a
/// plan and not an arrow.
#[test]
fn all_constants_of_mil_std_414_are_those_of_the_table() {
    use sqal_fusion::process::military_standard::Severity;
    use sqal_fusion::process::variables_standard::{AQL, VariablesStandardError, plan};
    let (mut seen, mut own) = (0, 0);
    for line in fixtures::MIL_STD_414.lines().filter(|line| !line.starts_with('#')) {
        let (head, constants) = line.split_once(": ").unwrap();
        let [severity, letter, sample] = head.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let (severity, levels) =
            if severity == "n" { (Severity::Normal, &AQL[..]) } else { (Severity::Tightened, &AQL[1..]) };
        let (letter, sample) = (letter.parse::<char>().unwrap(), sample.parse::<u32>().unwrap());
        for (k, aql) in constants.split(' ').zip(levels) {
            let ours = plan(letter, *aql, severity).unwrap();
            assert!((ours.k - k.parse::<f64>().unwrap()).abs() < 1e-12, "{letter} {aql}: {ours:?}");
            assert!(ours.sample >= sample, "{letter} {aql}: an arrow points to a larger sample");
            own += u32::from(ours.sample == sample);
            seen += 1;
        }
        assert_eq!(constants.split(' ').count(), levels.len());
    }
    assert_eq!((seen, own), (432, 374), "the others are arrows");
    // The purpose of a plan: a lot at the quality level is nearly always accepted. With the k of an
    // arrow and the sample size of the letter, it would not be.
    for (letter, aql) in [('B', 0.04), ('F', 1.0), ('K', 0.25), ('Q', 15.0), ('E', 6.5)] {
        let ours = plan(letter, aql, Severity::Normal).unwrap();
        let accepted = ours.acceptance(aql / 100.0);
        assert!((0.85..0.995).contains(&accepted), "{letter} {aql} {ours:?}: {accepted}");
    }
    assert_eq!(plan('B', 0.04, Severity::Normal).unwrap().sample, 15);
    assert_eq!(plan('A', 1.0, Severity::Normal), Err(VariablesStandardError::Letter('A')));
    assert_eq!(plan('B', 0.05, Severity::Normal), Err(VariablesStandardError::Aql(0.05)));
    assert_eq!(plan('B', 0.04, Severity::Tightened), Err(VariablesStandardError::Aql(0.04)));
    assert_eq!(plan('B', 1.0, Severity::Reduced), Err(VariablesStandardError::Reduced));
}

/// A lot is accepted k standard deviations from the limit, on either side of it.
#[test]
fn a_lot_is_judged_by_k_standard_deviations() {
    let plan = VariablesPlan { sample: 10, k: 1.5, sigma_known: false };
    assert!(plan.accepts_below(7.0, 2.0, 10.0) && !plan.accepts_below(7.01, 2.0, 10.0));
    assert!(plan.accepts_above(13.0, 2.0, 10.0) && !plan.accepts_above(12.99, 2.0, 10.0));
}
