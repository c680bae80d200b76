//! [`ProfilingReport`]: the profiles of several weeks together, with recommendations (PRF-02).

use serde_json::{Value, json};
use sqal_core::verdict::Language;

use crate::recommendation::{Recommendation, recommendations};
use crate::record::ProfileRecord;
use crate::share::{number, rounded};
use crate::usage::{ProcessUsage, SystemUsage};

/// The most functions of a report.
const MOST: usize = 10;

/// The profiles of several weeks together: what they used, the hottest functions over all of them,
/// and recommendations.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ProfilingReport {
    /// The profiles, the oldest first.
    pub profiles: Vec<ProfileSummary>,
    /// The hottest functions over all profiles, those with the largest mean share first.
    pub functions: Vec<FunctionTrend>,
    /// What an operator should do. There is at least one.
    pub recommendations: Vec<Recommendation>,
}

/// One profile of a report.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ProfileSummary {
    /// The week in which the profile was due: `2026-W48`.
    pub week: String,
    /// The number of samples.
    pub samples: u64,
    /// What the process used.
    pub process: ProcessUsage,
    /// What the machine used.
    pub system: SystemUsage,
}

/// The share of a function over several profiles. A share is that of the samples that interrupted
/// the function itself, in percent.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct FunctionTrend {
    /// The short name of the function.
    pub function: String,
    /// The number of profiles in which the function is among the ten hottest.
    pub profiles: usize,
    /// The mean share over all profiles. A profile in which the function is not among the ten
    /// hottest counts with 0.
    pub mean_percent: f64,
    /// The share in the oldest profile; `None` if the function is not among the ten hottest there.
    pub oldest_percent: Option<f64>,
    /// The share in the newest profile; `None` if the function is not among the ten hottest there.
    pub newest_percent: Option<f64>,
}

/// The report of these records, which may be in any order.
///
/// ```
/// use sqal_profiling::generate_profiling_report;
/// use sqal_core::verdict::Language;
///
/// let report = generate_profiling_report(&[]);
/// assert!(report.to_text(Language::French).contains("Aucun profil pour l'instant"));
/// ```
#[must_use]
pub fn generate_profiling_report(records: &[ProfileRecord]) -> ProfilingReport {
    let mut records = records.to_vec();
    records.sort_by(|one, other| one.taken_at.cmp(&other.taken_at).then_with(|| one.week.cmp(&other.week)));
    let profiles = records.iter().map(|record| ProfileSummary {
        week: record.week.clone(),
        samples: record.samples,
        process: record.process,
        system: record.system,
    });
    ProfilingReport {
        profiles: profiles.collect(),
        functions: trends(&records),
        recommendations: recommendations(&records),
    }
}

/// The trends of the hottest functions of records, the oldest of which is first.
fn trends(records: &[ProfileRecord]) -> Vec<FunctionTrend> {
    let ([oldest, ..], [.., newest]) = (records, records) else {
        return Vec::new();
    };
    let mut names: Vec<&str> = records.iter().flat_map(ProfileRecord::shares).map(|(function, _)| function).collect();
    names.sort_unstable();
    names.dedup();
    let mut trends: Vec<_> = names
        .into_iter()
        .map(|function| {
            let shares: Vec<f64> = records.iter().filter_map(|record| record.share_of(function)).collect();
            let all = number(u64::try_from(records.len()).unwrap_or(u64::MAX));
            FunctionTrend {
                function: function.to_owned(),
                profiles: shares.len(),
                mean_percent: rounded(shares.iter().sum::<f64>() / all),
                oldest_percent: oldest.share_of(function),
                newest_percent: newest.share_of(function),
            }
        })
        .collect();
    trends.sort_by(|one, other| {
        other.mean_percent.total_cmp(&one.mean_percent).then_with(|| one.function.cmp(&other.function))
    });
    trends.truncate(MOST);
    trends
}

impl ProfilingReport {
    /// The report as JSON, with the recommendations in English and French. Its names are never
    /// changed.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let profile = |summary: &ProfileSummary| {
            let ProfileSummary { week, samples, process, system } = summary;
            json!({ "week": week, "samples": samples, "process": process, "system": system })
        };
        let function = |trend: &FunctionTrend| {
            json!({
                "function": trend.function,
                "profiles": trend.profiles,
                "mean_percent": trend.mean_percent,
                "oldest_percent": trend.oldest_percent,
                "newest_percent": trend.newest_percent,
            })
        };
        let recommendation = |recommendation: &Recommendation| {
            json!({
                "code": recommendation.code(),
                "function": recommendation.function(),
                "english": recommendation.text(Language::English),
                "french": recommendation.text(Language::French),
            })
        };
        json!({
            "v": 1,
            "profiles": self.profiles.iter().map(profile).collect::<Vec<_>>(),
            "functions": self.functions.iter().map(function).collect::<Vec<_>>(),
            "recommendations": self.recommendations.iter().map(recommendation).collect::<Vec<_>>(),
        })
    }
}
