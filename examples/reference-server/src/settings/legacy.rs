//! The treatment of deprecated paths: whether they answer, and until when.

use sqal_http::door::Legacy;
use sqal_http::sqal_protocol::time::parse as parse_time;

use super::row::Setting;
use super::values::Values;

pub(super) const ENABLED: Setting = Setting::plain(
    "API_LEGACY_ENABLED",
    Some("true"),
    "true or false",
    "Whether un-versioned paths with a successor answer",
);

pub(super) const SUNSET: Setting = Setting::plain(
    "API_LEGACY_SUNSET",
    None,
    "a time like 2028-01-01T00:00:00Z, after 2026-11-21",
    "From when on un-versioned paths may be gone",
);

/// Reads the treatment of deprecated paths.
pub(super) fn read(values: &mut Values) -> Option<Legacy> {
    let legacy = values.parsed(&ENABLED).map(Legacy::answering);
    let ending = values.read(&SUNSET, |text| legacy.unwrap_or_default().ending(parse_time(text)?).ok());
    ending.or(legacy)
}
