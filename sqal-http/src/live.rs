//! [`Live`]: samples as they are stored, for whoever watches, and for a while also for whoever was cut off and comes back.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqal_core::Sample;
use tokio::sync::broadcast;

/// So many samples are kept for who comes back: a minute of a line of twenty stations, about a megabyte.
const KEPT: usize = 256;

/// When nobody has watched for so long nothing is written down any more: it would cost every sample a fifth of its time.
const PATIENCE: Duration = Duration::from_mins(2);

/// A sample that was stored, as a watcher reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    /// Its place among the samples that this process has stored, from 1.
    pub(crate) number: u64,
    /// Its JSON.
    pub(crate) text: Arc<str>,
}

/// What was stored since a watcher was there last.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Since {
    /// How many of it are gone; `None` if nobody can say, for it was watched on another server, or before a restart.
    pub(crate) missed: Option<u64>,
    /// The rest, the oldest first.
    pub(crate) kept: VecDeque<Stored>,
}

#[derive(Debug)]
struct State {
    /// How many were stored.
    count: u64,
    kept: VecDeque<Stored>,
    /// When somebody watched last.
    watched: Option<Instant>,
}

/// The samples of this process as they are stored.
#[derive(Debug)]
pub(crate) struct Live {
    /// Tells apart the numbers of this process from those of another.
    epoch: u64,
    sender: broadcast::Sender<Stored>,
    state: Mutex<State>,
}

impl Live {
    pub(crate) fn new(epoch: u64) -> Self {
        // A page that reads slower than the line produces misses samples and says so; it never holds up the line.
        let sender = broadcast::Sender::new(64);
        Self { epoch, sender, state: Mutex::new(State { count: 0, kept: VecDeque::new(), watched: None }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A sample was stored.
    pub(crate) fn stored(&self, sample: &Sample, now: Instant) {
        if !self.is_watched_or_counts(now) {
            return;
        }
        // Written down before its turn: samples of all connections would else wait for each other's text.
        let text = serde_json::to_string(&crate::document(sample))
            .unwrap_or_else(|_| unreachable!("names and finite numbers"));
        let mut state = self.state();
        state.count += 1;
        let stored = Stored { number: state.count, text: text.into() };
        if state.kept.len() == KEPT {
            state.kept.pop_front();
        }
        state.kept.push_back(stored.clone());
        // The last page may have left since.
        let _ = self.sender.send(stored);
    }

    /// Whether somebody watches, or did a moment ago; if nobody, the sample is counted and that is all.
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

    /// Watches from now on; `last` is the id of the last event that was seen, if any.
    pub(crate) fn watch(&self, last: Option<&str>, now: Instant) -> (broadcast::Receiver<Stored>, Option<Since>) {
        let mut state = self.state();
        state.watched = Some(now);
        // Under the lock: nothing is stored between what is kept and what will be received.
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

    /// The number in the id of an event of this process.
    fn number_of(&self, id: &str) -> Option<u64> {
        let (epoch, number) = id.split_once('-')?;
        let number = number.parse().ok()?;
        // As it is written, and in no other spelling.
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
        // Of another process, of the future, or no id at all.
        for last in ["00000000000000ac-3", "00000000000000ab-267", "00000000000000ab-+3", "ab-3", "", "x"] {
            assert_eq!(numbers(&live.watch(Some(last), clock.now()).1.unwrap()), (None, vec![]), "{last}");
        }
        clock.advance(PATIENCE + Duration::from_millis(1));
        store(1);
        assert_eq!(since(266), (Some(1), vec![]), "nobody watched for too long");
    }

    fn sqal_storage_sample() -> Sample {
        let (name, profiles) = ("p".parse().unwrap(), crate::Profile::example());
        let profiles = crate::Profiles::new([(name, profiles)]).unwrap();
        let (inspection, profile) = profiles.inspect(&name, None, None).unwrap();
        let timestamp = sqal_core::Timestamp::from_micros(0).unwrap();
        let names = |text: &str| sqal_core::Name::new(text).unwrap();
        Sample {
            key: sqal_core::SampleKey { device_id: names("D"), timestamp, sample_id: names("S") },
            received_at: timestamp,
            tof: None,
            spectrum: None,
            inspection,
            reported: None,
            meta: sqal_core::Meta { firmware_version: None, temperature_c: None, humidity_percent: None },
            profile,
            processing_micros: 0,
            beside: sqal_core::Beside::default(),
            purpose: sqal_core::Purpose::Product,
        }
    }
}
