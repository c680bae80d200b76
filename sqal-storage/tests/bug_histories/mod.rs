//! [`Command`]: what happens to bugs, and what is asked about them, at random.

use std::collections::BTreeSet;
use std::num::NonZeroU16;

use proptest::prelude::*;
use proptest::sample::Index;
use sqal_core::{Name, SampleId, Timestamp};
use sqal_storage::bugs::{
    Bug, BugContent, BugEntry, BugGroup, BugId, BugLinks, BugOrder, BugPriority, BugQuery, BugSeverity, BugSort,
    BugSource, BugStatus, GroupKey,
};

/// Where the histories lie, and how long they last: four days.
pub(crate) const START: i64 = 1_795_000_000_000_000;
pub(crate) const SPAN: i64 = 4 * 86_400_000_000;

const WORDS: [&str; 6] = ["lamp", "Dark", "écran", "v2.3", "gelé", "lamps"];

/// What a person writes about a bug.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) words: Vec<usize>,
    pub(crate) severity: usize,
    pub(crate) priority: usize,
    pub(crate) status: usize,
    pub(crate) category: Option<usize>,
    pub(crate) tags: BTreeSet<usize>,
    pub(crate) device: Option<usize>,
    pub(crate) assignee: Option<usize>,
    pub(crate) firmware: Option<usize>,
    pub(crate) has_links: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Command {
    Report { draft: Draft, group: Option<u8>, again: Option<Index>, at: i64 },
    Change { which: Index, draft: Draft, at: i64, steps: u64, forgets_group: bool, lies: bool },
    Comment { which: Index, again: bool, is_internal: bool, at: i64 },
    Attach { which: Index, again: bool, at: i64 },
    Detach { which: Index, attachment: Index },
    Occur { group: u8, count: u64, first: i64, last: i64, devices: BTreeSet<usize> },
    Remove(Index),
    List { draft: Draft, asks: [bool; 10], order: (usize, bool), skip: u32, limit: u16, span: (i64, i64) },
    Summary(i64, i64),
    Days(Vec<i64>),
}

fn time() -> impl Strategy<Value = i64> {
    prop_oneof![12 => START..START + SPAN, 1 => Just(START), 1 => -SPAN..SPAN]
}

fn draft() -> impl Strategy<Value = Draft> {
    let few = |most| prop::option::of(0..most);
    (
        prop::collection::vec(0..WORDS.len(), 0..4),
        0..4_usize,
        0..4_usize,
        0..4_usize,
        few(3_usize),
        prop::collection::btree_set(0..3_usize, 0..3),
        few(3_usize),
        few(2_usize),
        few(2_usize),
        any::<bool>(),
    )
        .prop_map(|(words, severity, priority, status, category, tags, device, assignee, firmware, has_links)| {
            Draft { words, severity, priority, status, category, tags, device, assignee, firmware, has_links }
        })
}

fn list() -> impl Strategy<Value = Command> {
    // Most conditions are absent, so that lists are not always empty.
    let asks = prop::array::uniform10(prop::bool::weighted(0.2));
    let order = (0..4_usize, any::<bool>());
    (draft(), asks, order, prop_oneof![4 => 0..4_u32, 1 => Just(10_001)], 1..7_u16, (time(), time()))
        .prop_map(|(draft, asks, order, skip, limit, span)| Command::List { draft, asks, order, skip, limit, span })
}

/// A change, now and then from another revision, or with an entry that lies about the status
/// before.
fn change() -> impl Strategy<Value = Command> {
    let steps = prop_oneof![8 => Just(1_u64), 1 => 0..3_u64];
    (any::<Index>(), draft(), time(), steps, any::<bool>(), prop::bool::weighted(0.1)).prop_map(
        |(which, draft, at, steps, forgets_group, lies)| Command::Change {
            which,
            draft,
            at,
            steps,
            forgets_group,
            lies,
        },
    )
}

pub(crate) fn command() -> impl Strategy<Value = Command> {
    let index = any::<Index>;
    let devices = prop::collection::btree_set(0..4_usize, 0..4);
    prop_oneof![
        5 => (draft(), prop::option::of(0..3_u8), prop::option::weighted(0.1, index()), time())
            .prop_map(|(draft, group, again, at)| Command::Report { draft, group, again, at }),
        6 => change(),
        2 => (index(), prop::bool::weighted(0.2), any::<bool>(), time())
            .prop_map(|(which, again, is_internal, at)| Command::Comment { which, again, is_internal, at }),
        2 => (index(), prop::bool::weighted(0.2), time())
            .prop_map(|(which, again, at)| Command::Attach { which, again, at }),
        1 => (index(), index()).prop_map(|(which, attachment)| Command::Detach { which, attachment }),
        4 => (0..3_u8, 1..9_u64, time(), time(), devices).prop_map(|(group, count, first, last, devices)| {
            Command::Occur { group, count, first: first.min(last), last: last.max(first), devices }
        }),
        1 => index().prop_map(Command::Remove),
        5 => list(),
        2 => (time(), time()).prop_map(|(from, until)| Command::Summary(from, until)),
        2 => prop::collection::vec(time(), 0..6).prop_map(Command::Days),
    ]
}

pub(crate) fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros).unwrap()
}

pub(crate) fn name<const N: usize>(word: &str, number: usize) -> Name<N> {
    Name::new(&format!("{word}-{number}")).unwrap()
}

pub(crate) fn id(kind: u8, number: usize) -> BugId {
    let mut bytes = [kind; 16];
    // Not the order in which they are made.
    bytes[0] = u8::try_from(number * 37 % 256).unwrap();
    bytes[8..].copy_from_slice(&(number as u64).to_be_bytes());
    BugId::from_bytes(bytes)
}

pub(crate) fn key(group: u8) -> GroupKey {
    GroupKey::from_bytes([group; 32])
}

impl Draft {
    fn text(&self) -> String {
        self.words.iter().map(|word| WORDS[*word]).collect::<Vec<_>>().join(" ")
    }

    fn content(&self) -> BugContent {
        let linked = |number| if self.has_links { BTreeSet::from([id(1, number), id(1, 7)]) } else { BTreeSet::new() };
        BugContent {
            title: self.text(),
            description: format!("'; -- \"{}\" \\ é", self.text().to_uppercase()),
            reproduction_steps: String::new(),
            severity: BugSeverity::ALL[self.severity],
            priority: BugPriority::ALL[self.priority],
            category: self.category.map(|number| name("category", number)),
            status: BugStatus::ALL[self.status],
            tags: self.tags.iter().map(|number| name("tag", *number)).collect(),
            assignee: self.assignee.map(|number| name("person", number)),
            watchers: self.tags.iter().map(|number| name("watcher \"é\"", *number)).collect(),
            links: BugLinks {
                device_id: self.device.map(|number| name("device", number)),
                firmware_version: self.firmware.map(|number| name("v", number)),
                sample_id: self.has_links.then(|| SampleId::from_bytes([9; 16])),
                rollout: self.has_links.then(|| name("rollout", 1)),
                profile: self.has_links.then(|| name("profile", 1)),
                duplicate_of: self.has_links.then(|| id(1, 3)),
                blocks: linked(1),
                relates_to: linked(2),
            },
        }
    }

    pub(crate) fn bug(&self, id: BugId, group: Option<u8>, at: Timestamp) -> Bug {
        let content = self.content();
        Bug {
            id,
            revision: 1,
            source: BugSource::ALL[self.priority],
            reporter: self.has_links.then(|| name("reporter", 1)),
            created_at: at,
            updated_at: at,
            ended_at: content.status.is_ended().then_some(at),
            reopened: 0,
            content,
            group: group.map(|group| BugGroup {
                key: key(group),
                count: 1,
                first_seen: at,
                last_seen: at,
                devices: 0,
                regressed_in: None,
                regressed_at: None,
            }),
        }
    }

    /// The bug after a change.
    pub(crate) fn changed(&self, before: &Bug, at: Timestamp) -> Bug {
        let content = self.content();
        let (was_ended, is_ended) = (before.content.status.is_ended(), content.status.is_ended());
        let mut after = Bug {
            revision: before.revision + 1,
            updated_at: at,
            ended_at: is_ended.then(|| before.ended_at.unwrap_or(at)),
            reopened: before.reopened + u32::from(was_ended && !is_ended),
            content,
            // What a change leaves as it is.
            source: BugSource::Import,
            reporter: None,
            created_at: at,
            ..before.clone()
        };
        if let Some(group) = &mut after.group {
            (group.count, group.devices, group.first_seen) = (77, 77, at);
            (group.regressed_in, group.regressed_at) =
                (self.firmware.map(|number| name("v", number)), self.firmware.map(|_| at));
        }
        after
    }
}

pub(crate) fn entry(bug: &Bug, from: Option<BugStatus>, at: Timestamp) -> BugEntry {
    BugEntry {
        bug: bug.id,
        revision: bug.revision,
        at,
        by: name("person", 1),
        from,
        to: bug.content.status,
        body: format!("{{\"v\":1,\"title\":\"{}\"}}", bug.content.title),
    }
}

pub(crate) fn query(
    draft: &Draft,
    asks: [bool; 10],
    order: (usize, bool),
    skip: u32,
    limit: u16,
    span: (i64, i64),
) -> BugQuery {
    let content = draft.content();
    let [status, severity, category, priority, device, firmware, assignee, tag, words, times] = asks;
    BugQuery {
        status: status.then_some(content.status),
        severity: severity.then_some(content.severity),
        category: content.category.filter(|_| category),
        priority: priority.then_some(content.priority),
        device_id: content.links.device_id.filter(|_| device),
        firmware_version: content.links.firmware_version.filter(|_| firmware),
        assignee: content.assignee.filter(|_| assignee),
        tag: content.tags.first().copied().filter(|_| tag),
        words: if words { draft.words.iter().map(|word| WORDS[*word].to_owned()).collect() } else { Vec::new() },
        from: times.then(|| at(span.0.min(span.1))),
        until: times.then(|| at(span.0.max(span.1))),
        order: BugOrder {
            by: [BugSort::CreatedAt, BugSort::UpdatedAt, BugSort::Severity, BugSort::Priority][order.0],
            is_descending: order.1,
        },
        skip,
        limit: NonZeroU16::new(limit).unwrap(),
    }
}
