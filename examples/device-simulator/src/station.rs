//! [`Station`]: turns readings into documented frames, judged with the code of the server.

use serde::Serialize;
use serde_json::{Value, json};
use sqal_core::{Name, Sample, SampleKey, Timestamp, sample::Meta};
use sqal_grading::Profiles;
use sqal_protocol::document::{Document, document};
use sqal_telemetry::context_of;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tracing::{Span, debug_span, field};

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
    /// The span of the reading. It is open until the server has answered the frame.
    pub reading: Span,
}

impl Shot {
    /// Ends the span of the reading now: the server has answered the frame, and has refused it if
    /// there is a reason.
    pub(crate) fn answered(&self, refused: Option<&str>) {
        self.reading.in_scope(|| {
            if let Some(why) = refused {
                self.reading.record("otel.status_code", "ERROR");
                self.reading.record("otel.status_description", why);
            }
        });
    }
}

/// A frame with the trace that its station has begun for it, which the server continues.
#[derive(Serialize)]
struct TracedFrame {
    #[serde(flatten)]
    frame: Document,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
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
        let span = debug_span!(
            "reading",
            otel.kind = "producer",
            otel.status_code = field::Empty,
            otel.status_description = field::Empty,
            messaging.system = "websocket",
            sqal.device_id = self.device_id.as_str(),
            sqal.sample_id = sample_id.as_str(),
        );
        let _entered = span.clone().entered();
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
        let traceparent = context_of(&span).map(|context| context.to_string());
        let text = serde_json::to_string(&TracedFrame { frame: document(&sample), traceparent }).ok()?;
        let timestamp = OffsetDateTime::from_unix_timestamp_nanos(i128::from(now.micros()) * 1000).ok()?;
        let key = json!({ "timestamp": timestamp.format(&Rfc3339).ok()?, "sample_id": sample_id });
        Some(Shot { sample_id, key, text, conclusion, truth, reading: span })
    }
}

/// A sample id in the documented form, `SAMPLE-20241026-230000-0001` (ING-03).
fn sample_id(now: Timestamp, number: u32) -> String {
    let nanos = i128::from(now.micros()) * 1000;
    let t = OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (year, month, day) = (t.year(), u8::from(t.month()), t.day());
    format!("SAMPLE-{year:04}{month:02}{day:02}-{:02}{:02}{:02}-{number:04}", t.hour(), t.minute(), t.second())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, OnceLock};

    use clap::Parser;
    use sqal_protocol::frame::traceparent_of;
    use sqal_resilience::fresh_seed;
    use sqal_telemetry::held::{FinishedTrace, HeadSampling, HeldTraces, SpanKind, SpanStatus, TraceSink};
    use tracing::subscriber::NoSubscriber;
    use tracing_subscriber::prelude::*;

    use super::*;

    #[derive(Default)]
    struct Kept(Mutex<Vec<FinishedTrace>>);

    impl TraceSink for Kept {
        fn take(&self, trace: FinishedTrace) {
            self.0.lock().unwrap().push(trace);
        }
    }

    fn shot() -> Shot {
        let mut station = Station::open(&Config::parse_from(["sqal-simulator"])).unwrap();
        station.shoot(Timestamp::from_micros(1_729_983_600_000_000).unwrap()).unwrap()
    }

    /// Keeps all traces of this process. The subscriber is that of the process: with one of a
    /// thread, another test that comes to the span for the first time leaves it without any.
    fn kept() -> &'static Kept {
        static KEPT: OnceLock<Arc<Kept>> = OnceLock::new();
        KEPT.get_or_init(|| {
            let kept = Arc::new(Kept::default());
            let held = HeldTraces::new(kept.clone(), HeadSampling::Always, &["device_simulator"], fresh_seed);
            tracing_subscriber::registry().with(held.layer()).init();
            kept
        })
    }

    #[test]
    fn a_frame_names_the_trace_of_its_reading_and_the_reading_lasts_until_the_answer() {
        let kept = kept();
        let shot = shot();
        let sent = traceparent_of(&shot.text).unwrap();
        let of_shot =
            || kept.0.lock().unwrap().iter().filter(|trace| trace.id == sent.trace).cloned().collect::<Vec<_>>();
        assert!(of_shot().is_empty(), "no answer has come yet");
        shot.answered(Some("/problems/frame-invalid"));
        drop(shot);
        let traces = of_shot();
        assert_eq!(traces.len(), 1);
        let reading = &traces[0].spans[0];
        assert_eq!((&*reading.name, reading.kind, reading.id), ("reading", SpanKind::Producer, sent.span));
        assert_eq!(reading.status, SpanStatus::Error("/problems/frame-invalid".to_owned()));
    }

    #[test]
    fn a_frame_without_a_trace_is_the_documented_one() {
        let text = tracing::subscriber::with_default(NoSubscriber::default(), shot).text;
        assert_eq!(traceparent_of(&text), None);
        assert!(!text.contains("traceparent"), "{text}");
    }
}
