//! Every SQL text of the SQLite store, one constant each.

/// Begins a transaction that holds the write lock.
pub(super) const BEGIN: &str = "BEGIN IMMEDIATE";

/// Asks for little, to see whether the samples can be read: an empty file, or one that is no database, has no such table.
pub(super) const PING: &str = "SELECT 1 FROM sensor_samples LIMIT 1";

/// The schema version, kept in the file's header.
pub(super) const VERSION: &str = "PRAGMA user_version";

/// The steps of the schema: the first makes version 1, and so on. A step that was released is never edited.
///
/// The documented columns (TSB-02 to TSB-06) carry what is queried; `frame` holds the raw readings, `analysis` everything found and
/// decided. `id` is a function of device, timestamp and name, so one unique index makes insertion idempotent.
pub(super) const STEPS: [&str; 1] = ["
CREATE TABLE sensor_samples (
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    timestamp INTEGER NOT NULL,
    device_id TEXT NOT NULL,
    sample_id TEXT NOT NULL,
    vl53l8ch_volume_mm3 REAL,
    vl53l8ch_avg_height_mm REAL,
    vl53l8ch_surface_uniformity REAL,
    vl53l8ch_quality_score REAL,
    vl53l8ch_grade TEXT,
    as7341_integration_time REAL,
    as7341_gain REAL,
    as7341_freshness_score REAL,
    as7341_quality_score REAL,
    as7341_grade TEXT,
    fusion_final_score REAL,
    fusion_final_grade TEXT NOT NULL,
    fusion_confidence REAL NOT NULL,
    fusion_defects TEXT NOT NULL,
    processing_time_ms REAL NOT NULL,
    created_at INTEGER NOT NULL,
    frame BLOB NOT NULL,
    analysis TEXT NOT NULL
) STRICT;
CREATE INDEX sensor_samples_newest ON sensor_samples (timestamp DESC, id DESC);
CREATE INDEX sensor_samples_of_device ON sensor_samples (device_id, timestamp DESC, id DESC);
PRAGMA user_version = 1;
"];

/// Stores a sample unless its id is known.
pub(super) const INSERT: &str = "
INSERT INTO sensor_samples (
    id, timestamp, device_id, sample_id,
    vl53l8ch_volume_mm3, vl53l8ch_avg_height_mm, vl53l8ch_surface_uniformity, vl53l8ch_quality_score, vl53l8ch_grade,
    as7341_integration_time, as7341_gain, as7341_freshness_score, as7341_quality_score, as7341_grade,
    fusion_final_score, fusion_final_grade, fusion_confidence, fusion_defects,
    processing_time_ms, created_at, frame, analysis
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO NOTHING";

/// One sample by id.
pub(super) const GET: &str =
    "SELECT timestamp, device_id, sample_id, created_at, frame, analysis FROM sensor_samples WHERE id = ?";

/// A page of all devices, newest first: bind time, id, limit.
pub(super) const PAGE: &str = "
SELECT id, timestamp, device_id, sample_id, created_at, frame, analysis FROM sensor_samples
WHERE (timestamp, id) < (?, ?) ORDER BY timestamp DESC, id DESC LIMIT ?";

/// A page of one device, newest first: bind device, time, id, limit.
pub(super) const PAGE_OF_DEVICE: &str = "
SELECT id, timestamp, device_id, sample_id, created_at, frame, analysis FROM sensor_samples
WHERE device_id = ? AND (timestamp, id) < (?, ?) ORDER BY timestamp DESC, id DESC LIMIT ?";
