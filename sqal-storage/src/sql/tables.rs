//! The names of all tables and views of a SQL store: the one list that a backup, a restore and a
//! check of the schema read.

/// Every table that holds data of a SQL store, without the table of schema versions and
/// the counters of SQLite.
pub const TABLES: [&str; 9] = [
    "sample",
    "sample_hour",
    "audit_logs",
    "sealed_field",
    "register",
    "sqal_register_label",
    "sqal_job",
    "sqal_record",
    "sqal_record_label",
];

/// Every view of a SQL store.
pub const VIEWS: [&str; 2] = ["sensor_samples", "graded_samples"];
