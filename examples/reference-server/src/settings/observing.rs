//! [`ObservingSettings`]: what operators see of the running server.

use sqal_telemetry::log::{LogFilter, LogFormat};

use super::row::Setting;
use super::values::Values;
use crate::profiling::Profiling;

pub(super) const DB_PROFILING: Setting = Setting::plain(
    "ENABLE_DB_PROFILING",
    Some("false"),
    "true or false",
    "Whether the queries of each request are counted and reported at /api/v1/system/queries",
);

pub(super) const DB_PROFILING_HEADERS: Setting = Setting::plain(
    "DB_PROFILING_HEADERS",
    Some("false"),
    "true or false",
    "Whether answers say how many, as X-DB-Query-Count, X-DB-Total-Time-Ms and Server-Timing",
);

pub(super) const LOG: Setting = Setting::plain(
    "SQAL_LOG",
    Some("info"),
    "a filter like info or sqal_http=debug",
    "What is logged on standard error",
);

pub(super) const LOG_FORMAT: Setting =
    Setting::plain("SQAL_LOG_FORMAT", Some("text"), "text or json", "How the lines of the log are written");

/// What operators see of the running server.
#[derive(Clone, Debug)]
pub struct ObservingSettings {
    /// The filter of the log.
    pub log: LogFilter,
    /// The format of the lines of the log.
    pub log_format: LogFormat,
    /// Whether database queries are counted.
    pub profiling: Profiling,
}

impl ObservingSettings {
    pub(super) fn read(values: &mut Values) -> Option<Self> {
        let (enabled, headers) = (values.parsed(&DB_PROFILING), values.parsed(&DB_PROFILING_HEADERS));
        let (log, log_format) = (values.parsed(&LOG), values.parsed(&LOG_FORMAT));
        let profiling = Profiling { enabled: enabled?, headers: headers? };
        Some(Self { log: log?, log_format: log_format?, profiling })
    }
}
