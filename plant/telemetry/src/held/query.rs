//! [`Query`]: the query that an event of the database driver describes, as the fields of a span.

use std::fmt;
use std::time::Duration;

use tracing::Event;
use tracing::field::{Field, Visit};

use super::fields::{Fields, HeldValue};
use super::finished::SpanKind;
use super::texts::{Piece, cut};

/// The target of the driver's events.
pub(crate) const TARGET: &str = "sqlx::query";

/// The longest name that is read from a statement, in bytes.
const MOST_NAME: usize = 32;

/// First words of statements that need no text of their own.
const OPERATIONS: [&str; 20] = [
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "WITH",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT",
    "RELEASE",
    "PRAGMA",
    "CREATE",
    "ALTER",
    "DROP",
    "SET",
    "SHOW",
    "COPY",
    "CALL",
    "VACUUM",
    "ANALYZE",
];

/// A query that has ended.
#[derive(Debug)]
pub(crate) struct Query {
    /// The first word of the statement.
    pub(crate) name: &'static str,
    /// How long it took.
    pub(crate) took: Duration,
}

impl Query {
    /// Reads an event of the driver; the attributes of the query's span go to `fields`.
    pub(crate) fn read(event: &Event<'_>, fields: &mut Fields) -> Self {
        let mut read = DriverEvent { fields, summary: None, statement: None, rows: None, took: Duration::ZERO };
        event.record(&mut read);
        let DriverEvent { fields, summary, statement, rows, took } = read;
        fields.kind = Some(SpanKind::Client);
        // If the summary is the whole statement, the driver leaves the statement empty.
        if let Some(text) = statement.or(summary) {
            fields.attributes.push(("db.query.text", HeldValue::Statement(text)));
        }
        if let Some(rows) = rows {
            fields.attributes.push(("db.response.returned_rows", HeldValue::Integer(rows)));
        }
        let words = summary.map(|summary| fields.texts.text(summary)).unwrap_or_default();
        let first = words.split_whitespace().next().unwrap_or_default();
        let name = OPERATIONS.into_iter().find(|operation| first.eq_ignore_ascii_case(operation));
        if name.is_none() && !first.is_empty() {
            let first = cut(first, MOST_NAME).to_owned();
            fields.name = Some(fields.texts.keep(&first));
        }
        Self { name: name.unwrap_or("query"), took }
    }
}

/// The fields of the driver's event.
struct DriverEvent<'a> {
    fields: &'a mut Fields,
    summary: Option<Piece>,
    statement: Option<Piece>,
    rows: Option<i64>,
    took: Duration,
}

impl Visit for DriverEvent<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        if field.name() == "elapsed_secs" {
            self.took = Duration::try_from_secs_f64(value).unwrap_or_default();
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "rows_returned" {
            self.rows = i64::try_from(value).ok();
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "summary" => self.summary = Some(self.fields.texts.keep(value)),
            "db.statement" if !value.is_empty() => self.statement = Some(self.fields.texts.keep(value.trim_start())),
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}
