//! [`Problem`]: a refusal of a route, as HTTP answers it.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sqal_core::DeviceId;
use sqal_grading::decisions::DecisionError;
use sqal_intake::reception::seconds_to_retry;
use sqal_protocol as protocol;
use sqal_protocol::Violation;
use sqal_protocol::kinds::{Kind, STORAGE_UNAVAILABLE};
use sqal_protocol::violation::cut;
use sqal_resilience::log::Causes;
use sqal_resilience::{Clock, SystemClock};
use sqal_storage::{StorageError, samples::InvalidCursor};
use tracing::error;

use crate::door::french::REQUESTS;
use crate::door::kinds;

/// A refusal of a route: the [`Problem`](protocol::Problem) that its client reads, as an answer.
///
/// ```
/// use axum::response::IntoResponse;
/// use sqal_http::Problem;
///
/// let problem = Problem::not_found("no such thing");
/// assert_eq!((problem.status, &*problem.kind), (404, "/problems/not-found"));
/// assert_eq!(problem.into_response().headers()["content-type"], "application/problem+json");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem(protocol::Problem);

/// The time between two lines of the log about a database that is broken.
const MINUTE: Duration = Duration::from_mins(1);

/// Marks the answer to a request of which nothing was done, or which can be repeated without harm.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NothingDone;

impl Problem {
    fn of(kind: &Kind, detail: impl Into<String>) -> Self {
        Self(protocol::Problem::of(kind, detail))
    }

    fn refusing(kind: &Kind, violations: Vec<Violation>) -> Self {
        Self(protocol::Problem::refusing(kind, violations, REQUESTS))
    }

    fn again_after(self, seconds: u32) -> Self {
        Self(self.0.again_after(seconds))
    }

    /// A query with values that are not valid.
    #[must_use]
    pub fn invalid_query(violations: Vec<Violation>) -> Self {
        Self::refusing(&kinds::INVALID_QUERY, violations)
    }

    /// A body that is not UTF-8.
    #[must_use]
    pub fn not_text() -> Self {
        Self::of(&kinds::NOT_TEXT, "the body is not UTF-8")
    }

    /// A batch of more frames or bytes than the limit.
    #[must_use]
    pub fn batch_too_large(found: &str, limit: &str) -> Self {
        let french = format!("au plus {}", limit.replace("frames", "trames").replace("bytes", "octets"));
        let violation = Violation::new("", found, format!("at most {limit}"), french);
        Self::refusing(&kinds::BATCH_TOO_LARGE, vec![violation])
    }

    /// A request that did not arrive in time.
    #[must_use]
    pub fn too_slow(what: &str) -> Self {
        Self::of(&kinds::TOO_SLOW, what)
    }

    /// The server already handles as many requests of this kind as it may at a time.
    #[must_use]
    pub fn busy(what: &str) -> Self {
        Self::of(&kinds::BUSY, what).again_after(1)
    }

    /// A resource that does not exist here.
    #[must_use]
    pub fn not_found(what: impl Into<String>) -> Self {
        Self::of(&kinds::NOT_FOUND, what)
    }

    /// A path that does not support the method.
    #[must_use]
    pub fn method_not_allowed() -> Self {
        Self::of(&kinds::METHOD_NOT_ALLOWED, "this path answers other methods")
    }

    /// A page of another site that would act as a device.
    #[must_use]
    pub fn forbidden_origin() -> Self {
        let detail = "a page of another site may not act as a device; a program sends its device's token in \
                      Authorization, or no Origin (arduinoWebSockets: webSocket.setExtraHeaders(\"\"))";
        Self::of(&kinds::FORBIDDEN_ORIGIN, detail)
    }

    /// A page whose origin differs from the host of this server, as far as the server can see. The
    /// detail says what differs.
    pub(crate) fn other_origin(detail: impl Into<String>) -> Self {
        Self::of(&kinds::FORBIDDEN_ORIGIN, detail)
    }

    /// A server without authentication was called under a host name that it does not have.
    pub(crate) fn unknown_host() -> Self {
        let detail = "this server has no tokens, so it answers under localhost, an address, or an allowed host name \
                      only: another name may belong to a page that reads through your browser";
        Self::of(&kinds::FORBIDDEN_ORIGIN, detail)
    }

    /// The caller is not authenticated.
    #[must_use]
    pub fn unauthorized() -> Self {
        Self::of(&kinds::UNAUTHORIZED, "the token is missing, wrong or expired")
    }

    /// The caller is not authenticated by what the detail says is missing.
    #[must_use]
    pub fn unknown_caller(detail: impl Into<String>) -> Self {
        Self::of(&kinds::UNAUTHORIZED, detail)
    }

    /// The caller is authenticated, but is not permitted to do this.
    #[must_use]
    pub fn not_allowed(what: impl Into<String>) -> Self {
        Self(protocol::Problem::not_allowed(what))
    }

    /// The caller has called a path more often than the quota allows.
    #[must_use]
    pub fn too_many_requests(retry_after: Option<u64>) -> Self {
        let detail = "this path was called more often than its quota allows";
        Self(protocol::Problem { detail: detail.to_owned(), ..protocol::Problem::too_many_requests(retry_after) })
    }

    /// An older path that was switched off.
    #[must_use]
    pub fn gone(successor: &str) -> Self {
        Self::of(&kinds::GONE, format!("use {successor}"))
    }

    /// A body with one value that is not valid.
    #[must_use]
    pub fn wrong(
        pointer: impl Into<String>,
        found: impl fmt::Display,
        limit: impl Into<String>,
        french: impl Into<String>,
    ) -> Self {
        Self::invalid_body(vec![Violation::new(pointer, found, limit, french)])
    }

    /// A body with values that are not valid.
    #[must_use]
    pub fn invalid_body(violations: Vec<Violation>) -> Self {
        Self::refusing(&kinds::INVALID_BODY, violations)
    }

    /// A body in a content coding that is not supported.
    #[must_use]
    pub fn unsupported_coding(found: &str) -> Self {
        let found = cut(found.to_owned(), 120);
        Self::of(&kinds::UNSUPPORTED_CODING, format!("the Content-Encoding of the body is {found}: expected gzip"))
    }

    /// A body of more bytes than the limit.
    #[must_use]
    pub fn body_too_large(limit: usize) -> Self {
        Self::part_too_large("", format!("more than {limit} bytes"), limit)
    }

    /// A body of which a part has more bytes than the limit.
    #[must_use]
    pub fn part_too_large(pointer: impl Into<String>, found: impl fmt::Display, limit: usize) -> Self {
        let french = format!("au plus {limit} octets");
        let violation = Violation::new(pointer, found, format!("at most {limit} bytes"), french);
        Self::refusing(&kinds::BODY_TOO_LARGE, vec![violation])
    }

    /// A body of a media type that the path does not read. `expected` names those that it reads.
    #[must_use]
    pub fn unsupported_media(found: &str, expected: &str) -> Self {
        let found = cut(found.to_owned(), 120);
        let detail = format!("the Content-Type of the body is {found}: expected {expected}");
        Self::of(&kinds::UNSUPPORTED_MEDIA, detail)
    }

    /// A change that the state of the resource does not allow.
    #[must_use]
    pub fn change_refused(violations: Vec<Violation>) -> Self {
        Self::refusing(&kinds::CHANGE_REFUSED, violations)
    }

    /// Personal data that cannot be kept, because the server has no key to seal them.
    #[must_use]
    pub fn no_key(violations: Vec<Violation>) -> Self {
        Self::refusing(&kinds::NO_KEY, violations)
    }

    /// A change that does not name the state that it changes.
    #[must_use]
    pub fn precondition_required() -> Self {
        Self::of(&kinds::PRECONDITION_REQUIRED, "If-Match is missing; for a new resource send If-None-Match")
    }

    /// A change of a state that was changed meanwhile.
    #[must_use]
    pub fn precondition_failed() -> Self {
        Self::of(&kinds::PRECONDITION_FAILED, "the resource has changed: read it again")
    }

    /// A decision that a newer program has written.
    #[must_use]
    pub fn decision_unreadable(number: u32) -> Self {
        Self::of(&kinds::DECISION_UNREADABLE, format!("this program cannot read decision {number}"))
    }

    /// A schedule whose record a newer program has written.
    #[must_use]
    pub(crate) fn schedule_unreadable(what: impl Into<String>) -> Self {
        Self::of(&kinds::SCHEDULE_UNREADABLE, what).again_after(60)
    }

    /// An alert, a silence or a bug that a newer program has written.
    #[must_use]
    pub fn record_unreadable(what: impl Into<String>) -> Self {
        Self::of(&kinds::RECORD_UNREADABLE, what).again_after(60)
    }

    /// An alert or a silence that has ended.
    #[must_use]
    pub fn ended(what: impl Into<String>) -> Self {
        Self::of(&kinds::ENDED, what)
    }

    /// A request that is already under way under the same `Idempotency-Key`.
    #[must_use]
    pub fn key_under_way() -> Self {
        Self::of(&kinds::KEY_UNDER_WAY, "a request with this Idempotency-Key is under way").again_after(1)
    }

    /// An `Idempotency-Key` that belongs to another request.
    #[must_use]
    pub fn key_reused() -> Self {
        Self::of(&kinds::KEY_REUSED, "this Idempotency-Key belongs to another request")
    }

    /// A device that is not connected to this server.
    #[must_use]
    pub fn device_away(device: &DeviceId) -> Self {
        Self::of(&kinds::DEVICE_AWAY, format!("{device} has no connection to this server")).again_after(5)
    }

    /// A device that received a command and did not answer in time.
    #[must_use]
    pub fn device_silent(device: &DeviceId, seconds: f64) -> Self {
        let detail = format!("{device} did not answer in {seconds} s; it may have executed the command");
        Self::of(&kinds::DEVICE_SILENT, detail)
    }

    /// An internal error of the server.
    #[must_use]
    pub fn broken(what: &str) -> Self {
        Self::of(&kinds::BROKEN_OFF, what)
    }

    /// The process is ending.
    #[must_use]
    pub fn shutting_down() -> Self {
        Self(protocol::Problem::shutting_down())
    }
}

/// What the client reads.
impl Deref for Problem {
    type Target = protocol::Problem;

    fn deref(&self) -> &protocol::Problem {
        &self.0
    }
}

impl DerefMut for Problem {
    fn deref_mut(&mut self) -> &mut protocol::Problem {
        &mut self.0
    }
}

impl From<protocol::Problem> for Problem {
    fn from(problem: protocol::Problem) -> Self {
        Self(problem)
    }
}

impl From<Problem> for protocol::Problem {
    fn from(Problem(problem): Problem) -> Self {
        problem
    }
}

impl From<StorageError> for Problem {
    fn from(error: StorageError) -> Self {
        if error.is_transient() {
            let detail = "the database did not answer in time";
            Self::of(&STORAGE_UNAVAILABLE, detail).again_after(seconds_to_retry(&error))
        } else {
            tell(&error);
            Self::of(&kinds::STORAGE_FAILED, "the database is broken; the log names the fault").again_after(60)
        }
    }
}

/// Logs why the database failed, at most once a minute: while it is broken, every answer says so.
fn tell(error: &StorageError) {
    static LAST: Mutex<Option<(Instant, u64)>> = Mutex::new(None);
    let (mut last, now) = (LAST.lock().unwrap_or_else(PoisonError::into_inner), SystemClock.now());
    let left_out = match &mut *last {
        Some((at, left_out)) if now.saturating_duration_since(*at) < MINUTE => {
            *left_out += 1;
            return;
        }
        Some((_, left_out)) => *left_out,
        None => 0,
    };
    *last = Some((now, 0));
    drop(last);
    error!(error = %Causes::of(error), left_out, "the database failed");
}

impl From<DecisionError> for Problem {
    fn from(error: DecisionError) -> Self {
        match error {
            DecisionError::Storage(error) => error.into(),
            DecisionError::Unreadable(number) => Self::decision_unreadable(number),
            _ => Self::broken("the decision cannot be read"),
        }
    }
}

/// The violation of a cursor that is none.
pub(crate) fn no_cursor(why: InvalidCursor) -> Violation {
    Violation::new("?after", "no cursor", why.to_string(), "le champ next d'une page précédente")
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after = self.retry_after;
        // If the request is sent again under the same key, it must be executed.
        let nothing_done = status == StatusCode::SERVICE_UNAVAILABLE || &*self.kind == "/problems/device-away";
        let mut response = (status, axum::Json(self)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if nothing_done {
            response.extensions_mut().insert(NothingDone);
        }
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqal_core::Channel;
    use sqal_grading::{Profile, Profiles};
    use sqal_sensors::calibration::{EmptyTrayError, WhiteTileError};

    /// Words that occur in English phrases and in no French one.
    const ENGLISH: [&str; 9] = ["the", "of", "at", "are", "is", "needed", "expected", "frames", "readings"];

    fn assert_french(found: &str) {
        let text = REQUESTS.refused(found, "un profil");
        let english: Vec<_> =
            text.split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|word| ENGLISH.contains(word)).collect();
        assert!(english.is_empty(), "{found:?} is {text:?}, in which {english:?} is English");
        assert!(text.ends_with(" ; attendu : un profil"), "{text}");
    }

    #[test]
    fn what_calibrations_and_profiles_refuse_is_told_in_french() {
        let trays = [
            EmptyTrayError::TooFew(12),
            EmptyTrayError::Blind { zone: 3, seen: 4, frames: 60 },
            EmptyTrayError::StillWarming { change_mm: 1.25 },
        ];
        let tiles = [
            WhiteTileError::TooFew(2),
            WhiteTileError::NoDark,
            WhiteTileError::Saturated(Channel::F5),
            WhiteTileError::Dim { channel: Channel::F1, counts: 12.5 },
            WhiteTileError::Reflectance(1.5),
            WhiteTileError::StillWarming { percent: 2.5 },
        ];
        let texts = trays.iter().map(ToString::to_string).chain(tiles.iter().map(ToString::to_string));
        texts.for_each(|text| assert_french(&text));
        let mut profile = Profile::example();
        profile.spectral.shot_noise = -0.5;
        let refused = Profiles::new([("foie".parse().unwrap(), profile)]).unwrap_err().to_string();
        assert_french(&refused);
        assert_eq!(
            REQUESTS.refused(&refused, "un profil"),
            "profil foie : spectral.shot_noise vaut -0,5, attendu : un nombre positif inférieur à 1e12 ; attendu : un profil"
        );
        let mut profile = Profile::example();
        profile.spectral.anchors = None;
        let refused = Profiles::new([("foie".parse().unwrap(), profile)]).unwrap_err().to_string();
        assert_eq!(
            REQUESTS.refused(&refused, "un profil"),
            "profil foie : spectral.oxidation demande spectral.anchors, absent du profil ; attendu : un profil"
        );
        let mut profile = Profile::example();
        profile.scale = sqal_core::grade::GradeScale::new(0.9, 0.8, 0.7, 0.6).unwrap();
        let refused = Profiles::new([("foie".parse().unwrap(), profile)]).unwrap_err().to_string();
        assert_eq!(
            REQUESTS.refused(&refused, "un profil"),
            "profil foie : tof.scale n'est pas l'échelle du profil : l'omettre, ou donner les mêmes nombres ; attendu : un profil"
        );
        for refused in [
            sqal_sensors::profile::InvalidRotation(45).to_string(),
            sqal_fusion::SensorWeights::new(-1.0, 1.0).unwrap_err().to_string(),
            "spectral.weights.freshness needs spectral.oxidation or spectral.color_target, which is not given"
                .to_owned(),
        ] {
            assert_french(&refused);
        }
        assert_eq!(
            REQUESTS.refused(&EmptyTrayError::TooFew(12).to_string(), "des mesures d'un plateau vide"),
            "12 mesures du plateau vide : il en faut au moins 30 ; attendu : des mesures d'un plateau vide"
        );
    }
}
