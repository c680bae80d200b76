//! [`Problem`]: every refusal in one shape, RFC 9457 with documented French members (API-07).

use std::collections::BTreeMap;

use serde::Serialize;

use crate::french::Dictionary;
use crate::kinds::{self, Kind};
use crate::violation::Violation;

/// A device whose clock or profile disagrees sends again after this number of seconds.
const SOON: u32 = 5;

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

impl Problem {
    /// A problem of a kind: what happened in this case.
    #[must_use]
    pub fn of(kind: &Kind, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("/problems/{}", kind.name).into(),
            title: kind.title,
            status: kind.status,
            detail: detail.into(),
            violations: Vec::new(),
            message: None,
            errors: Box::default(),
            retry_after: None,
            kept: false,
        }
    }

    /// A problem of a kind: values that are not valid. The dictionary has the French of what was
    /// found.
    #[must_use]
    pub fn refusing(kind: &Kind, violations: Vec<Violation>, dictionary: Dictionary) -> Self {
        let one = |v: &Violation| {
            let what = if v.pointer.is_empty() { kind.whole } else { &v.pointer };
            format!("{what} is {}: expected {}", v.value, v.limit)
        };
        let mut problem = Self::of(kind, violations.iter().map(one).collect::<Vec<_>>().join("; "));
        for violation in &violations {
            let field = violation.pointer.trim_start_matches(['/', '?']).replace('/', ".");
            let text = dictionary.refused(&violation.value, &violation.french);
            problem.errors.entry(field).or_default().push(text);
        }
        problem.message = Some("Erreur de validation des données");
        problem.violations = violations;
        problem
    }

    /// The problem of a request that may succeed after this number of seconds.
    #[must_use]
    pub fn again_after(self, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// A frame with values that are not valid.
    #[must_use]
    pub fn invalid_frame(violations: Vec<Violation>) -> Self {
        Self::refusing(&kinds::INVALID_FRAME, violations, Dictionary::FRAMES)
    }

    /// A frame whose time is too far ahead of the server's clock.
    #[must_use]
    pub fn clock_disagrees(violation: Violation) -> Self {
        let message =
            "Les horloges de l'appareil et du serveur ne concordent pas : l'appareil garde la trame et la renvoie";
        let problem = Self::refusing(&kinds::CLOCK_DISAGREES, vec![violation], Dictionary::FRAMES);
        Self { message: Some(message), ..problem.again_after(SOON) }
    }

    /// A frame whose profile is not known to this server.
    #[must_use]
    pub fn profile_unknown_here(violation: Violation) -> Self {
        let message = "Ce profil n'est pas connu de ce serveur : l'appareil garde la trame et la renvoie";
        let problem = Self::refusing(&kinds::PROFILE_UNKNOWN_HERE, vec![violation], Dictionary::FRAMES);
        Self { message: Some(message), ..problem.again_after(SOON) }
    }

    /// A frame of more bytes than the limit.
    #[must_use]
    pub fn frame_too_large(bytes: usize, limit: usize) -> Self {
        let (found, french) = (format!("{bytes} bytes"), format!("au plus {limit} octets"));
        let violation = Violation::new("", found, format!("at most {limit} bytes"), french);
        Self::refusing(&kinds::FRAME_TOO_LARGE, vec![violation], Dictionary::FRAMES)
    }

    /// The caller is authenticated, but is not permitted to do this.
    #[must_use]
    pub fn not_allowed(what: impl Into<String>) -> Self {
        Self::of(&kinds::NOT_ALLOWED, what)
    }

    /// The caller has sent more often than the quota allows.
    #[must_use]
    pub fn too_many_requests(retry_after: Option<u64>) -> Self {
        let seconds = retry_after.map_or(u32::MAX, |seconds| u32::try_from(seconds).unwrap_or(u32::MAX));
        let detail = "the caller has sent more often than the quota allows; try again after `retry_after` seconds";
        Self::of(&kinds::TOO_MANY_REQUESTS, detail).again_after(seconds)
    }

    /// A token, or an address without one, has connected more often than its quota allows.
    #[must_use]
    pub fn too_many_connections(retry_after: Option<u64>) -> Self {
        let detail = "this token, or this address without a token, has connected more often than its quota allows";
        Self { detail: detail.to_owned(), ..Self::too_many_requests(retry_after) }
    }

    /// A sample that the database refuses because of its content.
    #[must_use]
    pub fn storage_refused() -> Self {
        Self::of(&kinds::STORAGE_REFUSED, "the database refuses this sample; the log says why")
    }

    /// A sample that cannot be stored or read now, and may be after this number of seconds.
    #[must_use]
    pub fn storage_unavailable(detail: &str, seconds: u32) -> Self {
        Self::of(&kinds::STORAGE_UNAVAILABLE, detail).again_after(seconds)
    }

    /// A sample whose device, time and name were stored before with another reading.
    #[must_use]
    pub fn name_taken() -> Self {
        let message = "Cet appareil, cette heure et ce nom sont déjà pris par un autre relevé";
        let problem = Self::of(&kinds::NAME_TAKEN, "this device, time and name are taken by another reading");
        Self { message: Some(message), ..problem }
    }

    /// The process is ending.
    #[must_use]
    pub fn shutting_down() -> Self {
        Self::of(&kinds::SHUTTING_DOWN, "the server is shutting down; connect again").again_after(5)
    }
}
