//! [`DryRun`]: the result of trying a profile on samples, as clients read it.

use serde::Serialize;
use sqal_core::verdict::Language;
use sqal_core::{Grade, SampleId};
use sqal_grading::trial::{ChangedSample, TrialResult};
use sqal_protocol::reference::Reference;

/// The result of trying a profile on samples.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct DryRun {
    /// The profile that judges now.
    now: Reference,
    /// The profile that was tried.
    tried: Reference,
    /// The number of samples of this profile that were judged by both, from the newest on.
    samples: usize,
    /// The number of samples that would have another grade.
    changed: usize,
    grades: Vec<Moved>,
    /// The newest samples that would have another grade.
    examples: Vec<Example>,
}

/// The number of samples that have one grade now and another, or the same, by the tried profile.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct Moved {
    #[cfg_attr(feature = "openapi", schema(schema_with = sqal_protocol::schema::grade))]
    now: Grade,
    #[cfg_attr(feature = "openapi", schema(schema_with = sqal_protocol::schema::grade))]
    tried: Grade,
    samples: usize,
}

/// A sample that would have another grade.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct Example {
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    id: String,
    device_id: String,
    #[cfg_attr(feature = "openapi", schema(schema_with = sqal_protocol::schema::grade))]
    now: Grade,
    #[cfg_attr(feature = "openapi", schema(schema_with = sqal_protocol::schema::grade))]
    tried: Grade,
    /// The reasons for the tried grade, in English (`en`) and French (`fr`).
    en: String,
    fr: String,
}

impl DryRun {
    /// The result of a trial, as clients read it.
    pub(crate) fn of(result: &TrialResult) -> Self {
        let grades =
            result.grades.iter().map(|((now, tried), samples)| Moved { now: *now, tried: *tried, samples: *samples });
        Self {
            now: Reference::of(&result.now),
            tried: Reference::of(&result.tried),
            samples: result.samples,
            changed: result.changed,
            grades: grades.collect(),
            examples: result.examples.iter().map(Example::of).collect(),
        }
    }
}

impl Example {
    fn of(sample: &ChangedSample) -> Self {
        let say = |language| sample.tried.explain(language).to_string();
        Self {
            id: SampleId::of(&sample.key).to_string(),
            device_id: sample.key.device_id.to_string(),
            now: sample.now,
            tried: sample.tried.grade,
            en: say(Language::English),
            fr: say(Language::French),
        }
    }
}
