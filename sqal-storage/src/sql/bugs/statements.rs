//! Every SQL text of bugs that is not assembled, one constant each.

use crate::sql::store::Sql;

/// The columns of a bug, in the order in which a row is read.
macro_rules! columns {
    () => {
        "id, revision, source, reporter, created_at, updated_at, resolved_at, reopened, title, description, \
         reproduction_steps, severity, priority, category, status, tags, assignee, watchers, device_id, \
         firmware_version, sample_id, rollout, profile, duplicate_of, blocks, relates_to, group_key, occurrences, \
         first_seen, last_seen, devices, regressed_in, regressed_at"
    };
}
pub(super) use columns;

/// A text that locks the rows in PostgreSQL. In SQLite there is one transaction that writes.
macro_rules! locked {
    ($text:expr, $lock:literal) => {
        Sql::each($text, concat!($text, $lock))
    };
}

/// Adds a bug, unless its id or its group is known: bind what [`CHANGE`] takes, then the source,
/// the reporter, the time, the key of the group, the count, the first time, the last time and the
/// number of devices.
pub(super) const ADD: Sql = Sql::both(
    "INSERT INTO bug_reports (id, revision, updated_at, resolved_at, reopened, title, description, reproduction_steps,
    severity, priority, category, status, tags, assignee, watchers, device_id, firmware_version, sample_id, rollout,
    profile, duplicate_of, blocks, relates_to, regressed_in, regressed_at, source, reporter, created_at, group_key,
    occurrences, first_seen, last_seen, devices)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25,
    $26, $27, $28, $29, $30, $31, $32, $33)
ON CONFLICT DO NOTHING RETURNING revision",
);

/// Replaces what a change may replace of a bug whose revision is one less: bind the id, the
/// revision, and the columns in the order of the text. A statement that changes no key waits for no
/// comment.
pub(super) const CHANGE: Sql = Sql::both(
    "UPDATE bug_reports SET revision = $2, updated_at = $3, resolved_at = $4, reopened = $5, title = $6, description = $7,
    reproduction_steps = $8, severity = $9, priority = $10, category = $11, status = $12, tags = $13, assignee = $14,
    watchers = $15, device_id = $16, firmware_version = $17, sample_id = $18, rollout = $19, profile = $20,
    duplicate_of = $21, blocks = $22, relates_to = $23,
    regressed_in = CASE WHEN group_key IS NOT NULL THEN $24 END,
    regressed_at = CASE WHEN group_key IS NOT NULL THEN $25 END
WHERE id = $1 AND revision = $2 - 1 RETURNING revision",
);

/// One bug.
pub(super) const ONE: Sql = Sql::both(concat!("SELECT ", columns!(), " FROM bug_reports WHERE id = $1"));

/// The bug of a group.
pub(super) const OF_GROUP: Sql = Sql::both(concat!("SELECT ", columns!(), " FROM bug_reports WHERE group_key = $1"));

/// Bugs in the order of their ids: bind the id before the first, or an empty text, and the most.
pub(super) const AFTER: Sql =
    Sql::both(concat!("SELECT ", columns!(), " FROM bug_reports WHERE id > $1 ORDER BY id LIMIT $2"));

/// One bug with the revision before, to be changed: bind the id and the next revision.
pub(super) const TO_CHANGE: Sql = locked!(
    concat!("SELECT ", columns!(), " FROM bug_reports WHERE id = $1 AND revision = $2 - 1"),
    " FOR NO KEY UPDATE"
);

/// One bug, to be removed.
pub(super) const TO_REMOVE: Sql =
    locked!(concat!("SELECT ", columns!(), " FROM bug_reports WHERE id = $1"), " FOR UPDATE");

/// The id of the bug of a group, to be counted.
pub(super) const TO_COUNT: Sql = locked!("SELECT id FROM bug_reports WHERE group_key = $1", " FOR NO KEY UPDATE");

/// The id of a bug that something is added to; it is not removed meanwhile.
pub(super) const TO_ADD_TO: Sql = locked!("SELECT id FROM bug_reports WHERE id = $1", " FOR KEY SHARE");

/// Removes a bug with all that stands beside it.
pub(super) const REMOVE: Sql = Sql::both("DELETE FROM bug_reports WHERE id = $1");

/// Adds devices that a bug does not have yet, and returns a row for each: bind the bug and a JSON
/// array.
pub(super) const ADD_DEVICES: Sql = Sql::each(
    "INSERT INTO sqal_bug_device (bug_id, device_id) SELECT $1, value FROM json_each($2) WHERE true
ON CONFLICT DO NOTHING RETURNING device_id",
    "INSERT INTO sqal_bug_device (bug_id, device_id) SELECT $1, one FROM jsonb_array_elements_text($2::text::jsonb) AS one
ON CONFLICT DO NOTHING RETURNING device_id",
);

/// Devices of a bug, in the order of bytes: bind the bug and the most.
pub(super) const DEVICES: Sql =
    Sql::both("SELECT device_id FROM sqal_bug_device WHERE bug_id = $1 ORDER BY device_id LIMIT $2");

macro_rules! count {
    ($least:literal, $greatest:literal) => {
        concat!(
            "UPDATE bug_reports SET occurrences = occurrences + $2, first_seen = ",
            $least,
            "(first_seen, $3), last_seen = ",
            $greatest,
            "(last_seen, $4), devices = devices + $5 WHERE id = $1 RETURNING ",
            columns!()
        )
    };
}

/// Counts occurrences: bind the bug, their number, the first and the last time, and the number of
/// new devices.
pub(super) const COUNT: Sql = Sql::each(count!("min", "max"), count!("least", "greatest"));

/// Removes the tags of a bug.
pub(super) const UNTAG: Sql = Sql::both("DELETE FROM sqal_bug_tag WHERE bug_id = $1");

/// Adds tags: bind the bug and a JSON array.
pub(super) const TAG: Sql = Sql::each(
    "INSERT INTO sqal_bug_tag (bug_id, tag) SELECT $1, value FROM json_each($2)",
    "INSERT INTO sqal_bug_tag (bug_id, tag) SELECT $1, one FROM jsonb_array_elements_text($2::text::jsonb) AS one",
);

/// Removes the words of a bug.
pub(super) const FORGET_WORDS: Sql = Sql::both("DELETE FROM sqal_bug_word WHERE bug_id = $1");

/// Adds words: bind the bug and a JSON array.
pub(super) const ADD_WORDS: Sql = Sql::each(
    "INSERT INTO sqal_bug_word (bug_id, word) SELECT $1, value FROM json_each($2)",
    "INSERT INTO sqal_bug_word (bug_id, word) SELECT $1, one FROM jsonb_array_elements_text($2::text::jsonb) AS one",
);

/// Adds an entry: bind its columns.
pub(super) const ADD_ENTRY: Sql = Sql::both(
    "INSERT INTO sqal_bug_history (bug_id, revision, changed_at, author, status_before, status_after, body)
VALUES ($1, $2, $3, $4, $5, $6, $7)",
);

/// Entries of a bug: bind the bug, the revision before the first, and the most.
pub(super) const ENTRIES: Sql = Sql::both(
    "SELECT bug_id, revision, changed_at, author, status_before, status_after, body FROM sqal_bug_history
WHERE bug_id = $1 AND revision > $2 ORDER BY revision LIMIT $3",
);

/// What happened to a bug, without the bodies.
pub(super) const EVENTS: Sql =
    Sql::both("SELECT changed_at, status_before, status_after FROM sqal_bug_history WHERE bug_id = $1");

/// Adds a comment, unless its id is known: bind its columns.
pub(super) const ADD_COMMENT: Sql = Sql::both(
    "INSERT INTO bug_comments (id, bug_id, created_at, author, is_internal, comment) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING",
);

/// Comments of a bug, the oldest first: bind the bug, the most, and how many are passed over.
pub(super) const COMMENTS: Sql = Sql::both(
    "SELECT id, bug_id, created_at, author, is_internal, comment FROM bug_comments
WHERE bug_id = $1 ORDER BY created_at, id LIMIT $2 OFFSET $3",
);

/// Adds an attachment, unless its id is known: bind its columns.
pub(super) const ATTACH: Sql = Sql::both(
    "INSERT INTO sqal_bug_attachment (id, bug_id, created_at, author, name, media_type, bytes, blob)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
);

/// Attachments of a bug, the oldest first: bind the bug and the most.
pub(super) const ATTACHMENTS: Sql = Sql::both(
    "SELECT id, bug_id, created_at, author, name, media_type, bytes, blob FROM sqal_bug_attachment
WHERE bug_id = $1 ORDER BY created_at, id LIMIT $2",
);

/// Removes an attachment: bind the bug and the attachment.
pub(super) const DETACH: Sql = Sql::both("DELETE FROM sqal_bug_attachment WHERE bug_id = $1 AND id = $2 RETURNING id");

/// An attachment that has a blob.
pub(super) const OF_BLOB: Sql = Sql::both("SELECT id FROM sqal_bug_attachment WHERE blob = $1 LIMIT 1");

/// The number of all bugs.
pub(super) const ALL: Sql =
    Sql::both("SELECT CAST(coalesce(sum(bugs), 0) AS bigint) FROM bug_metrics WHERE measure = 'current'");

/// The number of bugs with a tag, counted up to a bound: bind the tag and the bound.
pub(super) const WITH_TAG: Sql =
    Sql::both("SELECT count(*) FROM (SELECT 1 FROM sqal_bug_tag WHERE tag = $1 LIMIT $2) AS counted");

/// The number of bugs with a word, counted up to a bound: bind the word and the bound.
pub(super) const WITH_WORD: Sql =
    Sql::both("SELECT count(*) FROM (SELECT 1 FROM sqal_bug_word WHERE word = $1 LIMIT $2) AS counted");

macro_rules! add_to_metrics {
    ($given:literal) => {
        concat!(
            "INSERT INTO bug_metrics (measure, slot, status, severity, category, bugs, micros) SELECT ",
            $given,
            "
ON CONFLICT (measure, slot, status, severity, category) DO UPDATE
SET bugs = bug_metrics.bugs + excluded.bugs, micros = bug_metrics.micros + excluded.micros"
        )
    };
}

/// Adds to sums, in the order in which they are given: bind a JSON array of arrays. No two
/// transactions of PostgreSQL that add in one order wait for each other.
pub(super) const ADD_TO_METRICS: Sql = Sql::each(
    add_to_metrics!(
        "value ->> 0, (value ->> 1) * 900000000, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6
FROM json_each($1) WHERE true ORDER BY key"
    ),
    add_to_metrics!(
        "one ->> 0, timestamptz 'epoch' + (one ->> 1)::bigint * interval '15 minutes', one ->> 2, one ->> 3, one ->> 4,
    (one ->> 5)::bigint, (one ->> 6)::bigint
FROM jsonb_array_elements($1::text::jsonb) WITH ORDINALITY AS given (one, place) ORDER BY place"
    ),
);

/// Removes sums that are 0, of those that are given as for [`ADD_TO_METRICS`].
pub(super) const REMOVE_ZEROS: Sql = Sql::each(
    "DELETE FROM bug_metrics WHERE bugs = 0 AND (measure, slot, status, severity, category) IN (
    SELECT value ->> 0, (value ->> 1) * 900000000, value ->> 2, value ->> 3, value ->> 4 FROM json_each($1))",
    "DELETE FROM bug_metrics WHERE bugs = 0 AND (measure, slot, status, severity, category) IN (
    SELECT one ->> 0, timestamptz 'epoch' + (one ->> 1)::bigint * interval '15 minutes', one ->> 2, one ->> 3, one ->> 4
    FROM jsonb_array_elements($1::text::jsonb) AS one)",
);

/// Bugs by status and severity, and under their measures what happened in a span: bind its
/// beginning and its end.
pub(super) const SUMMARY: Sql = Sql::both(
    "SELECT status, severity, CAST(sum(bugs) AS bigint), CAST(sum(micros) AS bigint) FROM bug_metrics
WHERE measure = 'current' GROUP BY status, severity
UNION ALL SELECT measure, '', CAST(sum(bugs) AS bigint), CAST(0 AS bigint) FROM bug_metrics
WHERE measure IN ('created', 'ended') AND slot >= $1 AND slot < $2 GROUP BY measure",
);

/// The categories with the number of their bugs: bind the most.
pub(super) const CATEGORIES: Sql = Sql::both(
    "SELECT category, CAST(sum(bugs) AS bigint) FROM bug_metrics
WHERE measure = 'current' AND category <> '' GROUP BY category ORDER BY category LIMIT $1",
);

macro_rules! days {
    ($days:literal, $end_of_time:literal, $micros:literal) => {
        concat!(
            "WITH span (place, begins, ends) AS MATERIALIZED (SELECT ",
            $days,
            "),
ended AS MATERIALIZED (
    SELECT place, micros, row_number() OVER (PARTITION BY place ORDER BY micros) AS nth, count(*) OVER (PARTITION BY place) AS bugs
    FROM (SELECT place, ",
            $micros,
            " AS micros FROM span CROSS JOIN bug_reports WHERE resolved_at >= begins AND resolved_at < ends) AS each_one
)
SELECT 'open', CAST(0 AS bigint), CAST(coalesce(sum(bugs), 0) AS bigint) FROM bug_metrics
    WHERE measure = 'current' AND status IN ('open', 'in_progress')
UNION ALL SELECT measure, place, CAST(sum(bugs) AS bigint) FROM span CROSS JOIN bug_metrics
    WHERE measure IN ('created', 'ended', 'reopened') AND slot >= begins AND slot < coalesce(ends, ",
            $end_of_time,
            ") GROUP BY measure, place
UNION ALL SELECT 'median', place, micros FROM ended WHERE nth = (bugs + 1) / 2
UNION ALL SELECT 'ninetieth', place, micros FROM ended WHERE nth = (9 * bugs + 9) / 10"
        )
    };
}

/// What happened in spans of slots, and the nearest ranks of the times to the end: bind a JSON
/// array of pairs of slots. The last pair has no end; it tells what happened after the others.
pub(super) const DAYS: Sql = Sql::each(
    days!(
        "key, (value ->> 0) * 900000000, (value ->> 1) * 900000000 FROM json_each($1)",
        "9223372036854775807",
        "max(resolved_at - created_at, 0)"
    ),
    days!(
        "place - 1, timestamptz 'epoch' + (one ->> 0)::bigint * interval '15 minutes',
    timestamptz 'epoch' + (one ->> 1)::bigint * interval '15 minutes'
    FROM jsonb_array_elements($1::text::jsonb) WITH ORDINALITY AS given (one, place)",
        "'infinity'",
        "greatest((extract(epoch FROM resolved_at - created_at) * 1000000)::bigint, 0)"
    ),
);
