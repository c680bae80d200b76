//! Every SQL text of the SQLite store, one constant each.

use crate::record::written_columns;
use crate::schema::{Schema, Step};
use crate::sql::{BUGS_IN_SQLITE, LABELS_IN_SQLITE, QUEUE_IN_SQLITE, RECORDS_IN_SQLITE, TRACED_JOBS_IN_SQLITE};

/// Begins a transaction that holds the write lock.
pub(super) const BEGIN: &str = "BEGIN IMMEDIATE";

/// Ends a transaction.
pub(super) const COMMIT: &str = "COMMIT";

/// A small read that shows whether the samples can be read: an empty file, or a file that is not a
/// database, has no such table.
pub(super) const PING: &str = "SELECT 1 FROM sample LIMIT 1";

/// The first of three names that a table, or another object, has which is not ours: bind the names.
/// They are ours if the history of bugs stands beside them.
pub(super) const FOREIGN_TABLE: &str = "SELECT name FROM sqlite_schema WHERE lower(name) IN ($1, $2, $3)
AND NOT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'sqal_bug_history') ORDER BY name LIMIT 1";

/// The schema version, kept in the file's header.
pub(super) const VERSION: &str = "PRAGMA user_version";

/// The byte of `frame` at a place that counts from 0.
macro_rules! byte {
    ($at:literal) => {
        concat!(
            "(instr('123456789ABCDEF', substr(hex(substr(frame, ",
            $at,
            " + 1, 1)), 1, 1)) * 16 + ",
            "instr('123456789ABCDEF', substr(hex(substr(frame, ",
            $at,
            " + 1, 1)), 2, 1)))"
        )
    };
}

/// The number (IEEE 754 binary32, little-endian) in `frame` at a place: `at` names a column of
/// `from`.
macro_rules! number {
    ($from:expr) => {
        concat!(
            "(SELECT CASE WHEN e = 0 THEN 0.0 WHEN e >= 150 THEN sign * m * (1 << min(e - 150, 38)) ",
            "WHEN e >= 90 THEN sign * m * 1.0 / (1 << (150 - e)) ELSE 0.0 END FROM (",
            "SELECT CASE WHEN b3 >= 128 THEN -1.0 ELSE 1.0 END AS sign, (b3 & 127) * 2 + (b2 >> 7) AS e, ",
            "8388608 + (b2 & 127) * 65536 + b1 * 256 + b0 AS m FROM (SELECT ",
            byte!("at"),
            " AS b0, ",
            byte!("at + 1"),
            " AS b1, ",
            byte!("at + 2"),
            " AS b2, ",
            byte!("at + 3"),
            " AS b3 FROM (",
            $from,
            "))))"
        )
    };
}

/// One of the three documented matrices as JSON, 8 rows of 8; NULL unless the parts of the frame
/// include the matrix.
macro_rules! matrix {
    ($begins:literal) => {
        matrix!($begins, "1")
    };
    ($begins:literal, $parts:literal) => {
        concat!(
            "CASE WHEN ", byte!("3"), " & ", $parts, matrix!(@is $parts), " THEN (SELECT json_group_array(json(zones)) FROM (SELECT (",
            "SELECT json_group_array(", number!(concat!("SELECT ", $begins, " + (row.value * 8 + zone.value) * 4 AS at")),
            ") FROM json_each('[0,1,2,3,4,5,6,7]') AS zone) AS zones FROM json_each('[0,1,2,3,4,5,6,7]') AS row ORDER BY row.value)) END"
        )
    };
    // The first version of the schema checks only for a reading, and its text does not change.
    (@is "1") => {
        ""
    };
    (@is $parts:literal) => {
        " = 1"
    };
}

/// The view of the documented columns; the arguments name the parts of a frame that show
/// reflectances and amplitudes.
macro_rules! documented_view {
    ($reflectance:tt, $amplitude:tt) => {
        concat!("
CREATE VIEW sensor_samples AS SELECT
    lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' || substr(hex(id), 17, 4)
        || '-' || substr(hex(id), 21)) AS id,
    strftime('%Y-%m-%dT%H:%M:%S', timestamp / 1000000 - (timestamp % 1000000 < 0), 'unixepoch')
        || printf('.%06dZ', (timestamp % 1000000 + 1000000) % 1000000) AS timestamp,
    device_id, sample_id,
    ", matrix!("4"), " AS vl53l8ch_distance_matrix,
    ", matrix!("260", $reflectance), " AS vl53l8ch_reflectance_matrix,
    ", matrix!("516", $amplitude), " AS vl53l8ch_amplitude_matrix,
    volume_mm3 AS vl53l8ch_volume_mm3, avg_height_mm AS vl53l8ch_avg_height_mm,
    height_variation_mm AS vl53l8ch_height_variation_mm, surface_uniformity AS vl53l8ch_surface_uniformity,
    tof_score AS vl53l8ch_quality_score, tof_grade AS vl53l8ch_grade,
    CASE WHEN ", byte!("3"), " & 16 THEN (SELECT json_group_object(channel.value, ",
        number!(concat!(
            "SELECT 4 + (", byte!("3"), " & 1) * 768 + (", byte!("3"), " & 2) * 128 + (", byte!("3"), " & 4) * 16 + channel.key * 4 AS at"
        )),
        ") FROM json_each('[\"F1_415nm\",\"F2_445nm\",\"F3_480nm\",\"F4_515nm\",\"F5_555nm\",\"F6_590nm\",\"F7_630nm\",\"F8_680nm\",\"Clear\",\"NIR\"]')
        AS channel) END AS as7341_channels,
    integration_time_ms AS as7341_integration_time, gain AS as7341_gain, color_score AS as7341_color_score,
    freshness_index AS as7341_freshness_score, fat_quality_index AS as7341_fat_quality_index,
    oxidation_index AS as7341_oxidation_index, color_uniformity AS as7341_color_uniformity,
    spectral_score AS as7341_quality_score, spectral_grade AS as7341_grade,
    score AS fusion_final_score, grade AS fusion_final_grade, confidence AS fusion_confidence, defects AS fusion_defects,
    processing_ms AS processing_time_ms,
    strftime('%Y-%m-%dT%H:%M:%S', received_at / 1000000 - (received_at % 1000000 < 0), 'unixepoch')
        || printf('.%06dZ', (received_at % 1000000 + 1000000) % 1000000) AS created_at,
    firmware_version AS meta_firmware_version, temperature_c AS meta_temperature_c, humidity_percent AS meta_humidity_percent
FROM sample;
")
    };
}

/// The versions of the schema.
///
/// `sample` carries queried values in typed columns; `frame` holds the raw readings, `findings` all
/// findings and decisions. `id` is a function of device, timestamp and name, so one unique index
/// makes insertion idempotent. `sensor_samples` shows the documented columns under their documented
/// names (TSB-02 to TSB-06). Numbers of zones smaller than 1e-18 or beyond 3e14 are cut there, and
/// only there.
pub(super) const SCHEMA: Schema = Schema {
    oldest: 2,
    base: concat!(
        "
CREATE TABLE sample (
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    timestamp INTEGER NOT NULL,
    device_id TEXT NOT NULL,
    sample_id TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    volume_mm3 REAL,
    avg_height_mm REAL,
    height_variation_mm REAL,
    surface_uniformity REAL,
    tof_score REAL,
    tof_grade TEXT,
    integration_time_ms REAL,
    gain REAL,
    color_score REAL,
    freshness_index REAL,
    fat_quality_index REAL,
    oxidation_index REAL,
    color_uniformity REAL,
    spectral_score REAL,
    spectral_grade TEXT,
    score REAL,
    grade TEXT NOT NULL,
    confidence REAL NOT NULL,
    defects TEXT NOT NULL,
    processing_ms REAL NOT NULL,
    firmware_version TEXT,
    temperature_c REAL,
    humidity_percent REAL,
    frame BLOB NOT NULL,
    findings BLOB NOT NULL
) STRICT;
CREATE INDEX sample_newest ON sample (timestamp DESC, id DESC);
CREATE INDEX sample_of_device ON sample (device_id, timestamp DESC, id DESC);
",
        documented_view!("1", "1"),
        ""
    ),
    steps: &[
        HOURS,
        AUDIT_LOGS,
        SEALED_FIELDS,
        REGISTER,
        REGISTER_LINES,
        GRADED_SAMPLES,
        QUEUE_IN_SQLITE,
        RECORDS_IN_SQLITE,
        LABELS_IN_SQLITE,
        TRACED_JOBS_IN_SQLITE,
        BUGS_IN_SQLITE,
    ],
};

/// The nearest whole number, and of two the even one. SQLite's own rounding takes the one farther
/// from 0.
macro_rules! billionths {
    ($x:literal) => {
        concat!(
            "(CAST(round(",
            $x,
            ") AS INTEGER) - (",
            $x,
            " - CAST(",
            $x,
            " AS INTEGER) = 0.5 AND CAST(",
            $x,
            " AS INTEGER) % 2 = 0))"
        )
    };
}

/// The sums over the samples of a device and hour.
macro_rules! tallies {
    ($where:literal) => {
        concat!(
            "
INSERT INTO sample_hour
SELECT timestamp / 3600000000 - (timestamp % 3600000000 < 0), device_id, count(*),
    sum(grade = 'REJECT'), sum(grade = 'C'), sum(grade = 'B'), sum(grade = 'A'), sum(grade = 'A+'),
    count(share), coalesce(sum(",
            billionths!("share * 1e9"),
            "), 0),
    coalesce(sum(",
            billionths!("share * share * 1e9"),
            "), 0), min(share), max(share),
    sum(",
            billionths!("confidence * 1e9"),
            "), min(timestamp), max(timestamp)
FROM (SELECT *, max(min(score, 1.0), 0.0) AS share FROM sample ",
            $where,
            ") GROUP BY 1, 2"
        )
    };
}

/// The sums over the samples of each device and hour, updated with every insertion: a year of hours
/// is read without a sample being read.
///
/// Sums are in whole billionths. An hour is its number since 1970, rounded down.
const HOURS: Step = Step {
    up: concat!(
        "
CREATE TABLE sample_hour (
    hour INTEGER NOT NULL,
    device_id TEXT NOT NULL,
    samples INTEGER NOT NULL,
    reject INTEGER NOT NULL, c INTEGER NOT NULL, b INTEGER NOT NULL, a INTEGER NOT NULL, a_plus INTEGER NOT NULL,
    scored INTEGER NOT NULL,
    score_sum INTEGER NOT NULL,
    score_squares INTEGER NOT NULL,
    score_min REAL,
    score_max REAL,
    confidence_sum INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (device_id, hour)
) STRICT, WITHOUT ROWID;
CREATE INDEX sample_hour_newest ON sample_hour (hour);
",
        tallies!("")
    ),
    down: "DROP TABLE sample_hour;",
};

/// The audit log of actions on stored data (TSB-12, AUD-01).
const AUDIT_LOGS: Step = Step {
    up: "
CREATE TABLE audit_logs (
    number INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    category TEXT NOT NULL,
    what TEXT NOT NULL,
    previous BLOB NOT NULL,
    hash BLOB NOT NULL
) STRICT;
",
    down: "DROP TABLE audit_logs;",
};

/// Confidential fields, each with the id of the key that sealed it (SEC-01).
const SEALED_FIELDS: Step = Step {
    up: "
CREATE TABLE sealed_field (
    subject TEXT NOT NULL,
    field TEXT NOT NULL,
    key_id BLOB NOT NULL CHECK (length(key_id) = 8),
    sealed BLOB NOT NULL,
    PRIMARY KEY (subject, field)
) STRICT, WITHOUT ROWID;
",
    down: "DROP TABLE sealed_field;",
};

/// The register: every version of the decisions of operators.
const REGISTER: Step = Step {
    up: "
CREATE TABLE IF NOT EXISTS register (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0),
    body TEXT NOT NULL,
    added_at INTEGER NOT NULL,
    added_by TEXT,
    PRIMARY KEY (kind, name, version)
) STRICT;
",
    // The table stays: it does no harm to a program that does not know it, and a newer program
    // finds the decisions again.
    down: "SELECT 1;",
};

/// An index to find the line of the audit log about an entry: every read of the register compares
/// the two.
const REGISTER_LINES: Step = Step {
    up: "CREATE INDEX audit_register ON audit_logs (what) WHERE category = 'register';",
    down: "DROP INDEX audit_register;",
};

/// The columns for SQL users beside the values: uncertainties, the profile of the verdict, flags,
/// and what a reading was taken of that is not of a product.
///
/// Samples that are already stored have no values in them. A frame may be without reflectances or
/// amplitudes: bits 5 and 6 of its parts mark that. On the way down the row of a calibration stays
/// as it is; the version before counts what it stores from then on.
const GRADED_SAMPLES: Step = Step {
    up: concat!(
        "
ALTER TABLE sample ADD COLUMN volume_mm3_u REAL;
ALTER TABLE sample ADD COLUMN avg_height_mm_u REAL;
ALTER TABLE sample ADD COLUMN height_variation_mm_u REAL;
ALTER TABLE sample ADD COLUMN surface_uniformity_u REAL;
ALTER TABLE sample ADD COLUMN tof_score_u REAL;
ALTER TABLE sample ADD COLUMN color_score_u REAL;
ALTER TABLE sample ADD COLUMN freshness_index_u REAL;
ALTER TABLE sample ADD COLUMN fat_quality_index_u REAL;
ALTER TABLE sample ADD COLUMN oxidation_index_u REAL;
ALTER TABLE sample ADD COLUMN color_uniformity_u REAL;
ALTER TABLE sample ADD COLUMN spectral_score_u REAL;
ALTER TABLE sample ADD COLUMN score_u REAL;
ALTER TABLE sample ADD COLUMN profile_version INTEGER;
ALTER TABLE sample ADD COLUMN profile TEXT;
ALTER TABLE sample ADD COLUMN flags TEXT;
ALTER TABLE sample ADD COLUMN purpose TEXT;
DROP VIEW sensor_samples;", documented_view!("33", "65"), "CREATE VIEW graded_samples AS SELECT
    lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' || substr(hex(id), 17, 4)
        || '-' || substr(hex(id), 21)) AS id,
    strftime('%Y-%m-%dT%H:%M:%S', timestamp / 1000000 - (timestamp % 1000000 < 0), 'unixepoch')
        || printf('.%06dZ', (timestamp % 1000000 + 1000000) % 1000000) AS timestamp,
    strftime('%Y-%m-%dT%H:%M:%S', received_at / 1000000 - (received_at % 1000000 < 0), 'unixepoch')
        || printf('.%06dZ', (received_at % 1000000 + 1000000) % 1000000) AS received_at,
    device_id, sample_id, coalesce(purpose, 'product') AS purpose,
    profile, profile_version, firmware_version, temperature_c, humidity_percent,
    grade, score, score_u, confidence, tof_grade, tof_score, tof_score_u, spectral_grade, spectral_score, spectral_score_u,
    volume_mm3, volume_mm3_u, avg_height_mm, avg_height_mm_u, height_variation_mm, height_variation_mm_u,
    surface_uniformity, surface_uniformity_u, color_score, color_score_u, freshness_index, freshness_index_u,
    fat_quality_index, fat_quality_index_u, oxidation_index, oxidation_index_u, color_uniformity, color_uniformity_u,
    integration_time_ms, gain,
    defects, CASE WHEN profile IS NULL THEN NULL WHEN flags IS NULL THEN '[]' ELSE '[\"' || replace(flags, ' ', '\",\"') || '\"]' END AS flags,
    ", matrix!("4"), " AS distance_matrix,
    ", matrix!("260", "33"), " AS reflectance_matrix,
    ", matrix!("516", "65"), " AS amplitude_matrix,
    CASE WHEN ", byte!("3"), " & 16 THEN (SELECT json_group_object(channel.value, ",
        number!(concat!(
            "SELECT 4 + (", byte!("3"), " & 1) * 768 + (", byte!("3"), " & 2) * 128 + (", byte!("3"), " & 4) * 16 + channel.key * 4 AS at"
        )),
        ") FROM json_each('[\"F1_415nm\",\"F2_445nm\",\"F3_480nm\",\"F4_515nm\",\"F5_555nm\",\"F6_590nm\",\"F7_630nm\",\"F8_680nm\",\"Clear\",\"NIR\"]')
        AS channel) END AS channels, processing_ms
FROM sample;
"
    ),
    down: concat!(
        "
DROP VIEW graded_samples;
DROP VIEW sensor_samples;
ALTER TABLE sample DROP COLUMN volume_mm3_u;
ALTER TABLE sample DROP COLUMN avg_height_mm_u;
ALTER TABLE sample DROP COLUMN height_variation_mm_u;
ALTER TABLE sample DROP COLUMN surface_uniformity_u;
ALTER TABLE sample DROP COLUMN tof_score_u;
ALTER TABLE sample DROP COLUMN color_score_u;
ALTER TABLE sample DROP COLUMN freshness_index_u;
ALTER TABLE sample DROP COLUMN fat_quality_index_u;
ALTER TABLE sample DROP COLUMN oxidation_index_u;
ALTER TABLE sample DROP COLUMN color_uniformity_u;
ALTER TABLE sample DROP COLUMN spectral_score_u;
ALTER TABLE sample DROP COLUMN score_u;
ALTER TABLE sample DROP COLUMN profile_version;
ALTER TABLE sample DROP COLUMN profile;
ALTER TABLE sample DROP COLUMN flags;
ALTER TABLE sample DROP COLUMN purpose;", documented_view!("1", "1")
    ),
};

/// Stores rows whose ids are not known.
macro_rules! insert {
    ($($values:expr),+) => {
        concat!(
            "INSERT INTO sample (",
            written_columns!(),
            ") VALUES ",
            $($values),+,
            " ON CONFLICT (id) DO NOTHING RETURNING id"
        )
    };
}

macro_rules! row {
    () => {
        "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    };
}

macro_rules! five_rows {
    () => {
        concat!(row!(), ", ", row!(), ", ", row!(), ", ", row!(), ", ", row!())
    };
}

/// The number of samples that [`INSERT_MANY`] takes.
pub(super) const MANY: usize = 25;

/// Stores a sample unless its id is known; returns its id if it is new.
pub(super) const INSERT_ONE: &str = insert!(row!());

/// Stores [`MANY`] samples unless their ids are known; returns the ids that are new.
pub(super) const INSERT_MANY: &str =
    insert!(five_rows!(), ", ", five_rows!(), ", ", five_rows!(), ", ", five_rows!(), ", ", five_rows!());

/// Adds to an hour.
pub(super) const ADD_TO_HOUR: &str = "
INSERT INTO sample_hour VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (device_id, hour) DO UPDATE SET
    samples = samples + excluded.samples, reject = reject + excluded.reject, c = c + excluded.c, b = b + excluded.b,
    a = a + excluded.a, a_plus = a_plus + excluded.a_plus, scored = scored + excluded.scored,
    score_sum = score_sum + excluded.score_sum, score_squares = score_squares + excluded.score_squares,
    score_min = min(coalesce(score_min, excluded.score_min), coalesce(excluded.score_min, score_min)),
    score_max = max(coalesce(score_max, excluded.score_max), coalesce(excluded.score_max, score_max)),
    confidence_sum = confidence_sum + excluded.confidence_sum, first = min(first, excluded.first), last = max(last, excluded.last)";

/// One sample by id.
pub(super) const GET: &str =
    "SELECT timestamp, device_id, sample_id, received_at, frame, findings FROM sample WHERE id = ?";

/// A page of all devices, newest first: bind time, id, limit.
pub(super) const PAGE: &str = "
SELECT id, timestamp, device_id, sample_id, received_at, frame, findings FROM sample
WHERE (timestamp, id) < (?, ?) ORDER BY timestamp DESC, id DESC LIMIT ?";

/// A page of one device, newest first: bind device, time, id, limit.
pub(super) const PAGE_OF_DEVICE: &str = "
SELECT id, timestamp, device_id, sample_id, received_at, frame, findings FROM sample
WHERE device_id = ? AND (timestamp, id) < (?, ?) ORDER BY timestamp DESC, id DESC LIMIT ?";

/// Every column of samples.
macro_rules! whole_page {
    ($where:literal) => {
        concat!(
            "SELECT id, timestamp, device_id, sample_id, received_at, volume_mm3, avg_height_mm, height_variation_mm, ",
            "surface_uniformity, tof_score, tof_grade, integration_time_ms, gain, color_score, freshness_index, fat_quality_index, ",
            "oxidation_index, color_uniformity, spectral_score, spectral_grade, score, grade, confidence, defects, processing_ms, ",
            "firmware_version, temperature_c, humidity_percent, frame, findings, volume_mm3_u, avg_height_mm_u, ",
            "height_variation_mm_u, surface_uniformity_u, tof_score_u, color_score_u, freshness_index_u, fat_quality_index_u, ",
            "oxidation_index_u, color_uniformity_u, spectral_score_u, score_u, profile_version, profile, flags, purpose FROM sample WHERE ",
            $where,
            "(timestamp, id) < (?, ?) ORDER BY timestamp DESC, id DESC LIMIT ?"
        )
    };
}

/// Every column of a page of all devices, newest first: bind time, id, limit.
pub(super) const WHOLE_PAGE: &str = whole_page!("");

/// Every column of a page of one device, newest first: bind device, time, id, limit.
pub(super) const WHOLE_PAGE_OF_DEVICE: &str = whole_page!("device_id = ? AND ");

/// The devices that have samples or hours.
pub(super) const EVERY_DEVICE: &str = "SELECT device_id FROM sample UNION SELECT device_id FROM sample_hour ORDER BY 1";

/// The number of samples that the hours of each device count.
pub(super) const COUNTED: &str = "SELECT device_id, sum(samples) FROM sample_hour GROUP BY device_id";

/// The number of samples of each hour: bind the first hour.
pub(super) const HOURS_SINCE: &str = "SELECT device_id, hour, samples FROM sample_hour WHERE hour >= ?";

/// All objects of the schema but SQLite's own statistics.
pub(super) const OBJECTS: &str =
    "SELECT type, name, tbl_name || ': ' || coalesce(sql, '') FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%'";

/// Sums over hours. No column is ever negative, so a sum that fits its 64 bits is exact whatever
/// the order. A sum that does not fit is an error (`integer overflow`), never another number.
macro_rules! hours {
    ($by:literal, $where:expr) => {
        concat!(
            "SELECT ", $by, ", sum(samples) AS samples, sum(reject) AS reject, sum(c) AS c, sum(b) AS b, sum(a) AS a, sum(a_plus) AS a_plus, ",
            "sum(scored) AS scored, sum(score_sum) AS score_sum, sum(score_squares) AS score_squares, min(score_min) AS score_min, ",
            "max(score_max) AS score_max, sum(confidence_sum) AS confidence_sum, min(first) AS first, max(last) AS last ",
            "FROM sample_hour WHERE ", $where, " GROUP BY ", $by, " ORDER BY ", $by
        )
    };
}

/// The hours of all devices together, oldest first: bind from, until.
pub(super) const HOURS_OF_ALL: &str = hours!("hour", "hour >= ? AND hour < ?");

/// The hours of one device, oldest first: bind device, from, until.
pub(super) const HOURS_OF_DEVICE: &str = hours!("hour", "device_id = ? AND hour >= ? AND hour < ?");

/// The sums of each device in a span of hours, in the order of the names' bytes: bind from, until.
///
/// Each name is found by one step of the primary key, and of each device only the span is read.
/// Hours beyond the span cost nothing, however old the plant is.
pub(super) const DEVICES: &str = hours!(
    "device_id",
    "device_id IN (
    WITH RECURSIVE device (name) AS (
        SELECT min(device_id) FROM sample_hour
        UNION ALL SELECT (SELECT min(device_id) FROM sample_hour WHERE device_id > device.name) FROM device WHERE device.name IS NOT NULL
    ) SELECT name FROM device WHERE name IS NOT NULL
) AND hour >= ? AND hour < ?"
);

/// The sums of one device in a span of hours: bind device, from, until.
pub(super) const DEVICE: &str = hours!("device_id", "device_id = ? AND hour >= ? AND hour < ?");

/// All hours of one device: bind device.
pub(super) const EVERY_HOUR_OF_DEVICE: &str = "
SELECT device_id, hour, samples, reject, c, b, a, a_plus, scored, score_sum, score_squares, score_min, score_max, confidence_sum, first, last
FROM sample_hour WHERE device_id = ? ORDER BY hour";

/// The number of samples.
pub(super) const COUNT: &str = "SELECT count(*) FROM sample";

/// The samples that came first after one place and before another: bind both places and the limit.
pub(super) const FIRST_COME: &str = "
SELECT rowid, timestamp, device_id, sample_id, received_at, frame, findings FROM sample
WHERE rowid > ? AND rowid < ? ORDER BY rowid LIMIT ?";

/// The sample at a place.
pub(super) const ARRIVAL: &str = "
SELECT rowid, timestamp, device_id, sample_id, received_at, frame, findings FROM sample WHERE rowid = ?";

/// The last place, found in an index: the table's own last page may be damaged.
pub(super) const NEWEST_PLACE: &str = "SELECT max(+rowid) FROM sample";

/// The last place, found in the table: the index may be damaged.
pub(super) const NEWEST_PLACE_OF_TABLE: &str = "SELECT max(rowid) FROM sample";

/// The stored samples of these ids: bind a JSON array of hexadecimal texts.
pub(super) const KNOWN: &str = "
SELECT id, timestamp, device_id, sample_id, received_at, frame, findings FROM sample
WHERE id IN (SELECT unhex(value, '-') FROM json_each(?))";

/// Deletes a sample; its hour must be counted anew.
pub(super) const TAKE_OUT: &str = "DELETE FROM sample WHERE id = ?";

/// Deletes an hour of a device: bind device, hour.
pub(super) const FORGET_HOUR: &str = "DELETE FROM sample_hour WHERE device_id = ? AND hour = ?";

/// Counts an hour of a device anew from its samples: bind device, hour.
///
/// The sums are taken as in [`HOURS`], but a calibration counts only as a sample.
pub(super) const COUNT_HOUR: &str = concat!(
    "
INSERT INTO sample_hour
SELECT timestamp / 3600000000 - (timestamp % 3600000000 < 0), device_id, count(*),
    sum(counts AND grade = 'REJECT'), sum(counts AND grade = 'C'), sum(counts AND grade = 'B'), sum(counts AND grade = 'A'),
    sum(counts AND grade = 'A+'), count(share), coalesce(sum(",
    billionths!("share * 1e9"),
    "), 0),
    coalesce(sum(",
    billionths!("share * share * 1e9"),
    "), 0), min(share), max(share),
    coalesce(sum(",
    billionths!("confidence * 1e9"),
    ") FILTER (WHERE counts), 0), min(timestamp), max(timestamp)
FROM (SELECT *, purpose IS NULL AS counts, CASE WHEN purpose IS NULL THEN max(min(score, 1.0), 0.0) END AS share FROM sample
    WHERE device_id = ?1 AND timestamp >= ?2 * 3600000000 AND timestamp < (?2 + 1) * 3600000000) GROUP BY 1, 2"
);

/// The number of samples that a purge would remove: bind the time.
pub(super) const COUNT_SAMPLES_BEFORE: &str = "SELECT count(*) FROM sample WHERE timestamp < ?";

/// The number of hours that a purge would remove: bind the hour.
pub(super) const COUNT_HOURS_BEFORE: &str = "SELECT count(*) FROM sample_hour WHERE hour < ?";

/// Deletes samples before a time; their hours stay.
pub(super) const PURGE_SAMPLES: &str = "DELETE FROM sample WHERE timestamp < ?";

/// Deletes hours before an hour.
pub(super) const PURGE_HOURS: &str = "DELETE FROM sample_hour WHERE hour < ?";

/// Deletes the samples of a device.
pub(super) const ERASE_SAMPLES: &str = "DELETE FROM sample WHERE device_id = ?";

/// Deletes the hours of a device.
pub(super) const ERASE_HOURS: &str = "DELETE FROM sample_hour WHERE device_id = ?";

/// Writes the database into a new file: bind its path.
pub(super) const BACKUP: &str = "VACUUM INTO ?";

/// Checks the whole file; returns `ok`, or what is wrong.
pub(super) const INTEGRITY: &str = "PRAGMA integrity_check(1)";

/// Writes the log into the file and empties it.
pub(super) const TRUNCATE_LOG: &str = "PRAGMA wal_checkpoint(TRUNCATE)";

/// The number of empty pages of the file.
pub(super) const FREE_PAGES: &str = "PRAGMA freelist_count";

/// Writes the file anew without empty pages.
pub(super) const SHRINK: &str = "VACUUM";

/// Takes the file out of the mode with a log; possible only if no other connection has the file
/// open.
pub(super) const WITHOUT_LOG: &str = "PRAGMA journal_mode = DELETE";
