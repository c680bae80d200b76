//! [`Gate`]: holds back what was reported a moment ago, and what is too much.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use sqal_storage::bugs::GroupKey;

use super::rule::{OwnRule, OwnSettings};

/// The time for which reports are counted together.
const HOUR: Duration = Duration::from_hours(1);

/// What was reported. Its memory is bounded by the number of reports within the cool-down.
///
/// Half of the reports of an hour is divided into equal shares of the rules that are on. The other
/// half is for all, in the order in which the faults come. So a rule with many faults cannot hide
/// those of another one.
#[derive(Debug)]
pub(super) struct Gate {
    /// When each subject was reported last, until its cool-down ends.
    cooling: BTreeMap<GroupKey, Instant>,
    /// The reports of the last hour, with their rules.
    recent: VecDeque<(Instant, OwnRule)>,
}

impl Gate {
    /// A gate through which nothing went.
    pub(super) const fn new() -> Self {
        Self { cooling: BTreeMap::new(), recent: VecDeque::new() }
    }

    /// Whether a fault by a rule may be reported now.
    pub(super) fn would_admit(&self, rule: OwnRule, key: GroupKey, now: Instant, settings: &OwnSettings) -> bool {
        let age = |at: &Instant| now.saturating_duration_since(*at);
        let is_cooling = self.cooling.get(&key).is_some_and(|at| age(at) < settings.cool_down);
        let mut counts = BTreeMap::new();
        for (_, reported) in self.recent.iter().filter(|(at, _)| age(at) < HOUR) {
            *counts.entry(*reported).or_insert(0_usize) += 1;
        }
        !is_cooling && has_room(rule, &counts, settings)
    }

    /// Whether a fault by a rule may be reported now; if it may, this is noted.
    pub(super) fn admits(&mut self, rule: OwnRule, key: GroupKey, now: Instant, settings: &OwnSettings) -> bool {
        self.cooling.retain(|_, at| now.saturating_duration_since(*at) < settings.cool_down);
        self.recent.retain(|(at, _)| now.saturating_duration_since(*at) < HOUR);
        if !self.would_admit(rule, key, now, settings) {
            return false;
        }
        self.cooling.insert(key, now);
        self.recent.push_back((now, rule));
        true
    }
}

/// The number of reports in an hour that only one rule can use. It is at least 1, if there are as
/// many reports as rules.
fn share(settings: &OwnSettings) -> usize {
    let (most, rules) = (settings.most_per_hour, settings.rules.len().max(1));
    (most / 2 / rules).max(usize::from(most >= rules))
}

/// Whether a rule may report once more, after these numbers of reports of each rule in an hour: its
/// share is not used up, or what is for all is not.
fn has_room(rule: OwnRule, counts: &BTreeMap<OwnRule, usize>, settings: &OwnSettings) -> bool {
    let (share, total) = (share(settings), counts.values().sum::<usize>());
    let own = counts.get(&rule).copied().unwrap_or_default();
    let for_all = settings.most_per_hour.saturating_sub(share * settings.rules.len().max(1));
    let used: usize = counts.values().map(|count| count.saturating_sub(share)).sum();
    total < settings.most_per_hour && (own < share || used < for_all)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sqal_resilience::{Clock, ManualClock};

    use super::*;

    /// The key of a subject, whose number is not that of another.
    fn key(number: usize) -> GroupKey {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&u64::try_from(number).unwrap().to_be_bytes());
        GroupKey::from_bytes(bytes)
    }

    fn rules() -> impl Strategy<Value = Vec<OwnRule>> {
        prop::sample::subsequence(OwnRule::ALL.to_vec(), 1..=OwnRule::ALL.len())
    }

    proptest! {
        #[test]
        fn no_rule_takes_the_share_of_another_and_together_they_keep_the_bound(
            on in rules(), most_per_hour in 0_usize..60,
            flood in proptest::collection::vec((any::<prop::sample::Index>(), 0_u64..40), 0..300),
        ) {
            let rules = on.iter().copied().collect();
            let settings = OwnSettings { rules, most_per_hour, ..OwnSettings::default() };
            let (clock, mut gate) = (ManualClock::new(), Gate::new());
            let mut reported: Vec<(Instant, OwnRule)> = Vec::new();
            for (number, (rule, seconds)) in flood.iter().enumerate() {
                clock.advance(Duration::from_secs(*seconds));
                let (now, rule) = (clock.now(), *rule.get(&on));
                reported.retain(|(at, _)| now.duration_since(*at) < HOUR);
                let own = reported.iter().filter(|(_, other)| *other == rule).count();
                let would = gate.would_admit(rule, key(number), now, &settings);
                let is_admitted = gate.admits(rule, key(number), now, &settings);
                prop_assert_eq!(would, is_admitted);
                prop_assert!(is_admitted || own >= share(&settings), "{rule:?} has reported {own}");
                if is_admitted {
                    reported.push((now, rule));
                    prop_assert!(!gate.would_admit(rule, key(number), now, &settings), "it is cooling");
                }
                prop_assert!(reported.len() <= most_per_hour);
            }
        }

        #[test]
        fn a_rule_alone_may_report_all_but_the_shares_of_the_others(on in rules(), most_per_hour in 0_usize..60) {
            let settings =
                OwnSettings { rules: on.iter().copied().collect(), most_per_hour, ..OwnSettings::default() };
            let (clock, mut gate) = (ManualClock::new(), Gate::new());
            let admitted = (0..100).filter(|number| gate.admits(on[0], key(*number), clock.now(), &settings)).count();
            prop_assert_eq!(admitted, most_per_hour - share(&settings) * (on.len() - 1));
        }
    }

    #[test]
    fn of_thirty_reports_three_are_for_each_of_five_rules_alone() {
        let settings = OwnSettings { rules: OwnRule::ALL.into(), ..OwnSettings::default() };
        assert_eq!((settings.most_per_hour, share(&settings)), (30, 3));
    }
}
