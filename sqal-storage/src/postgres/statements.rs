//! Every SQL text of the PostgreSQL store, one constant each.

use crate::record::written_columns;
use crate::schema::{Schema, Step};
use crate::sql::{
    BUGS_IN_POSTGRES, LABELS_IN_POSTGRES, QUEUE_IN_POSTGRES, RECORDS_IN_POSTGRES, TRACED_JOBS_IN_POSTGRES,
};

/// The version and the licence of the extension `TimescaleDB`; NULL without it.
pub(super) const TIMESCALE: &str = "
SELECT (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'), current_setting('timescaledb.license', true)";

/// Sets a value for a block about chunks, because a block takes no parameters: bind a name and a
/// value. The value lasts as long as the transaction.
pub(super) const TELL: &str = "SELECT set_config('sqal.' || $1, $2, true)";

/// Compresses the chunks that are older than `compress_after`, first about half an hour after this
/// statement and then every half a day.
///
/// The value is set by [`TELL`]. With an equal value the statement changes nothing.
pub(super) const COMPRESS: &str = "
DO $$ DECLARE
    extension text := (SELECT extnamespace::regnamespace::text FROM pg_extension WHERE extname = 'timescaledb');
    after interval := current_setting('sqal.compress_after')::interval;
BEGIN
    IF NOT (SELECT compression_enabled FROM timescaledb_information.hypertables
            WHERE hypertable_schema = current_schema() AND hypertable_name = 'sample') THEN
        ALTER TABLE sample SET (timescaledb.compress, timescaledb.compress_segmentby = 'device_id', timescaledb.compress_orderby = 'timestamp DESC, id');
    END IF;
    IF NOT EXISTS (SELECT FROM timescaledb_information.jobs WHERE hypertable_schema = current_schema()
            AND hypertable_name = 'sample' AND (config->>'compress_after')::interval = after) THEN
        EXECUTE format('SELECT %1$s.remove_compression_policy(''sample'', if_exists => true)', extension);
        EXECUTE format('SELECT %1$s.add_compression_policy(''sample'', %2$L::interval)', extension, after);
    END IF;
END $$";

/// Lets this transaction delete any number of rows from compressed chunks.
pub(super) const LIFT_LIMIT: &str =
    "SELECT set_config('timescaledb.max_tuples_decompressed_per_dml_transaction', '0', true)";

/// Drops the chunks that are wholly older than `drop_before`, in microseconds since 1970, set by
/// [`TELL`].
pub(super) const DROP_CHUNKS: &str = "
DO $$ BEGIN
    EXECUTE format('SELECT %1$s.drop_chunks(''sample'', older_than => %2$L::timestamptz)',
        (SELECT extnamespace::regnamespace::text FROM pg_extension WHERE extname = 'timescaledb'),
        timestamptz 'epoch' + current_setting('sqal.drop_before')::bigint * interval '1 microsecond');
END $$";

/// Whether `sample` is partitioned by this program ('p'); NULL if the table does not exist.
pub(super) const LAYOUT: &str = "SELECT relkind::text FROM pg_class WHERE oid = to_regclass('sample')";

/// A lock until the transaction ends: one transaction at a time changes the schema or its
/// partitions.
pub(super) const LOCK: &str = "SELECT pg_advisory_xact_lock(hashtextextended('sqal.' || $1, 0))";

/// A statement that waits for a lock longer than this fails, and the next try begins anew.
pub(super) const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '3s'";

/// The table of the schema's versions.
pub(super) const VERSIONS: &str = "
CREATE TABLE IF NOT EXISTS sqal_schema (
    version bigint PRIMARY KEY, checksum bigint NOT NULL, applied_at timestamptz NOT NULL DEFAULT now()
)";

/// The versions that were applied with the checksums of their texts; the newest is the version of
/// the schema.
pub(super) const VERSIONS_TAKEN: &str = "SELECT version, checksum FROM sqal_schema ORDER BY version";

/// Whether the table of versions exists.
pub(super) const HAS_VERSIONS: &str = "SELECT to_regclass('sqal_schema') IS NOT NULL";

/// Records that a version was applied.
pub(super) const TAKEN: &str = "INSERT INTO sqal_schema (version, checksum) VALUES ($1, $2)";

/// The first version whose tables of jobs and of records have views. A step below it that makes
/// such a table anew cannot drop the table under its view.
pub(super) const TABLES_HAVE_VIEWS: i64 = 11;

/// Drops the views of a newer version that an older program has left behind a restore. A view of
/// another program that has such a name reads none of our tables, and stays.
pub(super) const DROP_LEFT_VIEWS: &str = "
DO $$ DECLARE ours regclass; BEGIN
    FOR ours IN SELECT DISTINCT r.ev_class FROM pg_rewrite r JOIN pg_depend d ON d.objid = r.oid
        WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
        AND r.ev_class IN (to_regclass('\"TaskFailure\"'), to_regclass('\"ProfilingMetrics\"'))
        AND d.refobjid IN (to_regclass('sqal_job'), to_regclass('sqal_record'))
    LOOP EXECUTE format('DROP VIEW %s', ours); END LOOP;
END $$";

/// The first of these names that a table, or another relation, has which is not ours: bind the
/// names. They are ours if the history of bugs stands beside them, for example behind a restore by
/// an older program.
pub(super) const FOREIGN_TABLE: &str = "SELECT name FROM unnest($1::text[]) AS name
WHERE to_regclass(name) IS NOT NULL AND to_regclass('sqal_bug_history') IS NULL ORDER BY name LIMIT 1";

/// Removes the record of the versions that were taken back.
pub(super) const TAKEN_BACK: &str = "DELETE FROM sqal_schema WHERE version > $1";

/// A small read that shows whether the samples can be read, and whether transactions are read-only
/// (`on`, `off`): on a standby, or on a server with that setting.
pub(super) const PING: &str = "SELECT current_setting('transaction_read_only'), (SELECT 1 FROM sample LIMIT 1)";

macro_rules! base {
    ($layout:literal, $after:literal) => {
        concat!(
            "
CREATE TABLE sample (
    id uuid NOT NULL,
    timestamp timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    volume_mm3 float8,
    avg_height_mm float8,
    height_variation_mm float8,
    surface_uniformity float8,
    tof_score float8,
    integration_time_ms float8,
    gain float8,
    color_score float8,
    freshness_index float8,
    fat_quality_index float8,
    oxidation_index float8,
    color_uniformity float8,
    spectral_score float8,
    score float8,
    confidence float8 NOT NULL,
    processing_ms float8 NOT NULL,
    temperature_c float4,
    humidity_percent float4,
    device_id text NOT NULL,
    sample_id text NOT NULL,
    tof_grade text,
    spectral_grade text,
    grade text NOT NULL,
    firmware_version text,
    defects jsonb NOT NULL,
    frame bytea NOT NULL,
    findings bytea NOT NULL,
    PRIMARY KEY (timestamp, id)
)", $layout, ";
-- Numbers of sensors do not compress; trying costs more than it saves.
ALTER TABLE sample ALTER frame SET STORAGE EXTERNAL, ALTER findings SET STORAGE EXTERNAL;
CREATE INDEX sample_of_device ON sample (device_id, timestamp, id);
", $after, "
CREATE FUNCTION sqal_number(frame bytea, place int) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN (
    SELECT CASE WHEN e = 0 THEN 0 ELSE sign * m * power(2::float8, e - 150) END FROM (SELECT
        CASE WHEN get_byte(frame, place + 3) >= 128 THEN -1 ELSE 1 END AS sign,
        (get_byte(frame, place + 3) & 127) * 2 + (get_byte(frame, place + 2) >> 7) AS e,
        8388608 + (get_byte(frame, place + 2) & 127) * 65536 + get_byte(frame, place + 1) * 256 + get_byte(frame, place) AS m
    ) AS parts);
CREATE FUNCTION sqal_matrix(frame bytea, place int) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
    CASE WHEN get_byte(frame, 3) & 1 = 1 THEN (SELECT jsonb_agg(zones ORDER BY row) FROM (
        SELECT row, jsonb_agg(sqal_number(frame, place + (row * 8 + zone) * 4)::float4 ORDER BY zone) AS zones
        FROM generate_series(0, 7) AS row, generate_series(0, 7) AS zone GROUP BY row) AS rows) END;
CREATE FUNCTION sqal_channels(frame bytea) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
    CASE WHEN get_byte(frame, 3) & 16 = 16 THEN (SELECT jsonb_object_agg(channel, sqal_number(frame, (
        4 + (get_byte(frame, 3) & 1) * 768 + (get_byte(frame, 3) & 2) * 128 + (get_byte(frame, 3) & 4) * 16 + (place - 1) * 4)::int)::float4)
        FROM unnest('{F1_415nm,F2_445nm,F3_480nm,F4_515nm,F5_555nm,F6_590nm,F7_630nm,F8_680nm,Clear,NIR}'::text[])
        WITH ORDINALITY AS names (channel, place)) END;
CREATE VIEW sensor_samples AS SELECT
    id, timestamp, device_id, sample_id,
    sqal_matrix(frame, 4) AS vl53l8ch_distance_matrix, sqal_matrix(frame, 260) AS vl53l8ch_reflectance_matrix,
    sqal_matrix(frame, 516) AS vl53l8ch_amplitude_matrix,
    volume_mm3 AS vl53l8ch_volume_mm3, avg_height_mm AS vl53l8ch_avg_height_mm,
    height_variation_mm AS vl53l8ch_height_variation_mm, surface_uniformity AS vl53l8ch_surface_uniformity,
    tof_score AS vl53l8ch_quality_score, tof_grade AS vl53l8ch_grade,
    sqal_channels(frame) AS as7341_channels,
    integration_time_ms AS as7341_integration_time, gain AS as7341_gain, color_score AS as7341_color_score,
    freshness_index AS as7341_freshness_score, fat_quality_index AS as7341_fat_quality_index,
    oxidation_index AS as7341_oxidation_index, color_uniformity AS as7341_color_uniformity,
    spectral_score AS as7341_quality_score, spectral_grade AS as7341_grade,
    score AS fusion_final_score, grade AS fusion_final_grade, confidence AS fusion_confidence, defects AS fusion_defects,
    processing_ms AS processing_time_ms, received_at AS created_at,
    firmware_version AS meta_firmware_version, temperature_c AS meta_temperature_c, humidity_percent AS meta_humidity_percent
FROM sample;
"
        )
    };
}

/// The schema on a plain PostgreSQL: `sample` has one partition per month (see `partitions`).
///
/// The key holds the time because every unique index of a partitioned table must hold it. An id is
/// a function of its time, so one id cannot come with two times. `sensor_samples` shows the
/// documented columns under their documented names (TSB-02 to TSB-06, C-02).
pub(super) const PARTITIONED: Schema = Schema {
    oldest: 1,
    base: base!(" PARTITION BY RANGE (timestamp)", ""),
    steps: &[
        HOURS,
        AUDIT_LOGS,
        SEALED_FIELDS,
        REGISTER,
        REGISTER_LINES,
        GRADED_SAMPLES,
        QUEUE_IN_POSTGRES,
        RECORDS_IN_POSTGRES,
        LABELS_IN_POSTGRES,
        TRACED_JOBS_IN_POSTGRES,
        BUGS_IN_POSTGRES,
    ],
};

/// The schema with `TimescaleDB`: `sample` is a hypertable with one chunk per day.
pub(super) const HYPERTABLE: Schema = Schema {
    oldest: 1,
    base: base!(
        "",
        "
-- The extension may live in any schema, and ours is the only one that is looked into.
DO $$ DECLARE extension text := (SELECT extnamespace::regnamespace::text FROM pg_extension WHERE extname = 'timescaledb'); BEGIN
    EXECUTE format('SELECT %1$s.create_hypertable(''sample'', %1$s.by_range(''timestamp'', INTERVAL ''1 day''), create_default_indexes => false)', extension);
END $$;"
    ),
    steps: &[HOURS, AUDIT_LOGS, SEALED_FIELDS, REGISTER, REGISTER_LINES, GRADED_SAMPLES, QUEUE_IN_POSTGRES, RECORDS_IN_POSTGRES, LABELS_IN_POSTGRES, TRACED_JOBS_IN_POSTGRES, BUGS_IN_POSTGRES],
};

/// The sums over the samples of a device and hour, from any relation with their columns.
///
/// A product that underflows is an error in PostgreSQL; a smaller product is 0 in billionths
/// anyway. The time zone is named, because an hour must not depend on the time zone of the session.
macro_rules! tallies {
    ($from:literal) => {
        concat!(
            "
SELECT device_id, date_trunc('hour', timestamp, 'UTC'), count(*),
    count(*) FILTER (WHERE grade = 'REJECT'), count(*) FILTER (WHERE grade = 'C'), count(*) FILTER (WHERE grade = 'B'),
    count(*) FILTER (WHERE grade = 'A'), count(*) FILTER (WHERE grade = 'A+'),
    count(share), coalesce(sum(round(share * 1e9)::bigint), 0)::bigint, coalesce(sum(round(CASE WHEN share > 1e-20 THEN share * share * 1e9 ELSE 0 END)::bigint), 0)::bigint,
    min(share), max(share), sum(round(confidence * 1e9)::bigint)::bigint, min(timestamp), max(timestamp)
FROM (SELECT *, CASE WHEN score IS NOT NULL THEN least(greatest(score, 0), 1) END AS share FROM ", $from, ") AS shares
GROUP BY 1, 2 ORDER BY 1, 2"
        )
    };
}

/// The sums over the samples of each device and hour, updated with every insertion. A year of hours
/// is read without a sample being read, late samples count at once, and the hours stay when the
/// samples are purged. Sums are in whole billionths.
const HOURS: Step = Step {
    up: concat!(
        "
CREATE TABLE sample_hour (
    device_id text NOT NULL,
    hour timestamptz NOT NULL,
    samples bigint NOT NULL,
    reject bigint NOT NULL, c bigint NOT NULL, b bigint NOT NULL, a bigint NOT NULL, a_plus bigint NOT NULL,
    scored bigint NOT NULL,
    score_sum bigint NOT NULL,
    score_squares bigint NOT NULL,
    score_min float8,
    score_max float8,
    confidence_sum bigint NOT NULL,
    first timestamptz NOT NULL,
    last timestamptz NOT NULL,
    PRIMARY KEY (device_id, hour)
) WITH (fillfactor = 50);
CREATE INDEX sample_hour_newest ON sample_hour (hour);
INSERT INTO sample_hour ",
        tallies!("sample"),
        ";"
    ),
    down: "DROP TABLE sample_hour;",
};

/// The audit log of actions on stored data (TSB-12, AUD-01).
const AUDIT_LOGS: Step = Step {
    up: "
CREATE TABLE audit_logs (
    number bigint PRIMARY KEY,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    category text NOT NULL,
    what text NOT NULL,
    previous bytea NOT NULL,
    hash bytea NOT NULL
);
",
    down: "DROP TABLE audit_logs;",
};

/// Confidential fields, each with the id of the key that sealed it (SEC-01).
const SEALED_FIELDS: Step = Step {
    up: "
CREATE TABLE sealed_field (
    subject text COLLATE \"C\" NOT NULL,
    field text COLLATE \"C\" NOT NULL,
    key_id bytea NOT NULL CHECK (length(key_id) = 8),
    sealed bytea NOT NULL,
    PRIMARY KEY (subject, field)
);
",
    down: "DROP TABLE sealed_field;",
};

/// The register: every version of the decisions of operators.
const REGISTER: Step = Step {
    up: "
CREATE TABLE IF NOT EXISTS register (
    kind text COLLATE \"C\" NOT NULL,
    name text COLLATE \"C\" NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    body text NOT NULL,
    added_at timestamptz NOT NULL,
    added_by text,
    PRIMARY KEY (kind, name, version)
);
",
    // The table stays: it does no harm to a program that does not know it, and a newer program
    // finds the decisions again.
    down: "SELECT 1;",
};

/// An index to find the line of the audit log about an entry: every read of the register compares
/// the two.
const REGISTER_LINES: Step = Step {
    up: "CREATE INDEX audit_register ON audit_logs (what COLLATE \"C\") WHERE category = 'register';",
    down: "DROP INDEX audit_register;",
};

/// The columns for SQL users beside the values: uncertainties, the profile of the verdict, flags,
/// and what a reading was taken of that is not of a product.
///
/// Samples that are already stored have no values in them. A frame may be without reflectances or
/// amplitudes: bits 5 and 6 of its parts mark that. On the way down the row of a calibration stays
/// as it is; the version before counts what it stores from then on.
const GRADED_SAMPLES: Step = Step {
    up: "
ALTER TABLE sample ADD COLUMN volume_mm3_u float4, ADD COLUMN avg_height_mm_u float4, ADD COLUMN height_variation_mm_u float4, ADD COLUMN surface_uniformity_u float4, ADD COLUMN tof_score_u float4, ADD COLUMN color_score_u float4,
    ADD COLUMN freshness_index_u float4, ADD COLUMN fat_quality_index_u float4, ADD COLUMN oxidation_index_u float4, ADD COLUMN color_uniformity_u float4, ADD COLUMN spectral_score_u float4, ADD COLUMN score_u float4,
    ADD COLUMN profile_version bigint, ADD COLUMN profile text, ADD COLUMN flags text, ADD COLUMN purpose text;
CREATE OR REPLACE FUNCTION sqal_matrix(frame bytea, place int) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
    CASE WHEN get_byte(frame, 3) & (CASE place WHEN 260 THEN 33 WHEN 516 THEN 65 ELSE 1 END) = 1 THEN (SELECT jsonb_agg(zones ORDER BY row) FROM (
        SELECT row, jsonb_agg(sqal_number(frame, place + (row * 8 + zone) * 4)::float4 ORDER BY zone) AS zones
        FROM generate_series(0, 7) AS row, generate_series(0, 7) AS zone GROUP BY row) AS rows) END;
CREATE VIEW graded_samples AS SELECT
    id, timestamp, received_at, device_id, sample_id, coalesce(purpose, 'product') AS purpose,
    profile, profile_version, firmware_version, temperature_c, humidity_percent,
    grade, score, score_u, confidence, tof_grade, tof_score, tof_score_u, spectral_grade, spectral_score, spectral_score_u,
    volume_mm3, volume_mm3_u, avg_height_mm, avg_height_mm_u, height_variation_mm, height_variation_mm_u,
    surface_uniformity, surface_uniformity_u, color_score, color_score_u, freshness_index, freshness_index_u,
    fat_quality_index, fat_quality_index_u, oxidation_index, oxidation_index_u, color_uniformity, color_uniformity_u,
    integration_time_ms, gain,
    defects, CASE WHEN profile IS NOT NULL THEN to_jsonb(string_to_array(coalesce(flags, ''), ' ')) END AS flags,
    sqal_matrix(frame, 4) AS distance_matrix, sqal_matrix(frame, 260) AS reflectance_matrix, sqal_matrix(frame, 516) AS amplitude_matrix,
    sqal_channels(frame) AS channels, processing_ms
FROM sample;
",
    down: "
DROP VIEW graded_samples;
CREATE OR REPLACE FUNCTION sqal_matrix(frame bytea, place int) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
    CASE WHEN get_byte(frame, 3) & 1 = 1 THEN (SELECT jsonb_agg(zones ORDER BY row) FROM (
        SELECT row, jsonb_agg(sqal_number(frame, place + (row * 8 + zone) * 4)::float4 ORDER BY zone) AS zones
        FROM generate_series(0, 7) AS row, generate_series(0, 7) AS zone GROUP BY row) AS rows) END;
ALTER TABLE sample DROP COLUMN volume_mm3_u, DROP COLUMN avg_height_mm_u, DROP COLUMN height_variation_mm_u, DROP COLUMN surface_uniformity_u, DROP COLUMN tof_score_u, DROP COLUMN color_score_u,
    DROP COLUMN freshness_index_u, DROP COLUMN fat_quality_index_u, DROP COLUMN oxidation_index_u, DROP COLUMN color_uniformity_u, DROP COLUMN spectral_score_u, DROP COLUMN score_u,
    DROP COLUMN profile_version, DROP COLUMN profile, DROP COLUMN flags, DROP COLUMN purpose;
",
};

/// The update of an hour that exists already.
macro_rules! add_to_hours {
    () => {
        "
    ON CONFLICT (device_id, hour) DO UPDATE SET
        samples = old.samples + excluded.samples, reject = old.reject + excluded.reject, c = old.c + excluded.c,
        b = old.b + excluded.b, a = old.a + excluded.a, a_plus = old.a_plus + excluded.a_plus,
        scored = old.scored + excluded.scored, score_sum = old.score_sum + excluded.score_sum,
        score_squares = old.score_squares + excluded.score_squares,
        score_min = least(old.score_min, excluded.score_min), score_max = greatest(old.score_max, excluded.score_max),
        confidence_sum = old.confidence_sum + excluded.confidence_sum,
        first = least(old.first, excluded.first), last = greatest(old.last, excluded.last)"
    };
}

/// Stores samples that are all new: if one is known, the whole statement fails.
pub(super) const COPY: &str = concat!("COPY sample (", written_columns!(), ") FROM STDIN (FORMAT binary)");

/// Adds to hours, one array per column.
///
/// The rows are added in the database's own order, as [`INSERT`] does, because the program's order
/// may differ.
pub(super) const ADD_TO_HOURS: &str = concat!(
    "
INSERT INTO sample_hour AS old
SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
    $9::bigint[], $10::bigint[], $11::bigint[], $12::float8[], $13::float8[], $14::bigint[], $15::timestamptz[], $16::timestamptz[])
ORDER BY 1, 2",
    add_to_hours!()
);

/// The sums over new samples of a device and hour.
///
/// They are taken as in [`HOURS`], but a calibration counts only as a sample.
macro_rules! count_new {
    () => {
        "
SELECT device_id, date_trunc('hour', timestamp, 'UTC'), count(*),
    count(*) FILTER (WHERE counts AND grade = 'REJECT'), count(*) FILTER (WHERE counts AND grade = 'C'),
    count(*) FILTER (WHERE counts AND grade = 'B'), count(*) FILTER (WHERE counts AND grade = 'A'),
    count(*) FILTER (WHERE counts AND grade = 'A+'),
    count(share), coalesce(sum(round(share * 1e9)::bigint), 0)::bigint, coalesce(sum(round(CASE WHEN share > 1e-20 THEN share * share * 1e9 ELSE 0 END)::bigint), 0)::bigint,
    min(share), max(share), coalesce(sum(round(confidence * 1e9)::bigint) FILTER (WHERE counts), 0)::bigint, min(timestamp), max(timestamp)
FROM (SELECT *, CASE WHEN score IS NOT NULL AND purpose IS NULL THEN least(greatest(score, 0), 1) END AS share, purpose IS NULL AS counts FROM new) AS shares
GROUP BY 1, 2 ORDER BY 1, 2"
    };
}

/// Stores samples whose ids are not known, adds them to their hours, and returns the new ids: one
/// statement, one commit.
///
/// Batches come sorted by id and hours are added in order, so that two writers never deadlock.
pub(super) const INSERT: &str = concat!(
    "
WITH new AS (
    INSERT INTO sample (",
    written_columns!(),
    ")
    SELECT c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, c15, c16, c17, c18, c19, c20, c21, c22, c23, c24, c25,
        c26, c27, c28, c29, c30::jsonb, c31, c32, c33, c34, c35, c36, c37, c38, c39, c40, c41, c42, c43, c44, c45, c46
    FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[], $4::float8[], $5::float8[], $6::float8[], $7::float8[],
        $8::float8[], $9::float8[], $10::float8[], $11::float8[], $12::float8[], $13::float8[], $14::float8[], $15::float8[],
        $16::float8[], $17::float8[], $18::float8[], $19::float8[], $20::float4[], $21::float4[], $22::text[], $23::text[],
        $24::text[], $25::text[], $26::text[], $27::text[], $28::bytea[], $29::bytea[], $30::text[], $31::float4[],
        $32::float4[], $33::float4[], $34::float4[], $35::float4[], $36::float4[], $37::float4[], $38::float4[],
        $39::float4[], $40::float4[], $41::float4[], $42::float4[], $43::bigint[], $44::text[], $45::text[], $46::text[])
        AS rows (c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, c15, c16, c17, c18, c19, c20, c21, c22, c23, c24, c25,
        c26, c27, c28, c29, c30, c31, c32, c33, c34, c35, c36, c37, c38, c39, c40, c41, c42, c43, c44, c45, c46)
    ON CONFLICT DO NOTHING
    RETURNING id, timestamp, device_id, grade, score, confidence, purpose
), hours AS (
    INSERT INTO sample_hour AS old ",
    count_new!(),
    add_to_hours!(),
    "
)
SELECT id FROM new"
);

macro_rules! samples {
    ($where:literal) => {
        concat!("SELECT id, timestamp, device_id, sample_id, received_at, frame, findings FROM sample WHERE ", $where)
    };
}

/// One sample: bind its id, and the limits of the time that the id allows, so that one partition is
/// read.
pub(super) const GET: &str = samples!("id = $1 AND timestamp >= $2 AND timestamp < $3");

/// The stored samples of these ids: bind the ids and their times, so that one partition is read for
/// each.
pub(super) const KNOWN: &str = "
SELECT id, timestamp, device_id, sample_id, received_at, frame, findings
FROM unnest($1::uuid[], $2::timestamptz[]) AS known (known_id, known_time)
JOIN sample ON id = known_id AND timestamp = known_time";

/// A page of all devices, newest first: bind time, id, limit.
pub(super) const PAGE: &str =
    samples!("timestamp <= $1 AND (timestamp, id) < ($1, $2) ORDER BY timestamp DESC, id DESC LIMIT $3");

/// A page of one device, newest first: bind time, id, limit, device.
pub(super) const PAGE_OF_DEVICE: &str = samples!(
    "device_id = $4 AND timestamp <= $1 AND (timestamp, id) < ($1, $2) ORDER BY timestamp DESC, id DESC LIMIT $3"
);

/// Begins a read-only transaction that sees one moment, that of its first read of a table; it has
/// no time limit.
pub(super) const BEGIN_SNAPSHOT: &str = "
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET LOCAL statement_timeout = 0;
SET LOCAL idle_in_transaction_session_timeout = 0;
SELECT 1 FROM sample LIMIT 1";

/// Begins a transaction whose statements each see what was committed before them, whatever the
/// default of the server is.
pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// Ends a transaction.
pub(super) const COMMIT: &str = "COMMIT";

/// Ends a transaction and undoes what it did.
pub(super) const ROLLBACK: &str = "ROLLBACK";

/// Begins the transaction in which the expected schema is made, in a separate schema for this
/// connection; it is rolled back.
pub(super) const BEGIN_EXPECTED: &str = "
BEGIN;
SET LOCAL statement_timeout = '60s';
SET LOCAL lock_timeout = '10s';
DO $$ BEGIN EXECUTE format('CREATE SCHEMA %I', 'sqal_expected_' || pg_backend_pid()); END $$;
SELECT set_config('search_path', 'sqal_expected_' || pg_backend_pid(), true)";

/// The schema that is searched first.
pub(super) const CURRENT_SCHEMA: &str = "SELECT current_schema()::text";

/// All objects of this program in a schema, without the name of the schema, and without what a dump
/// and a restore may write in another way (white space, parentheses, quotes): bind the schema and
/// the names of tables and views.
pub(super) const OBJECTS: &str = "
WITH ours AS (
    SELECT c.oid, c.relname::text AS name, c.relkind, c.relpersistence, c.relrowsecurity, c.relforcerowsecurity
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1::text AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND c.relname = ANY ($2::text[])
), parts AS (
    SELECT oid, name FROM ours UNION ALL SELECT i.inhrelid, ours.name FROM pg_inherits i JOIN ours ON i.inhparent = ours.oid
)
SELECT kind, name, regexp_replace(replace(text, quote_ident($1::text) || '.', ''), '[[:space:]()\"]', '', 'g') FROM (
    SELECT 'table' AS kind, name, relkind::text || relpersistence::text || relrowsecurity::text || relforcerowsecurity::text AS text FROM ours
    UNION ALL SELECT 'column', ours.name || '.' || a.attname::text, concat_ws(' ', format_type(a.atttypid, a.atttypmod), a.attnotnull::text,
            (SELECT collname::text FROM pg_collation WHERE oid = a.attcollation), pg_get_expr(d.adbin, d.adrelid))
        FROM pg_attribute a JOIN ours ON a.attrelid = ours.oid LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attnum > 0 AND NOT a.attisdropped
    UNION ALL SELECT 'constraint', ours.name || '.' || k.conname::text, pg_get_constraintdef(k.oid)
        FROM pg_constraint k JOIN ours ON k.conrelid = ours.oid WHERE k.contype <> 't'
    UNION ALL SELECT 'index', ours.name || '.' || i.relname::text, pg_get_indexdef(i.oid)
        FROM pg_index x JOIN ours ON x.indrelid = ours.oid JOIN pg_class i ON i.oid = x.indexrelid
    UNION ALL SELECT 'view', name, pg_get_viewdef(oid) FROM ours WHERE relkind = 'v'
    UNION ALL SELECT 'function', p.proname::text, pg_get_functiondef(p.oid)
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname = $1::text AND p.proname IN ('sqal_matrix', 'sqal_channels', 'sqal_number')
    UNION ALL SELECT 'trigger', parts.name || '.' || t.tgname::text, pg_get_triggerdef(t.oid) || t.tgenabled::text
        FROM pg_trigger t JOIN parts ON t.tgrelid = parts.oid WHERE NOT t.tgisinternal
    UNION ALL SELECT 'rule', parts.name || '.' || r.rulename::text, pg_get_ruledef(r.oid)
        FROM pg_rewrite r JOIN parts ON r.ev_class = parts.oid WHERE r.rulename <> '_RETURN'
    UNION ALL SELECT 'policy', parts.name || '.' || p.polname::text, p.polcmd::text FROM pg_policy p JOIN parts ON p.polrelid = parts.oid
) AS objects";

/// Every column of samples.
macro_rules! whole_page {
    ($where:literal) => {
        concat!(
            "SELECT id, timestamp, received_at, volume_mm3, avg_height_mm, height_variation_mm, surface_uniformity, tof_score, ",
            "integration_time_ms, gain, color_score, freshness_index, fat_quality_index, oxidation_index, color_uniformity, ",
            "spectral_score, score, confidence, processing_ms, temperature_c, humidity_percent, device_id, sample_id, tof_grade, ",
            "spectral_grade, grade, firmware_version, frame, findings, defects::text AS defects, volume_mm3_u, avg_height_mm_u, ",
            "height_variation_mm_u, surface_uniformity_u, tof_score_u, color_score_u, freshness_index_u, fat_quality_index_u, ",
            "oxidation_index_u, color_uniformity_u, spectral_score_u, score_u, profile_version, profile, flags, purpose FROM sample WHERE ",
            $where,
            "timestamp <= $1 AND (timestamp, id) < ($1, $2) ORDER BY timestamp DESC, id DESC LIMIT $3"
        )
    };
}

/// Every column of a page of all devices, newest first: bind time, id, limit.
pub(super) const WHOLE_PAGE: &str = whole_page!("");

/// Every column of a page of one device, newest first: bind time, id, limit, device.
pub(super) const WHOLE_PAGE_OF_DEVICE: &str = whole_page!("device_id = $4 AND ");

/// The number of samples.
pub(super) const COUNT: &str = "SELECT count(*) FROM sample";

/// The devices that have samples or hours.
pub(super) const EVERY_DEVICE: &str = "SELECT device_id FROM sample UNION SELECT device_id FROM sample_hour ORDER BY 1";

/// All hours of one device: bind device.
pub(super) const EVERY_HOUR_OF_DEVICE: &str = "
SELECT device_id, hour, samples, reject, c, b, a, a_plus, scored, score_sum, score_squares, score_min, score_max, confidence_sum, first, last
FROM sample_hour WHERE device_id = $1 ORDER BY hour";

/// The number of samples that the hours of each device count.
pub(super) const COUNTED: &str = "SELECT device_id, sum(samples)::bigint FROM sample_hour GROUP BY device_id";

/// The number of samples of each hour: bind the first hour.
pub(super) const HOURS_SINCE: &str = "SELECT device_id, hour, samples FROM sample_hour WHERE hour >= $1";

macro_rules! hours {
    ($by:literal, $order:literal, $where:literal) => {
        concat!(
            "SELECT ", $by, ", sum(samples)::bigint AS samples, sum(reject)::bigint AS reject, sum(c)::bigint AS c, sum(b)::bigint AS b, ",
            "sum(a)::bigint AS a, sum(a_plus)::bigint AS a_plus, sum(scored)::bigint AS scored, sum(score_sum)::bigint AS score_sum, ",
            "sum(score_squares)::bigint AS score_squares, min(score_min) AS score_min, max(score_max) AS score_max, ",
            "sum(confidence_sum)::bigint AS confidence_sum, min(first) AS first, max(last) AS last ",
            "FROM sample_hour WHERE ", $where, " GROUP BY ", $by, " ORDER BY ", $order
        )
    };
}

/// The hours of all devices together, oldest first: bind from, until.
pub(super) const HOURS_OF_ALL: &str = hours!("hour", "hour", "hour >= $1 AND hour < $2");

/// The hours of one device, oldest first: bind from, until, device.
pub(super) const HOURS_OF_DEVICE: &str = hours!("hour", "hour", "device_id = $3 AND hour >= $1 AND hour < $2");

/// The sums of each device in a span of hours: bind from, until.
pub(super) const DEVICES: &str = hours!("device_id", "device_id COLLATE \"C\"", "hour >= $1 AND hour < $2");

/// The sums of one device in a span of hours: bind from, until, device.
pub(super) const DEVICE: &str = hours!("device_id", "device_id", "device_id = $3 AND hour >= $1 AND hour < $2");

/// The number of samples that a purge would remove: bind the time.
pub(super) const COUNT_SAMPLES_BEFORE: &str = "SELECT count(*) FROM sample WHERE timestamp < $1";

/// The number of hours that a purge would remove: bind the hour.
pub(super) const COUNT_HOURS_BEFORE: &str = "SELECT count(*) FROM sample_hour WHERE hour < $1";

/// Deletes samples from a time until before another; their hours stay.
pub(super) const PURGE_SAMPLES: &str = "DELETE FROM sample WHERE timestamp >= $1 AND timestamp < $2";

/// Deletes hours before an hour.
pub(super) const PURGE_HOURS: &str = "DELETE FROM sample_hour WHERE hour < $1";

/// Deletes the samples of a device.
pub(super) const ERASE_SAMPLES: &str = "DELETE FROM sample WHERE device_id = $1";

/// Deletes the hours of a device.
pub(super) const ERASE_HOURS: &str = "DELETE FROM sample_hour WHERE device_id = $1";

/// The partitions of `sample`.
pub(super) const PARTITIONS: &str = "
SELECT relname::text FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = 'sample'::regclass";

/// The actions of operators have no time limit; the deadline is for the calls of the line.
pub(super) const NO_TIMEOUT: &str = "SET LOCAL statement_timeout = 0";
