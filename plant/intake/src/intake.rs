//! [`Intake`]: turns the text of one frame into a judged sample, or into a list of its errors.

use std::sync::Arc;
use std::time::Duration;

use sqal_core::{DeviceId, Flag, Name, Purpose, Sample, SampleId, SampleKey, Timestamp, TofFrame};
use sqal_grading::{Profiles, ProfilesInForce};
use sqal_protocol::frame::{self, Incoming, MeasurementTime};
use sqal_protocol::time::rfc3339;
use sqal_protocol::{Problem, Violation};
use sqal_resilience::Clock;
use sqal_telemetry::TraceContext;

use crate::ages::Ages;
use crate::disagreement::{Disagreement, Fault, Refusal};
use crate::repeats::Repeats;
use crate::shown_names::ShownNames;
use crate::wall_clock::WallClock;

/// The limits of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FrameLimits {
    /// The most bytes of text. A documented frame has about 4 KB.
    pub bytes: usize,
    /// How far a device's clock may be ahead of the server's clock.
    pub ahead: Duration,
    /// The earliest time that a frame may have. An earlier time means that the device's clock was
    /// never set.
    pub not_before: Timestamp,
}

impl Default for FrameLimits {
    /// 256 KiB, 300 seconds ahead, not before 2020-01-01T00:00:00Z.
    fn default() -> Self {
        let not_before =
            Timestamp::from_micros(1_577_836_800_000_000).unwrap_or_else(|_| unreachable!("2020 is a year"));
        Self { bytes: 256 * 1024, ahead: Duration::from_mins(5), not_before }
    }
}

/// A judged sample, and the changes that were made to its frame.
#[derive(Debug)]
pub struct Accepted {
    /// The sample, judged by its profile.
    pub sample: Sample,
    /// Whether the timestamp was finer than a microsecond and was cut.
    pub time_cut: bool,
    /// Whether the frame has a `traceparent` that is not valid, and was ignored.
    pub traceparent_ignored: bool,
    /// The trace of the device, if the frame names one.
    pub(crate) traceparent: Option<TraceContext>,
    /// The run of the device, if the frame has an age instead of a time.
    boot: Option<Name<64>>,
    /// The sample's id and the fingerprint of its distances, if it has any.
    reading: Option<(SampleId, u64)>,
}

/// Checks frames and judges them by their profile, without any socket or store.
pub struct Intake {
    in_force: ProfilesInForce,
    limits: FrameLimits,
    now: WallClock,
    clock: Arc<dyn Clock>,
    ages: Ages,
    repeats: Repeats,
}

impl std::fmt::Debug for Intake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Intake").field("profiles", &self.in_force).field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Intake {
    /// An intake with its profiles, limits and clocks.
    #[must_use]
    pub fn new(profiles: Profiles, limits: FrameLimits, now: WallClock, clock: Arc<dyn Clock>) -> Self {
        Self {
            in_force: ProfilesInForce::new(profiles),
            limits,
            now,
            clock,
            ages: Ages::default(),
            repeats: Repeats::default(),
        }
    }

    /// The profiles that judge now.
    #[must_use]
    pub fn profiles(&self) -> Arc<Profiles> {
        self.in_force.now()
    }

    /// The profiles that judge, to put others into force.
    #[must_use]
    pub const fn in_force(&self) -> &ProfilesInForce {
        &self.in_force
    }

    /// The limits of a frame.
    #[must_use]
    pub const fn limits(&self) -> &FrameLimits {
        &self.limits
    }

    /// Judges one frame.
    ///
    /// # Errors
    ///
    /// A [`Problem`] that names each place, value and limit. Its status is 503 if the frame itself
    /// may be right: its time is too far ahead of the server's clock, or its profile is not known
    /// here.
    pub fn accept(&self, text: &str) -> Result<Sample, Problem> {
        self.judge(text).map(|accepted| accepted.sample).map_err(|refusal| refusal.problem)
    }

    /// Judges one frame, and reports the changes that were made to it. A refusal says whether the
    /// device and this server only disagree.
    pub(crate) fn judge(&self, text: &str) -> Result<Accepted, Box<Refusal>> {
        self.judge_came_at(text, (self.now)())
    }

    /// Remembers a sample for the comparison with later frames of its device. The caller has
    /// checked that the sender may hand it in.
    pub(crate) fn remember(&self, accepted: &Accepted) {
        if let Some(reading) = accepted.reading {
            self.repeats.remember(accepted.sample.key.device_id, reading);
        }
        self.remember_time(accepted);
    }

    /// Remembers the time of a sample whose device gave an age only. A replay remembers no more:
    /// what it brings is older than the newest reading of its device.
    pub(crate) fn remember_time(&self, accepted: &Accepted) {
        if let Some(boot) = accepted.boot {
            let SampleKey { device_id, timestamp, name: sample_id } = accepted.sample.key;
            self.ages.remember(device_id, boot, sample_id, timestamp);
        }
    }

    /// Judges a frame that arrived at the given time. The frame's age counts back from that time.
    pub(crate) fn judge_came_at(&self, text: &str, came_at: Timestamp) -> Result<Accepted, Box<Refusal>> {
        if text.len() > self.limits.bytes {
            return Err(Problem::frame_too_large(text.len(), self.limits.bytes).into());
        }
        let begun = self.clock.now();
        let incoming = frame::parse(text).map_err(Problem::invalid_frame)?;
        let received_at = (self.now)();
        let (key, boot) = self.key_of(&incoming, came_at);
        self.check_time(key.device_id, key.timestamp, received_at)?;
        let Incoming { traceparent, traceparent_ignored, time_cut, .. } = incoming;
        let Incoming { tof, spectrum, reported, meta, purpose, beside, profile, .. } = incoming;
        let purpose = if Purpose::is_named_by(&key.device_id) { Purpose::Calibration } else { purpose };
        let profiles = self.profiles();
        let Some((mut inspection, profile)) = profiles.inspect(&profile, tof.as_ref(), spectrum.as_ref()) else {
            return Err(unknown_profile(&key, profile, &profiles));
        };
        let fingerprint = tof.as_ref().and_then(TofFrame::fingerprint);
        let reading = fingerprint.map(|fingerprint| (SampleId::of(&key), fingerprint));
        if let (Some(reading), Some(found)) = (reading, &mut inspection.tof)
            && self.repeats.repeats(&key.device_id, reading)
        {
            found.flags.insert(Flag::RepeatedFrame);
        }
        let processing = self.clock.now().saturating_duration_since(begun);
        let sample = Sample {
            key,
            received_at,
            tof,
            spectrum,
            inspection,
            reported,
            meta,
            profile,
            processing_micros: u32::try_from(processing.as_micros()).unwrap_or(u32::MAX),
            beside: beside.kept(),
            purpose,
        };
        Ok(Accepted { sample, time_cut, traceparent_ignored, traceparent, boot, reading })
    }

    /// The identity of a sample, and the run of its device if the frame has an age instead of a
    /// time.
    fn key_of(&self, incoming: &Incoming, came_at: Timestamp) -> (SampleKey, Option<Name<64>>) {
        let (device_id, sample_id) = (incoming.device_id, incoming.sample_id);
        let (timestamp, boot) = match incoming.measured {
            MeasurementTime::At(timestamp) => (timestamp, None),
            MeasurementTime::Before { age_ms, boot } => {
                (self.ages.time_of(device_id, boot, sample_id, age_ms, came_at), Some(boot))
            }
        };
        (SampleKey { device_id, timestamp, name: sample_id }, boot)
    }

    /// Checks the time of a frame. A time before the limit proves that the device's clock was never
    /// set. A time far ahead proves only that two clocks disagree.
    fn check_time(&self, device_id: DeviceId, timestamp: Timestamp, now: Timestamp) -> Result<(), Box<Refusal>> {
        let ahead = i64::try_from(self.limits.ahead.as_micros()).unwrap_or(i64::MAX);
        let latest = now.micros().saturating_add(ahead);
        let wrong = |limit: String, french: String| Violation::new("/timestamp", rfc3339(timestamp), limit, french);
        if timestamp.micros() > latest {
            let (seconds, now) = (self.limits.ahead.as_secs(), rfc3339(now));
            let violation = wrong(
                format!("at most {seconds} s after the server's clock ({now})"),
                format!("au plus {seconds} s après l'horloge du serveur ({now})"),
            );
            let disagreement = Some(Disagreement { device_id, measured: timestamp, fault: Fault::Clock });
            Err(Box::new(Refusal { problem: Problem::clock_disagrees(violation), disagreement }))
        } else if timestamp < self.limits.not_before {
            let first = rfc3339(self.limits.not_before);
            let violation = wrong(
                format!("not before {first}: set the device's clock"),
                format!("pas avant {first} : régler l'horloge de l'appareil"),
            );
            Err(Problem::invalid_frame(vec![violation]).into())
        } else {
            Ok(())
        }
    }
}

/// The refusal of a frame whose profile is not known here.
fn unknown_profile(key: &SampleKey, profile: Name<64>, profiles: &Profiles) -> Box<Refusal> {
    let known = ShownNames::of(profiles.names());
    let violation = Violation::new("/meta/config_profile", profile, known.english(), known.french());
    let disagreement = Disagreement { device_id: key.device_id, measured: key.timestamp, fault: Fault::Profile };
    Box::new(Refusal { problem: Problem::profile_unknown_here(violation), disagreement: Some(disagreement) })
}
