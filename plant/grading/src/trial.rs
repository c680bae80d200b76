//! [`Trial`]: the grades that another profile would have given to samples that were measured.

use std::collections::BTreeMap;

use sqal_core::{Grade, Name, ProfileRef, Purpose, Sample, SampleKey, Verdict};

use crate::profile::Profiles;

/// The most samples with another grade that are named.
const NAMED: usize = 20;

/// The result of trying a profile on samples.
#[derive(Clone, Debug)]
pub struct TrialResult {
    /// The profile that judges now.
    pub now: ProfileRef,
    /// The profile that was tried.
    pub tried: ProfileRef,
    /// The number of samples of this profile that were judged by both.
    pub samples: usize,
    /// The number of samples that would have another grade.
    pub changed: usize,
    /// The number of samples, by their grade now and their grade by the tried profile.
    pub grades: BTreeMap<(Grade, Grade), usize>,
    /// The first samples that would have another grade, at most 20.
    pub examples: Vec<ChangedSample>,
}

/// A sample that would have another grade.
#[derive(Clone, Debug)]
pub struct ChangedSample {
    /// The identity of the sample.
    pub key: SampleKey,
    /// Its grade by the profile in force.
    pub now: Grade,
    /// Its verdict by the tried profile.
    pub tried: Verdict,
}

/// A profile that is tried, beside the profile of its name that is in force.
#[derive(Debug)]
pub struct Trial {
    name: Name<64>,
    now: Profiles,
    tried: Profiles,
    result: TrialResult,
}

impl Trial {
    /// A trial without samples. `None` unless both `now` and `tried` have a profile of the name.
    #[must_use]
    pub fn new(name: Name<64>, now: Profiles, tried: Profiles) -> Option<Self> {
        let result = TrialResult {
            now: now.reference(&name)?,
            tried: tried.reference(&name)?,
            samples: 0,
            changed: 0,
            grades: BTreeMap::new(),
            examples: Vec::new(),
        };
        Some(Self { name, now, tried, result })
    }

    /// Judges a sample by both profiles, if it is a product with this profile name. The profile in
    /// force judges it anew, because the sample may be older than that profile.
    pub fn judge(&mut self, sample: &Sample) {
        if sample.profile.name != self.name || sample.purpose != Purpose::Product {
            return;
        }
        let judged = |profiles: &Profiles| profiles.inspect(&self.name, sample.tof.as_ref(), sample.spectrum.as_ref());
        let (Some((now, _)), Some((tried, _))) = (judged(&self.now), judged(&self.tried)) else { return };
        let (now, tried) = (now.verdict.grade, tried.verdict);
        let result = &mut self.result;
        result.samples += 1;
        *result.grades.entry((now, tried.grade)).or_default() += 1;
        if now != tried.grade {
            result.changed += 1;
            if result.examples.len() < NAMED {
                result.examples.push(ChangedSample { key: sample.key, now, tried });
            }
        }
    }

    /// The result of the trial.
    #[must_use]
    pub fn result(self) -> TrialResult {
        self.result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Profile;
    use fixtures::scene::{LABELLED, Station};
    use sqal_core::grade::GradeScale;
    use sqal_core::sample::Meta;
    use sqal_core::{SampleId, Timestamp};

    /// A sample of each labelled scene.
    fn samples(profiles: &Profiles, name: &Name<64>) -> Vec<Sample> {
        let timestamp = Timestamp::from_micros(0).unwrap();
        let sample = |(k, scene): (usize, &fixtures::scene::Labelled)| {
            let reading = Station::new(1).read(scene.scene, scene.fault);
            let (tof, spectrum) = (reading.frame, reading.spectrum);
            let (inspection, profile) = profiles.inspect(name, tof.as_ref(), spectrum.as_ref()).unwrap();
            Sample {
                key: SampleKey { device_id: "D".parse().unwrap(), timestamp, name: format!("S-{k}").parse().unwrap() },
                received_at: timestamp,
                tof,
                spectrum,
                inspection,
                reported: None,
                meta: Meta { firmware_version: None, temperature_c: None, humidity_percent: None },
                profile,
                processing_micros: 0,
                beside: sqal_core::beside::Beside::default(),
                purpose: Purpose::Product,
            }
        };
        LABELLED.iter().enumerate().map(sample).collect()
    }

    #[test]
    fn products_of_the_name_are_counted_by_both_grades_and_those_that_change_are_examples() {
        let name: Name<64> = "p".parse().unwrap();
        let now = Profiles::new([(name, Profile::example())]).unwrap();
        let mut stricter = Profile { version: 2, ..Profile::example() };
        (stricter.tof.scale, stricter.spectral.scale) = (None, None);
        stricter.scale = GradeScale::new(0.999, 0.998, 0.997, 0.996).unwrap();
        let tried = Profiles::new([(name, stricter)]).unwrap();
        let products = samples(&now, &name);
        let mut trial = Trial::new(name, now.clone(), tried.clone()).unwrap();
        for product in &products {
            trial.judge(product);
        }
        let other = products[0].clone();
        trial.judge(&Sample { purpose: Purpose::Calibration, ..other.clone() });
        trial.judge(&Sample { profile: ProfileRef { name: "q".parse().unwrap(), ..other.profile }, ..other });
        let result = trial.result();
        assert_eq!((result.now.version, result.tried.version), (1, 2));
        assert_eq!((result.samples, result.grades.values().sum::<usize>()), (products.len(), products.len()));
        let judged = |product: &Sample| {
            let (inspection, _) = tried.inspect(&name, product.tof.as_ref(), product.spectrum.as_ref()).unwrap();
            inspection.verdict.grade
        };
        let changed: Vec<_> =
            products.iter().filter(|product| judged(product) != product.inspection.verdict.grade).collect();
        assert_eq!(result.changed, changed.len());
        let expected: Vec<_> = changed.iter().take(NAMED).map(|product| SampleId::of(&product.key)).collect();
        let named: Vec<_> = result.examples.iter().map(|example| SampleId::of(&example.key)).collect();
        assert_eq!(named, expected);
        assert!(Trial::new("q".parse().unwrap(), now, tried).is_none());
    }
}
