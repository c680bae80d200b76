//! [`Legacy`]: the un-versioned paths of the old system, whose answers name what replaces them.
//!
//! These paths are the subject of API-04, API-05, C-10 and C-11.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use sqal_core::Timestamp;
use time::OffsetDateTime;
use time::format_description::parse_borrowed;

/// The day since which every un-versioned path has a successor: 2026-11-21. No path was deprecated
/// before.
const DEPRECATED_SINCE: i64 = 1_795_219_200;

/// Whether un-versioned paths answer, and until when this is promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Legacy {
    /// Whether the paths answer at all. If not, they answer 410 and name their successor.
    pub(crate) enabled: bool,
    sunset: Option<Timestamp>,
}

/// The error for a path that would end before it was deprecated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a path cannot end before it was deprecated, on 2026-11-21 (RFC 9745, 4)")]
pub struct InvalidSunset;

impl Default for Legacy {
    /// The paths answer, and no end is promised (`API_LEGACY_ENABLED` is true).
    fn default() -> Self {
        Self::answering(true)
    }
}

impl Legacy {
    /// Whether the paths answer; no end is promised.
    #[must_use]
    pub const fn answering(enabled: bool) -> Self {
        Self { enabled, sunset: None }
    }

    /// Sets the time from which the paths may be gone.
    ///
    /// # Errors
    ///
    /// [`InvalidSunset`] if the time is before the paths were deprecated.
    pub fn ending(self, sunset: Timestamp) -> Result<Self, InvalidSunset> {
        let early = sunset.micros() < DEPRECATED_SINCE * 1_000_000;
        if early { Err(InvalidSunset) } else { Ok(Self { sunset: Some(sunset), ..self }) }
    }

    /// Writes into the header of an answer of such a path since when it is deprecated (RFC 9745),
    /// when it ends (RFC 8594), and its successor.
    pub(crate) fn say(&self, successor: &str, headers: &mut HeaderMap) {
        let sunset = self.sunset.and_then(http_date).map(|date| (HeaderName::from_static("sunset"), date));
        let fields = [
            (HeaderName::from_static("deprecation"), format!("@{DEPRECATED_SINCE}")),
            (header::LINK, format!("<{successor}>; rel=\"successor-version\"")),
        ];
        for (name, value) in fields.into_iter().chain(sunset) {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        }
    }
}

/// A time as HTTP dates are written (RFC 9110, 5.6.7).
fn http_date(time: Timestamp) -> Option<String> {
    let format = "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT";
    let time = OffsetDateTime::from_unix_timestamp(time.micros().div_euclid(1_000_000)).ok()?;
    time.format(&parse_borrowed::<2>(format).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c_10_what_is_deprecated_says_since_when_until_when_and_what_instead() {
        let said = |legacy: Legacy| {
            let mut headers = HeaderMap::new();
            legacy.say("/api/v1/samples/latest", &mut headers);
            ["deprecation", "sunset", "link"]
                .map(|name| headers.get(name).map(|value| value.to_str().unwrap().to_owned()))
        };
        let link = Some("</api/v1/samples/latest>; rel=\"successor-version\"".to_owned());
        let since = Some("@1795219200".to_owned());
        assert_eq!(said(Legacy::default()), [since.clone(), None, link.clone()]);
        let end = Timestamp::from_micros(1_830_297_600_000_000).unwrap();
        let sunset = Some("Sat, 01 Jan 2028 00:00:00 GMT".to_owned());
        assert_eq!(said(Legacy::default().ending(end).unwrap()), [since, sunset, link]);
        let early = Timestamp::from_micros(1_735_689_600_000_000).unwrap();
        assert_eq!(Legacy::default().ending(early), Err(InvalidSunset));
    }
}
