//! Stored samples: the latest, a page of them, one of them.

use std::num::NonZeroU16;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use sqal_core::SampleId;
use sqal_protocol::document::{Document, document};
use sqal_storage::SampleQuery;

use super::parameters::{device_of, limit_of, unreadable};
use crate::door::problem::{Problem, no_cursor};
use crate::door::quota::Class;
use crate::door::version::UNVERSIONED_SINCE;
use crate::line::caches::Caches;
use crate::route::objective::Objective;
use crate::route::{AFTER, DEVICE_IN_QUERY, Endpoint, LIMIT, SAMPLE, VIEWER, get};
use crate::services::Services;

/// The routes of samples.
pub(crate) fn routes() -> Vec<Endpoint> {
    vec![
        get("/api/v1/samples/latest", VIEWER, Class::Read, latest)
            .objective(Objective::ONE)
            .described("latestSample", "Samples", "The newest sample of the line, or of a device")
            .parameters(&[DEVICE_IN_QUERY])
            .gives_named("Sample")
            .problems(&[400, 404])
            .line("the newest sample (404 before the first)", "0 where it was stored; 10 s if another server stored it")
            .bad_call("GET", "/api/v1/samples/latest?device_id=%00", 400),
        get("/api/sqal/latest", VIEWER, Class::Read, latest)
            .objective(Objective::ONE)
            .replaced_by("/api/v1/samples/latest", UNVERSIONED_SINCE)
            .described("latestSampleLegacy", "Samples", "The newest sample of the line, or of a device")
            .parameters(&[DEVICE_IN_QUERY])
            .gives_named("Sample")
            .problems(&[400, 404])
            .line("the same as `GET /api/v1/samples/latest`", "0 where it was stored; 10 s if another server stored it")
            .good_call("/api/sqal/latest?device_id=ESP32_SIM_1234", 200)
            .bad_call("GET", "/api/sqal/latest?device_id=nobody", 404),
        get("/api/v1/samples", VIEWER, Class::Read, list)
            .objective(Objective::MANY)
            .described("listSamples", "Samples", "Samples, newest first, page by page")
            .parameters(&[DEVICE_IN_QUERY, LIMIT, AFTER])
            .gives_named("Samples")
            .problems(&[400])
            .line(
                "samples, newest first: `items`, and `next` for the next page's `after` (null on the last). `limit` is \
                 1 to 500, by default 50",
                "0",
            )
            .good_call("/api/v1/samples?limit=500", 200)
            .bad_call("GET", "/api/v1/samples?limit=501", 400),
        get("/api/v1/samples/{id}", VIEWER, Class::Read, one)
            .objective(Objective::ONE)
            .described("getSample", "Samples", "One sample")
            .parameters(&[SAMPLE])
            .gives_named("Sample")
            .problems(&[404])
            .line("one sample", "0")
            .bad_call("GET", "/api/v1/samples/1", 404),
    ]
}

/// The most samples on a page.
const LARGEST_PAGE: u16 = 500;

/// The parameters of a page. Every one is text first, so that a wrong one can be named.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    device_id: Option<String>,
    after: Option<String>,
    limit: Option<String>,
}

/// The parameter of the newest sample: its device.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Whose {
    device_id: Option<String>,
}

/// A page of samples.
#[derive(Debug, Serialize)]
pub(crate) struct Listed {
    items: Vec<Document>,
    /// What to pass as `after` for the next page.
    next: Option<String>,
}

impl Which {
    fn query(self, usual: u16) -> Result<SampleQuery, Problem> {
        let mut wrong = Vec::new();
        let limit = limit_of(self.limit, usual, LARGEST_PAGE, &mut wrong);
        let device_id = device_of(self.device_id, &mut wrong);
        let after = self.after.and_then(|text| text.parse().map_err(|refused| wrong.push(no_cursor(refused))).ok());
        if wrong.is_empty() {
            let mut query = SampleQuery::newest(NonZeroU16::new(limit).unwrap_or(NonZeroU16::MIN));
            (query.device_id, query.after) = (device_id, after);
            Ok(query)
        } else {
            Err(Problem::invalid_query(wrong))
        }
    }
}

/// The parameters, or the problem of a query that cannot be parsed.
fn readable(which: Result<Query<Which>, QueryRejection>) -> Result<Which, Problem> {
    which.map(|Query(which)| which).map_err(|refused| unreadable(&refused, "device_id, limit and after"))
}

/// `GET /api/v1/samples/latest[?device_id=]`: the newest sample (DSH-03), as JSON text from the
/// cache.
pub(crate) async fn latest(
    State(services): State<Arc<Services>>,
    whose: Result<Query<Whose>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(Whose { device_id }) = whose.map_err(|refused| unreadable(&refused, "device_id"))?;
    let query = Which { device_id, ..Which::default() }.query(1)?;
    let fetch = async || {
        let page = services.storage.store.query(&query).await?;
        let sample = page.items.first().ok_or_else(|| Problem::not_found("no sample yet"))?;
        Ok::<_, Problem>(
            serde_json::to_string(&document(sample)).unwrap_or_else(|_| unreachable!("names and finite numbers")),
        )
    };
    let text = services.line.caches.latest.get(&Caches::latest_key(query.device_id), fetch).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], (*text).clone()).into_response())
}

/// `GET /api/v1/samples[?device_id=&limit=&after=]`: samples, newest first.
pub(crate) async fn list(
    State(services): State<Arc<Services>>,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Json<Listed>, Problem> {
    let page = services.storage.store.query(&readable(which)?.query(50)?).await?;
    let items = page.items.iter().map(document).collect();
    Ok(Json(Listed { items, next: page.next.map(|cursor| cursor.to_string()) }))
}

/// `GET /api/v1/samples/{id}`: one sample.
pub(crate) async fn one(
    State(services): State<Arc<Services>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Document>, Problem> {
    let Path(id) = id.map_err(|refused| Problem::not_found(refused.body_text()))?;
    let unknown = || Problem::not_found(format!("no sample {}", id.chars().take(40).collect::<String>()));
    let id = parse_id(&id).ok_or_else(unknown)?;
    let sample = services.storage.store.get(&id).await?.ok_or_else(unknown)?;
    Ok(Json(document(&sample)))
}

/// Parses an id: 32 hexadecimal digits, with hyphens 36 characters.
fn parse_id(text: &str) -> Option<SampleId> {
    let digits: String = text.split('-').collect();
    let right = text.len() == 36 && digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let number = right.then(|| u128::from_str_radix(&digits, 16).ok()).flatten()?;
    Some(SampleId::from_bytes(number.to_be_bytes()))
}
