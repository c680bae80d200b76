//! [`Window`]: finds zones of the time-of-flight sensor that were valid and stay invalid.

use serde::{Deserialize, Serialize};
use sqal_core::Timestamp;
use sqal_core::defect::ZoneSet;

/// The weight of the newest tray.
const LAMBDA: f64 = 0.25;

/// The weighted share of invalid trays from which a zone counts as covered: five trays in a row.
const COVERED: f64 = 0.7;

/// The share below which a zone counts as free again.
const FREE: f64 = 0.3;

/// Fewer covered zones than this are a spot on the product rather than on the window.
const LEAST: u32 = 2;

/// How often each zone was invalid lately.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Window {
    shares: Vec<f64>,
    since: Vec<Option<(Timestamp, u32)>>,
    /// The zones that are usually valid.
    watched: u64,
    /// The zones that were valid once: what was never there is not covered.
    seen: u64,
    tray: u32,
}

impl Window {
    /// Watches every zone from when it was valid first.
    pub(super) fn unlearned() -> Self {
        Self { watched: u64::MAX, seen: 0, ..Self::watching(ZoneSet::default()) }
    }

    /// Watches the zones that are usually valid.
    pub(super) fn watching(zones: ZoneSet) -> Self {
        let bits = zones.bits();
        Self { shares: vec![0.0; 64], since: vec![None; 64], watched: bits, seen: bits, tray: 0 }
    }

    pub(super) fn push(&mut self, valid: ZoneSet, at: Timestamp) {
        self.tray = self.tray.saturating_add(1);
        self.seen |= valid.bits();
        for (zone, (share, since)) in self.shares.iter_mut().zip(&mut self.since).enumerate() {
            let is_invalid = !valid.contains(zone);
            *share += LAMBDA * (f64::from(u8::from(is_invalid)) - *share);
            if *share < LAMBDA / 2.0 {
                *since = None;
            } else if is_invalid {
                since.get_or_insert((at, self.tray));
            }
        }
    }

    /// The zones that are covered now; none if there are too few to be a matter of the window.
    pub(super) fn covered(&self) -> ZoneSet {
        let covered = self.with(|share| share > COVERED);
        if covered.len() >= LEAST { covered } else { ZoneSet::default() }
    }

    pub(super) fn is_free(&self) -> bool {
        self.with(|share| share > FREE).is_empty()
    }

    /// The time at which the first of the covered zones became invalid, and the trays since.
    pub(super) fn since(&self) -> Option<(Timestamp, u32)> {
        let covered = self.covered();
        let first = covered.iter().filter_map(|zone| self.since.get(zone).copied().flatten()).min_by_key(|(at, _)| *at);
        first.map(|(at, tray)| (at, self.tray.saturating_sub(tray) + 1))
    }

    fn with(&self, holds: impl Fn(f64) -> bool) -> ZoneSet {
        let watched = ZoneSet::from_bits(self.watched & self.seen);
        watched.filter(|zone| self.shares.get(zone).is_some_and(|share| holds(*share)))
    }
}
