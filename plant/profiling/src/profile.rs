//! [`CpuProfile`]: the stacks of a process that were sampled, and how often each was seen.

use std::collections::HashMap;
use std::time::Duration;

use sqal_core::Timestamp;

use crate::plan::ProfilePlan;
use crate::usage::{ProcessUsage, SystemUsage};

/// A place in the program: a function, and a line of it if the program knows its lines.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The function with its whole name, for example `sqal_core::score::Score::new`.
    pub function: String,
    /// The file of the function.
    pub file: Option<String>,
    /// The line in the file, from 1.
    pub line: Option<u32>,
}

impl Place {
    /// A place of which only the function is known.
    #[must_use]
    pub fn of(function: impl Into<String>) -> Self {
        Self { function: function.into(), file: None, line: None }
    }

    /// The place of code that has no name: a library without symbols, or generated code.
    pub(crate) fn unknown() -> Self {
        Self::of("[unknown]")
    }
}

/// The stacks of a process that were sampled while its CPU worked.
///
/// A sample is one interruption of the thread that ran. Time in which every thread waits has no
/// samples.
///
/// ```
/// use std::time::Duration;
/// use sqal_core::Timestamp;
/// use sqal_profiling::{CpuProfile, HotFunctions, Place, ProfilePlan};
///
/// let at = Timestamp::from_micros(1_794_002_400_000_000)?;
/// let mut profile = CpuProfile::new(at, Duration::from_secs(30), ProfilePlan::default());
/// profile.add("worker", ["parse", "receive", "main"].map(Place::of), 60);
/// profile.add("worker", ["store", "receive", "main"].map(Place::of), 40);
/// assert_eq!(profile.samples(), 100);
///
/// let hot = HotFunctions::of(&profile);
/// assert_eq!((hot[0].function.as_str(), hot[0].self_samples, hot[0].cumulative_samples), ("parse", 60, 60));
/// // For `go tool pprof`: a gzipped protobuf.
/// assert!(profile.to_pprof().starts_with(&[0x1f, 0x8b]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct CpuProfile {
    taken_at: Timestamp,
    duration: Duration,
    frequency: u16,
    process: ProcessUsage,
    system: SystemUsage,
    /// Each place once; a stack names places by their index.
    pub(crate) places: Vec<Place>,
    indices: HashMap<Place, usize>,
    pub(crate) stacks: Vec<Stack>,
}

/// A stack, and how often it was seen.
#[derive(Clone, Debug)]
pub(crate) struct Stack {
    /// The name of the thread.
    pub(crate) thread: String,
    /// The indices of its places, from the interrupted function to the first caller.
    pub(crate) places: Vec<usize>,
    pub(crate) samples: u64,
}

impl CpuProfile {
    /// A profile without samples, which began at a time and lasted for this duration.
    #[must_use]
    pub fn new(taken_at: Timestamp, duration: Duration, plan: ProfilePlan) -> Self {
        let (process, system) = (ProcessUsage::default(), SystemUsage::default());
        let (places, indices, stacks) = (Vec::new(), HashMap::new(), Vec::new());
        Self { taken_at, duration, frequency: plan.frequency(), process, system, places, indices, stacks }
    }

    /// Sets what the process and the machine used while the profile was taken. Without this call it
    /// is unknown.
    #[must_use]
    pub fn using(self, process: ProcessUsage, system: SystemUsage) -> Self {
        Self { process, system, ..self }
    }

    /// Adds a stack that was seen in this number of samples. Its first place is the function that
    /// was interrupted, and its last one the first caller. A stack without a place counts for the
    /// function `[unknown]`.
    pub fn add(&mut self, thread: &str, places: impl IntoIterator<Item = Place>, samples: u64) {
        if samples == 0 {
            return;
        }
        let mut indices: Vec<usize> = places.into_iter().map(|place| self.index(place)).collect();
        if indices.is_empty() {
            indices.push(self.index(Place::unknown()));
        }
        self.stacks.push(Stack { thread: thread.to_owned(), places: indices, samples });
    }

    fn index(&mut self, place: Place) -> usize {
        let next = self.places.len();
        let places = &mut self.places;
        *self.indices.entry(place).or_insert_with_key(|place| {
            places.push(place.clone());
            next
        })
    }

    /// When the profile began.
    #[must_use]
    pub const fn taken_at(&self) -> Timestamp {
        self.taken_at
    }

    /// How long the profile lasted.
    #[must_use]
    pub const fn duration(&self) -> Duration {
        self.duration
    }

    /// The planned number of samples for each second of CPU time.
    #[must_use]
    pub const fn frequency(&self) -> u16 {
        self.frequency
    }

    /// What the process used while the profile was taken.
    #[must_use]
    pub const fn process(&self) -> ProcessUsage {
        self.process
    }

    /// What the machine used while the profile was taken.
    #[must_use]
    pub const fn system(&self) -> SystemUsage {
        self.system
    }

    /// The number of samples.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.stacks.iter().map(|stack| stack.samples).sum()
    }

    /// The CPU time that this number of samples stands for.
    #[must_use]
    pub fn cpu_time(&self, samples: u64) -> Duration {
        Duration::from_nanos(samples.saturating_mul(self.period_nanos()))
    }

    /// The CPU time between two samples, in nanoseconds.
    pub(crate) fn period_nanos(&self) -> u64 {
        1_000_000_000 / u64::from(self.frequency.max(1))
    }

    /// The stacks that were seen: the name of the thread, the places from the interrupted function
    /// to the first caller, and the number of samples.
    pub fn stacks(&self) -> impl Iterator<Item = (&str, impl Iterator<Item = &Place>, u64)> {
        self.stacks.iter().map(|stack| {
            let places = stack.places.iter().filter_map(|index| self.places.get(*index));
            (stack.thread.as_str(), places, stack.samples)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn profile() -> CpuProfile {
        let at = Timestamp::from_micros(0).unwrap();
        CpuProfile::new(at, Duration::from_secs(1), ProfilePlan::new(1, 100).unwrap())
    }

    proptest! {
        #[test]
        fn a_stack_is_kept_as_it_was_added(stacks in prop::collection::vec(
            (prop::collection::vec("[a-d]", 1..6), 1..9_u64), 0..20)) {
            let mut profile = profile();
            for (places, samples) in &stacks {
                profile.add("t", places.iter().map(Place::of), *samples);
            }
            let kept: Vec<_> = profile.stacks().map(|(thread, places, samples)| {
                assert_eq!(thread, "t");
                (places.map(|place| place.function.clone()).collect::<Vec<_>>(), samples)
            }).collect();
            prop_assert_eq!(&kept, &stacks);
            prop_assert_eq!(profile.samples(), stacks.iter().map(|(_, samples)| samples).sum::<u64>());
            prop_assert!(profile.places.len() <= 4, "each place once");
        }
    }

    #[test]
    fn a_stack_without_a_place_counts_and_one_without_samples_does_not() {
        let mut profile = profile();
        profile.add("t", [], 3);
        profile.add("t", [Place::of("a")], 0);
        assert_eq!((profile.samples(), profile.places), (3, vec![Place::unknown()]));
    }

    #[test]
    fn a_sample_stands_for_the_time_between_two_samples() {
        assert_eq!(profile().cpu_time(250), Duration::from_millis(2_500));
        assert_eq!(profile().cpu_time(u64::MAX), Duration::from_nanos(u64::MAX));
    }
}
