//! The statistics of samples as JSON: of an hour, of a device, of the line.

use serde::{Deserialize, Serialize};
use sqal_core::Grade;
use sqal_protocol::time::rfc3339;
use sqal_storage::samples::{DeviceTally, Hourly, Tally};

/// The statistics of samples; without samples, unknown values are null.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Totals {
    /// Products that were judged.
    samples: u64,
    /// Readings of references, which are in no other figure.
    calibrations: u64,
    scored: u64,
    average_quality_score: Option<f64>,
    quality_score_sd: Option<f64>,
    quality_score_min: Option<f64>,
    quality_score_max: Option<f64>,
    average_confidence: Option<f64>,
    /// Percent graded C or better.
    conformity_rate_percent: Option<f64>,
    reject_rate_percent: Option<f64>,
    grades: Grades,
    /// The times of the first and the last stored sample, calibrations too.
    first_sample_at: Option<String>,
    last_sample_at: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct Grades {
    #[serde(rename = "A+")]
    a_plus: u64,
    #[serde(rename = "A")]
    a: u64,
    #[serde(rename = "B")]
    b: u64,
    #[serde(rename = "C")]
    c: u64,
    #[serde(rename = "REJECT")]
    reject: u64,
}

impl Totals {
    /// The statistics of a tally.
    pub(crate) fn of(tally: &Tally) -> Self {
        let (samples, rejected) = (tally.judged(), tally.graded(Grade::Reject));
        #[expect(clippy::cast_precision_loss, reason = "a ratio of counts")]
        let percent = |part: u64| (samples > 0).then(|| part as f64 / samples as f64 * 100.0);
        let range = tally.score_range();
        let (first, last) = tally.span();
        Self {
            samples,
            calibrations: tally.samples() - samples,
            scored: tally.scored(),
            average_quality_score: tally.mean_score(),
            quality_score_sd: tally.sd_score(),
            quality_score_min: range.map(|(least, _)| least.get()),
            quality_score_max: range.map(|(_, most)| most.get()),
            average_confidence: tally.mean_confidence(),
            conformity_rate_percent: percent(samples - rejected),
            reject_rate_percent: percent(rejected),
            grades: Grades {
                a_plus: tally.graded(Grade::APlus),
                a: tally.graded(Grade::A),
                b: tally.graded(Grade::B),
                c: tally.graded(Grade::C),
                reject: rejected,
            },
            first_sample_at: Some(rfc3339(first)),
            last_sample_at: Some(rfc3339(last)),
        }
    }
}

/// The statistics of one hour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct HourDocument {
    hour: String,
    statistics: Totals,
}

impl HourDocument {
    pub(crate) fn of(hour: &Hourly) -> Self {
        Self { hour: rfc3339(hour.hour.begins()), statistics: Totals::of(&hour.tally) }
    }
}

/// The statistics of one device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct DeviceStatistics {
    pub(crate) device_id: String,
    pub(crate) statistics: Totals,
}

impl DeviceStatistics {
    pub(crate) fn of(device: &DeviceTally) -> Self {
        Self { device_id: device.device_id.to_string(), statistics: Totals::of(&device.tally) }
    }
}
