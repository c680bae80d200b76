//! [`Parts`]: a reception over a store in memory, whose wall clock stands still.
#![allow(dead_code, reason = "each test file uses its part of the support")]

use std::sync::Arc;

use sqal_core::Timestamp;
use sqal_grading::{Profile, Profiles};
use sqal_intake::conflicts::NameConflicts;
use sqal_intake::quota::FrameQuota;
use sqal_intake::recent::Recent;
use sqal_intake::{DeadLetters, FrameLimits, Intake, Presence, Reception};
use sqal_resilience::{Clock, ManualClock};
use sqal_storage::{BatchWriter, MemoryStore, WriterConfig, WriterHandle};

/// When the documented frame was measured.
pub(crate) const MEASURED: i64 = 1_729_983_600_000_000;

/// The profile of the documented frame.
pub(crate) const RIGHT: &str = "foiegras_standard_barquette";

pub(crate) fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros).unwrap()
}

/// The parts of a reception, with the writer of a store in memory.
pub(crate) struct Parts {
    pub(crate) intake: Intake,
    pub(crate) presence: Presence,
    pub(crate) dead_letters: DeadLetters,
    pub(crate) recent: Recent,
    pub(crate) clock: ManualClock,
    conflicts: NameConflicts,
    writer: WriterHandle,
    wall: Box<dyn Fn() -> Timestamp + Send + Sync>,
    _task: BatchWriter,
}

impl Parts {
    /// The parts at a wall time.
    pub(crate) fn at(now: i64) -> Self {
        let clock = ManualClock::new();
        let (writer, task) = BatchWriter::start(Arc::new(MemoryStore::new()), WriterConfig::usual());
        Self {
            intake: intake(RIGHT, now, &clock),
            presence: Presence::default(),
            dead_letters: DeadLetters::default(),
            conflicts: NameConflicts::default(),
            writer,
            recent: Recent::new(clock.now()),
            clock,
            wall: Box::new(move || at(now)),
            _task: task,
        }
    }

    pub(crate) fn reception<'a>(&'a self, quota: &'a dyn FrameQuota) -> Reception<'a> {
        Reception {
            intake: &self.intake,
            presence: &self.presence,
            dead_letters: &self.dead_letters,
            conflicts: &self.conflicts,
            writer: &self.writer,
            quota,
            observer: &self.recent,
            now: &*self.wall,
            clock: &self.clock,
        }
    }
}

/// An intake with one profile, and a wall clock that shows this time.
pub(crate) fn intake(profile: &str, now: i64, clock: &ManualClock) -> Intake {
    let profiles = Profiles::new([(profile.parse().unwrap(), Profile::example())]).unwrap();
    Intake::new(profiles, FrameLimits::default(), Arc::new(move || at(now)), Arc::new(clock.clone()))
}
