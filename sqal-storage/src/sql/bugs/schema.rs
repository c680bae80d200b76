//! The schema of bugs: three tables that people and dashboards read, and what stands beside them.

use crate::schema::Step;

/// The tables whose names do not begin with `sqal_`, in the order of their names: an earlier system
/// documented these names, and another program can have made such tables in the schema of this one.
/// A migration refuses them before it comes to the step of bugs.
pub(crate) const NAMES_WITHOUT_PREFIX: [&str; 3] = ["bug_comments", "bug_metrics", "bug_reports"];

/// Drops the tables, those first that refer to others.
macro_rules! drop_tables {
    ($when:literal) => {
        concat!(
            "\nDROP TABLE ",
            $when,
            "sqal_bug_device;\nDROP TABLE ",
            $when,
            "sqal_bug_word;\nDROP TABLE ",
            $when,
            "sqal_bug_tag;\nDROP TABLE ",
            $when,
            "sqal_bug_attachment;\nDROP TABLE ",
            $when,
            "sqal_bug_history;\nDROP TABLE ",
            $when,
            "bug_metrics;\nDROP TABLE ",
            $when,
            "bug_comments;\nDROP TABLE ",
            $when,
            "bug_reports;\n"
        )
    };
}

/// The indexes, which are equal in both engines.
///
/// A list is read in the order of an index, page by page: of a status, a severity, a category, a
/// device or an assignee, and of the usual pairs. No index has a column that an occurrence changes.
macro_rules! indexes {
    () => {
        "CREATE INDEX bug_reports_created ON bug_reports (created_at, id);
CREATE INDEX bug_reports_updated ON bug_reports (updated_at, id);
CREATE INDEX bug_reports_by_severity ON bug_reports (severity_rank, id);
CREATE INDEX bug_reports_by_priority ON bug_reports (priority_rank, id);
CREATE INDEX bug_reports_of_status ON bug_reports (status, created_at, id);
CREATE INDEX bug_reports_of_severity ON bug_reports (severity, created_at, id);
CREATE INDEX bug_reports_of_category ON bug_reports (category, created_at, id);
CREATE INDEX bug_reports_of_status_severity ON bug_reports (status, severity, created_at, id);
CREATE INDEX bug_reports_of_status_category ON bug_reports (status, category, created_at, id);
CREATE INDEX bug_reports_of_three ON bug_reports (status, severity, category, created_at, id);
CREATE INDEX bug_reports_of_device ON bug_reports (device_id, created_at, id) WHERE device_id IS NOT NULL;
CREATE INDEX bug_reports_of_assignee ON bug_reports (assignee, created_at, id) WHERE assignee IS NOT NULL;
CREATE INDEX bug_reports_resolved ON bug_reports (resolved_at) WHERE resolved_at IS NOT NULL;
CREATE INDEX bug_comments_of ON bug_comments (bug_id, created_at, id);
CREATE INDEX sqal_bug_attachment_of ON sqal_bug_attachment (bug_id, created_at, id);
CREATE INDEX sqal_bug_attachment_blob ON sqal_bug_attachment (blob);
CREATE INDEX sqal_bug_tag_of ON sqal_bug_tag (bug_id);
CREATE INDEX sqal_bug_word_of ON sqal_bug_word (bug_id);
"
    };
}

/// The tables of bugs in SQLite.
///
/// `bug_reports` has a row for each bug. Sets are JSON arrays; tags, words and devices have tables
/// by which they are found and counted. Times are microseconds since 1970. The ranks order
/// severities and priorities, whose words do not sort that way. `bug_metrics` holds the sums that a
/// summary and the days read: `current` has the number of bugs by status, severity and category
/// (empty without one), with the sum of the microseconds from the report to the end of those that
/// are ended; `created`, `ended` and `reopened` count what happened in each slot of 15 minutes.
/// Tables that an older program has left behind a restore are made anew; those of another program
/// are refused before ([`NAMES_WITHOUT_PREFIX`]).
#[cfg(feature = "sqlite")]
pub(crate) const BUGS_IN_SQLITE: Step = Step {
    up: concat!(
        drop_tables!("IF EXISTS "),
        "CREATE TABLE bug_reports (
    id TEXT NOT NULL PRIMARY KEY,
    revision INTEGER NOT NULL,
    title TEXT NOT NULL,
    severity TEXT NOT NULL CHECK (severity IN ('critical', 'high', 'medium', 'low')),
    priority TEXT NOT NULL CHECK (priority IN ('urgent', 'high', 'medium', 'low')),
    category TEXT,
    status TEXT NOT NULL CHECK (status IN ('open', 'in_progress', 'resolved', 'closed')),
    source TEXT NOT NULL,
    reporter TEXT,
    assignee TEXT,
    device_id TEXT,
    firmware_version TEXT,
    sample_id TEXT,
    rollout TEXT,
    profile TEXT,
    duplicate_of TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    resolved_at INTEGER,
    reopened INTEGER NOT NULL,
    group_key TEXT UNIQUE,
    occurrences INTEGER,
    first_seen INTEGER,
    last_seen INTEGER,
    devices INTEGER,
    regressed_in TEXT,
    regressed_at INTEGER,
    severity_rank INTEGER NOT NULL GENERATED ALWAYS AS
        (CASE severity WHEN 'critical' THEN 4 WHEN 'high' THEN 3 WHEN 'medium' THEN 2 ELSE 1 END) STORED,
    priority_rank INTEGER NOT NULL GENERATED ALWAYS AS
        (CASE priority WHEN 'urgent' THEN 4 WHEN 'high' THEN 3 WHEN 'medium' THEN 2 ELSE 1 END) STORED,
    tags TEXT NOT NULL,
    watchers TEXT NOT NULL,
    blocks TEXT NOT NULL,
    relates_to TEXT NOT NULL,
    description TEXT NOT NULL,
    reproduction_steps TEXT NOT NULL
) STRICT;
CREATE TABLE bug_comments (
    id TEXT NOT NULL PRIMARY KEY,
    bug_id TEXT NOT NULL REFERENCES bug_reports (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    author TEXT NOT NULL,
    is_internal INTEGER NOT NULL CHECK (is_internal IN (0, 1)),
    comment TEXT NOT NULL
) STRICT;
CREATE TABLE bug_metrics (
    measure TEXT NOT NULL CHECK (measure IN ('current', 'created', 'ended', 'reopened')),
    slot INTEGER NOT NULL,
    status TEXT NOT NULL,
    severity TEXT NOT NULL,
    category TEXT NOT NULL,
    bugs INTEGER NOT NULL,
    micros INTEGER NOT NULL,
    PRIMARY KEY (measure, slot, status, severity, category)
) STRICT, WITHOUT ROWID;
CREATE TABLE sqal_bug_history (
    bug_id TEXT NOT NULL REFERENCES bug_reports (id) ON DELETE CASCADE,
    revision INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    author TEXT NOT NULL,
    status_before TEXT,
    status_after TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (bug_id, revision)
) STRICT;
CREATE TABLE sqal_bug_attachment (
    id TEXT NOT NULL PRIMARY KEY,
    bug_id TEXT NOT NULL REFERENCES bug_reports (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    author TEXT NOT NULL,
    name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    blob BLOB NOT NULL CHECK (length(blob) = 32)
) STRICT;
CREATE TABLE sqal_bug_tag (
    tag TEXT NOT NULL,
    bug_id TEXT NOT NULL REFERENCES bug_reports (id) ON DELETE CASCADE,
    PRIMARY KEY (tag, bug_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE sqal_bug_word (
    word TEXT NOT NULL,
    bug_id TEXT NOT NULL REFERENCES bug_reports (id) ON DELETE CASCADE,
    PRIMARY KEY (word, bug_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE sqal_bug_device (
    bug_id TEXT NOT NULL REFERENCES bug_reports (id) ON DELETE CASCADE,
    device_id TEXT NOT NULL,
    PRIMARY KEY (bug_id, device_id)
) STRICT, WITHOUT ROWID;
",
        indexes!()
    ),
    down: drop_tables!(""),
};

/// The tables and indexes of bugs in PostgreSQL.
#[cfg(feature = "postgres")]
macro_rules! tables_in_postgres {
    () => {
        concat!(
            r#"CREATE TABLE bug_reports (
    id text COLLATE "C" PRIMARY KEY,
    revision bigint NOT NULL,
    title text NOT NULL,
    severity text COLLATE "C" NOT NULL CHECK (severity IN ('critical', 'high', 'medium', 'low')),
    priority text COLLATE "C" NOT NULL CHECK (priority IN ('urgent', 'high', 'medium', 'low')),
    category text COLLATE "C",
    status text COLLATE "C" NOT NULL CHECK (status IN ('open', 'in_progress', 'resolved', 'closed')),
    source text COLLATE "C" NOT NULL,
    reporter text COLLATE "C",
    assignee text COLLATE "C",
    device_id text COLLATE "C",
    firmware_version text COLLATE "C",
    sample_id text COLLATE "C",
    rollout text COLLATE "C",
    profile text COLLATE "C",
    duplicate_of text COLLATE "C",
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    resolved_at timestamptz,
    reopened bigint NOT NULL,
    group_key text COLLATE "C" UNIQUE,
    occurrences bigint,
    first_seen timestamptz,
    last_seen timestamptz,
    devices bigint,
    regressed_in text COLLATE "C",
    regressed_at timestamptz,
    severity_rank bigint NOT NULL GENERATED ALWAYS AS
        (CASE severity WHEN 'critical' THEN 4 WHEN 'high' THEN 3 WHEN 'medium' THEN 2 ELSE 1 END) STORED,
    priority_rank bigint NOT NULL GENERATED ALWAYS AS
        (CASE priority WHEN 'urgent' THEN 4 WHEN 'high' THEN 3 WHEN 'medium' THEN 2 ELSE 1 END) STORED,
    tags text NOT NULL,
    watchers text NOT NULL,
    blocks text NOT NULL,
    relates_to text NOT NULL,
    description text NOT NULL,
    reproduction_steps text NOT NULL
) WITH (fillfactor = 80);
CREATE TABLE bug_comments (
    id text COLLATE "C" PRIMARY KEY,
    bug_id text COLLATE "C" NOT NULL REFERENCES bug_reports (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    author text COLLATE "C" NOT NULL,
    is_internal bigint NOT NULL CHECK (is_internal IN (0, 1)),
    comment text NOT NULL
);
CREATE TABLE bug_metrics (
    measure text COLLATE "C" NOT NULL CHECK (measure IN ('current', 'created', 'ended', 'reopened')),
    slot timestamptz NOT NULL,
    status text COLLATE "C" NOT NULL,
    severity text COLLATE "C" NOT NULL,
    category text COLLATE "C" NOT NULL,
    bugs bigint NOT NULL,
    micros bigint NOT NULL,
    PRIMARY KEY (measure, slot, status, severity, category)
) WITH (fillfactor = 50);
CREATE TABLE sqal_bug_history (
    bug_id text COLLATE "C" NOT NULL REFERENCES bug_reports (id) ON DELETE CASCADE,
    revision bigint NOT NULL,
    changed_at timestamptz NOT NULL,
    author text COLLATE "C" NOT NULL,
    status_before text COLLATE "C",
    status_after text COLLATE "C" NOT NULL,
    body text NOT NULL,
    PRIMARY KEY (bug_id, revision)
);
CREATE TABLE sqal_bug_attachment (
    id text COLLATE "C" PRIMARY KEY,
    bug_id text COLLATE "C" NOT NULL REFERENCES bug_reports (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    author text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    media_type text COLLATE "C" NOT NULL,
    bytes bigint NOT NULL,
    blob bytea NOT NULL CHECK (length(blob) = 32)
);
CREATE TABLE sqal_bug_tag (
    tag text COLLATE "C" NOT NULL,
    bug_id text COLLATE "C" NOT NULL REFERENCES bug_reports (id) ON DELETE CASCADE,
    PRIMARY KEY (tag, bug_id)
);
CREATE TABLE sqal_bug_word (
    word text COLLATE "C" NOT NULL,
    bug_id text COLLATE "C" NOT NULL REFERENCES bug_reports (id) ON DELETE CASCADE,
    PRIMARY KEY (word, bug_id)
);
CREATE TABLE sqal_bug_device (
    bug_id text COLLATE "C" NOT NULL REFERENCES bug_reports (id) ON DELETE CASCADE,
    device_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (bug_id, device_id)
);
"#,
            indexes!()
        )
    };
}

/// The tables of bugs in PostgreSQL, as [`BUGS_IN_SQLITE`].
///
/// Pages of `bug_reports` keep room for the next version of a row, because occurrences change it
/// often.
#[cfg(feature = "postgres")]
pub(crate) const BUGS_IN_POSTGRES: Step =
    Step { up: concat!(drop_tables!("IF EXISTS "), tables_in_postgres!()), down: drop_tables!("") };

#[cfg(all(test, feature = "postgres"))]
mod tests {
    use super::*;

    /// What stands in the file before the statements.
    const HEAD: &str = "-- The tables of the bug tracker, as `sqal migrate` makes them in PostgreSQL.
-- This file is for readers, and for a database that shall have these tables alone: it can be
-- applied to an empty schema, and drops nothing. A server makes the tables by itself.
--
-- `bug_reports`, `bug_comments` and `bug_metrics` are for people and dashboards. `bug_metrics` holds
-- sums: `current` has the number of bugs by status, severity and category (empty without one), with
-- the microseconds from the report to the end of those that are ended; `created`, `ended` and
-- `reopened` count what happened in each slot of 15 minutes.

";

    /// `SQAL_WRITE=1 cargo test -p sqal-storage --all-features --lib bug_tracking` writes it anew.
    #[test]
    fn the_file_bug_tracking_schema_has_the_tables_of_the_step() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/bug_tracking_schema.sql");
        let tables = tables_in_postgres!();
        assert!(BUGS_IN_POSTGRES.up.ends_with(tables), "the step has other tables");
        let text = format!("{HEAD}{tables}");
        if std::env::var_os("SQAL_WRITE").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(text == written, "{} is another: SQAL_WRITE=1 writes it anew", path.display());
    }
}
