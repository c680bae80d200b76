//! [`Live`]: sends samples to watchers as they are stored.
//!
//! A watcher that was cut off and comes back within a short time gets the samples that it missed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqal_core::Sample;
use sqal_protocol::document::document;
use tokio::sync::broadcast;
use tracing::trace_span;

/// The number of samples that are kept for watchers that come back: a minute of a line of twenty
/// stations, about a megabyte.
const KEPT: usize = 256;

/// After this time without a watcher, samples are no longer serialized, because serializing would
/// cost every sample a fifth of its time.
const PATIENCE: Duration = Duration::from_mins(2);

/// A stored sample, as a watcher reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    /// The number of the sample among those that this process has stored, from 1.
    pub(crate) number: u64,
    /// The sample as JSON text.
    pub(crate) text: Arc<str>,
}

/// The samples that were stored since a watcher was last connected.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Since {
    /// How many of them are lost; `None` if this is not known, because the watcher was on another
    /// server, or connected before a restart.
    pub(crate) missed: Option<u64>,
    /// The other samples, the oldest first.
    pub(crate) kept: VecDeque<Stored>,
}

#[derive(Debug)]
struct State {
    /// The number of samples that were stored.
    count: u64,
    kept: VecDeque<Stored>,
    /// When a watcher was last connected.
    watched: Option<Instant>,
}

/// The samples of this process as they are stored.
#[derive(Debug)]
pub(crate) struct Live {
    /// Distinguishes the numbers of this process from those of another.
    epoch: u64,
    sender: broadcast::Sender<Stored>,
    state: Mutex<State>,
}

impl Live {
    pub(crate) fn new(epoch: u64) -> Self {
        // A page that reads slower than the line produces misses samples and says so. It never
        // holds up the line.
        let sender = broadcast::Sender::new(64);
        Self { epoch, sender, state: Mutex::new(State { count: 0, kept: VecDeque::new(), watched: None }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a stored sample to the watchers.
    pub(crate) fn stored(&self, sample: &Sample, now: Instant) {
        if !self.is_watched_or_counts(now) {
            return;
        }
        let publish = trace_span!("publish", otel.kind = "producer", messaging.system = "server-sent events");
        let _entered = publish.enter();
        // Serialized before the lock is taken, because otherwise the samples of all connections
        // would wait for each other's text.
        let text =
            serde_json::to_string(&document(sample)).unwrap_or_else(|_| unreachable!("names and finite numbers"));
        let mut state = self.state();
        state.count += 1;
        let stored = Stored { number: state.count, text: text.into() };
        if state.kept.len() == KEPT {
            state.kept.pop_front();
        }
        state.kept.push_back(stored.clone());
        // The last watcher may have left since.
        let _ = self.sender.send(stored);
    }

    /// Whether there is a watcher, or was one a short time ago. If not, the sample is only counted.
    fn is_watched_or_counts(&self, now: Instant) -> bool {
        let mut state = self.state();
        if self.sender.receiver_count() > 0 {
            state.watched = Some(now);
        }
        let watched = state.watched.is_some_and(|watched| now.saturating_duration_since(watched) <= PATIENCE);
        if !watched {
            state.count += 1;
            state.kept.clear();
        }
        watched
    }

    /// Watches from now on. `last` is the id of the last event that the watcher has read, if any.
    pub(crate) fn watch(&self, last: Option<&str>, now: Instant) -> (broadcast::Receiver<Stored>, Option<Since>) {
        let mut state = self.state();
        state.watched = Some(now);
        // Under the lock, so that no sample is stored between those that are kept and those that
        // will be received.
        let receiver = self.sender.subscribe();
        let since = last.map(|last| match self.number_of(last).filter(|last| *last <= state.count) {
            None => Since { missed: None, kept: VecDeque::new() },
            Some(last) => {
                let kept: VecDeque<_> = state.kept.iter().filter(|stored| stored.number > last).cloned().collect();
                Since { missed: Some(state.count - last - kept.len() as u64), kept }
            }
        });
        (receiver, since)
    }

    /// The id of an event.
    pub(crate) fn id(&self, number: u64) -> String {
        format!("{:016x}-{number}", self.epoch)
    }

    /// The number in the id of an event of this process; `None` for any other text.
    fn number_of(&self, id: &str) -> Option<u64> {
        let (epoch, number) = id.split_once('-')?;
        let number = number.parse().ok()?;
        // Only the exact spelling is accepted.
        (id == self.id(number) && u64::from_str_radix(epoch, 16) == Ok(self.epoch)).then_some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqal_resilience::{Clock, ManualClock};

    fn numbers(since: &Since) -> (Option<u64>, Vec<u64>) {
        (since.missed, since.kept.iter().map(|stored| stored.number).collect())
    }

    #[test]
    fn who_comes_back_is_told_what_they_missed() {
        let (live, clock) = (Live::new(0xab), ManualClock::new());
        let sample = sqal_storage_sample();
        let store = |count: u64| (0..count).for_each(|_| live.stored(&sample, clock.now()));
        store(5);
        let since = |last: u64| numbers(&live.watch(Some(&live.id(last)), clock.now()).1.unwrap());
        assert_eq!(since(3), (Some(2), vec![]), "nobody watched");
        let (mut watching, none) = live.watch(None, clock.now());
        assert_eq!(none, None);
        store(3);
        assert_eq!(watching.try_recv().unwrap().number, 6);
        drop(watching);
        store(2);
        assert_eq!(since(6), (Some(0), vec![7, 8, 9, 10]));
        assert_eq!(since(10), (Some(0), vec![]));
        assert_eq!(since(4), (Some(1), vec![6, 7, 8, 9, 10]));
        store(KEPT as u64);
        assert_eq!(since(8).0, Some(2));
        // An id of another process, an id of the future, and texts that are not an id.
        for last in ["00000000000000ac-3", "00000000000000ab-267", "00000000000000ab-+3", "ab-3", "", "x"] {
            assert_eq!(numbers(&live.watch(Some(last), clock.now()).1.unwrap()), (None, vec![]), "{last}");
        }
        clock.advance(PATIENCE + Duration::from_millis(1));
        store(1);
        assert_eq!(since(266), (Some(1), vec![]), "nobody watched for too long");
    }

    fn sqal_storage_sample() -> Sample {
        let (name, profiles) = ("p".parse().unwrap(), sqal_grading::Profile::example());
        let profiles = sqal_grading::Profiles::new([(name, profiles)]).unwrap();
        let (inspection, profile) = profiles.inspect(&name, None, None).unwrap();
        let timestamp = sqal_core::Timestamp::from_micros(0).unwrap();
        let names = |text: &str| sqal_core::Name::new(text).unwrap();
        Sample {
            key: sqal_core::SampleKey { device_id: names("D"), timestamp, name: names("S") },
            received_at: timestamp,
            tof: None,
            spectrum: None,
            inspection,
            reported: None,
            meta: sqal_core::sample::Meta { firmware_version: None, temperature_c: None, humidity_percent: None },
            profile,
            processing_micros: 0,
            beside: sqal_core::beside::Beside::default(),
            purpose: sqal_core::Purpose::Product,
        }
    }
}
