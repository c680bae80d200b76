//! Histories of bugs that are equal in every run: what happens is decided by [`Dice`].

use super::recount::Followed;
use super::{FIRST, add, at, change, id, name, next, plain_bug, put, report_of};
use crate::Bugs;
use crate::bugs::{AddedBug, BUG_SLOT_MICROS, Bug, BugCategory, BugEntry, BugPriority, BugSeverity, BugStatus};

/// Numbers that look random and are equal in every run.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits of `SplitMix64` (Steele, Lea and Flood, 2014).
    const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number from 0 to less than `end`.
    pub(super) fn below(&mut self, end: i64) -> i64 {
        i64::try_from(self.bits() >> 1).expect("63 bits").rem_euclid(end)
    }

    /// A place in a list of this length.
    pub(super) fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.bits() >> 40).expect("24 bits") % len
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.index(from.len())]
    }

    /// Whether something happens that happens once in this number of times.
    pub(super) fn is_one_of(&mut self, times: i64) -> bool {
        self.below(times) == 0
    }
}

/// The slots of a day.
const DAY_SLOTS: i64 = 96;

/// The first bugs of a history never end: more bugs end before a time than were open at it, if the
/// times are in no order.
const LASTING: usize = 20;

/// What happens to the bugs of a store, step by step.
pub(super) struct History {
    dice: Dice,
    added: u16,
    /// The bugs that are there.
    pub(super) bugs: Vec<Followed>,
}

impl History {
    pub(super) const fn new(seed: u64) -> Self {
        Self { dice: Dice::new(seed), added: 0, bugs: Vec::new() }
    }

    /// Adds the bugs that never end.
    pub(super) async fn begin(&mut self, store: &dyn Bugs) {
        while self.bugs.len() < LASTING {
            let bug = Bug { created_at: at(-10 * DAY_SLOTS * BUG_SLOT_MICROS), ..self.new_bug() };
            let followed = Followed::new(Bug { updated_at: bug.created_at, ..bug });
            put(store, &followed.bug).await;
            self.bugs.push(followed);
        }
    }

    /// Lets the next thing happen.
    pub(super) async fn step(&mut self, store: &dyn Bugs) {
        match self.dice.below(12) {
            0..=3 => self.report(store).await,
            4 => self.report_again(store).await,
            5 => self.change_too_late(store).await,
            6 if self.bugs.len() > LASTING => self.remove(store).await,
            _ => self.change(store).await,
        }
    }

    /// Microseconds from 0 to less than this number of slots, often the first or the last of a
    /// slot.
    fn micros(&mut self, slots: i64) -> i64 {
        let within = self.dice.pick(&[0, 1, 450_000_123, BUG_SLOT_MICROS - 1]);
        self.dice.below(slots) * BUG_SLOT_MICROS + within
    }

    fn category(&mut self) -> Option<BugCategory> {
        self.dice.pick(&[None, Some("sensor"), Some("Sensor"), Some("réseau"), Some("firmware")]).map(name)
    }

    /// An open bug that was reported within seven days around the first time.
    fn new_bug(&mut self) -> Bug {
        self.added += 1;
        let created_at = at(self.micros(7 * DAY_SLOTS) - 3 * DAY_SLOTS * BUG_SLOT_MICROS);
        let mut bug = Bug { created_at, updated_at: created_at, ..plain_bug(self.added) };
        bug.content.severity = self.dice.pick(&BugSeverity::ALL);
        bug.content.priority = self.dice.pick(&BugPriority::ALL);
        bug.content.category = self.category();
        bug
    }

    /// Reports a bug; one of five has ended already, as the bugs of another tracker have.
    async fn report(&mut self, store: &dyn Bugs) {
        let mut followed = Followed::new(self.new_bug());
        if self.dice.is_one_of(5) {
            let bug = &mut followed.bug;
            let end = at(bug.created_at.micros() - FIRST + self.micros(4 * DAY_SLOTS));
            bug.content.status = self.dice.pick(&[BugStatus::Resolved, BugStatus::Closed]);
            (bug.ended_at, bug.updated_at) = (Some(end), end);
            followed.entries = vec![BugEntry { at: end, ..report_of(bug) }];
        }
        let added = store.add_bug(&followed.bug, &followed.entries[0]).await.expect("the store answers");
        assert_eq!(added, AddedBug::New, "law 1: bug {} is new", followed.bug.id);
        self.bugs.push(followed);
    }

    /// Reports a bug whose id is known: nothing happens.
    async fn report_again(&mut self, store: &dyn Bugs) {
        let known = self.dice.index(self.bugs.len());
        let again = Bug { id: self.bugs[known].bug.id, ..self.new_bug() };
        assert_eq!(add(store, &again).await, AddedBug::Known, "law 1: bug {} is known", again.id);
    }

    /// The next revision of a bug, with another status, severity, priority and category, at any
    /// time after the report.
    fn next_of(&mut self, place: usize) -> (Bug, BugEntry) {
        let before = self.bugs[place].bug.clone();
        // The first two statuses are not ended.
        let status = BugStatus::ALL[self.dice.index(if place < LASTING { 2 } else { 4 })];
        let micros = before.created_at.micros() - FIRST + self.micros(4 * DAY_SLOTS);
        let (mut bug, entry) = next(&before, micros, status);
        if self.dice.is_one_of(2) {
            bug.content.severity = self.dice.pick(&BugSeverity::ALL);
            bug.content.priority = self.dice.pick(&BugPriority::ALL);
            bug.content.category = self.category();
        }
        (bug, entry)
    }

    async fn change(&mut self, store: &dyn Bugs) {
        let place = self.dice.index(self.bugs.len());
        let (bug, entry) = self.next_of(place);
        assert!(change(store, &bug, &entry).await, "law 3: revision {} of bug {} follows", bug.revision, bug.id);
        let followed = &mut self.bugs[place];
        followed.bug = bug;
        followed.entries.push(entry);
    }

    /// Changes a bug from another revision than its newest: nothing happens.
    async fn change_too_late(&mut self, store: &dyn Bugs) {
        let place = self.dice.index(self.bugs.len());
        let (mut bug, mut entry) = self.next_of(place);
        (bug.revision, entry.revision) = (bug.revision - 1, entry.revision - 1);
        assert!(!change(store, &bug, &entry).await, "law 3: revision {} of bug {} twice", bug.revision, bug.id);
    }

    async fn remove(&mut self, store: &dyn Bugs) {
        let place = LASTING + self.dice.index(self.bugs.len() - LASTING);
        let removed = self.bugs.swap_remove(place).bug;
        let was_there = store.remove_bug(&removed.id).await.expect("the store answers");
        assert!(was_there, "law 9: bug {} is removed", removed.id);
        assert!(!store.remove_bug(&id(u16::MAX)).await.expect("the store answers"), "law 9: an unknown bug");
    }
}
