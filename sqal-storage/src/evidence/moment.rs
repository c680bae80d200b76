//! [`Moment`]: one read-only transaction of a SQL store, read row by row, including damaged rows.

use std::collections::BTreeMap;
use std::fmt::Debug;

use async_trait::async_trait;
use sqal_core::Sample;

use super::Columns;
use crate::{
    StorageError,
    audit::{AuditEntry, Head},
    register::Entry,
    samples::Tally,
};

/// The place of a row in the order of samples, as stored: its time and its id need not be valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) micros: i64,
    pub(crate) id: Vec<u8>,
}

/// A row of `sample`.
#[derive(Debug)]
pub(crate) struct SampleRow {
    pub(crate) place: Place,
    /// The sample; the error says which column is damaged.
    pub(crate) read: Result<StoredSample, String>,
}

/// A sample with all other values of its row.
#[derive(Debug)]
pub(crate) struct StoredSample {
    pub(crate) sample: Sample,
    pub(crate) columns: Columns,
    pub(crate) digest: u64,
}

/// A row of `sample_hour`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct HourRow {
    /// Hours since 1970.
    pub(crate) hour: i64,
    pub(crate) tally: Tally,
}

/// A row of `register`.
#[derive(Clone, Debug)]
pub(crate) struct DecisionRow {
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) version: i64,
    pub(crate) read: Result<Entry, String>,
}

/// A row of `audit_logs`.
#[derive(Debug)]
pub(crate) struct LineRow {
    pub(crate) number: i64,
    pub(crate) read: Result<AuditEntry, String>,
}

/// A table, index, view, trigger, function, column or constraint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SchemaObject {
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) text: String,
}

/// The schema as found and as this program makes it.
#[derive(Debug)]
pub(crate) struct SchemaFound {
    pub(crate) found: Vec<SchemaObject>,
    /// The expected schema; the error says why it is not known, for example because this user may
    /// not create a schema.
    pub(crate) expected: Result<Vec<SchemaObject>, String>,
}

/// The differences between two schemas, one sentence each.
pub(crate) fn same_objects(found: &[SchemaObject], expected: &[SchemaObject]) -> Vec<(String, &'static str)> {
    let title = |object: &SchemaObject| format!("{} {}", object.kind, object.name);
    let same_name = |a: &SchemaObject, b: &SchemaObject| a.kind == b.kind && a.name == b.name;
    let mut differences = Vec::new();
    for object in found {
        match expected.iter().find(|expected| same_name(object, expected)) {
            None => differences.push((title(object), "is not part of the schema")),
            Some(expected) if expected.text != object.text => {
                differences.push((title(object), "is not as the schema makes it"));
            }
            Some(_) => {}
        }
    }
    for object in expected {
        if !found.iter().any(|found| same_name(found, object)) {
            differences.push((title(object), "of the schema is missing"));
        }
    }
    differences
}

/// One read-only transaction.
#[cfg_attr(not(feature = "sign"), allow(dead_code, reason = "some of it only heads ask for"))]
#[async_trait]
pub(crate) trait Moment: Debug + Send {
    /// The number of rows of `sample`.
    async fn count(&mut self) -> Result<u64, StorageError>;

    /// The names of all devices that have samples or hours.
    async fn devices(&mut self) -> Result<Vec<String>, StorageError>;

    /// Samples of a device or of all after a place, newest first.
    async fn samples(
        &mut self,
        device: Option<&str>,
        after: Option<&Place>,
        limit: u16,
    ) -> Result<Vec<SampleRow>, StorageError>;

    /// The hours of a device.
    async fn hours(&mut self, device: &str) -> Result<Vec<Result<HourRow, String>>, StorageError>;

    /// Decisions after another, in the order of kind, name and version.
    async fn decisions(&mut self, after: Option<&DecisionRow>, limit: u16) -> Result<Vec<DecisionRow>, StorageError>;

    /// Lines of the audit log after a number, in the order of numbers.
    async fn lines(&mut self, after: i64, limit: u16) -> Result<Vec<LineRow>, StorageError>;

    /// The number of samples that the hours of each device count.
    async fn counted(&mut self) -> Result<BTreeMap<String, i64>, StorageError>;

    /// The hours that begin at or after an hour: device, hour since 1970, and the number of samples
    /// that the hour counts.
    async fn hours_since(&mut self, hour: i64) -> Result<Vec<(String, i64, i64)>, StorageError>;

    /// The end of the audit log, and the number of decisions.
    async fn ends(&mut self) -> Result<(Option<Head>, u64), StorageError>;

    /// The schema. This is the last call, because a store may have to end the transaction for it.
    async fn schema(&mut self) -> Result<SchemaFound, StorageError>;

    /// Ends the transaction.
    async fn close(self: Box<Self>) -> Result<(), StorageError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_more_less_or_other_in_a_schema_is_named() {
        let object = |kind: &str, name: &str, text: &str| SchemaObject {
            kind: kind.to_owned(),
            name: name.to_owned(),
            text: text.to_owned(),
        };
        let expected = [object("table", "sample", "a"), object("view", "sensor_samples", "b")];
        assert_eq!(same_objects(&expected, &expected), []);
        let found = [object("table", "sample", "c"), object("trigger", "quiet", "d")];
        let differences = same_objects(&found, &expected);
        let said: Vec<_> = differences.iter().map(|(object, what)| format!("{object} {what}")).collect();
        assert_eq!(
            said,
            [
                "table sample is not as the schema makes it",
                "trigger quiet is not part of the schema",
                "view sensor_samples of the schema is missing"
            ]
        );
    }
}
