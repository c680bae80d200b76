//! [`BugPatch`]: which fields of a bug shall get which values, as a JSON merge patch (RFC 7396).

use std::collections::BTreeSet;

use sqal_core::{DeviceId, Name, SampleId};
use sqal_storage::bugs::{
    BugCategory, BugContent, BugId, BugLinks, BugPerson, BugPriority, BugSeverity, BugStatus, BugTag,
};

use super::check::{
    Check, Faults, MOST_LINKED_BUGS, MOST_TAGS, MOST_WATCHERS, check_bug_id, check_name, check_sample_id, check_steps,
    check_text, check_title, check_why, check_word,
};
use super::invalid::InvalidField;

/// A member of a merge patch: `None` if it is absent, `Some(None)` if it is `null`.
pub type MergeValue<T> = Option<Option<T>>;

/// The members of a merge patch as a client has written them. Its fields are those of
/// [`BugFields`](super::BugFields) with [`why`](Self::why), and without the reporter: who has
/// reported a bug does not change.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PatchFields {
    /// What is wrong, in a line.
    pub title: MergeValue<String>,
    /// What is wrong.
    pub description: MergeValue<String>,
    /// How it is seen again.
    pub reproduction_steps: MergeValue<String>,
    /// How bad it is.
    pub severity: MergeValue<String>,
    /// How soon it shall be worked on.
    pub priority: MergeValue<String>,
    /// The kind of what is wrong.
    pub category: MergeValue<String>,
    /// How far the work on it is.
    pub status: MergeValue<String>,
    /// Words by which it is found.
    pub tags: MergeValue<Vec<String>>,
    /// Who works on it.
    pub assignee: MergeValue<String>,
    /// Who is told of its changes.
    pub watchers: MergeValue<Vec<String>>,
    /// The device that it is about.
    pub device_id: MergeValue<String>,
    /// The version of the firmware.
    pub firmware_version: MergeValue<String>,
    /// The id of the sample that shows it.
    pub sample_id: MergeValue<String>,
    /// The rollout that it came with.
    pub rollout: MergeValue<String>,
    /// The profile by which was graded.
    pub profile: MergeValue<String>,
    /// The id of the bug that reports this fault already.
    pub duplicate_of: MergeValue<String>,
    /// The ids of bugs that wait for this one.
    pub blocks: MergeValue<Vec<String>>,
    /// The ids of bugs that have to do with this one.
    pub relates_to: MergeValue<Vec<String>>,
    /// Why the bug is changed: 1 to 500 characters.
    pub why: Option<String>,
}

impl std::fmt::Debug for PatchFields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PatchFields").field("status", &self.status).finish_non_exhaustive()
    }
}

/// A change of a bug whose values are all valid.
///
/// # Laws
///
/// 1. *What is absent stays.* The empty patch changes nothing.
/// 2. *A patch is idempotent*: applied twice, it changes nothing the second time.
/// 3. *`null` clears* what a bug may be without: a list becomes empty, the steps become an empty
///    text. It is refused for what every bug has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BugPatch {
    title: Option<String>,
    description: Option<String>,
    reproduction_steps: Option<String>,
    severity: Option<BugSeverity>,
    priority: Option<BugPriority>,
    category: MergeValue<BugCategory>,
    status: Option<BugStatus>,
    tags: Option<BTreeSet<BugTag>>,
    assignee: MergeValue<BugPerson>,
    watchers: Option<BTreeSet<BugPerson>>,
    links: LinksPatch,
    why: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct LinksPatch {
    device_id: MergeValue<DeviceId>,
    firmware_version: MergeValue<Name<32>>,
    sample_id: MergeValue<SampleId>,
    rollout: MergeValue<Name<100>>,
    profile: MergeValue<Name<100>>,
    duplicate_of: MergeValue<BugId>,
    blocks: Option<BTreeSet<BugId>>,
    relates_to: Option<BTreeSet<BugId>>,
}

impl BugPatch {
    /// Checks all members.
    ///
    /// # Errors
    ///
    /// Every [`InvalidField`], in the order of [`PatchFields`].
    pub fn of(fields: PatchFields) -> Result<Self, Vec<InvalidField>> {
        let mut faults = Faults::default();
        let patch = Self {
            title: replaced(&mut faults, "title", fields.title, check_title),
            description: replaced(&mut faults, "description", fields.description, check_text),
            reproduction_steps: replaced(&mut faults, "reproduction_steps", fields.reproduction_steps, check_steps),
            severity: replaced(&mut faults, "severity", fields.severity, check_word),
            priority: replaced(&mut faults, "priority", fields.priority, check_word),
            category: merged(&mut faults, "category", fields.category, check_name),
            status: replaced(&mut faults, "status", fields.status, check_word),
            tags: listed(&mut faults, "tags", fields.tags, MOST_TAGS, check_name),
            assignee: merged(&mut faults, "assignee", fields.assignee, check_name),
            watchers: listed(&mut faults, "watchers", fields.watchers, MOST_WATCHERS, check_name),
            links: LinksPatch {
                device_id: merged(&mut faults, "device_id", fields.device_id, check_name),
                firmware_version: merged(&mut faults, "firmware_version", fields.firmware_version, check_name),
                sample_id: merged(&mut faults, "sample_id", fields.sample_id, check_sample_id),
                rollout: merged(&mut faults, "rollout", fields.rollout, check_name),
                profile: merged(&mut faults, "profile", fields.profile, check_name),
                duplicate_of: merged(&mut faults, "duplicate_of", fields.duplicate_of, check_bug_id),
                blocks: listed(&mut faults, "blocks", fields.blocks, MOST_LINKED_BUGS, check_bug_id),
                relates_to: listed(&mut faults, "relates_to", fields.relates_to, MOST_LINKED_BUGS, check_bug_id),
            },
            why: faults.optional("why", fields.why, check_why),
        };
        if faults.0.is_empty() { Ok(patch) } else { Err(faults.0) }
    }

    /// The content of a bug after the patch. Whether the bug may be changed so, decides
    /// [`apply`](crate::change::apply).
    #[must_use]
    pub fn applied_to(&self, content: &BugContent) -> BugContent {
        let patch = self.clone();
        let before = content.clone();
        BugContent {
            title: patch.title.unwrap_or(before.title),
            description: patch.description.unwrap_or(before.description),
            reproduction_steps: patch.reproduction_steps.unwrap_or(before.reproduction_steps),
            severity: patch.severity.unwrap_or(before.severity),
            priority: patch.priority.unwrap_or(before.priority),
            category: patch.category.unwrap_or(before.category),
            status: patch.status.unwrap_or(before.status),
            tags: patch.tags.unwrap_or(before.tags),
            assignee: patch.assignee.unwrap_or(before.assignee),
            watchers: patch.watchers.unwrap_or(before.watchers),
            links: patch.links.applied_to(before.links),
        }
    }

    /// Why the bug is changed.
    #[must_use]
    pub fn why(&self) -> Option<&str> {
        self.why.as_deref()
    }
}

impl LinksPatch {
    fn applied_to(self, before: BugLinks) -> BugLinks {
        BugLinks {
            device_id: self.device_id.unwrap_or(before.device_id),
            firmware_version: self.firmware_version.unwrap_or(before.firmware_version),
            sample_id: self.sample_id.unwrap_or(before.sample_id),
            rollout: self.rollout.unwrap_or(before.rollout),
            profile: self.profile.unwrap_or(before.profile),
            duplicate_of: self.duplicate_of.unwrap_or(before.duplicate_of),
            blocks: self.blocks.unwrap_or(before.blocks),
            relates_to: self.relates_to.unwrap_or(before.relates_to),
        }
    }
}

/// A member that cannot be cleared: `null` is checked as an empty text.
fn replaced<T>(faults: &mut Faults, field: &'static str, value: MergeValue<String>, check: Check<T>) -> Option<T> {
    value.and_then(|value| faults.required(field, value, check))
}

/// A member that `null` clears.
fn merged<T>(faults: &mut Faults, field: &'static str, value: MergeValue<String>, check: Check<T>) -> MergeValue<T> {
    value.map(|value| faults.optional(field, value, check))
}

/// A list that `null` makes empty.
fn listed<T: Ord>(
    faults: &mut Faults,
    field: &'static str,
    values: MergeValue<Vec<String>>,
    most: usize,
    check: Check<T>,
) -> Option<BTreeSet<T>> {
    values.map(|values| faults.list(field, values, most, check))
}

#[cfg(test)]
mod tests {
    use proptest::option;
    use proptest::prelude::*;

    use super::super::new_bug::{BugFields, NewBug};
    use super::*;

    fn content() -> BugContent {
        let text = |text: &str| Some(text.to_owned());
        let fields = BugFields {
            title: text("a"),
            description: text("b"),
            reproduction_steps: text("c"),
            severity: text("high"),
            priority: text("urgent"),
            category: text("hardware"),
            tags: Some(vec!["d".to_owned()]),
            device_id: text("POSTE3"),
            ..BugFields::default()
        };
        NewBug::of(fields).unwrap().content().clone()
    }

    /// A member with one of some values, absent or `null`.
    fn member(values: &'static [&'static str]) -> impl Strategy<Value = MergeValue<String>> {
        option::of(option::of(prop::sample::select(values).prop_map(str::to_owned)))
    }

    prop_compose! {
        fn patches()(
            title in option::of(prop::sample::select(vec!["a", "x"])),
            severity in option::of(prop::sample::select(vec!["high", "low"])),
            steps in member(&["c", "x", ""]),
            category in member(&["hardware", "backend"]),
            assignee in member(&["marie", "jean"]),
            device_id in member(&["POSTE3", "POSTE4"]),
            tags in option::of(option::of(prop::collection::vec("[d-f]", 0..3))),
        ) -> PatchFields {
            PatchFields {
                title: title.map(|title| Some(title.to_owned())),
                severity: severity.map(|severity| Some(severity.to_owned())),
                reproduction_steps: steps,
                category,
                assignee,
                device_id,
                tags,
                ..PatchFields::default()
            }
        }
    }

    proptest! {
        #[test]
        fn a_patch_is_idempotent(fields in patches()) {
            let patch = BugPatch::of(fields).unwrap();
            let once = patch.applied_to(&content());
            prop_assert_eq!(patch.applied_to(&once), once);
        }

        #[test]
        fn each_member_of_a_patch_has_its_effect_and_an_absent_one_has_none(fields in patches()) {
            let before = content();
            let after = BugPatch::of(fields.clone()).unwrap().applied_to(&before);
            prop_assert_eq!(&after.title, &fields.title.flatten().unwrap_or(before.title));
            prop_assert_eq!(after.severity.as_str(), fields.severity.flatten().unwrap_or("high".to_owned()));
            let steps = fields.reproduction_steps.map_or(before.reproduction_steps, Option::unwrap_or_default);
            prop_assert_eq!(&after.reproduction_steps, &steps);
            let name = |name: String| Name::new(&name).unwrap();
            prop_assert_eq!(after.category, fields.category.map_or(before.category, |one| one.map(name)));
            let name = |name: String| Name::new(&name).unwrap();
            prop_assert_eq!(after.assignee, fields.assignee.map_or(before.assignee, |one| one.map(name)));
            let name = |name: String| Name::new(&name).unwrap();
            prop_assert_eq!(after.links.device_id, fields.device_id.map_or(before.links.device_id, |one| one.map(name)));
            let tags = |tags: Option<Vec<String>>| tags.unwrap_or_default().iter().map(|tag| Name::new(tag).unwrap()).collect();
            prop_assert_eq!(after.tags, fields.tags.map_or(before.tags, tags));
            prop_assert_eq!((after.description, after.priority), (before.description, before.priority));
        }
    }

    #[test]
    fn what_every_bug_has_cannot_be_cleared() {
        let cleared = PatchFields {
            title: Some(None),
            description: Some(None),
            severity: Some(None),
            priority: Some(None),
            status: Some(None),
            why: Some(" ".to_owned()),
            ..PatchFields::default()
        };
        let refused = BugPatch::of(cleared).unwrap_err();
        let fields: Vec<_> = refused.iter().map(|fault| fault.field).collect();
        assert_eq!(fields, ["title", "description", "severity", "priority", "status", "why"]);
        assert_eq!(BugPatch::of(PatchFields::default()), Ok(BugPatch::default()));
    }
}
