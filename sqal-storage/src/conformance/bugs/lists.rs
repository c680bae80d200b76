//! The laws of [`Bugs`] about lists: their conditions, their order and their pages (law 7).

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::history::Dice;
use super::{assert_refused, at, follow, list, most, name, next, plain_bug, put};
use crate::Bugs;
use crate::bugs::{Bug, BugId, BugOrder, BugPriority, BugQuery, BugSeverity, BugSort, BugStatus, MOST_SKIPPED};

const CATEGORIES: [&str; 3] = ["sensor", "Sensor", "réseau"];
const DEVICES: [&str; 3] = ["ESP32_1", "ESP32_10", "esp32_1"];
const VERSIONS: [&str; 2] = ["1.2.3", "1.2"];
const PERSONS: [&str; 3] = ["marie", "quinn", "Marie"];
const TAGS: [&str; 4] = ["gelé", "froid", "Froid", "a, b"];
const ORDERS: [BugSort; 4] = [BugSort::CreatedAt, BugSort::UpdatedAt, BugSort::Severity, BugSort::Priority];

/// One of these texts, or none.
fn any<'a>(dice: &mut Dice, of: &[&'a str]) -> Option<&'a str> {
    (!dice.is_one_of(4)).then(|| dice.pick(of))
}

/// A bug whose fields are few values each, so that conditions meet some of the bugs.
fn any_bug(dice: &mut Dice, number: u16) -> Bug {
    let created_at = at(dice.below(5) * 1_000_001);
    let mut bug = Bug { created_at, updated_at: at(9_000_000 + dice.below(5)), ..plain_bug(number) };
    let content = &mut bug.content;
    content.severity = dice.pick(&BugSeverity::ALL);
    content.priority = dice.pick(&BugPriority::ALL);
    content.status = dice.pick(&BugStatus::ALL);
    content.category = any(dice, &CATEGORIES).map(name);
    content.assignee = any(dice, &PERSONS).map(name);
    content.watchers = any(dice, &PERSONS).map(name).into_iter().collect();
    content.tags = (0..dice.below(3)).map(|_| name(dice.pick(&TAGS))).collect();
    content.links.device_id = any(dice, &DEVICES).map(name);
    content.links.firmware_version = any(dice, &VERSIONS).map(name);
    bug.ended_at = content.status.is_ended().then(|| at(8_000_000));
    bug
}

/// A query in which each condition stands once in this number of times.
fn any_query(dice: &mut Dice, times: i64) -> BugQuery {
    BugQuery {
        status: dice.is_one_of(times).then(|| dice.pick(&BugStatus::ALL)),
        severity: dice.is_one_of(times).then(|| dice.pick(&BugSeverity::ALL)),
        category: dice.is_one_of(times).then(|| name(dice.pick(&CATEGORIES))),
        priority: dice.is_one_of(times).then(|| dice.pick(&BugPriority::ALL)),
        device_id: dice.is_one_of(times).then(|| name(dice.pick(&DEVICES))),
        firmware_version: dice.is_one_of(times).then(|| name(dice.pick(&VERSIONS))),
        assignee: dice.is_one_of(times).then(|| name(dice.pick(&PERSONS))),
        tag: dice.is_one_of(times).then(|| name(dice.pick(&TAGS))),
        words: Vec::new(),
        from: dice.is_one_of(times).then(|| at(dice.below(5) * 1_000_001)),
        until: dice.is_one_of(times).then(|| at(dice.below(5) * 1_000_001)),
        order: BugOrder { by: dice.pick(&ORDERS), is_descending: dice.is_one_of(2) },
        skip: u32::try_from(dice.below(4)).expect("not negative"),
        limit: most(dice.pick(&[1, 3, 100])),
    }
}

/// Every condition alone, with every value that a bug can have and one that no bug has.
fn single_conditions() -> Vec<BugQuery> {
    let all = BugQuery::newest(most(100));
    let mut queries = vec![all.clone()];
    queries.extend(BugStatus::ALL.map(|status| BugQuery { status: Some(status), ..all.clone() }));
    queries.extend(BugSeverity::ALL.map(|severity| BugQuery { severity: Some(severity), ..all.clone() }));
    queries.extend(BugPriority::ALL.map(|priority| BugQuery { priority: Some(priority), ..all.clone() }));
    for text in CATEGORIES.into_iter().chain(["sens%", "network"]) {
        queries.push(BugQuery { category: Some(name(text)), ..all.clone() });
    }
    for text in DEVICES.into_iter().chain(["ESP32_2", "ESP32%"]) {
        queries.push(BugQuery { device_id: Some(name(text)), ..all.clone() });
    }
    for text in VERSIONS.into_iter().chain(["1"]) {
        queries.push(BugQuery { firmware_version: Some(name(text)), ..all.clone() });
    }
    for text in PERSONS.into_iter().chain(["m%"]) {
        queries.push(BugQuery { assignee: Some(name(text)), ..all.clone() });
    }
    for text in TAGS.into_iter().chain(["a", "gele"]) {
        queries.push(BugQuery { tag: Some(name(text)), ..all.clone() });
    }
    for micros in [-1, 0, 1_000_000, 1_000_001, 1_000_002, 9_000_000] {
        queries.push(BugQuery { from: Some(at(micros)), ..all.clone() });
        queries.push(BugQuery { until: Some(at(micros)), ..all.clone() });
    }
    queries
}

/// Whether a value meets a condition.
fn is_met<T: PartialEq + Copy>(asked: Option<T>, value: Option<T>) -> bool {
    asked.is_none() || asked == value
}

/// The bugs that meet a query without words, in its order.
fn expected(all: &[Bug], query: &BugQuery) -> Vec<Bug> {
    let meets = |bug: &&Bug| {
        let content = &bug.content;
        is_met(query.status, Some(content.status))
            && is_met(query.severity, Some(content.severity))
            && is_met(query.category, content.category)
            && is_met(query.priority, Some(content.priority))
            && is_met(query.device_id, content.links.device_id)
            && is_met(query.firmware_version, content.links.firmware_version)
            && is_met(query.assignee, content.assignee)
            && is_met(query.tag, query.tag.filter(|tag| content.tags.contains(tag)))
            && query.from.is_none_or(|from| from <= bug.created_at)
            && query.until.is_none_or(|until| until > bug.created_at)
    };
    let mut found: Vec<Bug> = all.iter().filter(meets).cloned().collect();
    match query.order.by {
        BugSort::CreatedAt => found.sort_by_key(|bug| (bug.created_at, bug.id)),
        BugSort::UpdatedAt => found.sort_by_key(|bug| (bug.updated_at, bug.id)),
        BugSort::Severity => found.sort_by_key(|bug| (Reverse(bug.content.severity), bug.id)),
        BugSort::Priority => found.sort_by_key(|bug| (Reverse(bug.content.priority), bug.id)),
    }
    if query.order.is_descending {
        found.reverse();
    }
    found
}

/// Panics unless the page of a query is the expected one.
async fn assert_page(store: &dyn Bugs, law: &str, query: &BugQuery, expected: &[Bug]) {
    let page = list(store, query).await;
    let total = u64::try_from(expected.len()).expect("few bugs");
    assert_eq!((page.total, page.is_total), (total, true), "{law}: the total of {query:?}");
    let skip = usize::try_from(query.skip).expect("few bugs").min(expected.len());
    let expected: Vec<&Bug> = expected[skip..].iter().take(query.limit.get().into()).collect();
    let ids = |bugs: &[&Bug]| bugs.iter().map(|bug| bug.id).collect::<Vec<_>>();
    let found: Vec<&Bug> = page.bugs.iter().collect();
    assert_eq!(ids(&found), ids(&expected), "{law}: the bugs of {query:?}");
    assert!(found == expected, "law 2: a list has bugs as they were stored");
}

/// Law 7: a list has what meets its conditions and nothing else, with its total, as the bugs are
/// now.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn a_list_has_what_meets_its_conditions(store: &dyn Bugs) {
    const LAW: &str = "law 7: a list has what meets its conditions";
    let mut dice = Dice::new(7);
    let mut all: Vec<Bug> = (0..40).map(|number| any_bug(&mut dice, number)).collect();
    assert_page(store, LAW, &BugQuery::newest(most(10)), &[]).await;
    for bug in &all {
        put(store, bug).await;
    }
    for round in 0..3 {
        for query in single_conditions() {
            assert_page(store, LAW, &query, &expected(&all, &query)).await;
        }
        for _ in 0..25 {
            let query = any_query(&mut dice, 3 + round);
            assert_page(store, LAW, &query, &expected(&all, &query)).await;
        }
        // A third of the bugs get other fields, and two go.
        for bug in all.iter_mut().step_by(3) {
            let other = any_bug(&mut dice, 0).content;
            let (after, entry) = next(bug, 9_500_000 + round, other.status);
            let change = (Bug { content: other, ..after }, entry);
            follow(store, &change).await;
            *bug = change.0;
        }
        for _ in 0..2 {
            let removed = all.swap_remove(dice.index(all.len()));
            assert!(store.remove_bug(&removed.id).await.expect("the store answers"), "law 9: {}", removed.id);
        }
    }
}

/// Law 7: a list is in its order, page by page; bugs that are equal in it are in the order of their
/// ids.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn a_list_is_in_its_order_page_by_page(store: &dyn Bugs) {
    const LAW: &str = "law 7: a list is in its order";
    let mut dice = Dice::new(77);
    let mut all: Vec<Bug> = (0..25).map(|number| any_bug(&mut dice, number * 7 % 25)).collect();
    // A time before 1970, and one that differs by a microsecond.
    all[3].created_at = at(-3_000_000_000_000_000);
    all[4].created_at = at(1);
    for bug in &all {
        put(store, bug).await;
    }
    let narrow = BugQuery { status: Some(BugStatus::Open), ..BugQuery::newest(most(1)) };
    let tagged = BugQuery { tag: Some(name("froid")), ..BugQuery::newest(most(1)) };
    for by in ORDERS {
        for is_descending in [true, false] {
            for asked in [&BugQuery::newest(most(1)), &narrow, &tagged] {
                let order = BugOrder { by, is_descending };
                let whole = expected(&all, &BugQuery { order, ..asked.clone() });
                for limit in [1_u16, 4, 25] {
                    // The last page is empty.
                    for skip in (0..=30).step_by(limit.into()) {
                        let query = BugQuery { order, skip, limit: most(limit), ..asked.clone() };
                        assert_page(store, LAW, &query, &whole).await;
                    }
                }
            }
        }
    }
    let far = BugQuery { skip: MOST_SKIPPED, ..BugQuery::newest(most(1)) };
    assert_page(store, LAW, &far, &expected(&all, &far)).await;
    let too_far = BugQuery { skip: MOST_SKIPPED + 1, ..far };
    assert_refused("law 7: a list that passes over too many bugs", store.bugs(&too_far).await);
    let ids: BTreeSet<_> = all.iter().map(|bug| bug.id).collect();
    assert_eq!(ids.len(), all.len(), "the bugs of the law have an id each");
}

async fn after(store: &dyn Bugs, after: Option<&BugId>, limit: u16) -> Vec<Bug> {
    store.bugs_after(after, limit).await.expect("the store answers")
}

/// Law 7: all bugs are read once each, in the order of their ids, page by page, whatever their
/// times are, and as they are now.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn all_bugs_are_read_in_the_order_of_their_ids(store: &dyn Bugs) {
    const LAW: &str = "law 7: all bugs are read once each, in the order of their ids";
    assert_eq!(after(store, None, 10).await, [], "{LAW}: of an empty store");
    let mut dice = Dice::new(777);
    // They are added in another order, and many have one time.
    let mut all: Vec<Bug> = (0..25).map(|number| any_bug(&mut dice, number * 7 % 25)).collect();
    for bug in &all {
        put(store, bug).await;
    }
    all.sort_by_key(|bug| bug.id);
    let (closed, entry) = next(&all[3], 9_600_000, BugStatus::Closed);
    follow(store, &(closed.clone(), entry)).await;
    all[3] = closed;
    let removed = all.remove(12);
    assert!(store.remove_bug(&removed.id).await.expect("the store answers"), "law 9: {} is removed", removed.id);
    for limit in [1_u16, 4, 24, 100] {
        let (mut pages, mut last) = (Vec::new(), None);
        loop {
            let page = after(store, last.as_ref(), limit).await;
            assert!(page.len() <= usize::from(limit), "{LAW}: a page has more bugs than {limit}");
            let Some(bug) = page.last() else { break };
            assert!(pages.len() <= all.len(), "{LAW}: a bug is read again and again");
            last = Some(bug.id);
            pages.extend(page);
        }
        assert!(pages == all, "{LAW}, page by page of {limit}");
    }
    // An id between two bugs, or of no bug, is a place too.
    assert!(after(store, Some(&removed.id), 100).await == all[12..], "{LAW}: after a bug that was removed");
    assert_eq!(after(store, Some(&BugId::from_bytes([0xff; 16])), 100).await, [], "{LAW}: after the last");
    assert_eq!(after(store, None, 0).await, [], "{LAW}: a limit of 0");
}
