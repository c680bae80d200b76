//! [`ObservingSettings`]: what operators see of the running server.

use tracing_subscriber::EnvFilter;

use super::row::Setting;
use super::values::Values;
use crate::profiling::Profiling;

pub(super) const DB_PROFILING: Setting = Setting::plain(
    "ENABLE_DB_PROFILING",
    Some("false"),
    "true or false",
    "Whether the queries of each request are counted",
);

pub(super) const DB_PROFILING_HEADERS: Setting = Setting::plain(
    "DB_PROFILING_HEADERS",
    Some("false"),
    "true or false",
    "Whether answers say how many, as X-DB-Query-Count and X-DB-Total-Time-Ms",
);

pub(super) const LOG: Setting = Setting::plain(
    "SQAL_LOG",
    Some("info"),
    "a filter like info or sqal_http=debug",
    "What is logged on standard error",
);

/// What operators see of the running server.
#[derive(Clone, Debug)]
pub struct ObservingSettings {
    /// The filter of the log.
    pub log: String,
    /// Whether database queries are counted.
    pub profiling: Profiling,
}

impl ObservingSettings {
    pub(super) fn read(values: &mut Values) -> Option<Self> {
        let (enabled, headers) = (values.parsed(&DB_PROFILING), values.parsed(&DB_PROFILING_HEADERS));
        let log = values.read(&LOG, |text| EnvFilter::try_new(text).is_ok().then(|| text.to_owned()));
        Some(Self { log: log?, profiling: Profiling { enabled: enabled?, headers: headers? } })
    }
}
