//! How a list of bugs is asked for: statements that are assembled from fixed pieces, with every
//! value bound.

use super::rows::to_bug;
use super::statements::columns;
use crate::StorageError;
use crate::bugs::{BugPage, BugQuery, BugSort, COUNTED_BUGS, MOST_SEARCHED_WORDS, bug_words};
use crate::sql::row::{Row, Value};
use crate::sql::store::{Assembled, SqlStore};

/// Conditions as they stand after `WHERE`, and their values in the order of their places.
#[derive(Clone, Debug)]
struct Conditions<'q> {
    text: Assembled,
    values: Vec<Value<'q>>,
}

impl<'q> Conditions<'q> {
    fn new() -> Self {
        Self { text: Assembled::of("true"), values: Vec::new() }
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

    /// The conditions that are counted exactly.
    fn counted(query: &'q BugQuery) -> Self {
        let mut conditions = Self::new();
        conditions.and(" AND status = ", query.status.map(|status| status.as_str().into()), "");
        conditions.and(" AND severity = ", query.severity.map(|severity| severity.as_str().into()), "");
        conditions.and(" AND category = ", query.category.as_ref().map(Into::into), "");
        conditions
    }

    /// All conditions of a query; `words` are its words as they are found.
    fn of(query: &'q BugQuery, words: &'q [String]) -> Self {
        let mut conditions = Self::counted(query);
        conditions.and(" AND priority = ", query.priority.map(|priority| priority.as_str().into()), "");
        conditions.and(" AND device_id = ", query.device_id.as_ref().map(Into::into), "");
        conditions.and(" AND firmware_version = ", query.firmware_version.as_ref().map(Into::into), "");
        conditions.and(" AND assignee = ", query.assignee.as_ref().map(Into::into), "");
        conditions.and(" AND created_at >= ", query.from.map(Value::Time), "");
        conditions.and(" AND created_at < ", query.until.map(Value::Time), "");
        let tagged = " AND id IN (SELECT bug_id FROM sqal_bug_tag WHERE tag = ";
        conditions.and(tagged, query.tag.as_ref().map(Into::into), ")");
        for word in words {
            let with_word = " AND id IN (SELECT bug_id FROM sqal_bug_word WHERE word = ";
            conditions.and(with_word, Some(word.as_str().into()), ")");
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
fn page<'q>(query: &BugQuery, conditions: &Conditions<'q>) -> Conditions<'q> {
    let begin = concat!("SELECT ", columns!(), " FROM bug_reports WHERE ");
    let mut page = conditions.clone();
    page.text = conditions.text.after(begin);
    page.and(order(query.order.by, query.order.is_descending), Some(query.limit.into()), "");
    page.and(" OFFSET ", Some(u64::from(query.skip).into()), "");
    page
}

/// The statement of the total, which is at most one more than [`COUNTED_BUGS`] if it is counted bug
/// by bug.
fn total<'q>(query: &'q BugQuery, conditions: &Conditions<'q>) -> Conditions<'q> {
    if query.is_counted() {
        let begin = "SELECT CAST(coalesce(sum(bugs), 0) AS bigint) FROM bug_metrics WHERE measure = 'current' AND ";
        let mut total = Conditions::counted(query);
        total.text = total.text.after(begin);
        return total;
    }
    let mut total = conditions.clone();
    total.text = conditions.text.after("SELECT count(*) FROM (SELECT id FROM bug_reports WHERE ");
    total.and(" LIMIT ", Some((COUNTED_BUGS + 1).into()), ") AS counted");
    total
}

/// A page of bugs.
pub(super) async fn listed<S: SqlStore>(store: &S, query: &BugQuery) -> Result<BugPage, StorageError> {
    let mut words = bug_words(query.words.iter().map(String::as_str));
    words.truncate(MOST_SEARCHED_WORDS);
    let conditions = Conditions::of(query, &words);
    let (page, total) = (page(query, &conditions), total(query, &conditions));
    let bugs = S::ENGINE.each(store.read_assembled(&page.text, &page.values).await?, to_bug)?;
    let rows = store.read_assembled(&total.text, &total.values).await?;
    let found: u64 = S::ENGINE.each(rows, |mut row: Row| row.unsigned("count"))?.pop().unwrap_or_default();
    let is_total = query.is_counted() || found <= COUNTED_BUGS;
    Ok(BugPage { bugs, total: if is_total { found } else { COUNTED_BUGS }, is_total })
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use std::num::NonZeroU16;

    use sqal_core::{Name, Timestamp};

    use super::*;
    use crate::SqliteStore;
    use crate::bugs::{BugOrder, BugSeverity, BugStatus};
    use crate::sqlite::SqliteConfig;

    async fn store() -> (tempfile::TempDir, SqliteStore) {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&SqliteConfig::at(folder.path().join("bugs.db"))).await.unwrap();
        (folder, store)
    }

    /// The steps in which SQLite reads a page.
    async fn steps(store: &SqliteStore, query: &BugQuery) -> Vec<String> {
        let words = bug_words(query.words.iter().map(String::as_str));
        let page = page(query, &Conditions::of(query, &words));
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
        let words = bug_words(query.words.iter().map(String::as_str));
        let conditions = Conditions::of(&query, &words);
        for statement in [page(&query, &conditions), total(&query, &conditions)] {
            let text = statement.text.text();
            assert!(!text.contains("DROP") && !text.contains('\''), "{text}");
            assert_eq!(text.matches('$').count(), statement.values.len(), "{text}");
        }
    }
}
