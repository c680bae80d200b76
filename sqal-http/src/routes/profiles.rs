//! `/api/v1/profiles`: by what products are judged, and what another profile would have said of those that were measured.

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sqal_core::{Grade, Name, ProfileRef, SampleId};
use sqal_storage::SampleQuery;

use super::body::{json, whole};
use crate::{Problem, Profile, Profiles, Services, Violation};

/// The largest profile, in bytes: a hundred times the example.
const LARGEST: usize = 512 * 1024;

/// So many of the newest samples are judged anew.
const HISTORY: u16 = 500;

/// So many of those that would be another grade are named.
const NAMED: usize = 20;

/// A profile by what tells it apart.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct Reference {
    name: String,
    /// Counted up by whoever changes it.
    version: u32,
    /// The first 16 bytes of the SHA-256 of its text; each sample names the one that it was judged by.
    hash: String,
}

impl Reference {
    fn of(reference: &ProfileRef) -> Self {
        let hash = format!("{:032x}", u128::from_be_bytes(reference.hash));
        Self { name: reference.name.to_string(), version: reference.version, hash }
    }
}

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

/// `GET /api/v1/profiles/{name}`; its hash is its `ETag`.
pub(super) async fn one(
    State(services): State<Arc<Services>>,
    name: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (reference, profile) = known(services.intake.profiles(), name)?;
    let reference = Reference::of(reference);
    let tag = format!("\"{}\"", reference.hash);
    let asked = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let same = asked
        .flat_map(|text| text.split(','))
        .any(|one| matches!(one.trim().trim_start_matches("W/"), t if t == tag || t == "*"));
    // Asked for again each time, and answered in a few bytes while it is the same.
    let fields = [
        (header::ETAG, HeaderValue::try_from(tag).unwrap_or(HeaderValue::from_static("\"\""))),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
    ];
    if same {
        return Ok((StatusCode::NOT_MODIFIED, fields).into_response());
    }
    Ok((fields, Json(Whole { reference, profile: profile.clone() })).into_response())
}

fn known(profiles: &Profiles, name: Result<Path<String>, PathRejection>) -> Result<(&ProfileRef, &Profile), Problem> {
    let Path(name) = name.map_err(|refused| Problem::not_found(refused.body_text()))?;
    let unknown = || Problem::not_found(format!("no profile {:?}", name.chars().take(40).collect::<String>()));
    let name: Name<64> = Name::new(&name).map_err(|_| unknown())?;
    profiles.get(&name).ok_or_else(unknown)
}

/// What a profile would have said.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(super) struct DryRun {
    /// By what is judged now.
    now: Reference,
    /// What was tried.
    tried: Reference,
    /// The newest samples of this profile that were judged by both.
    samples: usize,
    /// How many would have another grade.
    changed: usize,
    grades: Vec<Moved>,
    /// The newest that would have another grade.
    examples: Vec<Example>,
}

/// So many samples from one grade to another, or the same.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct Moved {
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::grade))]
    now: Grade,
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::grade))]
    tried: Grade,
    samples: usize,
}

/// A sample that would have another grade.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct Example {
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    id: String,
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::grade))]
    now: Grade,
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::grade))]
    tried: Grade,
    /// Why, in English and French.
    en: String,
    fr: String,
}

/// `POST /api/v1/profiles/{name}/dry-run` with a profile as JSON: what it would have said of the newest samples of that name. Nothing is changed; who likes what they see writes
/// it into the file of profiles.
pub(super) async fn dry_run(
    State(services): State<Arc<Services>>,
    name: Result<Path<String>, PathRejection>,
    body: Body,
) -> Result<Json<DryRun>, Problem> {
    let (reference, _) = known(services.intake.profiles(), name)?;
    let name = reference.name;
    let body = whole(body, LARGEST, || refused(format!("more than {LARGEST} bytes"), "a profile")).await?;
    let tried = json(&body, "a profile as GET shows it", "un profil comme GET le montre")?;
    let tried = Profiles::new([(name, tried)]).map_err(|error| refused(error, "a profile that can judge"))?;
    let query = SampleQuery::newest(NonZeroU16::new(HISTORY).unwrap_or(NonZeroU16::MIN));
    let history = services.store.query(&query).await?.items;
    let (mut grades, mut examples, mut samples, mut changed) = (BTreeMap::<_, usize>::new(), Vec::new(), 0, 0);
    for sample in history.iter().filter(|sample| sample.profile.name == name) {
        let judged = |profiles: &Profiles| profiles.inspect(&name, sample.tof.as_ref(), sample.spectrum.as_ref());
        // Both now: a sample may be older than the profile that is in force.
        let (Some((now, _)), Some((then, _))) = (judged(services.intake.profiles()), judged(&tried)) else { continue };
        let (now, then) = (now.verdict, then.verdict);
        samples += 1;
        *grades.entry((now.grade, then.grade)).or_default() += 1;
        if now.grade != then.grade {
            changed += 1;
            if examples.len() < NAMED {
                let say = |language| then.explain(language).to_string();
                examples.push(Example {
                    id: SampleId::of(&sample.key).to_string(),
                    now: now.grade,
                    tried: then.grade,
                    en: say(sqal_core::Language::English),
                    fr: say(sqal_core::Language::French),
                });
            }
        }
    }
    let grades = grades.into_iter().map(|((now, tried), samples)| Moved { now, tried, samples }).collect();
    let tried = tried.get(&name).map(|(reference, _)| Reference::of(reference));
    Ok(Json(DryRun {
        now: Reference::of(reference),
        tried: tried.unwrap_or_else(|| unreachable!("it was just made by this name")),
        samples,
        changed,
        grades,
        examples,
    }))
}

fn refused(found: impl std::fmt::Display, limit: &str) -> Problem {
    Problem::invalid_body(vec![Violation::new("", found, limit, "un profil qui peut juger")])
}
