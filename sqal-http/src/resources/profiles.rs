//! `/api/v1/profiles`: by what products are judged, dry runs of another profile, and decisions.

use std::num::NonZeroU16;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use sqal_core::{Name, ProfileRef};
use sqal_grading::decisions::{self, NewDecision, entry_name, is_plain};
use sqal_grading::in_force::MOST;
use sqal_grading::{Profile, Profiles, Trial};
use sqal_protocol::reference::{Reference, hash};
use sqal_protocol::time::rfc3339;
use sqal_storage::{SampleQuery, register::Entry};

use super::dry_run::DryRun;
use super::parameters::{Versions, name_in_path, new_name_in_path};
use crate::door::body::{json, whole};
use crate::door::caller::Caller;
use crate::door::conditions::{has_seen, is_known, tag};
use crate::door::problem::Problem;
use crate::door::quota::Class;
use crate::route::objective::Objective;
use crate::route::{
    BEFORE, ENGINEER, Endpoint, IF_MATCH, IF_NONE_MATCH, KNOWN, LIMIT, PROFILE, VIEWER, get, post, put,
};
use crate::services::Services;

/// What is said of a body that is a profile.
const A_PROFILE: &str =
    "A profile, as GET shows it under `profile`; an invalid one is refused with the place of each fault";

/// The routes of profiles.
#[expect(clippy::too_many_lines, reason = "one table, and it branches nowhere")]
pub(crate) fn routes() -> Vec<Endpoint> {
    vec![
        get("/api/v1/profiles", VIEWER, Class::Read, list)
            .objective(Objective::MANY)
            .described("listProfiles", "Profiles", "The profiles by which products are judged")
            .gives::<Listed>()
            .line(
                "`items`: `name`, `version` and `hash` of each profile; every sample names the hash that it \
                 was judged by",
                "0",
            ),
        get("/api/v1/profiles/{name}", VIEWER, Class::Read, one)
            .objective(Objective::ONE)
            .described("getProfile", "Profiles", "One profile as a whole")
            .parameters(&[PROFILE, KNOWN])
            .gives::<Whole>()
            .problems(&[304, 404])
            .line(
                "the members of the list and `profile`, as in the file; the hash is its `ETag` (`If-None-Match`: 304)",
                "0",
            )
            .good_call("/api/v1/profiles/foiegras_standard_barquette", 200)
            .bad_call("GET", "/api/v1/profiles/truffle", 404),
        put("/api/v1/profiles/{name}", ENGINEER, Class::Create, decide)
            .objective(Objective::LONG)
            .queries(7)
            .described("decideProfile", "Profiles", "Put a profile into force on every server")
            .parameters(&[PROFILE, IF_MATCH, IF_NONE_MATCH])
            .takes_object(A_PROFILE)
            .changes_or_makes::<Whole>()
            .problems(&[400, 404, 408, 409, 412, 428])
            .line(
                "puts a profile (JSON, at most 512 KiB) into force on every server that shares the database; the answer \
                 is that of GET, with 201 for a new name. `version` must be higher than before. The request names the \
                 profile that the caller has read: `If-Match` with its `ETag` (412 if it has changed, 428 without), or \
                 `If-None-Match: *` for a new name; `If-Match: *` replaces any. The `hash` of the answer is the next \
                 `ETag` (quotes may be left out). A new name has letters without accents, digits, `_`, `-`, `.`. See \
                 *Decisions*",
                "",
            )
            .good_call("/api/v1/profiles/foiegras_standard_barquette", 400)
            .bad_call("PATCH", "/api/v1/profiles/foiegras_standard_barquette", 405),
        get("/api/v1/profiles/{name}/decisions", VIEWER, Class::Read, decisions)
            .objective(Objective::MANY)
            .described("listDecisions", "Profiles", "The decisions on a profile, newest first")
            .parameters(&[PROFILE, LIMIT, BEFORE])
            .gives::<Decisions>()
            .problems(&[400, 404])
            .line(
                "`items`, newest first: `number`, `decided_at`, `decided_by`, `hash`, `profile`. `limit` is 1 to 500, \
                 by default 50; `before` is a number",
                "0",
            )
            .good_call("/api/v1/profiles/foiegras_standard_barquette/decisions?limit=500", 200)
            .bad_call("GET", "/api/v1/profiles/foiegras_standard_barquette/decisions?limit=501", 400),
        post("/api/v1/profiles/{name}/dry-run", ENGINEER, Class::Summary, dry_run)
            .objective(Objective::LONG)
            .described(
                "tryProfile",
                "Profiles",
                "Try a profile on the newest samples; nothing is changed",
            )
            .parameters(&[PROFILE])
            .takes_object(A_PROFILE)
            .gives::<DryRun>()
            .problems(&[400, 404, 408])
            .line(
                "tries a profile (JSON, at most 512 KiB) on those of the newest 500 samples that have this name: \
                 `samples`, `changed`, `grades` (`now`, `tried`, `samples`) and up to 20 `examples` with the reason. \
                 Nothing is changed; `PUT` decides",
                "",
            )
            .good_call("/api/v1/profiles/foiegras_standard_barquette/dry-run", 400)
            .bad_call("POST", "/api/v1/profiles/truffle/dry-run", 404),
    ]
}

/// The largest profile, in bytes: a hundred times the example.
pub(crate) const LARGEST: usize = 512 * 1024;

/// The number of newest samples that a dry run judges.
const HISTORY: u16 = 500;

/// All profiles, by name.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Listed {
    items: Vec<Reference>,
}

/// `GET /api/v1/profiles`.
pub(crate) async fn list(State(services): State<Arc<Services>>) -> Json<Listed> {
    Json(Listed {
        items: services.line.intake.profiles().all().map(|(reference, _)| Reference::of(reference)).collect(),
    })
}

/// A profile as a whole.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Whole {
    #[serde(flatten)]
    reference: Reference,
    /// As it is written in the file of profiles.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    profile: Profile,
}

impl Whole {
    fn of((reference, profile): (&ProfileRef, &Profile)) -> Json<Self> {
        Json(Self { reference: Reference::of(reference), profile: profile.clone() })
    }
}

/// The header fields of a profile. A client revalidates each time, and is answered in a few bytes
/// while the profile is the same.
fn fields(reference: &ProfileRef) -> [(header::HeaderName, HeaderValue); 2] {
    let tag = tag(&Reference::of(reference).hash);
    [(header::ETAG, tag), (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"))]
}

/// `GET /api/v1/profiles/{name}`; its hash is its `ETag`.
pub(crate) async fn one(
    State(services): State<Arc<Services>>,
    name: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let profiles = services.line.intake.profiles();
    let (reference, profile) = known(&profiles, name)?;
    if is_known(&headers, &tag(&Reference::of(reference).hash)) {
        return Ok((StatusCode::NOT_MODIFIED, fields(reference)).into_response());
    }
    Ok((fields(reference), Whole::of((reference, profile))).into_response())
}

fn known(profiles: &Profiles, name: Result<Path<String>, PathRejection>) -> Result<(&ProfileRef, &Profile), Problem> {
    let (name, unknown) = name_in_path::<64>(name, "profile")?;
    profiles.get(&name).ok_or(unknown)
}

/// Parses a profile that can judge from a body.
async fn read(name: Name<64>, body: Body) -> Result<(Profiles, Profile), Problem> {
    let body = whole(body, LARGEST, || refused("", format!("more than {LARGEST} bytes"), "a profile")).await?;
    let profile: Profile =
        json(&body, "a profile, as GET shows it under profile", "un profil, comme GET le montre sous profile")?;
    Ok((judging("", name, profile.clone())?, profile))
}

/// The profile as the only one of a set, if it can judge.
pub(crate) fn judging(pointer: &str, name: Name<64>, profile: Profile) -> Result<Profiles, Problem> {
    Profiles::new([(name, profile)]).map_err(|error| refused(pointer, error, "a profile that can judge"))
}

fn refused(pointer: &str, found: impl std::fmt::Display, limit: &str) -> Problem {
    Problem::wrong(pointer, found, limit, "un profil qui peut juger")
}

/// `POST /api/v1/profiles/{name}/dry-run` with a profile as JSON: judges the newest samples of that
/// name by it. Nothing is changed.
pub(crate) async fn dry_run(
    State(services): State<Arc<Services>>,
    name: Result<Path<String>, PathRejection>,
    body: Body,
) -> Result<Json<DryRun>, Problem> {
    let profiles = services.line.intake.profiles();
    let (name, unknown) = name_in_path::<64>(name, "profile")?;
    if profiles.get(&name).is_none() {
        return Err(unknown);
    }
    let (tried, _) = read(name, body).await?;
    let query = SampleQuery::newest(NonZeroU16::new(HISTORY).unwrap_or(NonZeroU16::MIN));
    let mut trial = Trial::new(name, (*profiles).clone(), tried).ok_or(unknown)?;
    services.storage.store.query(&query).await?.items.iter().for_each(|sample| trial.judge(sample));
    Ok(Json(DryRun::of(&trial.result())))
}

/// `PUT /api/v1/profiles/{name}` with a profile as JSON: puts it into force on every server.
///
/// The client names the profile that it has read (`If-Match`, or `If-None-Match: *` for a new
/// name). It counts the version up, because samples name the version. The answer has no `ETag`: the
/// profile that was sent is a part of what GET shows (RFC 9110, 9.3.4).
pub(crate) async fn decide(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Caller>,
    name: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Whole>), Problem> {
    let (name, _) = new_name_in_path::<64>(name, "profile")?;
    let (ready, profile) = read(name, body).await?;
    let (register, decisions, in_force) =
        (services.register()?, &services.plant.decisions, services.line.intake.in_force());
    let (wanted, standing) = (ready.reference(&name), decisions.standing(register, in_force, &name).await?);
    let answer = |status| {
        (status, wanted.as_ref().map_or_else(|| unreachable!("it has this name"), |of| Whole::of((of, &profile))))
    };
    if wanted == standing.decided && wanted == standing.in_force {
        // Decided already, perhaps by this request, whose earlier answer was lost (RFC 9110,
        // 13.1.1).
        return Ok(answer(StatusCode::OK));
    }
    let before = standing.in_force;
    if before.is_none() && !is_plain(&name) {
        let (limit, french) = (
            "letters without accents, digits, _, - and . inside",
            "des lettres sans accent, des chiffres, _, - et . à l'intérieur",
        );
        return Err(Problem::wrong("{name}", format!("{:?}", name.as_str()), limit, french));
    }
    has_seen(&headers, before.map(|before| tag(&Reference::of(&before).hash)).as_ref())?;
    let versions = standing.next_versions();
    if wanted != before && !versions.contains(&profile.version) {
        let (least, most) = versions.into_inner();
        let (limit, french) = (format!("{least} to {most}"), format!("{least} à {most}"));
        return Err(Problem::wrong("/version", profile.version, limit, french));
    }
    if before.is_none() && in_force.now().count() >= MOST {
        let (limit, french) = (format!("at most {MOST} profiles"), format!("au plus {MOST} profils"));
        return Err(Problem::wrong("", "one more", limit, french));
    }
    let (after, at, by) = (standing.number, (services.now)(), caller.holder());
    let decision = NewDecision { name, profile: &profile, ready: &ready, after, at, by };
    if !decisions.decide(register, in_force, decision).await? {
        return Err(Problem::precondition_failed());
    }
    Ok(answer(if before.is_none() { StatusCode::CREATED } else { StatusCode::OK }))
}

/// The decisions on a profile.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Decisions {
    /// The newest first; a profile of the file that was never decided on here is not among them.
    items: Vec<Decision>,
}

/// A decision.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct Decision {
    /// Its place among the decisions on this profile, from 1.
    number: u32,
    decided_at: String,
    /// The holder of the token; null on a server without tokens.
    decided_by: Option<String>,
    /// The profile as it was decided on.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    profile: Value,
    /// The hash of that text, by which samples judged by the deciding program name the profile.
    hash: String,
}

impl Decision {
    fn of(entry: &Entry) -> Self {
        Self {
            number: entry.version,
            decided_at: rfc3339(entry.at),
            decided_by: entry.by.map(|by| by.to_string()),
            profile: serde_json::from_str(&entry.body).unwrap_or_default(),
            hash: hash(ProfileRef::hash_of(&entry.body)),
        }
    }
}

/// `GET /api/v1/profiles/{name}/decisions[?limit=&before=]`: the decisions with their holders, the
/// newest first.
pub(crate) async fn decisions(
    State(services): State<Arc<Services>>,
    name: Result<Path<String>, PathRejection>,
    which: Result<Query<Versions>, QueryRejection>,
) -> Result<Json<Decisions>, Problem> {
    let (name, unknown) = name_in_path::<64>(name, "profile")?;
    let (before, limit) = Versions::read(which)?;
    let entries = services.register()?.history(&decisions::kind(), &entry_name(&name), before, limit).await?;
    if entries.is_empty() && services.line.intake.profiles().get(&name).is_none() {
        return Err(unknown);
    }
    Ok(Json(Decisions { items: entries.iter().map(Decision::of).collect() }))
}
