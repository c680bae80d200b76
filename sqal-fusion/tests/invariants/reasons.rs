//! The reasons of a verdict: its rule, the term that costs most, and what would have changed it.

use sqal_core::defect::{Severity, ZoneSet};
use sqal_core::power_mean::Exponent;
use sqal_core::verdict::{Cap, Instrument, RuleKind};
use sqal_core::{Defect, DefectKind, Defects, Grade, Score};
use sqal_fusion::{FusionRule, PowerMeanRule, SensorWeights};

use crate::readings::{COLOUR, SHAPE, inspector, readings, told};

/// A verdict names its rule, the term that costs most, and what would have changed the grade; and
/// that prediction is true.
#[test]
fn a_verdict_knows_its_reasons() {
    let (frame, spectrum) = readings();
    let judge = |shape: f64, colour: f64, severity: Option<Severity>| {
        let defects =
            severity.map(|s| Defect::new(DefectKind::Tilt, s, ZoneSet::default(), Score::ONE)).into_iter().collect();
        inspector(Some(told(SHAPE, Some(shape), 1.0, defects)), Some(told(COLOUR, Some(colour), 1.0, Defects::new())))
            .inspect(Some(&frame), Some(&spectrum))
            .verdict
    };
    let verdict = judge(0.80, 0.90, None);
    assert_eq!(verdict.reasons.rule, RuleKind::HarmonicMean);
    assert_eq!(verdict.reasons.weakest, Some(Instrument::Tof));
    assert_eq!(judge(0.90, 0.80, None).reasons.weakest, Some(Instrument::Spectral));
    assert_eq!(judge(0.85, 0.85, None).reasons.weakest, None);
    let next = verdict.reasons.next.unwrap();
    assert_eq!((verdict.grade, next.grade), (Grade::B, Grade::A));
    assert_eq!(next.score, Some(Score::nearest(0.85)), "A has no guard: its threshold is what it takes");
    assert_eq!(next.u, None);

    // The grade was held back by a defect: without the cap, the score alone decides.
    let held = judge(0.90, 0.90, Some(Severity::Major));
    assert_eq!((held.grade, held.cap), (Grade::B, Cap::MajorDefect));
    assert_eq!(held.reasons.next.map(|next| next.grade), Some(Grade::A));
    let text = held.explain(sqal_core::verdict::Language::English).to_string();
    assert!(text.contains("(harmonic mean)") && text.contains("without it the grade would be A"), "{text}");
    assert_eq!(judge(1.0, 1.0, None).reasons.next, None, "there is nothing better than A+");
    assert_eq!(inspector(None, None).inspect(None, None).verdict.reasons, sqal_core::verdict::Reasons::default());
}

/// The reported weakest instrument is the one whose score, raised to 1, would raise the fused score
/// most, to first order.
#[test]
fn the_term_that_costs_most_is_found_by_what_perfection_would_gain() {
    let (frame, spectrum) = readings();
    let weakest = |shape: f64, colour: f64, weights: SensorWeights| {
        let mut inspector = inspector(
            Some(told(SHAPE, Some(shape), 1.0, Defects::new())),
            Some(told(COLOUR, Some(colour), 1.0, Defects::new())),
        );
        inspector.weights = weights;
        // With the arithmetic mean, a sensor's gain is its weight times (1 − score).
        inspector.rule = PowerMeanRule::new(Exponent::ARITHMETIC, 0.0, 0.1).unwrap();
        let verdict = inspector.inspect(Some(&frame), Some(&spectrum)).verdict;
        assert_eq!(verdict.reasons.rule, RuleKind::WeightedAverage);
        verdict.reasons.weakest
    };
    // 3 × 0.1 against 1 × 0.2, and 3 × 0.05 against 1 × 0.2.
    assert_eq!(weakest(0.90, 0.80, SensorWeights::new(3.0, 1.0).unwrap()), Some(Instrument::Tof));
    assert_eq!(weakest(0.95, 0.80, SensorWeights::new(3.0, 1.0).unwrap()), Some(Instrument::Spectral));
    assert_eq!(weakest(0.10, 0.95, SensorWeights::new(1.0, 30.0).unwrap()), Some(Instrument::Spectral));
    for (exponent, kind) in
        [(-1.0, RuleKind::HarmonicMean), (f64::NEG_INFINITY, RuleKind::WorstScore), (-2.0, RuleKind::PowerMean)]
    {
        let rule = PowerMeanRule::new(Exponent::new(exponent).unwrap(), 0.0, 0.1).unwrap();
        assert_eq!(rule.kind(), kind);
    }
}
