//! [`Problem`]: every refusal in one shape, RFC 9457 with documented French members (API-07).

use std::collections::BTreeMap;
use std::fmt;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sqal_core::DeviceId;
use sqal_storage::{StorageError, StorageErrorKind, WriteError, samples::InvalidCursor};

use crate::found::refused_in_french;

/// A device whose clock or profile disagrees sends again after this number of seconds.
const SOON: u32 = 5;

/// One error in a request: the place, the value found, and the limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Violation {
    /// A JSON pointer (RFC 6901) into the body, `?name` for a query parameter, or the name of a
    /// header field.
    pub pointer: String,
    /// The value found.
    pub value: String,
    /// The limit: what a valid value would be.
    pub limit: String,
    #[serde(skip)]
    french: String,
}

impl Violation {
    /// A violation with its limit in English and French.
    pub fn new(
        pointer: impl Into<String>,
        value: impl fmt::Display,
        limit: impl Into<String>,
        french: impl Into<String>,
    ) -> Self {
        // The client's text is echoed, but not megabytes of it.
        let (pointer, value) = (cut(pointer.into(), 120), cut(value.to_string(), 240));
        Self { pointer, value, limit: limit.into(), french: french.into() }
    }
}

/// Cuts a text to at most this number of characters.
fn cut(mut text: String, most: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(most) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// A refusal as a client reads it. Details that only the log may show are not in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// The kind of problem, as a path to its explanation.
    #[serde(rename = "type")]
    pub kind: Box<str>,
    /// The kind in words.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What happened in this case.
    pub detail: String,
    /// All errors in the request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<Violation>,
    /// The documented French summary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<&'static str>,
    /// The documented French messages by field.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub errors: Box<BTreeMap<String, Vec<String>>>,
    /// After how many seconds the same request may succeed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
    /// Whether the server keeps a copy of the frame for a later replay. A device whose memory is
    /// full forgets such a frame first.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub kept: bool,
}

/// Marks the answer to a request of which nothing was done, or which can be repeated without harm.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NothingDone;

/// The kinds of problems: name, status, title, and the text of the page at their type.
pub(crate) const KINDS: [(&str, u16, &str, &str); 31] = [
    (
        "invalid-frame",
        400,
        "The frame is not valid",
        "A device sent a frame with a value that cannot be. Each violation names the place as a JSON pointer, the value found, and the limit. Correct the device; sending the same frame again has the same answer.",
    ),
    (
        "frame-too-large",
        413,
        "The frame is too large",
        "A frame was larger than the limit named. A documented frame has about 4 KB.",
    ),
    (
        "clock-disagrees",
        503,
        "The clocks of device and server disagree",
        "The frame is of a time too far ahead of the server's clock. One of the two clocks is wrong, and the frame does not say which: it stays in the device, which sends it again after the time named. Set the clocks of the server and of the device by one time service.",
    ),
    (
        "profile-unknown-here",
        503,
        "The profile is not known on this server",
        "The frame names a profile that this server does not have. It may be mistyped here or in the device, or not be in force yet: the frame stays in the device, which sends it again after the time named.",
    ),
    ("not-text", 400, "The body is not text", "The body is not UTF-8. A batch is NDJSON: one documented frame a line."),
    (
        "batch-too-large",
        413,
        "The batch is too large",
        "A batch had more frames or bytes than the limit named. Nothing of it was taken; send it in parts.",
    ),
    (
        "too-slow",
        408,
        "The request took too long",
        "The body did not come in time, or broke off. Nothing of it was taken; send it again.",
    ),
    (
        "busy",
        503,
        "Too much is under way",
        "As many requests of this kind as are taken at a time are under way. Nothing of this one was taken; send it again after the time named.",
    ),
    (
        "invalid-query",
        400,
        "The query is not valid",
        "A query parameter, or a field of the head, has a value that cannot be. Each violation names it, the value found, and the limit.",
    ),
    ("not-found", 404, "There is no such thing", "The path or the id is not known here."),
    (
        "storage-unavailable",
        503,
        "Samples cannot be stored or read now",
        "The database did not answer in time. Nothing was acknowledged; send the same again after the time named. Sending twice does no harm.",
    ),
    (
        "storage-refused",
        500,
        "The sample cannot be stored",
        "The database refuses this sample whenever it is offered. It was not acknowledged; tell the operator.",
    ),
    (
        "name-taken",
        409,
        "This device, time and name are taken by another reading",
        "A sample with this device, time and name was stored before, and its reading is another: both sensors, meta and config_profile are compared. The stored one stays. This one was not stored; it is kept as a dead letter. Look for two devices with one device_id, or for a counter and a clock that both start again.",
    ),
    (
        "storage-failed",
        503,
        "The database is broken",
        "The database answered with something other than samples: its file is damaged, was replaced, or belongs to a newer program. Nothing is acknowledged; devices keep what they have. Somebody must look: the log says what was found.",
    ),
    (
        "method-not-allowed",
        405,
        "The method is not allowed here",
        "The path exists, and answers other methods; the header Allow names them.",
    ),
    (
        "forbidden-origin",
        403,
        "A page of another site may not connect",
        "A browser tried to send frames for a page that this server did not send, or under a name instead of an address. Devices and programs send no Origin.",
    ),
    (
        "unauthorized",
        401,
        "It is not known who you are",
        "This server asks for a token: Authorization: Bearer <token>, or in a browser the form of the page. The one that was sent is missing, wrong, or over.",
    ),
    (
        "not-allowed",
        403,
        "You may not do this",
        "The token is known, and is for something else: a device hands in its own samples, a gateway those of any device, and people do what their role says.",
    ),
    (
        "too-many-requests",
        429,
        "Too many requests",
        "This path was called more often than its quota allows. The fields RateLimit-Policy and RateLimit say how often and how much is left; try again after Retry-After.",
    ),
    (
        "gone",
        410,
        "This older path is switched off",
        "Whoever runs this server has switched the un-versioned paths off. The field Link names the path that takes its place, with the same answer.",
    ),
    (
        "invalid-body",
        400,
        "The body is not valid",
        "The body has a value that cannot be. Each violation names the place as a JSON pointer, the value found, and the limit.",
    ),
    (
        "unsupported-coding",
        415,
        "The coding of the body is not known",
        "The body has a Content-Encoding other than gzip. Send it as it is, or packed as gzip, as Accept-Encoding says.",
    ),
    (
        "precondition-required",
        428,
        "Name what you have seen",
        "This changes something that others may change too. Read it, and send its ETag as If-Match; for something new send If-None-Match: *.",
    ),
    (
        "precondition-failed",
        412,
        "It is not any more what you have seen",
        "Somebody else was first, or it is there already: read it again, and decide again.",
    ),
    (
        "decision-unreadable",
        409,
        "This program cannot read what was decided",
        "The last decision was made with a newer program, and whoever cannot read it has not seen it. Bring this server up to date, then decide.",
    ),
    (
        "key-under-way",
        409,
        "The same request is under way",
        "A request with this Idempotency-Key has not been answered yet. Ask again after the time named: the answer will be the same.",
    ),
    (
        "key-reused",
        422,
        "The key belongs to another request",
        "This Idempotency-Key came with another path or body before. A key is for one request and its repetitions.",
    ),
    (
        "device-away",
        409,
        "The device is not connected",
        "The device has no connection to this server, so nothing can be asked of it. Try again when it is online.",
    ),
    (
        "device-silent",
        504,
        "The device did not answer in time",
        "The device was asked and has not answered. It may have done what it was asked all the same: ask for its state before asking again.",
    ),
    (
        "broken-off",
        500,
        "The server made a mistake",
        "Something broke that should not. The log says what; tell the operator.",
    ),
    (
        "shutting-down",
        503,
        "The server is shutting down",
        "The server finishes what is under way and takes nothing new. Connect again.",
    ),
];

impl Problem {
    fn of(name: &'static str, detail: impl Into<String>) -> Self {
        let (_, status, title, _) = KINDS.into_iter().find(|(known, ..)| *known == name).unwrap_or(KINDS[0]);
        Self {
            kind: format!("/problems/{name}").into(),
            title,
            status,
            detail: detail.into(),
            violations: Vec::new(),
            message: None,
            errors: Box::default(),
            retry_after: None,
            kept: false,
        }
    }

    fn with_violations(name: &'static str, violations: Vec<Violation>) -> Self {
        let whole = match name {
            "batch-too-large" => "the batch",
            "invalid-query" => "the request",
            "invalid-body" => "the body",
            _ => "the frame",
        };
        let one = |v: &Violation| {
            let what = if v.pointer.is_empty() { whole } else { &v.pointer };
            format!("{what} is {}: expected {}", v.value, v.limit)
        };
        let mut problem = Self::of(name, violations.iter().map(one).collect::<Vec<_>>().join("; "));
        for violation in &violations {
            let field = violation.pointer.trim_start_matches(['/', '?']).replace('/', ".");
            let text = refused_in_french(&violation.value, &violation.french);
            problem.errors.entry(field).or_default().push(text);
        }
        problem.message = Some("Erreur de validation des données");
        problem.violations = violations;
        problem
    }

    /// A frame with values that are not valid.
    #[must_use]
    pub fn invalid_frame(violations: Vec<Violation>) -> Self {
        Self::with_violations("invalid-frame", violations)
    }

    /// A query with values that are not valid.
    #[must_use]
    pub fn invalid_query(violations: Vec<Violation>) -> Self {
        Self::with_violations("invalid-query", violations)
    }

    /// A frame whose time is too far ahead of the server's clock.
    #[must_use]
    pub fn clock_disagrees(violation: Violation) -> Self {
        let message =
            "Les horloges de l'appareil et du serveur ne concordent pas : l'appareil garde la trame et la renvoie";
        Self {
            message: Some(message),
            retry_after: Some(SOON),
            ..Self::with_violations("clock-disagrees", vec![violation])
        }
    }

    /// A frame whose profile is not known to this server.
    #[must_use]
    pub fn profile_unknown_here(violation: Violation) -> Self {
        let message = "Ce profil n'est pas connu de ce serveur : l'appareil garde la trame et la renvoie";
        Self {
            message: Some(message),
            retry_after: Some(SOON),
            ..Self::with_violations("profile-unknown-here", vec![violation])
        }
    }

    /// A frame of more bytes than the limit.
    #[must_use]
    pub fn frame_too_large(bytes: usize, limit: usize) -> Self {
        let violation = Violation::new(
            "",
            format!("{bytes} bytes"),
            format!("at most {limit} bytes"),
            format!("au plus {limit} octets"),
        );
        Self::with_violations("frame-too-large", vec![violation])
    }

    /// A body that is not UTF-8.
    #[must_use]
    pub fn not_text() -> Self {
        Self::of("not-text", "the body is not UTF-8")
    }

    /// A batch of more frames or bytes than the limit.
    #[must_use]
    pub fn batch_too_large(found: &str, limit: &str) -> Self {
        let french = format!("au plus {}", limit.replace("frames", "trames").replace("bytes", "octets"));
        Self::with_violations("batch-too-large", vec![Violation::new("", found, format!("at most {limit}"), french)])
    }

    /// A request that did not arrive in time.
    #[must_use]
    pub fn too_slow(what: &str) -> Self {
        Self::of("too-slow", what)
    }

    /// The server already handles as many requests of this kind as it may at a time.
    #[must_use]
    pub fn busy(what: &str) -> Self {
        Self { retry_after: Some(1), ..Self::of("busy", what) }
    }

    /// A resource that does not exist here.
    #[must_use]
    pub fn not_found(what: impl Into<String>) -> Self {
        Self::of("not-found", what)
    }

    /// A path that does not support the method.
    #[must_use]
    pub fn method_not_allowed() -> Self {
        Self::of("method-not-allowed", "this path answers other methods")
    }

    /// A page of another site that would act as a device.
    #[must_use]
    pub fn forbidden_origin() -> Self {
        let detail = "a page of another site may not speak as a device; a program shows its device's token in Authorization, or sends no Origin (arduinoWebSockets: \
                      webSocket.setExtraHeaders(\"\"))";
        Self::of("forbidden-origin", detail)
    }

    /// A page whose origin differs from the host of this server, as far as the server can see. The
    /// detail says what differs.
    pub(crate) fn other_origin(detail: impl Into<String>) -> Self {
        Self::of("forbidden-origin", detail)
    }

    /// A server without authentication was called under a host name that it does not have.
    pub(crate) fn unknown_host() -> Self {
        let detail = "this server asks nobody who they are, so it answers under localhost, an address, or an allowed name only (SQAL_ALLOWED_HOSTS of sqal-server): \
                      another name may be that of a page that reads through your browser";
        Self::of("forbidden-origin", detail)
    }

    /// The caller is not authenticated.
    #[must_use]
    pub fn unauthorized() -> Self {
        Self::of("unauthorized", "a token is missing, wrong, or over")
    }

    /// The caller is authenticated, but is not permitted to do this.
    #[must_use]
    pub fn not_allowed(what: impl Into<String>) -> Self {
        Self::of("not-allowed", what)
    }

    /// The caller has called more often than the quota allows.
    #[must_use]
    pub fn too_many_requests(retry_after: Option<u64>) -> Self {
        let seconds = retry_after.map_or(u32::MAX, |seconds| u32::try_from(seconds).unwrap_or(u32::MAX));
        let detail = "this path was called more often than its quota allows";
        Self { retry_after: Some(seconds), ..Self::of("too-many-requests", detail) }
    }

    /// A token, or an address without one, has connected more often than its quota allows.
    #[must_use]
    pub fn too_many_connections(retry_after: Option<u64>) -> Self {
        let detail = "this token, or this address without a token, has connected more often than its quota allows";
        Self { detail: detail.to_owned(), ..Self::too_many_requests(retry_after) }
    }

    /// An older path that was switched off.
    #[must_use]
    pub fn gone(successor: &str) -> Self {
        Self::of("gone", format!("use {successor}"))
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
        Self::with_violations("invalid-body", violations)
    }

    /// A body in a content coding that is not supported.
    #[must_use]
    pub fn unsupported_coding(found: &str) -> Self {
        let found = cut(found.to_owned(), 120);
        Self::of("unsupported-coding", format!("the body's Content-Encoding is {found}: gzip is known"))
    }

    /// A change that does not name the state that it changes.
    #[must_use]
    pub fn precondition_required() -> Self {
        Self::of("precondition-required", "If-Match is missing (for something new: If-None-Match)")
    }

    /// A change of a state that was changed meanwhile.
    #[must_use]
    pub fn precondition_failed() -> Self {
        Self::of("precondition-failed", "this is not what is there now: read it again")
    }

    /// A decision that a newer program has written.
    #[must_use]
    pub fn decision_unreadable(number: u32) -> Self {
        Self::of("decision-unreadable", format!("decision {number} cannot be read by this program"))
    }

    /// A request that is already under way under the same `Idempotency-Key`.
    #[must_use]
    pub fn key_under_way() -> Self {
        Self { retry_after: Some(1), ..Self::of("key-under-way", "a request with this Idempotency-Key is under way") }
    }

    /// An `Idempotency-Key` that belongs to another request.
    #[must_use]
    pub fn key_reused() -> Self {
        Self::of("key-reused", "this Idempotency-Key came with another request before")
    }

    /// A device that is not connected to this server.
    #[must_use]
    pub fn device_away(device: &DeviceId) -> Self {
        let detail = format!("{device} has no connection to this server");
        Self { retry_after: Some(5), ..Self::of("device-away", detail) }
    }

    /// A device that received a command and did not answer in time.
    #[must_use]
    pub fn device_silent(device: &DeviceId, seconds: f64) -> Self {
        Self::of("device-silent", format!("{device} did not answer in {seconds} s; it may have done it all the same"))
    }

    /// A sample that the database refuses because of its content.
    #[must_use]
    pub fn storage_refused() -> Self {
        Self::of("storage-refused", "the database refuses this sample; the log says why")
    }

    /// A sample whose device, time and name were stored before with another reading.
    #[must_use]
    pub fn name_taken() -> Self {
        let message = "Cet appareil, cette heure et ce nom sont déjà pris par un autre relevé";
        Self {
            message: Some(message),
            ..Self::of("name-taken", "this device, time and name are taken by another reading")
        }
    }

    /// An internal error of the server.
    #[must_use]
    pub(crate) fn broken(what: &str) -> Self {
        Self::of("broken-off", what)
    }

    /// The process is ending.
    #[must_use]
    pub fn shutting_down() -> Self {
        Self { retry_after: Some(5), ..Self::of("shutting-down", "the server is ending; connect again") }
    }
}

impl From<StorageError> for Problem {
    fn from(error: StorageError) -> Self {
        let after = error.retry_after.map_or(5, |after| u32::try_from(after.as_secs() + 1).unwrap_or(u32::MAX));
        if error.is_transient() {
            Self { retry_after: Some(after), ..Self::of("storage-unavailable", "the database did not answer in time") }
        } else {
            tracing::error!(?error, "storage failed");
            Self { retry_after: Some(60), ..Self::of("storage-failed", "the database is broken; the log says how") }
        }
    }
}

impl From<WriteError> for Problem {
    fn from(why: WriteError) -> Self {
        match why {
            WriteError::Refused(_) => Self::storage_refused(),
            WriteError::Stopped => Self::shutting_down(),
            WriteError::Unavailable(error) => {
                let after = error.retry_after.map_or(5, |after| u32::try_from(after.as_secs() + 1).unwrap_or(u32::MAX));
                let detail = match error.kind {
                    StorageErrorKind::Full => "the database's disk is full",
                    StorageErrorKind::FileGone => "the database's file was removed or replaced while it was open",
                    _ => "the database did not take it in time",
                };
                Self { retry_after: Some(after), ..Self::of("storage-unavailable", detail) }
            }
            _ => {
                Self { retry_after: Some(5), ..Self::of("storage-unavailable", "the database did not take it in time") }
            }
        }
    }
}

impl From<InvalidCursor> for Violation {
    fn from(why: InvalidCursor) -> Self {
        Self::new("?after", "no cursor", why.to_string(), "le champ next d'une page précédente")
    }
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
