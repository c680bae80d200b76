//! `/api/v1/profiles`: by what products are judged, what another profile would have said, and deciding on one.

use std::num::NonZeroU16;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sqal_core::{Name, ProfileRef};
use sqal_storage::{Entry, SampleQuery};

use super::body::{json, whole};
use super::conditions::{has_seen, is_known, tag};
use super::parameters::{HowMany, name_in_path, unreadable};
use crate::access::Caller;
use crate::decided::{self, entry_name, in_force};
use crate::trial::{DryRun, Reference, Trial};
use crate::wire::rfc3339;
use crate::{Problem, Profile, Profiles, Services, Violation};

/// The largest profile, in bytes: a hundred times the example.
pub(super) const LARGEST: usize = 512 * 1024;

/// So many of the newest samples are judged anew.
const HISTORY: u16 = 500;

/// All profiles, by name.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(super) struct Listed {
    items: Vec<Reference>,
}

/// `GET /api/v1/profiles`.
pub(super) async fn list(State(services): State<Arc<Services>>) -> Json<Listed> {
    Json(Listed { items: services.intake.profiles().all().map(|(reference, _)| Reference::of(reference)).collect() })
}

/// A profile as a whole.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(super) struct Whole {
    #[serde(flatten)]
    reference: Reference,
    /// As it is written in the file of profiles.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    profile: Profile,
}

/// A profile with its hash as `ETag`.
fn shown(status: StatusCode, reference: &ProfileRef, profile: &Profile) -> Response {
    let whole = Whole { reference: Reference::of(reference), profile: profile.clone() };
    (status, fields(reference), Json(whole)).into_response()
}

/// Asked for again each time, and answered in a few bytes while it is the same.
fn fields(reference: &ProfileRef) -> [(header::HeaderName, HeaderValue); 2] {
    let tag = tag(&Reference::of(reference).hash);
    [(header::ETAG, tag), (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"))]
}

/// `GET /api/v1/profiles/{name}`; its hash is its `ETag`.
pub(super) async fn one(
    State(services): State<Arc<Services>>,
    name: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let profiles = services.intake.profiles();
    let (reference, profile) = known(&profiles, name)?;
    if is_known(&headers, &tag(&Reference::of(reference).hash)) {
        return Ok((StatusCode::NOT_MODIFIED, fields(reference)).into_response());
    }
    Ok(shown(StatusCode::OK, reference, profile))
}

fn known(profiles: &Profiles, name: Result<Path<String>, PathRejection>) -> Result<(&ProfileRef, &Profile), Problem> {
    let (name, unknown) = name_in_path::<64>(name, "profile")?;
    profiles.get(&name).ok_or(unknown)
}

/// A profile that can judge, from a body.
async fn read(name: Name<64>, body: Body) -> Result<(Profiles, Profile), Problem> {
    let body = whole(body, LARGEST, || refused("", format!("more than {LARGEST} bytes"), "a profile")).await?;
    let profile: Profile = json(&body, "a profile as GET shows it", "un profil comme GET le montre")?;
    Ok((judging("", name, profile.clone())?, profile))
}

/// A profile by itself, if it can judge.
pub(super) fn judging(pointer: &str, name: Name<64>, profile: Profile) -> Result<Profiles, Problem> {
    Profiles::new([(name, profile)]).map_err(|error| refused(pointer, error, "a profile that can judge"))
}

fn refused(pointer: &str, found: impl std::fmt::Display, limit: &str) -> Problem {
    Problem::invalid_body(vec![Violation::new(pointer, found, limit, "un profil qui peut juger")])
}

/// `POST /api/v1/profiles/{name}/dry-run` with a profile as JSON: what it would have said of the newest samples of that name. Nothing is changed.
pub(super) async fn dry_run(
    State(services): State<Arc<Services>>,
    name: Result<Path<String>, PathRejection>,
    body: Body,
) -> Result<Json<DryRun>, Problem> {
    let profiles = services.intake.profiles();
    let name = known(&profiles, name)?.0.name;
    let (tried, _) = read(name, body).await?;
    let query = SampleQuery::newest(NonZeroU16::new(HISTORY).unwrap_or(NonZeroU16::MIN));
    let mut trial = Trial::new(name, (*profiles).clone(), tried);
    services.store.query(&query).await?.items.iter().for_each(|sample| trial.judge(sample));
    Ok(Json(trial.result()))
}

/// `PUT /api/v1/profiles/{name}` with a profile as JSON: from now on it judges, on every server. Whoever decides names what they have seen (`If-Match`, or
/// `If-None-Match: *` for a new name), and counts the version up: samples name it.
pub(super) async fn decide(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Caller>,
    name: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (name, _) = name_in_path::<64>(name, "profile")?;
    let (wanted, profile) = read(name, body).await?;
    services.take_decisions().await?;
    let before = in_force(&services.intake.profiles(), &name);
    if before == in_force(&wanted, &name) {
        // Decided already, perhaps by this very request, whose answer was lost (RFC 9110, 13.1.1).
        return one(State(services), Ok(Path(name.to_string())), HeaderMap::new()).await;
    }
    has_seen(&headers, before.map(|before| tag(&Reference::of(&before).hash)).as_ref())?;
    if let Some(before) = before.filter(|before| profile.version <= before.version) {
        let (limit, french) = (format!("above {}", before.version), format!("supérieur à {}", before.version));
        return Err(Problem::invalid_body(vec![Violation::new("/version", profile.version, limit, french)]));
    }
    if !services.decide(name, &profile, &caller).await? {
        return Err(Problem::precondition_failed());
    }
    let profiles = services.intake.profiles();
    let (reference, profile) = profiles.get(&name).unwrap_or_else(|| unreachable!("it was just put into force"));
    Ok(shown(if before.is_none() { StatusCode::CREATED } else { StatusCode::OK }, reference, profile))
}

/// What was decided.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(super) struct Decisions {
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
    /// Whose token it was; null on a server that asks for none.
    decided_by: Option<String>,
    /// The profile as it was decided on; null if this program cannot read it.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    profile: Option<Profile>,
    /// By which samples name it.
    hash: String,
}

impl Decision {
    fn of(entry: &Entry) -> Self {
        Self {
            number: entry.version,
            decided_at: rfc3339(entry.at),
            decided_by: entry.by.map(|by| by.to_string()),
            profile: serde_json::from_str(&entry.body).ok(),
            hash: format!("{:032x}", u128::from_be_bytes(ProfileRef::hash_of(&entry.body))),
        }
    }
}

/// `GET /api/v1/profiles/{name}/decisions[?limit=]`: who has decided what, the newest first.
pub(super) async fn decisions(
    State(services): State<Arc<Services>>,
    name: Result<Path<String>, PathRejection>,
    how_many: Result<Query<HowMany>, QueryRejection>,
) -> Result<Json<Decisions>, Problem> {
    let (name, unknown) = name_in_path::<64>(name, "profile")?;
    let Query(how_many) = how_many.map_err(|refused| unreadable(&refused, "limit"))?;
    let limit = how_many.most(50, 500)?;
    let entries = services.register.history(&decided::profiles(), &entry_name(&name), None, limit).await?;
    if entries.is_empty() && in_force(&services.intake.profiles(), &name).is_none() {
        return Err(unknown);
    }
    Ok(Json(Decisions { items: entries.iter().map(Decision::of).collect() }))
}
