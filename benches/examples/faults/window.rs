//! [`Pair`]: two windows of time on one server, without and with faults, and what each has cost.

use std::time::Duration;

use sqal_resilience::{Clock, SystemClock};

use crate::devices::{EventAnswers, FaultyDevices};
use crate::server::{Failed, Server, Usage};
use crate::stations::Stations;

/// The time between the begin of a load and the begin of its window.
const SETTLE: Duration = Duration::from_secs(2);

/// What was measured in a window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    /// Frames that were acknowledged in a second.
    pub(crate) frames: f64,
    /// Frames that were answered otherwise, in all.
    pub(crate) refused_frames: u64,
    /// The share of the acknowledgements that came within a second, in percent.
    pub(crate) in_time_percent: f64,
    /// The median, the 99 % quantile and the greatest time to an acknowledgement, in milliseconds.
    pub(crate) latency_ms: [f64; 3],
    /// Events that were accepted in a second.
    pub(crate) accepted: f64,
    /// Events that were refused with 429 in a second.
    pub(crate) refused: f64,
    /// The processor time of the server in a second, in seconds.
    pub(crate) server: f64,
    /// The processor time of this program in a second, in seconds.
    pub(crate) own: f64,
    /// The memory of the server at the begin and at the end, in MiB.
    pub(crate) resident_mib: [f64; 2],
}

impl Window {
    /// The processor time of the server for each acknowledged frame, with all that it did beside
    /// it, in microseconds.
    pub(crate) fn micros_per_frame(&self) -> f64 {
        self.server * 1e6 / self.frames
    }

    /// Measures a window of this length. `devices` send faults meanwhile.
    async fn measure(
        server: &Server,
        stations: &Stations,
        devices: Option<&FaultyDevices>,
        length: Duration,
    ) -> Result<Self, Failed> {
        let events = || devices.map(FaultyDevices::so_far).unwrap_or_default();
        tokio::time::sleep(SETTLE).await;
        drop(stations.take());
        let (begun, sent, used, own) = (SystemClock.now(), events(), server.usage()?, Usage::of_itself()?);
        tokio::time::sleep(length).await;
        let answers = stations.take();
        let seconds = SystemClock.now().saturating_duration_since(begun).as_secs_f64();
        let (sent_after, used_after, own_after) = (events(), server.usage()?, Usage::of_itself()?);
        let mut micros = answers.micros;
        micros.sort_unstable();
        let at = |share: f64| {
            let place = ((micros.len() as f64 * share) as usize).min(micros.len().saturating_sub(1));
            micros.get(place).map_or(0.0, |micros| f64::from(*micros) / 1000.0)
        };
        let in_time = micros.partition_point(|micros| *micros <= 1_000_000);
        Ok(Self {
            frames: micros.len() as f64 / seconds,
            refused_frames: answers.refused,
            in_time_percent: in_time as f64 * 100.0 / micros.len().max(1) as f64,
            latency_ms: [at(0.5), at(0.99), at(1.0)],
            accepted: (sent_after.accepted - sent.accepted) as f64 / seconds,
            refused: (sent_after.refused - sent.refused) as f64 / seconds,
            server: (used_after.seconds - used.seconds) / seconds,
            own: (own_after.seconds - own.seconds) / seconds,
            resident_mib: [used.resident_mib, used_after.resident_mib],
        })
    }
}

/// Two windows of one server, one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    pub(crate) without: Window,
    pub(crate) with: Window,
    /// What was answered to all events, those before and after the window too.
    pub(crate) events: EventAnswers,
}

impl Pair {
    /// Measures both windows. In every second pair the one with faults is first, so that what
    /// changes with time affects both equally.
    pub(crate) async fn measure(
        server: &Server,
        stations: &Stations,
        length: Duration,
        number: u32,
    ) -> Result<Self, Failed> {
        let before =
            if number.is_multiple_of(2) { Some(Window::measure(server, stations, None, length).await?) } else { None };
        let devices = FaultyDevices::begin(server.address())?;
        let with = Window::measure(server, stations, Some(&devices), length).await?;
        let events = devices.end().await?;
        let without = match before {
            Some(window) => window,
            None => Window::measure(server, stations, None, length).await?,
        };
        Ok(Self { without, with, events })
    }

    /// The frames a second with faults, as a share of those without.
    pub(crate) fn frames_ratio(&self) -> f64 {
        self.with.frames / self.without.frames
    }

    /// The processor time per frame with faults, as a multiple of that without.
    pub(crate) fn processor_ratio(&self) -> f64 {
        self.with.micros_per_frame() / self.without.micros_per_frame()
    }

    /// The processor time that the server has used for an event, accepted or refused, in
    /// microseconds: what it has used beyond the frames.
    pub(crate) fn micros_per_event(&self) -> f64 {
        let of_frames = self.with.frames * self.without.micros_per_frame();
        self.with.server.mul_add(1e6, -of_frames) / (self.with.accepted + self.with.refused)
    }
}

/// The median of values, with the least and the greatest.
pub(crate) fn spread(values: impl Iterator<Item = f64>) -> [f64; 3] {
    let mut values: Vec<_> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    let at = |place: usize| values.get(place).copied().unwrap_or(f64::NAN);
    let last = values.len().saturating_sub(1);
    let median = f64::midpoint(at(last / 2), at(values.len() / 2));
    [at(0), median, at(last)]
}
