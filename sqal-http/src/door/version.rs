//! [`Legacy`]: whether the un-versioned paths of the old system answer, and what the answers of
//! deprecated paths say.
//!
//! These paths are the subject of API-04, API-05, C-10 and C-11.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use sqal_core::Timestamp;
use time::OffsetDateTime;
use time::format_description::parse_borrowed;

use crate::route::api_version::ApiVersion;

/// The day since which every un-versioned path has a successor, in seconds since 1970: 2026-11-21.
/// No path was deprecated before.
pub(crate) const UNVERSIONED_SINCE: i64 = 1_795_219_200;

/// The page that says how clients move from one version of the interface to the next.
pub(crate) const MOVING: &str = "/docs/versions";

/// What replaces a deprecated path, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Successor {
    /// The path that takes its place, in a newer version.
    pub path: &'static str,
    /// Since when the older path is deprecated, in seconds since 1970.
    pub since: i64,
}

impl Successor {
    /// The `Link` of the answers of the older path: to its successor, and to the page about moving
    /// there.
    ///
    /// Both are relative to the older path, so that they are right under any prefix of a host
    /// application or a proxy.
    pub(crate) fn link(&self, older: &str) -> String {
        let (successor, moving) = (seen_from(older, self.path), seen_from(older, MOVING));
        format!("<{successor}>; rel=\"successor-version\", <{moving}>; rel=\"deprecation\"; type=\"text/html\"")
    }
}

/// A path relative to another path, both from the root of the router.
fn seen_from(from: &str, to: &str) -> String {
    let folders = from.matches('/').count().saturating_sub(1);
    "../".repeat(folders) + to.strip_prefix('/').unwrap_or(to)
}

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
        let early = sunset.micros() < UNVERSIONED_SINCE * 1_000_000;
        if early { Err(InvalidSunset) } else { Ok(Self { sunset: Some(sunset), ..self }) }
    }

    /// Whether a deprecated path is switched off: only un-versioned paths can be.
    pub(crate) fn switches_off(&self, older: &str) -> bool {
        !self.enabled && ApiVersion::of(older).is_none()
    }

    /// Writes into the header of an answer of a deprecated path since when it is deprecated (RFC
    /// 9745), its successor, the page about moving, and when it ends (RFC 8594). Only the end of
    /// un-versioned paths can be announced.
    pub(crate) fn say(&self, older: &str, successor: &Successor, headers: &mut HeaderMap) {
        let sunset = self.sunset.filter(|_| ApiVersion::of(older).is_none()).and_then(http_date);
        let fields = [
            (HeaderName::from_static("deprecation"), format!("@{}", successor.since)),
            (header::LINK, successor.link(older)),
        ];
        for (name, value) in fields.into_iter().chain(sunset.map(|date| (HeaderName::from_static("sunset"), date))) {
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
    use proptest::prelude::*;

    /// `Deprecation`, `Sunset` and `Link` of an answer of a deprecated path.
    fn said(legacy: Legacy, older: &str, path: &'static str, since: i64) -> [Option<String>; 3] {
        let mut headers = HeaderMap::new();
        legacy.say(older, &Successor { path, since }, &mut headers);
        ["deprecation", "sunset", "link"].map(|name| headers.get(name).map(|value| value.to_str().unwrap().to_owned()))
    }

    /// The 1st of January 2028.
    fn ending() -> Legacy {
        Legacy::default().ending(Timestamp::from_micros(1_830_297_600_000_000).unwrap()).unwrap()
    }

    #[test]
    fn c_10_what_is_deprecated_says_since_when_until_when_and_what_instead() {
        let said = |legacy| said(legacy, "/api/sqal/latest", "/api/v1/samples/latest", UNVERSIONED_SINCE);
        let link = "<../../api/v1/samples/latest>; rel=\"successor-version\", <../../docs/versions>; \
                    rel=\"deprecation\"; type=\"text/html\"";
        let (since, link) = (Some("@1795219200".to_owned()), Some(link.to_owned()));
        assert_eq!(said(Legacy::default()), [since.clone(), None, link.clone()]);
        let sunset = Some("Sat, 01 Jan 2028 00:00:00 GMT".to_owned());
        assert_eq!(said(ending()), [since, sunset, link]);
        let early = Timestamp::from_micros(1_735_689_600_000_000).unwrap();
        assert_eq!(Legacy::default().ending(early), Err(InvalidSunset));
    }

    /// What an operator decides about the un-versioned paths holds for no path of a version.
    #[test]
    fn a_path_of_a_version_has_its_own_day_and_is_not_switched_off_with_the_old_ones() {
        let [since, sunset, _] = said(ending(), "/api/v1/samples", "/api/v2/samples", 1_900_000_000);
        assert_eq!((since.as_deref(), sunset), (Some("@1900000000"), None));
        let off = Legacy::answering(false);
        assert!(off.switches_off("/api/sqal/latest") && !off.switches_off("/api/v1/samples"));
        assert!(!Legacy::default().switches_off("/api/sqal/latest"));
    }

    proptest! {
        /// A client resolves the link against the address of the request (RFC 3986, 5.2), and finds
        /// the path under the prefix that the request had.
        #[test]
        fn a_link_leads_to_its_path_under_every_prefix(
            prefix in "(/[a-z]{1,3}){0,3}",
            older in "(/[a-z]{1,3}){1,4}/?",
            to in "(/[a-z]{1,3}){1,4}",
        ) {
            let asked = format!("{prefix}{older}");
            let mut folders: Vec<&str> = asked[1..].split('/').collect();
            folders.pop();
            let link = seen_from(&older, &to);
            for part in link.split('/') {
                if part == ".." { prop_assert!(folders.pop().is_some()); } else { folders.push(part); }
            }
            prop_assert_eq!(format!("/{}", folders.join("/")), format!("{prefix}{to}"));
        }
    }
}
