//! Reports over several weeks: trends of functions, recommendations, texts in both languages
//! (PRF-02).
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use proptest::prelude::*;
use sqal_core::Timestamp;
use sqal_core::verdict::Language;
use sqal_profiling::{
    CpuProfile, Place, ProfilePlan, ProfileRecord, ProfilingReport, Recommendation, generate_profiling_report,
};

const WEEK: i64 = 604_800_000_000;

/// 2026-11-24T10:00:00Z, a Tuesday of the week 2026-W48.
const FIRST: i64 = 1_795_514_400_000_000;

/// A record of a week, with the samples of its functions.
fn record(week: i64, functions: &[(&str, u64)]) -> ProfileRecord {
    let due = Timestamp::from_micros(FIRST + week * WEEK).unwrap();
    let mut profile = CpuProfile::new(due, Duration::from_secs(30), ProfilePlan::default());
    for (function, samples) in functions {
        profile.add("t", [Place::of(*function), Place::of("main")], *samples);
    }
    ProfileRecord::of(due, &profile, None, None)
}

fn codes(report: &ProfilingReport) -> Vec<&'static str> {
    report.recommendations.iter().map(Recommendation::code).collect()
}

#[test]
fn prf_02_the_mean_share_orders_the_functions_and_a_missing_week_counts_as_0() {
    let report = generate_profiling_report(&[
        record(0, &[("parse", 300), ("store", 700)]),
        record(1, &[("parse", 300), ("store", 100), ("draw", 600)]),
        record(2, &[("parse", 300), ("store", 100), ("draw", 600)]),
    ]);
    let weeks: Vec<_> = report.profiles.iter().map(|profile| profile.week.as_str()).collect();
    assert_eq!(weeks, ["2026-W48", "2026-W49", "2026-W50"]);
    let told: Vec<_> = report
        .functions
        .iter()
        .map(|trend| {
            let share = |percent: Option<f64>| percent.map_or_else(|| "-".to_owned(), |percent| percent.to_string());
            let shares = [Some(trend.mean_percent), trend.oldest_percent, trend.newest_percent].map(share);
            (trend.function.as_str(), trend.profiles, shares.join(" "))
        })
        .collect();
    let expected = [("draw", 2, "40 - 60"), ("parse", 3, "30 30 30"), ("store", 3, "30 70 10")];
    assert_eq!(told, expected.map(|(name, profiles, shares)| (name, profiles, shares.to_owned())));
}

#[test]
fn prf_02_each_cause_has_its_recommendation() {
    let even = [("a", 101), ("b", 99), ("c", 98), ("d", 97), ("e", 96), ("f", 95), ("g", 94)];
    let calm = |week| record(week, &even);
    let of = |records: &[ProfileRecord]| codes(&generate_profiling_report(records));
    assert_eq!(of(&[]), ["await_profile"]);
    assert_eq!(of(&[calm(0)]), ["await_comparison"]);
    assert_eq!(of(&[calm(0), calm(1)]), ["nothing"]);
    assert_eq!(of(&[calm(0), record(1, &[("a", 199)])]), ["profile_under_load"], "too few to name functions");
    assert_eq!(of(&[record(0, &[("a", 9)]), calm(1)]), ["nothing"], "no growth is told from too few samples");

    let grown = record(1, &[("a", 300), ("b", 99), ("c", 98), ("d", 97), ("e", 96), ("f", 95), ("g", 94)]);
    let report = generate_profiling_report(&[calm(0), grown]);
    assert_eq!(codes(&report), ["optimize_function", "examine_growth"]);
    assert!(report.recommendations.iter().all(|about| about.function() == Some("a")));

    let mut busy = calm(1);
    (busy.system.cpu_percent, busy.system.memory_total_bytes) = (Some(80.0), Some(1_000));
    busy.system.memory_available_bytes = Some(99);
    assert_eq!(of(&[calm(0), busy]), ["relieve_cpu", "add_memory"]);
}

#[test]
fn memory_that_grows_in_four_weeks_by_half_is_told_and_a_restart_is_not_growth() {
    let of = |sizes: &[u64]| {
        let records = (0..).zip(sizes).map(|(week, size)| {
            let mut record = record(week, &[("a", 100), ("b", 100), ("c", 100), ("d", 100), ("e", 100), ("f", 100)]);
            record.process.memory_bytes = Some(*size << 20);
            record
        });
        codes(&generate_profiling_report(&records.collect::<Vec<_>>()))
    };
    for (sizes, grows) in [
        (&[100, 120, 140, 150][..], true),
        (&[900, 100, 120, 140, 150], true),
        (&[100, 120, 140, 149], false),
        (&[100, 120, 150], false),
        (&[100, 200, 120, 150], false),
    ] {
        assert_eq!(of(sizes).contains(&"examine_memory"), grows, "{sizes:?}");
    }
}

/// Words that occur in English sentences and in no French one.
const ENGLISH: [&str; 8] = ["the", "of", "is", "has", "give", "needs", "there", "memory"];

#[test]
fn every_recommendation_is_said_in_english_and_in_french() {
    let function = || "frame::parse".to_owned();
    let all = [
        Recommendation::AwaitProfile,
        Recommendation::ProfileUnderLoad { samples: 12 },
        Recommendation::AwaitComparison,
        Recommendation::OptimizeFunction { function: function(), percent: 40.25 },
        Recommendation::ExamineGrowth { function: function(), before: 1.5, now: 12.5 },
        Recommendation::RelieveCpu { percent: 99.5 },
        Recommendation::ExamineMemory { before: 100 << 20, now: 200 << 20 },
        Recommendation::AddMemory { percent: 2.5 },
        Recommendation::Nothing,
    ];
    let mut seen: Vec<_> = all.iter().map(Recommendation::code).collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), all.len());
    for about in &all {
        let [english, french] = [Language::English, Language::French].map(|language| about.text(language));
        assert!(english.ends_with('.') && french.ends_with('.') && english != french, "{english} {french}");
        let words = french.split(|letter: char| !letter.is_alphabetic()).map(str::to_lowercase);
        assert_eq!(words.filter(|word| ENGLISH.contains(&word.as_str())).count(), 0, "{french}");
        // Both have the same numbers, French with a comma.
        let numbers = |text: &str| {
            let number = |word: &&str| word.starts_with(|letter: char| letter.is_ascii_digit());
            text.split(' ').filter(number).map(|word| word.trim_end_matches([':', '.']).to_owned()).collect::<Vec<_>>()
        };
        let french: Vec<_> = numbers(&french).into_iter().map(|number| number.replace(',', ".")).collect();
        let english: Vec<_> = numbers(&english).into_iter().map(|number| number.replace(',', "")).collect();
        assert_eq!(english, french);
    }
}

#[test]
fn a_report_is_a_table_for_people_and_json_for_programs() {
    let mut newest = record(1, &[("parse::<A>", 500), ("store", 500)]);
    (newest.process.cpu_percent, newest.process.memory_bytes) = (Some(12.5), Some(48 << 20));
    let report = generate_profiling_report(&[newest, record(0, &[("store", 1_000)])]);
    let english = report.to_text(Language::English);
    for line in [
        "Profiles of the server: 2026-W48 - 2026-W49",
        "2026-W49     1000  12.5 %             48 MiB                -",
        "75.0 %    100.0 %   50.0 %    2/2       store",
        "25.0 %    -         50.0 %    1/2       parse::<_>",
    ] {
        assert!(english.lines().any(|found| found == line), "{line}\n{english}");
    }
    let french = report.to_text(Language::French);
    assert!(french.contains("48 Mio") && french.contains("12,5 %"), "{french}");

    let json = report.to_json();
    assert_eq!((&json["v"], &json["profiles"][1]["process"]["memory_bytes"]), (&1.into(), &(48 << 20).into()));
    assert_eq!(
        (&json["functions"][0]["function"], &json["functions"][1]["oldest_percent"]),
        (&"store".into(), &().into())
    );
    for about in json["recommendations"].as_array().unwrap() {
        assert!(about["code"].is_string() && about["english"].is_string() && about["french"].is_string(), "{about}");
    }
}

proptest! {
    #[test]
    fn the_order_of_the_records_does_not_matter_and_there_is_always_a_recommendation(
        weeks in prop::collection::vec(prop::collection::vec(("[a-c]", 1..900_u64), 0..4), 0..6),
    ) {
        let records: Vec<_> = (0..).zip(&weeks).map(|(week, functions)| {
            let functions: Vec<_> = functions.iter().map(|(name, samples)| (name.as_str(), *samples)).collect();
            record(week, &functions)
        }).collect();
        let report = generate_profiling_report(&records);
        let reversed: Vec<_> = records.iter().rev().cloned().collect();
        prop_assert_eq!(&report, &generate_profiling_report(&reversed));
        prop_assert!(!report.recommendations.is_empty() && report.profiles.len() == weeks.len());
        for trend in &report.functions {
            prop_assert!((1..=weeks.len()).contains(&trend.profiles) && trend.mean_percent <= 100.0);
        }
    }
}
