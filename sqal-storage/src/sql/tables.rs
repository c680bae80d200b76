//! The names of all tables and views of a SQL store: the one list that a backup, a restore and a
//! check of the schema read.

/// Every table that holds data of a SQL store, without the table of schema versions and
/// the counters of SQLite.
pub const TABLES: [&str; 17] = [
    "sample",
    "sample_hour",
    "audit_logs",
    "sealed_field",
    "register",
    "sqal_register_label",
    "sqal_job",
    "sqal_record",
    "sqal_record_label",
    "bug_reports",
    "bug_comments",
    "bug_metrics",
    "sqal_bug_history",
    "sqal_bug_attachment",
    "sqal_bug_tag",
    "sqal_bug_word",
    "sqal_bug_device",
];

/// Every view of a SQL store, as the catalogue of the database has its name. A statement puts the
/// name in quotes, because a view of failed jobs and one of profiles have documented names with
/// capitals.
pub const VIEWS: [&str; 4] = ["sensor_samples", "graded_samples", "TaskFailure", "ProfilingMetrics"];
