//! [`FaultTimes`]: what goes wrong in the recorded hour, and when.

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// What goes wrong. The name says it of the busy server, unless it names another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    FewHits,
    SlowReads,
    LateVerdicts,
    ClockAhead,
    NoColour,
    MailRefused,
    StationSilent,
    ClockStep,
    LettersRefused,
    DatabaseAway,
    DryRunsFail,
    CacheAway,
    MemoryHigh,
    LampFades,
    NoticeLost,
    BatchesFail,
    ManyFaults,
    StationGone,
    SpoolDamaged,
    /// Both servers no longer expose the counters of colour.
    ColourGone,
    PoolEmpty,
    /// No scrape succeeds, and then every counter begins at 0.
    Restart,
    /// Of the quiet server.
    CheckFails,
    RefusalStorm,
    MailArrives,
    RequestPanics,
    LetterDropped,
    /// Of the quiet server.
    SpoolFull,
}

/// The minutes of the hour from which and until which each fault lasts. What happens at one moment
/// ends when it begins.
const FAULTS: [(Fault, f64, f64); 28] = [
    (Fault::FewHits, 1.0, 16.0),
    (Fault::SlowReads, 4.0, 17.0),
    (Fault::LateVerdicts, 6.0, 24.0),
    (Fault::ClockAhead, 5.0, 13.0),
    (Fault::NoColour, 5.0, 15.0),
    (Fault::MailRefused, 8.0, 20.0),
    (Fault::StationSilent, 12.0, 20.0),
    (Fault::ClockStep, 14.0, 14.0),
    (Fault::LettersRefused, 15.0, 18.0),
    (Fault::DatabaseAway, 20.0, 33.0),
    (Fault::DryRunsFail, 20.0, 30.0),
    (Fault::CacheAway, 21.0, 36.0),
    (Fault::MemoryHigh, 23.0, 38.0),
    (Fault::LampFades, 24.0, 33.0),
    (Fault::NoticeLost, 26.0, 26.0),
    (Fault::BatchesFail, 28.0, 40.0),
    (Fault::ManyFaults, 30.0, 38.0),
    (Fault::StationGone, 33.0, 45.0),
    (Fault::SpoolDamaged, 34.0, 37.0),
    (Fault::ColourGone, 34.0, 53.0),
    (Fault::PoolEmpty, 36.0, 40.0),
    (Fault::Restart, 42.0, 43.6),
    (Fault::CheckFails, 43.0, 52.0),
    (Fault::RefusalStorm, 45.0, 56.0),
    (Fault::MailArrives, 46.0, 46.0),
    (Fault::RequestPanics, 47.0, 47.0),
    (Fault::LetterDropped, 50.0, 50.0),
    (Fault::SpoolFull, 50.0, 54.0),
];

/// When each fault begins and ends, in minutes of the hour.
#[derive(Clone, Debug)]
pub(crate) struct FaultTimes(BTreeMap<Fault, (f64, f64)>);

impl FaultTimes {
    /// Each fault comes up to two minutes later than in the table.
    pub(crate) fn seeded(seed: u64) -> Self {
        let mut chance = Chance::seeded(seed);
        let moved = FAULTS.map(|(fault, from, to)| {
            let later = 2.0 * chance.unit();
            (fault, (from + later, to + later))
        });
        Self(moved.into())
    }

    /// Whether a fault lasts at a minute.
    pub(crate) fn lasts(&self, fault: Fault, minute: f64) -> bool {
        let (from, to) = self.0[&fault];
        (from..to).contains(&minute)
    }

    /// 1 if a fault begins after one minute and not after another, and else 0.
    pub(crate) fn begun(&self, fault: Fault, after: f64, until: f64) -> f64 {
        let (from, _) = self.0[&fault];
        f64::from(u8::from(after < from && from <= until))
    }
}

/// Random numbers of a seed.
#[derive(Clone, Debug)]
pub(crate) struct Chance(ChaCha8Rng);

impl Chance {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A number from 0 to below 1.
    pub(crate) fn unit(&mut self) -> f64 {
        f64::from(self.0.next_u32()) / 4_294_967_296.0
    }

    /// A time from 0 to 999 ms.
    pub(crate) fn below_a_second(&mut self) -> i32 {
        i32::try_from(self.0.next_u32() % 1000).unwrap()
    }

    /// A random number of events, about as large as the expected one.
    pub(crate) fn count(&mut self, expected: f64) -> f64 {
        let about = expected * (0.7 + 0.6 * self.unit());
        (about + self.unit()).floor()
    }
}
