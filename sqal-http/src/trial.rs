//! [`Trial`]: what another profile would have said of samples that were measured.

use std::collections::BTreeMap;

use serde::Serialize;
use sqal_core::{Grade, Language, Name, Purpose, Sample, SampleId};

use crate::Profiles;
use crate::wire::Reference;

/// So many of those that would be another grade are named.
const NAMED: usize = 20;

/// What a profile would have said.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct DryRun {
    /// By what is judged now.
    now: Reference,
    /// What was tried.
    tried: Reference,
    /// The samples of this profile that were judged by both, the newest first.
    samples: usize,
    /// How many would have another grade.
    changed: usize,
    grades: Vec<Moved>,
    /// The newest that would have another grade.
    examples: Vec<Example>,
}

/// So many samples from one grade to another, or the same.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct Moved {
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::grade))]
    now: Grade,
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::grade))]
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
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::grade))]
    now: Grade,
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::grade))]
    tried: Grade,
    /// Why, in English and French.
    en: String,
    fr: String,
}

/// A profile beside the one of its name that is in force.
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
    /// Both must have a profile of the name.
    pub(crate) const fn new(name: Name<64>, now: Profiles, tried: Profiles) -> Self {
        Self { name, now, tried, samples: 0, changed: 0, grades: BTreeMap::new(), examples: Vec::new() }
    }

    /// Judges a sample by both, if it is of a product and of the name. By both now: a sample may be older than the profile that is in force.
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

    /// What came of it.
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
