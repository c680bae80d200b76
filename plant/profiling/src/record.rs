//! [`ProfileRecord`]: what is kept of a profile for a year.

use serde::{Deserialize, Serialize};
use sqal_core::Timestamp;

use crate::change::{FunctionChange, changes};
use crate::hot_functions::{HotFunction, HotFunctions};
use crate::profile::CpuProfile;
use crate::share::{number, percent, rounded};
use crate::usage::{ProcessUsage, SystemUsage};
use crate::wall_time::{as_rfc3339, iso_week};

/// The version of the stored form that this program writes.
const VERSION: u32 = 1;

/// What is kept of a profile: the ten hottest functions, what the process and the machine used, and
/// the difference to the profile before.
///
/// The stored form is JSON with the names of the fields. It is only ever extended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProfileRecord {
    /// The version of the stored form.
    v: u32,
    /// The week in which the profile was due, by ISO 8601 in UTC: `2026-W48`.
    pub week: String,
    /// When the profile began.
    #[serde(with = "as_rfc3339")]
    pub taken_at: Timestamp,
    /// The name of the machine that was profiled, if it is known.
    pub machine: Option<String>,
    /// How long the profile lasted, in seconds.
    pub seconds: f64,
    /// The planned number of samples for each second of CPU time.
    pub frequency_hz: u16,
    /// The number of samples.
    pub samples: u64,
    /// The ten hottest functions, the hottest first.
    pub functions: Vec<FunctionRecord>,
    /// What the process used during the profile.
    pub process: ProcessUsage,
    /// What the machine used during the profile.
    pub system: SystemUsage,
    /// The profile with which this one was compared; `None` if it was the first one.
    pub previous: Option<PreviousProfile>,
    /// The differences to the profile before, the largest first.
    pub changes: Vec<FunctionChange>,
}

/// One of the ten hottest functions of a profile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FunctionRecord {
    /// The short name of the function.
    pub function: String,
    /// The samples that interrupted the function itself.
    pub self_samples: u64,
    /// The samples that saw the function: interrupted, or as a caller.
    pub cumulative_samples: u64,
    /// The CPU time of the function itself, in seconds.
    pub self_seconds: f64,
    /// The CPU time of the function and of what it called, in seconds.
    pub cumulative_seconds: f64,
    /// The share of the samples that interrupted the function itself, in percent.
    pub self_percent: f64,
    /// The share of the samples that saw the function, in percent.
    pub cumulative_percent: f64,
}

/// The profile with which a later one was compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PreviousProfile {
    /// The week in which the profile was due.
    pub week: String,
    /// When the profile began.
    #[serde(with = "as_rfc3339")]
    pub taken_at: Timestamp,
}

impl ProfileRecord {
    /// The record of a profile that was due at a time, compared with the record before.
    #[must_use]
    pub fn of(due: Timestamp, profile: &CpuProfile, machine: Option<String>, previous: Option<&Self>) -> Self {
        let functions: Vec<_> = HotFunctions::of(profile).iter().map(|hot| FunctionRecord::of(hot, profile)).collect();
        let now: Vec<_> = functions.iter().map(FunctionRecord::share).collect();
        let before = previous.map(Self::shares);
        Self {
            v: VERSION,
            week: iso_week(due),
            taken_at: profile.taken_at(),
            machine,
            seconds: rounded(profile.duration().as_secs_f64()),
            frequency_hz: profile.frequency(),
            samples: profile.samples(),
            changes: before.map(|before| changes(&before, &now)).unwrap_or_default(),
            functions,
            process: profile.process(),
            system: profile.system(),
            previous: previous.map(|record| PreviousProfile { week: record.week.clone(), taken_at: record.taken_at }),
        }
    }

    /// The hottest functions with the share of each, in percent.
    pub(crate) fn shares(&self) -> Vec<(&str, f64)> {
        self.functions.iter().map(FunctionRecord::share).collect()
    }

    /// The share of a function; `None` if it is not among the ten hottest.
    pub(crate) fn share_of(&self, function: &str) -> Option<f64> {
        self.functions.iter().find(|record| record.function == function).map(|record| record.self_percent)
    }

    /// The text that is stored.
    pub(crate) fn to_body(&self) -> String {
        // Names, finite numbers and texts: JSON writes every one of them.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads a stored text; `None` if it is damaged, or of a newer program.
    pub(crate) fn of_body(body: &str) -> Option<Self> {
        serde_json::from_str(body).ok().filter(|record: &Self| record.v <= VERSION)
    }
}

impl FunctionRecord {
    fn of(hot: &HotFunction, profile: &CpuProfile) -> Self {
        let all = number(profile.samples());
        let seconds = |samples: u64| rounded(profile.cpu_time(samples).as_secs_f64());
        Self {
            function: hot.function.clone(),
            self_samples: hot.self_samples,
            cumulative_samples: hot.cumulative_samples,
            self_seconds: seconds(hot.self_samples),
            cumulative_seconds: seconds(hot.cumulative_samples),
            self_percent: percent(number(hot.self_samples), all).unwrap_or(0.0),
            cumulative_percent: percent(number(hot.cumulative_samples), all).unwrap_or(0.0),
        }
    }

    fn share(&self) -> (&str, f64) {
        (&self.function, self.self_percent)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::change::ChangeKind;
    use crate::plan::ProfilePlan;
    use crate::profile::Place;

    /// 2026-11-24T10:00:00Z.
    const DUE: i64 = 1_795_514_400_000_000;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros).unwrap()
    }

    fn profile(stacks: &[(&[&str], u64)]) -> CpuProfile {
        let mut profile = CpuProfile::new(at(DUE + 5), Duration::from_millis(30_004), ProfilePlan::default());
        for (places, samples) in stacks {
            profile.add("t", places.iter().copied().map(Place::of), *samples);
        }
        let process = ProcessUsage { cpu_percent: Some(12.5), memory_bytes: Some(1 << 20) };
        let system =
            SystemUsage { cpu_percent: None, memory_total_bytes: Some(1 << 30), memory_available_bytes: Some(1 << 29) };
        profile.using(process, system)
    }

    fn record(stacks: &[(&[&str], u64)], previous: Option<&ProfileRecord>) -> ProfileRecord {
        ProfileRecord::of(at(DUE), &profile(stacks), Some("line-1".to_owned()), previous)
    }

    #[test]
    fn prf_01_a_record_has_the_hottest_functions_with_their_cumulative_times() {
        let record = record(&[(&["parse::<u8>", "receive"], 300), (&["store", "receive"], 100)], None);
        let [parse, store] = record.functions.as_slice() else { panic!("{record:?}") };
        assert_eq!((parse.function.as_str(), parse.self_samples, parse.cumulative_samples), ("parse::<_>", 300, 300));
        assert_eq!([parse.self_seconds, parse.self_percent].map(|number| number.to_string()), ["3", "75"]);
        assert_eq!([store.cumulative_seconds, store.cumulative_percent].map(|number| number.to_string()), ["1", "25"]);
        assert_eq!((record.week.as_str(), record.samples, record.frequency_hz), ("2026-W48", 400, 100));
        assert!(record.previous.is_none() && record.changes.is_empty(), "nothing was before");
    }

    #[test]
    fn prf_01_a_record_has_the_difference_to_the_one_before() {
        let before = record(&[(&["parse"], 75), (&["store"], 25)], None);
        let now = record(&[(&["parse"], 50), (&["draw"], 50)], Some(&before));
        assert_eq!(now.previous.as_ref().map(|previous| previous.taken_at), Some(at(DUE + 5)));
        let told: Vec<_> = now.changes.iter().map(|change| (change.function.as_str(), change.change)).collect();
        assert_eq!(told, [("draw", ChangeKind::New), ("parse", ChangeKind::Down), ("store", ChangeKind::Gone)]);
    }

    #[test]
    fn a_profile_without_samples_has_a_record() {
        let empty = record(&[], None);
        assert!(empty.functions.is_empty() && empty.samples == 0);
        assert_eq!(ProfileRecord::of_body(&empty.to_body()), Some(empty));
    }

    /// Views in SQL and later programs read this form: its names are never changed.
    #[test]
    fn the_stored_form_is_only_ever_extended() {
        let first = record(&[(&["a"], 100)], None);
        let record = record(&[(&["b"], 100)], Some(&first));
        let golden = concat!(
            r#"{"v":1,"week":"2026-W48","taken_at":"2026-11-24T10:00:00.000005Z","machine":"line-1","seconds":30.0,"#,
            r#""frequency_hz":100,"samples":100,"#,
            r#""functions":[{"function":"b","self_samples":100,"cumulative_samples":100,"#,
            r#""self_seconds":1.0,"cumulative_seconds":1.0,"self_percent":100.0,"cumulative_percent":100.0}],"#,
            r#""process":{"cpu_percent":12.5,"memory_bytes":1048576},"system":{"cpu_percent":null,"#,
            r#""memory_total_bytes":1073741824,"memory_available_bytes":536870912},"#,
            r#""previous":{"week":"2026-W48","taken_at":"2026-11-24T10:00:00.000005Z"},"#,
            r#""changes":[{"function":"a","change":"gone","before_percent":100.0,"now_percent":null,"points":-100.0},"#,
            r#"{"function":"b","change":"new","before_percent":null,"now_percent":100.0,"points":100.0}]}"#,
        );
        assert_eq!(record.to_body(), golden);
        assert_eq!(ProfileRecord::of_body(golden), Some(record));
        // A later program may add a member; a form with a higher version is not guessed.
        assert!(ProfileRecord::of_body(&golden.replacen("{\"v\":1", "{\"new\":true,\"v\":1", 1)).is_some());
        assert!(ProfileRecord::of_body(&golden.replacen("\"v\":1", "\"v\":2", 1)).is_none());
        assert!(["", "{}", "7"].iter().all(|damaged| ProfileRecord::of_body(damaged).is_none()));
    }
}
