//! [`Intake`]: from the text of one frame to one judged sample, or to everything that is wrong with it.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use sqal_core::{Sample, SampleKey, Timestamp};
use sqal_resilience::Clock;

use crate::ages::Ages;
use crate::wire::{self, Incoming, Measured};
use crate::{Problem, Profiles, Violation, WallClock};

/// What a frame may be at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameLimits {
    /// Bytes of text; a documented frame has about 4 KB.
    pub bytes: usize,
    /// How far a device's clock may be ahead of the server's.
    pub ahead: Duration,
    /// The earliest time that a device can mean; an earlier one is a clock that was never set.
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

/// Checks frames and judges them by their profile; knows no socket and no store.
pub struct Intake {
    profiles: RwLock<Arc<Profiles>>,
    limits: FrameLimits,
    now: WallClock,
    clock: Arc<dyn Clock>,
    ages: Ages,
}

impl std::fmt::Debug for Intake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Intake")
            .field("profiles", &self.profiles())
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl Intake {
    /// An intake with its profiles, limits and clocks.
    #[must_use]
    pub fn new(profiles: Profiles, limits: FrameLimits, now: WallClock, clock: Arc<dyn Clock>) -> Self {
        Self { profiles: RwLock::new(Arc::new(profiles)), limits, now, clock, ages: Ages::default() }
    }

    /// By what products are judged now.
    #[must_use]
    pub fn profiles(&self) -> Arc<Profiles> {
        Arc::clone(&self.profiles.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Judges by these too from now on, where nothing newer of their names is in force; whether something changed. Frames wait for a few pointers at most.
    pub(crate) fn put_in_force(&self, others: &Profiles, most: usize) -> bool {
        let mut profiles = self.profiles.write().unwrap_or_else(PoisonError::into_inner);
        let changed = profiles.with(others, most);
        if let Some(changed) = &changed {
            *profiles = Arc::new(changed.clone());
        }
        changed.is_some()
    }

    /// The limits.
    #[must_use]
    pub const fn limits(&self) -> &FrameLimits {
        &self.limits
    }

    /// Judges one frame.
    ///
    /// # Errors
    ///
    /// A [`Problem`] that names each place, value and limit.
    pub fn accept(&self, text: &str) -> Result<Sample, Problem> {
        if text.len() > self.limits.bytes {
            return Err(Problem::frame_too_large(text.len(), self.limits.bytes));
        }
        let begun = self.clock.now();
        let incoming = wire::parse(text).map_err(Problem::invalid_frame)?;
        let received_at = (self.now)();
        let Incoming { device_id, sample_id, measured, tof, spectrum, reported, meta, beside, profile } = incoming;
        let timestamp = match measured {
            Measured::At(timestamp) => timestamp,
            Measured::Before { age_ms, boot } => self.ages.time_of(device_id, boot, sample_id, age_ms, received_at),
        };
        self.check_time(timestamp, received_at).map_err(|violation| Problem::invalid_frame(vec![violation]))?;
        let key = SampleKey { device_id, timestamp, sample_id };
        let profiles = self.profiles();
        let Some((inspection, profile)) = profiles.inspect(&profile, tof.as_ref(), spectrum.as_ref()) else {
            let known = profiles.names().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let (limit, french) = (format!("one of {known}"), format!("l'un de {known}"));
            return Err(Problem::invalid_frame(vec![Violation::new("/meta/config_profile", profile, limit, french)]));
        };
        let processing = self.clock.now().saturating_duration_since(begun);
        Ok(Sample {
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
        })
    }

    fn check_time(&self, timestamp: Timestamp, now: Timestamp) -> Result<(), Violation> {
        let ahead = i64::try_from(self.limits.ahead.as_micros()).unwrap_or(i64::MAX);
        let latest = now.micros().saturating_add(ahead);
        let refuse =
            |limit: String, french: String| Err(Violation::new("/timestamp", wire::rfc3339(timestamp), limit, french));
        if timestamp.micros() > latest {
            let (seconds, now) = (self.limits.ahead.as_secs(), wire::rfc3339(now));
            refuse(
                format!("at most {seconds} s after the server's clock ({now})"),
                format!("au plus {seconds} s après l'horloge du serveur ({now})"),
            )
        } else if timestamp < self.limits.not_before {
            let first = wire::rfc3339(self.limits.not_before);
            refuse(
                format!("not before {first}: set the device's clock"),
                format!("pas avant {first} : régler l'horloge de l'appareil"),
            )
        } else {
            Ok(())
        }
    }
}
