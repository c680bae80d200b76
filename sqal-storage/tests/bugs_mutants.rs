//! The laws of bugs are tested too: stores with one flaw each, and the law that must catch it.
#![cfg(feature = "conformance")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU16;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use sqal_core::{DeviceId, Name, Timestamp};
use sqal_storage::blobs::BlobId;
use sqal_storage::bugs::{
    AddedBug, BUG_SLOT_MICROS, BesideId, Bug, BugAttachment, BugCategory, BugComment, BugDay, BugEntry, BugGroup,
    BugId, BugPage, BugQuery, BugSeverity, BugSort, BugStatus, BugSummary, GroupKey, LARGEST_BUG_TEXT, MOST_BUG_DAYS,
    MOST_SEARCHED_WORDS, MOST_SKIPPED, Occurrences, bug_words,
};
use sqal_storage::conformance::bugs;
use sqal_storage::{Bugs, MemoryStore, StorageError, StorageErrorKind};

/// Declares the flaws, each with the law that it breaks.
macro_rules! flaws {
    ($($law:ident: $($flaw:ident)*;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq)]
        enum Flaw {
            None,
            $($($flaw,)*)*
        }

        const FLAWS: &[(Flaw, &str)] = &[$($((Flaw::$flaw, stringify!($law)),)*)*];
    };
}

flaws! {
    a_bug_is_added_once:
        AbsentIsAnError AddsOverTheKnown SaysItAdded GroupsAreNoKeys EndedGroupsAreFree NamesTheNewBug
        ClaimsGroupsOfTheKnown;
    of_tasks_that_add_at_once_one_adds: LooksThenAdds;
    a_bug_is_got_back_equal:
        CutsTitles LosesTheReporter RoundsTimes LosesWatchers FoldsTags MixesLinks KeepsOldTags KeepsTheAssignee
        LosesRegressions;
    a_bug_changes_only_from_the_revision_that_was_read:
        ChangesFromAnyRevision TakesEarlierRevisions TakesLaterRevisions SaysItChanged CreatesByChanging
        ChangeMovesTheReport ChangeReplacesTheReporter ChangeReplacesTheSource ChangeReplacesTheCounts;
    of_tasks_that_change_at_once_one_succeeds: LooksThenChanges;
    each_revision_has_its_entry:
        LosesEntriesOfEqualStatus EntriesByTime EntriesRepeatTheLast EntriesIgnoreTheLimit CutsBodies
        CommentsAreRevisions StaleEntriesOverwrite;
    a_refused_bug_changes_nothing:
        DropsNul CutsWhatIsTooLarge CountsCharacters IgnoresTheEnd AddsAnyRevision TakesOtherEntries
        TakesOtherStatusesAfter TakesOtherStatusesBefore;
    occurrences_add_up_in_any_order:
        CountsCalls LastTimeWins FirstTimeStays DevicesAddUp OccurrencesAreRevisions OccurrencesTouchTheBug
        UnknownGroupsAreErrors DevicesInNoOrder DevicesIgnoreTheLimit;
    occurrences_of_tasks_at_once_add_up: LooksThenCounts;
    comments_are_there_in_their_order:
        CommentsOfAnyBug CommentsNewestFirst CommentsByTheirIds CommentsAreReplaced CommentsIgnoreTheSkip
        CommentsArePublic;
    attachments_are_there_until_they_are_removed:
        AttachmentsByTheirIds AttachmentsIgnoreTheLimit DetachesOfAnyBug DetachForgetsTheBlob BlobsStayNamed
        SaysItDetached;
    a_list_has_what_meets_its_conditions:
        IgnoresCategories IgnoresPriorities IgnoresTags IgnoresDevices IgnoresAssignees VersionsByTheirBeginning
        UntilIsIncluded FromIsExcluded ListsTheFirstRevision TotalOfThePage;
    a_list_is_in_its_order_page_by_page:
        IgnoresTheSkip ListsOneTooMany SkipsAnything LowIsWorst SeveritiesByTheirWords IdsAlwaysAscend UpdatedIsCreated
        TotalIsBounded;
    all_bugs_are_read_in_the_order_of_their_ids: AllBugsByTime AllBugsWithTheLast AllBugsIgnoreTheLimit;
    bugs_are_found_by_their_words:
        AnyWordFinds WordsByTheirBeginning TagsAreUnsearched PassesOverWords EmptySearchFindsNothing;
    sums_equal_a_recount_after_any_history:
        SumsKeepTheSeverity SumsKeepTheCategory SumsCountKnownReports SumsCountLateChanges EndsAtTheLatestTime
        ReopeningsAreUncounted ClosingIsAnotherEnd ReportsCountByTheirEntries EndedReportsAreNoEnds ClosingMovesTheEnd
        HoursAreSlots CategoriesInNoOrder CategoriesIgnoreTheLimit ZerosAreListed;
    sums_equal_a_recount_when_tasks_change_at_once: SumsOfOneTaskAtOnce;
    days_are_counted_by_slots:
        BoundsRoundUp RoundsTowardsZero OpenForgetsReopenings MedianIsTheNinetieth NinetiethIsTheMedian SortsBounds
        TakesAnyNumberOfDays;
    a_bug_that_was_removed_is_gone:
        SumsMissRemovals CommentsOutliveTheBug GroupsOutliveTheBug DevicesOutliveTheBug SaysItRemoved;
}

/// What a flaw needs to remember.
#[derive(Debug, Default)]
struct Notes {
    /// The bugs as they were given to their last change.
    given: BTreeMap<BugId, Bug>,
    bodies: BTreeMap<(BugId, u64), String>,
    claimed: BTreeMap<GroupKey, BugId>,
    last: BTreeMap<GroupKey, Timestamp>,
    counts: BTreeMap<GroupKey, u64>,
    device_sums: BTreeMap<GroupKey, u64>,
    devices: BTreeSet<DeviceId>,
    rewritten: BTreeMap<BesideId, BugComment>,
    attached: Vec<BlobId>,
    detached: Vec<BlobId>,
    removed: Vec<Bug>,
    old_comments: Vec<BugComment>,
    /// The times of ends that the sums count wrongly.
    ends: Vec<Timestamp>,
}

/// A memory store with one flaw.
#[derive(Debug)]
struct Mutant {
    flaw: Flaw,
    store: MemoryStore,
    /// The store from which summary, days and categories are read.
    sums: MemoryStore,
    is_busy: AtomicBool,
    notes: Mutex<Notes>,
}

fn later(time: Timestamp, micros: i64) -> Timestamp {
    Timestamp::from_micros(time.micros() + micros).unwrap()
}

fn broken() -> StorageError {
    StorageError::new("mutant", StorageErrorKind::Internal)
}

fn truncate(text: &mut String, bytes: usize) {
    text.truncate(text.floor_char_boundary(bytes));
}

/// The place of a bug in an ascending order.
fn rank(bug: &Bug, by: BugSort) -> i64 {
    match by {
        BugSort::CreatedAt => bug.created_at.micros(),
        BugSort::UpdatedAt => bug.updated_at.micros(),
        BugSort::Severity => -(bug.content.severity as i64),
        BugSort::Priority => -(bug.content.priority as i64),
    }
}

impl Mutant {
    fn new(flaw: Flaw) -> Self {
        Self {
            flaw,
            store: MemoryStore::new(),
            sums: MemoryStore::new(),
            is_busy: AtomicBool::new(false),
            notes: Mutex::default(),
        }
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap()
    }

    /// What a store with a flaw in its columns or its checks takes; `before` is the stored bug.
    fn taken(&self, bug: &Bug, entry: &BugEntry, before: Option<&Bug>) -> (Bug, BugEntry) {
        let (mut bug, mut entry) = (bug.clone(), entry.clone());
        let content = &mut bug.content;
        match self.flaw {
            Flaw::CutsTitles => truncate(&mut content.title, 200),
            Flaw::LosesTheReporter => bug.reporter = None,
            Flaw::RoundsTimes => bug.updated_at = later(bug.updated_at, -bug.updated_at.micros().rem_euclid(1_000)),
            Flaw::LosesWatchers => content.watchers.clear(),
            Flaw::FoldsTags => {
                content.tags =
                    content.tags.iter().map(|tag| Name::new(&tag.as_str().to_lowercase()).unwrap()).collect();
            }
            Flaw::MixesLinks => content.links.relates_to.extend(content.links.blocks.clone()),
            Flaw::KeepsOldTags => content.tags.extend(before.iter().flat_map(|before| &before.content.tags)),
            Flaw::KeepsTheAssignee => {
                content.assignee = content.assignee.or(before.and_then(|before| before.content.assignee));
            }
            Flaw::LosesRegressions => bug.group = bug.group.map(|group| BugGroup { regressed_in: None, ..group }),
            Flaw::CutsBodies => truncate(&mut entry.body, 65_536),
            Flaw::DropsNul | Flaw::CutsWhatIsTooLarge | Flaw::CountsCharacters => {
                for text in [&mut content.title, &mut content.description, &mut content.reproduction_steps] {
                    self.mend(text, LARGEST_BUG_TEXT);
                }
                self.mend(&mut entry.body, 4 * LARGEST_BUG_TEXT);
            }
            Flaw::IgnoresTheEnd => {
                bug.ended_at = content.status.is_ended().then(|| bug.ended_at.unwrap_or(bug.updated_at));
            }
            Flaw::AddsAnyRevision if before.is_none() => (bug.revision, entry.revision) = (1, 1),
            Flaw::TakesOtherEntries => (entry.bug, entry.revision) = (bug.id, bug.revision),
            Flaw::TakesOtherStatusesAfter => entry.to = content.status,
            Flaw::TakesOtherStatusesBefore => entry.from = before.map(|before| before.content.status),
            _ => {}
        }
        (bug, entry)
    }

    /// Makes a text one that can be stored.
    fn mend(&self, text: &mut String, most: usize) {
        match self.flaw {
            Flaw::DropsNul => text.retain(|letter| letter != '\0'),
            Flaw::CutsWhatIsTooLarge => truncate(text, most),
            Flaw::CountsCharacters if text.chars().count() <= most => truncate(text, most),
            _ => {}
        }
    }

    /// A bug as this store gives it.
    fn shown(&self, mut bug: Bug) -> Bug {
        let notes = self.notes();
        if let Some(given) = notes.given.get(&bug.id) {
            match self.flaw {
                Flaw::ChangeMovesTheReport => bug.created_at = given.created_at,
                Flaw::ChangeReplacesTheReporter => bug.reporter = given.reporter,
                Flaw::ChangeReplacesTheSource => bug.source = given.source,
                Flaw::ChangeReplacesTheCounts => bug.group.clone_from(&given.group),
                _ => {}
            }
        }
        if let Some(group) = &mut bug.group {
            let key = group.key;
            match self.flaw {
                Flaw::LastTimeWins => group.last_seen = notes.last.get(&key).copied().unwrap_or(group.last_seen),
                Flaw::DevicesAddUp => group.devices = notes.device_sums.get(&key).copied().unwrap_or(group.devices),
                Flaw::LooksThenCounts => group.count = notes.counts.get(&key).copied().unwrap_or(group.count),
                Flaw::OccurrencesTouchTheBug => {
                    bug.updated_at = notes.last.get(&key).map_or(bug.updated_at, |last| bug.updated_at.max(*last));
                }
                _ => {}
            }
        }
        bug
    }

    /// The bug after a change that changes nothing.
    async fn revised(&self, bug: Bug) -> Result<Bug, StorageError> {
        let after = Bug { revision: bug.revision + 1, ..bug };
        let mut entry = self.store.bug_entries(&after.id, 0, 1).await?.swap_remove(0);
        (entry.revision, entry.from, entry.to) = (after.revision, Some(after.content.status), after.content.status);
        self.store.change_bug(&after, &entry).await?;
        Ok(after)
    }

    /// How many ends within slots the sums count wrongly.
    fn wrong_ends(&self, span: &Range<Timestamp>) -> u64 {
        let slot = |time: Timestamp| time.micros().div_euclid(BUG_SLOT_MICROS);
        let slots = slot(span.start)..slot(span.end);
        u64::try_from(self.notes().ends.iter().filter(|end| slots.contains(&slot(**end))).count()).unwrap()
    }

    /// Brings a report into the sums.
    async fn sum_report(&self, bug: &Bug, entry: &BugEntry, added: AddedBug) -> Result<(), StorageError> {
        let (mut bug, mut entry) = (Bug { group: None, ..bug.clone() }, entry.clone());
        match (self.flaw, added) {
            (Flaw::SumsCountKnownReports, AddedBug::Known) => {
                bug.id = BugId::from_bytes(bug.id.as_bytes().map(|byte| !byte));
                entry.bug = bug.id;
            }
            (Flaw::ReportsCountByTheirEntries, AddedBug::New) => bug.created_at = entry.at,
            (Flaw::EndedReportsAreNoEnds, AddedBug::New) if entry.to.is_ended() => self.notes().ends.push(entry.at),
            (_, AddedBug::New) => {}
            _ => return Ok(()),
        }
        self.sums.add_bug(&bug, &entry).await?;
        Ok(())
    }

    /// Brings a change into the sums.
    async fn sum_change(&self, bug: &Bug, entry: &BugEntry, changed: bool) -> Result<(), StorageError> {
        let Some(before) = self.sums.bug(&bug.id).await? else { return Ok(()) };
        let counts = changed || self.flaw == Flaw::SumsCountLateChanges;
        if !counts || self.flaw == Flaw::ListsTheFirstRevision {
            return Ok(());
        }
        let (mut bug, mut entry) = (Bug { group: None, ..bug.clone() }, entry.clone());
        let was_ended = before.content.status.is_ended();
        // The sums can have missed a change.
        entry.from = Some(before.content.status);
        match self.flaw {
            Flaw::SumsKeepTheSeverity => bug.content.severity = before.content.severity,
            Flaw::SumsKeepTheCategory => bug.content.category = before.content.category,
            Flaw::EndsAtTheLatestTime => entry.at = entry.at.max(before.updated_at),
            Flaw::ClosingIsAnotherEnd if was_ended && entry.to.is_ended() => self.notes().ends.push(entry.at),
            Flaw::ClosingMovesTheEnd if was_ended && entry.to.is_ended() => bug.ended_at = Some(entry.at),
            Flaw::SumsOfOneTaskAtOnce => {
                if self.is_busy.swap(true, Ordering::SeqCst) {
                    return Ok(());
                }
                tokio::task::yield_now().await;
                self.is_busy.store(false, Ordering::SeqCst);
            }
            _ => {}
        }
        bug.revision = self.sums.bug(&bug.id).await?.map_or(1, |before| before.revision + 1);
        entry.revision = bug.revision;
        self.sums.change_bug(&bug, &entry).await?;
        Ok(())
    }

    /// Whether a bug is found by the words of a query.
    fn is_found(&self, bug: &Bug, query: &BugQuery) -> bool {
        let content = &bug.content;
        let texts = [&content.title, &content.description, &content.reproduction_steps].map(String::as_str);
        let tags = content.tags.iter().filter(|_| self.flaw != Flaw::TagsAreUnsearched).map(Name::as_str);
        let known = bug_words(texts.into_iter().chain(tags));
        let words = query.searched_words();
        match self.flaw {
            Flaw::AnyWordFinds => words.is_empty() || words.iter().any(|word| known.contains(word)),
            Flaw::WordsByTheirBeginning => {
                words.iter().all(|word| known.iter().any(|known| known.starts_with(word.as_str())))
            }
            Flaw::EmptySearchFindsNothing if words.is_empty() && !query.words.is_empty() => false,
            Flaw::VersionsByTheirBeginning => query.firmware_version.is_none_or(|asked| {
                content.links.firmware_version.is_some_and(|version| version.as_str().starts_with(asked.as_str()))
            }),
            _ => words.iter().all(|word| known.contains(word)),
        }
    }

    /// A page that this store makes of all bugs.
    async fn own_page(&self, query: &BugQuery) -> Result<BugPage, StorageError> {
        let mut all = BugQuery { words: Vec::new(), skip: 0, limit: NonZeroU16::MAX, ..query.clone() };
        if self.flaw == Flaw::VersionsByTheirBeginning {
            all.firmware_version = None;
        }
        let mut found = self.store.bugs(&all).await?.bugs;
        found.retain(|bug| self.is_found(bug, query));
        let (by, is_descending) = (query.order.by, query.order.is_descending);
        match self.flaw {
            Flaw::SeveritiesByTheirWords if by == BugSort::Severity => {
                found.sort_by_key(|bug| (bug.content.severity.as_str(), bug.id));
            }
            Flaw::IdsAlwaysAscend if is_descending => found.sort_by_key(|bug| (Reverse(rank(bug, by)), bug.id)),
            _ => {}
        }
        let total = u64::try_from(found.len()).unwrap();
        let bugs = found.into_iter().skip(usize::try_from(query.skip).unwrap()).take(query.limit.get().into());
        Ok(BugPage { bugs: bugs.collect(), total, is_total: true })
    }

    /// The beginning or the end of a span as a store with other slots has it.
    fn bound(&self, time: Timestamp) -> Timestamp {
        match self.flaw {
            Flaw::HoursAreSlots => later(time, -time.micros().rem_euclid(3_600_000_000)),
            Flaw::BoundsRoundUp => later(time, BUG_SLOT_MICROS - 1),
            Flaw::RoundsTowardsZero => later(time, -(time.micros() % BUG_SLOT_MICROS)),
            _ => time,
        }
    }
}

#[async_trait]
impl Bugs for Mutant {
    async fn add_bug(&self, bug: &Bug, entry: &BugEntry) -> Result<AddedBug, StorageError> {
        let (bug, entry) = self.taken(bug, entry, None);
        let known = self.store.bug(&bug.id).await?;
        let owner = match &bug.group {
            Some(group) => self.store.bug_of_group(&group.key).await?,
            None => None,
        };
        let is_taken = known.is_none() && owner.is_some();
        match self.flaw {
            Flaw::AddsOverTheKnown if known.is_some() => {
                self.store.remove_bug(&bug.id).await?;
                self.store.add_bug(&bug, &entry).await?;
                return Ok(AddedBug::Known);
            }
            Flaw::GroupsAreNoKeys if is_taken => {
                return self.store.add_bug(&Bug { group: None, ..bug }, &entry).await;
            }
            Flaw::EndedGroupsAreFree if is_taken && owner.as_ref().is_some_and(|owner| owner.ended_at.is_some()) => {
                return self.store.add_bug(&Bug { group: None, ..bug }, &entry).await;
            }
            Flaw::LooksThenAdds => tokio::task::yield_now().await,
            _ => {}
        }
        let added = self.store.add_bug(&bug, &entry).await?;
        self.sum_report(&bug, &entry, added).await?;
        Ok(match (self.flaw, added, &bug.group) {
            (Flaw::SaysItAdded, AddedBug::Known, _) => AddedBug::New,
            (Flaw::NamesTheNewBug, AddedBug::GroupTaken(_), _) => AddedBug::GroupTaken(bug.id),
            (Flaw::LooksThenAdds, _, _) if known.is_none() && owner.is_none() => AddedBug::New,
            (Flaw::ClaimsGroupsOfTheKnown, AddedBug::Known, Some(group)) => {
                self.notes().claimed.insert(group.key, bug.id);
                added
            }
            _ => added,
        })
    }

    async fn bug(&self, id: &BugId) -> Result<Option<Bug>, StorageError> {
        let found = self.store.bug(id).await?;
        if found.is_none() && self.flaw == Flaw::AbsentIsAnError {
            return Err(broken());
        }
        Ok(found.map(|bug| self.shown(bug)))
    }

    async fn bug_of_group(&self, key: &GroupKey) -> Result<Option<Bug>, StorageError> {
        let found = self.store.bug_of_group(key).await?;
        let claimed = self.notes().claimed.get(key).copied();
        if let (None, Some(claimed)) = (&found, claimed) {
            return self.store.bug(&claimed).await;
        }
        let of_key = |bug: &&Bug| bug.group.as_ref().is_some_and(|group| group.key == *key);
        let removed = self.notes().removed.iter().find(of_key).cloned();
        let found = if self.flaw == Flaw::GroupsOutliveTheBug { found.or(removed) } else { found };
        Ok(found.map(|bug| self.shown(bug)))
    }

    async fn change_bug(&self, bug: &Bug, entry: &BugEntry) -> Result<bool, StorageError> {
        let before = self.store.bug(&bug.id).await?;
        let (mut bug, mut entry) = self.taken(bug, entry, before.as_ref());
        let next = before.as_ref().map_or(1, |before| before.revision + 1);
        let forces = match self.flaw {
            Flaw::ChangesFromAnyRevision => true,
            Flaw::TakesEarlierRevisions => bug.revision < next,
            Flaw::TakesLaterRevisions => bug.revision > next,
            Flaw::LooksThenChanges => bug.revision == next,
            _ => false,
        };
        if self.flaw == Flaw::LooksThenChanges {
            tokio::task::yield_now().await;
        }
        if forces || (self.flaw == Flaw::CreatesByChanging && before.is_none()) {
            let next = self.store.bug(&bug.id).await?.map_or(1, |before| before.revision + 1);
            (bug.revision, entry.revision) = (next, next);
            entry.from = self.store.bug(&bug.id).await?.map(|before| before.content.status);
        }
        if self.flaw == Flaw::CreatesByChanging && before.is_none() {
            return Ok(self.store.add_bug(&bug, &entry).await? == AddedBug::New);
        }
        let changed = self.store.change_bug(&bug, &entry).await?;
        self.sum_change(&bug, &entry, changed).await?;
        let mut notes = self.notes();
        notes.bodies.insert((entry.bug, entry.revision), entry.body);
        let says = changed || (self.flaw == Flaw::SaysItChanged && before.is_some());
        if changed {
            notes.given.insert(bug.id, bug);
        }
        Ok(says)
    }

    async fn count_occurrences(&self, key: &GroupKey, seen: &Occurrences) -> Result<Option<Bug>, StorageError> {
        let group = self.store.bug_of_group(key).await?.and_then(|bug| bug.group);
        let mut seen = seen.clone();
        match (self.flaw, &group) {
            (Flaw::CountsCalls, _) => seen.count = seen.count.min(1),
            (Flaw::FirstTimeStays, Some(group)) => seen.first = group.first_seen,
            (Flaw::UnknownGroupsAreErrors, None) => return Err(broken()),
            (Flaw::DevicesOutliveTheBug, _) => {
                let notes = self.notes();
                seen.devices.retain(|device| notes.removed.is_empty() || !notes.devices.contains(device));
            }
            (Flaw::LooksThenCounts, Some(group)) => {
                let read = self.notes().counts.get(key).copied().unwrap_or(group.count);
                tokio::task::yield_now().await;
                self.notes().counts.insert(*key, read + seen.count);
            }
            _ => {}
        }
        let mut found = self.store.count_occurrences(key, &seen).await?;
        {
            let mut notes = self.notes();
            notes.last.insert(*key, seen.last);
            *notes.device_sums.entry(*key).or_default() += u64::try_from(seen.devices.len()).unwrap();
            notes.devices.extend(&seen.devices);
        }
        if let (Flaw::OccurrencesAreRevisions, Some(bug)) = (self.flaw, &found) {
            found = Some(self.revised(bug.clone()).await?);
        }
        Ok(found.map(|bug| self.shown(bug)))
    }

    async fn bug_devices(&self, id: &BugId, limit: u16) -> Result<Vec<DeviceId>, StorageError> {
        let limit = if self.flaw == Flaw::DevicesIgnoreTheLimit { u16::MAX } else { limit };
        let mut devices = self.store.bug_devices(id, limit).await?;
        if self.flaw == Flaw::DevicesInNoOrder {
            devices.reverse();
        }
        Ok(devices)
    }

    async fn bug_entries(&self, id: &BugId, after: u64, limit: u16) -> Result<Vec<BugEntry>, StorageError> {
        let (after, limit) = match self.flaw {
            Flaw::EntriesRepeatTheLast => (after.saturating_sub(1), limit),
            Flaw::EntriesIgnoreTheLimit => (after, u16::MAX),
            _ => (after, limit),
        };
        let mut entries = self.store.bug_entries(id, after, limit).await?;
        match self.flaw {
            Flaw::LosesEntriesOfEqualStatus => entries.retain(|entry| entry.from != Some(entry.to)),
            Flaw::EntriesByTime => entries.sort_by_key(|entry| entry.at),
            Flaw::StaleEntriesOverwrite => {
                let notes = self.notes();
                for entry in &mut entries {
                    if let Some(body) = notes.bodies.get(&(entry.bug, entry.revision)) {
                        entry.body.clone_from(body);
                    }
                }
            }
            _ => {}
        }
        Ok(entries)
    }

    async fn add_comment(&self, comment: &BugComment) -> Result<bool, StorageError> {
        let mut comment = comment.clone();
        self.mend(&mut comment.text, LARGEST_BUG_TEXT);
        if self.flaw == Flaw::CommentsArePublic {
            comment.is_internal = false;
        }
        let is_there = self.store.add_comment(&comment).await?;
        if let (Flaw::CommentsAreRevisions, Some(bug)) = (self.flaw, self.store.bug(&comment.bug).await?) {
            self.revised(bug).await?;
        }
        self.notes().rewritten.insert(comment.id, comment);
        Ok(is_there || self.flaw == Flaw::CommentsOfAnyBug)
    }

    async fn comments(&self, id: &BugId, skip: u32, limit: u16) -> Result<Vec<BugComment>, StorageError> {
        let skip = if self.flaw == Flaw::CommentsIgnoreTheSkip { 0 } else { skip };
        let mut comments = self.store.comments(id, skip, limit).await?;
        let notes = self.notes();
        match self.flaw {
            Flaw::CommentsNewestFirst => comments.reverse(),
            Flaw::CommentsByTheirIds => comments.sort_by_key(|comment| comment.id),
            Flaw::CommentsAreReplaced => {
                comments = comments.iter().map(|comment| notes.rewritten[&comment.id].clone()).collect();
            }
            Flaw::CommentsOutliveTheBug => {
                comments.extend(notes.old_comments.iter().filter(|comment| comment.bug == *id).cloned());
            }
            _ => {}
        }
        Ok(comments)
    }

    async fn attach(&self, attachment: &BugAttachment) -> Result<bool, StorageError> {
        let is_there = self.store.attach(attachment).await?;
        if is_there {
            self.notes().attached.push(attachment.blob);
        }
        Ok(is_there)
    }

    async fn attachments(&self, id: &BugId, limit: u16) -> Result<Vec<BugAttachment>, StorageError> {
        let limit = if self.flaw == Flaw::AttachmentsIgnoreTheLimit { u16::MAX } else { limit };
        let mut attachments = self.store.attachments(id, limit).await?;
        if self.flaw == Flaw::AttachmentsByTheirIds {
            attachments.sort_by_key(|attachment| attachment.id);
        }
        Ok(attachments)
    }

    async fn detach(&self, bug: &BugId, attachment: &BesideId) -> Result<bool, StorageError> {
        let mut of = *bug;
        let all = self.store.bugs(&BugQuery::newest(NonZeroU16::MAX)).await?.bugs;
        for owner in all {
            let theirs = self.store.attachments(&owner.id, u16::MAX).await?;
            if let Some(found) = theirs.iter().find(|found| found.id == *attachment) {
                self.notes().detached.push(found.blob);
                of = if self.flaw == Flaw::DetachesOfAnyBug { owner.id } else { of };
            }
        }
        let was_there = self.store.detach(&of, attachment).await?;
        Ok(was_there || self.flaw == Flaw::SaysItDetached)
    }

    async fn names_blob(&self, blob: &BlobId) -> Result<bool, StorageError> {
        let is_named = self.store.names_blob(blob).await?;
        let notes = self.notes();
        Ok(match self.flaw {
            Flaw::BlobsStayNamed => notes.attached.contains(blob),
            Flaw::DetachForgetsTheBlob => is_named && !notes.detached.contains(blob),
            _ => is_named,
        })
    }

    async fn bugs(&self, query: &BugQuery) -> Result<BugPage, StorageError> {
        let mut asked = query.clone();
        match self.flaw {
            Flaw::IgnoresCategories => asked.category = None,
            Flaw::IgnoresPriorities => asked.priority = None,
            Flaw::IgnoresTags => asked.tag = None,
            Flaw::IgnoresDevices => asked.device_id = None,
            Flaw::IgnoresAssignees => asked.assignee = None,
            Flaw::UntilIsIncluded => asked.until = asked.until.map(|until| later(until, 1)),
            Flaw::FromIsExcluded => asked.from = asked.from.map(|from| later(from, 1)),
            Flaw::IgnoresTheSkip => asked.skip = 0,
            Flaw::SkipsAnything => asked.skip = asked.skip.min(MOST_SKIPPED),
            Flaw::PassesOverWords => {
                asked.words = asked.searched_words();
                asked.words.truncate(MOST_SEARCHED_WORDS);
            }
            Flaw::ListsOneTooMany => asked.limit = asked.limit.saturating_add(1),
            Flaw::LowIsWorst if asked.order.by == BugSort::Severity => {
                asked.order.is_descending = !asked.order.is_descending;
            }
            Flaw::UpdatedIsCreated if asked.order.by == BugSort::UpdatedAt => asked.order.by = BugSort::CreatedAt,
            _ => {}
        }
        let mut page = match self.flaw {
            Flaw::ListsTheFirstRevision => self.sums.bugs(&asked).await?,
            Flaw::AnyWordFinds
            | Flaw::WordsByTheirBeginning
            | Flaw::TagsAreUnsearched
            | Flaw::EmptySearchFindsNothing
            | Flaw::VersionsByTheirBeginning
            | Flaw::SeveritiesByTheirWords
            | Flaw::IdsAlwaysAscend
                if query.check("mutant").is_ok() =>
            {
                self.own_page(query).await?
            }
            _ => self.store.bugs(&asked).await?,
        };
        match self.flaw {
            Flaw::TotalOfThePage => page.total = u64::try_from(page.bugs.len()).unwrap(),
            Flaw::TotalIsBounded => page.is_total = page.total < 10,
            _ => {}
        }
        page.bugs = page.bugs.into_iter().map(|bug| self.shown(bug)).collect();
        Ok(page)
    }

    async fn bugs_after(&self, after: Option<&BugId>, limit: u16) -> Result<Vec<Bug>, StorageError> {
        let limit = if self.flaw == Flaw::AllBugsIgnoreTheLimit { u16::MAX } else { limit };
        let mut bugs = self.store.bugs_after(after, limit).await?;
        match (self.flaw, after) {
            (Flaw::AllBugsByTime, _) => bugs.sort_by_key(|bug| bug.created_at),
            (Flaw::AllBugsWithTheLast, Some(after)) => {
                let last = self.store.bug(after).await?;
                bugs = last.into_iter().chain(bugs).take(limit.into()).collect();
            }
            _ => {}
        }
        Ok(bugs)
    }

    async fn bug_summary(&self, span: Range<Timestamp>) -> Result<BugSummary, StorageError> {
        let mut summary = self.sums.bug_summary(self.bound(span.start)..self.bound(span.end)).await?;
        match self.flaw {
            Flaw::ZerosAreListed => {
                summary.bugs.entry((BugStatus::Closed, BugSeverity::Low)).or_default();
            }
            Flaw::ClosingIsAnotherEnd => summary.ended += self.wrong_ends(&span),
            Flaw::EndedReportsAreNoEnds => summary.ended = summary.ended.saturating_sub(self.wrong_ends(&span)),
            _ => {}
        }
        Ok(summary)
    }

    async fn bug_days(&self, bounds: &[Timestamp]) -> Result<Vec<BugDay>, StorageError> {
        let mut bounds: Vec<Timestamp> = bounds.iter().map(|bound| self.bound(*bound)).collect();
        match self.flaw {
            Flaw::SortsBounds => bounds.sort_unstable(),
            Flaw::TakesAnyNumberOfDays => bounds.truncate(MOST_BUG_DAYS + 1),
            _ => {}
        }
        let mut days = self.sums.bug_days(&bounds).await?;
        for day in &mut days {
            match self.flaw {
                Flaw::ReopeningsAreUncounted => day.reopened = 0,
                Flaw::OpenForgetsReopenings => day.open = day.open.saturating_sub(day.reopened),
                Flaw::MedianIsTheNinetieth => day.median_micros = day.ninetieth_micros,
                Flaw::NinetiethIsTheMedian => day.ninetieth_micros = day.median_micros,
                _ => {}
            }
        }
        Ok(days)
    }

    async fn bug_categories(&self, limit: u16) -> Result<Vec<(BugCategory, u64)>, StorageError> {
        let limit = if self.flaw == Flaw::CategoriesIgnoreTheLimit { u16::MAX } else { limit };
        let mut categories = self.sums.bug_categories(limit).await?;
        if self.flaw == Flaw::CategoriesInNoOrder {
            categories.reverse();
        }
        Ok(categories)
    }

    async fn remove_bug(&self, id: &BugId) -> Result<bool, StorageError> {
        let old_comments = self.store.comments(id, 0, u16::MAX).await?;
        let bug = self.store.bug(id).await?;
        let was_there = self.store.remove_bug(id).await?;
        if self.flaw != Flaw::SumsMissRemovals {
            self.sums.remove_bug(id).await?;
        }
        let mut notes = self.notes();
        notes.old_comments.extend(old_comments);
        notes.removed.extend(bug);
        Ok(was_there || self.flaw == Flaw::SaysItRemoved)
    }
}

/// The laws that a store with this flaw breaks, of those that are asked for.
async fn broken_laws(flaw: Flaw, is_asked: impl Fn(&str) -> bool) -> Vec<&'static str> {
    macro_rules! broken {
        ($($law:ident)*) => {{
            let mut broken = Vec::new();
            $(
                if is_asked(stringify!($law)) {
                    let mutant = Mutant::new(flaw);
                    let run = tokio::spawn(async move { bugs::$law(&mutant).await });
                    if run.await.is_err() {
                        broken.push(stringify!($law));
                    }
                }
            )*
            broken
        }};
    }
    broken! {
        a_bug_is_added_once
        of_tasks_that_add_at_once_one_adds
        a_bug_is_got_back_equal
        a_bug_changes_only_from_the_revision_that_was_read
        of_tasks_that_change_at_once_one_succeeds
        each_revision_has_its_entry
        a_refused_bug_changes_nothing
        occurrences_add_up_in_any_order
        occurrences_of_tasks_at_once_add_up
        comments_are_there_in_their_order
        attachments_are_there_until_they_are_removed
        a_list_has_what_meets_its_conditions
        a_list_is_in_its_order_page_by_page
        all_bugs_are_read_in_the_order_of_their_ids
        bugs_are_found_by_their_words
        sums_equal_a_recount_after_any_history
        sums_equal_a_recount_when_tasks_change_at_once
        days_are_counted_by_slots
        a_bug_that_was_removed_is_gone
    }
}

#[tokio::test]
async fn a_store_without_a_flaw_breaks_no_law() {
    assert_eq!(broken_laws(Flaw::None, |_| true).await, Vec::<&str>::new());
}

/// Each flaw is caught by the law about it: a mutant that is caught by another law proves nothing
/// about its own.
#[tokio::test]
async fn every_flaw_breaks_its_law() {
    for (flaw, law) in FLAWS {
        assert_eq!(broken_laws(*flaw, |asked| asked == *law).await, [*law], "{flaw:?} stays hidden from its law");
    }
}
