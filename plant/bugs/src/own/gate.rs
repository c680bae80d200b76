//! [`Gate`]: holds back what was reported a moment ago, and what is too much.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use sqal_storage::bugs::GroupKey;

use super::rule::OwnSettings;

/// The time for which reports are counted together.
const HOUR: Duration = Duration::from_secs(3_600);

/// What was reported. Its memory is bounded by the number of reports within the cool-down.
#[derive(Debug)]
pub(super) struct Gate {
    /// When each subject was reported last, until its cool-down ends.
    cooling: BTreeMap<GroupKey, Instant>,
    /// The times of the reports of the last hour.
    recent: VecDeque<Instant>,
}

impl Gate {
    /// A gate through which nothing went.
    pub(super) const fn new() -> Self {
        Self { cooling: BTreeMap::new(), recent: VecDeque::new() }
    }

    /// Whether a fault may be reported now; if it may, this is noted.
    pub(super) fn admits(&mut self, key: GroupKey, now: Instant, settings: &OwnSettings) -> bool {
        self.cooling.retain(|_, at| now.saturating_duration_since(*at) < settings.cool_down);
        self.recent.retain(|at| now.saturating_duration_since(*at) < HOUR);
        if self.recent.len() >= settings.most_per_hour || self.cooling.contains_key(&key) {
            return false;
        }
        self.cooling.insert(key, now);
        self.recent.push_back(now);
        true
    }
}
