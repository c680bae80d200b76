//! The laws of [`Bugs`] about occurrences: they add up (law 5).

use std::collections::BTreeSet;

use sqal_core::DeviceId;

use super::history::Dice;
use super::{assert_bug, at, group, group_key, id, list, most, name, next, of_group, plain_bug, put, report_of};
use crate::Bugs;
use crate::bugs::{Bug, BugEntry, BugGroup, BugQuery, BugStatus, Occurrences};

const LAW: &str = "law 5: occurrences add up";

/// A bug with what the law has counted of it.
struct Counted {
    bug: Bug,
    history: Vec<BugEntry>,
    devices: BTreeSet<DeviceId>,
}

impl Counted {
    fn new(number: u8) -> Self {
        let bug = Bug { group: Some(group(number)), ..plain_bug(number.into()) };
        Self { history: vec![report_of(&bug)], bug, devices: BTreeSet::new() }
    }

    fn group(&self) -> &BugGroup {
        self.bug.group.as_ref().expect("a group")
    }

    /// Panics unless the store names the devices that were counted, in the order of bytes.
    async fn assert_devices(&self, store: &dyn Bugs) {
        const LAW: &str = "law 5: each device can be named";
        let expected: Vec<DeviceId> = self.devices.iter().copied().collect();
        for limit in [0_u16, 1, 2, 5, 100] {
            let found = store.bug_devices(&self.bug.id, limit).await.expect("the store answers");
            assert_eq!(found, expected[..expected.len().min(limit.into())], "{LAW}: the first {limit}");
        }
    }

    /// Adds occurrences in the law's own count.
    fn add(&mut self, seen: &Occurrences) {
        self.devices.extend(&seen.devices);
        let group = self.group().clone();
        self.bug.group = Some(BugGroup {
            count: group.count + seen.count,
            first_seen: group.first_seen.min(seen.first),
            last_seen: group.last_seen.max(seen.last),
            devices: u64::try_from(self.devices.len()).expect("few devices"),
            ..group
        });
    }
}

/// Occurrences of up to four of twelve devices, around the first time.
fn any_occurrences(dice: &mut Dice) -> Occurrences {
    let first = dice.below(2_000_000) - 1_000_000;
    let devices = (0..dice.below(5)).map(|_| name(&format!("ESP32_{}", dice.below(12)))).collect();
    let count = u64::try_from(dice.below(1_000)).expect("not negative") + 1;
    Occurrences { count, first: at(first), last: at(first + dice.below(100_000)), devices }
}

/// Law 5: the count is the sum, the first and last times are the extremes and each device counts
/// once, whatever the order; no revision is made, and changes in between lose nothing.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn occurrences_add_up_in_any_order(store: &dyn Bugs) {
    let mut dice = Dice::new(5);
    let unknown = store.count_occurrences(&group_key(9), &any_occurrences(&mut dice)).await;
    assert_eq!(unknown.expect("the store answers"), None, "{LAW}: a group without a bug");
    let alone = plain_bug(9);
    put(store, &alone).await;
    let mut all = [1, 2, 3].map(Counted::new);
    for counted in &all {
        put(store, &counted.bug).await;
    }
    for step in 0..150 {
        let counted = &mut all[dice.index(3)];
        if dice.is_one_of(5) {
            // The caller changes what it read before the occurrences were counted.
            let status = BugStatus::ALL[dice.index(4)];
            let (after, entry) = next(&counted.bug, dice.below(1_000), status);
            let unread = BugGroup { count: 1, devices: 0, ..counted.group().clone() };
            let stale = Bug { group: Some(unread), ..after.clone() };
            let changed = store.change_bug(&stale, &entry).await.expect("the store answers");
            assert!(changed, "law 5: occurrences make no revision (step {step})");
            counted.bug = after;
            counted.history.push(entry);
        } else {
            let seen = any_occurrences(&mut dice);
            counted.add(&seen);
            let found = store.count_occurrences(&counted.group().key, &seen).await.expect("the store answers");
            assert_eq!(found.as_ref(), Some(&counted.bug), "{LAW}: given back in step {step}");
        }
    }
    for counted in &all {
        assert_bug(store, LAW, &counted.bug, &counted.history).await;
        let found = store.bug_of_group(&counted.group().key).await.expect("the store answers");
        assert_eq!(found.as_ref(), Some(&counted.bug), "{LAW}: of its group");
        counted.assert_devices(store).await;
    }
    for id in [alone.id, id(999)] {
        let found = store.bug_devices(&id, 100).await.expect("the store answers");
        assert_eq!(found, [], "law 5: a bug without occurrences has no devices");
    }
    assert_bug(store, "law 5: a bug without a group has no occurrences", &alone, &[report_of(&alone)]).await;
    let mut listed = list(store, &BugQuery::newest(most(100))).await.bugs;
    listed.sort_by_key(|bug| bug.id);
    let expected: Vec<Bug> = all.iter().map(|counted| counted.bug.clone()).chain([alone]).collect();
    assert_eq!(listed, expected, "{LAW}: in the list");
}

/// Law 5: occurrences that several tasks count at once add up.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn occurrences_of_tasks_at_once_add_up(store: &dyn Bugs) {
    let mut dice = Dice::new(55);
    let mut all = [1, 2].map(Counted::new);
    for counted in &all {
        put(store, &counted.bug).await;
    }
    for round in 0..12 {
        let seen: [Occurrences; 8] = [(); 8].map(|()| any_occurrences(&mut dice));
        // Every fourth task counts in the second group.
        let keys = all.each_ref().map(|counted| counted.group().key);
        let of = |k: usize| usize::from(k % 4 == 3);
        let task = |k: usize| store.count_occurrences(&keys[of(k)], &seen[k]);
        let found: [_; 8] = tokio::join!(task(0), task(1), task(2), task(3), task(4), task(5), task(6), task(7)).into();
        for (k, found) in found.into_iter().enumerate() {
            let found = found.expect("the store answers").map(|bug| (bug.id, bug.revision));
            assert_eq!(found, Some((all[of(k)].bug.id, 1)), "{LAW}: task {k} of round {round}");
            all[of(k)].add(&seen[k]);
        }
        for (number, counted) in (1..).zip(&all) {
            assert_eq!(of_group(store, number).await.as_ref(), Some(&counted.bug), "{LAW}: after round {round}");
            assert_bug(store, LAW, &counted.bug, &counted.history).await;
            counted.assert_devices(store).await;
        }
    }
}
