//! A test of every enum that is stored: a file holds its words and its numbers, so that a
//! reordering, a renaming or a removal is detected.

use std::fmt::Write as _;

use serde::Serialize;
use sqal_core::{
    Channel, DefectKind, Flag, Flags, Grade, Purpose,
    defect::Severity,
    spectrum::AdcStatus,
    tof::DistanceKind,
    verdict::{Cap, Instrument, RuleKind},
};

/// Lines of the file are only ever added.
const STORED: &str = include_str!("stored_words.txt");

const ADC_STATUS: [AdcStatus; 4] =
    [AdcStatus::Unreported, AdcStatus::Clear, AdcStatus::DigitalSaturation, AdcStatus::AnalogSaturation];

const CAPS: [Cap; 6] = [Cap::None, Cap::Guard, Cap::Coverage, Cap::MajorDefect, Cap::CriticalDefect, Cap::Unmeasured];

const RULES: [RuleKind; 5] =
    [RuleKind::HarmonicMean, RuleKind::WeightedAverage, RuleKind::WorstScore, RuleKind::PowerMean, RuleKind::Other];

/// A line for each variant: the enum, the number that is stored, the word in JSON.
fn lines<T: Serialize + Copy>(name: &str, variants: &[T], number: impl Fn(T) -> usize) -> String {
    let mut lines = String::new();
    for variant in variants {
        let stored = postcard::to_allocvec(variant).unwrap();
        let word = serde_json::to_string(variant).unwrap();
        assert_eq!(stored, [u8::try_from(number(*variant)).unwrap()], "{name}::{word}: stored by its discriminant");
        writeln!(lines, "{name} {} {word}", stored[0]).unwrap();
    }
    lines
}

#[test]
fn every_stored_word_has_its_number_for_ever() {
    let found = [
        lines("AdcStatus", &ADC_STATUS, |v| v as usize),
        lines("Cap", &CAPS, |v| v as usize),
        lines("Channel", &Channel::ALL, |v| v as usize),
        lines("DefectKind", &DefectKind::ALL, |v| v as usize),
        lines("DistanceKind", &[DistanceKind::Perpendicular, DistanceKind::Radial], |v| v as usize),
        lines("Flag", &Flag::ALL, |v| v as usize),
        lines("Grade", &Grade::ALL, |v| v as usize),
        lines("Instrument", &[Instrument::Tof, Instrument::Spectral], |v| v as usize),
        lines("Purpose", &[Purpose::Product, Purpose::Calibration], |v| v as usize),
        lines("RuleKind", &RULES, |v| v as usize),
        lines("Severity", &[Severity::Minor, Severity::Major, Severity::Critical], |v| v as usize),
    ]
    .concat();
    assert_eq!(found, STORED);
}

/// Flags are stored as bits, and read as names in JSON.
#[test]
fn flags_are_stored_as_bits_and_read_as_names() {
    for (number, flag) in Flag::ALL.into_iter().enumerate() {
        let flags = Flags::default().with(flag);
        assert_eq!(
            postcard::to_allocvec(&flags).unwrap(),
            postcard::to_allocvec(&(1_u32 << number)).unwrap(),
            "{flag:?}"
        );
        assert_eq!(serde_json::to_string(&flags).unwrap(), format!("[\"{}\"]", flag.as_str()));
    }
    let both = Flags::default().with(Flag::Imputed).with(Flag::LowSignal);
    let [names, bits] =
        [serde_json::to_string(&both).unwrap(), (1_u32 << 5 | 1 << (Flag::LowSignal as u32)).to_string()];
    for written in [names, bits] {
        assert_eq!(serde_json::from_str::<Flags>(&written).unwrap(), both, "{written}");
    }
    for wrong in ["[\"NoSuchFlag\"]", "4294967296", "-1", "\"Imputed\""] {
        assert!(serde_json::from_str::<Flags>(wrong).is_err(), "{wrong}");
    }
}
