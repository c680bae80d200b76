//! [`Station`]: turns readings into documented frames, judged with the code of the server.

use serde_json::{Value, json};
use sqal_core::{Name, Sample, SampleKey, Timestamp, sample::Meta};
use sqal_grading::Profiles;
use sqal_protocol::document::document;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::source::{Reading, profiles};
use crate::{Config, Source, SourceError};

/// One frame ready to be sent.
#[derive(Clone, Debug)]
pub struct Shot {
    /// The device's name for the sample.
    pub sample_id: String,
    /// The key of the sample, as it is in the frame.
    pub key: Value,
    /// The documented frame as JSON.
    pub text: String,
    /// The device's own conclusion, in one sentence.
    pub conclusion: String,
    /// The truth as one line of JSON, if it is known.
    pub truth: Option<String>,
}

/// A station with its source, its profile and its name.
#[derive(Debug)]
pub struct Station {
    device_id: Name<100>,
    profile: Name<64>,
    profiles: Profiles,
    source: Source,
    shots: u32,
}

impl Station {
    /// The station that a configuration describes.
    ///
    /// # Errors
    ///
    /// [`SourceError`] if its recordings or profiles cannot be opened, or a name is not valid.
    pub fn open(config: &Config) -> Result<Self, SourceError> {
        let source = match (config.replay, config.i2c) {
            (true, _) => Source::recorded()?,
            (false, true) => Source::wired(config.seed)?,
            (false, false) => Source::simulated(config.seed),
        };
        let profiles = profiles(config.config_path.as_ref())?;
        Ok(Self {
            device_id: Name::new(&config.device_id).map_err(|why| SourceError::Name { what: "device id", why })?,
            profile: Name::new(&config.profile).map_err(|why| SourceError::Name { what: "profile", why })?,
            profiles,
            source,
            shots: 0,
        })
    }

    /// The name of the station.
    #[must_use]
    pub fn device_id(&self) -> &str {
        self.device_id.as_str()
    }

    /// The next frame, measured at `now`; `None` after the last recording.
    pub fn shoot(&mut self, now: Timestamp) -> Option<Shot> {
        let Reading { tof, spectrum, temperature_c, humidity_percent, truth } = self.source.next()?;
        self.shots += 1;
        let sample_id = sample_id(now, self.shots);
        let key = SampleKey { device_id: self.device_id, timestamp: now, name: Name::new(&sample_id).ok()? };
        let judged = self.profiles.inspect(&self.profile, tof.as_ref(), spectrum.as_ref());
        // If this station does not have the profile, the frame is sent with that name all the same:
        // the server has the profile, or refuses the frame.
        let (inspection, profile) = judged.or_else(|| {
            let first = self.profiles.names().next()?;
            self.profiles.inspect(first, tof.as_ref(), spectrum.as_ref())
        })?;
        let sample = Sample {
            key,
            received_at: now,
            tof,
            spectrum,
            inspection,
            reported: None,
            meta: Meta { firmware_version: Name::new("1.0.0").ok(), temperature_c, humidity_percent },
            profile: sqal_core::ProfileRef { name: self.profile, ..profile },
            processing_micros: 0,
            beside: sqal_core::beside::Beside::default(),
            purpose: sqal_core::Purpose::Product,
        };
        let conclusion = sample.inspection.verdict.explain(sqal_core::verdict::Language::English).to_string();
        let truth = truth.map(|mut truth| {
            truth["sample_id"] = sample_id.clone().into();
            truth["device_id"] = self.device_id.to_string().into();
            truth.to_string()
        });
        // Serializing a document of checked values cannot fail.
        let text = serde_json::to_string(&document(&sample)).ok()?;
        let timestamp = OffsetDateTime::from_unix_timestamp_nanos(i128::from(now.micros()) * 1000).ok()?;
        let key = json!({ "timestamp": timestamp.format(&Rfc3339).ok()?, "sample_id": sample_id });
        Some(Shot { sample_id, key, text, conclusion, truth })
    }
}

/// A sample id in the documented form, `SAMPLE-20241026-230000-0001` (ING-03).
fn sample_id(now: Timestamp, number: u32) -> String {
    let nanos = i128::from(now.micros()) * 1000;
    let t = OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (year, month, day) = (t.year(), u8::from(t.month()), t.day());
    format!("SAMPLE-{year:04}{month:02}{day:02}-{:02}{:02}{:02}-{number:04}", t.hour(), t.minute(), t.second())
}
