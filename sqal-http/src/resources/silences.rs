//! `/api/v1/silences`: alerts that are not told for a time; they stay in the list of alerts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use sqal_alerts::state::{self, InvalidSilence, SilenceBookError, SilenceId, SilenceTerms};
use sqal_core::Timestamp;
use sqal_protocol::Violation;
use sqal_protocol::time::{parse, rfc3339};

use super::remarks::{read, remark};
use crate::door::caller::Caller;
use crate::door::deeds::actor;
use crate::door::problem::Problem;
use crate::door::quota::Class;
use crate::route::objective::Objective;
use crate::route::of_alerts::SILENCE;
use crate::route::{ENGINEER, Endpoint, VIEWER, get, post};
use crate::services::Services;

/// The routes of silences.
pub(crate) fn routes() -> Vec<Endpoint> {
    vec![
        get("/api/v1/silences", VIEWER, Class::Read, list)
            .objective(Objective::MANY)
            .described("listSilences", "Alerts", "The silences that are in force or will be")
            .gives::<SilenceList>()
            .line("`items`: the silences that are in force or will be, in the order of their beginnings", "0"),
        post("/api/v1/silences", ENGINEER, Class::Create, add)
            .objective(Objective::LONG)
            .once_per_key()
            .queries(13)
            .described("addSilence", "Alerts", "Silence alerts for a time")
            .takes::<NewSilence>("Which alerts, why, and until when")
            .changes_or_makes::<Silence>()
            .problems(&[400, 404, 408])
            .line(
                "`{\"matchers\":{\"device\":\"…\"},\"reason\":\"…\",\"until\":\"…\"}`: alerts that have these labels are \
                 not told until then, at most 30 days; `alertname` and `severity` are labels too. With `from` it begins \
                 later, at most 30 days ahead. 201; 200 with the silence that is there, if the caller asks for an equal \
                 one again. At most 500 silences",
                "",
            )
            .good_call("/api/v1/silences", 400)
            .bad_call("PUT", "/api/v1/silences", 405),
        get("/api/v1/silences/{id}", VIEWER, Class::Read, one)
            .objective(Objective::ONE)
            .described("getSilence", "Alerts", "One silence, also if it is over")
            .parameters(&[SILENCE])
            .gives::<Silence>()
            .problems(&[404])
            .line("one silence, as in the list, also if it is over", "0")
            .good_call("/api/v1/silences/none", 404)
            .bad_call("PUT", "/api/v1/silences/none", 405),
        post("/api/v1/silences/{id}/end", ENGINEER, Class::Create, end)
            .objective(Objective::LONG)
            .queries(11)
            .described("endSilence", "Alerts", "End a silence before its time")
            .parameters(&[SILENCE])
            .takes::<SilenceEnding>("Why")
            .gives::<Silence>()
            .problems(&[400, 404, 408, 409])
            .line("`{\"reason\":\"…\"}`: ends the silence now; 409 if it is over", "")
            .good_call("/api/v1/silences/none/end", 404)
            .bad_call("PUT", "/api/v1/silences/none/end", 405),
    ]
}

/// A silence to add.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a silence: matchers, reason, from, until")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct NewSilence {
    /// The labels, each with its value, that an alert must have: 1 to 16.
    matchers: BTreeMap<String, String>,
    /// Why the alerts are not told: more than blanks, without control characters.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 500))]
    reason: String,
    /// The beginning, RFC 3339; the present time if it is missing.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(format = "date-time"))]
    from: Option<String>,
    /// The end, RFC 3339.
    #[cfg_attr(feature = "openapi", schema(format = "date-time"))]
    until: String,
}

/// Why a silence is ended.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an end: reason")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct SilenceEnding {
    /// Why: more than blanks, without control characters.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 500))]
    reason: String,
}

/// A silence as clients read it.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Silence {
    id: String,
    /// The labels, each with its value, that an alert must have; `alertkey` is the key of one
    /// alert.
    matchers: BTreeMap<String, String>,
    reason: String,
    /// The person who asked for it.
    by: String,
    added_at: String,
    from: String,
    until: String,
    /// Whether it is in force now.
    active: bool,
    /// Its end before its time, if a person ended it.
    ended: Option<EndOfSilence>,
}

/// The end of a silence before its time.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct EndOfSilence {
    by: String,
    at: String,
    reason: String,
}

/// Silences, in the order of their beginnings.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct SilenceList {
    items: Vec<Silence>,
}

impl Silence {
    /// A silence as it is at a time.
    pub(super) fn of(silence: &state::Silence, now: Timestamp) -> Self {
        Self {
            id: silence.id().to_string(),
            matchers: silence.matchers().clone(),
            reason: silence.reason().to_string(),
            by: silence.by().to_string(),
            added_at: rfc3339(silence.added()),
            from: rfc3339(silence.from()),
            until: rfc3339(silence.until()),
            active: silence.is_active(now),
            ended: silence.ended().map(|end| EndOfSilence {
                by: end.by.to_string(),
                at: rfc3339(end.at),
                reason: end.why.to_string(),
            }),
        }
    }
}

impl NewSilence {
    /// What is asked for, or every fault of it.
    fn terms(self, now: Timestamp) -> Result<SilenceTerms, Problem> {
        let mut wrong = Vec::new();
        let reason = remark("/reason", &self.reason, &mut wrong);
        let mut time = |name: &str, text: &str| {
            let time = parse(text);
            if time.is_none() {
                let (limit, french) = ("a time as RFC 3339 writes it", "une date au format RFC 3339");
                wrong.push(Violation::new(format!("/{name}"), text, limit, french));
            }
            time
        };
        let from = self.from.map_or(Some(now), |text| time("from", &text));
        let until = time("until", &self.until);
        let (Some(reason), Some(from), Some(until)) = (reason, from, until) else {
            return Err(Problem::invalid_body(wrong));
        };
        Ok(SilenceTerms { matchers: self.matchers, reason, from, until })
    }
}

/// `GET /api/v1/silences`.
pub(crate) async fn list(State(services): State<Arc<Services>>) -> Result<Json<SilenceList>, Problem> {
    let Some(parts) = &services.plant.alerts else { return Ok(Json(SilenceList { items: Vec::new() })) };
    let now = (services.now)();
    let items = parts.silences.list(now).await?.iter().map(|silence| Silence::of(silence, now)).collect();
    Ok(Json(SilenceList { items }))
}

/// `POST /api/v1/silences`: adds a silence. If the caller has asked for an equal one that is not
/// over, that silence is returned and no other is added.
pub(crate) async fn add(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Result<(StatusCode, Json<Silence>), Problem> {
    let limit = "a silence: matchers, reason, from, until";
    let wanted: NewSilence = read(body, limit, "un silence : matchers, reason, from, until").await?;
    let (parts, now, by) = (services.alerts()?, (services.now)(), actor(&caller));
    let (silence, is_new) = parts.silences.add(wanted.terms(now)?, &by, now).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(Silence::of(&silence, now))))
}

/// `GET /api/v1/silences/{id}`.
pub(crate) async fn one(
    State(services): State<Arc<Services>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Silence>, Problem> {
    let (parts, id) = (services.alerts()?, id_in_path(id)?);
    let silence = parts.silences.get(&id).await?;
    Ok(Json(Silence::of(&silence, (services.now)())))
}

/// `POST /api/v1/silences/{id}/end`.
pub(crate) async fn end(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
    body: Body,
) -> Result<Json<Silence>, Problem> {
    let (parts, id) = (services.alerts()?, id_in_path(id)?);
    let SilenceEnding { reason } = read(body, "an end: reason", "une fin : reason").await?;
    let mut wrong = Vec::new();
    let Some(why) = remark("/reason", &reason, &mut wrong) else { return Err(Problem::invalid_body(wrong)) };
    let now = (services.now)();
    let ended = parts.silences.end(&id, &actor(&caller), why, now).await?;
    Ok(Json(Silence::of(&ended, now)))
}

/// The id in the path. A text that is not an id is the id of no silence.
fn id_in_path(id: Result<Path<String>, PathRejection>) -> Result<SilenceId, Problem> {
    let Path(text) = id.map_err(|refused| Problem::not_found(refused.body_text()))?;
    text.parse().map_err(|_| Problem::not_found(format!("no silence {:?}", text.chars().take(40).collect::<String>())))
}

impl From<SilenceBookError> for Problem {
    fn from(error: SilenceBookError) -> Self {
        match error {
            SilenceBookError::Storage(error) => error.into(),
            SilenceBookError::Invalid(why) => Self::invalid_body(vec![refused(&why)]),
            SilenceBookError::Full { found } => {
                let french = format!("moins de {found} silences : terminez-en un, ou utilisez moins d'étiquettes");
                Self::wrong(
                    "",
                    "one more",
                    format!("fewer than {found} silences: end one, or use fewer labels"),
                    french,
                )
            }
            SilenceBookError::Unknown { .. } => Self::not_found(error.to_string()),
            SilenceBookError::Ended { .. } => Self::ended(error.to_string()),
            SilenceBookError::Unreadable { .. } => Self::record_unreadable(error.to_string()),
            error => Self::broken(&error.to_string()),
        }
    }
}

/// What is wrong with a silence: its place in the body, the value, and the limit.
fn refused(why: &InvalidSilence) -> Violation {
    match why {
        InvalidSilence::MatcherCount { found } => {
            let most = state::Silence::MOST_MATCHERS;
            let french = format!("1 à {most} étiquettes, chacune avec sa valeur");
            Violation::new(
                "/matchers",
                format!("{found} labels"),
                format!("1 to {most} labels, each with its value"),
                french,
            )
        }
        InvalidSilence::Label(name) => {
            let limit = "the name of a label: letters, digits and _, and no digit at the beginning";
            let french = "le nom d'une étiquette : lettres, chiffres et _, sans chiffre au début";
            Violation::new("/matchers", format!("{name:?}"), limit, french)
        }
        InvalidSilence::Value { label, value, expected } => {
            Violation::new(format!("/matchers/{label}"), format!("{value:?}"), *expected, french_of(expected))
        }
        InvalidSilence::Order { from, until } => {
            let from = rfc3339(*from);
            Violation::new("/until", rfc3339(*until), format!("after {from}"), format!("après {from}"))
        }
        InvalidSilence::TooLong { lasts, most } => {
            let (found, most) = (format!("{} hours", hours(*lasts)), hours(*most));
            let french = format!("au plus {most} heures après le début");
            Violation::new("/until", found, format!("at most {most} hours after the beginning"), french)
        }
        InvalidSilence::Over { until, now } => {
            let now = rfc3339(*now);
            let french = format!("après l'heure actuelle, {now}");
            Violation::new("/until", rfc3339(*until), format!("after the present time, {now}"), french)
        }
        InvalidSilence::TooEarly { from } => {
            let days = state::Silence::LONGEST.as_secs() / 86_400;
            let french = format!("au plus {days} jours à l'avance");
            Violation::new("/from", rfc3339(*from), format!("at most {days} days ahead"), french)
        }
        other => Violation::new("", other, "a silence: matchers, reason, from, until", "un silence"),
    }
}

/// A duration in hours, rounded up, so that what is above a limit shows as more.
const fn hours(duration: Duration) -> u128 {
    duration.as_micros().div_ceil(3_600_000_000)
}

/// What the value of a label must be, in French.
fn french_of(expected: &str) -> &str {
    match expected {
        "the name of an alert" => "le nom d'une alerte",
        "warning or critical" => "warning ou critical",
        "the key of an alert" => "la clé d'une alerte",
        "1 to 200 bytes" => "1 à 200 octets",
        other => other,
    }
}
