//! [`Record`]: the row of a sample as every SQL store writes it, and the only way back from a row.

mod findings;
mod findings_v1;
#[cfg(test)]
mod stored_words;
mod written;

use std::collections::{BTreeMap, HashMap, HashSet};

use sqal_core::{Defect, DeviceId, Flag, Flags, Measured, Name, Purpose, Sample, SampleId, SampleKey, Timestamp};

#[cfg(feature = "postgres")]
pub(crate) use written::WIDTH;
pub(crate) use written::{Written, written_columns};

use crate::{
    Inserted, StorageError, StorageErrorKind,
    samples::{Hourly, decode_frame, encode_frame},
};

/// A sample's row: typed columns for values that are queried, two compact binaries for the rest.
#[derive(Debug)]
pub(crate) struct Record<'a> {
    pub(crate) id: SampleId,
    pub(crate) key: &'a SampleKey,
    pub(crate) received_at: Timestamp,
    pub(crate) volume_mm3: Option<f64>,
    pub(crate) avg_height_mm: Option<f64>,
    pub(crate) height_variation_mm: Option<f64>,
    pub(crate) surface_uniformity: Option<f64>,
    pub(crate) tof_score: Option<f64>,
    pub(crate) tof_grade: Option<&'static str>,
    pub(crate) integration_time_ms: Option<f64>,
    pub(crate) gain: Option<f64>,
    pub(crate) color_score: Option<f64>,
    pub(crate) freshness_index: Option<f64>,
    pub(crate) fat_quality_index: Option<f64>,
    pub(crate) oxidation_index: Option<f64>,
    pub(crate) color_uniformity: Option<f64>,
    pub(crate) spectral_score: Option<f64>,
    pub(crate) spectral_grade: Option<&'static str>,
    pub(crate) score: Option<f64>,
    pub(crate) grade: &'static str,
    pub(crate) confidence: f64,
    /// A JSON array for SQL users; zones by their numbers.
    pub(crate) defects: String,
    pub(crate) processing_ms: f64,
    pub(crate) firmware_version: Option<&'a str>,
    pub(crate) temperature_c: Option<f32>,
    pub(crate) humidity_percent: Option<f32>,
    pub(crate) frame: Vec<u8>,
    pub(crate) findings: Vec<u8>,
    /// The standard uncertainties of the quantities that have one, in the order of the columns:
    /// `volume_mm3_u` first, `score_u` last.
    pub(crate) uncertainties: [Option<f32>; 12],
    pub(crate) profile_version: u32,
    pub(crate) profile: &'a str,
    /// The names of all flags, with blanks between; `None` without any.
    pub(crate) flags: Option<String>,
    /// What the reading was taken of, if it is not of a product.
    pub(crate) purpose: Option<&'static str>,
}

/// A profile's version as a number of a row; every version that is written is exact.
#[expect(
    clippy::cast_precision_loss,
    reason = "a version has 32 bits; one that has more was not written by us and is another number all the same"
)]
pub(crate) const fn of_version(version: i64) -> f64 {
    version as f64
}

/// The defects as a JSON array whose zones are lists of numbers, which every database can read:
/// JSON has no number for a set of 64 bits.
fn defects(all: &[Defect]) -> serde_json::Result<String> {
    if all.is_empty() {
        return Ok("[]".to_owned());
    }
    let mut shown = serde_json::to_value(all)?;
    for (defect, value) in all.iter().zip(shown.as_array_mut().into_iter().flatten()) {
        if let Some(zones) = value.get_mut("zones") {
            *zones = defect.zones.iter().collect();
        }
    }
    serde_json::to_string(&shown)
}

impl<'a> Record<'a> {
    pub(crate) fn of(sample: &'a Sample, id: SampleId, backend: &'static str) -> Result<Self, StorageError> {
        let refused =
            |source| StorageError { source: Some(source), ..StorageError::new(backend, StorageErrorKind::Refused) };
        let value = |measured: Option<Measured>| measured.map(Measured::value);
        #[expect(clippy::cast_possible_truncation, reason = "an uncertainty has two digits that count")]
        let u = |measured: Option<Measured>| measured.map(|measured| measured.u() as f32);
        let tof = sample.inspection.tof.as_ref();
        let spectral = sample.inspection.spectral.as_ref();
        let verdict = &sample.inspection.verdict;
        Ok(Self {
            id,
            key: &sample.key,
            received_at: sample.received_at,
            volume_mm3: tof.and_then(|t| value(t.findings.volume_mm3)),
            avg_height_mm: tof.and_then(|t| value(t.findings.avg_height_mm)),
            height_variation_mm: tof.and_then(|t| value(t.findings.height_variation_mm)),
            surface_uniformity: tof.and_then(|t| value(t.findings.surface_uniformity)),
            tof_score: tof.and_then(|t| value(t.score)),
            tof_grade: tof.and_then(|t| t.grade).map(sqal_core::Grade::as_str),
            integration_time_ms: sample.spectrum.map(|s| s.integration_time().millis()),
            gain: sample.spectrum.map(|s| s.gain().multiplier()),
            color_score: spectral.and_then(|s| value(s.findings.color_score)),
            freshness_index: spectral.and_then(|s| value(s.findings.freshness_index)),
            fat_quality_index: spectral.and_then(|s| value(s.findings.fat_quality_index)),
            oxidation_index: spectral.and_then(|s| value(s.findings.oxidation_index)),
            color_uniformity: spectral.and_then(|s| value(s.findings.color_uniformity)),
            spectral_score: spectral.and_then(|s| value(s.score)),
            spectral_grade: spectral.and_then(|s| s.grade).map(sqal_core::Grade::as_str),
            score: value(verdict.score),
            grade: verdict.grade.as_str(),
            confidence: verdict.stated_confidence().get(),
            defects: defects(&verdict.defects).map_err(|error| refused(error.into()))?,
            processing_ms: f64::from(sample.processing_micros) / 1000.0,
            firmware_version: sample.meta.firmware_version.as_ref().map(Name::as_str),
            temperature_c: sample.meta.temperature_c,
            humidity_percent: sample.meta.humidity_percent,
            frame: encode_frame(sample.tof.as_ref(), sample.spectrum.as_ref()),
            findings: findings::encode(sample).map_err(|error| refused(error.into()))?,
            uncertainties: [
                tof.and_then(|t| u(t.findings.volume_mm3)),
                tof.and_then(|t| u(t.findings.avg_height_mm)),
                tof.and_then(|t| u(t.findings.height_variation_mm)),
                tof.and_then(|t| u(t.findings.surface_uniformity)),
                tof.and_then(|t| u(t.score)),
                spectral.and_then(|s| u(s.findings.color_score)),
                spectral.and_then(|s| u(s.findings.freshness_index)),
                spectral.and_then(|s| u(s.findings.fat_quality_index)),
                spectral.and_then(|s| u(s.findings.oxidation_index)),
                spectral.and_then(|s| u(s.findings.color_uniformity)),
                spectral.and_then(|s| u(s.score)),
                u(verdict.score),
            ],
            profile_version: sample.profile.version,
            profile: sample.profile.name.as_str(),
            flags: flags(tof.map(|t| t.flags), spectral.map(|s| s.flags)),
            purpose: (sample.purpose != Purpose::Product).then(|| sample.purpose.as_str()),
        })
    }
}

/// The names of the flags of both analyses, each once.
fn flags(tof: Option<Flags>, spectral: Option<Flags>) -> Option<String> {
    let all = spectral.unwrap_or_default().iter().fold(tof.unwrap_or_default(), Flags::with);
    let names: Vec<_> = all.iter().map(Flag::as_str).collect();
    (!names.is_empty()).then(|| names.join(" "))
}

/// The columns that are read back from a row.
#[derive(Debug)]
pub(crate) struct Stored<'a> {
    pub(crate) timestamp: i64,
    pub(crate) device_id: &'a str,
    pub(crate) sample_id: &'a str,
    pub(crate) received_at: i64,
    pub(crate) frame: &'a [u8],
    pub(crate) findings: &'a [u8],
}

impl Stored<'_> {
    /// The sample; the error says which column is damaged.
    pub(crate) fn sample(&self) -> Result<Sample, String> {
        fn named<T, E: std::fmt::Display>(name: &str, read: Result<T, E>) -> Result<T, String> {
            read.map_err(|error| format!("{name}: {error}"))
        }
        let (tof, spectrum) = named("frame", decode_frame(self.frame))?;
        let findings = named("findings", findings::decode(self.findings))?;
        Ok(Sample {
            key: SampleKey {
                device_id: named("device_id", Name::stored(self.device_id))?,
                timestamp: named("timestamp", Timestamp::from_micros(self.timestamp))?,
                name: named("sample_id", Name::stored(self.sample_id))?,
            },
            received_at: named("created_at", Timestamp::from_micros(self.received_at))?,
            tof,
            spectrum,
            inspection: findings.inspection,
            reported: findings.reported,
            meta: findings.meta,
            profile: findings.profile,
            processing_micros: findings.processing_micros,
            beside: findings.beside,
            purpose: findings.purpose,
        })
    }
}

/// A sample that was stored before a batch came; `None` if its row is damaged.
#[derive(Debug)]
pub(crate) struct Before {
    pub(crate) id: SampleId,
    pub(crate) sample: Option<Sample>,
}

/// The outcome for a sample whose id is stored already.
///
/// A stored sample that cannot be read (`None`) does not prove that the device sent an equal
/// reading, so the outcome is a conflict.
pub(crate) fn known_as(stored: Option<&Sample>, offered: &Sample) -> Inserted {
    if stored.is_some_and(|stored| stored.is_same_reading(offered)) { Inserted::Duplicate } else { Inserted::Conflict }
}

/// A batch in the order in which every writer stores it, each id once, with the way back to one
/// outcome per sample.
///
/// Two writers that lock the same samples lock them in one order and cannot deadlock.
#[derive(Debug)]
pub(crate) struct Batch<'a> {
    samples: &'a [Sample],
    ids: Vec<SampleId>,
    /// Places in the batch, by id, first occurrences only.
    order: Vec<usize>,
}

impl<'a> Batch<'a> {
    pub(crate) fn of(samples: &'a [Sample]) -> Self {
        let ids: Vec<_> = samples.iter().map(Sample::id).collect();
        let mut order: Vec<_> = (0..samples.len()).collect();
        order.sort_by_key(|k| ids[*k]); // stable: the first of equals stays first
        order.dedup_by_key(|k| ids[*k]);
        Self { samples, ids, order }
    }

    /// The number of different samples.
    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    /// The ids of the samples, in the order in which they are stored.
    #[cfg(feature = "postgres")]
    pub(crate) fn ids(&self) -> impl Iterator<Item = SampleId> {
        self.order.iter().map(|k| self.ids[*k])
    }

    /// The timestamps of the samples, in the order in which they are stored.
    #[cfg(feature = "postgres")]
    pub(crate) fn timestamps(&self) -> impl Iterator<Item = Timestamp> {
        self.order.iter().map(|k| self.samples[*k].key.timestamp)
    }

    /// All rows, in the order in which they are stored.
    pub(crate) fn records(&self, backend: &'static str) -> Result<Vec<Record<'a>>, StorageError> {
        self.parts(self.len().max(1), backend).next().unwrap_or_else(|| Ok(Vec::new()))
    }

    /// All rows in parts of at most `size`, each made on demand.
    pub(crate) fn parts(
        &self,
        size: usize,
        backend: &'static str,
    ) -> impl Iterator<Item = Result<Vec<Record<'a>>, StorageError>> {
        self.order
            .chunks(size)
            .map(move |part| part.iter().map(|k| Record::of(&self.samples[*k], self.ids[*k], backend)).collect())
    }

    /// The ids and times of the samples that were stored before, from the ids that were new; empty
    /// for a batch that is new.
    pub(crate) fn known(&self, stored: &[SampleId]) -> Vec<(SampleId, Timestamp)> {
        if stored.len() == self.len() {
            return Vec::new();
        }
        let new: HashSet<_> = stored.iter().copied().collect();
        let all = self.order.iter().map(|k| (self.ids[*k], self.samples[*k].key.timestamp));
        all.filter(|(id, _)| !new.contains(id)).collect()
    }

    /// The outcomes in the batch's own order, from the ids that were new and the samples that were
    /// stored before.
    pub(crate) fn outcomes(&self, stored: impl IntoIterator<Item = SampleId>, there: &[Before]) -> Vec<Inserted> {
        let mut new: HashSet<_> = stored.into_iter().collect();
        // Most batches are all new: then there are no samples to compare.
        if new.len() == self.samples.len() {
            return vec![Inserted::Stored; self.samples.len()];
        }
        let mut first: HashMap<SampleId, &Sample> = HashMap::new();
        for Before { id, sample } in there {
            if let Some(sample) = sample {
                first.insert(*id, sample);
            }
        }
        let mut outcomes = Vec::with_capacity(self.samples.len());
        for (id, sample) in self.ids.iter().zip(self.samples) {
            outcomes.push(if new.remove(id) {
                first.insert(*id, sample);
                Inserted::Stored
            } else {
                known_as(first.get(id).copied(), sample)
            });
        }
        outcomes
    }

    /// The sums over the new samples, by device and hour, in that order.
    pub(crate) fn hours(&self, outcomes: &[Inserted]) -> Vec<(DeviceId, Hourly)> {
        let mut by_device: BTreeMap<DeviceId, Vec<&Sample>> = BTreeMap::new();
        for (sample, _) in self.samples.iter().zip(outcomes).filter(|(_, outcome)| **outcome == Inserted::Stored) {
            by_device.entry(sample.key.device_id).or_default().push(sample);
        }
        let hours = by_device.into_iter().map(|(device, samples)| (device, Hourly::of(samples)));
        hours.flat_map(|(device, hours)| hours.into_iter().map(move |hour| (device, hour))).collect()
    }
}
