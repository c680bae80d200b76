//! The list of bugs of the memory store: which meet a query, in which order.

use std::cmp::Ordering;

use crate::bugs::{Bug, BugPage, BugQuery, BugSort, COUNTED_BUGS};
use crate::memory::count;

/// The page of the bugs that a query asks for.
pub(super) fn page<'a>(bugs: impl Iterator<Item = &'a Bug>, query: &BugQuery) -> BugPage {
    let words = query.searched_words();
    let mut found: Vec<&Bug> = bugs.filter(|bug| meets(bug, query) && has_words(bug, &words)).collect();
    found.sort_by(|a, b| {
        if query.order.is_descending { compare(query.order.by, b, a) } else { compare(query.order.by, a, b) }
    });
    let met = count(found.len());
    let is_total = query.is_counted() || met <= COUNTED_BUGS;
    let skip = usize::try_from(query.skip).unwrap_or(usize::MAX);
    let bugs = found.into_iter().skip(skip).take(query.limit.get().into()).cloned().collect();
    BugPage { bugs, total: if is_total { met } else { COUNTED_BUGS }, is_total }
}

/// Whether a bug meets all conditions but the words.
fn meets(bug: &Bug, query: &BugQuery) -> bool {
    let content = &bug.content;
    let links = &content.links;
    query.status.is_none_or(|status| content.status == status)
        && query.severity.is_none_or(|severity| content.severity == severity)
        && query.category.is_none_or(|category| content.category == Some(category))
        && query.priority.is_none_or(|priority| content.priority == priority)
        && query.device_id.is_none_or(|device| links.device_id == Some(device))
        && query.firmware_version.is_none_or(|version| links.firmware_version == Some(version))
        && query.assignee.is_none_or(|assignee| content.assignee == Some(assignee))
        && query.tag.is_none_or(|tag| content.tags.contains(&tag))
        && query.from.is_none_or(|from| bug.created_at >= from)
        && query.until.is_none_or(|until| bug.created_at < until)
}

/// Whether a bug has all these words.
fn has_words(bug: &Bug, words: &[String]) -> bool {
    if words.is_empty() {
        return true;
    }
    let known = bug.content.words();
    words.iter().all(|word| known.contains(word))
}

/// The ascending order.
fn compare(by: BugSort, a: &Bug, b: &Bug) -> Ordering {
    let by_value = match by {
        BugSort::CreatedAt => a.created_at.cmp(&b.created_at),
        BugSort::UpdatedAt => a.updated_at.cmp(&b.updated_at),
        // The worst severity and the soonest priority are the least of their words.
        BugSort::Severity => b.content.severity.cmp(&a.content.severity),
        BugSort::Priority => b.content.priority.cmp(&a.content.priority),
    };
    by_value.then_with(|| a.id.cmp(&b.id))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::num::NonZeroU16;

    use sqal_core::{Name, Timestamp};

    use super::*;
    use crate::bugs::{BugContent, BugId, BugLinks, BugPriority, BugSeverity, BugSource, BugStatus};

    fn bugs(number: u64) -> Vec<Bug> {
        let at = Timestamp::from_micros(0).expect("a time");
        let bug = |number: u64| Bug {
            id: BugId::from_bytes(u128::from(number).to_be_bytes()),
            revision: 1,
            source: BugSource::Person,
            reporter: None,
            created_at: at,
            updated_at: at,
            ended_at: None,
            reopened: 0,
            content: BugContent {
                title: "The lamp is dark".to_owned(),
                description: String::new(),
                reproduction_steps: String::new(),
                severity: BugSeverity::Low,
                priority: BugPriority::Low,
                category: None,
                status: BugStatus::Open,
                tags: BTreeSet::new(),
                assignee: None,
                watchers: BTreeSet::new(),
                links: BugLinks::default(),
            },
            group: None,
        };
        (0..number).map(bug).collect()
    }

    #[test]
    fn beyond_ten_thousand_only_status_severity_and_category_are_counted_exactly() {
        let all = bugs(COUNTED_BUGS + 1);
        let newest = BugQuery::newest(NonZeroU16::MIN);
        let counted = BugQuery { status: Some(BugStatus::Open), severity: Some(BugSeverity::Low), ..newest.clone() };
        let page_of = |query: &BugQuery| {
            let page = page(all.iter(), query);
            (page.total, page.is_total)
        };
        assert_eq!(page_of(&counted), (COUNTED_BUGS + 1, true));
        let by_word = BugQuery { words: vec!["lamp".to_owned()], ..newest.clone() };
        let by_priority = BugQuery { priority: Some(BugPriority::Low), ..newest.clone() };
        let by_time = BugQuery { from: Timestamp::from_micros(0).ok(), ..newest };
        for query in [by_word, by_priority, by_time] {
            assert_eq!(page_of(&query), (COUNTED_BUGS, false), "{query:?}");
        }
    }

    #[test]
    fn up_to_ten_thousand_every_list_is_counted_exactly() {
        let all = bugs(COUNTED_BUGS);
        let named = BugQuery { assignee: Name::new("marie").ok(), ..BugQuery::newest(NonZeroU16::MIN) };
        assert_eq!(page(all.iter(), &named), BugPage { bugs: Vec::new(), total: 0, is_total: true });
        let low = BugQuery { priority: Some(BugPriority::Low), ..BugQuery::newest(NonZeroU16::MIN) };
        let page = page(all.iter(), &low);
        assert_eq!((page.total, page.is_total, page.bugs.len()), (COUNTED_BUGS, true, 1));
    }
}
