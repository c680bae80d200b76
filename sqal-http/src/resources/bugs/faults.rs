//! `POST /api/{project}/envelope/` and `…/store/`: programs report their own faults, as clients of
//! Sentry do.
//!
//! A client is known by the public key of its DSN. The routes only count what they take: a bug is
//! written later, so that many equal faults cost one write.

use std::fmt;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use sqal_bugs::envelope::event::{LARGEST_EVENT, read};
use sqal_bugs::envelope::{EnvelopeLimits, EventRate, FaultProject, InvalidEnvelope, ItemKind, parse};
use sqal_protocol::Violation;

use super::super::parameters::unreadable;
use crate::door::body::whole_within;
use crate::door::budget::Party;
use crate::door::problem::Problem;
use crate::door::quota::Class;
use crate::route::objective::Objective;
use crate::route::of_bugs::{PROJECT, SENTRY_AUTH, SENTRY_KEY};
use crate::route::{EVERYONE, Endpoint, post};
use crate::services::{BugParts, Services};

/// The routes of faults.
pub(super) fn routes() -> Vec<Endpoint> {
    vec![
        post("/api/{project}/envelope/", EVERYONE, Class::Unlimited, envelope)
            .objective(Objective::LONG)
            .described("reportFaults", "Faults", "Report faults of a program, as Sentry's clients do")
            .parameters(&[PROJECT, SENTRY_KEY, SENTRY_AUTH])
            .takes_bytes("application/x-sentry-envelope", "An envelope: at most 11 MiB, and 200 items")
            .gives::<FaultTaken>()
            .problems(&[400, 401, 403, 404, 408, 413, 429])
            .line(
                "an envelope of Sentry's clients, for the public key of a DSN: events are grouped into bugs, with their \
                 attachments and minidumps; sessions and transactions are accepted and counted. 429 after \
                 6000 events of a key in a minute, or what its project allows, with `Retry-After` and `X-Sentry-Rate-Limits`",
                "",
            )
            .good_call("/api/1/envelope/?sentry_key=00000000000000000000000000000000", 403)
            .bad_call("PUT", "/api/1/envelope/", 405),
        post("/api/{project}/store/", EVERYONE, Class::Unlimited, store)
            .objective(Objective::LONG)
            .described("reportFault", "Faults", "Report a fault of a program, as Sentry's older clients do")
            .parameters(&[PROJECT, SENTRY_KEY, SENTRY_AUTH])
            .takes_object("An event: at most 1 MiB")
            .gives::<FaultTaken>()
            .problems(&[400, 401, 403, 404, 408, 413, 429])
            .line("one event of Sentry's older clients, as in an envelope", "")
            .good_call("/api/1/store/?sentry_key=00000000000000000000000000000000", 403)
            .bad_call("PUT", "/api/1/store/", 405),
    ]
}

/// The largest envelope, in bytes, after it was unpacked: with one attachment of the largest size.
/// A party may not hold much more of bodies at once.
const LARGEST_ENVELOPE: usize = 11 * 1024 * 1024;

/// The longest public key, in bytes.
const LONGEST_KEY: usize = 128;

/// The answer to a client.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct FaultTaken {
    /// The id of the event, if the client gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
}

/// The parameters of a client: its versions are not read.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct SentryQuery {
    sentry_key: Option<String>,
}

/// A client that was admitted.
struct Client {
    project: FaultProject,
    /// By what its events are limited, and to how many in a minute.
    key: String,
    rate: EventRate,
}

/// `POST /api/{project}/envelope/`.
pub(crate) async fn envelope(
    State(services): State<Arc<Services>>,
    Extension(party): Extension<Party>,
    project: Result<Path<String>, PathRejection>,
    query: Result<Query<SentryQuery>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (number, parts) = (number_in_path(project)?, services.bugs()?);
    let key = key_of_request(query, &headers)?;
    let known = key.map(|key| admitted(parts, number, key)).transpose()?;
    let too_large = || Problem::body_too_large(LARGEST_ENVELOPE);
    let (bytes, _hold) = whole_within(&services.door.budget, party, body, LARGEST_ENVELOPE, too_large).await?;
    let limits = EnvelopeLimits { largest: LARGEST_ENVELOPE, ..EnvelopeLimits::default() };
    let envelope = parse(&bytes, &limits)?;
    let client = match known {
        Some(client) => client,
        None => admitted(parts, number, envelope.dsn.as_deref().and_then(key_of_dsn).ok_or_else(no_key)?)?,
    };
    let events = envelope.items.iter().filter(|item| item.kind == ItemKind::Event).count();
    if let Some(refused) = over_limit(&services, parts, &client, events) {
        return Ok(refused);
    }
    let tally = parts.intake.take_envelope(&envelope, &client.project, (services.now)())?;
    Ok(Json(FaultTaken { id: tally.event_id }).into_response())
}

/// `POST /api/{project}/store/`.
pub(crate) async fn store(
    State(services): State<Arc<Services>>,
    Extension(party): Extension<Party>,
    project: Result<Path<String>, PathRejection>,
    query: Result<Query<SentryQuery>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (number, parts) = (number_in_path(project)?, services.bugs()?);
    let client = admitted(parts, number, key_of_request(query, &headers)?.ok_or_else(no_key)?)?;
    let too_large = || Problem::body_too_large(LARGEST_EVENT);
    let (bytes, _hold) = whole_within(&services.door.budget, party, body, LARGEST_EVENT, too_large).await?;
    let event = read(&bytes).map_err(|problem| wrong("", problem, AN_EVENT))?;
    if let Some(refused) = over_limit(&services, parts, &client, 1) {
        return Ok(refused);
    }
    parts.intake.take_event(&event, &client.project, (services.now)(), Vec::new());
    Ok(Json(FaultTaken { id: event.id }).into_response())
}

/// The number of the project in the path. A text that is none is the number of no project.
fn number_in_path(project: Result<Path<String>, PathRejection>) -> Result<u64, Problem> {
    let Path(text) = project.map_err(|refused| Problem::not_found(refused.body_text()))?;
    text.parse().map_err(|_| Problem::not_found(format!("no project {:?}", text.chars().take(40).collect::<String>())))
}

/// The public key that the query or the header names.
fn key_of_request(
    query: Result<Query<SentryQuery>, QueryRejection>,
    headers: &HeaderMap,
) -> Result<Option<String>, Problem> {
    let Query(SentryQuery { sentry_key }) = query.map_err(|refused| unreadable(&refused, "sentry_key"))?;
    let by_field = || {
        let field = headers.get("x-sentry-auth")?.to_str().ok()?;
        let rest =
            field.get(..6).filter(|scheme| scheme.eq_ignore_ascii_case("sentry")).and_then(|_| field.get(6..))?;
        let mut members = rest.split(',').filter_map(|member| member.trim().split_once('='));
        members.find(|(name, _)| name.trim() == "sentry_key").map(|(_, key)| key.trim().to_owned())
    };
    Ok(sentry_key.or_else(by_field).filter(|key| !key.is_empty()))
}

/// The public key of a DSN, `https://<public key>@<host>/<number of the project>`. Old ones have a
/// secret key after it.
fn key_of_dsn(dsn: &str) -> Option<String> {
    let (user, _) = dsn.split_once("://")?.1.split_once('@')?;
    let key = user.split_once(':').map_or(user, |(key, _)| key);
    (!key.is_empty()).then(|| key.to_owned())
}

/// The client with a public key. What does not exist and what has another key are told alike.
fn admitted(parts: &BugParts, number: u64, key: String) -> Result<Client, Problem> {
    let project = parts.projects.get(number).filter(|project| key.len() <= LONGEST_KEY && project.has_key(&key));
    let project = project.ok_or_else(|| Problem::not_allowed("the public key is none of the project"))?;
    Ok(Client { project: FaultProject { number, source: project.source }, key, rate: project.rate })
}

fn no_key() -> Problem {
    Problem::unknown_caller(
        "the public key of the DSN is missing: send it as sentry_key in the query, in X-Sentry-Auth, or as dsn in the \
         header of the envelope",
    )
}

/// The answer to a client that has sent more events than its limit.
fn over_limit(services: &Services, parts: &BugParts, client: &Client, events: usize) -> Option<Response> {
    let events = u32::try_from(events.max(1)).unwrap_or(u32::MAX);
    let key = format!("{}:{}", client.project.number, client.key);
    let refused = parts.intake.admit(&key, client.rate, events, services.clock.now()).err()?;
    let seconds = refused.retry_after_seconds().unwrap_or(60);
    let mut response = Problem::too_many_requests(Some(seconds)).into_response();
    if let Ok(value) = HeaderValue::try_from(format!("{seconds}::key")) {
        response.headers_mut().insert(HeaderName::from_static("x-sentry-rate-limits"), value);
    }
    Some(response)
}

/// What was expected, in English and French.
type Wanted = (&'static str, &'static str);

const AN_EVENT: Wanted = ("an event as Sentry's clients send it", "un événement comme l'envoient les clients Sentry");
const A_HEADER: Wanted = ("a line with one JSON object", "une ligne avec un objet JSON");

/// The problem of a part of a body.
fn wrong(pointer: impl Into<String>, found: impl fmt::Display, (limit, french): Wanted) -> Problem {
    Problem::wrong(pointer, found, limit, french)
}

/// Names the item, what was found, and what was expected. Items are counted from 0.
impl From<InvalidEnvelope> for Problem {
    fn from(error: InvalidEnvelope) -> Self {
        let length = |item: usize| format!("/items/{item}/length");
        match error {
            InvalidEnvelope::TooLarge { most, .. } => Self::body_too_large(most),
            InvalidEnvelope::ItemTooLarge { item, len, most } => {
                Self::part_too_large(format!("/items/{item}"), format!("{len} bytes"), most)
            }
            InvalidEnvelope::Header { problem } => wrong("/header", problem, A_HEADER),
            InvalidEnvelope::ItemHeader { item, problem } => wrong(format!("/items/{item}/header"), problem, A_HEADER),
            InvalidEnvelope::TooManyItems { most } => {
                let (limit, french) = (format!("at most {most} items"), format!("au plus {most} éléments"));
                Self::invalid_body(vec![Violation::new("/items", format!("more than {most} items"), limit, french)])
            }
            InvalidEnvelope::ItemLength { item, declared, left } => {
                let french = format!("au plus {left} : les octets qui suivent");
                Self::wrong(length(item), declared, format!("at most {left}: the bytes that follow"), french)
            }
            InvalidEnvelope::ItemEnd { item, declared } => {
                let wanted = ("the number of bytes before a line feed", "le nombre d'octets avant un saut de ligne");
                wrong(length(item), declared, wanted)
            }
            InvalidEnvelope::Event { item, problem } => wrong(format!("/items/{item}"), problem, AN_EVENT),
            other => wrong("", other, ("an envelope of Sentry's clients", "une enveloppe des clients Sentry")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_key_is_found_wherever_a_client_puts_it() {
        let of_field = |value: &'static str| {
            let headers = [(HeaderName::from_static("x-sentry-auth"), HeaderValue::from_static(value))];
            let query = Ok(Query(SentryQuery::default()));
            key_of_request(query, &headers.into_iter().collect()).unwrap()
        };
        let key = Some("abc".to_owned());
        assert_eq!(of_field("Sentry sentry_version=7, sentry_key=abc, sentry_client=rust/1"), key);
        assert_eq!(of_field("sentry sentry_key=abc,sentry_version=7"), key);
        for none in ["", "Bearer sentry_key=abc", "Sentry sentry_version=7", "Sentry sentry_key=", "Sentr"] {
            assert_eq!(of_field(none), None, "{none}");
        }
        let query = Ok(Query(SentryQuery { sentry_key: key.clone() }));
        assert_eq!(key_of_request(query, &HeaderMap::new()).unwrap(), key);
        assert_eq!(key_of_dsn("https://abc@plant.example/1"), key);
        assert_eq!(key_of_dsn("http://abc:secret@127.0.0.1:8000/1"), key);
        for none in ["", "abc", "https://plant.example/1", "https://@plant.example/1", "https://:secret@plant/1"] {
            assert_eq!(key_of_dsn(none), None, "{none}");
        }
    }
}
