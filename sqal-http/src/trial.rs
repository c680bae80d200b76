//! [`Trial`]: the grades that another profile would have given to samples that were measured.

use std::collections::BTreeMap;

use serde::Serialize;
use sqal_core::{Grade, Name, Purpose, Sample, SampleId, verdict::Language};

use crate::Profiles;
use crate::wire::Reference;

/// The most samples with another grade that are named.
const NAMED: usize = 20;

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
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::route::grade))]
    now: Grade,
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::route::grade))]
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
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::route::grade))]
    now: Grade,
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::route::grade))]
    tried: Grade,
    /// The reasons for the tried grade, in English (`en`) and French (`fr`).
    en: String,
    fr: String,
}

/// A profile that is tried, beside the profile of its name that is in force.
#[derive(Debug)]
pub(crate) struct Trial {
    name: Name<64>,
    now: Profiles,
    tried: Profiles,
    samples: usize,
    changed: usize,
    grades: BTreeMap<(Grade, Grade), usize>,
    examples: Vec<Example>,
}

impl Trial {
    /// A trial without samples. Both `now` and `tried` must have a profile of the name.
    pub(crate) const fn new(name: Name<64>, now: Profiles, tried: Profiles) -> Self {
        Self { name, now, tried, samples: 0, changed: 0, grades: BTreeMap::new(), examples: Vec::new() }
    }

    /// Judges a sample by both profiles, if it is a product with this profile name. The profile in
    /// force judges it anew, because the sample may be older than that profile.
    pub(crate) fn judge(&mut self, sample: &Sample) {
        if sample.profile.name != self.name || sample.purpose != Purpose::Product {
            return;
        }
        let judged = |profiles: &Profiles| profiles.inspect(&self.name, sample.tof.as_ref(), sample.spectrum.as_ref());
        let (Some((now, _)), Some((then, _))) = (judged(&self.now), judged(&self.tried)) else { return };
        let (now, then) = (now.verdict, then.verdict);
        self.samples += 1;
        *self.grades.entry((now.grade, then.grade)).or_default() += 1;
        if now.grade != then.grade {
            self.changed += 1;
            if self.examples.len() < NAMED {
                let say = |language| then.explain(language).to_string();
                self.examples.push(Example {
                    id: SampleId::of(&sample.key).to_string(),
                    device_id: sample.key.device_id.to_string(),
                    now: now.grade,
                    tried: then.grade,
                    en: say(Language::English),
                    fr: say(Language::French),
                });
            }
        }
    }

    /// The result of the trial.
    pub(crate) fn result(self) -> DryRun {
        let reference = |profiles: &Profiles| {
            profiles.get(&self.name).map_or_else(|| unreachable!("both have it"), |(of, _)| Reference::of(of))
        };
        let grades =
            self.grades.iter().map(|((now, tried), samples)| Moved { now: *now, tried: *tried, samples: *samples });
        DryRun {
            now: reference(&self.now),
            tried: reference(&self.tried),
            samples: self.samples,
            changed: self.changed,
            grades: grades.collect(),
            examples: self.examples,
        }
    }
}
