//! Functions that make the bug after a change, and the entry that the change leaves.

use sqal_core::{Name, Timestamp};
use sqal_storage::bugs::{Bug, BugContent, BugEntry, BugGroup, BugPerson, BugSource, BugStatus, BugTag};

use super::body::{EntryBody, EntryNote};
use super::field::differences;
use super::refused::RefusedChange;
use super::transition::Transition;
use crate::report::{BugPatch, MOST_TAGS};

/// Tags of a bug that are left to people, and not taken by versions of the firmware.
const TAGS_OF_PEOPLE: usize = 5;

/// What a change of a bug makes: all that differs beside its revision and its times.
struct Outcome {
    content: BugContent,
    group: Option<BugGroup>,
    why: Option<String>,
    note: Option<EntryNote>,
}

/// The bug after a patch, and the entry of the change; `None` if nothing differs.
///
/// The times of the bug never go back: a change that is earlier than the last one has its time.
///
/// # Errors
///
/// [`RefusedChange`] if the patch asks for a transition that is not allowed, has no reason for one
/// that needs it, or links the bug to itself.
pub fn apply(
    bug: &Bug,
    patch: &BugPatch,
    by: BugPerson,
    at: Timestamp,
) -> Result<Option<(Bug, BugEntry)>, RefusedChange> {
    let content = patch.applied_to(&bug.content);
    let links = &content.links;
    for (field, is_itself) in [
        ("duplicate_of", links.duplicate_of == Some(bug.id)),
        ("blocks", links.blocks.contains(&bug.id)),
        ("relates_to", links.relates_to.contains(&bug.id)),
    ] {
        if is_itself {
            return Err(RefusedChange::Itself { field });
        }
    }
    if content == bug.content {
        return Ok(None);
    }
    let (from, to) = (bug.content.status, content.status);
    if from != to {
        let step = Transition::between(from, to).ok_or(RefusedChange::Transition { from, to })?;
        if step.needs_why() && patch.why().is_none() {
            return Err(RefusedChange::WhyMissing { from, to });
        }
    }
    let why = patch.why().map(str::to_owned);
    let outcome = Outcome { content, group: bug.group.clone(), why, note: None };
    Ok(Some(changed(bug, outcome, by, at)))
}

/// The bug after its fault came back: open again, with the version of the firmware; `None` if the
/// bug is not ended or has no group.
#[must_use]
pub fn regress(bug: &Bug, firmware: Option<Name<32>>, by: BugPerson, at: Timestamp) -> Option<(Bug, BugEntry)> {
    let group = bug.group.clone().filter(|_| bug.content.status.is_ended())?;
    let regressed_at = Some(at.max(bug.updated_at));
    let mut content = BugContent { status: BugStatus::Open, ..bug.content.clone() };
    let tag = firmware.and_then(|firmware| missing_tag(&content, firmware));
    content.tags.extend(tag);
    let group = Some(BugGroup { regressed_in: firmware, regressed_at, ..group });
    let note = Some(EntryNote::Regressed { firmware });
    Some(changed(bug, Outcome { content, group, why: None, note }, by, at))
}

/// The bug after its fault was seen with a version of the firmware for the first time; `None` if it
/// has the tag of the version, or 15 tags: five are left to people.
#[must_use]
pub fn seen_in(bug: &Bug, firmware: Name<32>, by: BugPerson, at: Timestamp) -> Option<(Bug, BugEntry)> {
    let tag = missing_tag(&bug.content, firmware)?;
    let mut content = bug.content.clone();
    content.tags.insert(tag);
    let note = Some(EntryNote::SeenIn { firmware });
    Some(changed(bug, Outcome { content, group: bug.group.clone(), why: None, note }, by, at))
}

/// The bug after something that changes none of its fields, and that the history shall show.
#[must_use]
pub fn noted(bug: &Bug, note: EntryNote, by: BugPerson, at: Timestamp) -> (Bug, BugEntry) {
    let (content, group) = (bug.content.clone(), bug.group.clone());
    changed(bug, Outcome { content, group, why: None, note: Some(note) }, by, at)
}

/// The entry of a bug that was just reported.
#[must_use]
pub fn first_entry(bug: &Bug, by: BugPerson) -> BugEntry {
    let note = if bug.source == BugSource::Import { EntryNote::Imported } else { EntryNote::Reported };
    let body = EntryBody { changes: differences(None, &bug.content), why: None, note: Some(note) };
    let (to, body) = (bug.content.status, body.to_text());
    BugEntry { bug: bug.id, revision: bug.revision, at: bug.created_at, by, from: None, to, body }
}

/// The tag of a bug whose fault was seen with a version of the firmware: `firmware:2.4.0`.
#[must_use]
pub fn firmware_tag(firmware: Name<32>) -> BugTag {
    Name::new(&format!("firmware:{firmware}"))
        .or_else(|_| Name::stored(&format!("firmware:{firmware}")))
        .unwrap_or_else(|_| unreachable!("41 bytes of a name are a name of 64"))
}

/// The tag of a version, if the content does not have it and has room for it. The first versions
/// are tagged; the others stand in the texts of faults alone.
#[must_use]
pub fn missing_tag(content: &BugContent, firmware: Name<32>) -> Option<BugTag> {
    let tag = firmware_tag(firmware);
    let has_room = content.tags.len() + TAGS_OF_PEOPLE < MOST_TAGS;
    (has_room && !content.tags.contains(&tag)).then_some(tag)
}

fn changed(bug: &Bug, outcome: Outcome, by: BugPerson, at: Timestamp) -> (Bug, BugEntry) {
    let Outcome { content, group, why, note } = outcome;
    let at = at.max(bug.updated_at);
    let revision = bug.revision.saturating_add(1);
    let (from, to) = (bug.content.status, content.status);
    let ended_at = match (from.is_ended(), to.is_ended()) {
        (_, false) => None,
        (true, true) => bug.ended_at,
        (false, true) => Some(at),
    };
    let is_reopened = from.is_ended() && !to.is_ended();
    let body = EntryBody { changes: differences(Some(&bug.content), &content), why, note }.to_text();
    let after = Bug {
        id: bug.id,
        revision,
        source: bug.source,
        reporter: bug.reporter,
        created_at: bug.created_at,
        updated_at: at,
        ended_at,
        reopened: bug.reopened.saturating_add(u32::from(is_reopened)),
        content,
        group,
    };
    (after, BugEntry { bug: bug.id, revision, at, by, from: Some(from), to, body })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::option;
    use proptest::prelude::*;
    use serde_json::Value;
    use sqal_storage::bugs::{BugId, GroupKey};

    use super::*;
    use crate::change::field_values;
    use crate::report::{BugFields, NewBug, PatchFields};

    fn time(second: i64) -> Timestamp {
        Timestamp::from_micros(1_794_000_000_000_000 + second * 1_000_000).unwrap()
    }

    fn person() -> BugPerson {
        Name::new("marie").unwrap()
    }

    #[expect(clippy::unnecessary_wraps, reason = "a field of the input")]
    fn text(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    /// A bug that was just reported, with a group.
    fn reported() -> Bug {
        let fields = BugFields {
            title: text("a"),
            description: text("b"),
            severity: text("high"),
            priority: text("low"),
            tags: Some(vec!["x".to_owned()]),
            ..BugFields::default()
        };
        let group = BugGroup {
            key: GroupKey::from_bytes([7; 32]),
            count: 3,
            first_seen: time(0),
            last_seen: time(1),
            devices: 2,
            regressed_in: None,
            regressed_at: None,
        };
        Bug {
            id: BugId::from_random([1; 16]),
            revision: 1,
            source: BugSource::Device,
            reporter: None,
            created_at: time(0),
            updated_at: time(0),
            ended_at: None,
            reopened: 0,
            content: NewBug::of(fields).unwrap().content().clone(),
            group: Some(group),
        }
    }

    /// A change that is tried: a status and a reason, another title, and the time.
    #[derive(Clone, Debug)]
    struct Step {
        status: Option<BugStatus>,
        has_why: bool,
        title: Option<&'static str>,
        tags: Option<Vec<String>>,
        second: i64,
        firmware: Option<&'static str>,
    }

    prop_compose! {
        fn steps()(
            status in option::of(prop::sample::select(BugStatus::ALL.to_vec())),
            has_why in any::<bool>(),
            title in option::of(prop::sample::select(vec!["a", "z"])),
            tags in option::of(prop::collection::vec("[x-z]", 0..3)),
            second in 0..100_i64,
            firmware in option::of(prop::sample::select(vec!["2.3.1", "2.4.0"])),
        ) -> Step {
            Step { status, has_why, title, tags, second, firmware }
        }
    }

    fn patch(step: &Step) -> BugPatch {
        BugPatch::of(PatchFields {
            status: step.status.map(|status| Some(status.to_string())),
            why: step.has_why.then(|| "because".to_owned()),
            title: step.title.map(|title| Some(title.to_owned())),
            tags: step.tags.clone().map(Some),
            ..PatchFields::default()
        })
        .unwrap()
    }

    /// What holds between a bug before and after any change.
    fn check_change(before: &Bug, after: &Bug, entry: &BugEntry) {
        assert!(after.check("test").is_ok(), "ended_at is there exactly if the status is ended");
        assert_eq!((after.revision, entry.revision), (before.revision + 1, before.revision + 1));
        assert_eq!((entry.from, entry.to), (Some(before.content.status), after.content.status));
        assert!(after.updated_at >= before.updated_at && entry.at == after.updated_at);
        let (was_ended, is_ended) = (before.content.status.is_ended(), after.content.status.is_ended());
        assert_eq!(after.reopened - before.reopened, u32::from(was_ended && !is_ended));
        if was_ended && is_ended {
            assert_eq!(after.ended_at, before.ended_at);
        }
        let counts = |bug: &Bug| bug.group.as_ref().map(|group| (group.count, group.devices, group.last_seen));
        assert_eq!(counts(after), counts(before));
        assert_eq!((after.id, after.source, after.created_at), (before.id, before.source, before.created_at));
    }

    proptest! {
        #[test]
        fn no_path_but_the_allowed_ones_and_the_history_gives_the_bug(steps in prop::collection::vec(steps(), 0..30)) {
            let mut bug = reported();
            let mut entries = vec![first_entry(&bug, person())];
            for step in steps {
                let from = bug.content.status;
                let to = step.status.unwrap_or(from);
                let allowed = Transition::between(from, to);
                let made = match apply(&bug, &patch(&step), person(), time(step.second)) {
                    Err(RefusedChange::Transition { .. }) => {
                        prop_assert!(from != to && allowed.is_none());
                        None
                    }
                    Err(RefusedChange::WhyMissing { .. }) => {
                        prop_assert!(allowed.is_some_and(Transition::needs_why) && !step.has_why);
                        None
                    }
                    Err(other) => panic!("{other}"),
                    Ok(None) => {
                        prop_assert_eq!(&patch(&step).applied_to(&bug.content), &bug.content);
                        None
                    }
                    Ok(Some(made)) => {
                        prop_assert!(from == to || allowed.is_some());
                        prop_assert_eq!(made.0.content.status, to);
                        Some(made)
                    }
                };
                let firmware = step.firmware.map(|version| Name::new(version).unwrap());
                let made = made.or_else(|| regress(&bug, firmware, person(), time(step.second)));
                let made = made.or_else(|| seen_in(&bug, firmware?, person(), time(step.second)));
                if let Some((after, entry)) = made {
                    check_change(&bug, &after, &entry);
                    bug = after;
                    entries.push(entry);
                }
            }
            let mut fields: BTreeMap<String, Value> = BTreeMap::new();
            for entry in &entries {
                for change in EntryBody::read(&entry.body).unwrap().changes {
                    prop_assert_eq!(fields.get(&change.field), change.before.as_ref());
                    fields.remove(&change.field);
                    fields.extend(change.after.map(|value| (change.field, value)));
                }
            }
            let all = field_values(&bug.content).into_iter();
            let expected: BTreeMap<_, _> = all.filter_map(|(field, value)| Some((field.to_owned(), value?))).collect();
            prop_assert_eq!(fields, expected);
        }
    }

    #[test]
    fn a_bug_is_not_linked_to_itself() {
        let bug = reported();
        let id = bug.id.to_string();
        for (field, fields) in [
            ("duplicate_of", PatchFields { duplicate_of: Some(Some(id.clone())), ..PatchFields::default() }),
            ("blocks", PatchFields { blocks: Some(Some(vec![id.clone()])), ..PatchFields::default() }),
            ("relates_to", PatchFields { relates_to: Some(Some(vec![id])), ..PatchFields::default() }),
        ] {
            let refused = apply(&bug, &BugPatch::of(fields).unwrap(), person(), time(1));
            assert_eq!(refused, Err(RefusedChange::Itself { field }));
        }
    }

    #[test]
    fn a_fault_that_comes_back_opens_its_bug_with_the_firmware_and_its_tag() {
        let bug = reported();
        let version = Name::new("2.4.0").unwrap();
        assert_eq!(regress(&bug, Some(version), person(), time(1)), None, "it has not ended");
        let resolve = PatchFields { status: Some(text("resolved")), ..PatchFields::default() };
        let (bug, _) = apply(&bug, &BugPatch::of(resolve).unwrap(), person(), time(1)).unwrap().unwrap();
        let (after, entry) = regress(&bug, Some(version), person(), time(2)).unwrap();
        let group = after.group.unwrap();
        assert_eq!((group.regressed_in, group.regressed_at), (Some(version), Some(time(2))));
        assert!(after.content.tags.contains(&firmware_tag(version)));
        let body = EntryBody::read(&entry.body).unwrap();
        assert_eq!(body.note, Some(EntryNote::Regressed { firmware: Some(version) }));
        assert_eq!(seen_in(&reported(), version, person(), time(1)).unwrap().0.content.tags.len(), 2);
    }

    #[test]
    fn versions_beyond_the_most_tags_are_not_tagged() {
        let mut bug = reported();
        for number in 0..100 {
            let version = Name::new(&format!("2.{number}.0")).unwrap();
            if let Some((after, _)) = seen_in(&bug, version, person(), time(1)) {
                bug = after;
            }
        }
        assert_eq!(bug.content.tags.len(), MOST_TAGS - TAGS_OF_PEOPLE);
        assert_eq!(bug.revision, 15, "one tag was there: 14 were added");
    }
}
