//! How a list of bugs is asked for: statements that are assembled from fixed pieces, with every
//! value bound.

use super::marks::{Mark, Way, ways};
use super::rows::to_bug;
use super::statements::columns;
use crate::StorageError;
use crate::bugs::{BugPage, BugQuery, BugSort, COUNTED_BUGS};
use crate::sql::row::{Row, Value};
use crate::sql::store::{Assembled, SqlStore};

/// Tables and conditions as they stand after `FROM`, and their values in the order of their places.
#[derive(Clone, Debug)]
struct Conditions<'q> {
    text: Assembled,
    values: Vec<Value<'q>>,
}

impl<'q> Conditions<'q> {
    /// Begins with a text.
    fn begin(text: &'static str) -> Self {
        Self { text: Assembled::of(text), values: Vec::new() }
    }

    /// Adds the place of a value, and the value.
    fn bind(&mut self, value: Value<'q>) {
        self.values.push(value);
        self.text.place(self.values.len());
    }

    /// Adds a condition, if there is a value: the text before its place, and the text after it.
    fn and(&mut self, before: &'static str, value: Option<Value<'q>>, after: &'static str) {
        if let Some(value) = value {
            self.text.add(before);
            self.bind(value);
            self.text.add(after);
        }
    }

    /// Adds the conditions that are counted exactly.
    fn and_counted(&mut self, query: &'q BugQuery) {
        self.and(" AND status = ", query.status.map(|status| status.as_str().into()), "");
        self.and(" AND severity = ", query.severity.map(|severity| severity.as_str().into()), "");
        self.and(" AND category = ", query.category.as_ref().map(Into::into), "");
    }

    /// All conditions of a query with these marks, which are found in this way.
    fn of(query: &'q BugQuery, marks: &[Mark<'q>], way: Way<'q>) -> Self {
        let mut conditions = if let Way::From(mark) = way {
            let mut conditions = Self::begin(mark.source());
            conditions.bind(mark.text().into());
            conditions
        } else {
            Self::begin("bug_reports WHERE true")
        };
        conditions.and_counted(query);
        conditions.and(" AND priority = ", query.priority.map(|priority| priority.as_str().into()), "");
        conditions.and(" AND device_id = ", query.device_id.as_ref().map(Into::into), "");
        conditions.and(" AND firmware_version = ", query.firmware_version.as_ref().map(Into::into), "");
        conditions.and(" AND assignee = ", query.assignee.as_ref().map(Into::into), "");
        conditions.and(" AND created_at >= ", query.from.map(Value::Time), "");
        conditions.and(" AND created_at < ", query.until.map(Value::Time), "");
        for mark in marks.iter().filter(|mark| way != Way::From(**mark)) {
            let (before, after) = mark.condition(way);
            conditions.and(before, Some(mark.text().into()), after);
        }
        conditions
    }
}

/// The order of a list: the ranks grow with the severity and with the priority.
const fn order(by: BugSort, is_descending: bool) -> &'static str {
    match (by, is_descending) {
        (BugSort::CreatedAt, true) => " ORDER BY created_at DESC, id DESC LIMIT ",
        (BugSort::CreatedAt, false) => " ORDER BY created_at, id LIMIT ",
        (BugSort::UpdatedAt, true) => " ORDER BY updated_at DESC, id DESC LIMIT ",
        (BugSort::UpdatedAt, false) => " ORDER BY updated_at, id LIMIT ",
        (BugSort::Severity, true) => " ORDER BY severity_rank DESC, id DESC LIMIT ",
        (BugSort::Severity, false) => " ORDER BY severity_rank, id LIMIT ",
        (BugSort::Priority, true) => " ORDER BY priority_rank DESC, id DESC LIMIT ",
        (BugSort::Priority, false) => " ORDER BY priority_rank, id LIMIT ",
    }
}

/// The statement of a page.
fn page<'q>(query: &'q BugQuery, marks: &[Mark<'q>], way: Way<'q>) -> Conditions<'q> {
    let mut page = Conditions::of(query, marks, way);
    page.text = page.text.after(concat!("SELECT ", columns!(), " FROM "));
    page.and(order(query.order.by, query.order.is_descending), Some(query.limit.into()), "");
    page.and(" OFFSET ", Some(u64::from(query.skip).into()), "");
    page
}

/// The statement of the total, which is at most one more than [`COUNTED_BUGS`] if it is counted bug
/// by bug.
fn total<'q>(query: &'q BugQuery, marks: &[Mark<'q>], way: Way<'q>) -> Conditions<'q> {
    if query.is_counted() {
        let begin = "SELECT CAST(coalesce(sum(bugs), 0) AS bigint) FROM bug_metrics WHERE measure = 'current'";
        let mut total = Conditions::begin(begin);
        total.and_counted(query);
        return total;
    }
    let mut total = Conditions::of(query, marks, way);
    total.text = total.text.after("SELECT count(*) FROM (SELECT id FROM ");
    total.and(" LIMIT ", Some((COUNTED_BUGS + 1).into()), ") AS counted");
    total
}

/// The number of bugs, in the order of a list, after which its page is full.
fn needed(query: &BugQuery) -> u64 {
    u64::from(query.skip) + u64::from(query.limit.get())
}

/// A page of bugs.
pub(super) async fn listed<S: SqlStore>(store: &S, query: &BugQuery) -> Result<BugPage, StorageError> {
    let words = query.searched_words();
    let marks = Mark::of(query, &words);
    let [page_way, total_way] = ways(store, &marks, [needed(query), COUNTED_BUGS + 1]).await?;
    let (page, total) = (page(query, &marks, page_way), total(query, &marks, total_way));
    let bugs = S::ENGINE.each(store.read_assembled(&page.text, &page.values).await?, to_bug)?;
    let rows = store.read_assembled(&total.text, &total.values).await?;
    let found: u64 = S::ENGINE.each(rows, |mut row: Row| row.unsigned("count"))?.pop().unwrap_or_default();
    let is_total = query.is_counted() || found <= COUNTED_BUGS;
    Ok(BugPage { bugs, total: if is_total { found } else { COUNTED_BUGS }, is_total })
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::collections::BTreeSet;
    use std::num::NonZeroU16;

    use sqal_core::{Name, Timestamp};

    use super::*;
    use crate::bugs::{
        AddedBug, Bug, BugContent, BugEntry, BugId, BugLinks, BugOrder, BugPriority, BugSeverity, BugSource, BugStatus,
    };
    use crate::sqlite::SqliteConfig;
    use crate::{Bugs, SqliteStore};

    async fn store() -> (tempfile::TempDir, SqliteStore) {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&SqliteConfig::at(folder.path().join("bugs.db"))).await.unwrap();
        (folder, store)
    }

    /// The steps in which SQLite reads a page.
    async fn steps(store: &SqliteStore, query: &BugQuery) -> Vec<String> {
        let words = query.searched_words();
        let marks = Mark::of(query, &words);
        let [way] = ways(store, &marks, [needed(query)]).await.unwrap();
        let page = page(query, &marks, way);
        let explained = page.text.after("EXPLAIN QUERY PLAN ");
        let rows = store.read_assembled(&explained, &page.values).await.unwrap();
        let step = |mut row: Row| {
            for column in ["id", "parent", "notused"] {
                row.int(column).unwrap();
            }
            row.text("detail").unwrap()
        };
        rows.into_iter().map(step).collect()
    }

    fn newest() -> BugQuery {
        BugQuery::newest(NonZeroU16::new(50).unwrap())
    }

    /// The first bugs for these words, the newest first.
    fn first_with(words: &[&str]) -> BugQuery {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        BugQuery { words, ..BugQuery::newest(NonZeroU16::new(5).unwrap()) }
    }

    /// The bug with this number: all have the word `line`, every second is tagged `night`, and
    /// every twentieth has the word `rare`.
    fn bug(number: u8) -> Bug {
        let at = Timestamp::from_micros(i64::from(number / 3)).unwrap();
        let tags =
            if number.is_multiple_of(2) { BTreeSet::from([Name::new("night").unwrap()]) } else { BTreeSet::new() };
        Bug {
            id: BugId::from_bytes([number.wrapping_mul(37); 16]),
            revision: 1,
            source: BugSource::Person,
            reporter: None,
            created_at: at,
            updated_at: at,
            ended_at: None,
            reopened: 0,
            content: BugContent {
                title: if number.is_multiple_of(20) { "a rare line" } else { "a line" }.to_owned(),
                description: String::new(),
                reproduction_steps: String::new(),
                severity: BugSeverity::ALL[usize::from(number % 4)],
                priority: BugPriority::Low,
                category: None,
                status: BugStatus::Open,
                tags,
                assignee: None,
                watchers: BTreeSet::new(),
                links: BugLinks::default(),
            },
            group: None,
        }
    }

    /// A store with 60 bugs.
    async fn filled() -> (tempfile::TempDir, SqliteStore) {
        let (folder, store) = store().await;
        for number in 0..60 {
            let bug = bug(number);
            let (by, to, body) = (Name::new("marie").unwrap(), bug.content.status, "{}".to_owned());
            let entry = BugEntry { bug: bug.id, revision: 1, at: bug.created_at, by, from: None, to, body };
            assert_eq!(store.add_bug(&bug, &entry).await.unwrap(), AddedBug::New);
        }
        (folder, store)
    }

    #[tokio::test]
    async fn the_usual_lists_are_read_in_the_order_of_an_index() {
        let (_folder, store) = store().await;
        let (status, severity) = (Some(BugStatus::Open), Some(BugSeverity::High));
        let category = Name::new("line").ok();
        let by = |by| BugQuery { order: BugOrder { by, is_descending: true }, ..newest() };
        let lists = [
            (newest(), "bug_reports_created"),
            (by(BugSort::UpdatedAt), "bug_reports_updated"),
            (by(BugSort::Severity), "bug_reports_by_severity"),
            (by(BugSort::Priority), "bug_reports_by_priority"),
            (BugQuery { status, ..newest() }, "bug_reports_of_status"),
            (BugQuery { severity, ..newest() }, "bug_reports_of_severity"),
            (BugQuery { category, ..newest() }, "bug_reports_of_category"),
            (BugQuery { status, severity, ..newest() }, "bug_reports_of_status_severity"),
            (BugQuery { status, category, ..newest() }, "bug_reports_of_status_category"),
            (BugQuery { status, severity, category, ..newest() }, "bug_reports_of_three"),
            (BugQuery { device_id: Name::new("line-1").ok(), ..newest() }, "bug_reports_of_device"),
            (BugQuery { assignee: Name::new("marie").ok(), ..newest() }, "bug_reports_of_assignee"),
            (BugQuery { from: Timestamp::from_micros(0).ok(), ..newest() }, "bug_reports_created"),
        ];
        for (query, index) in lists {
            let steps = steps(&store, &query).await;
            assert_eq!(steps.len(), 1, "{query:?}: {steps:#?}");
            let with = format!("USING INDEX {index}");
            assert!(steps[0].split(" (").next().unwrap().ends_with(&with), "{query:?}: {steps:#?}");
        }
    }

    #[tokio::test]
    async fn words_and_tags_are_found_by_their_tables() {
        let (_folder, store) = store().await;
        let words = vec!["lamp".to_owned(), "dark".to_owned()];
        let steps = steps(&store, &BugQuery { words, tag: Name::new("optics").ok(), ..newest() }).await;
        let searched = |table: &str| steps.iter().filter(|step| step.contains(&format!("SEARCH {table}"))).count();
        assert_eq!((searched("sqal_bug_word"), searched("sqal_bug_tag")), (2, 1), "{steps:#?}");
    }

    #[tokio::test]
    async fn a_list_of_a_common_word_is_read_in_its_order_and_of_a_rare_word_by_the_bugs_that_have_it() {
        let (_folder, store) = filled().await;
        let is_sorted = |steps: &[String]| steps.iter().any(|step| step.contains("TEMP B-TREE"));
        let tag = Name::new("night").ok();
        for query in [first_with(&["line"]), BugQuery { tag, ..first_with(&["line"]) }] {
            let steps = steps(&store, &query).await;
            assert!(steps[0].starts_with("SCAN bug_reports USING INDEX bug_reports_created"), "{steps:#?}");
            assert!(!is_sorted(&steps), "{steps:#?}");
        }
        for words in [&["rare"][..], &["line", "rare"], &["absent", "line"]] {
            let steps = steps(&store, &BugQuery { tag, ..first_with(words) }).await;
            assert!(steps[0].starts_with("SEARCH sqal_bug_word"), "{steps:#?}");
            assert!(is_sorted(&steps) && !steps.iter().any(|step| step.contains("SCAN bug_reports")), "{steps:#?}");
        }
        // The more bugs are passed over, the longer is the way in the order.
        let far = BugQuery { skip: 1000, ..first_with(&["line"]) };
        assert!(steps(&store, &far).await[0].starts_with("SEARCH sqal_bug_word"));
    }

    #[tokio::test]
    async fn each_way_finds_the_same_bugs() {
        let (_folder, store) = filled().await;
        let order = BugOrder { by: BugSort::Severity, is_descending: false };
        let tag = Name::new("night").ok();
        let queries = [
            BugQuery { tag, ..first_with(&["line"]) },
            BugQuery { tag, order, skip: 2, ..first_with(&["line", "a"]) },
            BugQuery { severity: Some(BugSeverity::Low), order, ..first_with(&["line"]) },
            BugQuery { tag, ..first_with(&["rare"]) },
            first_with(&["line", "absent"]),
        ];
        for query in &queries {
            let words = query.searched_words();
            let marks = Mark::of(query, &words);
            let expected = store.bugs(query).await.unwrap();
            let by_mark = marks.iter().map(|mark| Way::From(*mark));
            for way in [Way::BySets, Way::InOrder].into_iter().chain(by_mark) {
                let (page, total) = (page(query, &marks, way), total(query, &marks, way));
                let rows = store.read_assembled(&page.text, &page.values).await.unwrap();
                let found: Result<Vec<Bug>, String> = rows.into_iter().map(to_bug).collect();
                assert_eq!(found.as_ref(), Ok(&expected.bugs), "{way:?}: {query:?}");
                let mut rows = store.read_assembled(&total.text, &total.values).await.unwrap();
                assert_eq!(rows.remove(0).unsigned::<u64>("count"), Ok(expected.total), "{way:?}: {query:?}");
            }
        }
    }

    /// No text of a caller gets into a statement.
    #[test]
    fn a_statement_has_places_and_no_values() {
        let text = "'; DROP TABLE bug_reports; --";
        let query = BugQuery {
            category: Name::new(text).ok(),
            device_id: Name::new(text).ok(),
            assignee: Name::new(text).ok(),
            tag: Name::new(text).ok(),
            words: vec![text.to_owned()],
            ..newest()
        };
        let counted = BugQuery { category: query.category, ..newest() };
        let words = query.searched_words();
        let marks = Mark::of(&query, &words);
        let ways = [Way::BySets, Way::InOrder, Way::From(marks[0]), Way::From(marks[1])];
        let of_query = ways.into_iter().flat_map(|way| [page(&query, &marks, way), total(&query, &marks, way)]);
        let of_counted = [page(&counted, &[], Way::BySets), total(&counted, &[], Way::BySets)];
        for statement in of_query.chain(of_counted) {
            // What stands in quotes is the name of a measure.
            let text = statement.text.text().replace("'current'", "");
            assert!(!text.contains("DROP") && !text.contains('\''), "{text}");
            assert_eq!(text.matches('$').count(), statement.values.len(), "{text}");
        }
        let total = total(&counted, &[], Way::BySets);
        assert!(total.text.text().contains("FROM bug_metrics") && total.values.len() == 1, "{total:?}");
    }
}
